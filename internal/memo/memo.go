// Package memo has a context that remembers what it is asked for.
package memo

import (
	"context"
	"sync"
	"sync/atomic"
)

// Context returns a context with the values of ctx that looks each of them up once. A value that
// is asked for a hundred times then costs the same however deep it lies.
func Context(ctx context.Context) context.Context { return &memo{Context: ctx} }

type memo struct {
	context.Context
	n     atomic.Int32 // how many of the entries are there to be read
	mu    sync.Mutex   // for who adds one
	known [8]entry
}

type entry struct{ key, value any }

func (m *memo) Value(key any) any {
	n := int(m.n.Load())
	for i := range n {
		if e := &m.known[i]; e.key == key {
			return e.value
		}
	}
	value := m.Context.Value(key)
	if n < len(m.known) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if int(m.n.Load()) == n { // else another was quicker, perhaps with the same
			m.known[n] = entry{key, value}
			m.n.Add(1)
		}
	}
	return value
}
