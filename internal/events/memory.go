package events

import (
	"context"
	"sync"
	"time"
)

// NewMemory makes a bus that lives as long as the process.
func NewMemory(o Options) *Bus {
	b := newBus(o)
	b.journal = &memory{bus: b, ids: map[string]time.Time{}}
	return b
}

// memory is the journal of one process: the ids that were published, and in which
// order, so that old ones can go.
type memory struct {
	bus *Bus

	mu    sync.Mutex
	ids   map[string]time.Time
	order []string
}

func (m *memory) publish(_ context.Context, e Event) (fresh bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.forget(now)
	if _, known := m.ids[e.ID]; known {
		return false, nil
	}
	m.ids[e.ID] = now
	m.order = append(m.order, e.ID)
	m.bus.append(e, now)
	return true, nil
}

func (m *memory) known(_ context.Context, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(time.Now())
	_, known := m.ids[id]
	return known, nil
}

// forget drops ids that are old enough to come again.
func (m *memory) forget(now time.Time) {
	n := 0
	for n < len(m.order) && now.Sub(m.ids[m.order[n]]) >= m.bus.o.Dedupe {
		delete(m.ids, m.order[n])
		n++
	}
	m.order = m.order[n:]
}

func (*memory) close() {}
