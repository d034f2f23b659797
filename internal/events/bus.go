package events

import (
	"context"
	"sync"
	"time"
)

// Options of a bus; zero values stand for the defaults.
type Options struct {
	// Keep is how many events are kept for subscribers who come back or are
	// slow; default 10,000.
	Keep int
	// Dedupe is how long an event's id is remembered; default 24 hours.
	Dedupe time.Duration
	// Life is how long an event stays in Redis; default 24 hours.
	Life time.Duration
	// OnEvent is told of each event before subscribers are, here or at another gateway, and when
	// it was published: long ago, if it is kept from before there was the bus.
	OnEvent func(Event, time.Time)
	// OnGap is called before subscribers are told that some are missing, and when one cannot be
	// read, with the time by which it was published.
	OnGap func(time.Time)
	// OnError is told of what goes wrong while nobody waits for an answer.
	OnError func(error)
}

func (o *Options) setDefaults() {
	if o.Keep <= 0 {
		o.Keep = 10_000
	}
	if o.Dedupe <= 0 {
		o.Dedupe = 24 * time.Hour
	}
	if o.Life <= 0 {
		o.Life = 24 * time.Hour
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event, time.Time) {}
	}
	if o.OnGap == nil {
		o.OnGap = func(time.Time) {}
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
}

// Bus is a log that every subscriber reads with a cursor of its own. Nothing is
// queued for anyone: who stops reading slows nobody, and falls off the end of
// what is kept.
type Bus struct {
	o       Options
	journal journal

	mu     sync.Mutex
	ring   []Event          // the event at position p is ring[(p-base) % Keep]
	base   int64            // the position of the first event since the last gap
	end    int64            // position of the next event
	at     map[string]int64 // positions of the events kept, by id
	grown  chan struct{}    // closed when there is more
	closed bool
}

// journal is where events are written down before they are in the log.
type journal interface {
	// publish ensures that an event will be in the log, and reports whether its id
	// is new.
	publish(context.Context, Event) (fresh bool, err error)
	// known reports whether an id was published.
	known(ctx context.Context, id string) (bool, error)
	close()
}

func newBus(o Options) *Bus {
	o.setDefaults()
	return &Bus{o: o, at: map[string]int64{}, grown: make(chan struct{})}
}

// Publish appends an event, unless one of the same id was published in the last
// 24 hours. It waits for no subscriber. After an error the event can be published
// again.
func (b *Bus) Publish(ctx context.Context, e Event) (fresh bool, err error) {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return false, ErrClosed
	}
	return b.journal.publish(ctx, e)
}

// Known reports whether an event was published in the last 24 hours.
func (b *Bus) Known(ctx context.Context, id string) (bool, error) { return b.journal.known(ctx, id) }

// append adds an event to the log, and does nothing once that is closed.
func (b *Bus) append(e Event, at time.Time) {
	b.o.OnEvent(e, at)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	e.decoded = new(decoded)
	if len(b.ring) < b.o.Keep {
		b.ring = append(b.ring, e)
	} else {
		slot := b.slot(b.end)
		if b.at[slot.ID] == b.end-int64(b.o.Keep) {
			delete(b.at, slot.ID)
		}
		*slot = e
	}
	b.at[e.ID] = b.end
	b.end++
	b.wake()
}

func (b *Bus) slot(position int64) *Event { return &b.ring[(position-b.base)%int64(b.o.Keep)] }

func (b *Bus) wake() {
	close(b.grown)
	b.grown = make(chan struct{})
}

func (b *Bus) holds(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, holds := b.at[id]
	return holds
}

// gap forgets what is kept, since something is missing behind it. Subscribers get
// [ErrGap].
func (b *Bus) gap(at time.Time) {
	b.o.OnGap(at)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.end++
	b.base, b.ring = b.end, nil
	clear(b.at)
	b.wake()
}

// oldest is the position of the first event that is kept.
func (b *Bus) oldest() int64 { return b.end - int64(len(b.ring)) }

// Subscribe begins behind the event with the id after; with "" it begins with
// what comes next. An event that is not kept, or not visible to the subscriber, is
// not found: the subscription then begins with the oldest that is kept, and whoever
// wants all has to ask elsewhere for what came before.
func (b *Bus) Subscribe(after string, visible func(Event) bool) (s *Subscription, found bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s = &Subscription{bus: b, done: make(chan struct{})}
	if after == "" {
		s.next = b.end
		return s, true
	}
	at, found := b.at[after]
	if !found || !visible(*b.slot(at)) {
		s.next = b.oldest()
		return s, false
	}
	s.next = at + 1
	return s, true
}

// Close ends every subscription.
func (b *Bus) Close() error {
	b.mu.Lock()
	first := !b.closed
	if first {
		b.closed = true
		close(b.grown)
	}
	b.mu.Unlock()
	if first {
		b.journal.close()
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

// Next waits for the next event. Errors end the subscription: [ErrLagged], [ErrGap],
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
	case s.next < b.base:
		return Event{}, nil, ErrGap
	case s.next < b.oldest():
		return Event{}, nil, ErrLagged
	case s.next == b.end:
		return Event{}, b.grown, nil
	}
	e = *b.slot(s.next)
	s.next++
	return e, nil, nil
}

// Kept reads, without waiting, what has been published by now.
func (s *Subscription) Kept() (kept []Event) {
	for {
		e, grown, err := s.read()
		if grown != nil || err != nil {
			return kept // Next returns the error
		}
		kept = append(kept, e)
	}
}

// Close ends the subscription, and Next with it.
func (s *Subscription) Close() { s.once.Do(func() { close(s.done) }) }
