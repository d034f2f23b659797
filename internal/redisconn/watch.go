package redisconn

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"
)

// watch checks the server until the client is closed.
func (c *Client) watch() {
	defer close(c.done)
	for {
		wait := checkEvery
		if c.Err() != nil {
			wait = retryEvery
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.wake:
		case <-c.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
		c.settle(c.check())
	}
}

// settle notes what a check has shown.
func (c *Client) settle(err error) {
	if c.ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		c.fail(err)
		c.conns.drop() // the next check is made on new ones
	case c.down != nil:
		c.down = nil
		c.o.Changed(nil)
	}
}

// check does what the gateway needs of the server. It tries twice unless Redis
// itself refuses: the first time may meet a connection that had been closed.
func (c *Client) check() error {
	ctx, cancel := context.WithTimeout(c.ctx, 4*timeout)
	defer cancel()
	err := c.o.Check(ctx, c.Client)
	if _, refused := errors.AsType[*rueidis.RedisError](err); err != nil && !refused {
		err = c.o.Check(ctx, c.Client)
	}
	return err
}
