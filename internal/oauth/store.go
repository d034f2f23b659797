package oauth

import (
	"context"
	"sync"
	"time"
)

// Store keeps short texts for a while. What it is given is sealed already.
type Store interface {
	// Get gives the value of a key, "" when there is none.
	Get(ctx context.Context, key string) (string, error)
	// Add sets the value of a key that has none, for a time, and says whether it
	// did.
	Add(ctx context.Context, key, value string, life time.Duration) (added bool, err error)
	// Swap replaces the value of a key that is still old, for a time, and says
	// whether it was. The new value "" removes the key.
	Swap(ctx context.Context, key, old, value string, life time.Duration) (swapped bool, err error)
}

// NewMemory makes a store that lives as long as the process.
func NewMemory() Store { return &memory{entries: map[string]entry{}} }

type memory struct {
	mu      sync.Mutex
	entries map[string]entry
	swept   time.Time
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
	defer m.mu.Unlock()
	if old == "" || m.get(key) != old {
		return false, nil
	}
	m.set(key, value, life)
	return true, nil
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
