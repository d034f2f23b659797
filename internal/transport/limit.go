package transport

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Limit lets calls run that have one of the places, until their bodies are closed. Callers
// of whom stranger says that nobody knows whether they are any share the places of one. A
// call under [Streaming] is not counted: how long it takes is up to the reader, and its
// caller has a place for it elsewhere.
func Limit(places *Places, stranger func(*Operation) bool, base http.RoundTripper) http.RoundTripper {
	return Func(func(r *http.Request) (*http.Response, error) {
		if IsStreaming(r.Context()) {
			return base.RoundTrip(r)
		}
		caller := Share(r.Context(), stranger)
		if err := places.Acquire(r.Context(), caller); err != nil {
			return nil, err
		}
		res, err := base.RoundTrip(r)
		if err != nil {
			places.Release(caller)
			return nil, err
		}
		res.Body = onClose(res.Body, func() { places.Release(caller) })
		return res, nil
	})
}

// Share returns under whom a caller takes places: their key, or that of all strangers.
func Share(ctx context.Context, stranger func(*Operation) bool) string {
	if op := OperationFrom(ctx); op != nil && !stranger(op) {
		return op.Caller.Key
	}
	return strangers
}

// Places are what callers share. Who waits is served fairly: a free place goes
// to the caller who has the fewest, among equals in turn, and within a caller in order.
type Places struct {
	mu    sync.Mutex
	free  int
	each  int
	few   int // places of all strangers
	queue int // how many calls of a caller may wait, 0 for any number
	// patience is how long one may wait, 0 for as long as its context lasts.
	patience time.Duration
	full     error
	callers  map[string]*share
	waiting  []*share  // callers with a queue, in the order they began to wait or last got a place
	turns    sync.Pool // of those that are over
}

// strangers is the key of all callers that are not known.
const strangers = ""

// NewPlaces makes total places, of which a caller has at most each and all strangers
// together at most an eighth.
func NewPlaces(total, each int) *Places {
	return &Places{free: total, each: each, few: max(1, total/8), callers: map[string]*share{}}
}

type share struct {
	caller  string
	running int
	most    int
	queue   []*turn
}

// turn is one who waits.
type turn struct {
	come  chan struct{} // has room for one, who need not be there any more
	since time.Time
	late  bool // it came too late
}

// Bound has no more than n calls of a caller wait, all strangers being one. Others are refused
// with an error, and so is one that has waited for longer than d when a place becomes free: a
// timer for each would cost more than all else of waiting.
func (l *Places) Bound(n int, d time.Duration, full error) *Places {
	l.queue, l.patience, l.full = n, d, full
	return l
}

func (l *Places) most(caller string) int {
	if caller == strangers {
		return min(l.few, l.each)
	}
	return l.each
}

// Waiting returns how many calls wait for a place.
func (l *Places) Waiting() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.waiting {
		n += len(s.queue)
	}
	return n
}

// Acquire waits for a place, which [Places.Release] gives back. The error is the
// cause that ctx ended with, or that of [Places.Bound].
func (l *Places) Acquire(ctx context.Context, caller string) error {
	l.mu.Lock()
	s := l.callers[caller]
	if s == nil {
		s = &share{caller: caller}
		l.callers[caller] = s
	}
	s.most = l.most(caller)
	if l.free > 0 && s.running < s.most {
		l.free--
		s.running++
		l.mu.Unlock()
		return nil
	}
	if l.queue > 0 && len(s.queue) >= l.queue {
		l.mu.Unlock()
		return l.full
	}
	own, _ := l.turns.Get().(*turn)
	if own == nil {
		own = &turn{come: make(chan struct{}, 1)}
	}
	own.late = false
	if l.patience > 0 {
		own.since = time.Now()
	}
	if len(s.queue) == 0 {
		l.waiting = append(l.waiting, s)
	}
	s.queue = append(s.queue, own)
	l.mu.Unlock()

	select {
	case <-own.come:
		late := own.late
		l.turns.Put(own)
		if late {
			return l.full
		}
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	for i, t := range s.queue {
		if t == own {
			s.queue = slices.Delete(s.queue, i, i+1)
			if len(s.queue) == 0 {
				l.stopWaiting(s)
			}
			l.forget(caller, s)
			l.mu.Unlock()
			return context.Cause(ctx)
		}
	}
	l.mu.Unlock()
	if !own.late {
		l.Release(caller) // the place came while we gave up
	}
	return context.Cause(ctx)
}

// Release gives back a place of a caller.
func (l *Places) Release(caller string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.callers[caller]
	s.running--
	l.free++
	l.refuseLate()
	if next := l.next(); next != nil {
		l.free--
		next.running++
		l.call(next)
		l.last(next)
	}
	l.forget(caller, s)
}

// call lets the first of a queue go on.
func (l *Places) call(s *share) {
	s.queue[0].come <- struct{}{}
	s.queue = s.queue[1:]
	if len(s.queue) == 0 {
		l.stopWaiting(s)
	}
}

// last puts a caller behind the others who wait. Else one with a long queue would come before
// them each time that it has no more places than they.
func (l *Places) last(s *share) {
	if len(s.queue) > 0 {
		l.stopWaiting(s)
		l.waiting = append(l.waiting, s)
	}
}

// refuseLate refuses those who have waited for too long.
func (l *Places) refuseLate() {
	if l.patience == 0 || len(l.waiting) == 0 {
		return
	}
	before := time.Now().Add(-l.patience)
	for i := len(l.waiting) - 1; i >= 0; i-- { // from the end, for some leave
		s := l.waiting[i]
		for len(s.queue) > 0 && !s.queue[0].since.After(before) {
			s.queue[0].late = true
			l.call(s)
		}
		l.forget(s.caller, s)
	}
}

// next returns the waiting caller with the fewest places, the first of them among
// equals, and nil if nobody who waits may have another.
func (l *Places) next() (best *share) {
	for _, s := range l.waiting {
		if s.running < s.most && (best == nil || s.running < best.running) {
			best = s
		}
	}
	return best
}

func (l *Places) stopWaiting(s *share) {
	l.waiting = slices.DeleteFunc(l.waiting, func(w *share) bool { return w == s })
}

// forget drops a caller who neither runs nor waits.
func (l *Places) forget(caller string, s *share) {
	if s.running == 0 && len(s.queue) == 0 {
		delete(l.callers, caller)
	}
}

// onClose calls f once, when the body is closed.
func onClose(body io.ReadCloser, f func()) io.ReadCloser {
	return &closing{ReadCloser: body, f: f}
}

type closing struct {
	io.ReadCloser
	once sync.Once
	f    func()
}

func (c *closing) Close() error {
	err := c.ReadCloser.Close()
	c.once.Do(c.f)
	return err
}
