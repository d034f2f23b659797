package socket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/wire"
	"fsgateway/graph/wire/form"
)

// maxRunning is how many operations may run at once on a socket: as many
// streams as a connection of HTTP/2 is usually given.
const maxRunning = 100

// operation is one on a socket. It has no ResponseWriter.
type operation struct {
	wire.Exchange
	id      string
	cancel  context.CancelFunc
	streams bool // it is a subscription
}

// subscribe begins an operation of any type.
func (s *socket) subscribe(m *message) *closeReason {
	if !s.acknowledged {
		return closeUnauthorized
	}
	params, c := s.params(m.payload)
	if c != nil {
		return c
	}
	params.Headers = s.header
	ctx, cancel := context.WithCancel(graphql.StartOperationTrace(s.o.operation(s.caller)))
	op := &operation{Exchange: wire.Exchange{Options: &s.o.Options}, id: m.id, cancel: cancel}
	op.Result.Status = http.StatusOK

	s.mu.Lock()
	exists, full, over := s.running[m.id] != nil, len(s.running) >= maxRunning, s.over || s.leaving()
	begins := !exists && !full && !over
	if begins {
		s.running[m.id] = op
		s.work.Go(func() { s.run(ctx, op, params) })
	}
	s.mu.Unlock()
	if begins {
		return nil
	}
	defer cancel()
	switch {
	case over: // unanswered, it is asked again on the client's next socket
		return nil
	case exists:
		return closeExists
	}
	s.say(op.failure(ctx, http.StatusTooManyRequests, gqlerror.List{{
		Message:    fmt.Sprintf("This WebSocket already runs %d operations, the maximum; wait for one to end.", maxRunning),
		Extensions: map[string]any{"code": apierror.CodeTooManyOperations, "maximum": maxRunning},
	}})())
	s.o.Done(ctx, op.Result)
	return nil
}

// run executes an operation and sends its client all results.
func (s *socket) run(ctx context.Context, op *operation, params *graphql.RawParams) {
	defer op.cancel()
	defer s.end(op)
	defer op.Release()
	defer func() { s.o.Done(ctx, op.Result) }()
	defer func() {
		if v := recover(); v != nil {
			s.o.LogBug(ctx, apierror.Recovered(v))
			s.last(op, op.failure(ctx, http.StatusInternalServerError, gqlerror.List{apierror.Internal()}))
		}
	}()
	if s.o.Check != nil {
		switch err := s.o.Check(ctx); {
		case errors.Is(err, apierror.ErrSignedOut):
			s.close(closeSignedOut)
			return
		case err != nil:
			s.last(op, op.failure(ctx, http.StatusServiceUnavailable, gqlerror.List{apierror.Present(s.o.RequestID, s.o.LogBug)(ctx, err)}))
			return
		}
	}
	o, errs := s.exec.CreateOperationContext(ctx, params)
	if errs != nil {
		res := s.exec.DispatchError(graphql.WithOperationContext(ctx, o), s.o.RequestErrors(o, errs))
		s.last(op, op.failure(ctx, op.RequestStatus(errs), res.Errors))
		return
	}
	op.Result.Operation, op.Result.Type = o.Operation.Name, string(o.Operation.Operation)
	if o.Operation.Operation == ast.Subscription && !s.mayStream(op) {
		return
	}
	wire.WithoutDefer(s.schema, o)
	s.answer(ctx, op, o)
}

// answer sends the outcome of an operation: its results and that they are
// complete, or the error that it ends with.
func (s *socket) answer(ctx context.Context, op *operation, o *graphql.OperationContext) {
	if !op.streams {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.o.Timeout)
		defer cancel()
	}
	responses, ctx := op.Dispatch(ctx, s.exec, o)
	op.Progress(ctx)
	res := responses(ctx)
	if !op.streams {
		res = wire.Answer(res)
		if op.Left(ctx) {
			op.Result.Status = apierror.StatusCanceled
			return
		}
	}
	for ; res != nil; res = responses(ctx) {
		switch {
		case res.Data != nil:
			s.send(op, op.next(ctx, res))
			op.Progress(ctx)
		case wire.Closes(res) && s.leaving():
			return // the socket's close says so, and brings the client back
		default:
			s.last(op, op.failure(ctx, op.Status(res), res.Errors))
			return
		}
	}
	s.last(op, func() []byte { return pack("complete", op.id, nil) })
}

// next makes the message of a result.
func (op *operation) next(ctx context.Context, res *graphql.Response) func() []byte {
	return func() []byte {
		return pack("next", op.id, form.Envelope(op.Errors(ctx, res.Errors), res.Data, res.Extensions))
	}
}

// failure makes the last message of an operation that has no result, or no more.
// status is what it would have over HTTP, for the metrics.
func (op *operation) failure(ctx context.Context, status int, errs gqlerror.List) func() []byte {
	return func() []byte {
		op.Result.Status = status
		var b bytes.Buffer
		form.Encode(&b, op.Errors(ctx, errs))
		return pack("error", op.id, b.Bytes())
	}
}

// mayStream notes that an operation is a subscription, unless none may begin.
func (s *socket) mayStream(op *operation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	op.streams = true
	return !s.over
}

// runs reports whether anything may be said of an operation.
func (s *socket) runs(op *operation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[op.id] == op
}

// end lets an operation's id be used again; false if it had ended before.
func (s *socket) end(op *operation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ran := s.running[op.id] == op
	if ran {
		delete(s.running, op.id)
	}
	return ran
}

// complete stops an operation that its client wants no more of, if it runs.
func (s *socket) complete(id string) {
	s.mu.Lock()
	op := s.running[id]
	delete(s.running, id)
	s.mu.Unlock()
	if op != nil {
		op.cancel()
	}
}
