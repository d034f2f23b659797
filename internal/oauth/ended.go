package oauth

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// ends knows which sessions have ended, and ends whatever outlives a request along with
// its session: sockets and streams.
type ends struct {
	lifetime time.Duration

	mu sync.Mutex
	// over holds the sessions that have ended, and until when to remember that.
	// By then they would be over anyway, so a store that forgets an end, such as
	// a replica that never heard of it, brings no session back.
	over  map[string]time.Time
	swept time.Time
	live  map[string]*live
}

// live is a session that is watched.
type live struct {
	ctx     context.Context // is done when the session ends
	cancel  context.CancelFunc
	waiting int
	timer   *time.Timer
}

func newEnds(lifetime time.Duration) *ends {
	return &ends{lifetime: lifetime, over: map[string]time.Time{}, live: map[string]*live{}}
}

// has reports whether a session has ended, as far as this process knows.
func (e *ends) has(key string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Now().Before(e.over[key])
}

// sweepEvery is how often sessions that would be over anyway are dropped.
const sweepEvery = time.Minute

// add notes that a session has ended.
func (e *ends) add(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if now.Sub(e.swept) > sweepEvery {
		e.swept = now
		maps.DeleteFunc(e.over, func(_ string, until time.Time) bool { return !now.Before(until) })
	}
	e.over[key] = now.Add(e.lifetime)
	if l := e.live[key]; l != nil {
		l.cancel()
	}
}

// watch returns a context that is done when a session ends, which it does at the
// given time at the latest. The session is watched until ctx is done.
func (e *ends) watch(ctx context.Context, key string, at time.Time) context.Context {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.live[key]
	if l == nil {
		l = &live{}
		l.ctx, l.cancel = context.WithCancel(context.Background())
		l.timer = time.AfterFunc(time.Until(at), l.cancel)
		e.live[key] = l
	}
	l.waiting++
	if time.Now().Before(e.over[key]) {
		l.cancel()
	}
	context.AfterFunc(ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if l.waiting--; l.waiting == 0 {
			l.timer.Stop()
			l.cancel()
			delete(e.live, key)
		}
	})
	return l.ctx
}

// watched returns the keys of the sessions that are watched.
func (e *ends) watched() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.live))
}

// listen follows the sessions that other processes end.
func (s *Sessions) listen() (stop func()) {
	return s.o.Store.Listen(func(key string) {
		if session, is := strings.CutPrefix(key, sessionPrefix); is {
			s.ends.add(session)
		}
	}, s.lookForEnded)
}

// lookForEnded ends the streams of sessions that are no longer in the store.
func (s *Sessions) lookForEnded(ctx context.Context) {
	for _, key := range s.ends.watched() {
		sealed, err := s.o.Store.Get(ctx, sessionPrefix+key)
		switch {
		case err != nil: // when the store is back, they are looked for again
			return
		case sealed == "":
			s.ends.add(key)
		}
	}
}
