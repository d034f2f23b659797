package cache

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

type key struct{ caller, path string }

func TestCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New[key, string](100_000)
		ada, bob := key{"ada", "/p"}, key{"bob", "/p"}
		c.Put(ada, "of ada", 10, time.Minute)
		if v, ok := c.Get(ada); v != "of ada" || !ok {
			t.Error(v, ok)
		}
		if v, ok := c.Get(bob); ok {
			t.Error("bob has ", v)
		}
		time.Sleep(time.Minute)
		if _, ok := c.Get(ada); ok {
			t.Error("it is kept for too long")
		}
		if bytes, n := c.Size(); bytes != 0 || n != 0 {
			t.Errorf("%d bytes in %d answers", bytes, n)
		}
		c.Put(ada, "small", 10, time.Minute)
		c.Put(ada, "large", 100_000/16, time.Minute)
		if v, ok := c.Get(ada); ok {
			t.Error("one takes more than its share, or the one before is kept: ", v)
		}
	})
}

// TestPutIfNewer: what is newer stays, whatever comes first.
func TestPutIfNewer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, begin := New[int, time.Time](1<<20), time.Now()
		self := func(at time.Time) time.Time { return at }
		for _, step := range []struct{ put, want time.Duration }{{1, 1}, {0, 1}, {1, 1}, {2, 2}} {
			got := c.PutIfNewer(1, begin.Add(step.put), 10, time.Minute, self)
			if kept, _ := c.Get(1); got != kept || got != begin.Add(step.want) {
				t.Errorf("after %d it keeps %v and says %v", step.put, kept.Sub(begin), got.Sub(begin))
			}
		}
		time.Sleep(time.Minute)
		if got := c.PutIfNewer(1, begin, 10, time.Minute, self); got != begin {
			t.Error("what is over is kept")
		}
	})
}

// TestBounds: whatever is put in, no more is kept than may be, and the sum is right.
func TestBounds(t *testing.T) {
	t.Parallel()
	c := New[key, int](50_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		k := key{fmt.Sprint(r.IntN(20)), fmt.Sprint(r.IntN(30))}
		if r.IntN(3) == 0 {
			c.Get(k)
			continue
		}
		c.Put(k, i, r.IntN(2500), time.Duration(r.IntN(1000))*time.Microsecond)
		if bytes, _ := c.Size(); bytes > 50_000 {
			t.Fatalf("%d bytes", bytes)
		}
	}
	sum := 0
	for _, k := range c.entries.Keys() {
		e, _ := c.entries.Peek(k)
		sum += e.bytes
	}
	if bytes, _ := c.Size(); bytes != sum {
		t.Errorf("%d bytes counted, %d kept", bytes, sum)
	}
}

// TestSplit: strangers push out nothing that known callers have put in, and find it.
func TestSplit(t *testing.T) {
	t.Parallel()
	c := NewSplit[int, string](1 << 20)
	c.Put(1, "known", 1000, true)
	for i := range 10_000 {
		c.Put(10+i, "a stranger's", 1000, false)
	}
	if v, ok := c.Get(1); v != "known" || !ok {
		t.Error(v, ok)
	}
	if bytes, values := c.Size(); bytes > 1<<17+2000 || values > 200 {
		t.Errorf("%d bytes in %d values", bytes, values)
	}
}

// TestOver: what is over does not wait to be asked for.
func TestOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New[int, string](1 << 20)
		for i := range 100 {
			c.Put(i, "", 100, time.Minute)
		}
		time.Sleep(time.Minute)
		c.Put(1000, "", 100, time.Minute)
		if _, n := c.Size(); n != 1 {
			t.Errorf("%d are kept", n)
		}
	})
}
