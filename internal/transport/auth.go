package transport

import (
	"context"
	"errors"
	"net/http"

	"golang.org/x/oauth2"
)

// Caller is whoever an operation is carried out for.
type Caller struct {
	// Key stands for the token and tells nothing about it: a keyed hash.
	Key string
	// Tokens gives the token for a call.
	Tokens oauth2.TokenSource
}

type callerKey struct{}

// WithCaller notes for whom calls under ctx are made.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom tells for whom calls under ctx are made; the zero Caller is nobody.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// Authorize puts the caller's token on each call.
func Authorize(base http.RoundTripper) http.RoundTripper {
	return Func(func(r *http.Request) (*http.Response, error) {
		c := CallerFrom(r.Context())
		if c.Tokens == nil {
			return nil, errors.New("transport: a call for nobody")
		}
		return (&oauth2.Transport{Source: c.Tokens, Base: base}).RoundTrip(r)
	})
}
