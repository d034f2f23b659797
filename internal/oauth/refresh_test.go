package oauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"fsgateway/internal/oauth"
	"fsgateway/internal/redistest"
	"fsgateway/internal/sandbox"
	"fsgateway/internal/seal"
	"fsgateway/internal/store"
)

// refreshes is how often the partner was asked for new tokens.
func (h *house) refreshes() (n int) {
	for _, c := range h.sandbox.Calls() {
		if c.Operation == "createToken" && strings.Contains(string(c.Body), `"grant_type":"refresh_token"`) {
			n++
		}
	}
	return n
}

// another is the sessions of another process with the same store.
func (h *house) another() *oauth.Sessions { return oauth.New(h.options) }

// signedIn is a house with a browser that is signed in, on a virtual clock.
func signedIn(t *testing.T, o sandbox.Options, f func(*testing.T, *house, *browser)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, o)
		b := h.browser(h.sessions)
		b.signIn(sandbox.PractitionerID)
		f(t, h, b)
	})
}

// good is the token, of which no error is expected.
func good(t *testing.T) func(token string, err error) string {
	return func(token string, err error) string {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		return token
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	t.Run("FiveMinutesEarly", func(t *testing.T) {
		t.Parallel()
		signedIn(t, sandbox.Options{}, func(t *testing.T, h *house, b *browser) {
			first := good(t)(b.token(h.sessions))
			time.Sleep(2*time.Hour - 5*time.Minute - time.Second)
			if good(t)(b.token(h.sessions)) != first || h.refreshes() != 0 {
				t.Error("it is refreshed too early")
			}
			time.Sleep(time.Second)
			second := good(t)(b.token(h.sessions))
			if second == first || h.refreshes() != 1 || !h.accepted(second) {
				t.Errorf("%d refreshes", h.refreshes())
			}
			if s := b.session(); s.Owner.ID != sandbox.PractitionerID || h.refreshes() != 1 {
				t.Errorf("%+v", s)
			}
		})
	})
	t.Run("OnceForAll", func(t *testing.T) {
		t.Parallel()
		for name, life := range map[string]time.Duration{"early": 2*time.Hour - time.Minute, "late": 3 * time.Hour} {
			signedIn(t, sandbox.Options{}, func(t *testing.T, h *house, b *browser) {
				time.Sleep(life)
				h.sandbox.AddFault(sandbox.Fault{Operation: "createToken", Latency: 300 * time.Millisecond})
				processes := []*oauth.Sessions{h.sessions, h.another(), h.another()}
				var mu sync.Mutex
				tokens := map[string]int{}
				var wg sync.WaitGroup
				for i := range 60 {
					wg.Go(func() {
						token := good(t)(b.token(processes[i%3]))
						mu.Lock()
						tokens[token]++
						mu.Unlock()
					})
				}
				wg.Wait()
				if h.refreshes() != 1 || len(tokens) != 1 {
					t.Errorf("%s: %d refreshes, %d tokens", name, h.refreshes(), len(tokens))
				}
			})
		}
	})
	t.Run("WhoeverAskedLeaves", func(t *testing.T) {
		t.Parallel()
		signedIn(t, sandbox.Options{SingleUseRefresh: true}, func(t *testing.T, h *house, b *browser) {
			time.Sleep(3 * time.Hour)
			h.sandbox.AddFault(sandbox.Fault{Operation: "createToken", Latency: time.Second, Times: 1})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := h.sessions.User(b.request().WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who has left gets %v", err)
			}
			if !h.accepted(good(t)(b.token(h.sessions))) || h.refreshes() != 1 {
				t.Errorf("%d refreshes", h.refreshes())
			}
		})
	})
	t.Run("PartnerDown", func(t *testing.T) {
		t.Parallel()
		signedIn(t, sandbox.Options{}, func(t *testing.T, h *house, b *browser) {
			first := good(t)(b.token(h.sessions))
			h.sandbox.AddFault(sandbox.Fault{Operation: "createToken", Status: 503})
			time.Sleep(2*time.Hour - time.Minute)
			if good(t)(b.token(h.sessions)) != first {
				t.Error("a token that lasts for a minute is better than none")
			}
			time.Sleep(time.Hour)
			if _, err := b.token(h.sessions); !errors.Is(err, oauth.ErrPartner) {
				t.Error(err)
			}
			h.sandbox.ClearFaults()
			if !h.accepted(good(t)(b.token(h.sessions))) {
				t.Error("it does not recover")
			}
		})
	})
	t.Run("Revoked", func(t *testing.T) {
		t.Parallel()
		signedIn(t, sandbox.Options{}, func(t *testing.T, h *house, b *browser) {
			h.sandbox.AddFault(sandbox.Fault{Operation: "createToken", Status: 400, Body: `{"error":"invalid_grant"}`, Header: http.Header{"Content-Type": {"application/json"}}})
			time.Sleep(3 * time.Hour)
			if _, err := b.token(h.sessions); !errors.Is(err, oauth.ErrSignedOut) {
				t.Error(err)
			}
			h.sandbox.ClearFaults()
			if _, err := b.token(h.sessions); !errors.Is(err, oauth.ErrSignedOut) || b.session().SignedIn {
				t.Error("it is not over")
			}
		})
	})
	t.Run("Lifetime", func(t *testing.T) {
		t.Parallel()
		signedIn(t, sandbox.Options{}, func(t *testing.T, h *house, b *browser) {
			for range 11 {
				time.Sleep(time.Hour)
				good(t)(b.token(h.sessions))
			}
			request := b.request()
			time.Sleep(time.Hour)
			if _, err := h.sessions.User(request); !errors.Is(err, oauth.ErrSignedOut) {
				t.Errorf("after twelve hours: %v", err)
			}
		})
	})
}

// TestRejected: a token that the partner refuses before its time is replaced.
func TestRejected(t *testing.T) {
	t.Parallel()
	signedIn(t, sandbox.Options{}, func(t *testing.T, h *house, b *browser) {
		user := func(s *oauth.Sessions) (*oauth.User, *oauth2.Token) {
			u, err := s.User(b.request())
			if err != nil {
				t.Fatal(err)
			}
			token, err := u.Token()
			if err != nil {
				t.Fatal(err)
			}
			return u, token
		}
		one, old := user(h.sessions)
		if same, err := one.Renew(old); err != nil || same.AccessToken != old.AccessToken || h.refreshes() != 0 {
			t.Errorf("what has just been given will not get better: %v", err)
		}
		time.Sleep(time.Minute)
		two, _ := user(h.another())
		fresh, err := one.Renew(old)
		if err != nil || fresh.AccessToken == old.AccessToken || h.refreshes() != 1 {
			t.Errorf("%d refreshes, %v", h.refreshes(), err)
		}
		// Who refused the same token elsewhere takes what is there by now.
		if again, err := two.Renew(old); err != nil || again.AccessToken != fresh.AccessToken || h.refreshes() != 1 {
			t.Errorf("%d refreshes, %v", h.refreshes(), err)
		}
		time.Sleep(time.Minute)
		b.post(home+"/oauth/logout", nil)
		if _, err := one.Renew(fresh); !errors.Is(err, oauth.ErrSignedOut) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestStoreFails: whatever happens to the store while tokens are refreshed, they
// are not lost, and nobody uses one that is not stored.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	for _, single := range []bool{false, true} {
		// The write fails, or happens and is not answered.
		for _, written := range []bool{false, true} {
			signedIn(t, sandbox.Options{SingleUseRefresh: single}, func(t *testing.T, h *house, b *browser) {
				time.Sleep(3 * time.Hour)
				broken := h.store.Store
				h.store.set(func(op, key string) error {
					if op == "swap" && strings.HasPrefix(key, "session:") {
						return io.ErrUnexpectedEOF
					}
					return nil
				})
				if written {
					h.store.Store = unanswered{broken}
					h.store.set(nil)
				}
				for range 3 {
					if _, err := b.token(h.sessions); !errors.Is(err, oauth.ErrStore) {
						t.Errorf("single use %t, written %t: %v", single, written, err)
					}
				}
				h.store.Store = broken
				h.store.set(nil)
				token, err := b.token(h.sessions)
				if err != nil || !h.accepted(token) || h.refreshes() != 1 {
					t.Errorf("single use %t, written %t: %v, %d refreshes", single, written, err, h.refreshes())
				}
				if again, err := b.token(h.another()); err != nil || again != token {
					t.Errorf("another process: %v", err)
				}
			})
		}
	}
}

// unanswered writes sessions and says that it could not.
type unanswered struct{ store.Store }

func (u unanswered) Swap(ctx context.Context, key, old, value string, life time.Duration) (bool, error) {
	swapped, err := u.Store.Swap(ctx, key, old, value, life)
	if err == nil && strings.HasPrefix(key, "session:") {
		err = io.ErrUnexpectedEOF
	}
	return swapped, err
}

// TestKilled ends a process between the partner's answer and the store. What the
// next one finds depends on what the partner does with the old refresh token.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, single := range []bool{false, true} {
		signedIn(t, sandbox.Options{SingleUseRefresh: single}, func(t *testing.T, h *house, b *browser) {
			time.Sleep(3 * time.Hour)
			// Its lease stays, and what it was given is gone with it.
			o := h.options
			o.Store = dying{h.store}
			dead := oauth.New(o)
			go func() { _, _ = b.token(dead) }()
			synctest.Wait()
			if h.refreshes() != 1 {
				t.Fatalf("%d refreshes before the end", h.refreshes())
			}
			begin := time.Now()
			token, err := b.token(h.sessions)
			if took := time.Since(begin); took > 12*time.Second {
				t.Errorf("it took %v", took)
			}
			switch {
			case single && !errors.Is(err, oauth.ErrSignedOut):
				t.Errorf("with a refresh token for one use: %v", err)
			case !single && (err != nil || !h.accepted(token) || h.refreshes() != 2):
				t.Errorf("%v, %d refreshes", err, h.refreshes())
			}
			time.Sleep(time.Minute) // for the dead one's goroutine, which a test cannot kill
		})
	}
}

// dying is the store of a process that is killed before it writes a session.
type dying struct{ store.Store }

func (d dying) Swap(ctx context.Context, key, old, value string, life time.Duration) (bool, error) {
	if ctx.Done() != nil {
		<-ctx.Done()
	}
	return false, errors.New("the process is gone")
}

// TestLogoutWhileRefreshing leaves no token alive, whether the partner has the
// one or the other first.
func TestLogoutWhileRefreshing(t *testing.T) {
	t.Parallel()
	for refreshedFirst, pairs := range map[bool]int{true: 2, false: 1} {
		signedIn(t, sandbox.Options{}, func(t *testing.T, h *house, b *browser) {
			first := good(t)(b.token(h.sessions))
			time.Sleep(2*time.Hour - 3*time.Minute)
			o := h.options
			o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				if !refreshedFirst {
					time.Sleep(time.Second)
				}
				res, err := h.options.Transport.RoundTrip(r)
				time.Sleep(time.Second)
				return res, err
			})
			request, slow := b.request(), oauth.New(o)
			refreshed := make(chan error)
			go func() {
				_, err := slow.User(request)
				refreshed <- err
			}()
			synctest.Wait()
			b.post(home+"/oauth/logout", nil)
			if err := <-refreshed; !errors.Is(err, oauth.ErrSignedOut) {
				t.Errorf("who was waiting gets %v", err)
			}
			if n := h.sandbox.Count("revokeToken"); n != pairs || h.accepted(first) {
				t.Errorf("refreshed first %t: %d pairs were revoked", refreshedFirst, n)
			}
		})
	}
}

// TestSealedAtRest: neither tokens nor cookies can be read in the store.
func TestSealedAtRest(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sandbox.Options{})
	all := &recording{Store: h.store.Store}
	h.store.Store = all
	b := h.browser(h.sessions)
	b.signIn(sandbox.PractitionerID)
	token, err := b.token(h.sessions)
	if err != nil {
		t.Fatal(err)
	}
	cookie := b.request().Cookies()[0].Value
	if len(all.texts) == 0 {
		t.Fatal("nothing was stored")
	}
	for _, text := range all.texts {
		for _, secret := range []string{token, cookie, sandbox.PractitionerID, "refresh-"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q holds %q", text, secret)
			}
		}
	}
	// With other keys it is as if there were no sessions.
	o := h.options
	o.Seal = seal.New()
	if _, err := b.token(oauth.New(o)); !errors.Is(err, oauth.ErrSignedOut) {
		t.Error(err)
	}
}

type recording struct {
	store.Store
	texts []string
}

func (r *recording) Add(ctx context.Context, key, value string, life time.Duration) (bool, error) {
	r.texts = append(r.texts, key, value)
	return r.Store.Add(ctx, key, value, life)
}

// BenchmarkUser is what a cookie costs a request: the session is read, opened and
// looked at.
func BenchmarkUser(b *testing.B) {
	for name, store := range map[string]func() store.Store{
		"Memory": store.NewMemory,
		"Redis":  func() store.Store { return store.NewRedis(redistest.Client(b, redistest.Start(b).URL)) },
	} {
		b.Run(name, func(b *testing.B) {
			h := newHouse(b, sandbox.Options{})
			h.store.Store = store()
			browser := h.browser(h.sessions)
			browser.signIn(sandbox.PractitionerID)
			request := browser.request()
			b.ReportAllocs()
			for b.Loop() {
				if u, err := h.sessions.User(request); err != nil || u.Owner.ID != sandbox.PractitionerID {
					b.Fatal(err)
				}
			}
		})
	}
}
