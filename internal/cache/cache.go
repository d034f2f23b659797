// Package cache keeps values for a while in the memory of this process, bounded by the
// bytes that they take up.
package cache

import (
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Cache is bounded by the bytes of its values. What was used longest ago goes first.
type Cache[K comparable, V any] struct {
	most int

	mu      sync.Mutex
	entries *simplelru.LRU[K, entry[V]]
	bytes   int
}

type entry[V any] struct {
	value V
	bytes int
	until time.Time // zero for always
}

// overhead is what an entry takes beside its key and value.
const overhead = 256

// New returns a cache of most bytes.
func New[K comparable, V any](most int) *Cache[K, V] {
	c := &Cache[K, V]{most: most}
	entries, err := simplelru.NewLRU(math.MaxInt, func(_ K, e entry[V]) { c.bytes -= e.bytes })
	if err != nil {
		panic(err) // the number above is wrong
	}
	c.entries = entries
	return c
}

// Get returns what is kept under a key.
func (c *Cache[K, V]) Get(k K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries.Get(k)
	if ok && e.over(time.Now()) {
		c.entries.Remove(k)
		return v, false
	}
	return e.value, ok
}

func (e *entry[V]) over(now time.Time) bool { return !e.until.IsZero() && !now.Before(e.until) }

// Put keeps a value for a while, or, if that is 0, until others take its place. The bytes
// are those of key and value. A value that would take more than a sixteenth of the cache
// is not kept, and neither is the one before.
func (c *Cache[K, V]) Put(k K, v V, bytes int, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(k, v, bytes, d)
}

// PutIfNewer is Put unless what is kept is newer than v, and returns the newer one.
func (c *Cache[K, V]) PutIfNewer(k K, v V, bytes int, d time.Duration, at func(V) time.Time) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have, ok := c.entries.Peek(k); ok && !have.over(time.Now()) && at(have.value).After(at(v)) {
		return have.value
	}
	c.put(k, v, bytes, d)
	return v
}

func (c *Cache[K, V]) put(k K, v V, bytes int, d time.Duration) {
	bytes += overhead
	if bytes > c.most/16 {
		c.entries.Remove(k)
		return
	}
	e, now := entry[V]{value: v, bytes: bytes}, time.Now()
	if d > 0 {
		e.until = now.Add(d)
	}
	before, _ := c.entries.Peek(k)
	c.entries.Add(k, e) // in place of the one before, which is not reported as gone
	c.bytes += bytes - before.bytes
	for {
		_, oldest, _ := c.entries.GetOldest()
		if c.bytes <= c.most && !oldest.over(now) {
			return
		}
		c.entries.RemoveOldest()
	}
}

// Size returns how many bytes are kept, in how many values.
func (c *Cache[K, V]) Size() (bytes, values int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes, c.entries.Len()
}
