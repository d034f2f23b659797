package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
)

// limitModel is what [Places] do, written down as plainly as possible.
type limitModel struct {
	free    int
	each    int
	running map[string]int
	queues  []string // callers who wait, in the order they began to or last got a place
	waiting []*waiter
}

type waiter struct {
	caller string
	leave  context.CancelFunc
	done   chan error
}

// grant gives a free place to the caller with the fewest, among equals the one that
// got its last before the others, and returns whose turn it was. Nobody gets more than
// each.
func (m *limitModel) grant() *waiter {
	if m.free == 0 {
		return nil
	}
	best := ""
	for _, caller := range m.queues {
		if m.running[caller] < m.each && (best == "" || m.running[caller] < m.running[best]) {
			best = caller
		}
	}
	for _, w := range m.waiting {
		if w.caller == best {
			m.free--
			m.running[best]++
			m.remove(w)
			if i := slices.Index(m.queues, best); i >= 0 {
				m.queues = append(slices.Delete(m.queues, i, i+1), best)
			}
			return w
		}
	}
	return nil
}

func (m *limitModel) remove(w *waiter) {
	m.waiting = slices.DeleteFunc(m.waiting, func(o *waiter) bool { return o == w })
	if !slices.ContainsFunc(m.waiting, func(o *waiter) bool { return o.caller == w.caller }) {
		m.queues = slices.DeleteFunc(m.queues, func(c string) bool { return c == w.caller })
	}
}

// TestLimiterIsFair compares the limiter with the model over random sequences
// of calls that arrive, end, and give up while they wait.
func TestLimiterIsFair(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			places := 1 + random.IntN(3)
			each := 1 + random.IntN(places)
			c := &limitCheck{
				t: t, l: NewPlaces(places, each),
				m: &limitModel{free: places, each: each, running: map[string]int{}},
			}
			for range 60 {
				switch random.IntN(5) {
				case 0, 1, 2:
					c.arrive([]string{"ada", "bob", "cyd"}[random.IntN(3)])
				case 3:
					c.end(random)
				case 4:
					c.giveUp(random)
				}
			}
			for len(c.m.waiting) > 0 {
				c.giveUp(random)
			}
			for c.m.free < places {
				c.end(random)
			}
			if len(c.l.callers) != 0 || len(c.l.waiting) != 0 || c.l.free != places {
				t.Errorf("seed %d: the limiter remembers %d callers, %d waiting, %d places of %d free",
					seed, len(c.l.callers), len(c.l.waiting), c.l.free, places)
			}
		})
	}
}

type limitCheck struct {
	t *testing.T
	l *Places
	m *limitModel
}

func (c *limitCheck) arrive(caller string) {
	ctx, leave := context.WithCancel(c.t.Context())
	w := &waiter{caller, leave, make(chan error, 1)}
	go func() { w.done <- c.l.Acquire(ctx, caller) }()
	c.m.waiting = append(c.m.waiting, w)
	if !slices.Contains(c.m.queues, caller) {
		c.m.queues = append(c.m.queues, caller)
	}
	c.expect(c.m.grant())
}

func (c *limitCheck) end(random *rand.Rand) {
	var busy []string
	for _, caller := range []string{"ada", "bob", "cyd"} {
		if c.m.running[caller] > 0 {
			busy = append(busy, caller)
		}
	}
	if len(busy) == 0 {
		return
	}
	caller := busy[random.IntN(len(busy))]
	c.m.running[caller]--
	c.m.free++
	c.l.Release(caller)
	c.expect(c.m.grant())
}

func (c *limitCheck) giveUp(random *rand.Rand) {
	if len(c.m.waiting) == 0 {
		return
	}
	w := c.m.waiting[random.IntN(len(c.m.waiting))]
	c.m.remove(w)
	w.leave()
	if err := <-w.done; !errors.Is(err, context.Canceled) {
		c.t.Fatalf("who gave up got %v", err)
	}
	c.expect(nil)
}

// expect checks that the call granted has its place, if there is one, and that
// nobody else has.
func (c *limitCheck) expect(granted *waiter) {
	synctest.Wait()
	if granted != nil {
		select {
		case err := <-granted.done:
			granted.leave()
			if err != nil {
				c.t.Fatal(err)
			}
		default:
			c.t.Fatalf("the place should have gone to %s", granted.caller)
		}
	}
	for _, w := range c.m.waiting {
		select {
		case err := <-w.done:
			c.t.Fatalf("%s waits no longer (%v) though no place is free for it", w.caller, err)
		default:
		}
	}
}
