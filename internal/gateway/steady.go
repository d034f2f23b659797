package gateway

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/rs/zerolog"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/transport"
)

// What is done on the partner's bad days: calls that can be repeated are, a few times and
// a few of all, and while most calls fail none is made.

const (
	// The breaker opens if half of at least 20 calls in 10 seconds failed, for 5 seconds.
	breakerRate, breakerCalls, breakerPeriod, breakerDelay = 0.5, 20, 10 * time.Second, 5 * time.Second
	// A retry waits up to so long, and twice as long for each before it.
	retryDelay = 100 * time.Millisecond
	// A partner that asks for a longer wait is left alone.
	maxRetryWait = 5 * time.Second
	// Retries are at most a tenth of the calls, and three a second.
	retryShare, retriesPerSecond = 0.1, 3
)

// newBreaker makes a breaker that says when it opens, and when it is over. What it tries in
// between is neither.
func newBreaker(log zerolog.Logger) circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().WithFailureRateThreshold(breakerRate, breakerCalls, breakerPeriod).WithSuccessThreshold(1).WithDelay(breakerDelay).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			switch {
			case e.OldState == circuitbreaker.ClosedState:
				log.Warn().Msg("the partner is down: half of the calls failed; none is made but one every 5 seconds, until one is answered")
			case e.NewState == circuitbreaker.ClosedState:
				log.Info().Msg("the partner answers again")
			}
		}).Build()
}

// breaking makes no calls while most of them fail. What the partner says of a caller says
// nothing about the partner, and neither does how long a call took that can be made again.
func (g *Gateway) breaking(base http.RoundTripper) http.RoundTripper {
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		if !g.breaker.TryAcquirePermit() {
			return nil, g.down(r)
		}
		if g.breaker.IsHalfOpen() { // one call, which has to say something
			return g.try(r, base)
		}
		begun := time.Now()
		res, err := base.RoundTrip(r)
		switch {
		case err != nil && !g.tells(r.Context(), begun, err):
		case err != nil, unavailable(res.StatusCode):
			g.breaker.RecordFailure()
		case res.StatusCode/100 == 2, res.StatusCode == http.StatusNotModified:
			g.breaker.RecordSuccess()
		}
		return res, err
	})
}

// tells reports whether how a call ended says anything about the partner. It does not if the call was
// given up early, or ended with its operation: unless it had as much time as any may have, or nearly,
// for where --operation-timeout is no longer than --call-timeout none ends otherwise.
func (g *Gateway) tells(ctx context.Context, begun time.Time, err error) bool {
	switch {
	case errors.Is(err, transport.ErrEarly):
		return false
	case ctx.Err() == nil:
		return true
	}
	return errors.Is(context.Cause(ctx), context.DeadlineExceeded) && time.Since(begun) > min(g.config.CallTimeout, g.config.OperationTimeout)*3/4
}

// try makes a call that tells whether the partner is back. It is made to its end, or those who
// leave would keep the breaker open; its caller waits no longer than for any other.
func (g *Gateway) try(r *http.Request, base http.RoundTripper) (*http.Response, error) {
	ctx := r.Context()
	type outcome struct {
		res *http.Response
		err error
	}
	done := make(chan outcome, 1)
	own, end := context.WithCancelCause(context.WithoutCancel(ctx))
	g.trying.Store(true)
	go func() {
		res, err := base.RoundTrip(r.Clone(transport.WithWholeTime(own))) //nolint:bodyclose // whoever is given it does
		context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })        // its body tells nothing more
		if err != nil || unavailable(res.StatusCode) {
			g.breaker.RecordFailure()
		} else {
			g.breaker.RecordSuccess()
		}
		g.trying.Store(false)
		done <- outcome{res, err}
	}()
	select {
	case o := <-done:
		return o.res, o.err
	case <-ctx.Done():
		fsclient.GoesOn(ctx)
		go func() {
			if o := <-done; o.err == nil {
				o.res.Body.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// unlessDown refuses what [Gateway.breaking] would, before it costs anything. It stands above
// the wait for a place, and below it for those who waited, above the caller's budget.
func (g *Gateway) unlessDown(base http.RoundTripper) http.RoundTripper {
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		switch g.breaker.State() {
		case circuitbreaker.OpenState:
			if g.breaker.RemainingDelay() > 0 {
				return nil, g.down(r)
			}
		case circuitbreaker.HalfOpenState:
			if g.trying.Load() {
				return nil, g.down(r)
			}
		}
		return base.RoundTrip(r)
	})
}

// down is the error of a call that is not made.
func (g *Gateway) down(r *http.Request) error {
	if r.Body != nil {
		r.Body.Close()
	}
	return &fsclient.Refused{Kind: fsclient.KindUnavailable, RetryAfter: g.breaker.RemainingDelay()}
}

// retrying repeats reads, and writes that carry an Idempotency-Key, if the partner could not
// be reached or says that it is down.
func (g *Gateway) retrying(base http.RoundTripper) http.RoundTripper {
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		g.retries.earn(retryShare)
		res, err := base.RoundTrip(r)
		for n := range g.config.Retries {
			if !repeatable(r, res, err) {
				break
			}
			wait := rand.N(retryDelay << n)
			if res != nil {
				wait = max(wait, fsclient.RetryAfter(res.Header))
			}
			if !inTime(r.Context(), wait) || g.exhausted(r.Context()) || !g.retries.spend() {
				break
			}
			if res != nil {
				_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4<<10)) // so that its connection can be used again
				res.Body.Close()
			}
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-r.Context().Done():
				timer.Stop()
				return nil, context.Cause(r.Context())
			}
			g.metrics.retries.Inc()
			fsclient.Lost(r.Context())
			again := r.Clone(transport.Beyond(transport.WithWholeTime(r.Context())))
			if r.GetBody != nil {
				body, err := r.GetBody()
				if err != nil {
					return nil, err
				}
				again.Body = body
			}
			next, failed := base.RoundTrip(again)
			if _, refused := errors.AsType[*fsclient.Refused](failed); refused { // what the call has come to is known
				if res != nil {
					res.Body = http.NoBody
				}
				return res, err
			}
			res, err = next, failed
		}
		return res, err
	})
}

// patient gives a read its whole time unless there is a retry for it: one that is given up early
// has to be made again. It stands below the wait for a place, or those that wait would need retries.
func (g *Gateway) patient(base http.RoundTripper) http.RoundTripper {
	if g.config.Retries == 0 {
		return base // nothing is given up early
	}
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			return base.RoundTrip(r)
		}
		if !g.retries.begin() {
			return base.RoundTrip(r.WithContext(transport.WithWholeTime(r.Context())))
		}
		defer g.retries.end()
		return base.RoundTrip(r)
	})
}

// secondRead allows a read whose answer broke off to be made again.
func (g *Gateway) secondRead(ctx context.Context, broken error) (context.Context, bool) {
	if g.config.Retries == 0 || ctx.Err() != nil || g.exhausted(ctx) || errors.Is(broken, context.DeadlineExceeded) && !errors.Is(broken, transport.ErrEarly) || !g.retries.spend() {
		return ctx, false
	}
	g.metrics.retries.Inc()
	return transport.Beyond(transport.WithWholeTime(ctx)), true
}

// exhausted reports whether the operation in ctx may make no further call.
func (g *Gateway) exhausted(ctx context.Context) bool {
	return g.config.MaxUpstreamCalls > 0 && transport.Exhausted(ctx, g.config.MaxUpstreamCalls)
}

// repeatable reports whether a call may be made again, and whether that may help. A call
// that used its whole time is not: it would take as long again, of a partner that is slow.
// One that was given up early is.
func repeatable(r *http.Request, res *http.Response, err error) bool {
	if err != nil {
		_, refused := errors.AsType[*fsclient.Refused](err)
		if refused || errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, transport.ErrEarly) {
			return false
		}
	} else if !unavailable(res.StatusCode) {
		return false
	}
	return (r.Method == http.MethodGet || r.Header.Get("Idempotency-Key") != "") && (r.Body == nil || r.GetBody != nil) && r.Context().Err() == nil
}

// inTime reports whether there is time for a wait and a call after it.
func inTime(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return wait <= maxRetryWait && (!ok || time.Until(deadline) > wait)
}

// retryBudget is how many retries may be made: each call earns a part of one, and time does.
type retryBudget struct {
	mu   sync.Mutex
	left float64
	at   time.Time
	open int // reads under way that may have to be made again
}

// maxRetries is how many can be saved up.
const maxRetries = 100

// begin notes that a read begins, and reports whether there is a retry for it beside those of the
// reads that are under way. Then end is to be called.
func (b *retryBudget) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < float64(b.open+1) {
		return false
	}
	b.open++
	return true
}

func (b *retryBudget) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open--
}

// earn adds a part of a retry, and what time has earned since the last one.
func (b *retryBudget) earn(share float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(share)
}

func (b *retryBudget) add(share float64) {
	now := time.Now()
	if !b.at.IsZero() {
		share += now.Sub(b.at).Seconds() * retriesPerSecond
	}
	b.left, b.at = min(b.left+share, maxRetries), now
}

// spend takes a retry, if there is one.
func (b *retryBudget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(0)
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
