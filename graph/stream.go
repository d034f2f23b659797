package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/loader"
	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
)

// stream is one subscription at work. Events are pulled, one for each answer
// that the transport asks for: a slow client makes nothing queue up, and there
// is no goroutine that could outlive it.
type stream struct {
	// next waits for the value of the next answer; nil until the resolver has run.
	next func(context.Context) (value any, eventID string, err error)
	// offer hands a value to the executor, end tells it that there are no more.
	offer func(value any)
	end   func()
	close []func()
	over  bool
	// session is done when the caller's session ends; nil without one.
	session context.Context
}

type streamKey struct{}

// withStream makes a stream that calls end when it is over, and is over when the
// session ends.
func withStream(ctx, session context.Context, end func()) context.Context {
	s := &stream{session: session}
	s.atEnd(ctx, end)
	return context.WithValue(ctx, streamKey{}, s)
}

// atEnd has something called when the stream has told its last, or its operation
// is over.
func (s *stream) atEnd(ctx context.Context, f func()) {
	s.close = append(s.close, f)
	context.AfterFunc(ctx, f)
}

// open connects the source of a subscription to its executor, which wants a
// channel. It never holds more than the value that is about to be written. wrap
// makes the field's value of an event, nil if the subscription is not about it.
func open[T any](ctx context.Context, source *source, err error, wrap func(*fsclient.Event) *T) (<-chan *T, error) {
	if err != nil {
		return nil, err
	}
	s := ctx.Value(streamKey{}).(*stream)
	values := make(chan *T, 1)
	s.next = func(ctx context.Context) (any, string, error) {
		for {
			e, err := source.next(ctx)
			if err != nil {
				return nil, "", err
			}
			if v := wrap(e); v != nil {
				return v, string(e.ID), nil
			}
		}
	}
	s.offer = func(v any) { values <- v.(*T) }
	s.end = func() { close(values) }
	s.atEnd(ctx, source.close)
	return values, nil
}

// refusedStream says whether the operation in ctx has no events to wait for: it is no
// subscription, or was refused before it began.
func refusedStream(ctx context.Context) bool {
	s, _ := ctx.Value(streamKey{}).(*stream)
	return s == nil || s.next == nil
}

// eachEvent gives every event of a subscription a loader set and a time of its
// own. Waiting for an event takes as long as it takes.
func eachEvent(ops *loader.Operations, o *Options) graphql.ResponseMiddleware {
	return func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		s, _ := ctx.Value(streamKey{}).(*stream)
		if s == nil || s.next == nil {
			return next(ctx)
		}
		if s.over {
			return nil
		}
		value, id, err := s.whileSignedIn(ctx)
		if err != nil {
			s.over = true
			s.end()
			for _, f := range s.close {
				f()
			}
			if ctx.Err() != nil {
				return nil // the client has left
			}
			return &graphql.Response{Errors: gqlerror.List{apierror.Present(o.RequestID, o.LogBug)(ctx, ended(err))}}
		}
		op := graphql.GetOperationContext(ctx)
		ctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		ctx, set := ops.NewSet(ctx, o.Caller(ctx))
		set.Arrived(rootField(op), value)
		s.offer(value)
		res := next(ctx)
		if res != nil {
			if res.Extensions == nil {
				res.Extensions = map[string]any{}
			}
			res.Extensions["eventId"] = id
		}
		return res
	}
}

// whileSignedIn is next, but fails with [apierror.ErrSignedOut] when the session ends.
func (s *stream) whileSignedIn(ctx context.Context) (value any, eventID string, err error) {
	if s.session == nil {
		return s.next(ctx)
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.session, cancel)()
	value, eventID, err = s.next(waiting)
	if s.session.Err() != nil && ctx.Err() == nil {
		return nil, "", apierror.ErrSignedOut // an event that came at the same time is not told any more
	}
	return value, eventID, err
}

// ended returns the context that ends with the caller's session, nil without one.
func (o *Options) ended(ctx context.Context) context.Context {
	if o.Ended == nil {
		return nil
	}
	return o.Ended(ctx)
}

// rootField is the field of a subscription; the validator sees to it that there
// is one.
func rootField(op *graphql.OperationContext) graphql.CollectedField {
	return graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"})[0]
}

// ended names what ended a stream.
func ended(err error) error {
	switch {
	case errors.Is(err, apierror.ErrSignedOut):
		return apierror.New(apierror.CodeUnauthenticated, "The session has ended: sign in again.")
	case errors.Is(err, events.ErrLagged):
		return apierror.New(apierror.CodeSubscriptionLagged, "The client reads too slowly, the next event is no longer kept: subscribe again with after.")
	case errors.Is(err, events.ErrGap):
		return apierror.New(apierror.CodeSubscriptionGap, "The gateway's event log in Redis lost its data, and events may be missing here: subscribe again with after, and they are read from the partner's list.")
	case errors.Is(err, events.ErrClosed):
		return apierror.New(apierror.CodeSubscriptionClosed, "The gateway is stopping: subscribe again with after.")
	}
	return err
}
