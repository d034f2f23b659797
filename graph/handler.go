package graph

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/cost"
	"fsgateway/graph/federation"
	"fsgateway/graph/gen"
	"fsgateway/graph/live"
	"fsgateway/graph/loader"
	"fsgateway/graph/model"
	"fsgateway/graph/wire"
	"fsgateway/graph/wire/socket"
)

// Schema is the executable schema for a client.
func Schema(r *Resolver) graphql.ExecutableSchema {
	return gen.NewExecutableSchema(gen.Config{Schema: described(), Resolvers: r, Directives: directives()})
}

// described is the SDL, with what fields cost in their descriptions.
var described = sync.OnceValue(func() *ast.Schema {
	s := gen.NewExecutableSchema(gen.Config{}).Schema()
	cost.Describe(s)
	return s
})

// Options are what the handler is given from outside.
type Options struct {
	socket.Options

	// Viewer is what is known about the sender of a request.
	Viewer func(context.Context) *model.Viewer
	// RateLimit is what a caller may still ask of the partner.
	RateLimit func(context.Context) *model.RateLimit
	// MaxStreams is how many subscriptions of one caller may run at once; 0 for
	// no limit.
	MaxStreams int
	// Guard refuses documents that cost too much to look at; nil for none.
	Guard graphql.HandlerExtension
	// Persisted finds documents that clients send by name; nil for none.
	Persisted graphql.HandlerExtension
	// Federation enables _entities and _service, for routers of Apollo Federation.
	Federation bool
	// Documents keeps valid documents; nil for a cache of the handler's own.
	Documents *Documents
	// Known reports whether the partner has accepted the sender's token; nil for always.
	Known func(context.Context) bool
	// Primed keeps what came inside of answers for operations to come; nil for nothing.
	Primed loader.Primed
	// Version is counted up by each write of a caller; nil has identical queries run singly.
	Version func(context.Context) uint64
	// Introspection reports whether a request may read the schema, or why that
	// cannot be told; nil allows it.
	Introspection func(context.Context) (bool, error)
	// Apart makes calls under a context an operation of their own.
	Apart func(context.Context) context.Context
	// Wave is told when a round trip to the partner begins, and end when it is over; nil for
	// nobody.
	Wave func(ctx context.Context, n int) (end func())
	// Cost says what operations may cost.
	Cost CostOptions
	// MaxAnswer is how many bytes the answer of a query may have; 0 for no limit.
	MaxAnswer int
	// Answered observes how queries are answered.
	Answered AnsweredBy
	// SignInURL is where a browser signs in, "" where none can.
	SignInURL string
}

// Handler serves GraphQL over HTTP and on sockets.
type Handler struct {
	http.Handler
	Sockets *socket.Sockets
	Streams *live.Streams
}

// transport gives a request to what speaks its protocol.
type transport struct {
	wire    *wire.Transport
	sockets *socket.Sockets
}

func (transport) Supports(*http.Request) bool { return true }

func (t transport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	exec = preparer{exec}
	if socket.IsUpgrade(r) {
		t.sockets.Serve(w, r, exec)
		return
	}
	t.wire.Do(w, r, exec)
}

// NewHandler makes a handler.
func NewHandler(r *Resolver, o Options) *Handler {
	schema := Schema(r)
	ops := loader.New(schema.Schema(), r.Client, o.Viewer, o.RateLimit, r.computed())
	ops.Wave, ops.Primed = o.Wave, o.Primed
	h := handler.New(answering{schema, o.Answered, o.MaxAnswer})
	o.NamedDocuments = o.Persisted != nil
	if o.Documents == nil {
		o.Documents = NewDocuments(32 << 20)
	}
	sockets := socket.New(schema.Schema(), o.Options)
	h.AddTransport(transport{wire.New(schema.Schema(), o.Options.Options), sockets})
	h.SetDisableSuggestion(!o.Suggestions)
	for _, e := range []graphql.HandlerExtension{o.Persisted, o.Guard} {
		if e != nil {
			h.Use(e)
		}
	}
	var subgraph *federation.Extension
	if o.Federation {
		subgraph = federation.New(schema.Schema())
		h.Use(subgraph)
	}
	coerceInput(h, schema.Schema(), ops.Schema(), &o)
	presenter := apierror.Present(o.RequestID, o.LogBug)
	h.SetErrorPresenter(presenter)
	h.SetRecoverFunc(func(_ context.Context, v any) error { return apierror.Recovered(v) })
	estimator := cost.New(ops, payloads())
	running := &shares{o: &o, running: map[shareKey]*run{}}
	streams := live.New(ops, live.Options{Caller: o.Caller, Ended: o.Ended, Apart: o.Apart, Present: presenter, Timeout: o.Timeout, MaxStreams: o.MaxStreams})
	h.AroundOperations(o.operations(ops, estimator, running, streams, subgraph))
	h.AroundResponses(streams.EachEvent)
	h.AroundRootFields(fewIntrospections())
	// Root fields of a mutation run one after the other, and each may change
	// what the one before has read, so each has a session of its own.
	h.AroundRootFields(func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
		if graphql.GetOperationContext(ctx).Operation.Operation == ast.Mutation {
			whole := loader.From(ctx)
			inner, own := ops.NewSession(ctx, o.Caller(ctx))
			defer func() { whole.Followed(own) }()
			ctx = inner
		}
		return next(ctx)
	})
	return &Handler{h, sockets, streams}
}

// operations returns what each operation passes before it runs: who may run it, what it may
// cost, and whether an identical one is under way.
func (o *Options) operations(ops *loader.Operations, estimator *cost.Estimator, running *shares, streams *live.Streams, subgraph *federation.Extension) graphql.OperationMiddleware {
	return func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		op := graphql.GetOperationContext(ctx)
		if err := o.refuse(ctx, op); err != nil {
			return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{err}})
		}
		if sdl := subgraph.Service(op); sdl != nil {
			if err := o.refuseIntrospection(ctx); err != nil {
				sdl = &graphql.Response{Errors: gqlerror.List{err}}
			}
			return graphql.OneShot(sdl)
		}
		if asks(op, dryRunHeader) && op.Operation.Operation == ast.Subscription {
			return graphql.OneShot(notSubscriptions())
		}
		switch op.Operation.Operation {
		case ast.Query:
			return running.query(ctx, func() (responses graphql.ResponseHandler, inner context.Context) {
				inner = ctx
				return o.run(ctx, ops, estimator, func(ctx context.Context) graphql.ResponseHandler {
					inner = ctx
					return next(ctx)
				}), inner
			})
		case ast.Mutation:
			return o.run(ctx, ops, estimator, next)
		case ast.Subscription:
			if err := o.dearEvents(ctx, ops, estimator); err != nil {
				return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{err}})
			}
			var refused *gqlerror.Error
			if ctx, refused = streams.Begin(ctx); refused != nil {
				return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{refused}})
			}
		}
		return next(ctx)
	}
}

// known reports whether the sender of a request is known.
func (o *Options) known(ctx context.Context) bool { return o.Known == nil || o.Known(ctx) }

// admitted is an operation that may run, or why it may not.
type admitted struct {
	session  *loader.Session
	estimate cost.Cost
	refused  *graphql.Response // nil if it may
}

// run runs a query or a mutation, unless it costs too much or is not to run at all. The calls
// that are kept for it are given back when all its parts are answered, and if there is a bug.
func (o *Options) run(ctx context.Context, ops *loader.Operations, estimator *cost.Estimator, next graphql.OperationHandler) graphql.ResponseHandler {
	release, ran := func() {}, false
	defer func() {
		if !ran {
			release()
		}
	}()
	ctx, this := wire.BothPasses(ctx, func(ctx context.Context) (context.Context, *admitted) {
		op, caller := graphql.GetOperationContext(ctx), o.Caller(ctx)
		ctx, session := ops.NewSession(ctx, caller)
		this := &admitted{session: session}
		explain := func() *cost.Plan { return estimator.Explain(op, session, caller) }
		if asks(op, dryRunHeader) {
			this.refused = dryRun(explain())
			return ctx, this
		}
		this.estimate = estimator.Of(op, session, caller)
		err := o.Cost.tooExpensive(ctx, this.estimate, explain)
		if err == nil {
			var free func()
			if free, err = o.reserve(ctx, this.estimate); err == nil {
				release = wire.AtEnd(ctx, free)
			}
		}
		switch {
		case err != nil:
			this.refused = &graphql.Response{Errors: gqlerror.List{err}}
		case op.Operation.Operation == ast.Query:
			session.Start(this.estimate.Estimate)
		}
		return ctx, this
	})
	if this.refused != nil {
		return graphql.OneShot(this.refused)
	}
	responses := next(ctx)
	ran = true
	return func(ctx context.Context) *graphql.Response {
		defer release()
		res := responses(ctx)
		if res != nil && o.MaxAnswer > 0 && len(res.Data) > o.MaxAnswer {
			res = tooLarge(o.MaxAnswer)
		}
		if o.Cost.Show || asks(graphql.GetOperationContext(ctx), costHeader) { // so far, if a part comes later
			o.Cost.shown(ctx, this.estimate, this.session, res)
		}
		return res
	}
}

// dearEvents refuses a subscription each of whose events would take too many calls.
func (o *Options) dearEvents(ctx context.Context, ops *loader.Operations, estimator *cost.Estimator) *gqlerror.Error {
	op, caller := graphql.GetOperationContext(ctx), o.Caller(ctx)
	_, session := ops.NewSession(ctx, caller)
	return o.Cost.tooExpensive(ctx, estimator.Of(op, session, caller), func() *cost.Plan { return estimator.Explain(op, session, caller) })
}

// reserve keeps the calls that an operation can take, and says what its client is told if they
// cannot be had.
func (o *Options) reserve(ctx context.Context, c cost.Cost) (release func(), refused *gqlerror.Error) {
	release, calls, err := o.Cost.reserve(ctx, c)
	if err == nil {
		return release, nil
	}
	refused = apierror.Present(o.RequestID, o.LogBug)(ctx, err)
	if refused.Extensions["code"] == apierror.CodeRateLimited {
		refused.Message = fmt.Sprintf("The operation can take up to %d calls to the partner, and fewer are left at the moment. Try again after retryAfter seconds, or ask for less.", calls)
		refused.Extensions["maximumCalls"] = calls
	}
	return nil, refused
}

// refuse says why a caller may not have an operation run.
func (o *Options) refuse(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	known := o.Caller(ctx) != ""
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query", "Mutation", "Subscription"}) {
		switch {
		case f.Name == "__typename":
		case f.Name == "__schema" || f.Name == "__type":
			if err := o.refuseIntrospection(ctx); err != nil {
				return err
			}
		case !known && !forAnybody(op, f):
			return apierror.New(apierror.CodeUnauthenticated, TokenNeeded(o.SignInURL))
		}
	}
	return nil
}

// refuseIntrospection says why the caller may not read the schema, nil if they may.
func (o *Options) refuseIntrospection(ctx context.Context) *gqlerror.Error {
	if o.Introspection == nil {
		return nil
	}
	switch may, err := o.Introspection(ctx); {
	case may:
		return nil
	case err != nil:
		return apierror.Present(o.RequestID, o.LogBug)(ctx, err)
	case o.Caller(ctx) != "":
		return apierror.New(apierror.CodeForbidden, "Introspection is disabled.")
	}
	return apierror.New(apierror.CodeUnauthenticated, TokenNeeded(o.SignInURL))
}

// forAnybody reports whether a root field is answered to callers without a token:
// whether they are signed in is a question that anybody may ask. Their clinic is not
// known without one.
func forAnybody(op *graphql.OperationContext, f graphql.CollectedField) bool {
	return f.Name == "viewer" && !slices.ContainsFunc(graphql.CollectFields(op, f.Selections, []string{"Viewer"}), func(f graphql.CollectedField) bool {
		return f.Name == "clinic"
	})
}

// TokenNeeded is what a caller is told who is nobody.
func TokenNeeded(signInURL string) string {
	if signInURL == "" {
		return "A token is required; send Authorization: Bearer <token>."
	}
	return "A token is required; send Authorization: Bearer <token>, or sign in with a browser at " + signInURL + "."
}
