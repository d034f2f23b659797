package graph

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/cost"
	"fsgateway/graph/gen"
	"fsgateway/graph/loader"
)

// Headers by which clients ask what an operation costs.
const (
	costHeader   = "X-Gateway-Cost"
	dryRunHeader = "X-Gateway-Dry-Run"
)

// notSubscriptions refuses to run what was only to be explained.
func notSubscriptions() *graphql.Response {
	return &graphql.Response{Errors: gqlerror.List{apierror.New(apierror.CodeBadUserInput, dryRunHeader+" is for queries and mutations. Nothing was run.")}}
}

// payloads returns the Go types of what mutations and subscriptions answer, by their names in
// the schema.
func payloads() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for _, resolver := range []reflect.Type{reflect.TypeFor[gen.MutationResolver](), reflect.TypeFor[gen.SubscriptionResolver]()} {
		for m := range resolver.Methods() {
			t := m.Type.Out(0)
			for t.Kind() == reflect.Chan || t.Kind() == reflect.Pointer {
				t = t.Elem()
			}
			types[t.Name()] = t
		}
	}
	return types
}

// CostOptions say what operations may cost, in calls to the partner, and what is told
// about it.
type CostOptions struct {
	Most    int    // calls that an operation may be estimated to take; 0 for no limit
	Setting string // that says so
	Show    bool   // whether clients are told without having asked
	// Calls returns what an operation took by now.
	Calls func(ctx context.Context) Calls
	// Coalesced is told of the calls that an operation was spared by an identical one.
	Coalesced func(ctx context.Context, calls int64)
	// Estimated is told what an operation is estimated to take, before anything is decided by
	// it; nil for nobody.
	Estimated func(ctx context.Context, calls int)
	// Reserve keeps calls for an operation until release is called, or says why it cannot
	// have them.
	Reserve func(ctx context.Context, most int) (release func(), err error)
}

// Calls are those of an operation: made, spared by other operations, and spared by answers
// that were kept, the oldest of them for Age.
type Calls struct {
	Made, Shared, Kept int64
	Age                time.Duration
}

// tooExpensive notes what an operation is estimated to take, and refuses it if that is more
// calls than one may make.
func (o *CostOptions) tooExpensive(ctx context.Context, c cost.Cost, explain func() *cost.Plan) *gqlerror.Error {
	if o.Estimated != nil {
		o.Estimated(ctx, c.Estimate)
	}
	if o.Most == 0 || c.Estimate <= o.Most {
		return nil
	}
	field := explain().Dearest()
	err := apierror.New(apierror.CodeQueryTooExpensive, fmt.Sprintf(
		"The operation is estimated to take %d calls to the partner, and the limit is %d (%s). Most of them are for %s: ask for fewer rows, or select less of each.", c.Estimate, o.Most, o.Setting, field))
	err.Extensions["estimatedCalls"], err.Extensions["maximum"], err.Extensions["field"] = c.Estimate, o.Most, field
	return err
}

// reserve keeps the calls that an operation can take, and says how many these are.
func (o *CostOptions) reserve(ctx context.Context, c cost.Cost) (release func(), calls int, err error) {
	calls = c.Bound
	if o.Most > 0 {
		calls = min(calls, o.Most)
	}
	if o.Reserve == nil || calls == 0 {
		return func() {}, calls, nil
	}
	release, err = o.Reserve(ctx, calls)
	return release, calls, err
}

// asks reports whether a request has a header that says yes.
func asks(op *graphql.OperationContext, header string) bool {
	v := op.Headers.Get(header)
	return v != "" && v != "0" && v != "false"
}

// shown adds to an answer what it has cost.
func (o *CostOptions) shown(ctx context.Context, c cost.Cost, s *loader.Session, res *graphql.Response) {
	if res == nil {
		return
	}
	if res.Extensions == nil {
		res.Extensions = map[string]any{}
	}
	calls := o.Calls(ctx)
	res.Extensions["cost"] = map[string]any{
		"estimatedCalls": c.Estimate, "maximumCalls": c.Bound, "upstreamCalls": calls.Made, "coalesced": calls.Shared, "cacheHits": calls.Kept,
		"age": int(calls.Age / time.Second), "roundTrips": s.Rounds(),
	}
}

// dryRun answers with what a query would do.
func dryRun(c *cost.Plan) *graphql.Response {
	type calls struct {
		Operation      string   `json:"operation"`
		EstimatedCalls int      `json:"estimatedCalls"`
		MaximumCalls   int      `json:"maximumCalls"`
		Fields         []string `json:"fields"`
		Lacking        []string `json:"becauseListsLack,omitempty"`
	}
	plan := make([][]calls, len(c.Waves))
	for i, wave := range c.Waves {
		plan[i] = []calls{}
		for _, w := range wave {
			plan[i] = append(plan[i], calls{w.Operation, w.Estimate, w.Bound, w.Fields, w.Lacking})
		}
	}
	return &graphql.Response{Data: []byte("null"), Extensions: map[string]any{
		"cost": map[string]any{"estimatedCalls": c.Estimate, "maximumCalls": c.Bound, "upstreamCalls": 0, "roundTrips": len(c.Waves)},
		"plan": plan,
	}}
}
