package graph

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/gen"
	"fsgateway/graph/live"
	"fsgateway/graph/loader"
	"fsgateway/graph/model"
)

// Schema is the executable schema for a client.
func Schema(r *Resolver) graphql.ExecutableSchema {
	return gen.NewExecutableSchema(gen.Config{Resolvers: r, Directives: directives()})
}

// Options are what the handler is given from outside.
type Options struct {
	// Caller stands for the token of a request, opaquely, "" for none.
	Caller func(context.Context) string
	// Viewer is what is known of whoever sent a request.
	Viewer func(context.Context) *model.Viewer
	// Authenticate makes the context of the caller whose Authorization came over
	// a socket; an error refuses it.
	Authenticate func(ctx context.Context, authorization string) (context.Context, error)
	// Operation makes the context of each operation of a socket, since there is
	// one request for all; nil for the same.
	Operation func(context.Context) context.Context
	// Ended returns a context that is done when the session of ctx's caller ends,
	// which is watched until ctx is done; nil for a caller without a session. A
	// stream or a socket ends with it. Check asks for the same before each operation
	// of a socket: it returns [apierror.ErrSignedOut], or why it cannot tell. Both may be nil.
	Ended func(ctx context.Context) context.Context
	Check func(ctx context.Context) error
	// Origins are those of the pages that may open sockets, beside the gateway's
	// own.
	Origins []string
	// RequestID is the gateway's id of a request.
	RequestID func(context.Context) string
	// LogBug is told of errors that are the gateway's fault.
	LogBug func(context.Context, error)
	// Timeout bounds an operation. What is there when it is over is answered,
	// with errors for the rest.
	Timeout time.Duration
	// WriteTimeout is how long the client of a socket may take to accept each 128
	// KiB of a message. The default is 10 seconds.
	WriteTimeout time.Duration
	// Done is told of each response, for the access log and the metrics.
	Done func(context.Context, Result)
	// MaxBody bounds the body of a request, in bytes.
	MaxBody int64
	// MaxRequestErrors and MaxExecutionErrors are how many errors leave, at
	// most, of a document that was refused and of an operation that ran. The
	// defaults are 10 and 100.
	MaxRequestErrors, MaxExecutionErrors int
	// MaxStreams is how many subscriptions of one caller may run at once; 0 for
	// no limit.
	MaxStreams int
	// Guard refuses documents that cost too much to look at; nil for none.
	Guard graphql.HandlerExtension
	// Persisted finds documents that clients send by name; nil for none.
	Persisted graphql.HandlerExtension
	// Introspection reports whether a request may read the schema, or why that
	// cannot be told; nil allows it.
	Introspection func(context.Context) (bool, error)
	// SignInURL is where a browser signs in, "" where none can.
	SignInURL string
	// Suggestions lets the refusal of an unknown name say which one is close.
	Suggestions bool
	// DraftStatus answers with the statuses of the 2026 draft of GraphQL over
	// HTTP: 422 for what was refused, 294 for data with errors.
	DraftStatus bool
}

// Result is what there is to say of a response without repeating any of it.
type Result struct {
	// Operation is the name the client gave it, Type query, mutation or
	// subscription; both "" for what was refused before it was known.
	Operation, Type string
	// Codes are those of the errors that left.
	Codes  []string
	Status int
}

// writeTime is how long writing a message of n bytes to a socket may take.
func (o *Options) writeTime(n int) time.Duration {
	return cmp.Or(o.WriteTimeout, 10*time.Second) * time.Duration(n/(128<<10)+1)
}

func (o *Options) maxRequestErrors() int   { return cmp.Or(o.MaxRequestErrors, 10) }
func (o *Options) maxExecutionErrors() int { return cmp.Or(o.MaxExecutionErrors, 100) }

func (o *Options) operation(ctx context.Context) context.Context {
	if o.Operation == nil {
		return ctx
	}
	return o.Operation(ctx)
}

// Handler serves GraphQL over HTTP and on sockets.
type Handler struct {
	http.Handler
	sockets *sockets
}

// Drain takes no more sockets, and closes those that are open so that their
// clients come back elsewhere: at once, or when the queries and mutations under
// way are answered.
func (h *Handler) Drain() { h.sockets.drain() }

// Shutdown drains and waits until no socket is left. When ctx ends it cuts
// those that are.
func (h *Handler) Shutdown(ctx context.Context) {
	h.sockets.drain()
	h.sockets.wait(ctx)
}

// Whole wraps what requests pass on their way to h, and lets Shutdown wait until
// those of sockets are through all of it.
func (h *Handler) Whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isUpgrade(r) && h.sockets.begin() {
			defer h.sockets.open.Done()
		}
		next.ServeHTTP(w, r)
	})
}

// NewHandler makes a handler.
func NewHandler(r *Resolver, o Options) *Handler {
	schema := Schema(r)
	ops := loader.New(schema.Schema(), r.Client, o.Viewer)
	h := handler.New(schema)
	sockets := newSockets()
	h.AddTransport(transport{o, sockets, schema.Schema()})
	h.SetDisableSuggestion(!o.Suggestions)
	for _, e := range []graphql.HandlerExtension{o.Persisted, o.Guard} {
		if e != nil {
			h.Use(e)
		}
	}
	coerceInput(h, schema.Schema())
	presenter := apierror.Present(o.RequestID, o.LogBug)
	h.SetErrorPresenter(presenter)
	h.SetRecoverFunc(func(_ context.Context, v any) error { return apierror.Recovered(v) })
	streams := live.New(ops, live.Options{Caller: o.Caller, Ended: o.Ended, Present: presenter, Timeout: o.Timeout, MaxStreams: o.MaxStreams})
	h.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		op := graphql.GetOperationContext(ctx)
		if err := o.refuse(ctx, op); err != nil {
			return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{err}})
		}
		switch op.Operation.Operation {
		case ast.Query:
			ctx = newSet(ctx, ops, o.Caller(ctx))
		case ast.Subscription:
			var refused *gqlerror.Error
			if ctx, refused = streams.Begin(ctx); refused != nil {
				return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{refused}})
			}
		}
		return next(ctx)
	})
	h.AroundResponses(streams.EachEvent)
	// Root fields of a mutation run one after the other, and each may change
	// what the one before has read, so each begins with an empty set.
	h.AroundRootFields(func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
		if graphql.GetOperationContext(ctx).Operation.Operation == ast.Mutation {
			ctx, _ = ops.NewSet(ctx, o.Caller(ctx))
		}
		return next(ctx)
	})
	return &Handler{h, sockets}
}

// newSet starts every call that a query needs. The two passes of a query with
// parts that come later share one.
func newSet(ctx context.Context, ops *loader.Operations, caller string) context.Context {
	d, _ := ctx.Value(deferralKey{}).(*deferral)
	if d == nil {
		ctx, set := ops.NewSet(ctx, caller)
		set.Start()
		return ctx
	}
	this := graphql.GetOperationContext(ctx)
	if d.ctx == nil {
		whole, set := ops.NewSet(graphql.WithOperationContext(ctx, d.whole), caller)
		set.Start()
		d.ctx = whole
	}
	return graphql.WithOperationContext(d.ctx, this)
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
		return apierror.New(apierror.CodeForbidden, "Introspection is switched off here.")
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
		return "A token is needed: send Authorization: Bearer <token>."
	}
	return "A token is needed: send Authorization: Bearer <token>, or sign in with a browser at " + signInURL + "."
}
