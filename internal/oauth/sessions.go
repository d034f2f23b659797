package oauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"fsgateway/internal/store"
)

const (
	// early is how long before its end an access token is replaced.
	early = 5 * time.Minute
	// settled is how old a token must be before a refusal of it is a reason to
	// replace it: one that the partner has just given will not get better.
	settled = time.Second
	// leasePoll is how often another process's refresh is looked for.
	leasePoll = 25 * time.Millisecond
)

var (
	// ErrSignedOut says that the session does not exist or has ended.
	ErrSignedOut = errors.New("oauth: the session is over")
	// ErrStore says that sessions can neither be read nor written.
	ErrStore = errors.New("oauth: the store of sessions does not answer")
	// ErrPartner says that the partner issued no token, for a reason that is not the user's.
	ErrPartner = errors.New("oauth: the partner gives no token")
)

// Sealer encrypts what is stored or handed to a browser.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Options of [New].
type Options struct {
	// ClientID is the app's, ClientSecret returns its secret, AuthorizeURL, TokenURL and
	// RevokeURL are the partner's addresses, RedirectURL ours as the partner knows it.
	ClientID                          string
	ClientSecret                      func() string
	AuthorizeURL, TokenURL, RevokeURL string
	RedirectURL                       string
	// Transport carries calls to the partner and limits their duration.
	Transport http.RoundTripper
	// Relay carries those that the relay makes for its callers. The default is
	// Transport.
	Relay http.RoundTripper
	// CallTimeout is that limit, which tells other processes when to give up on the one that
	// is refreshing.
	CallTimeout time.Duration
	Store       store.Store
	Seal        Sealer
	// PublicURL is the gateway's address in browsers, without a slash at the end.
	// Cookies are Secure when it is of https.
	PublicURL string
	// Origins are those of other pages that a sign-in may lead back to.
	Origins []string
	// Lifetime is how long a session lasts.
	Lifetime time.Duration
	// Client returns the network that a request is from.
	Client func(*http.Request) netip.Prefix
	// Happened is told of what happens to sessions; nil for nobody.
	Happened func(Happening)
	// Revoked is told of tokens that an app wanted to end; nil for nobody.
	Revoked func(token string)
	// Refuse answers a request with an error in the gateway's own form.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, message string)
}

// Happening is what happens to a session. They are few and fixed, and label a metric.
type Happening string

// The happenings.
const (
	SignedIn      Happening = "signed_in"
	Refreshed     Happening = "refreshed"
	RefreshFailed Happening = "refresh_failed" // the old tokens serve while they last
	Ended         Happening = "ended"
)

// Happenings are all of them, so that a metric has a figure for each before it happens.
var Happenings = []Happening{SignedIn, Refreshed, RefreshFailed, Ended}

// Sessions signs users in and keeps their tokens.
type Sessions struct {
	o      Options
	config oauth2.Config
	client *http.Client
	// relaying is the client of the relay, and relayed how often it may be asked.
	relaying *http.Client
	relayed  *limits
	returned *limits // how often browsers may come back with a code
	origin   string  // of the gateway's own pages
	cookie   string  // its name
	secure   bool
	flight   singleflight.Group
	ends     *ends
	stop     func()

	mu      sync.Mutex
	pending map[string]*pending // refreshed sessions that could not be stored yet, by key
}

// pending is a session with new tokens, and the sealed one that it replaces.
type pending struct {
	next *session
	over string
}

// New returns sessions; close them when they are no longer used.
func New(o Options) *Sessions {
	public, err := url.Parse(o.PublicURL)
	if err != nil {
		panic(err) // a setting that was checked
	}
	if o.Happened == nil {
		o.Happened = func(Happening) {}
	}
	if o.Revoked == nil {
		o.Revoked = func(string) {}
	}
	s := &Sessions{
		o: o, ends: newEnds(o.Lifetime), origin: public.Scheme + "://" + public.Host, cookie: cookieName(public), secure: public.Scheme == "https", pending: map[string]*pending{},
		config: oauth2.Config{
			ClientID: o.ClientID, RedirectURL: o.RedirectURL,
			Endpoint: oauth2.Endpoint{AuthURL: o.AuthorizeURL, TokenURL: o.TokenURL, AuthStyle: oauth2.AuthStyleInParams},
		},
		client: newClient(o.Transport), relaying: newClient(cmp.Or(o.Relay, o.Transport)), relayed: newLimits(), returned: newLimits(),
	}
	if s.secure {
		s.cookie = "__Host-" + s.cookie // no other host of the domain can set it
	}
	s.stop = s.listen()
	return s
}

// newClient makes what calls the partner's OAuth addresses.
func newClient(base http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: Envelope(base),
		// The client's secret would travel with a redirect.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// cookieName returns the name of the session's cookie. Cookies have no port: on a
// machine that runs several gateways, each has a name of its own. A path, under
// which several may be at one host, is part of the name for the same reason.
func cookieName(public *url.URL) string {
	name := "fsgateway"
	if loopback(public.Host) && public.Port() != "" {
		name += "-" + public.Port()
	}
	for part := range strings.FieldsFuncSeq(public.Path, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) || r > unicode.MaxASCII }) {
		name += "-" + part
	}
	return name
}

// Close stops following the sessions that other processes end.
func (s *Sessions) Close() { s.stop() }

// Owner is whom a token was issued to, as the partner says beside it.
type Owner struct {
	// Type is Practitioner or Staff, or Clinic for old apps.
	Type string `json:"type"`
	ID   string `json:"id"`
	// ClinicID and Scopes are empty if the partner does not say.
	ClinicID string   `json:"clinicId,omitempty"`
	Scopes   []string `json:"scopes,omitempty"`
}

// session is what is stored, sealed.
type session struct {
	Token    *oauth2.Token `json:"token"`
	Obtained time.Time     `json:"obtained"`
	Ends     time.Time     `json:"ends"`
	Owner    Owner         `json:"owner"`

	sealed string // as it is stored
}

// keyOf returns the key of a session in the store, from which its cookie cannot be derived.
func keyOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

const (
	sessionPrefix = "session:"
	leasePrefix   = "refresh:"
)

// fresh returns a session whose access token lasts for a while, or the one stored if
// the partner issues no better one. rejected is an access token that the partner has
// refused, "" for none. It returns [ErrSignedOut], [ErrStore], [ErrPartner] or
// the context's error.
func (s *Sessions) fresh(ctx context.Context, key, rejected string) (*session, error) {
	have, err := s.load(ctx, key)
	if err != nil || have.good(rejected) {
		return have, err
	}
	// A caller may stop waiting; the refresh, which uses up a refresh token, is not
	// canceled by that.
	done := s.flight.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*s.leaseLife())
		defer cancel()
		return s.refresh(ctx, key, rejected)
	})
	select {
	case r := <-done:
		have, _ := r.Val.(*session)
		return have, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// good reports whether a session needs no refresh.
func (s *session) good(rejected string) bool {
	now := time.Now()
	if s.Token.AccessToken == rejected {
		return now.Sub(s.Obtained) < settled
	}
	end := s.Token.Expiry
	switch {
	case end.IsZero():
		return true
	case s.Token.RefreshToken == "": // there will be no better one
		return now.Before(end)
	}
	return now.Before(end.Add(-min(early, end.Sub(s.Obtained)/2)))
}

// lasts reports whether the access token may still be used.
func (s *session) lasts(rejected string) bool {
	return s.Token.AccessToken != rejected && time.Now().Before(s.Token.Expiry)
}

// leaseLife is how long one process may take to refresh a session: a call, and
// the store before and after it. After that another one tries.
func (s *Sessions) leaseLife() time.Duration { return 2*s.o.CallTimeout + time.Second }

// refresh trades the refresh token in, once for all processes.
func (s *Sessions) refresh(ctx context.Context, key, rejected string) (*session, error) {
	lease := rand.Text()
	for {
		held, err := s.o.Store.Add(ctx, leasePrefix+key, lease, s.leaseLife())
		if err != nil {
			return nil, ErrStore
		}
		if held {
			// One that is not given back runs out by itself.
			defer func() { _, _ = s.o.Store.Swap(context.WithoutCancel(ctx), leasePrefix+key, lease, "", 0) }()
		}
		// Another process may have been quicker, with this lease or the one before.
		have, err := s.load(ctx, key)
		if err != nil || have.good(rejected) {
			return have, err
		}
		if held {
			return s.trade(ctx, key, have, rejected)
		}
		select {
		case <-time.After(leasePoll):
		case <-ctx.Done():
			return have.or(rejected, ErrPartner)
		}
	}
}

// or returns what is left if there are no new tokens: the old ones while they last.
// Refreshing early leaves time for another try.
func (s *session) or(rejected string, failure error) (*session, error) {
	if s.lasts(rejected) {
		return s, nil
	}
	return nil, failure
}

// trade asks the partner for new tokens and stores them. A new access token is
// used by nobody before it is stored: until its first use the partner keeps the
// old refresh token good, so that whatever happens here can be done again.
func (s *Sessions) trade(ctx context.Context, key string, have *session, rejected string) (*session, error) {
	t, err := s.renew(ctx, have.Token)
	switch {
	case errors.Is(err, errGrant):
		if _, err := s.remove(ctx, key, have); err != nil {
			return nil, err
		}
		return s.load(ctx, key) // over, unless another process has stored better ones
	case err != nil:
		s.o.Happened(RefreshFailed)
		return have.or(rejected, err)
	}
	s.o.Happened(Refreshed)
	next := &session{Token: t, Obtained: time.Now(), Ends: have.Ends, Owner: have.Owner}
	if next.sealed, err = s.seal(key, next); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.pending[key] = &pending{next, have.sealed}
	s.mu.Unlock()
	got, err := s.load(ctx, key)
	if errors.Is(err, ErrStore) {
		return have.or(rejected, err)
	}
	return got, err
}

// load reads a session, once what a refresh has left is stored.
func (s *Sessions) load(ctx context.Context, key string) (*session, error) {
	s.mu.Lock()
	p := s.pending[key]
	s.mu.Unlock()
	if p != nil {
		if _, err := s.o.Store.Swap(ctx, sessionPrefix+key, p.over, p.next.sealed, time.Until(p.next.Ends)); err != nil {
			return nil, ErrStore
		}
	}
	sealed, err := s.o.Store.Get(ctx, sessionPrefix+key)
	if err != nil {
		return nil, ErrStore
	}
	if s.ends.has(key) {
		sealed = ""
	}
	if p != nil && s.settle(key, p) && sealed == "" { // it was ended meanwhile
		_ = s.revoke(context.WithoutCancel(ctx), p.next.Token)
	}
	if sealed == "" {
		return nil, ErrSignedOut
	}
	return s.open(key, sealed)
}

// settle forgets a pending session, and reports whether it was still there.
func (s *Sessions) settle(key string, p *pending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending[key] != p {
		return false
	}
	delete(s.pending, key)
	return true
}

func (s *Sessions) seal(key string, have *session) (string, error) {
	plain, err := json.Marshal(have)
	if err != nil {
		return "", err
	}
	return s.o.Seal.Seal(sessionPrefix+key, plain)
}

// open reads a stored session. One that cannot be read was sealed with a key that is
// gone, and does not exist.
func (s *Sessions) open(key, sealed string) (*session, error) {
	plain, err := s.o.Seal.Open(sessionPrefix+key, sealed)
	if err != nil {
		return nil, ErrSignedOut
	}
	have := &session{sealed: sealed}
	if json.Unmarshal(plain, have) != nil || have.Token == nil || !time.Now().Before(have.Ends) {
		return nil, ErrSignedOut
	}
	return have, nil
}

// begin stores a new session and returns its id, which is the cookie.
func (s *Sessions) begin(ctx context.Context, t *oauth2.Token) (id string, err error) {
	now := time.Now()
	id = rand.Text()
	key := keyOf(id)
	sealed, err := s.seal(key, &session{Token: t, Obtained: now, Ends: now.Add(s.o.Lifetime), Owner: ownerOf(t)})
	if err != nil {
		return "", err
	}
	if _, err := s.o.Store.Add(ctx, sessionPrefix+key, sealed, s.o.Lifetime); err != nil {
		return "", ErrStore
	}
	s.o.Happened(SignedIn)
	return id, nil
}

// remove ends a session, here and in all processes, unless it was refreshed in
// between.
func (s *Sessions) remove(ctx context.Context, key string, have *session) (over bool, err error) {
	over, err = s.o.Store.Swap(ctx, sessionPrefix+key, have.sealed, "", 0)
	if err != nil {
		return false, ErrStore
	}
	if over {
		s.ends.add(key)
		s.o.Happened(Ended)
	}
	return over, nil
}

// end removes a session and revokes its tokens, unless the partner has just given
// the same ones again. It returns [ErrSignedOut], [ErrStore] or, when the session
// is over and only the partner was not told, [ErrPartner].
func (s *Sessions) end(ctx context.Context, key string, given *oauth2.Token) error {
	for {
		have, err := s.load(ctx, key)
		if err != nil {
			return err
		}
		over, err := s.remove(ctx, key, have)
		if err != nil {
			return err
		}
		switch {
		case !over: // it was refreshed in between, and there are others to revoke
		case given != nil && given.AccessToken == have.Token.AccessToken:
			return nil
		default:
			return s.revoke(ctx, have.Token)
		}
	}
}
