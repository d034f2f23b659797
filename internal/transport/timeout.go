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

// Paced is [Timeout] for calls that are given up early if they are reads that take far longer
// than others of their route.
func Paced(d time.Duration, p *Pace, route func(context.Context) string, base http.RoundTripper) http.RoundTripper {
	whole := Timeout(d, base)
	return Func(func(r *http.Request) (*http.Response, error) {
		ctx := r.Context()
		if IsStreaming(ctx) {
			return whole.RoundTrip(r)
		}
		c := &paced{pace: p, route: route(ctx), begun: time.Now()}
		limit := d
		if r.Method == http.MethodGet && ctx.Value(wholeTimeKey{}) == nil {
			limit = p.limit(c.route, d)
		}
		if limit < d {
			c.early = limit
		}
		res, err := timeout(r, limit, base)
		if err != nil {
			return nil, c.over(err)
		}
		c.ReadCloser, res.Body = res.Body, c
		return res, nil
	})
}

// paced is a call whose time is learned from, and its answer's body.
type paced struct {
	io.ReadCloser
	pace  *Pace
	route string
	begun time.Time
	early time.Duration // when it is given up before its whole time is over; 0 for never
	noted bool
}

// over learns from how a call, or reading its body, ended.
func (c *paced) over(err error) error {
	ends, took := err == nil || errors.Is(err, io.EOF), time.Since(c.begun)
	// Else its operation's time was over.
	late := c.early > 0 && took > c.early*15/16 && errors.Is(err, context.DeadlineExceeded)
	if !c.noted && (ends || late) {
		c.noted = true
		c.pace.note(c.route, took, ends)
	}
	if late {
		return ErrEarly
	}
	return err
}

func (c *paced) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err != nil {
		err = c.over(err)
	}
	return n, err
}

// Timeout bounds each call, body included. Time spent waiting for a place does
// not count, since it stands below [Limit]. Under [Streaming] d bounds the time
// until the body begins, and then each read of it: not the time that the caller
// reads takes in between.
func Timeout(d time.Duration, base http.RoundTripper) http.RoundTripper {
	return Func(func(r *http.Request) (*http.Response, error) { return timeout(r, d, base) })
}

func timeout(r *http.Request, d time.Duration, base http.RoundTripper) (*http.Response, error) {
	c := &timed{time: d}
	if ctx := shared(r, d); ctx != nil {
		c.ctx, c.cancel = ctx, func() {}
	} else if IsStreaming(r.Context()) {
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
// which it shares with the operation's other calls that begin in the same 32nd of d: they
// are many, and a timer for each would cost more than anything else the gateway adds to a
// call. So a call has at least 31 of 32 parts of d. It is nil for calls that have to have
// one of their own.
func shared(r *http.Request, d time.Duration) context.Context {
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
	b.parent, b.time, b.until = parent, d, now.Add(d/32)
	b.ctx, b.cancel = context.WithTimeoutCause(ctx, d, errCallTimeout)
	return b.ctx
}
