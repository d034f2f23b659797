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
		ctx, cancel := context.WithCancelCause(r.Context())
		timer := time.AfterFunc(d, func() { cancel(errCallTimeout) })
		stop := func() {
			timer.Stop()
			cancel(nil)
		}
		// net/http calls a cancelled call cancelled, whatever the cause.
		name := func(err error) error {
			if err != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				return context.DeadlineExceeded
			}
			return err
		}
		res, err := base.RoundTrip(r.WithContext(ctx))
		if err != nil {
			err = name(err)
			stop()
			return nil, err
		}
		body := &timedBody{ReadCloser: onClose(res.Body, stop), name: name}
		if streams(r.Context()) {
			timer.Stop()
			body.reading = func() (done func()) {
				timer.Reset(d)
				return func() { timer.Stop() }
			}
		}
		res.Body = body
		return res, nil
	})
}

// timedBody names the errors of reading a body.
type timedBody struct {
	io.ReadCloser
	name    func(error) error
	reading func() (done func()) // bounds each read, unless it is nil
}

func (b *timedBody) Read(p []byte) (int, error) {
	if b.reading != nil {
		defer b.reading()()
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.name(err)
	}
	return n, err
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
