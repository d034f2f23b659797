package budget

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestWindow: no window of the given length ever has more calls than the limit, and whoever
// waits as long as asked to may make one.
func TestWindow(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			const limit, window = 50, 300 * time.Second
			a := New(limit, window, nil)
			r := rand.New(rand.NewPCG(seed, 1))
			var made []time.Time
			for range 2000 {
				time.Sleep(time.Duration(r.Int64N(int64(8 * time.Second))))
				err := a.Take(t.Context(), "ada", nil)
				if spent, ok := errors.AsType[*SpentError](err); ok {
					if spent.RetryAfter <= 0 || spent.RetryAfter > window+window/slots {
						t.Fatalf("wait %s", spent.RetryAfter)
					}
					time.Sleep(spent.RetryAfter)
					err = a.Take(t.Context(), "ada", nil)
				}
				if err != nil {
					t.Fatal(err)
				}
				made = append(made, time.Now())
				if n := len(made); n > limit && made[n-1].Sub(made[n-1-limit]) < window {
					t.Fatalf("%d calls in %s", limit+1, made[n-1].Sub(made[n-1-limit]))
				}
			}
		})
	}
}

// TestReserve: what is reserved nobody else gets, and what was not used comes back.
func TestReserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := New(100, time.Minute, nil)
		one, err := a.Reserve(t.Context(), "ada", 60)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Reserve(t.Context(), "ada", 60); err == nil {
			t.Error("120 of 100 are reserved")
		}
		if _, err := a.Reserve(t.Context(), "bob", 60); err != nil {
			t.Errorf("another caller: %v", err)
		}
		for i := range 40 {
			if err := a.Take(t.Context(), "ada", nil); err != nil {
				t.Fatalf("call %d beside the reservation: %v", i, err)
			}
		}
		if spent := refused(t, a, 1); spent.RetryAfter != keptFor || spent.Returned == nil {
			t.Errorf("a call that waits for what is reserved: %+v", spent)
		}
		if spent := refused(t, a, 61); spent.RetryAfter < time.Minute || spent.Returned != nil {
			t.Errorf("a call that waits for those that were made: %+v", spent)
		}
		for i := range 10 {
			if err := a.Take(t.Context(), "ada", one); err != nil {
				t.Fatalf("reserved call %d: %v", i, err)
			}
		}
		returned := refused(t, a, 50).Returned
		one.Close()
		one.Close()
		<-returned
		if s := a.State(t.Context(), "ada"); s.Remaining != 50 || s.Limit != 100 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Until(a.State(t.Context(), "ada").Reset))
		if s := a.State(t.Context(), "ada"); s.Remaining != 100 {
			t.Errorf("%+v after the reset", s)
		}
		if l, err := a.Reserve(t.Context(), "ada", 1000); err != nil {
			t.Errorf("more than the limit: %v", err)
		} else {
			l.Close()
		}
	})
}

// TestNotCounted: a call that the partner did not count is no call of those that are kept for an
// operation, which may be made once more.
func TestNotCounted(t *testing.T) {
	t.Parallel()
	a := New(10, time.Minute, nil)
	l, err := a.Reserve(t.Context(), "ada", 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		for range 2 {
			if err := a.Take(t.Context(), "ada", l); err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
			a.Settle("ada", l, true, false)
		}
		if err := a.Take(t.Context(), "ada", l); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		a.Settle("ada", l, true, true)
	}
	l.Close()
	a.Settle("ada", l, true, false) // of one that outlived its operation
	if s := a.State(t.Context(), "ada"); s.Remaining != 1 {
		t.Errorf("%+v", s)
	}
}

// TestTogether: at no time have the operations of a caller more than the limit.
func TestTogether(t *testing.T) {
	t.Parallel()
	a := New(500, time.Hour, nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 50 {
		wg.Go(func() {
			l, err := a.Reserve(t.Context(), "ada", 20)
			if err != nil {
				return
			}
			defer l.Close()
			for range 30 {
				if a.Take(t.Context(), "ada", l) == nil {
					mu.Lock()
					made++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if s := a.State(t.Context(), "ada"); made > 500 || s.Remaining != 500-made {
		t.Errorf("%d calls, %+v", made, s)
	}
}

func TestBlock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := New(0, time.Minute, nil)
		a.Block(t.Context(), "ada", 20*time.Second)
		a.Block(t.Context(), "ada", 5*time.Second) // a shorter one does not shorten it
		spent, ok := errors.AsType[*SpentError](a.Take(t.Context(), "ada", nil))
		if !ok || spent.RetryAfter != 20*time.Second {
			t.Errorf("%v", spent)
		}
		if err := a.Take(t.Context(), "bob", nil); err != nil {
			t.Error(err)
		}
		time.Sleep(20*time.Second + 1)
		if err := a.Take(t.Context(), "ada", nil); err != nil {
			t.Error(err)
		}
	})
}

// TestForgets: callers of whom nothing counts are not kept.
func TestForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := New(10, time.Minute, nil)
		for i := range 1000 {
			_ = a.Take(t.Context(), strconv.Itoa(i), nil)
		}
		time.Sleep(3 * time.Minute)
		_ = a.Take(t.Context(), "ada", nil)
		if n := len(a.byKey); n != 1 {
			t.Errorf("%d accounts are kept", n)
		}
	})
}

// TestForgetsStrangers: tokens that somebody has made up cost no memory, and of callers who may
// be strangers no more are kept than a number; those whom the partner accepts are kept.
func TestForgetsStrangers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := New(10, time.Minute, nil)
		made := 0
		strangers := func(n int, do func(key string)) {
			for range n {
				made++
				do(strconv.Itoa(made))
			}
		}
		strangers(100, func(key string) { a.State(t.Context(), key) })
		strangers(100, func(key string) {
			lease, err := a.Reserve(t.Context(), key, 3)
			if err != nil {
				t.Fatal(err)
			}
			lease.Close()
		})
		strangers(100, func(key string) {
			if err := a.Take(t.Context(), key, nil); err != nil {
				t.Fatal(err)
			}
			a.Settle(key, nil, false, false) // 401
		})
		if n := len(a.byKey); n != 0 {
			t.Errorf("%d accounts are kept", n)
		}
		strangers(maxStrangers+100, func(key string) {
			_ = a.Take(t.Context(), key, nil)
			a.Settle(key, nil, false, true) // 502
		})
		strangers(maxStrangers+100, func(key string) { a.Block(t.Context(), key, time.Hour) })
		if n := len(a.byKey); n > maxStrangers {
			t.Errorf("%d accounts are kept", n)
		}
		for range 10 {
			if err := a.Take(t.Context(), "ada", nil); err != nil {
				t.Fatal(err)
			}
			a.Settle("ada", nil, true, true)
		}
		if a.Take(t.Context(), "ada", nil) == nil {
			t.Error("the calls of a caller whom the partner knows are forgotten")
		}
	})
}
