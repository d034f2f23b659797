package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"
)

// errCallTimeout says that a call used its whole time, unlike one whose operation
// had less than that left.
var errCallTimeout = fmt.Errorf("transport: %w", context.DeadlineExceeded)

// ErrEarly says that a call was given up before its whole time was over, for others of its
// route take far less. It may be made again, by [WithWholeTime].
var ErrEarly = fmt.Errorf("transport: given up early: %w", context.DeadlineExceeded)

type wholeTimeKey struct{}

// WithWholeTime has calls under ctx given their whole time.
func WithWholeTime(ctx context.Context) context.Context {
	return context.WithValue(ctx, wholeTimeKey{}, true)
}

// Timeout bounds each call, body included. Time spent waiting for a place does
// not count, since it stands below [Limit]. Under [Streaming] d bounds the time
// until the body begins, and then each read of it: not the time that the caller
// reads takes in between.
func Timeout(d time.Duration, base http.RoundTripper) http.RoundTripper {
	return Func(func(r *http.Request) (*http.Response, error) {
		c := &timed{}
		c.begin(r, d)
		return c.end(base.RoundTrip(r.WithContext(c.ctx)))
	})
}

// timed is a call with a bound on its time, and its answer's body.
type timed struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelFunc
	time   time.Duration
	reads  *time.Timer // of a call that streams, whose bound is for each read; else nil

	pace  *Pace // nil for one that nothing is learned from
	route string
	begun time.Time
	early bool // it is given up before its whole time is over
	noted bool
}

// begin begins the time of a call, d at most.
func (c *timed) begin(r *http.Request, d time.Duration) {
	c.time = d
	ctx := r.Context()
	streams := IsStreaming(ctx)
	if c.pace != nil && !streams {
		c.begun = time.Now()
		if r.Method == http.MethodGet && ctx.Value(wholeTimeKey{}) == nil {
			c.time = c.pace.limit(c.route, d)
		}
	}
	c.early = c.time < d
	if c.ctx = shared(r, c.time, d/32); c.ctx != nil {
		return
	}
	if streams {
		ctx, cancel := context.WithCancelCause(ctx)
		c.ctx, c.cancel, c.pace = ctx, func() { cancel(nil) }, nil
		c.reads = time.AfterFunc(c.time, func() { cancel(errCallTimeout) })
		return
	}
	c.ctx, c.cancel = context.WithTimeoutCause(ctx, c.time, errCallTimeout)
}

// end takes what came of the call, whose time ends with the answer's body.
func (c *timed) end(res *http.Response, err error) (*http.Response, error) {
	if err != nil {
		err = c.name(err)
		c.stop()
		return nil, err
	}
	if c.reads != nil {
		c.reads.Stop()
	}
	// How fast a call is refused says nothing of those that are not.
	c.noted = c.noted || res.StatusCode/100 != 2 && res.StatusCode != http.StatusNotModified
	c.ReadCloser, res.Body = res.Body, c
	return res, nil
}

func (c *timed) stop() {
	if c.reads != nil {
		c.reads.Stop()
	}
	if c.cancel != nil {
		c.cancel()
	}
}

// name names the errors of a call: net/http calls a cancelled call cancelled, whatever
// the cause.
func (c *timed) name(err error) error {
	if !errors.Is(context.Cause(c.ctx), context.DeadlineExceeded) {
		return err
	}
	// Else its operation's time was over.
	if took := time.Since(c.begun); c.early && took > c.time*3/4 {
		c.learn(took, false)
		return ErrEarly
	}
	return context.DeadlineExceeded
}

// learn learns how long the call took, once.
func (c *timed) learn(took time.Duration, answered bool) {
	if c.pace != nil && !c.noted {
		c.noted = true
		c.pace.note(c.route, took, answered)
	}
}

func (c *timed) Read(p []byte) (int, error) {
	if c.reads != nil {
		c.reads.Reset(c.time)
		defer c.reads.Stop()
	}
	n, err := c.ReadCloser.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		if c.pace != nil {
			c.learn(time.Since(c.begun), true)
		}
	default:
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

// IsStreaming reports whether calls under ctx are marked by [Streaming].
func IsStreaming(ctx context.Context) bool {
	on, _ := ctx.Value(streamingKey{}).(bool)
	return on
}

// Count counts each call that leaves for the partner.
func Count(base http.RoundTripper) http.RoundTripper {
	return Func(func(r *http.Request) (*http.Response, error) {
		if o := OperationFrom(r.Context()); o != nil && o.Calls != nil {
			o.Calls.Add(1)
		}
		return base.RoundTrip(r)
	})
}

// shared returns a context that ends with that of the call, or when its time is over, and
// which it shares with the operation's other calls that begin within a window: they are many,
// and a timer for each would cost more than anything else the gateway adds to a call. So a call
// may have less time by as much. It is nil for calls that have to have one of their own.
func shared(r *http.Request, d, window time.Duration) context.Context {
	ctx := r.Context()
	o, parent := OperationFrom(ctx), ctx.Done()
	if o == nil || parent == nil || IsStreaming(ctx) || httptrace.ContextClientTrace(ctx) != nil {
		return nil
	}
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	free := 0
	for i := range o.bounds {
		switch b := &o.bounds[i]; {
		case b.parent == parent && b.time == d && !now.After(b.until):
			return b.ctx
		case now.After(b.until):
			free = i
		}
	}
	b := &o.bounds[free]
	b.parent, b.time, b.until = parent, d, now.Add(window)
	b.ctx, b.cancel = context.WithTimeoutCause(ctx, d, errCallTimeout)
	return b.ctx
}
