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
	calls *budget.Accounts // by what the partner counts for
	// strangers is what all whom the partner does not know keep between them of a budget that is
	// everybody's. Their calls count as all others do; those with tokens that are none do not.
	strangers *budget.Accounts
	stranger  func(*transport.Operation) bool
	// rejected are callers with tokens that the partner does not know, and when it said so. A
	// session gets another token and is never among them.
	rejected *lru.Cache[string, time.Time]
	scope    string
	clinics  *lru.Cache[string, clinic] // by caller
	asking   singleflight.Group
	wait     time.Duration
	turns    *transport.Places // of operations that wait for calls, in order for each caller
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
		turns: transport.NewPlaces(math.MaxInt, 1), strangers: budget.New((c.Budget+7)/8, c.BudgetWindow, nil), stranger: g.stranger,
	}
	var err error
	if a.clinics, err = lru.New[string, clinic](maxAccepted); err != nil {
		panic(err) // the number is wrong
	}
	if a.rejected, err = lru.New[string, time.Time](maxAccepted); err != nil {
		panic(err)
	}
	g.close = append(g.close, func() error { a.calls.Close(); return nil })
	return a
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

// key is what the calls of a caller are counted for. Those of a caller whose clinic is not
// known yet are their own.
func (a *allowance) key(c transport.Caller) string {
	switch a.scope {
	case scopeApp:
		return scopeApp
	case scopeClinic:
		if known, ok := a.clinics.Get(c.Key); ok && known.name != "" {
			return scopeClinic + " " + known.name
		}
	}
	return c.Key
}

// learn asks for the clinic of ctx's caller, if calls are counted for clinics and it is not
// known: before the first operation is let in, whose calls are the clinic's, too.
func (g *Gateway) learn(ctx context.Context) {
	a, op := g.allowance, transport.OperationFrom(ctx)
	if a.scope != scopeClinic || op == nil || ctx.Value(learningKey{}) != nil || a.learned(op.Caller) {
		return
	}
	_, _, _ = a.asking.Do(op.Caller.Key, func() (any, error) {
		if a.learned(op.Caller) { // a moment ago
			return nil, nil
		}
		// A caller who leaves does not end what others wait for.
		own := context.WithValue(transport.Apart(context.WithoutCancel(ctx)), learningKey{}, true)
		found, err := g.client.Clinic.Get(own)
		e, _ := errors.AsType[*fsclient.Error](err)
		switch {
		case err == nil:
			name := g.keys.Name("clinic " + string(found.ID))
			a.clinics.Add(op.Caller.Key, clinic{name: name})
			_ = a.calls.Take(own, a.key(op.Caller), nil) // this call; it has been made, whatever is left
		case e != nil && e.Kind == fsclient.KindForbidden:
			a.clinics.Add(op.Caller.Key, clinic{})
		default:
			a.clinics.Add(op.Caller.Key, clinic{until: time.Now().Add(askAgain)})
		}
		return nil, nil
	})
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

// clinic is what is known of a caller's clinic.
type clinic struct {
	name  string    // "" if the caller may not know it, or it could not be asked for
	until time.Time // when it is asked for again, zero for never
}

// askAgain is how long a clinic that could not be asked for is left alone.
const askAgain = 10 * time.Second

// learned reports whether there is no use in asking for a caller's clinic.
func (a *allowance) learned(c transport.Caller) bool {
	known, ok := a.clinics.Get(c.Key)
	return ok && (known.until.IsZero() || time.Now().Before(known.until))
}

// learningKey marks the call for a clinic, which waits for no other.
type learningKey struct{}

// within refuses calls that the partner would, and learns from those that it did.
func (a *allowance) within(base http.RoundTripper) http.RoundTripper {
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		op := transport.OperationFrom(r.Context())
		if op == nil {
			return base.RoundTrip(r)
		}
		key := a.key(op.Caller)
		if err := a.take(r.Context(), op, key); err != nil {
			if r.Body != nil {
				r.Body.Close()
			}
			return nil, err
		}
		res, err := base.RoundTrip(r)
		if err != nil { // it may have arrived, unless the gateway itself refused it
			_, refused := errors.AsType[*fsclient.Refused](err)
			a.calls.Settle(key, false, !refused)
			return res, err
		}
		unknown, spent := res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusTooManyRequests
		a.calls.Settle(key, !unknown && !spent && res.StatusCode < http.StatusInternalServerError, !unknown)
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
func (a *allowance) take(ctx context.Context, op *transport.Operation, key string) error {
	if at, ok := a.rejected.Get(op.Caller.Key); ok && time.Since(at) < rejectedFor {
		return &fsclient.Refused{Kind: fsclient.KindUnauthorized}
	}
	lease, _ := op.Kept.(*budget.Lease)
	err := a.calls.Take(ctx, key, lease)
	if spent, ok := errors.AsType[*budget.SpentError](err); ok {
		return &fsclient.Refused{Kind: fsclient.KindRateLimited, RetryAfter: spent.RetryAfter}
	}
	return err
}

// reserve keeps calls for an operation, all of them or none. It waits for them no longer
// than the setting says.
func (a *allowance) reserve(ctx context.Context, calls int) (release func(), err error) {
	op := transport.OperationFrom(ctx)
	if op == nil {
		return func() {}, nil
	}
	accounts, key := a.calls, a.key(op.Caller)
	if a.scope == scopeApp && a.stranger(op) {
		accounts, key = a.strangers, "strangers"
	}
	until := time.Now().Add(a.wait)
	if a.wait > 0 {
		waiting, cancel := context.WithDeadlineCause(ctx, until, &fsclient.Error{Op: "budget", Kind: fsclient.KindRateLimited, RetryAfter: time.Second})
		defer cancel()
		if err := a.turns.Acquire(waiting, key); err != nil {
			return nil, err
		}
		defer a.turns.Release(key)
	}
	for {
		lease, err := accounts.Reserve(ctx, key, calls)
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
			return nil, &fsclient.Error{Op: "budget", Kind: fsclient.KindRateLimited, RetryAfter: spent.RetryAfter}
		}
		select {
		case <-time.After(min(spent.RetryAfter, left)):
		case <-spent.Returned:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// left is what the caller of ctx may still ask, for Query.rateLimit.
func (a *allowance) left(ctx context.Context) *model.RateLimit {
	op := transport.OperationFrom(ctx)
	if op == nil {
		return nil
	}
	s := a.calls.State(ctx, a.key(op.Caller))
	if s.Limit == 0 {
		return nil
	}
	return &model.RateLimit{
		Limit: s.Limit, Remaining: s.Remaining, WindowSeconds: int(s.Window / time.Second), ResetAt: fsclient.DateTime(s.Reset.UTC().Format(time.RFC3339)),
	}
}
