package paging

import (
	"sync"
	"time"
)

// Sizes is what is known of the sizes of a list's pages: the partner may cap
// what is asked for, or page at a size of its own.
type Sizes struct {
	Min, Max  int  // what may be asked for
	Seen      int  // the most rows that a page had: as many are not cut
	Uncounted bool // the partner does not tell the list's total
}

// Learn notes that a page asked for at one size turned out to have another.
func (s *Sizes) Learn(asked, actual int) {
	if actual > asked {
		s.Min, s.Max = actual, max(s.Max, actual)
		return
	}
	s.Min, s.Max = min(s.Min, actual), actual
}

// ListSizes remembers the sizes of each list of the API from one operation to
// the next, so that only the first one asks for too much.
type ListSizes struct {
	mu sync.Mutex
	by map[string]learned // by the operation that reads the list
}

type learned struct {
	Sizes
	at time.Time
}

// sizesLast is how long sizes are remembered. One odd page must not make a list
// dear forever.
const sizesLast = 10 * time.Minute

func (l *ListSizes) Get(operation string) Sizes {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, known := l.by[operation]; known && time.Since(s.at) < sizesLast {
		return s.Sizes
	}
	return Sizes{Min: 1, Max: MaxPage}
}

func (l *ListSizes) Put(operation string, s Sizes) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = map[string]learned{}
	}
	old := l.by[operation]
	if old.Min != s.Min || old.Max != s.Max || time.Since(old.at) >= sizesLast {
		old.at = time.Now()
	}
	l.by[operation] = learned{s, old.at}
}
