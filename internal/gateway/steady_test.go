package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/transport"
)

// TestBreakerOfNotModified: that an answer is still the same is one, too.
func TestBreakerOfNotModified(t *testing.T) {
	t.Parallel()
	for _, most := range []int{http.StatusOK, http.StatusNotModified} {
		g := &Gateway{breaker: newBreaker(zerolog.Nop())}
		n := 0
		h := g.breaking(transport.Func(func(*http.Request) (*http.Response, error) {
			status := most
			if n++; n%20 == 0 {
				status = http.StatusServiceUnavailable
			}
			return &http.Response{StatusCode: status, Body: http.NoBody}, nil
		}))
		for range 400 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://partner.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := h.RoundTrip(req)
			if err != nil {
				t.Fatalf("%d: a twentieth of the calls failed, and there are no more: %v", most, err)
			}
			res.Body.Close()
		}
	}
}

// TestTrialGoesOn: of a write that tells whether the partner is back, and goes on when its caller's
// time is over, nobody knows whether it is carried out, though it had not left by then.
func TestTrialGoesOn(t *testing.T) {
	t.Parallel()
	tries(t, func(ctx context.Context, client *fsclient.Client) error {
		_, err := client.Staff.Update(ctx, &fsclient.UpdateStaffInput{ID: "s1"})
		return err
	}, func(r *http.Request) (*http.Response, error) {
		time.Sleep(2 * time.Second) // to connect
		httptrace.ContextClientTrace(r.Context()).WroteHeaders()
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	}, func(e *fsclient.Error) bool { return e.Unknown })
}

// TestTrialWithStalledBody: nor does its caller wait for the rest of its answer any longer.
func TestTrialWithStalledBody(t *testing.T) {
	t.Parallel()
	tries(t, func(ctx context.Context, client *fsclient.Client) error {
		_, err := client.Clinic.Get(ctx)
		return err
	}, func(r *http.Request) (*http.Response, error) {
		body, write := io.Pipe()
		context.AfterFunc(r.Context(), func() { write.CloseWithError(context.Cause(r.Context())) })
		return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
	}, func(e *fsclient.Error) bool { return e.Kind == fsclient.KindTimeout })
}

// tries makes the call that tells whether the partner is back, which must end after the second that it
// has, with an error.
func tries(t *testing.T, call func(context.Context, *fsclient.Client) error, answer transport.Func, want func(*fsclient.Error) bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &Gateway{breaker: newBreaker(zerolog.Nop())}
		client, err := fsclient.New("http://partner.example", &http.Client{
			Transport: g.breaking(transport.Timeout(5*time.Second, answer)),
		})
		if err != nil {
			t.Fatal(err)
		}
		g.breaker.Open()
		time.Sleep(breakerDelay)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = call(ctx, client)
		if e, ok := errors.AsType[*fsclient.Error](err); time.Since(begin) != time.Second || !ok || !want(e) {
			t.Errorf("after %s: %#v", time.Since(begin), err)
		}
		time.Sleep(10 * time.Second)
		if g.breaker.IsHalfOpen() {
			t.Error("it told nothing")
		}
	})
}
