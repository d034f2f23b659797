package gateway

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/transport"
)

const (
	// A read is hedged if it takes longer than 95 of 100 of its route do, of which the last
	// hundred count, once 20 are known.
	hedgeAfter, hedgeMemory, hedgeKnown = 0.95, 100, 20
	// Hedges are at most a tenth of the calls under way.
	hedgeShare = 0.1
)

// hedging makes a read a second time if it takes long, and takes whichever answer comes first.
// It is off by default: the second call counts against the caller's budget.
func (g *Gateway) hedging(base http.RoundTripper) http.RoundTripper {
	if !g.config.Hedge {
		return base
	}
	left := budget.NewBuilder().WithMaxRate(hedgeShare).WithMinConcurrency(1).Build()
	hedged := func(failsafe.ExecutionEvent[*http.Response]) { g.metrics.hedges.Inc() }
	var routes sync.Map // route -> http.RoundTripper
	of := func(route string) http.RoundTripper {
		if known, ok := routes.Load(route); ok {
			return known.(http.RoundTripper)
		}
		policy := hedgepolicy.NewBuilderWithDelayQuantile[*http.Response](hedgeAfter, hedgeMemory, hedgeKnown).WithBudget(left).OnHedge(hedged).Build() //nolint:bodyclose // a policy is no answer
		known, _ := routes.LoadOrStore(route, failsafehttp.NewRoundTripper(either(base), policy))
		return known.(http.RoundTripper)
	}
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet || transport.IsStreaming(r.Context()) {
			return base.RoundTrip(r)
		}
		ctx := context.WithValue(r.Context(), begunKey{}, new(atomic.Bool))
		return of(fsclient.Route(ctx)).RoundTrip(r.WithContext(ctx))
	})
}

// begunKey is where a read notes that the first of its calls has begun.
type begunKey struct{}

// either makes one of two calls that are the same. It closes the body of an answer that came too
// late, which nobody reads, so that whatever that holds is given back. A second call only ever
// helps: one that is refused, here or by the partner, or fails says nothing of the first, and
// waits for that to end.
func either(base http.RoundTripper) http.RoundTripper {
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		ctx := r.Context()
		second, call := ctx.Value(begunKey{}).(*atomic.Bool).Swap(true), ctx
		if second {
			call = transport.Beyond(ctx)
		}
		res, err := base.RoundTrip(r.Clone(call)) // each has headers of its own
		if second && (err != nil || res.StatusCode/100 != 2 && res.StatusCode != http.StatusNotModified) {
			if err == nil {
				res.Body.Close()
			}
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		if err == nil {
			body := res.Body // which who gets the answer wraps, maybe at the same time
			context.AfterFunc(ctx, func() { _ = body.Close() })
		}
		return res, err
	})
}
