package events_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"fsgateway/internal/events"
	"fsgateway/internal/redistest"
	"fsgateway/internal/seal"
)

var key = strings.Repeat("key ", 8)

// shared is a bus of the events in a Redis server.
func shared(t *testing.T, server *redistest.Server, o events.Options) *events.Bus {
	t.Helper()
	b, err := events.NewRedis(t.Context(), redistest.Client(t, server.URL), seal.New(key), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// next reads an event that is on its way.
func next(t *testing.T, s *events.Subscription) events.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	e, err := s.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestRedisShares: what one process publishes all read, once, in the same order.
func TestRedisShares(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	buses := []*events.Bus{shared(t, server, events.Options{}), shared(t, server, events.Options{}), shared(t, server, events.Options{})}
	var subscriptions []*events.Subscription
	for _, b := range buses {
		s, _ := b.Subscribe("", nil)
		subscriptions = append(subscriptions, s)
	}
	const n = 300
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh := map[string]int{}
	for i := range n {
		for _, b := range buses { // each of them has it arrive
			wg.Go(func() {
				id := fmt.Sprint(i)
				if publish(t, b, id, "clinic") {
					mu.Lock()
					fresh[id]++
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	var order []string
	for i, s := range subscriptions {
		seen := map[string]bool{}
		for at := range n {
			e := next(t, s)
			if seen[e.ID] || e.ClinicID != "clinic" {
				t.Fatalf("%+v again, or not whole", e)
			}
			seen[e.ID] = true
			if i == 0 {
				order = append(order, e.ID)
			} else if order[at] != e.ID {
				t.Fatalf("process %d reads %s, the first read %s", i, e.ID, order[at])
			}
		}
	}
	for id, times := range fresh {
		if times != 1 {
			t.Errorf("%s was new %d times", id, times)
		}
	}
	// One that begins now has what is kept, and goes on from anywhere in it.
	late := shared(t, server, events.Options{})
	s, found := late.Subscribe(order[100], all)
	if e := next(t, s); !found || e.ID != order[101] {
		t.Errorf("found %t, %s", found, e.ID)
	}
	if known, err := late.Known(t.Context(), order[5]); err != nil || !known {
		t.Errorf("known %t, %v", known, err)
	}
	if known, err := late.Known(t.Context(), "nobody's"); err != nil || known {
		t.Errorf("known %t, %v", known, err)
	}
}

// TestRedisRestarts: what was published is there afterwards, and who follows goes
// on where it was.
func TestRedisRestarts(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var told atomic.Int64
	b := shared(t, server, events.Options{OnError: func(error) { told.Add(1) }})
	s, _ := b.Subscribe("", nil)
	publish(t, b, "before", "")
	server.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := b.Publish(ctx, events.Event{ID: "meanwhile"}); err == nil {
		t.Error("it was taken without a server")
	}
	for deadline := time.Now().Add(20 * time.Second); told.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("whoever follows does not notice")
		}
	}
	server.Restart(t)
	for deadline := time.Now().Add(20 * time.Second); ; {
		if fresh, err := b.Publish(t.Context(), events.Event{ID: "after"}); err == nil && fresh {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"before", "after"} {
		if e := next(t, s); e.ID != want {
			t.Errorf("got %s, want %s", e.ID, want)
		}
	}
	if n := told.Load(); n != 1 {
		t.Errorf("of one outage is told %d times", n)
	}
}

// TestRedisGap: whoever follows a stream of which a part is gone is told, and
// begins anew.
func TestRedisGap(t *testing.T) {
	t.Parallel()
	gone := func(t *testing.T, s *events.Subscription) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if e, err := s.Next(ctx); !errors.Is(err, events.ErrGap) {
			t.Errorf("%+v, %v", e, err)
		}
	}
	for name, damage := range map[string]func(*testing.T, rueidis.Client, *events.Bus){
		// While it could not be read it grew over what is kept.
		"Missing": func(t *testing.T, c rueidis.Client, b *events.Bus) {
			if err := c.Do(t.Context(), c.B().Incr().Key("fsgateway:1:{events}:count").Build()).Error(); err != nil {
				t.Fatal(err)
			}
			publish(t, b, "third", "")
		},
		"Wiped": func(t *testing.T, c rueidis.Client, b *events.Bus) {
			if err := c.Do(t.Context(), c.B().Flushall().Build()).Error(); err != nil {
				t.Fatal(err)
			}
			publish(t, b, "third", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			b := shared(t, server, events.Options{})
			s, _ := b.Subscribe("", nil)
			publish(t, b, "first", "")
			publish(t, b, "second", "")
			next(t, s)
			next(t, s)
			damage(t, redistest.Client(t, server.URL), b)
			gone(t, s)
			if again, found := b.Subscribe("second", all); found {
				t.Error("what was before is found")
			} else if e := next(t, again); e.ID != "third" {
				t.Errorf("then comes %s", e.ID)
			}
		})
	}
}

// TestRedisRestartsEmpty: a server that comes back without its data has those who
// follow told at once, not when something comes next.
func TestRedisRestartsEmpty(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	trouble := make(chan string, 100)
	b := shared(t, server, events.Options{OnError: func(err error) { trouble <- err.Error() }})
	s, _ := b.Subscribe("", nil)
	publish(t, b, "before", "")
	next(t, s)
	server.RestartEmpty(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if e, err := s.Next(ctx); !errors.Is(err, events.ErrGap) {
		t.Fatalf("%+v, %v", e, err)
	}
	again, found := b.Subscribe("before", all)
	if found {
		t.Error("what was lost is found")
	}
	for { // the first command on a connection that was cut fails, and the partner sends again
		if fresh, err := b.Publish(ctx, events.Event{ID: "after"}); err == nil && fresh {
			break
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if e := next(t, again); e.ID != "after" {
		t.Errorf("then comes %s", e.ID)
	}
	var said []string
	for len(trouble) > 0 {
		said = append(said, <-trouble)
	}
	if text := strings.Join(said, "\n"); strings.Count(text, "was lost") != 1 {
		t.Errorf("said is %q", text)
	}
}

// TestRedisForgets events by their age, and the stream after the last of them.
// That a quiet stream has expired ends nobody's subscription.
func TestRedisForgets(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := redistest.Client(t, server.URL)
	quiet := shared(t, server, events.Options{})
	s, _ := quiet.Subscribe("", nil)
	publish(t, quiet, "first", "")
	next(t, s)
	for key, day := range map[string]int64{"log": 1, "count": 30} {
		ttl, err := c.Do(t.Context(), c.B().Ttl().Key("fsgateway:1:{events}:"+key).Build()).AsInt64()
		if hours := float64(ttl) / 3600; err != nil || hours > float64(24*day) || hours < float64(24*day)-1 {
			t.Errorf("%s lives for %.1f hours, %v", key, hours, err)
		}
	}
	// As after a day without events.
	if err := c.Do(t.Context(), c.B().Del().Key("fsgateway:1:{events}:log").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	late := shared(t, server, events.Options{})
	behind, _ := late.Subscribe("", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second) // longer than it takes to compare
	defer cancel()
	if e, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%+v, %v", e, err)
	}
	publish(t, quiet, "second", "")
	for _, s := range []*events.Subscription{s, behind} {
		if e := next(t, s); e.ID != "second" {
			t.Errorf("then comes %s", e.ID)
		}
	}
	// Old entries go with the next one.
	old := shared(t, server, events.Options{Life: time.Millisecond})
	time.Sleep(5 * time.Millisecond)
	publish(t, old, "third", "")
	entries, err := c.Do(t.Context(), c.B().Xrange().Key("fsgateway:1:{events}:log").Start("-").End("+").Build()).AsXRange()
	if err != nil || len(entries) > 1 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// TestRedisKeeps no more than it is told to, and nothing that can be read there.
func TestRedisKeeps(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var mu sync.Mutex
	var trouble []error
	b := shared(t, server, events.Options{Keep: 10})
	s, _ := b.Subscribe("", nil)
	const canary = "CANARY-OF-A-PATIENT"
	for i := range 2000 {
		if _, err := b.Publish(t.Context(), events.Event{ID: fmt.Sprint(i), Body: []byte(canary)}); err != nil {
			t.Fatal(err)
		}
	}
	c := redistest.Client(t, server.URL)
	entries, err := c.Do(t.Context(), c.B().Xrange().Key("fsgateway:1:{events}:log").Start("-").End("+").Build()).AsXRange()
	if err != nil || len(entries) < 10 || len(entries) > 300 { // Redis trims whole nodes
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if text := fmt.Sprint(entries); strings.Contains(text, canary) || strings.Contains(text, "Q0FOQVJZ") {
		t.Error("the stream can be read")
	}
	if ttl, err := c.Do(t.Context(), c.B().Ttl().Key("fsgateway:1:{events}:id:7").Build()).AsInt64(); err != nil || ttl < 86000 || ttl > 86400 {
		t.Errorf("an id is remembered for %d s, %v", ttl, err)
	}
	_ = s
	// With another key nothing can be read, and somebody is told.
	other, err := events.NewRedis(t.Context(), c, seal.New(), events.Options{Keep: 10, OnError: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		trouble = append(trouble, err)
	}})
	if err != nil {
		t.Fatal(err)
	}
	_ = other.Close()
	mu.Lock()
	defer mu.Unlock()
	if len(trouble) != 10 || strings.Contains(fmt.Sprint(trouble), canary) {
		t.Errorf("%v", trouble)
	}
}
