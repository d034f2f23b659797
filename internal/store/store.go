// Package store keeps short texts for a while, in memory or in a Redis server that
// gateways share: sealed sessions, leases, whose turn it is.
package store

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Store keeps short texts for a while. What it is given is sealed already.
type Store interface {
	// Get returns the value of a key, "" when there is none.
	Get(ctx context.Context, key string) (string, error)
	// Add sets the value of a key that has none, for a time, and reports whether it
	// did.
	Add(ctx context.Context, key, value string, life time.Duration) (added bool, err error)
	// Swap replaces the value of a key that is still old, for a time, and says
	// whether it was. The new value "" removes the key, which all who listen are
	// told.
	Swap(ctx context.Context, key, old, value string, life time.Duration) (swapped bool, err error)
	// Listen calls removed with each key that Swap removes, in this process or
	// another, and missed when it may not have been told of some, until stop is
	// called. Both may run at the same time; removed must not use the store.
	Listen(removed func(key string), missed func(context.Context)) (stop func())
}

// NewMemory makes a store that lives as long as the process.
func NewMemory() Store {
	return &memory{entries: map[string]entry{}, listeners: map[int]func(string){}}
}

type memory struct {
	mu        sync.Mutex
	entries   map[string]entry
	swept     time.Time
	listeners map[int]func(key string)
	last      int // the last listener's number
}

type entry struct {
	value string
	ends  time.Time
}

// sweepEvery is how often entries that nobody asks for any more are dropped.
const sweepEvery = time.Minute

func (m *memory) Get(_ context.Context, key string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(key), nil
}

func (m *memory) get(key string) string {
	if e := m.entries[key]; time.Now().Before(e.ends) {
		return e.value
	}
	return ""
}

func (m *memory) set(key, value string, life time.Duration) {
	if value == "" {
		delete(m.entries, key)
		return
	}
	m.entries[key] = entry{value, time.Now().Add(life)}
}

func (m *memory) Add(_ context.Context, key, value string, life time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	if m.get(key) != "" {
		return false, nil
	}
	m.set(key, value, life)
	return true, nil
}

func (m *memory) Swap(_ context.Context, key, old, value string, life time.Duration) (bool, error) {
	m.mu.Lock()
	swapped := old != "" && m.get(key) == old
	var told []func(string)
	if swapped {
		m.set(key, value, life)
		if value == "" {
			told = slices.Collect(maps.Values(m.listeners))
		}
	}
	m.mu.Unlock()
	for _, removed := range told {
		removed(key)
	}
	return swapped, nil
}

func (m *memory) Listen(removed func(string), _ func(context.Context)) (stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	n := m.last
	m.listeners[n] = removed
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.listeners, n)
	}
}

func (m *memory) sweep() {
	now := time.Now()
	if now.Sub(m.swept) < sweepEvery {
		return
	}
	m.swept = now
	for key, e := range m.entries {
		if !now.Before(e.ends) {
			delete(m.entries, key)
		}
	}
}
