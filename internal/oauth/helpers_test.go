package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"fsgateway/internal/oauth"
	"fsgateway/internal/quota"
	"fsgateway/internal/sandbox"
	"fsgateway/internal/seal"
	"fsgateway/internal/store"
)

const (
	home    = "http://127.0.0.1:8080"
	partner = "http://partner.example"
)

// served answers calls by a handler, in the same goroutine: it works on the
// clock of a synctest bubble.
type served struct{ http.Handler }

func (s served) RoundTrip(r *http.Request) (res *http.Response, err error) {
	w := httptest.NewRecorder()
	defer func() {
		if v := recover(); v != nil {
			res, err = nil, errors.New("connection reset")
			if e := r.Context().Err(); e != nil {
				err = e
			}
		}
	}()
	s.ServeHTTP(w, r)
	res = w.Result()
	res.Request = r
	return res, nil
}

// timed bounds a call as the gateway's chain does.
func timed(base http.RoundTripper, d time.Duration) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		return base.RoundTrip(r.WithContext(ctx))
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// house is a sandbox, and sessions in front of it.
type house struct {
	t        testing.TB
	sandbox  *sandbox.Server
	store    *flaky
	sessions *oauth.Sessions
	options  oauth.Options
}

func newHouse(t testing.TB, o sandbox.Options) *house {
	t.Helper()
	o.BaseURL = partner
	h := &house{t: t, sandbox: sandbox.New(o), store: &flaky{Store: store.NewMemory()}}
	t.Cleanup(func() { _ = h.sandbox.Close() })
	h.options = oauth.Options{
		ClientID: sandbox.DefaultClientID, ClientSecret: func() string { return sandbox.DefaultClientSecret },
		AuthorizeURL: partner + "/api/oauth/authorize", TokenURL: partner + "/api/oauth/token", RevokeURL: partner + "/api/oauth/revoke",
		RedirectURL: home + "/oauth/callback", PublicURL: home, Origins: []string{"https://app.example"},
		Transport: timed(served{h.sandbox}, 5*time.Second), CallTimeout: 5 * time.Second,
		Client: func(r *http.Request) netip.Prefix {
			peer, _ := netip.ParseAddrPort(r.RemoteAddr) // a browser has none
			return quota.Network(peer.Addr())
		},
		Store: h.store, Seal: seal.New(strings.Repeat("key ", 8)), Lifetime: 12 * time.Hour,
		Refuse: func(w http.ResponseWriter, _ *http.Request, status int, message string) {
			http.Error(w, message, status)
		},
	}
	h.sessions = oauth.New(h.options)
	return h
}

// handler is the part of the gateway that sessions are.
func handler(s *oauth.Sessions) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/oauth/login", s.Login)
	mux.HandleFunc("/oauth/callback", s.Callback)
	mux.HandleFunc("/oauth/logout", s.Logout)
	mux.HandleFunc("/oauth/session", s.Session)
	mux.HandleFunc("/oauth/token", s.Token)
	mux.HandleFunc("/oauth/revoke", s.Revoke)
	return mux
}

// browser remembers cookies and follows redirects, and notes where it was led.
type browser struct {
	t       testing.TB
	client  *http.Client
	visited []*url.URL
}

func (h *house) browser(s *oauth.Sessions) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	b := &browser{t: h.t}
	b.client = &http.Client{Jar: jar, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		b.visited = append(b.visited, r.URL)
		switch r.URL.Host {
		case "partner.example":
			return served{h.sandbox}.RoundTrip(r)
		case "127.0.0.1:8080", "localhost:8080":
			return served{handler(s)}.RoundTrip(r)
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("another page")), Request: r}, nil
	})}
	return b
}

// open goes to a page and gives its status, its text and where it ended up.
func (b *browser) open(address string) (status int, text string, at *url.URL) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

func (b *browser) post(address string, form url.Values) (status int, text string, at *url.URL) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

func (b *browser) do(req *http.Request) (status int, text string, at *url.URL) {
	b.t.Helper()
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(raw), res.Request.URL
}

// consent is the form of the partner's consent page, filled in.
func consent(page *url.URL, user, decision string) url.Values {
	q := page.Query()
	return url.Values{
		"client_id": {q.Get("client_id")}, "redirect_uri": {q.Get("redirect_uri")}, "state": {q.Get("state")}, "response_type": {"code"},
		"user": {user}, "decision": {decision},
	}
}

// signIn walks through a sign-in and gives where it ended.
func (b *browser) signIn(user string) *url.URL {
	b.t.Helper()
	_, _, page := b.open(home + "/oauth/login")
	_, _, at := b.post(partner+"/api/oauth/authorize", consent(page, user, "allow"))
	return at
}

// session is what /oauth/session says.
func (b *browser) session() (s struct {
	SignedIn bool
	Owner    oauth.Owner
	Ends     time.Time
},
) {
	b.t.Helper()
	status, text, _ := b.open(home + "/oauth/session")
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		b.t.Fatalf("%d %s", status, text)
	}
	return s
}

// request is one that the browser would send to the gateway.
func (b *browser) request() *http.Request {
	req := httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, home+"/graphql", nil)
	u, _ := url.Parse(home)
	for _, c := range b.client.Jar.Cookies(u) {
		req.AddCookie(c)
	}
	return req
}

// token is the access token that a request of the browser would be sent on with.
func (b *browser) token(s *oauth.Sessions) (string, error) {
	u, err := s.User(b.request())
	if err != nil {
		return "", err
	}
	t, err := u.Token()
	if err != nil {
		return "", err
	}
	return t.AccessToken, nil
}

// accepted reports whether the partner lets a token read the clinic.
func (h *house) accepted(token string) bool {
	h.t.Helper()
	req := httptest.NewRequestWithContext(h.t.Context(), http.MethodGet, partner+"/api/clinic", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.sandbox.ServeHTTP(w, req)
	return w.Code == http.StatusOK
}

// flaky is a store that can be made to fail.
type flaky struct {
	store.Store
	mu sync.Mutex
	// swap, get and add are asked before the store is; an error is all that comes of it.
	fail func(op, key string) error
}

func (f *flaky) set(fail func(op, key string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *flaky) failing(op, key string) error {
	f.mu.Lock()
	fail := f.fail
	f.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(op, key)
}

func (f *flaky) Get(ctx context.Context, key string) (string, error) {
	if err := f.failing("get", key); err != nil {
		return "", err
	}
	return f.Store.Get(ctx, key)
}

func (f *flaky) Add(ctx context.Context, key, value string, life time.Duration) (bool, error) {
	if err := f.failing("add", key); err != nil {
		return false, err
	}
	return f.Store.Add(ctx, key, value, life)
}

func (f *flaky) Swap(ctx context.Context, key, old, value string, life time.Duration) (bool, error) {
	if err := f.failing("swap", key); err != nil {
		return false, err
	}
	return f.Store.Swap(ctx, key, old, value, life)
}
