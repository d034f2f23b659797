package graph

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/graph/wire"
	"fsgateway/internal/fsclient"
)

// shares are the queries that are running. One that is identical to one of them, of the same
// caller, gets the same answer.
type shares struct {
	o *Options

	mu      sync.Mutex
	running map[shareKey]*run
}

// shareKey is all that an answer depends on. version is counted up by the caller's writes: who
// asks after one gets nothing that was begun before.
type shareKey struct {
	caller                      string
	version                     uint64
	query, operation, variables string
	cost, dryRun                string // headers
	fresh                       bool   // without what was kept
}

// run is a query that is running.
type run struct {
	until    time.Time     // when its time is over; zero for never
	has      time.Duration // how long that is
	done     chan struct{}
	response *graphql.Response // nil if there is none for others
	late     bool              // its time was over: the response has what had arrived by then
	calls    int64             // that it took, made by itself or by others
}

// beginning begins a query, and returns the context that its responses are asked for with.
type beginning func() (graphql.ResponseHandler, context.Context)

// query runs a query, or waits for an identical one.
func (s *shares) query(ctx context.Context, begin beginning) graphql.ResponseHandler {
	k, ok := s.key(ctx)
	if !ok {
		responses, _ := begin()
		return responses
	}
	own, other := s.join(ctx, k)
	if other == nil {
		responses, _ := s.lead(k, own, begin)
		return responses
	}
	answered := false
	return func(ctx context.Context) *graphql.Response {
		if answered {
			return nil
		}
		answered = true
		return s.follow(ctx, k, other, begin)
	}
}

// follow waits for an identical query, and runs this one if that is not answered. If the time of both
// is over, what had arrived for one of them is the answer.
func (s *shares) follow(ctx context.Context, k shareKey, other *run, begin beginning) *graphql.Response {
	var late *run // of those whose time was over the one that had most
	for other.ended(ctx) {
		switch {
		case other.response == nil:
		case !other.late:
			return s.same(ctx, other)
		case late == nil || late.has < other.has:
			late = other
		}
		if ctx.Err() != nil {
			break
		}
		var own *run
		if own, other = s.join(ctx, k); other != nil {
			continue
		}
		responses, inner := s.lead(k, own, begin)
		res := responses(inner)
		if ctx.Err() == nil || late == nil || late.has < own.has {
			return res
		}
		break
	}
	if late != nil {
		return s.same(ctx, late)
	}
	responses, inner := begin()
	return responses(inner) // which says what it says of that
}

// ended waits for the end of a run, and reports false if the time of ctx is over first. It is not
// if the run's own is over, too: then it ends now, with what has arrived.
func (r *run) ended(ctx context.Context) bool {
	select {
	case <-r.done:
		return true
	case <-ctx.Done():
	}
	until, _ := ctx.Deadline()
	if r.until.IsZero() || r.until.After(until) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return false
	}
	<-r.done
	return true
}

// key returns what the query in ctx is the same by, false if it is not to be shared.
func (s *shares) key(ctx context.Context) (k shareKey, ok bool) {
	op, caller := graphql.GetOperationContext(ctx), s.o.Caller(ctx)
	if caller == "" || s.o.Version == nil || wire.Defers(ctx) {
		return k, false
	}
	k = shareKey{
		caller: caller, version: s.o.Version(ctx), query: op.RawQuery, operation: op.Operation.Name,
		cost: op.Headers.Get(costHeader), dryRun: op.Headers.Get(dryRunHeader), fresh: fsclient.IsFresh(ctx),
	}
	if len(op.Variables) > 0 {
		variables, err := json.Marshal(op.Variables)
		if err != nil {
			return k, false
		}
		k.variables = string(variables)
	}
	return k, true
}

// join returns the query that is running, or else the caller's own, which others may wait for
// from now on.
func (s *shares) join(ctx context.Context, k shareKey) (own, other *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other = s.running[k]; other != nil {
		return nil, other
	}
	own = &run{done: make(chan struct{})}
	if until, bounded := ctx.Deadline(); bounded {
		own.until, own.has = until, time.Until(until)
	}
	s.running[k] = own
	return own, nil
}

// lead runs a query that others may wait for. An answer that its own client did not wait for
// is no answer for them.
func (s *shares) lead(k shareKey, own *run, begin beginning) (graphql.ResponseHandler, context.Context) {
	over := sync.OnceFunc(func() {
		s.mu.Lock()
		delete(s.running, k)
		s.mu.Unlock()
		close(own.done)
	})
	begun := false
	defer func() {
		if !begun { // a bug
			over()
		}
	}()
	responses, inner := begin()
	begun = true
	return func(ctx context.Context) *graphql.Response {
		defer over()
		res := responses(ctx)
		if res != nil && !errors.Is(ctx.Err(), context.Canceled) {
			own.response, own.late = snapshot(res), ctx.Err() != nil
			if s.o.Cost.Calls != nil {
				calls := s.o.Cost.Calls(ctx)
				own.calls = calls.Made + calls.Shared
			}
		}
		return res
	}, inner
}

// snapshot returns a copy of what is changed on an answer's way out: its errors.
func snapshot(res *graphql.Response) *graphql.Response {
	own := *res
	own.Extensions, own.Errors = maps.Clone(res.Extensions), nil
	for _, e := range res.Errors {
		e := *e
		e.Extensions = maps.Clone(e.Extensions)
		own.Errors = append(own.Errors, &e)
	}
	return &own
}

// same returns the answer of another run as that of the request in ctx.
func (s *shares) same(ctx context.Context, other *run) *graphql.Response {
	res := snapshot(other.response)
	for _, e := range res.Errors {
		if _, has := e.Extensions["requestId"]; has {
			e.Extensions["requestId"] = s.o.RequestID(ctx)
		}
	}
	if s.o.Cost.Coalesced != nil {
		s.o.Cost.Coalesced(ctx, other.calls)
	}
	if cost, ok := res.Extensions["cost"].(map[string]any); ok && cost["upstreamCalls"] != 0 {
		cost = maps.Clone(cost)
		cost["upstreamCalls"], cost["coalesced"], cost["cacheHits"] = 0, other.calls, 0
		res.Extensions["cost"] = cost
	}
	return res
}
