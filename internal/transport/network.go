package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// idleConnTimeout is less than the minute after which many load balancers drop an
// idle connection, so that none is used while it is being dropped.
const idleConnTimeout = 50 * time.Second

// NetworkOptions say how the partner is reached.
type NetworkOptions struct {
	Dial  func(ctx context.Context, network, address string) (net.Conn, error)
	Proxy func(*http.Request) (*url.URL, error) // nil for none
	TLS   *tls.Config                           // nil for the system's
	// Connections is how many idle ones are kept: net/http keeps two to a host by
	// default, and a fan-out would open the rest anew each time.
	Connections int
	// CallTimeout is how long one call may take, as [Timeout] has it. A connection
	// that is silent for as long is closed.
	CallTimeout time.Duration
	// Route returns what the call under ctx asks for, "" for calls that nothing is to be
	// learned from. A read that takes far longer than others of its route is given up early.
	// It is nil if none is.
	Route func(ctx context.Context) string
}

// Network is net/http's transport with three differences: it bounds the time of each call, it
// sends each at most once, and it replaces HTTP/2 connections that have gone bad. All calls to
// a host share one of those, so a bad one fails every call for as long as it is kept.
//
// A connection on which nothing at all arrives is found by a ping, and closed. One
// on which pings are answered but calls are not, as behind a proxy whose backend is
// gone, is given up when a call used its whole time and no other call was answered
// on it meanwhile: new calls go over new connections. Calls under way stay where
// they are, each with its own time.
type Network struct {
	timeout time.Duration
	route   func(context.Context) string
	pace    *Pace

	mu      sync.Mutex
	current *http.Transport
}

// NewNetwork returns a Network without connections.
func NewNetwork(o NetworkOptions) *Network {
	return &Network{timeout: o.CallTimeout, route: o.Route, pace: NewPace(), current: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := o.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		Proxy:               once(o.Proxy),
		TLSClientConfig:     o.TLS,
		TLSHandshakeTimeout: o.CallTimeout,
		MaxIdleConnsPerHost: o.Connections,
		IdleConnTimeout:     idleConnTimeout,
		ForceAttemptHTTP2:   true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  o.CallTimeout / 2,
			PingTimeout:      o.CallTimeout / 2,
			WriteByteTimeout: o.CallTimeout,
		},
	}}
}

// errBroken says that the connection broke after the call had left.
var errBroken = fmt.Errorf("transport: the connection broke: %w", io.ErrUnexpectedEOF)

// once keeps net/http from sending a call twice. When a reused connection breaks, net/http
// sends a read, or anything with an Idempotency-Key, again over the next idle one, as often
// as there are any, and the links above do not know. It asks for the proxy before each attempt.
func once(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		c, ok := r.Context().Value(callKey{}).(*call)
		switch {
		case ok && c.left():
			return nil, errBroken
		case proxy == nil:
			return nil, nil
		}
		return proxy(r)
	}
}

// RoundTrip makes a call.
func (n *Network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	transport := n.current
	n.mu.Unlock()

	c := &call{}
	if n.route != nil {
		if c.route = n.route(r.Context()); c.route != "" {
			c.pace = n.pace
		}
	}
	c.begin(r, n.timeout)
	c.trace.GotConn = c.got
	c.Context = httptrace.WithClientTrace(c.ctx, &c.trace)
	res, err := transport.RoundTrip(r.WithContext(c))
	switch {
	case errors.Is(err, errBroken):
		transport.CloseIdleConnections() // they may be as dead, and the call may be made again
	case !c.http2: // net/http closes a connection of HTTP/1 with the call that timed out on it
	case err == nil:
		c.conn.answers.Add(1)
	case errors.Is(context.Cause(c), errCallTimeout) && c.conn.answers.Load() == c.answers:
		n.giveUp(transport)
	}
	return c.end(res, err)
}

// call is a call, and the context that it is made under, which knows the connection that it
// goes over: one value, for there are many calls.
type call struct {
	context.Context
	timed
	trace httptrace.ClientTrace

	conn            *countedConn // nil before there is one
	http2           bool
	answers, writes int64 // of the connection when the call got it
}

type callKey struct{}

func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

func (c *call) got(info httptrace.GotConnInfo) {
	if c.conn, c.http2 = carrier(info.Conn); c.conn != nil {
		c.answers, c.writes = c.conn.answers.Load(), c.conn.writes.Load()
	}
}

// left reports whether any of the call has been written. Over HTTP/2 only calls that the partner
// says it has not seen are sent again.
func (c *call) left() bool {
	return c.conn != nil && !c.http2 && c.conn.writes.Load() != c.writes
}

// giveUp lets no new call use the connections of a transport.
func (n *Network) giveUp(transport *http.Transport) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.current == transport { // else another call was first
		n.current = transport.Clone()
		transport.CloseIdleConnections() // the others close when they have been idle for long enough
	}
}

// CloseIdleConnections closes the connections that no call is using.
func (n *Network) CloseIdleConnections() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.current.CloseIdleConnections()
}

// countedConn is a connection that knows how often it was written to, and how many calls were
// answered on it.
type countedConn struct {
	net.Conn
	writes, answers atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.writes.Add(1)
	}
	return n, err
}

// carrier returns what carries a connection, and whether that is one of HTTP/2.
func carrier(conn net.Conn) (c *countedConn, http2 bool) {
	secure, ok := conn.(*tls.Conn)
	http2 = ok && secure.ConnectionState().NegotiatedProtocol == "h2"
	for ok { // TLS within TLS, with a proxy of https
		conn = secure.NetConn()
		secure, ok = conn.(*tls.Conn)
	}
	c, _ = conn.(*countedConn)
	return c, http2 && c != nil
}
