package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"fsgateway/internal/store"
)

// TestWhenTokensAreRenewed: early, but not before half their life is over, and after
// a refusal only if they are not brand new.
func TestWhenTokensAreRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		token := func(life time.Duration) *session {
			return &session{
				Obtained: time.Now(), Token: &oauth2.Token{AccessToken: "a", RefreshToken: "r", Expiry: time.Now().Add(life)},
			}
		}
		short, long := token(2*time.Minute), token(time.Hour)
		if short.good("a") != true || long.good("a") != true {
			t.Error("a refusal of a brand new token is a reason to renew it")
		}
		time.Sleep(settled)
		if short.good("a") || !short.good("another") {
			t.Error("after a refusal a settled token has to be renewed, after that of another one not")
		}
		time.Sleep(30 * time.Second)
		if !short.good("") {
			t.Error("a short token is renewed in the first half of its life")
		}
		time.Sleep(30 * time.Second)
		if short.good("") {
			t.Error("a short token is not renewed in the second half of its life")
		}
		time.Sleep(50 * time.Minute)
		if !long.good("") {
			t.Error("a token is renewed more than five minutes before its end")
		}
		time.Sleep(5 * time.Minute)
		if long.good("") {
			t.Error("a token is not renewed in its last five minutes")
		}
	})
}

// TestLeaseOutlastsARefresh: nobody takes a refresh over from a process whose calls
// may still be answered.
func TestLeaseOutlastsARefresh(t *testing.T) {
	t.Parallel()
	s := &Sessions{o: Options{CallTimeout: 5 * time.Second}}
	if life := s.leaseLife(); life <= 10*time.Second || life > 15*time.Second {
		t.Errorf("a lease lives %v beside calls of 5 s", life)
	}
}

// TestFinal: which refusals end a session.
func TestFinal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		final  bool
	}{
		{400, "invalid_grant", true},
		{401, "invalid_token", true},
		{403, "", true},
		{499, "invalid_grant", true},
		{500, "invalid_grant", false},
		{503, "", false},
		{429, "invalid_grant", false},
		{400, "invalid_client", false},
		{403, "access_denied", false},
		{401, "access_denied", true},
	} {
		if got := final(c.status, c.code, nil); got != c.final {
			t.Errorf("%d %q: %v", c.status, c.code, got)
		}
	}
}

// TestEndsAreForgotten: what is remembered of ended sessions is dropped from time
// to time, and each not before its session would be over anyway.
func TestEndsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnds(sweepEvery / 2)
		e.add("a")
		time.Sleep(sweepEvery * 3 / 4)
		e.add("b")
		if len(e.over) != 2 || e.has("a") || !e.has("b") {
			t.Errorf("%v after less than a sweep's time", e.over)
		}
		time.Sleep(sweepEvery)
		e.add("c")
		if len(e.over) != 1 || !e.has("c") {
			t.Errorf("%v after a sweep", e.over)
		}
	})
}

// TestWatchers: several wait for one session's end, and each only as long as it
// wants to.
func TestWatchers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnds(time.Hour)
		first, leave := context.WithCancel(t.Context())
		second, leaveToo := context.WithCancel(t.Context())
		ends := time.Now().Add(time.Hour)
		e.watch(first, "s", ends)
		b := e.watch(second, "s", ends)
		leave()
		synctest.Wait()
		if len(e.watched()) != 1 || b.Err() != nil {
			t.Errorf("the first one left, and the second waits for nothing: %v", b.Err())
		}
		leaveToo()
		synctest.Wait()
		if len(e.watched()) != 0 {
			t.Error("nobody waits any more, and the session is still watched")
		}
		a := e.watch(t.Context(), "s", ends)
		e.add("s")
		if a.Err() == nil || e.watch(t.Context(), "s", ends).Err() == nil {
			t.Error("the session has ended, and who waits for it is not told")
		}
		b = e.watch(t.Context(), "other", time.Now().Add(time.Minute))
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		if b.Err() != nil {
			t.Error("a session ends before its time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if b.Err() == nil {
			t.Error("a session outlasts its time")
		}
	})
}

// down is a store that cannot be read.
type down struct{ store.Store }

func (down) Get(context.Context, string) (string, error) { return "", errors.New("down") }

// counted counts reads.
type counted struct {
	store.Store
	reads int
}

func (c *counted) Get(ctx context.Context, key string) (string, error) {
	c.reads++
	return c.Store.Get(ctx, key)
}

// TestLookForEnded ends the sessions that are no longer in the store, and none
// because the store cannot be read.
func TestLookForEnded(t *testing.T) {
	t.Parallel()
	kept := store.NewMemory()
	if _, err := kept.Add(t.Context(), sessionPrefix+"here", "v", time.Hour); err != nil {
		t.Fatal(err)
	}
	ends := time.Now().Add(time.Hour)
	for _, c := range []struct {
		store      store.Store
		here, gone bool // which of the two end
	}{{down{kept}, false, false}, {kept, false, true}} {
		s := &Sessions{o: Options{Store: c.store}, ends: newEnds(time.Hour)}
		here, gone := s.ends.watch(t.Context(), "here", ends), s.ends.watch(t.Context(), "gone", ends)
		s.lookForEnded(t.Context())
		if (here.Err() != nil) != c.here || (gone.Err() != nil) != c.gone {
			t.Errorf("%T: ended %v and %v", c.store, here.Err(), gone.Err())
		}
	}
}

// TestGoodTokensAskNobody: a token that is good is given without a look at the
// store.
func TestGoodTokensAskNobody(t *testing.T) {
	t.Parallel()
	store := &counted{Store: store.NewMemory()}
	u := &User{
		sessions: &Sessions{o: Options{Store: store}}, ctx: t.Context(),
		have: &session{Obtained: time.Now(), Token: &oauth2.Token{AccessToken: "a", RefreshToken: "r", Expiry: time.Now().Add(time.Hour)}},
	}
	if token, err := u.Token(); err != nil || token.AccessToken != "a" || store.reads != 0 {
		t.Errorf("%v, %v, %d reads", token, err, store.reads)
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	s := &Sessions{cookie: "fsgateway"}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if s.HasCookie(r) {
		t.Error("a request without a cookie names a session")
	}
	r.AddCookie(&http.Cookie{Name: "fsgateway-8080", Value: "v"})
	if s.HasCookie(r) {
		t.Error("another gateway's cookie names a session")
	}
	r.AddCookie(&http.Cookie{Name: "fsgateway", Value: "v"})
	if !s.HasCookie(r) {
		t.Error("a session's cookie names none")
	}
}
