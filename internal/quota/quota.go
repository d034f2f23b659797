// Package quota bounds how many of something there may be at once: from one network of
// clients, and in total.
package quota

import (
	"errors"
	"io"
	"net/netip"
	"sync"
)

// Quota counts what there is.
type Quota struct {
	total, each int

	mu    sync.Mutex
	taken int
	by    map[netip.Prefix]int
}

// New returns a quota of total, of which each network may take each; 0 is no limit.
func New(total, each int) *Quota {
	return &Quota{total: total, each: each, by: map[netip.Prefix]int{}}
}

// ErrFull says that nothing is left.
var ErrFull = errors.New("quota: nothing is left")

// Take takes one for a network, or returns [ErrFull]. The zero network, which stands for
// clients that cannot be told apart, is bound by the total alone.
func (q *Quota) Take(of netip.Prefix) error { return q.TakeAll(of, 1) }

// TakeAll takes n at once. There is always room for the first, however many it takes.
func (q *Quota) TakeAll(of netip.Prefix, n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	full := func(most, taken int) bool { return most > 0 && taken > 0 && taken+n > most }
	if full(q.total, q.taken) || of.IsValid() && full(q.each, q.by[of]) {
		return ErrFull
	}
	q.taken += n
	q.by[of] += n
	return nil
}

// Give gives one back.
func (q *Quota) Give(of netip.Prefix) { q.GiveAll(of, 1) }

// GiveAll gives back what [Quota.TakeAll] took.
func (q *Quota) GiveAll(of netip.Prefix, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken -= n
	if q.by[of] -= n; q.by[of] == 0 {
		delete(q.by, of)
	}
}

// Taken returns how many are taken.
func (q *Quota) Taken() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken
}

// Network returns the network that an address counts as: a client of IPv6 has a whole
// one, of 64 bits.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	network, _ := a.Prefix(bits) // the zero one of no address
	return network
}

// Body returns a body that takes one of the quota from when more than free bytes are read
// until it ends or fails, or [CountedBody.Leave] is called. If there is none reading returns
// [ErrFull], and full is called before.
func Body(body io.ReadCloser, q *Quota, of netip.Prefix, free int, full func()) *CountedBody {
	return &CountedBody{ReadCloser: body, quota: q, of: of, free: free, full: full}
}

// CountedBody is a body that counts while it is being read.
type CountedBody struct {
	io.ReadCloser
	quota *Quota
	of    netip.Prefix
	free  int // bytes that are left without
	full  func()

	mu   sync.Mutex
	held bool
	err  error // what reading ended with
}

func (c *CountedBody) Read(p []byte) (int, error) {
	if err := c.enter(); err != nil {
		return 0, err
	}
	if c.free > 0 && len(p) > c.free {
		p = p[:c.free]
	}
	n, err := c.ReadCloser.Read(p)
	c.free -= n
	if err != nil {
		c.leave(err)
	}
	return n, err
}

// Leave has it count no more. Nothing is read from then on.
func (c *CountedBody) Leave() { c.leave(io.ErrClosedPipe) }

// enter takes one if it is needed.
func (c *CountedBody) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.held || c.free > 0 {
		return c.err
	}
	if c.err = c.quota.Take(c.of); c.err != nil {
		c.full()
		return c.err
	}
	c.held = true
	return nil
}

// leave gives it back.
func (c *CountedBody) leave(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	if c.held {
		c.held = false
		c.quota.Give(c.of)
	}
}
