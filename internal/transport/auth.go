package transport

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"

	"golang.org/x/oauth2"
)

// Caller is the user or app that an operation is carried out for.
type Caller struct {
	// Key stands for the token and tells nothing about it: a keyed hash.
	Key string
	// Tokens gives the token for a call. An error that is [ErrSignedOut] counts as
	// the partner's refusal of a token.
	Tokens oauth2.TokenSource
	// Renew gives another token than one that the partner has refused, or that one
	// again if there is no other. It is nil for who sends a token of its own.
	Renew func(rejected *oauth2.Token) (*oauth2.Token, error)
}

// ErrSignedOut says that a caller's session has ended.
var ErrSignedOut = errors.New("transport: the caller has signed out")

// CallerFrom tells for whom calls under ctx are made; the zero Caller is nobody.
func CallerFrom(ctx context.Context) Caller {
	if o := OperationFrom(ctx); o != nil {
		return o.Caller
	}
	return Caller{}
}

// Authorize puts the caller's token on each call. One that is refused is sent
// again with another token if there is one: what the partner does not know the
// sender of, it has not carried out. sign adds what else the headers of a call say of it.
// The request is given another header, so it has to be one that its sender gives away.
func Authorize(sign func(context.Context, http.Header), base http.RoundTripper) http.RoundTripper {
	return Func(func(r *http.Request) (*http.Response, error) {
		c := CallerFrom(r.Context())
		if c.Tokens == nil {
			return nil, errors.New("transport: a call for nobody")
		}
		token, err := c.Tokens.Token()
		if errors.Is(err, ErrSignedOut) {
			return refusal(r), nil
		}
		if err != nil {
			return nil, err
		}
		res, err := authorized(r, token, sign, base)
		if err != nil || res.StatusCode != http.StatusUnauthorized || c.Renew == nil || r.Body != nil && r.GetBody == nil {
			return res, err
		}
		other, err := c.Renew(token)
		if err != nil || other.AccessToken == token.AccessToken {
			return res, nil // of why there is no other the next call will tell
		}
		again := r.Clone(r.Context())
		if r.GetBody != nil {
			if again.Body, err = r.GetBody(); err != nil {
				return res, nil
			}
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4<<10)) // so that its connection can be used again
		res.Body.Close()
		return authorized(again, other, sign, base)
	})
}

// authorized sends a call with a token, in a header of its own.
func authorized(r *http.Request, token *oauth2.Token, sign func(context.Context, http.Header), base http.RoundTripper) (*http.Response, error) {
	r.Header = maps.Clone(r.Header)
	token.SetAuthHeader(r)
	sign(r.Context(), r.Header)
	return base.RoundTrip(r)
}

// refusal is what the partner would answer to a token that is over.
func refusal(r *http.Request) *http.Response {
	if r.Body != nil {
		r.Body.Close()
	}
	return &http.Response{
		StatusCode: http.StatusUnauthorized, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: r,
	}
}
