// Package live answers subscriptions: it follows the event bus as far as the partner
// lets the caller see, catches up with what the caller has missed, and counts how many
// streams each caller has. How an answer travels is up to package wire.
package live

import (
	"context"
	"errors"
	"time"

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
	// apart makes calls under a context an operation of their own.
	apart func(context.Context) context.Context
	// session is done when the caller's session ends; nil without one.
	session context.Context
}

type streamKey struct{}

// atEnd has something called when the stream has told its last, or its operation
// is over.
func (s *stream) atEnd(ctx context.Context, f func()) {
	s.close = append(s.close, f)
	context.AfterFunc(ctx, f)
}

// Open connects a source of values to the executor, which wants a channel. It never
// holds more than the value that is about to be written. next waits for the next value
// and the id of its event; end is called when the subscription is over.
func Open[T any](ctx context.Context, next func(context.Context) (*T, string, error), end func()) <-chan *T {
	s := ctx.Value(streamKey{}).(*stream)
	values := make(chan *T, 1)
	s.next = func(ctx context.Context) (any, string, error) { return next(ctx) }
	s.offer = func(v any) { values <- v.(*T) }
	s.end = func() { close(values) }
	s.atEnd(ctx, end)
	return values
}

// Follow opens a subscription to events of some types, all for none, after an event if
// one is given. wrap makes the field's value of an event, nil if the subscription is
// not about it.
func Follow[T any](ctx context.Context, f *Feed, types []fsclient.EventType, after *string, wrap func(*fsclient.Event) *T) (<-chan *T, error) {
	source, err := f.follow(ctx, types, after)
	if err != nil {
		return nil, err
	}
	next := func(ctx context.Context) (*T, string, error) {
		for {
			e, err := source.next(ctx.Value(streamKey{}).(*stream).apart(ctx))
			if err != nil {
				return nil, "", err
			}
			if v := wrap(e); v != nil {
				return v, string(e.ID), nil
			}
		}
	}
	return Open(ctx, next, source.close), nil
}

// Refused reports whether the operation in ctx has no events to wait for: it is no
// subscription, or was refused before it began.
func Refused(ctx context.Context) bool {
	s, _ := ctx.Value(streamKey{}).(*stream)
	return s == nil || s.next == nil
}

// Options are what streams need from outside.
type Options struct {
	// Caller stands for the token of a request, opaquely, "" for none.
	Caller func(context.Context) string
	// Ended returns a context that is done when the session of ctx's caller ends,
	// which is watched until ctx is done; nil for a caller without a session. A stream
	// ends with it. Ended may be nil.
	Ended func(ctx context.Context) context.Context
	// Apart makes calls under a context an operation of their own: those for each event.
	Apart func(context.Context) context.Context
	// Present turns an error into what the client sees.
	Present graphql.ErrorPresenterFunc
	// Timeout bounds the answer to each event.
	Timeout time.Duration
	// MaxStreams is how many subscriptions of one caller may run at once; 0 for no
	// limit.
	MaxStreams int
}

// Streams are the subscriptions that are running.
type Streams struct {
	o       Options
	loads   *loader.Operations
	running limit
}

// New makes a set of streams. Each event is answered with calls of its own from loads.
func New(loads *loader.Operations, o Options) *Streams {
	return &Streams{o: o, loads: loads, running: limit{most: o.MaxStreams}}
}

// Running returns how many subscriptions run.
func (s *Streams) Running() int { return s.running.total() }

// Begin begins a subscription, or says why the caller may not have it. The stream is
// over when the context that it is given ends, or the caller's session.
func (s *Streams) Begin(ctx context.Context) (context.Context, *gqlerror.Error) {
	end, refused := s.running.begin(s.o.Caller(ctx))
	if refused != nil {
		return ctx, refused
	}
	st := &stream{apart: s.o.Apart}
	if s.o.Ended != nil {
		st.session = s.o.Ended(ctx)
	}
	st.atEnd(ctx, end)
	return context.WithValue(ctx, streamKey{}, st), nil
}

// EachEvent gives every event of a subscription a loader session and a time of its own.
// Waiting for an event takes as long as it takes. It is a [graphql.ResponseMiddleware].
func (s *Streams) EachEvent(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	st, _ := ctx.Value(streamKey{}).(*stream)
	if st == nil || st.next == nil {
		return next(ctx)
	}
	if st.over {
		return nil
	}
	value, id, err := st.whileSignedIn(ctx)
	if err != nil {
		st.over = true
		st.end()
		for _, f := range st.close {
			f()
		}
		if ctx.Err() != nil {
			return nil // the client has left
		}
		return &graphql.Response{Errors: gqlerror.List{s.o.Present(ctx, ended(err))}}
	}
	op := graphql.GetOperationContext(ctx)
	ctx, cancel := context.WithTimeout(s.o.Apart(ctx), s.o.Timeout)
	defer cancel()
	// Something has happened, so what was kept from before may be wrong.
	ctx, session := s.loads.NewSession(fsclient.WithFresh(ctx), s.o.Caller(ctx))
	session.Arrived(rootField(op), value)
	st.offer(value)
	res := next(ctx)
	if res != nil {
		if res.Extensions == nil {
			res.Extensions = map[string]any{}
		}
		res.Extensions["eventId"] = id
	}
	return res
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

// rootField is the field of a subscription; the validator ensures that there
// is one.
func rootField(op *graphql.OperationContext) graphql.CollectedField {
	return graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"})[0]
}

// ended names what ended a stream.
func ended(err error) error {
	switch {
	case errors.Is(err, apierror.ErrSignedOut):
		return apierror.New(apierror.CodeUnauthenticated, "The session has ended; sign in again.")
	case errors.Is(err, events.ErrLagged):
		return apierror.New(apierror.CodeSubscriptionLagged, "The client reads too slowly, and the next event is no longer kept; subscribe again with after.")
	case errors.Is(err, events.ErrGap):
		return apierror.New(apierror.CodeSubscriptionGap, "The gateway's event log in Redis lost data, so events may be missing; subscribe again with after to read them from the partner.")
	case errors.Is(err, events.ErrClosed):
		return apierror.New(apierror.CodeSubscriptionClosed, "The gateway is stopping; subscribe again with after.")
	}
	return err
}

type lastEventKey struct{}

// WithLastEventID notes which event a reconnecting client says it has seen last, "" for
// none.
func WithLastEventID(ctx context.Context, id string) context.Context {
	if id == "" {
		return ctx
	}
	return context.WithValue(ctx, lastEventKey{}, id)
}

func lastEventIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(lastEventKey{}).(string)
	return id
}
