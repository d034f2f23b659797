package gateway

import (
	"context"
	"net/http"
	"sync"

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
		known, _ := routes.LoadOrStore(route, failsafehttp.NewRoundTripper(closing(base), policy))
		return known.(http.RoundTripper)
	}
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet || transport.IsStreaming(r.Context()) {
			return base.RoundTrip(r)
		}
		return of(fsclient.Route(r.Context())).RoundTrip(r)
	})
}

// closing makes one of several calls that are the same. It closes the body of an answer that
// came too late, which nobody reads, so that whatever that holds is given back.
func closing(base http.RoundTripper) http.RoundTripper {
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		res, err := base.RoundTrip(r.Clone(r.Context())) // each has headers of its own
		if err == nil {
			context.AfterFunc(r.Context(), func() { _ = res.Body.Close() })
		}
		return res, err
	})
}
