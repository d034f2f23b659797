package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// errCallTimeout says that a call used its whole time, unlike one whose operation
// had less than that left.
var errCallTimeout = fmt.Errorf("transport: %w", context.DeadlineExceeded)

// Timeout bounds each call, body included. Time spent waiting for a place does
// not count, since it stands below [Limit]. Under [Streaming] d bounds the time
// until the body begins, and then each read of it: not the time that the caller
// reads takes in between.
func Timeout(d time.Duration, base http.RoundTripper) http.RoundTripper {
	return Func(func(r *http.Request) (*http.Response, error) {
		c := &timed{time: d}
		if streams(r.Context()) {
			ctx, cancel := context.WithCancelCause(r.Context())
			c.ctx, c.cancel = ctx, func() { cancel(nil) }
			c.reads = time.AfterFunc(d, func() { cancel(errCallTimeout) })
		} else {
			c.ctx, c.cancel = context.WithTimeoutCause(r.Context(), d, errCallTimeout)
		}
		res, err := base.RoundTrip(r.WithContext(c.ctx))
		if err != nil {
			err = c.name(err)
			c.stop()
			return nil, err
		}
		if c.reads != nil {
			c.reads.Stop()
		}
		c.ReadCloser, res.Body = res.Body, c
		return res, nil
	})
}

// timed is a call with a bound on its time, and its answer's body.
type timed struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelFunc
	time   time.Duration
	reads  *time.Timer // of a call that streams, whose bound is for each read; else nil
}

func (c *timed) stop() {
	if c.reads != nil {
		c.reads.Stop()
	}
	c.cancel()
}

// name names the errors of a call: net/http calls a cancelled call cancelled, whatever
// the cause.
func (c *timed) name(err error) error {
	if err != nil && errors.Is(context.Cause(c.ctx), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

func (c *timed) Read(p []byte) (int, error) {
	if c.reads != nil {
		c.reads.Reset(c.time)
		defer c.reads.Stop()
	}
	n, err := c.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = c.name(err)
	}
	return n, err
}

func (c *timed) Close() error {
	defer c.stop()
	return c.ReadCloser.Close()
}

type streamingKey struct{}

// Streaming marks calls whose bodies are passed on as they come.
func Streaming(ctx context.Context) context.Context {
	return context.WithValue(ctx, streamingKey{}, true)
}

func streams(ctx context.Context) bool {
	on, _ := ctx.Value(streamingKey{}).(bool)
	return on
}

type counterKey struct{}

// WithCounter counts the calls under ctx in n.
func WithCounter(ctx context.Context, n *atomic.Int64) context.Context {
	return context.WithValue(ctx, counterKey{}, n)
}

// Count counts each call that leaves for the partner.
func Count(base http.RoundTripper) http.RoundTripper {
	return Func(func(r *http.Request) (*http.Response, error) {
		if n, _ := r.Context().Value(counterKey{}).(*atomic.Int64); n != nil {
			n.Add(1)
		}
		return base.RoundTrip(r)
	})
}
