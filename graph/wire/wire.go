// Package wire is GraphQL over HTTP: it reads requests, chooses the media type, and
// writes answers whole, in parts (@defer) and as streams of events. WebSockets are in
// package socket. What is executed and what it means is none of its business.
package wire

import (
	"context"
	"errors"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
)

// Transport is GraphQL over HTTP, as the audits of graphql-http want it and as
// far as the draft of 2026 agrees with them. It takes every request, so that
// what is no GraphQL is told so in GraphQL's own form. What a client sent is
// never part of what it is told about it.
type Transport struct {
	o      Options
	schema *ast.Schema
}

// New makes a transport for a schema.
func New(schema *ast.Schema, o Options) *Transport { return &Transport{o, schema} }

func (*Transport) Supports(*http.Request) bool { return true }

func (t *Transport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	ctx, cancel := context.WithTimeout(r.Context(), t.o.Timeout)
	defer cancel()
	x := &Exchange{Options: &t.o, w: w, media: mediaJSON}
	defer x.recover(ctx)
	defer x.Release()

	accepted, found := negotiate(r.Header.Values("Accept"))
	if found {
		x.media, x.legacy = accepted.media, accepted.legacy
	}
	params, refused := t.read(w, r)
	switch {
	case refused != nil:
		x.refuse(ctx, refused)
		return
	case !found:
		x.refuse(ctx, notAcceptable)
		return
	}

	op, errs := exec.CreateOperationContext(ctx, params)
	if errs != nil {
		res := exec.DispatchError(graphql.WithOperationContext(ctx, op), t.o.RequestErrors(op, errs))
		x.write(ctx, x.RequestStatus(errs), res)
		return
	}
	x.Result.Operation, x.Result.Type = op.Operation.Name, string(op.Operation.Operation)
	subscription := op.Operation.Operation == ast.Subscription
	switch {
	case subscription && r.Method == http.MethodHead:
		x.refuse(ctx, notAllowed("GET, POST", "A subscription cannot be sent with HEAD; use GET or POST."))
		return
	case subscription && accepted.subscription == nil:
		x.refuse(ctx, Refusef(http.StatusNotAcceptable, "A subscription needs a stream; add %s to Accept, or use a WebSocket with the subprotocol %s.", mediaEvents, Subprotocol))
		return
	case !subscription && accepted.only:
		x.refuse(ctx, notAcceptable)
		return
	case op.Operation.Operation == ast.Mutation && r.Method != http.MethodPost:
		x.refuse(ctx, notAllowed(http.MethodPost, "A mutation cannot be sent with GET; use POST."))
		return
	}
	d := defers(t.schema, op, accepted.defers && !accepted.streams)
	switch {
	case subscription:
		x.events(r.Context(), accepted.subscription, r, exec, op) // each event has a time of its own
		return
	case accepted.streams:
		x.events(ctx, serverSent, r, exec, op)
		return
	case d != nil:
		x.stream(ctx, exec, d)
		return
	}
	res := x.run(ctx, exec, op)
	x.write(ctx, x.Status(res), res)
}

var notAcceptable = Refusef(http.StatusNotAcceptable, "Accept has no media type that the gateway can send; add %s or %s.", mediaGraphQL, mediaJSON)

// run executes an operation that has one answer.
func (x *Exchange) run(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext) *graphql.Response {
	responses, ctx := x.Dispatch(ctx, exec, op)
	return Answer(responses(ctx))
}

// Dispatch begins an operation. A bug in what makes its answers, outside of any
// field, is an answer too, and the last: only so can a stream that has begun say
// in its own form that something went wrong.
func (x *Exchange) Dispatch(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	inner := ctx
	var responses graphql.ResponseHandler
	if bug := x.guarded(ctx, func() { responses, inner = exec.DispatchOperation(ctx, op) }); bug != nil {
		return graphql.OneShot(bug), ctx
	}
	over := false
	return func(ctx context.Context) (res *graphql.Response) {
		if over {
			return nil
		}
		if bug := x.guarded(ctx, func() { res = responses(ctx) }); bug != nil {
			over, res = true, bug
		}
		return x.hold(ctx, res)
	}, inner
}

// guarded calls a function and gives the answer for its panic, nil for none.
func (x *Exchange) guarded(ctx context.Context, call func()) (bug *graphql.Response) {
	defer func() {
		switch v := recover(); {
		case v == nil:
		case aborted(v):
			panic(v)
		default:
			x.LogBug(ctx, apierror.Recovered(v))
			bug = &graphql.Response{Errors: gqlerror.List{apierror.Internal()}}
		}
	}()
	call()
	return nil
}

// Answer returns what to say, even if there is nothing.
func Answer(res *graphql.Response) *graphql.Response {
	if res != nil {
		return res
	}
	return &graphql.Response{Errors: gqlerror.List{apierror.Canceled()}}
}

// aborted reports whether a handler broke its answer off on purpose.
func aborted(v any) bool {
	err, ok := v.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// recover answers for a bug outside of any field.
func (x *Exchange) recover(ctx context.Context) {
	v := recover()
	switch {
	case v == nil:
		return
	case aborted(v), x.begun:
		panic(v)
	}
	x.LogBug(ctx, apierror.Recovered(v))
	x.write(ctx, http.StatusInternalServerError, &graphql.Response{Errors: gqlerror.List{apierror.Internal()}})
}
