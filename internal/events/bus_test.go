package events_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"fsgateway/internal/events"
	"fsgateway/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, redistest.Leftover()) }

// all is the filter of a subscriber who may see every event.
func all(events.Event) bool { return true }

func publish(t testing.TB, b *events.Bus, id, clinic string) bool {
	t.Helper()
	fresh, err := b.Publish(t.Context(), events.Event{ID: id, ClinicID: clinic})
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

// TestCrowd has 10,000 events of 7 clinics arrive, each twice, by several
// senders, for 100 subscribers and one that reads nothing.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const clinics, each, readers = 7, 1430, 100
	b := events.NewMemory(events.Options{Keep: clinics * each})
	stuck, _ := b.Subscribe("", nil)
	var all sync.WaitGroup
	for range readers {
		s, _ := b.Subscribe("", nil)
		all.Go(func() {
			next := map[string]int{}
			for range clinics * each {
				e, err := s.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if want := fmt.Sprintf("%s-%d", e.ClinicID, next[e.ClinicID]); e.ID != want {
					t.Errorf("got %s, want %s", e.ID, want)
					return
				}
				next[e.ClinicID]++
			}
		})
	}
	for c := range clinics {
		all.Go(func() {
			clinic := fmt.Sprint(c)
			for i := range each {
				id := fmt.Sprintf("%s-%d", clinic, i)
				if !publish(t, b, id, clinic) || publish(t, b, id, clinic) {
					t.Errorf("%s was not taken once", id)
				}
			}
		})
	}
	all.Wait()
	if e, err := stuck.Next(t.Context()); err != nil || e.ID == "" {
		t.Errorf("who begins late, within what is kept: %v", err)
	}
	publish(t, b, "one more", "")
	publish(t, b, "and another", "")
	if _, err := stuck.Next(t.Context()); !errors.Is(err, events.ErrLagged) {
		t.Errorf("who is too late: %v", err)
	}
}

// TestResume cuts a reader off anywhere and has it come back: it reads every
// event once, in order, or is told that it cannot.
func TestResume(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		keep := 1 + random.IntN(20)
		b := events.NewMemory(events.Options{Keep: keep})
		s, _ := b.Subscribe("", nil)
		published, read := 0, 0
		for range 200 {
			switch random.IntN(3) {
			case 0:
				publish(t, b, fmt.Sprint(published), "")
				published++
			case 1:
				if read == published {
					continue
				}
				e, err := s.Next(t.Context())
				if published-read > keep {
					if !errors.Is(err, events.ErrLagged) {
						t.Fatalf("%d of %d read, %d kept: %v", read, published, keep, err)
					}
					read = published // begins anew
					s, _ = b.Subscribe("", nil)
					continue
				}
				if err != nil || e.ID != fmt.Sprint(read) {
					t.Fatalf("got %q, %v; want %d", e.ID, err, read)
				}
				read++
			case 2:
				if read == 0 {
					continue
				}
				s.Close()
				again, found := b.Subscribe(fmt.Sprint(read-1), all)
				if kept := published-read < keep; found != kept {
					t.Fatalf("%d of %d read, %d kept: found %v", read, published, keep, found)
				}
				if !found { // from the oldest that is kept
					read = published - keep
				}
				s = again
			}
		}
	}
}

func TestForgetsIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := events.NewMemory(events.Options{})
		known := func(want bool) {
			t.Helper()
			if got, err := b.Known(t.Context(), "a"); err != nil || got != want {
				t.Errorf("known %t, %v", got, err)
			}
		}
		known(false)
		if !publish(t, b, "a", "") || publish(t, b, "a", "") {
			t.Error("an id counts once")
		}
		time.Sleep(24*time.Hour - 1)
		known(true)
		if publish(t, b, "a", "") {
			t.Error("within 24 hours")
		}
		time.Sleep(time.Nanosecond)
		known(false)
		if !publish(t, b, "a", "") {
			t.Error("after 24 hours")
		}
	})
}

// TestWaiting ends a wait in each way it can end.
func TestWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, end := range map[string]func(*events.Bus, *events.Subscription, context.CancelFunc) error{
			"Event": func(b *events.Bus, _ *events.Subscription, _ context.CancelFunc) error {
				publish(t, b, "a", "")
				return nil
			},
			"Bus": func(b *events.Bus, _ *events.Subscription, _ context.CancelFunc) error {
				_ = b.Close()
				return events.ErrClosed
			},
			"Reader": func(_ *events.Bus, s *events.Subscription, _ context.CancelFunc) error {
				s.Close()
				return events.ErrClosed
			},
			"Context": func(_ *events.Bus, _ *events.Subscription, c context.CancelFunc) error { c(); return context.Canceled },
		} {
			b := events.NewMemory(events.Options{})
			s, _ := b.Subscribe("", nil)
			ctx, cancel := context.WithCancel(t.Context())
			got := make(chan error, 1)
			go func() {
				_, err := s.Next(ctx)
				got <- err
			}()
			synctest.Wait()
			want := end(b, s, cancel)
			if err := <-got; !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
			cancel()
		}
		b := events.NewMemory(events.Options{})
		_ = b.Close()
		if _, err := b.Publish(t.Context(), events.Event{ID: "a"}); !errors.Is(err, events.ErrClosed) {
			t.Errorf("a closed bus took an event: %v", err)
		}
	})
}
