package events

import (
	"context"
	"sync"
	"time"
)

// Options of a bus; zero values stand for the defaults.
type Options struct {
	// Keep is how many events are kept for subscribers who come back or are
	// slow: 10,000 unless told.
	Keep int
	// Dedupe is how long an event's id is remembered: 24 hours unless told.
	Dedupe time.Duration
	// Now is the clock.
	Now func() time.Time
}

func (o *Options) fill() {
	if o.Keep <= 0 {
		o.Keep = 10_000
	}
	if o.Dedupe <= 0 {
		o.Dedupe = 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Bus is a log that every subscriber reads with a cursor of its own. Nothing is
// queued for anyone: who stops reading slows nobody, and falls off the end of
// what is kept.
type Bus struct {
	o Options

	mu     sync.Mutex
	ring   []Event          // the event at position p is ring[p % Keep]
	end    int64            // position of the next event
	at     map[string]int64 // positions of the events kept, by id
	grown  chan struct{}    // closed when there is more
	closed bool

	// Ids that were published, and in which order, so that old ones can go.
	known map[string]time.Time
	order []string
}

// NewMemory makes a bus that lives as long as the process.
func NewMemory(o Options) *Bus {
	o.fill()
	return &Bus{o: o, at: map[string]int64{}, grown: make(chan struct{}), known: map[string]time.Time{}}
}

// Publish appends an event, unless one of the same id was published in the last
// 24 hours. It waits for no subscriber. After an error the event is not in the
// log, and can be published again.
func (b *Bus) Publish(_ context.Context, e Event) (fresh bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false, ErrClosed
	}
	now := b.o.Now()
	b.forget(now)
	if _, known := b.known[e.ID]; known {
		return false, nil
	}
	b.known[e.ID] = now
	b.order = append(b.order, e.ID)
	b.append(e)
	return true, nil
}

// Known says whether an event was published in the last 24 hours.
func (b *Bus) Known(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(b.o.Now())
	_, known := b.known[id]
	return known
}

// forget drops ids that are old enough to come again.
func (b *Bus) forget(now time.Time) {
	n := 0
	for n < len(b.order) && now.Sub(b.known[b.order[n]]) >= b.o.Dedupe {
		delete(b.known, b.order[n])
		n++
	}
	b.order = b.order[n:]
}

func (b *Bus) append(e Event) {
	if len(b.ring) < b.o.Keep {
		b.ring = append(b.ring, e)
	} else {
		slot := &b.ring[b.end%int64(b.o.Keep)]
		if b.at[slot.ID] == b.end-int64(b.o.Keep) {
			delete(b.at, slot.ID)
		}
		*slot = e
	}
	b.at[e.ID] = b.end
	b.end++
	close(b.grown)
	b.grown = make(chan struct{})
}

// oldest is the position of the first event that is kept.
func (b *Bus) oldest() int64 { return b.end - int64(len(b.ring)) }

// Subscribe begins behind the event with the id after; with "" it begins with
// what comes next. An event that is not kept is not found: the subscription then
// begins with the oldest that is, and who wants all has to ask elsewhere for
// what was before.
func (b *Bus) Subscribe(after string) (s *Subscription, found bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s = &Subscription{bus: b, done: make(chan struct{})}
	if after == "" {
		s.next = b.end
		return s, true
	}
	at, found := b.at[after]
	s.next = at + 1
	if !found {
		s.next = b.oldest()
	}
	return s, found
}

// Close ends every subscription. What was published is gone with it.
func (b *Bus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.grown)
	}
	return nil
}

// Subscription is one reader's place in the log. Next is for one goroutine at a
// time.
type Subscription struct {
	bus  *Bus
	next int64
	once sync.Once
	done chan struct{}
}

// Next waits for the next event. Errors end the subscription: [ErrLagged],
// [ErrClosed] or that of the context.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		e, grown, err := s.read()
		if grown == nil {
			return e, err
		}
		select {
		case <-grown:
		case <-s.done:
			return Event{}, ErrClosed
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// read gives the next event or, if there is none yet, what to wait for.
func (s *Subscription) read() (e Event, grown <-chan struct{}, err error) {
	b := s.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return Event{}, nil, ErrClosed
	case s.next < b.oldest():
		return Event{}, nil, ErrLagged
	case s.next == b.end:
		return Event{}, b.grown, nil
	}
	e = b.ring[s.next%int64(b.o.Keep)]
	s.next++
	return e, nil, nil
}

// Kept reads, without waiting, what has been published by now.
func (s *Subscription) Kept() (kept []Event) {
	for {
		e, grown, err := s.read()
		if grown != nil || err != nil {
			return kept // Next tells of the error
		}
		kept = append(kept, e)
	}
}

// Close ends the subscription, and Next with it.
func (s *Subscription) Close() { s.once.Do(func() { close(s.done) }) }
