package store_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/redistest"
	"fsgateway/internal/store"
)

// TestStore holds the stores to what sessions rely on.
func TestStore(t *testing.T) {
	t.Parallel()
	stores := map[string]func(*testing.T) store.Store{
		"Memory": func(*testing.T) store.Store { return store.NewMemory() },
		"Redis": func(t *testing.T) store.Store {
			return store.NewRedis(redistest.Client(t, redistest.Start(t).URL))
		},
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			ctx := t.Context()
			get := func(key, want string) {
				t.Helper()
				if got, err := s.Get(ctx, key); err != nil || got != want {
					t.Errorf("%s is %q, %v; want %q", key, got, err, want)
				}
			}
			add := func(key, value string, want bool) {
				t.Helper()
				if got, err := s.Add(ctx, key, value, time.Hour); err != nil || got != want {
					t.Errorf("add %s %s: %t, %v", key, value, got, err)
				}
			}
			swap := func(key, old, value string, want bool) {
				t.Helper()
				if got, err := s.Swap(ctx, key, old, value, time.Hour); err != nil || got != want {
					t.Errorf("swap %s %s %s: %t, %v", key, old, value, got, err)
				}
			}
			get("a", "")
			swap("a", "", "x", false)
			swap("a", "x", "y", false)
			add("a", "1", true)
			add("a", "2", false)
			get("a", "1")
			swap("a", "2", "3", false)
			swap("a", "1", "3", true)
			get("a", "3")
			get("b", "")
			swap("a", "3", "", true)
			get("a", "")
			add("a", "4", true)

			// Of many who want the same, one gets it.
			var added, swapped atomic.Int64
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					if ok, _ := s.Add(ctx, "c", fmt.Sprint(i), time.Hour); ok {
						added.Add(1)
					}
					if ok, _ := s.Swap(ctx, "a", "4", fmt.Sprint("new ", i), time.Hour); ok {
						swapped.Add(1)
					}
				})
			}
			wg.Wait()
			if added.Load() != 1 || swapped.Load() != 1 {
				t.Errorf("%d added, %d swapped", added.Load(), swapped.Load())
			}
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := s.Get(ctx, "a"); err == nil && name == "Redis" {
				t.Error("a call that was given up was made")
			}
		})
	}
}

// TestStoreForgets what is over.
func TestStoreForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := store.NewMemory()
		for i := range 10 {
			_, _ = s.Add(t.Context(), fmt.Sprint(i), "x", time.Duration(i+1)*time.Minute)
		}
		time.Sleep(3 * time.Minute)
		if v, _ := s.Get(t.Context(), "2"); v != "" {
			t.Error("it is kept for too long")
		}
		if v, _ := s.Get(t.Context(), "3"); v != "x" {
			t.Error("it is not kept for long enough")
		}
		if ok, _ := s.Add(t.Context(), "2", "y", time.Minute); !ok {
			t.Error("what is over is in the way")
		}
		if ok, _ := s.Swap(t.Context(), "1", "x", "y", time.Minute); ok {
			t.Error("what is over was swapped")
		}
	})
	s := redistest.Client(t, redistest.Start(t).URL)
	if _, err := store.NewRedis(s).Add(t.Context(), "a", "x", 1500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if life, err := s.Do(t.Context(), s.B().Pttl().Key("fsgateway:1:a").Build()).AsInt64(); err != nil || life < 1 || life > 1500 {
		t.Errorf("it ends in %d ms, %v", life, err)
	}
}

// TestListen: who listens is told of each key that is removed, and when it may have
// missed some, until it stops.
func TestListen(t *testing.T) {
	t.Parallel()
	memory, server := store.NewMemory(), redistest.Start(t)
	for name, s := range map[string][2]store.Store{
		"Memory": {memory, memory},
		"Redis":  {store.NewRedis(redistest.Client(t, server.URL)), store.NewRedis(redistest.Client(t, server.URL))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			removed, missed := make(chan string, 10), make(chan bool, 10)
			stop := s[0].Listen(func(key string) { removed <- key }, func(context.Context) { missed <- true })
			if name == "Redis" {
				<-missed // it listens from now on
			}
			change := func(key, old, value string) {
				t.Helper()
				if ok, err := s[1].Swap(t.Context(), key, old, value, time.Minute); !ok || err != nil {
					t.Fatal(ok, err)
				}
			}
			for _, key := range []string{"a", "b"} {
				if ok, err := s[1].Add(t.Context(), key, "1", time.Minute); !ok || err != nil {
					t.Fatal(ok, err)
				}
				change(key, "1", "2")
				if len(removed) > 0 {
					t.Errorf("told of %s, which is only changed", <-removed)
				}
				change(key, "2", "")
				if got := <-removed; got != key {
					t.Errorf("told of %s, want %s", got, key)
				}
			}
			stop()
			if _, err := s[1].Add(t.Context(), "c", "1", time.Minute); err != nil {
				t.Fatal(err)
			}
			change("c", "1", "")
			if len(removed) > 0 || len(missed) > 0 {
				t.Errorf("%d removals and %d gaps were told in vain", len(removed), len(missed))
			}
		})
	}
}
