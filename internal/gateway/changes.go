package gateway

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// changes knows when something last changed that answers may hold. Callers have a place in
// common with a few others, so that it never grows, and nobody can push out what is known of
// others. Whose neighbour writes makes a call more than they had to.
type changes struct {
	seed   maphash.Seed
	all    change // of what all callers may have read
	places []change
}

type change struct {
	number atomic.Uint64 // counts the changes, and what is no reason to drop what is kept
	at     atomic.Int64  // when the last one was, or will have been, in Unix nanoseconds
}

// maxPlaces takes 16 KB.
const maxPlaces = 1 << 10

func newChanges() changes {
	return changes{seed: maphash.MakeSeed(), places: make([]change, maxPlaces)}
}

func (c *changes) place(caller string) *change {
	return &c.places[maphash.String(c.seed, caller)%maxPlaces]
}

// version is another one after each change of what the caller may read.
func (c *changes) version(caller string) uint64 {
	return c.all.number.Load() + c.place(caller).number.Load()
}

// begins notes that a write begins, happened that something has: what is under way may miss it.
func (c *changes) begins(caller string) { c.place(caller).number.Add(1) }
func (c *changes) happened()            { c.all.number.Add(1) }

// of notes a change for a caller, ofEach for any of them, and ofAll one of what all may have read.
func (c *changes) of(caller string, at time.Time) { c.place(caller).changed(at) }
func (c *changes) ofAll(at time.Time)             { c.all.changed(at) }
func (c *changes) ofEach(at time.Time) {
	for i := range c.places {
		c.places[i].changed(at)
	}
}

// to and toAll report whether there was a change after a moment.
func (c *changes) to(caller string, since time.Time) bool { return c.place(caller).after(since) }
func (c *changes) toAll(since time.Time) bool             { return c.all.after(since) }

func (c *change) changed(at time.Time) {
	now := at.UnixNano()
	for {
		last := c.at.Load()
		if now <= last || c.at.CompareAndSwap(last, now) {
			break
		}
	}
	c.number.Add(1)
}

func (c *change) after(t time.Time) bool { return t.UnixNano() < c.at.Load() }
