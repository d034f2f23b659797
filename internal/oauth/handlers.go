package oauth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Login sends the browser to the partner's consent page. return_to is where it
// comes back to in the end: a path here, or a page on one of the origins.
func (s *Sessions) Login(w http.ResponseWriter, r *http.Request) {
	if to := s.otherName(r); to != "" {
		http.Redirect(w, r, to, http.StatusFound)
		return
	}
	back, ok := s.returnTo(r)
	if !ok {
		s.o.Refuse(w, r, http.StatusBadRequest, "return_to must be a path on this address, or a page of one of --cors-origins.")
		return
	}
	l := login{State: rand.Text(), Verifier: oauth2.GenerateVerifier(), ReturnTo: back, Ends: time.Now().Add(loginLife)}
	if !s.keepLogins(w, append(s.loginsOf(r), l)) {
		s.o.Refuse(w, r, http.StatusBadRequest, "return_to is too long: it may have about 1,800 bytes.")
		return
	}
	http.Redirect(w, r, s.config.AuthCodeURL(l.State, oauth2.S256ChallengeOption(l.Verifier)), http.StatusFound)
}

// otherName returns where a browser has to start that calls this machine by another
// name, localhost for 127.0.0.1: cookies of the one are not sent to the other,
// which the partner leads back to.
func (s *Sessions) otherName(r *http.Request) string {
	_, host, _ := strings.Cut(s.origin, "://")
	if r.Host == host || !loopback(r.Host) || !loopback(host) || r.URL.Query().Has("again") {
		return ""
	}
	q := r.URL.Query()
	q.Set("again", "1") // a proxy may hide the name that the browser uses: not in circles
	return s.o.PublicURL + r.URL.Path + "?" + q.Encode()
}

func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// returnTo reads return_to, our front page when there is none, and reports whether a
// browser may be sent there. It is absolute: what a browser makes of a path that
// begins with two slashes, or with an escaped one, need not be known.
func (s *Sessions) returnTo(r *http.Request) (string, bool) {
	to := r.FormValue("return_to")
	switch {
	case to == "":
		return s.o.PublicURL + "/", true
	case to[0] == '/':
		to = s.origin + "/" + strings.TrimLeft(to, "/\\")
	}
	u, err := url.Parse(to)
	if err != nil || u.User != nil || u.Opaque != "" {
		return "", false
	}
	return u.String(), slices.Contains(append([]string{s.origin}, s.o.Origins...), u.Scheme+"://"+u.Host)
}

// Callback is where the partner sends the browser back to, with a code. What
// goes wrong from here on is reported to the page where the sign-in began, as
// signin_error in its address.
func (s *Sessions) Callback(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Referrer-Policy", "no-referrer") // the address holds the code
	q := r.URL.Query()
	l, others := s.loginsOf(r).take(q.Get("state"))
	if l == nil {
		s.page(w, http.StatusBadRequest, "This sign-in was not begun in this browser, or more than ten minutes ago.")
		return
	}
	if !s.returned.allow(s.o.Client(r)) {
		w.Header().Set("Retry-After", "1")
		s.page(w, http.StatusTooManyRequests, "Too many sign-ins at once: wait for a moment.")
		return
	}
	s.keepLogins(w, others)
	first, err := s.o.Store.Add(r.Context(), "state:"+keyOf(l.State), "used", loginLife)
	switch {
	case err != nil:
		s.goBack(w, r, l, "unavailable")
		return
	case !first:
		s.page(w, http.StatusBadRequest, "This sign-in is over already.")
		return
	case q.Get("error") != "" || q.Get("code") == "":
		s.goBack(w, r, l, declined(q.Get("error")))
		return
	}
	// If the browser goes away, no unknown tokens may be left behind.
	ctx := context.WithoutCancel(r.Context())
	t, err := s.exchange(ctx, q.Get("code"), l.Verifier)
	if err != nil {
		reason := "unavailable"
		if errors.Is(err, errGrant) {
			reason = "code_refused"
		}
		s.goBack(w, r, l, reason)
		return
	}
	id, err := s.begin(ctx, t)
	if err != nil {
		_ = s.revoke(ctx, t)
		s.goBack(w, r, l, "unavailable")
		return
	}
	if old, err := r.Cookie(s.cookie); err == nil {
		_ = s.end(ctx, keyOf(old.Value), t) // its cookie is about to be replaced
	}
	s.setCookie(w, s.cookie, id, s.o.Lifetime)
	s.goBack(w, r, l, "")
}

// declined returns the reason reported to a page when the partner sends no code:
// the partner's own word if it is one of the standard's, else server_error.
// https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
func declined(word string) string {
	switch word {
	case "access_denied", "temporarily_unavailable", "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope":
		return word
	}
	return "server_error"
}

// goBack sends the browser back to where the sign-in began, with a reason if it failed. To a page of
// another origin it goes by way of a page of its own: a browser applies the form-action
// policy of the consent page to all redirects behind it, and what the partner may
// allow there is the app's redirect URI, no origin that only we know.
func (s *Sessions) goBack(w http.ResponseWriter, r *http.Request, l *login, reason string) {
	to, err := url.Parse(l.ReturnTo)
	if err != nil {
		panic(err) // it was checked before it was sealed
	}
	if reason != "" {
		q := to.Query()
		q.Set("signin_error", reason)
		to.RawQuery = q.Encode()
	}
	if slices.Contains(s.o.Origins, to.Scheme+"://"+to.Host) {
		show(w, http.StatusOK, onward, to.String())
		return
	}
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// setCookie sets a cookie for some time, or removes it with a negative one.
func (s *Sessions) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	seconds := int(life.Seconds())
	if life < 0 {
		seconds = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: s.secure,
		SameSite: http.SameSiteLaxMode, // Strict would withhold it from the page that the partner leads back to
	})
}

// Forget removes the cookie of a session that is over.
func (s *Sessions) Forget(w http.ResponseWriter) { s.setCookie(w, s.cookie, "", -1) }

// Logout ends the session and revokes its tokens. It answers with
// {"revoked": true} or, if return_to is given, with a redirect. The router
// makes sure that no other site can send it.
func (s *Sessions) Logout(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	back, ok := s.returnTo(r)
	if !ok {
		s.o.Refuse(w, r, http.StatusBadRequest, "return_to must be a path on this address, or a page of one of --cors-origins.")
		return
	}
	err := ErrSignedOut
	if cookie, none := r.Cookie(s.cookie); none == nil {
		err = s.end(context.WithoutCancel(r.Context()), keyOf(cookie.Value), nil)
	}
	if errors.Is(err, ErrStore) { // the cookie stays: the session does
		s.o.Refuse(w, r, http.StatusServiceUnavailable, "Sessions cannot be ended at the moment: try again.")
		return
	}
	s.Forget(w)
	if r.FormValue("return_to") != "" {
		http.Redirect(w, r, back, http.StatusSeeOther)
		return
	}
	writeJSON(w, http.StatusOK, map[string]bool{"revoked": err == nil})
}

// status is what a page learns about its session.
type status struct {
	SignedIn bool       `json:"signedIn"`
	Owner    *Owner     `json:"owner,omitempty"`
	Ends     *time.Time `json:"ends,omitempty"`
}

// RenewalFailed is the message for [ErrPartner].
const RenewalFailed = "The partner does not renew the session at the moment: try again."

// Session answers a page whether its browser is signed in, and as whom.
func (s *Sessions) Session(w http.ResponseWriter, r *http.Request) {
	u, err := s.User(r)
	switch {
	case errors.Is(err, ErrSignedOut):
		s.Forget(w)
		writeJSON(w, http.StatusOK, status{})
	case errors.Is(err, http.ErrNoCookie):
		writeJSON(w, http.StatusOK, status{})
	case errors.Is(err, ErrPartner):
		s.o.Refuse(w, r, http.StatusBadGateway, RenewalFailed)
	case err != nil:
		s.o.Refuse(w, r, http.StatusServiceUnavailable, "Sessions cannot be read at the moment: try again.")
	default:
		writeJSON(w, http.StatusOK, status{true, &u.Owner, &u.Ends})
	}
}

func writeJSON(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(value) // fails if the client has gone
}

const pageHead = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sign-in</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}</style>`

var (
	failed = template.Must(template.New("").Parse(pageHead + `</head>
<body><h1>Sign-in did not work</h1><p>{{.}}</p><p><a href="login">Sign in again</a></p></body></html>
`))
	onward = template.Must(template.New("").Parse(pageHead + `<meta http-equiv="refresh" content="0; url={{.}}"></head>
<body><p><a href="{{.}}">Go on</a></p></body></html>
`))
)

// page answers with a page of our own what cannot be reported to the page where the sign-in began.
func (s *Sessions) page(w http.ResponseWriter, code int, message string) {
	show(w, code, failed, message)
}

func show(w http.ResponseWriter, code int, page *template.Template, data string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = page.Execute(w, data)
}
