package oauth_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/oauth"
	"fsgateway/internal/redistest"
	"fsgateway/internal/sandbox"
	"fsgateway/internal/store"
)

// forgetful is a store that forgets removals, as a replica that missed them does
// when it takes over.
type forgetful struct{ store.Store }

func (f forgetful) Swap(ctx context.Context, key, old, value string, life time.Duration) (bool, error) {
	swapped, err := f.Store.Swap(ctx, key, old, value, life)
	if swapped && value == "" {
		_, err = f.Add(ctx, key, old, 12*time.Hour)
	}
	return swapped, err
}

// TestEndedStaysEnded: a session that has ended is none any more, whatever the
// store says.
func TestEndedStaysEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, sandbox.Options{})
		h.store.Store = forgetful{h.store.Store}
		b := h.browser(h.sessions)
		b.signIn(sandbox.PractitionerID)
		request := b.request()
		b.post(home+"/oauth/logout", url.Values{})
		for range 11 {
			if _, err := h.sessions.User(request); !errors.Is(err, oauth.ErrSignedOut) {
				t.Fatalf("%v", err)
			}
			time.Sleep(time.Hour)
		}
	})
}

// TestListen: all who listen to a store are told which keys are removed, by
// whomever.
func TestListen(t *testing.T) {
	t.Parallel()
	memory := store.NewMemory()
	server := redistest.Start(t)
	for name, stores := range map[string][2]store.Store{
		"Memory": {memory, memory},
		"Redis":  {store.NewRedis(redistest.Client(t, server.URL)), store.NewRedis(redistest.Client(t, server.URL))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var once sync.Once
			listening, removed := make(chan struct{}), make(chan string, 10)
			stop := stores[1].Listen(func(key string) { removed <- key }, func(context.Context) { once.Do(func() { close(listening) }) })
			if name == "Redis" {
				<-listening
			}
			ctx := t.Context()
			for _, key := range []string{"a", "b"} {
				if _, err := stores[0].Add(ctx, key, "1", time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			for _, swap := range [][3]string{{"a", "1", "2"}, {"a", "1", ""}, {"b", "1", ""}, {"a", "2", ""}} {
				if _, err := stores[0].Swap(ctx, swap[0], swap[1], swap[2], time.Hour); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range []string{"b", "a"} {
				if got := <-removed; got != want {
					t.Errorf("%s was removed, want %s", got, want)
				}
			}
			stop()
		})
	}
}
