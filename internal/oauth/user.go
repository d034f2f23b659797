package oauth

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// User is whom a request with a session's cookie comes from, for as long as the
// request or its stream lasts. It is an [oauth2.TokenSource].
type User struct {
	// Key identifies the session from start to end, whatever its
	// tokens are, and reveals nothing about it.
	Key string
	// Owner is whom the tokens were issued to.
	Owner Owner
	// Ends is when the user has to sign in again.
	Ends time.Time

	sessions *Sessions
	ctx      context.Context

	mu   sync.Mutex
	have *session
	over bool
}

// Over reports whether the session was found to be over since the request began.
func (u *User) Over() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.over
}

// Ended returns a context that is done when the session ends: here, in another
// process, or because its time is over. The session is watched until ctx is done.
func (u *User) Ended(ctx context.Context) context.Context {
	return u.sessions.ends.watch(ctx, u.Key, u.Ends)
}

// Check reports whether the session has ended, with [ErrSignedOut], or cannot be
// read, with [ErrStore].
func (u *User) Check(ctx context.Context) error {
	_, err := u.sessions.load(ctx, u.Key)
	return err
}

// HasCookie reports whether a request has a session cookie.
func (s *Sessions) HasCookie(r *http.Request) bool {
	_, err := r.Cookie(s.cookie)
	return err == nil
}

// User returns the user of the request's session. It returns [http.ErrNoCookie] for a
// request without one, [ErrSignedOut], [ErrStore], [ErrPartner] or the
// context's error.
func (s *Sessions) User(r *http.Request) (*User, error) {
	cookie, err := r.Cookie(s.cookie)
	if err != nil {
		return nil, err
	}
	key := keyOf(cookie.Value)
	have, err := s.fresh(r.Context(), key, "")
	if err != nil {
		return nil, err
	}
	return &User{Key: key, Owner: have.Owner, Ends: have.Ends, sessions: s, ctx: r.Context(), have: have}, nil
}

// Token returns an access token that lasts for a while.
func (u *User) Token() (*oauth2.Token, error) { return u.token("") }

// Renew returns another access token than one that the partner has refused, or
// that one again if there is no better.
func (u *User) Renew(rejected *oauth2.Token) (*oauth2.Token, error) {
	return u.token(rejected.AccessToken)
}

func (u *User) token(rejected string) (*oauth2.Token, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.have.Token.AccessToken == rejected || !u.have.good(rejected) {
		have, err := u.sessions.fresh(u.ctx, u.Key, rejected)
		if err != nil {
			u.over = u.over || errors.Is(err, ErrSignedOut)
			return nil, err
		}
		u.have = have
	}
	return u.have.Token, nil
}
