package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"fsgateway/graph/model"
	"fsgateway/internal/budget"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/transport"
)

// Scopes of budgets: what the partner counts calls for.
const (
	scopeToken = "token"
	scopeApp   = "app"
)

// allowance is what callers may still ask of the partner.
type allowance struct {
	calls *budget.Accounts // by what the partner counts for
	// rejected are tokens that the partner does not know, by caller. A session gets another
	// token and is never among them.
	rejected *budget.Accounts
	perApp   bool
	wait     time.Duration
}

func newAllowance(c *Config) *allowance {
	return &allowance{
		calls: budget.New(c.Budget, c.BudgetWindow), rejected: budget.New(0, c.BudgetWindow), perApp: c.BudgetScope == scopeApp, wait: c.BudgetWait,
	}
}

func (a *allowance) key(c transport.Caller) string {
	if a.perApp {
		return scopeApp
	}
	return c.Key
}

// within refuses calls that the partner would, and learns from those that it did.
func (a *allowance) within(base http.RoundTripper) http.RoundTripper {
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		op := transport.OperationFrom(r.Context())
		if op == nil {
			return base.RoundTrip(r)
		}
		lease, _ := op.Kept.(*budget.Lease)
		key := a.key(op.Caller)
		err := a.rejected.Take(op.Caller.Key, nil)
		if err == nil {
			err = a.calls.Take(key, lease)
		}
		if err != nil {
			if r.Body != nil {
				r.Body.Close()
			}
			return nil, refusedBy(err)
		}
		res, err := base.RoundTrip(r)
		switch {
		case err != nil:
		case res.StatusCode == http.StatusUnauthorized && op.Caller.Renew == nil:
			a.rejected.Reject(op.Caller.Key)
		case res.StatusCode == http.StatusTooManyRequests:
			a.calls.Block(key, max(time.Second, fsclient.RetryAfter(res.Header)))
		}
		return res, err
	})
}

// reserve keeps calls for an operation, all of them or none. It waits for them no longer
// than the setting says.
func (a *allowance) reserve(ctx context.Context, calls int) (release func(), err error) {
	op := transport.OperationFrom(ctx)
	if op == nil {
		return func() {}, nil
	}
	until := time.Now().Add(a.wait)
	for {
		lease, err := a.calls.Reserve(a.key(op.Caller), calls)
		if err == nil {
			op.Kept = lease
			return lease.Close, nil
		}
		spent, ok := errors.AsType[*budget.SpentError](err)
		if !ok || time.Now().Add(spent.RetryAfter).After(until) {
			return nil, &fsclient.Error{Op: "budget", Kind: refusedBy(err).Kind, RetryAfter: refusedBy(err).RetryAfter}
		}
		select {
		case <-time.After(spent.RetryAfter):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// refusedBy says of an error of the budget how the call that was not made counts.
func refusedBy(err error) *fsclient.Refused {
	if spent, ok := errors.AsType[*budget.SpentError](err); ok {
		return &fsclient.Refused{Kind: fsclient.KindRateLimited, RetryAfter: spent.RetryAfter}
	}
	return &fsclient.Refused{Kind: fsclient.KindUnauthorized}
}

// left is what the caller of ctx may still ask, for Query.rateLimit.
func (a *allowance) left(ctx context.Context) *model.RateLimit {
	op := transport.OperationFrom(ctx)
	if op == nil {
		return nil
	}
	s := a.calls.State(a.key(op.Caller))
	if s.Limit == 0 {
		return nil
	}
	return &model.RateLimit{
		Limit: s.Limit, Remaining: s.Remaining, WindowSeconds: int(s.Window / time.Second), ResetAt: fsclient.DateTime(s.Reset.UTC().Format(time.RFC3339)),
	}
}
