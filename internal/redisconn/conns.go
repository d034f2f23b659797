package redisconn

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// conns are the open connections of a client, which rueidis keeps to itself.
type conns struct {
	mu   sync.Mutex
	open map[*conn]struct{}
}

// conn is one of them.
type conn struct {
	net.Conn
	of *conns
}

func (c *conns) dial(ctx context.Context, address string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
	dial := d.DialContext
	if config != nil {
		dial = (&tls.Dialer{NetDialer: d, Config: config}).DialContext
	}
	raw, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	n := &conn{raw, c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[*conn]struct{}{}
	}
	c.open[n] = struct{}{}
	return n, nil
}

// Close closes the connection.
func (n *conn) Close() error {
	n.of.mu.Lock()
	delete(n.of.open, n)
	n.of.mu.Unlock()
	return n.Conn.Close()
}

// drop closes them all.
func (c *conns) drop() {
	c.mu.Lock()
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for n := range open {
		_ = n.Conn.Close()
	}
}
