package gateway

import (
	"context"
	"errors"
	"math"
	"net/http"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"fsgateway/graph/model"
	"fsgateway/internal/budget"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/transport"
)

// Scopes of budgets: what the partner counts calls for.
const (
	scopeToken  = "token"
	scopeClinic = "clinic"
	scopeApp    = "app"
)

var budgetScopes = []string{scopeToken, scopeClinic, scopeApp}

// rejectedFor is how long a token counts as rejected.
const rejectedFor = 5 * time.Second

// allowance is what callers may still ask of the partner.
type allowance struct {
	calls    *budget.Accounts // by what the partner counts for
	stranger func(*transport.Operation) bool
	// rejected are callers with tokens that the partner does not know, and when it said so. A
	// session gets another token and is never among them.
	rejected *lru.Cache[string, time.Time]
	scope    string
	clinics  *lru.Cache[string, string] // by caller, "" for one who may not know theirs
	// untold are callers whose clinic could not be asked for, and when.
	untold *lru.Cache[string, time.Time]
	asking singleflight.Group
	wait   time.Duration
	turns  *transport.Places // of operations that wait for calls, in order for each caller
}

// newAllowance makes budgets, which the gateways that have a Redis server in common share.
func (g *Gateway) newAllowance() *allowance {
	c := &g.config
	var shared *budget.Shared
	if g.redis != nil && c.Budget > 0 {
		shared = budget.NewShared(g.redis, c.OperationTimeout+c.CallTimeout, g.noteBudget)
	}
	a := &allowance{
		calls: budget.New(c.Budget, c.BudgetWindow, shared), scope: c.BudgetScope, wait: c.BudgetWait,
		turns: transport.NewPlaces(math.MaxInt, 1), stranger: g.stranger,
	}
	var err error
	if a.clinics, err = lru.New[string, string](maxAccepted); err != nil {
		panic(err) // the number is wrong
	}
	for _, list := range []**lru.Cache[string, time.Time]{&a.rejected, &a.untold} {
		if *list, err = lru.New[string, time.Time](maxAccepted); err != nil {
			panic(err)
		}
	}
	g.close = append(g.close, func() error { a.calls.Close(); return nil })
	return a
}

// mostCalls returns how many calls an operation may be estimated to take, 0 for any number, and
// the setting that says so. One that takes more than a whole budget would be done by half.
func (c *Config) mostCalls() (n int, setting string) {
	if c.Budget > 0 && (c.MaxUpstreamCalls == 0 || c.Budget < c.MaxUpstreamCalls) {
		return c.Budget, "--budget"
	}
	return c.MaxUpstreamCalls, "--max-upstream-calls"
}

// noteBudget notes whether the shared count of calls could be asked: each failure is counted,
// the first one is logged.
func (g *Gateway) noteBudget(err error) {
	if err != nil {
		g.metrics.budgetAlone.Inc()
	}
	switch down := err != nil; {
	case g.budgetAlone.Swap(down) == down:
	case down:
		g.log.Warn().Err(err).Msg("the calls that all gateways have made cannot be counted; each keeps to a share of --budget")
	default:
		g.log.Info().Msg("the calls of all gateways are counted together again")
	}
}

// key is what the calls of an operation are counted for. Those of a caller whom the partner has
// not accepted, or whose clinic is not known, are their own.
func (a *allowance) key(op *transport.Operation) string {
	switch {
	case a.scope == scopeToken || a.stranger(op):
	case a.scope == scopeApp:
		return scopeApp
	default:
		if clinic, _ := a.clinics.Get(op.Caller.Key); clinic != "" {
			return scopeClinic + " " + clinic
		}
	}
	return op.Caller.Key
}

// learn asks for the clinic of ctx's caller before their first operation, where a budget is not
// theirs alone: that of a clinic, to know whose calls they are, and the app's, so that nobody with
// a made-up token keeps any of it.
func (g *Gateway) learn(ctx context.Context) {
	a, op := g.allowance, transport.OperationFrom(ctx)
	if op == nil || ctx.Value(learningKey{}) != nil || a.learned(op) {
		return
	}
	done := a.asking.DoChan(op.Caller.Key, func() (any, error) {
		if a.learned(op) { // a moment ago
			return nil, nil
		}
		// A caller who leaves does not end what others wait for.
		own, cancel := context.WithTimeout(transport.Apart(context.WithoutCancel(ctx)), g.config.OperationTimeout)
		defer cancel()
		own = context.WithValue(own, learningKey{}, true)
		asked := time.Now()
		found, err := g.client.Clinic.Get(own)
		e, _ := errors.AsType[*fsclient.Error](err)
		switch {
		case err == nil, e != nil && e.Kind == fsclient.KindForbidden:
			clinic := ""
			if err == nil {
				clinic = g.keys.Name("clinic " + string(found.ID))
			}
			a.clinics.Add(op.Caller.Key, clinic)
			g.accepted.accept(own, asked)
			if key := a.key(op); key != op.Caller.Key {
				_ = a.calls.Take(own, key, nil) // this call; it has been made, whatever is left
			}
		case e == nil || e.Kind != fsclient.KindUnauthorized:
			a.untold.Add(op.Caller.Key, time.Now())
		}
		return nil, nil
	})
	timer := time.NewTimer(learnPatience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		a.untold.Add(op.Caller.Key, time.Now()) // nor do their other calls wait for it
	case <-ctx.Done():
	}
}

// learning is [Gateway.learn] for calls of which none are kept beforehand, such as those of
// subscriptions.
func (g *Gateway) learning(base http.RoundTripper) http.RoundTripper {
	if g.allowance.scope != scopeClinic {
		return base
	}
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		g.learn(r.Context())
		return base.RoundTrip(r)
	})
}

const (
	// learnPatience is how long an operation waits for what is no part of it.
	learnPatience = 2 * time.Second
	// askAgain is how long a clinic that could not be asked for is left alone.
	askAgain = 10 * time.Second
)

// learned reports whether there is no need to ask for the clinic of an operation's caller, or no
// use in it.
func (a *allowance) learned(op *transport.Operation) bool {
	if a.scope == scopeToken || !a.stranger(op) && (a.scope == scopeApp || a.clinics.Contains(op.Caller.Key)) {
		return true
	}
	at, untold := a.untold.Get(op.Caller.Key)
	return untold && time.Since(at) < askAgain || a.isRejected(op.Caller)
}

// isRejected reports whether the partner has just rejected a caller's token.
func (a *allowance) isRejected(c transport.Caller) bool {
	at, ok := a.rejected.Get(c.Key)
	return ok && time.Since(at) < rejectedFor
}

// learningKey marks the call for a clinic, which waits for no other, and none for it.
type learningKey struct{}

// within refuses calls that the partner would, and learns from those that it did.
func (a *allowance) within(base http.RoundTripper) http.RoundTripper {
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		op := transport.OperationFrom(r.Context())
		if op == nil {
			return base.RoundTrip(r)
		}
		key := a.key(op)
		lease, _ := op.Kept.(*budget.Lease)
		if transport.IsBeyond(r.Context()) {
			lease = nil
		}
		if err := a.take(r.Context(), op, key, lease); err != nil {
			if r.Body != nil {
				r.Body.Close()
			}
			return nil, err
		}
		res, err := base.RoundTrip(r)
		if err != nil { // it may have arrived, unless the gateway itself refused it
			_, refused := errors.AsType[*fsclient.Refused](err)
			a.calls.Settle(key, lease, false, !refused)
			return res, err
		}
		unknown, spent := res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusTooManyRequests
		a.calls.Settle(key, lease, !unknown && !spent && res.StatusCode < http.StatusInternalServerError, !unknown)
		switch {
		case unknown && op.Caller.Renew == nil:
			a.rejected.Add(op.Caller.Key, time.Now())
		case spent:
			a.calls.Block(r.Context(), key, max(time.Second, fsclient.RetryAfter(res.Header)))
		}
		return res, nil
	})
}

// take counts a call of an operation, or says why it is not made.
func (a *allowance) take(ctx context.Context, op *transport.Operation, key string, lease *budget.Lease) error {
	if a.isRejected(op.Caller) {
		return &fsclient.Refused{Kind: fsclient.KindUnauthorized}
	}
	err := a.calls.Take(ctx, key, lease)
	if spent, ok := errors.AsType[*budget.SpentError](err); ok {
		return &fsclient.Refused{Kind: fsclient.KindRateLimited, RetryAfter: spent.RetryAfter}
	}
	return err
}

// reserve keeps calls for an operation, all of them or none. It waits for them no longer
// than the setting says, and than the operation may take.
func (a *allowance) reserve(ctx context.Context, calls int) (release func(), err error) {
	op := transport.OperationFrom(ctx)
	if op == nil {
		return func() {}, nil
	}
	if a.scope != scopeToken && a.isRejected(op.Caller) { // nor may they keep what is others', too
		return nil, &fsclient.Error{Op: "budget", Kind: fsclient.KindUnauthorized}
	}
	key := a.key(op)
	until := time.Now().Add(a.wait)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	ended := func(err error, after time.Duration) error {
		if errors.Is(err, context.DeadlineExceeded) { // for want of calls, not of an answer
			return &fsclient.Error{Op: "budget", Kind: fsclient.KindRateLimited, RetryAfter: after}
		}
		return err
	}
	if a.wait > 0 {
		waiting, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		if err := a.turns.Acquire(waiting, key); err != nil {
			return nil, ended(err, time.Second)
		}
		defer a.turns.Release(key)
	}
	for {
		lease, err := a.calls.Reserve(ctx, key, calls)
		if err == nil {
			op.Kept = lease
			return lease.Close, nil
		}
		spent, ok := errors.AsType[*budget.SpentError](err)
		if !ok {
			return nil, err
		}
		left := time.Until(until)
		if left <= 0 || spent.RetryAfter > left && spent.Returned == nil {
			return nil, ended(context.DeadlineExceeded, spent.RetryAfter)
		}
		select {
		case <-time.After(min(spent.RetryAfter, left)):
		case <-spent.Returned:
		case <-ctx.Done():
			return nil, ended(context.Cause(ctx), spent.RetryAfter)
		}
	}
}

// left is what the caller of ctx may still ask, for Query.rateLimit.
func (a *allowance) left(ctx context.Context) *model.RateLimit {
	op := transport.OperationFrom(ctx)
	if op == nil {
		return nil
	}
	s := a.calls.State(ctx, a.key(op))
	if s.Limit == 0 {
		return nil
	}
	return &model.RateLimit{
		Limit: s.Limit, Remaining: s.Remaining, WindowSeconds: int(s.Window / time.Second), ResetAt: fsclient.DateTime(s.Reset.UTC().Format(time.RFC3339)),
	}
}
