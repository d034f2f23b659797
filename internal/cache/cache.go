// Package cache keeps answers of the partner for a while, each for one caller, in the
// memory of this process.
package cache

import (
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Key names an answer: whose it is, and what was asked.
type Key struct{ Caller, Path, Query string }

// Cache is bounded by the bytes of the answers. What was used longest ago goes first.
type Cache[V any] struct {
	most int

	mu      sync.Mutex
	entries *simplelru.LRU[Key, entry[V]]
	bytes   int
}

type entry[V any] struct {
	value V
	bytes int
	until time.Time
}

// overhead is what an entry takes beside its value.
const overhead = 256

// New returns a cache of most bytes.
func New[V any](most int) *Cache[V] {
	c := &Cache[V]{most: most}
	entries, err := simplelru.NewLRU(math.MaxInt, func(_ Key, e entry[V]) { c.bytes -= e.bytes })
	if err != nil {
		panic(err) // the number above is wrong
	}
	c.entries = entries
	return c
}

// Get returns what is kept under a key.
func (c *Cache[V]) Get(k Key) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries.Get(k)
	if ok && !time.Now().Before(e.until) {
		c.entries.Remove(k)
		return v, false
	}
	return e.value, ok
}

// Put keeps a value of so many bytes for a while. One that would take more than a
// sixteenth of the cache is not kept.
func (c *Cache[V]) Put(k Key, v V, bytes int, d time.Duration) {
	bytes += overhead + len(k.Caller) + len(k.Path) + len(k.Query)
	if bytes > c.most/16 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries.Remove(k)
	c.entries.Add(k, entry[V]{v, bytes, time.Now().Add(d)})
	for c.bytes += bytes; c.bytes > c.most; {
		c.entries.RemoveOldest()
	}
}

// Bytes returns how many bytes are kept, in how many answers.
func (c *Cache[V]) Bytes() (bytes, answers int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes, c.entries.Len()
}
