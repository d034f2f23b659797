package live

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
)

// maxMissed bounds what a stream begins with. Who missed more is better off
// reading the records anew.
const maxMissed = 10_000

// catchUp begins with what came after an event that the bus no longer holds in the
// partner's list of deliveries, which reaches back 30 days. An event stands
// there where it was first delivered or, if it never was, where that was last
// tried: what a client has seen before then stays before, however often the
// event is asked for. What the bus still holds came later.
func (s *source) catchUp(ctx context.Context, after string) error {
	kept := s.feed.Kept() // now: by the end of this it may hold them no longer
	id := fsclient.EventID(after)
	first, _, err := s.attempts(ctx, &fsclient.WebhookDeliveryListOptions{EventID: &id})
	if err != nil {
		return err
	}
	begin := first[after]
	if begin == nil || !s.visible(begin.event.Clinic(), string(begin.event.Type)) {
		return unknownEvent()
	}
	// Days are all the partner can choose by, and whose days is not said: one
	// more on either side.
	days := &fsclient.DateRange{From: day(begin.at.AddDate(0, 0, -1)), To: day(time.Now().AddDate(0, 0, 1))}
	all, ok, err := s.attempts(ctx, &fsclient.WebhookDeliveryListOptions{AttemptedAt: &fsclient.DateFilter{Between: days}})
	switch {
	case err != nil:
		return err
	case !ok:
		return tooMany()
	}
	from := all[after]
	if from == nil {
		return unknownEvent()
	}
	var missed []*attempted
	for _, a := range all {
		if a.compare(from) > 0 {
			missed = append(missed, a)
		}
	}
	slices.SortFunc(missed, (*attempted).compare)
	s.told[after] = true
	for _, a := range missed {
		s.missed = append(s.missed, read(a.event))
		s.told[string(a.event.ID)] = true
	}
	s.appendBuffered(kept)
	return nil
}

// missed gives an event that came before the stream began.
type missed func(context.Context) (*fsclient.Event, error)

func read(e *fsclient.Event) missed {
	return func(context.Context) (*fsclient.Event, error) { return e, nil }
}

// appendBuffered adds what the bus held when the stream began to what was missed before.
func (s *source) appendBuffered(kept []events.Event) {
	for _, e := range kept {
		if own := s.decode(e); own != nil {
			s.missed = append(s.missed, read(own))
		}
	}
}

// catchUpPolled is [source.catchUp] where the partner's events are polled, since it
// has no address to deliver them to: from its lists of events, which tell when each
// happened. Each is fetched when its turn comes.
func (s *source) catchUpPolled(ctx context.Context, after string) error {
	kept := s.feed.Kept()
	last, err := s.client.Events.Get(ctx, after)
	if fsclient.IsNotFound(err) || isForbidden(err) {
		return unknownEvent()
	}
	if err != nil {
		return err
	}
	if last.CreatedAt == nil || !s.visible(last.Clinic(), string(last.Type)) {
		return unknownEvent()
	}
	all, err := s.since(ctx, last)
	if err != nil {
		return err
	}
	// Of one moment the ids decide, wherever the stream begins.
	order := func(a, b happened) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) }
	from := happened{after, last.CreatedAt.Time()}
	slices.SortFunc(all, order)
	s.told[after] = true
	for _, e := range all {
		if order(e, from) <= 0 || s.told[e.id] {
			continue
		}
		s.told[e.id] = true
		s.missed = append(s.missed, func(ctx context.Context) (*fsclient.Event, error) { return s.client.Events.Get(ctx, e.id) })
	}
	// What the bus has of other categories may have happened before, and may have
	// been listed.
	s.appendBuffered(slices.DeleteFunc(kept, func(e events.Event) bool {
		own := s.decode(e)
		return own == nil || own.CreatedAt != nil && order(happened{e.ID, own.CreatedAt.Time()}, from) <= 0
	}))
	return nil
}

// happened is an event of a list, which tells when it was.
type happened struct {
	id string
	at time.Time
}

// since reads the lists of all that may be read, at once, from the moment of an
// event on.
func (s *source) since(ctx context.Context, from *fsclient.Event) (all []happened, err error) {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for category := range s.proof.newest {
		group.Go(func() error {
			for e, err := range fsclient.EventsSince(ctx, s.client.Events, category, from.CreatedAt.Time()) {
				if err != nil {
					return err
				}
				mu.Lock()
				all = append(all, happened{string(e.ID), e.CreatedAt.Time()})
				full := len(all) > maxMissed
				mu.Unlock()
				if full {
					return tooMany()
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return all, err
}

func day(t time.Time) fsclient.Date { return fsclient.Date(t.UTC().Format(time.DateOnly)) }

// unknownEvent refuses an id to begin after. It does not tell whether there is such an
// event in another clinic.
func unknownEvent() error {
	return fsclient.InputErrorf("after must be the id of an event of the last 30 days; read the records again and subscribe without it")
}

func tooMany() error {
	return fsclient.InputErrorf("more than %d events followed that one; read the records again and subscribe without after", maxMissed)
}

// attempted is an event with its place among those that were sent.
type attempted struct {
	event *fsclient.Event
	at    time.Time
	row   int // in the list, for what was sent at the same moment
	done  bool
}

func (a *attempted) compare(b *attempted) int {
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.row, b.row))
}

// attempts reads deliveries and gives the events in them; not ok if there are
// too many.
func (s *source) attempts(ctx context.Context, o *fsclient.WebhookDeliveryListOptions) (found map[string]*attempted, ok bool, err error) {
	o.OrderBy = fsclient.WebhookDeliverySort{Field: "attempted_at", Direction: "ASC"}
	found = map[string]*attempted{}
	row := 0
	for d, err := range fsclient.Each(ctx, s.client.WebhookDeliveries.List, *o) {
		if err != nil {
			return nil, false, err
		}
		row++
		if d.Event == nil || d.Event.ID == "" || d.AttemptedAt == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, string(*d.AttemptedAt))
		if err != nil {
			continue
		}
		id := string(d.Event.ID)
		a := found[id]
		if a == nil {
			if len(found) == maxMissed {
				return nil, false, nil
			}
			a = &attempted{event: d.Event}
			found[id] = a
		}
		if done := d.SuccessfullyDelivered != nil && *d.SuccessfullyDelivered; !a.done {
			a.at, a.row, a.done = at, row, done
		}
	}
	return found, true, nil
}
