package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"path"
	"time"

	"golang.org/x/oauth2"

	"fsgateway/graph/apierror"
	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/oauth"
	"fsgateway/internal/transport"
)

const sessionUnavailable = "The session cannot be read at the moment: try again."

// newSessions makes sign-in, if the partner knows this gateway as an app. base is
// where its API is, network how it is reached. What the relay sends takes one of the
// places of all calls.
func (g *Gateway) newSessions(base string, network http.RoundTripper, places *transport.Places) error {
	id, secret := g.config.client()
	if id == "" {
		return nil
	}
	current, err := g.secret(&g.config.ClientSecret, secret, longEnough)
	if err != nil {
		return fmt.Errorf("%s: %w", g.config.name(&g.config.ClientSecret), err)
	}
	o := oauth.Options{
		ClientID: id, ClientSecret: current.Get,
		AuthorizeURL: base + "/oauth/authorize", TokenURL: base + "/oauth/token", RevokeURL: base + "/oauth/revoke",
		RedirectURL: g.config.redirectURL(), PublicURL: g.config.publicURL(), Origins: g.config.CORSOrigins,
		CallTimeout: g.config.CallTimeout, Lifetime: g.config.SessionLifetime,
		Happened: func(h oauth.Happening) { g.metrics.sessions.WithLabelValues(string(h)).Inc() },
		Revoked:  func(token string) { g.accepted.remove(g.tokenKey(token)) },
		Store:    g.store, Seal: g.keys, Client: func(r *http.Request) netip.Prefix { return networkOf(r.Context()) },
		Refuse: func(w http.ResponseWriter, r *http.Request, status int, message string) {
			code := apierror.CodeBadUserInput
			switch status {
			case http.StatusServiceUnavailable:
				code = apierror.CodeSessionUnavailable
			case http.StatusBadGateway:
				code = apierror.CodeUpstreamUnavailable
			}
			g.fail(w, r, status, code, message)
		},
	}
	if g.sandbox != nil {
		o.AuthorizeURL = g.config.publicURL() + "/api/oauth/authorize" // for browsers, which do not reach into the process
	}
	if g.config.AuthorizeURL != "" {
		o.AuthorizeURL = g.config.AuthorizeURL
	}
	observed := transport.Observe(g.call, g.trace(network))
	o.Transport = transport.Func(func(r *http.Request) (*http.Response, error) {
		route := r.Method + " /oauth/" + path.Base(r.URL.Path)
		r = r.Clone(fsclient.WithRoute(r.Context(), route))
		g.sign(r.Context(), r.Header)
		return observed.RoundTrip(r)
	})
	o.Relay = transport.Limit(places, g.stranger, o.Transport)
	g.sessions = oauth.New(o)
	g.close = append(g.close, func() error { g.sessions.Close(); return nil })
	return nil
}

// signInURL is where a browser signs in, "" where none can.
func (g *Gateway) signInURL() string {
	if g.sessions == nil {
		return ""
	}
	return g.config.publicURL() + "/oauth/login"
}

// routeOAuth serves sign-in, and the relay for apps that do not hold the client's
// secret.
func (g *Gateway) routeOAuth(route func(string, http.Handler, ...func(http.Handler) http.Handler), cors func(http.Handler) http.Handler) {
	off := func(message string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.fail(w, r, http.StatusNotFound, apierror.CodeNotFound, message)
		})
	}
	if g.sessions == nil {
		route("/oauth/", off("Signing in is not enabled; set --client-id and --client-secret."))
		return
	}
	route("/oauth/login", g.only(g.sessions.Login, http.MethodGet))
	route("/oauth/callback", g.only(g.sessions.Callback, http.MethodGet)) // a HEAD must not spend the code
	route("/oauth/session", g.only(g.sessions.Session, http.MethodGet, http.MethodHead), cors)
	route("/oauth/logout", g.only(g.sessions.Logout, http.MethodPost), cors, g.sameSite)
	if !g.config.OAuthRelay && g.sandbox == nil {
		relay := off("There is no relay for tokens here: set --oauth-relay.")
		route("/oauth/token", relay)
		route("/oauth/revoke", relay)
		return
	}
	route("/oauth/token", g.only(g.sessions.Token, http.MethodPost), cors, g.sameSite)
	route("/oauth/revoke", g.only(g.sessions.Revoke, http.MethodPost), cors, g.sameSite)
}

// sameSite refuses what a page of another site makes a browser send, with the user's
// cookie on it, by whatever method and with whatever headers. Following a link is no
// such thing.
func (g *Gateway) sameSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := *r
		if r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			sent.Method = http.MethodPost // of which nothing is taken for harmless
		}
		if g.foreign.Check(&sent) != nil {
			g.fail(w, r, http.StatusForbidden, apierror.CodeForbidden, "A page of another site sent this request (CSRF). Its origin is not in --cors-origins.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// session makes a request with a session's cookie one of the session's user. An
// Authorization header goes before a cookie.
func (g *Gateway) session(next http.Handler) http.Handler {
	if g.sessions == nil {
		return next
	}
	as := g.sameSite(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := g.sessions.User(r)
		switch {
		case err == nil:
			r = r.WithContext(g.asUser(r.Context(), user))
			w = &forgetting{ResponseWriter: w, over: user.Over, forget: g.sessions.Forget}
		case errors.Is(err, oauth.ErrSignedOut):
			g.sessions.Forget(w)
		case errors.Is(err, oauth.ErrPartner):
			g.fail(w, r, http.StatusBadGateway, apierror.CodeUpstreamUnavailable, oauth.RenewalFailed)
			return
		default:
			g.fail(w, r, http.StatusServiceUnavailable, apierror.CodeSessionUnavailable, sessionUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if transport.CallerFrom(r.Context()).Key != "" || !g.sessions.HasCookie(r) {
			next.ServeHTTP(w, r)
			return
		}
		as.ServeHTTP(w, r)
	})
}

// forgetting removes the cookie of a session that ends while a request of it is
// answered.
type forgetting struct {
	http.ResponseWriter
	over   func() bool
	forget func(http.ResponseWriter)
}

func (f *forgetting) WriteHeader(status int) {
	if f.over() {
		f.forget(f.ResponseWriter)
	}
	f.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (f *forgetting) Unwrap() http.ResponseWriter { return f.ResponseWriter }

type userKey struct{}

// asUser makes calls under ctx those of a session's user.
func (g *Gateway) asUser(ctx context.Context, u *oauth.User) context.Context {
	ctx = context.WithValue(ctx, userKey{}, u)
	return as(ctx, transport.Caller{
		Key:    g.hash("session " + u.Key),
		Tokens: tokenSource(u.Token),
		Renew:  u.Renew,
	})
}

// tokenSource is a session's, as package transport wants it.
type tokenSource func() (*oauth2.Token, error)

func (t tokenSource) Token() (*oauth2.Token, error) {
	token, err := t()
	if errors.Is(err, oauth.ErrSignedOut) {
		return nil, transport.ErrSignedOut
	}
	return token, err
}

// userFrom returns the session's user that calls under ctx are of, nil for none: a
// socket's own token goes before the cookie.
func userFrom(ctx context.Context) *oauth.User {
	u, _ := ctx.Value(userKey{}).(*oauth.User)
	if transport.CallerFrom(ctx).Renew == nil {
		return nil
	}
	return u
}

// ended returns a context that is done when the caller's session ends, nil without
// one.
func ended(ctx context.Context) context.Context {
	if u := userFrom(ctx); u != nil {
		return u.Ended(ctx)
	}
	return nil
}

// checkSession reports why the caller's session can no longer be used.
func checkSession(ctx context.Context) error {
	u := userFrom(ctx)
	if u == nil {
		return nil
	}
	switch err := u.Check(ctx); {
	case errors.Is(err, oauth.ErrSignedOut):
		return apierror.ErrSignedOut
	case err != nil:
		return apierror.New(apierror.CodeSessionUnavailable, sessionUnavailable)
	}
	return nil
}

// viewer is what is known of the caller in ctx.
func viewer(ctx context.Context) *model.Viewer {
	u := userFrom(ctx)
	if u == nil {
		return &model.Viewer{}
	}
	ends := fsclient.DateTime(u.Ends.UTC().Format(time.RFC3339))
	v := &model.Viewer{SignedIn: true, SessionEndsAt: &ends, Scopes: u.Owner.Scopes}
	if u.Owner.Type == "" || u.Owner.ID == "" {
		return v
	}
	kind := fsclient.UserType(u.Owner.Type)
	v.OwnerType = &kind
	switch kind {
	case fsclient.UserPractitioner:
		v.Practitioner = fsclient.Reference[fsclient.Practitioner](u.Owner.ID)
	case fsclient.UserStaff:
		v.Staff = fsclient.Reference[fsclient.Staff](u.Owner.ID)
	}
	return v
}
