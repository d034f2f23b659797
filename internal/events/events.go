// Package events keeps what the partner has told of, in order, and lets
// subscribers follow. It knows an event by its envelope only. What is in it is
// decoded once, by the process that serves it, and copied for each subscriber, so that no two
// callers ever share a record.
package events

import (
	"errors"
	"sync"
)

// Event is a verified event.
type Event struct {
	// ID is the partner's, and tells repetitions apart.
	ID string
	// Type is the partner's text, such as "patient.created".
	Type string
	// ClinicID is "" for events that belong to no clinic.
	ClinicID string
	// Body is the webhook's body as it came.
	Body []byte

	decoded *decoded // of an event on the bus
}

type decoded struct {
	once  sync.Once
	value any
}

// Decoded returns what decode makes of the body. All subscribers share it, and none may
// change it.
func (e Event) Decoded(decode func(body []byte) any) any {
	if e.decoded == nil {
		return decode(e.Body)
	}
	e.decoded.once.Do(func() { e.decoded.value = decode(e.Body) })
	return e.decoded.value
}

var (
	// ErrLagged ends a subscription whose next event is no longer kept: its
	// reader was too slow.
	ErrLagged = errors.New("events: the next event is no longer kept")
	// ErrGap ends a subscription behind whose last event some are missing: what
	// kept them was lost, through no fault of the reader.
	ErrGap = errors.New("events: some events are missing")
	// ErrClosed ends every subscription when the bus is closed.
	ErrClosed = errors.New("events: the bus is closed")
)
