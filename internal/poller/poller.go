// Package poller asks the partner what happened, for operators who have no
// address that its webhooks could reach. What it finds goes onto the same bus. It
// has no token of its own: it asks for a clinic as long as a user of that clinic
// watches, with a watcher's token, and for no more than watchers may read.
package poller

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
)

const (
	// lookBack is how far before the last poll events are looked for again: they
	// may turn up in the lists some time after they happened.
	lookBack = 10 * time.Minute
	// tries is how many polls an event may fail that the partner cannot give,
	// before those behind it go on without it.
	tries = 3
	// fetches is how many events are fetched at once.
	fetches = 8
)

// Options of a poller.
type Options struct {
	// Every is how long to wait between two polls of a clinic.
	Every time.Duration
	// Events reads what happened.
	Events *fsclient.EventsService
	// Bus takes it.
	Bus *events.Bus
	// Turn reports whether it is this process that polls a category of a clinic now,
	// and how to end that: other processes poll it next time if it was done, and
	// may do so at once if it was not. nil stands for always.
	Turn func(ctx context.Context, clinic, category string) (end func(done bool), mine bool)
	// Apart makes calls under a context an operation of their own.
	Apart func(context.Context) context.Context
	// Done is told of each poll, of a failure that ended it or nil.
	Done func(error)
}

// Poller polls the clinics that are watched.
type Poller struct {
	o    Options
	ctx  context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	clinics map[string]*clinic
}

// clinic is one that is watched.
type clinic struct {
	id         string
	watchers   map[*watcher]bool
	stop       context.CancelFunc
	categories map[string]*category // by name
	// failed counts how often the partner could not give an event; it is the
	// polling goroutine's alone.
	failed map[string]int
}

// category is a clinic's category of events, while it is watched.
type category struct {
	// since is where looking for events began, until when the last poll here began
	// that went well.
	since, until time.Time
}

// after is the moment behind which events are looked for.
func (c *category) after() time.Time {
	if back := c.until.Add(-lookBack); back.After(c.since) {
		return back
	}
	return c.since
}

// watcher is a stream whose token is used while it lasts.
type watcher struct {
	ctx        context.Context
	categories []string
}

// New makes a poller. Close it when it is done.
func New(o Options) *Poller {
	if o.Turn == nil {
		o.Turn = func(context.Context, string, string) (func(bool), bool) { return func(bool) {}, true }
	}
	if o.Done == nil {
		o.Done = func(error) {}
	}
	p := &Poller{o: o, clinics: map[string]*clinic{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Close ends all polling.
func (p *Poller) Close() error {
	p.stop()
	p.work.Wait()
	return nil
}

// Watch polls a clinic until ctx ends, with the token of ctx's caller. newest is,
// for each category that the token may read, when its newest event happened: what
// comes after that is looked for.
func (p *Poller) Watch(ctx context.Context, id string, newest map[string]time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil || ctx.Err() != nil {
		return
	}
	c := p.clinics[id]
	if c == nil {
		polling, stop := context.WithCancel(p.ctx)
		c = &clinic{id: id, watchers: map[*watcher]bool{}, stop: stop, categories: map[string]*category{}, failed: map[string]int{}}
		p.clinics[id] = c
		p.work.Go(func() { p.poll(polling, c) })
	}
	w := &watcher{ctx: ctx}
	for name, at := range newest {
		w.categories = append(w.categories, name)
		if !c.watched(name) { // what happened since anybody did is over
			c.categories[name] = &category{since: at, until: time.Now()}
		}
	}
	c.watchers[w] = true
	context.AfterFunc(ctx, func() { p.unwatch(c, w) })
}

// watched reports whether a category is watched.
func (c *clinic) watched(category string) bool {
	for w := range c.watchers {
		if slices.Contains(w.categories, category) {
			return true
		}
	}
	return false
}

func (p *Poller) unwatch(c *clinic, w *watcher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(c.watchers, w)
	if len(c.watchers) == 0 && p.clinics[c.id] == c {
		delete(p.clinics, c.id)
		c.stop()
	}
}

func (p *Poller) poll(ctx context.Context, c *clinic) {
	wait := time.NewTimer(p.o.Every)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		wait.Reset(p.o.Every)
		polled, err := p.once(ctx, c)
		if !polled || ctx.Err() != nil {
			continue
		}
		if e, ok := errors.AsType[*fsclient.Error](err); ok {
			wait.Reset(max(p.o.Every, e.RetryAfter))
		}
		p.o.Done(err)
	}
}

// found is an event of a list, and who may read it.
type found struct {
	id string
	at time.Time
	by context.Context
}

// reading is how a category is read, and what came of it.
type reading struct {
	name  string
	of    *category
	after time.Time
	by    []context.Context

	begun time.Time
	end   func(done bool)
	list  []found
	err   error
}

// once publishes what is new, in the order in which it happened. After a failure
// the next time begins where this one did. It is false if there was nothing that
// is this process's turn.
func (p *Poller) once(ctx context.Context, c *clinic) (polled bool, err error) {
	var mine []*reading
	var wg sync.WaitGroup
	for _, r := range p.wanted(c) {
		end, turn := p.o.Turn(ctx, c.id, r.name)
		if !turn {
			continue
		}
		r.end, r.begun = end, time.Now()
		mine = append(mine, r)
		wg.Go(func() { p.list(ctx, r) })
	}
	wg.Wait()
	var all []found
	for _, r := range mine {
		all = append(all, r.list...)
		if err == nil && !nobody(r.err) { // which their own streams are told
			err = r.err
		}
	}
	if err == nil {
		slices.SortFunc(all, func(a, b found) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
		err = p.publish(ctx, c, all)
	}
	for _, r := range mine {
		done := err == nil && r.err == nil
		if done {
			p.mu.Lock()
			r.of.until = r.begun
			p.mu.Unlock()
		}
		r.end(done)
	}
	return len(mine) > 0, err
}

// wanted returns the categories that are watched.
func (p *Poller) wanted(c *clinic) map[string]*reading {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]*reading{}
	for w := range c.watchers {
		for _, name := range w.categories {
			r := out[name]
			if r == nil {
				of := c.categories[name]
				r = &reading{name: name, of: of, after: of.after()}
				out[name] = r
			}
			r.by = append(r.by, w.ctx)
		}
	}
	return out
}

// list reads a category with the token of the first watcher with whom the partner
// lets it be read.
func (p *Poller) list(ctx context.Context, r *reading) {
	for _, by := range r.by {
		merged, end := p.merge(by, ctx)
		r.list, r.err = p.read(merged, r.name, r.after)
		end()
		if !nobody(r.err) {
			for i := range r.list {
				r.list[i].by = by
			}
			return
		}
	}
}

// read gives what of a category is new: the newest first, down to what is old.
func (p *Poller) read(ctx context.Context, category string, after time.Time) (list []found, err error) {
	for e, err := range fsclient.EventsSince(ctx, p.o.Events, category, after) {
		if err != nil {
			return nil, err
		}
		at := e.CreatedAt.Time()
		if !at.After(after) {
			break
		}
		known, err := p.o.Bus.Known(ctx, string(e.ID))
		if err != nil {
			return nil, err
		}
		if !known {
			list = append(list, found{id: string(e.ID), at: at})
		}
	}
	return list, nil
}

// publish fetches events, a few at once, and puts them onto the bus in order.
func (p *Poller) publish(ctx context.Context, c *clinic, all []found) error {
	for part := range slices.Chunk(all, fetches) {
		fetched, errs := make([]events.Event, len(part)), make([]error, len(part))
		var wg sync.WaitGroup
		for i, f := range part {
			wg.Go(func() {
				merged, end := p.merge(f.by, ctx)
				defer end()
				e, body, err := p.o.Events.GetBody(merged, f.id)
				if errs[i] = err; err == nil {
					fetched[i] = events.Event{ID: string(e.ID), Type: string(e.Type), ClinicID: e.Clinic(), Body: body}
				}
			})
		}
		wg.Wait()
		for i, e := range fetched {
			if fsclient.IsNotFound(errs[i]) || c.givenUp(part[i].id, errs[i]) {
				continue
			}
			if errs[i] != nil {
				return errs[i]
			}
			if _, err := p.o.Bus.Publish(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// givenUp reports whether an event is left out since the partner cannot give it: not
// at once, to keep the order, but one must not stop all others forever.
func (c *clinic) givenUp(id string, err error) bool {
	if e, ok := errors.AsType[*fsclient.Error](err); !ok || e.Kind != fsclient.KindUpstream {
		delete(c.failed, id)
		return false
	}
	c.failed[id]++
	return c.failed[id] >= tries
}

// nobody reports whether a token may read something no more, or its stream has ended.
func nobody(err error) bool {
	e, ok := errors.AsType[*fsclient.Error](err)
	return ok && (e.Kind == fsclient.KindForbidden || e.Kind == fsclient.KindUnauthorized || e.Kind == fsclient.KindCanceled)
}

// merge is ctx, with the values of by, that ends with either. Its calls are not part of the
// operation that by belongs to, which goes on for as long as a stream does.
func (p *Poller) merge(by, ctx context.Context) (context.Context, context.CancelFunc) {
	merged, cancel := context.WithCancel(p.o.Apart(by))
	stop := context.AfterFunc(ctx, cancel)
	return merged, func() { stop(); cancel() }
}
