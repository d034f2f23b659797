package live

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
)

// source is where a subscription's events come from: what the caller missed,
// then the bus, and of both what the partner lets the caller's token read.
type source struct {
	client *fsclient.Client
	types  []fsclient.EventType // none: all that may be read
	feed   *events.Subscription

	missed []missed
	// told are the ids of those that the partner's lists gave. They may be on the
	// bus as well, or still on their way there.
	told map[string]bool

	proof    proof
	proven   time.Time     // when
	proofAge time.Duration // see [Feed]
}

// proof is what the partner has let the caller's token read.
type proof struct {
	clinic string
	// newest is when the newest event of each category happened, zero for none;
	// categories that may not be read are not in it.
	newest map[string]time.Time
}

func (p *proof) mayRead(category string) bool {
	_, may := p.newest[category]
	return may
}

// Feed is where subscriptions get their events from.
type Feed struct {
	Client *fsclient.Client
	// Bus is what the partner has told of.
	Bus *events.Bus
	// ProofAge is how long the partner's word on what a subscriber may read counts.
	// After that the next event waits until the partner is asked again.
	ProofAge time.Duration
	// Watch has the partner polled for the events of a clinic until ctx ends, as
	// ctx's caller; newest is when the newest event of each category happened that
	// the caller may read. It is nil where the partner sends them.
	Watch func(ctx context.Context, clinic string, newest map[string]time.Time)
}

// follow proves what the caller may see and begins to follow the bus, after the
// event of the given id if there is one.
func (f *Feed) follow(ctx context.Context, types []fsclient.EventType, after *string) (*source, error) {
	s := &source{client: f.Client, types: types, told: map[string]bool{}, proofAge: f.ProofAge}
	from := lastEventIDFrom(ctx)
	if after != nil {
		from = *after
	}
	if from != "" {
		id, err := fsclient.ParseID("Event", from)
		if err != nil {
			return nil, err
		}
		from = id
	}
	if err := s.prove(ctx); err != nil {
		return nil, err
	}
	feed, found := f.Bus.Subscribe(from, func(e events.Event) bool { return s.visible(e.ClinicID, e.Type) })
	s.feed = feed
	var err error
	switch {
	case from == "":
	case f.Watch != nil: // whatever the bus has of a time when nobody watched has holes
		err = s.catchUpPolled(ctx, from)
	case !found:
		err = s.catchUp(ctx, from)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	if f.Watch != nil {
		f.Watch(ctx, s.proof.clinic, s.proof.newest)
	}
	return s, nil
}

func (s *source) close() { s.feed.Close() }

// next waits for the next event that the caller may see.
func (s *source) next(ctx context.Context) (*fsclient.Event, error) {
	for {
		e, err := s.pull(ctx)
		if err != nil {
			return nil, err
		}
		if !s.wanted(e.Type) {
			continue
		}
		if time.Since(s.proven) > s.proofAge {
			if err := s.prove(ctx); err != nil {
				return nil, err
			}
		}
		may, err := s.mayRead(ctx, e)
		if err != nil {
			return nil, err
		}
		if may {
			return e, nil
		}
	}
}

func (s *source) pull(ctx context.Context) (*fsclient.Event, error) {
	for len(s.missed) > 0 {
		e, err := s.missed[0](ctx)
		if err != nil && !fsclient.IsNotFound(err) {
			return nil, err
		}
		s.missed = s.missed[1:]
		if err == nil {
			return e, nil
		}
	}
	for {
		e, err := s.feed.Next(ctx)
		if err != nil {
			return nil, err
		}
		if own := s.decode(e); own != nil {
			return own, nil
		}
	}
}

// decode makes an event of one from the bus, nil if the subscriber has been told
// of it or does not want it. Each has a copy: a record is completed in place, with
// what one caller may see. What another clinic's events hold is not even decoded.
func (s *source) decode(e events.Event) *fsclient.Event {
	if s.told[e.ID] || !s.visible(e.ClinicID, e.Type) || !s.wanted(fsclient.EventType(e.Type)) {
		return nil
	}
	event := e.Decoded(func(body []byte) any { return fsclient.ReadEvent(body) }).(*fsclient.Event)
	return fsclient.Clone(event)
}

// visible reports whether the caller may know of an event at all: it is of their
// clinic, or of a product, which may be everyone's. After an event that they may not
// know of, a stream is refused like after one that does not exist.
func (s *source) visible(clinic, kind string) bool {
	if clinic == "" {
		return fsclient.EventType(kind).Category() == "product"
	}
	return clinic == s.proof.clinic
}

// wanted reports whether the subscription is about such events.
func (s *source) wanted(t fsclient.EventType) bool {
	return len(s.types) == 0 || slices.Contains(s.types, t)
}

// mayRead reports whether the caller may see an event: it is visible to them and of
// a category that the partner lets them read. Of a type in no category the partner
// is asked for the event itself; one that it cannot be asked for takes all
// categories.
func (s *source) mayRead(ctx context.Context, e *fsclient.Event) (bool, error) {
	c := e.Type.Category()
	switch {
	case !s.visible(e.Clinic(), string(e.Type)):
		return false, nil
	case fsclient.EventCategories[c] != nil:
		return s.proof.mayRead(c), nil
	case !e.Identified(): // it cannot be asked for, and may be of any category
		return len(s.proof.newest) == len(fsclient.EventCategories), nil
	}
	_, err := s.client.Events.Get(ctx, string(e.ID))
	if fsclient.IsNotFound(err) || isForbidden(err) {
		return false, nil
	}
	return err == nil, err
}

func isForbidden(err error) bool {
	e, ok := errors.AsType[*fsclient.Error](err)
	return ok && e.Kind == fsclient.KindForbidden
}

// prove asks the partner for the caller's clinic and for the newest event of each
// category, all at once.
func (s *source) prove(ctx context.Context) error {
	ask := map[string]bool{}
	for _, t := range s.types {
		if fsclient.EventCategories[t.Category()] != nil {
			ask[t.Category()] = true
		}
	}
	if len(s.types) == 0 {
		for name := range fsclient.EventCategories {
			ask[name] = true
		}
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		clinic *fsclient.Clinic
		err    error
		newest = map[string]time.Time{}
		said   = map[string]error{}
	)
	asked := time.Now()
	wg.Go(func() { clinic, err = s.client.Clinic.Get(ctx) })
	for name := range ask {
		wg.Go(func() {
			o := &fsclient.EventListOptions{OrderBy: fsclient.EventSort{Field: "created_at", Direction: "DESC"}}
			o.SetPage(1, 1)
			page, err := fsclient.EventCategories[name](s.client.Events, ctx, o)
			mu.Lock()
			defer mu.Unlock()
			said[name] = err
			if err == nil && len(page.Items) > 0 && page.Items[0].CreatedAt != nil {
				newest[name] = page.Items[0].CreatedAt.Time()
			}
		})
	}
	wg.Wait()
	if err != nil {
		return err
	}
	p := proof{clinic: string(clinic.ID), newest: map[string]time.Time{}}
	var refused error
	for name, err := range said {
		switch {
		case err == nil:
			p.newest[name] = newest[name]
		case isForbidden(err) && len(s.types) == 0:
			refused = err
		default:
			return err
		}
	}
	if len(p.newest) == 0 && refused != nil {
		return refused
	}
	s.proof, s.proven = p, asked
	return nil
}
