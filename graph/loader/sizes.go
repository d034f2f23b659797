package loader

import (
	"sync"
	"time"
)

// sizes is what is known of the sizes of a list's pages: the partner may cap
// what is asked for, or page at a size of its own.
type sizes struct {
	min, max int // what may be asked for
	seen     int // the most rows that a page had: as many are not cut
}

// learn notes that a page asked for at one size turned out to have another.
func (s *sizes) learn(asked, actual int) {
	if actual > asked {
		s.min, s.max = actual, max(s.max, actual)
		return
	}
	s.min, s.max = min(s.min, actual), actual
}

// listSizes remembers the sizes of each list of the API from one operation to
// the next, so that only the first one asks for too much.
type listSizes struct {
	mu sync.Mutex
	by map[string]learned // by the operation that reads the list
}

type learned struct {
	sizes
	at time.Time
}

// sizesLast is how long sizes are remembered. One odd page must not make a list
// dear for ever.
const sizesLast = 10 * time.Minute

func (l *listSizes) get(operation string) sizes {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, known := l.by[operation]; known && time.Since(s.at) < sizesLast {
		return s.sizes
	}
	return sizes{min: 1, max: maxPage}
}

func (l *listSizes) put(operation string, s sizes) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = map[string]learned{}
	}
	old := l.by[operation]
	if old.min != s.min || old.max != s.max || time.Since(old.at) >= sizesLast {
		old.at = time.Now()
	}
	l.by[operation] = learned{s, old.at}
}
