package cache

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

func TestCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New[string](100_000)
		ada, bob := Key{"ada", "/p", ""}, Key{"bob", "/p", ""}
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
		if bytes, n := c.Bytes(); bytes != 0 || n != 0 {
			t.Errorf("%d bytes in %d answers", bytes, n)
		}
		c.Put(ada, "", 100_000/16, time.Minute)
		if _, ok := c.Get(ada); ok {
			t.Error("one takes more than its share")
		}
	})
}

// TestBounds: whatever is put in, no more is kept than may be, and the sum is right.
func TestBounds(t *testing.T) {
	t.Parallel()
	c := New[int](50_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		k := Key{fmt.Sprint(r.IntN(20)), fmt.Sprint(r.IntN(30)), ""}
		if r.IntN(3) == 0 {
			c.Get(k)
			continue
		}
		c.Put(k, i, r.IntN(2500), time.Duration(r.IntN(1000))*time.Microsecond)
		if bytes, _ := c.Bytes(); bytes > 50_000 {
			t.Fatalf("%d bytes", bytes)
		}
	}
	sum := 0
	for _, k := range c.entries.Keys() {
		e, _ := c.entries.Peek(k)
		sum += e.bytes
	}
	if bytes, _ := c.Bytes(); bytes != sum {
		t.Errorf("%d bytes counted, %d kept", bytes, sum)
	}
}
