package budget

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"fsgateway/internal/redisconn"
	"fsgateway/internal/redistest"
)

// together makes the accounts of several gateways on one server.
func together(t *testing.T, url string, n, limit int, window, hold time.Duration) (all []*Accounts) {
	t.Helper()
	for range n {
		shared := NewShared(connect(t, url), hold, func(error) {})
		shared.patience = time.Minute // of a machine that is busy
		a := New(limit, window, shared)
		t.Cleanup(a.Close)
		all = append(all, a)
	}
	return all
}

// connect connects as a gateway does.
func connect(t *testing.T, url string) *redisconn.Client {
	t.Helper()
	c, err := redisconn.Open(redisconn.Options{URL: url, Check: Check, Changed: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestSharedTogether: gateways that ask at once have no more between them than there is, and
// not less.
func TestSharedTogether(t *testing.T) {
	t.Parallel()
	all := together(t, redistest.Start(t).URL, 4, 100, time.Minute, time.Second)
	var wg sync.WaitGroup
	var mu sync.Mutex
	granted := 0
	for i := range 12 {
		wg.Go(func() {
			for range 15 {
				if err := all[i%4].Take(t.Context(), "ada", nil); err == nil {
					mu.Lock()
					granted++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if granted != 100 {
		t.Errorf("%d calls are granted, want 100", granted)
	}
	err := all[0].Take(t.Context(), "ada", nil)
	if spent, ok := errors.AsType[*SpentError](err); !ok || spent.RetryAfter < 50*time.Second || spent.RetryAfter > 70*time.Second {
		t.Errorf("%v %+v", err, err)
	}
	if err := all[1].Take(t.Context(), "bob", nil); err != nil {
		t.Errorf("another caller pays: %v", err)
	}
}

// TestSharedWindow: no window has more calls than the limit, over all gateways.
func TestSharedWindow(t *testing.T) {
	t.Parallel()
	const limit, window, hold = 50, 600 * time.Millisecond, 100 * time.Millisecond
	var mu sync.Mutex
	var made []time.Time
	var wg sync.WaitGroup
	enough := func() bool { // more than one window's
		mu.Lock()
		defer mu.Unlock()
		return len(made) > 2*limit
	}
	for i, a := range together(t, redistest.Start(t).URL, 3, limit, window, hold) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for !enough() {
				asked := time.Now()
				lease, err := a.Reserve(t.Context(), "ada", 1+r.IntN(10))
				if spent, ok := errors.AsType[*SpentError](err); ok {
					time.Sleep(spent.RetryAfter) // the clock is the server's
					continue
				}
				for range r.IntN(10) {
					mu.Lock()
					if time.Since(asked) < hold && lease.left > 0 && a.Take(t.Context(), "ada", lease) == nil {
						made = append(made, time.Now())
					}
					mu.Unlock()
				}
				lease.Close()
			}
		})
	}
	wg.Wait()
	slices.SortFunc(made, time.Time.Compare)
	for n := limit; n < len(made); n++ {
		if d := made[n].Sub(made[n-limit]); d < window {
			t.Fatalf("%d calls in %s", limit+1, d)
		}
	}
}

// TestSharedShortWindow: a call counts for no less than the window, however short its slots are.
func TestSharedShortWindow(t *testing.T) {
	t.Parallel()
	const window = time.Second
	a := together(t, redistest.Start(t).URL, 1, 100, window, time.Second)[0]
	begin := time.Now()
	if err := a.Take(t.Context(), "ada", nil); err != nil {
		t.Fatal(err)
	}
	if counts := a.State(t.Context(), "ada").Reset.Sub(begin); counts < window {
		t.Errorf("it counts for %s", counts)
	}
}

// TestSharedOtherWindow: calls that were counted for another window count for the one that there
// is now, but for a slot of the other.
func TestSharedOtherWindow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, now time.Duration }{{time.Minute, 10 * time.Minute}, {10 * time.Minute, time.Minute}} {
		url := redistest.Start(t).URL
		before, now := together(t, url, 1, 100, c.before, time.Second)[0], together(t, url, 1, 100, c.now, time.Second)[0]
		for range 60 {
			if err := before.Take(t.Context(), "ada", nil); err != nil {
				t.Fatal(err)
			}
		}
		s := now.State(t.Context(), "ada")
		if left := time.Until(s.Reset); s.Remaining != 40 || left < c.now*8/10 || left > c.now*11/10 {
			t.Errorf("%s after %s: %d left, all of them in %s", c.now, c.before, s.Remaining, left)
		}
		_, err := now.Reserve(t.Context(), "ada", 50)
		if spent, ok := errors.AsType[*SpentError](err); !ok || spent.RetryAfter < c.now*8/10 || spent.RetryAfter > c.now*11/10 {
			t.Errorf("%s after %s: %+v", c.now, c.before, err)
		}
	}
}

// TestSharedReturns: what one gateway has reserved and not used the others get.
func TestSharedReturns(t *testing.T) {
	t.Parallel()
	all := together(t, redistest.Start(t).URL, 2, 100, time.Minute, time.Second)
	lease, err := all[0].Reserve(t.Context(), "ada", 100)
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if err := all[0].Take(t.Context(), "ada", lease); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range all { // 60 may come back at any time
		if spent := refused(t, a, 60); spent.RetryAfter != keptFor || spent.Returned == nil {
			t.Errorf("%+v", spent)
		}
		if spent := refused(t, a, 61); spent.RetryAfter < 50*time.Second || spent.Returned != nil {
			t.Errorf("%+v", spent)
		}
	}
	returned := refused(t, all[0], 1).Returned
	lease.Close()
	<-returned
	until(t, func() bool { return all[1].State(t.Context(), "ada").Remaining == 60 })
}

func until(t *testing.T, is func() bool) {
	t.Helper()
	for begin := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatal("it does not happen")
		}
	}
}

// TestSharedBlock: what the partner told one gateway all know, at once.
func TestSharedBlock(t *testing.T) {
	t.Parallel()
	all := together(t, redistest.Start(t).URL, 2, 100, time.Minute, time.Second)
	all[0].Block(t.Context(), "ada", time.Hour)
	err := all[1].Take(t.Context(), "ada", nil)
	if spent, ok := errors.AsType[*SpentError](err); !ok || spent.RetryAfter < 59*time.Minute {
		t.Errorf("%v", err)
	}
	// One that asks for nothing is told.
	until(t, func() bool {
		all[0].Block(t.Context(), "eve", time.Hour) // until it listens
		all[1].mu.Lock()
		defer all[1].mu.Unlock()
		return all[1].account("eve").refuses() != nil
	})
}

// TestSharedAlone: without a server each gateway has a share, and tells of it later.
func TestSharedAlone(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]func(*redistest.Server, testing.TB){"Back": (*redistest.Server).Restart, "Wiped": (*redistest.Server).RestartEmpty} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			all := together(t, server.URL, 2, 100, time.Minute, time.Second)
			take := func(i, n int) (made int) {
				for range n {
					if all[i].Take(t.Context(), "ada", nil) == nil {
						made++
					}
				}
				return made
			}
			if n := take(0, 10) + take(1, 20) + take(0, 1); n != 31 {
				t.Fatalf("%d calls", n)
			}
			server.Stop(t)
			if n := take(0, 60); n != 50-11 {
				t.Errorf("alone it makes %d calls", n)
			}
			restart(server, t)
			until(t, func() bool {
				zero, one := all[0].State(t.Context(), "ada").Remaining, all[1].State(t.Context(), "ada").Remaining
				if zero == one && zero != 100-50-20 {
					t.Errorf("%d are left, want 30", zero)
				}
				return zero == one
			})
		})
	}
}

// TestSharedHung: a server that is silent holds nobody up.
func TestSharedHung(t *testing.T) {
	t.Parallel()
	relay := redistest.StartRelay(t, redistest.Start(t))
	var mu sync.Mutex
	failures := 0
	a := New(100, time.Minute, NewShared(connect(t, relay.URL), time.Second, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failures++
		}
	}))
	t.Cleanup(a.Close)
	relay.Hang(true)
	for i := range 100 {
		if err := a.Take(t.Context(), "ada", nil); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := a.Take(context.Background(), "ada", nil); err == nil {
		t.Error("alone it makes more than all")
	}
	mu.Lock()
	defer mu.Unlock()
	if failures == 0 {
		t.Error("nobody is told")
	}
	relay.Hang(false)
}

// TestSharedClosesHung: a count whose server has stopped answering can be closed while it is told
// of calls that were given back.
func TestSharedClosesHung(t *testing.T) {
	t.Parallel()
	for range 3 {
		relay := redistest.StartRelay(t, redistest.Start(t))
		a := New(100, time.Minute, NewShared(connect(t, relay.URL), time.Second, func(error) {}))
		relay.Hang(true)
		lease := reserve(t, a, 10)
		lease.Close()
		a.Close()
		lease = &Lease{accounts: a, account: lease.account}
		lease.Close()
		relay.Hang(false)
	}
}

// TestSharedShareAlone: while the server cannot be used, an operation that is larger than the share
// of a gateway is let in with that.
func TestSharedShareAlone(t *testing.T) {
	t.Parallel()
	all := together(t, redistest.Start(t).URL, 4, 100, time.Minute, time.Second)
	for _, a := range all[1:] {
		take(t, a, nil)
	}
	first := reserve(t, all[0], 1) // and is told how many they are
	first.Close()
	s := all[0].shared
	s.mu.Lock()
	s.until = time.Now().Add(time.Hour) // it has just failed
	s.mu.Unlock()
	if lease := reserve(t, all[0], 40); lease.left >= 40 || lease.left < 25 {
		t.Errorf("%d calls are kept", lease.left)
	}
}

// TestSharedAloneWithWhatIsLeft: where a gateway has made more than its share when the server
// cannot be used any more, the others have what was left between them, in place of theirs.
func TestSharedAloneWithWhatIsLeft(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t).URL
	for _, c := range []struct {
		made []int // by each gateway, before
		most int   // by all of them, after
	}{
		{[]int{70, 10}, 20}, {[]int{99, 1}, 0}, {[]int{30, 20}, 50}, {[]int{60, 5, 5}, 30}, {[]int{1, 96, 1, 1}, 0}, {[]int{40, 30, 10}, 13},
	} {
		key, after := fmt.Sprint(c.made), 0
		all := together(t, server, len(c.made), 100, time.Minute, time.Second)
		for i, a := range all {
			for range c.made[i] {
				if err := a.Take(t.Context(), key, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, a := range all {
			a.State(t.Context(), key) // and is told what is left
			a.shared.mu.Lock()
			a.shared.until = time.Now().Add(time.Hour) // it has just failed
			a.shared.mu.Unlock()
		}
		for _, a := range all {
			for a.Take(t.Context(), key, nil) == nil {
				after++
			}
		}
		if after > c.most || after < c.most-len(all) {
			t.Errorf("after %v they make %d calls, want %d", c.made, after, c.most)
		}
	}
}

// TestSharedExact: whatever becomes of questions and answers, in the end the calls that were
// made are counted, and no others.
func TestSharedExact(t *testing.T) {
	t.Parallel()
	const limit = 5000
	for name, test := range map[string]func(t *testing.T, server *redistest.Server, relay *redistest.Relay, a *Accounts) (made int){
		"AnswerLost": func(t *testing.T, _ *redistest.Server, relay *redistest.Relay, a *Accounts) int {
			relay.Mute(true) // the calls are granted, and nobody knows
			lease := reserve(t, a, 1000)
			take(t, a, lease)
			lease.Close()
			relay.Mute(false)
			return 1
		},
		"ReturnLost": func(t *testing.T, _ *redistest.Server, relay *redistest.Relay, a *Accounts) int {
			lease := reserve(t, a, 1000)
			take(t, a, lease)
			relay.Hang(true)
			lease.Close()
			until(t, func() bool { return failing(a) })
			relay.Hang(false)
			return 1
		},
		"ToldWhileOpen": func(t *testing.T, _ *redistest.Server, relay *redistest.Relay, a *Accounts) int {
			relay.Hang(true)
			lease := reserve(t, a, 1000)
			relay.Hang(false)
			until(t, func() bool { return !failing(a) && a.State(t.Context(), "ada").Remaining == limit-1000 })
			slot := a.slot(time.Now())
			until(t, func() bool { return a.slot(time.Now()) > slot })
			take(t, a, lease)
			lease.Close()
			return 1
		},
		"Wiped": func(t *testing.T, server *redistest.Server, _ *redistest.Relay, a *Accounts) int {
			lease := reserve(t, a, 1000)
			server.RestartEmpty(t)
			until(t, func() bool { a.State(t.Context(), "ada"); return !failing(a) })
			take(t, a, lease)
			lease.Close()
			return 1
		},
		"Late": func(t *testing.T, _ *redistest.Server, _ *redistest.Relay, a *Accounts) int {
			lease := reserve(t, a, 1000)
			a.mu.Lock()
			a.asked++
			late := a.question(lease.account, a.asked, 500) // given up, and still on its way
			a.mu.Unlock()
			take(t, a, lease)
			lease.Close()
			a.State(t.Context(), "ada")
			if g, err := a.shared.ask(t.Context(), "ada", late); err != nil || g.Granted {
				t.Errorf("a question that nobody waits for is answered: %+v, %v", g, err)
			}
			return 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			relay := redistest.StartRelay(t, server)
			a, other := together(t, relay.URL, 1, limit, time.Minute, time.Second)[0], together(t, server.URL, 1, limit, time.Minute, time.Second)[0]
			made := test(t, server, relay, a)
			until(t, func() bool { return other.State(t.Context(), "ada").Remaining == limit-made })
		})
	}
}

func reserve(t *testing.T, a *Accounts, n int) *Lease {
	t.Helper()
	lease, err := a.Reserve(t.Context(), "ada", n)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func refused(t *testing.T, a *Accounts, n int) *SpentError {
	t.Helper()
	_, err := a.Reserve(t.Context(), "ada", n)
	spent, ok := errors.AsType[*SpentError](err)
	if !ok {
		t.Fatal(err)
	}
	return spent
}

func take(t *testing.T, a *Accounts, lease *Lease) {
	t.Helper()
	if err := a.Take(t.Context(), "ada", lease); err != nil {
		t.Fatal(err)
	}
}

// failing reports whether the server has just failed.
func failing(a *Accounts) bool {
	a.shared.mu.Lock()
	defer a.shared.mu.Unlock()
	return time.Now().Before(a.shared.until)
}

// TestSharedBlockTold: a 429 that is met while the server is silent the others learn of when it
// is not.
func TestSharedBlockTold(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	relay := redistest.StartRelay(t, server)
	a, other := together(t, relay.URL, 1, 100, time.Minute, time.Second)[0], together(t, server.URL, 1, 100, time.Minute, time.Second)[0]
	relay.Hang(true)
	a.Block(t.Context(), "ada", time.Hour)
	relay.Hang(false)
	until(t, func() bool { return other.State(t.Context(), "ada").Remaining == 0 })
}

// TestSharedForgets: of a caller none of whose calls counts there is no key.
func TestSharedForgets(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a := together(t, server.URL, 1, 100, time.Minute, time.Second)[0]
	client := redistest.Client(t, server.URL)
	keys := func() (n int) {
		keys, err := client.Do(t.Context(), client.B().Keys().Pattern(keyPrefix+"ada").Build()).AsStrSlice()
		if err != nil {
			t.Fatal(err)
		}
		return len(keys)
	}
	if a.State(t.Context(), "ada"); keys() != 0 {
		t.Error("to look makes a key")
	}
	lease := reserve(t, a, 10)
	if keys() != 1 {
		t.Error("what is granted is not counted")
	}
	lease.Close()
	until(t, func() bool { return keys() == 0 })
	take(t, a, nil)
	if keys() != 1 {
		t.Error("what is taken is not counted")
	}
	a.Settle("ada", nil, false, false)
	until(t, func() bool { return keys() == 0 })
	until(t, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.byKey) == 0
	})
}
