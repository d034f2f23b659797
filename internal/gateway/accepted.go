package gateway

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"fsgateway/graph/apierror"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/transport"
)

const (
	// acceptedFor is how long a caller counts as accepted after a call.
	acceptedFor = 5 * time.Minute
	// knownFor is how long a caller is no stranger after a call: a day's work, with its breaks.
	// That gives them a place, but no answer, and a token that is over loses it with its next call.
	knownFor    = 12 * time.Hour
	maxAccepted = 10_000
)

// accepted remembers the callers whose token the partner has accepted lately. Any
// text can be sent as a token; this tells those who have one.
type accepted struct {
	callers *lru.Cache[string, time.Time] // when the partner was asked, by key
	flight  singleflight.Group

	mu      sync.Mutex // so that nobody is removed between a look at removed and being added
	removed changes    // whose token was rejected or revoked
}

func newAccepted() *accepted {
	callers, err := lru.New[string, time.Time](maxAccepted)
	if err != nil {
		panic(err) // the number above is wrong
	}
	return &accepted{callers: callers, removed: newChanges()}
}

// accept notes that the partner, asked at a moment, has accepted the token of ctx's caller.
func (a *accepted) accept(ctx context.Context, at time.Time) {
	op := transport.OperationFrom(ctx)
	if op != nil && !op.Answered.Load() && a.add(op.Caller.Key, at) { // once is enough
		op.Answered.Store(true)
		op.Known.Store(true)
	}
}

// add adds a caller, unless their token was rejected or revoked after the partner was asked: then
// it was good no longer than that.
func (a *accepted) add(key string, at time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.removed.to(key, at) {
		return false
	}
	if have, ok := a.callers.Peek(key); !ok || have.Before(at) {
		a.callers.Add(key, at)
	}
	return true
}

func (a *accepted) remove(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.removed.of(key, time.Now())
	a.callers.Remove(key)
}

// noting notes whose token is rejected by the calls that base carries.
func (a *accepted) noting(base http.RoundTripper) http.RoundTripper {
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		res, err := base.RoundTrip(r)
		if op := transport.OperationFrom(r.Context()); op != nil && err == nil && res.StatusCode == http.StatusUnauthorized {
			op.Known.Store(false)
			a.remove(op.Caller.Key)
		}
		return res, err
	})
}

// stranger reports whether nobody knows that the caller is one: the partner has not yet
// accepted the token that they sent.
func (g *Gateway) stranger(op *transport.Operation) bool {
	if op.Known.Load() || op.Caller.Renew != nil { // of a session it has
		return false
	}
	known := g.acceptedWithin(op, knownFor)
	op.Known.Store(known)
	return !known
}

// known reports whether the partner has accepted the token of ctx's caller.
func (g *Gateway) known(ctx context.Context) bool {
	op := transport.OperationFrom(ctx)
	return op != nil && op.Caller.Key != "" && !g.stranger(op)
}

// proveSocket returns nil if the partner accepts the token of ctx's caller,
// [apierror.ErrSignedOut] if it does not, or there is none, and any other error if it does not say
// so of one whom it has not known lately.
func (g *Gateway) proveSocket(ctx context.Context) error {
	switch caller := transport.CallerFrom(ctx); {
	case caller.Key == "":
		return apierror.ErrSignedOut
	case caller.Renew != nil: // of a session
		return nil
	}
	err := g.accepted.prove(transport.Apart(ctx), g.client)
	if e, ok := errors.AsType[*fsclient.Error](err); ok && e.Kind == fsclient.KindUnauthorized {
		return apierror.ErrSignedOut
	}
	if g.known(ctx) {
		return nil
	}
	return err
}

// prove returns nil if the partner accepts the token of ctx's caller. One that is
// not known is proved by one call, however many requests ask at the same time.
func (a *accepted) prove(ctx context.Context, client *fsclient.Client) error {
	key := transport.CallerFrom(ctx).Key
	if at, known := a.callers.Get(key); known && time.Since(at) < acceptedFor {
		return nil
	}
	done := a.flight.DoChan(key, func() (any, error) {
		now := time.Now()
		_, err := client.Clinic.Get(context.WithoutCancel(ctx)) // the caller may stop waiting
		if e, ok := errors.AsType[*fsclient.Error](err); ok && e.Kind == fsclient.KindForbidden {
			a.add(key, now) // it is a token, of few scopes
			return nil, nil
		}
		return nil, err
	})
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}
