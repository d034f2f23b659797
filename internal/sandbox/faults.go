package sandbox

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault makes matching calls go wrong. Faults are tried in the order they were added; those that only wait let the next one strike too,
// the first that answers or drops the call ends it.
type Fault struct {
	Operation    string // operationId, "" for all
	PathContains string // further narrowing, "" for any
	Times        int    // how often it strikes, 0 until cleared

	Latency time.Duration // waited first, whatever follows

	Status int         // answered in place of the real answer
	Body   string      // with Status; a flat error body when empty
	Header http.Header // with Status, Retry-After for example

	Reset    bool // the connection is dropped without an answer
	Truncate bool // the real answer is announced whole, cut in half, and the connection closed
	Hang     bool // no answer until the client leaves

	// AfterHandling carries the operation out before Status, Reset or Hang strikes: the write happened but its answer is lost.
	AfterHandling bool
}

func (f *Fault) ends() bool { return f.Status != 0 || f.Reset || f.Truncate || f.Hang }

func (f *Fault) matches(operation, path string) bool {
	return (f.Operation == "" || f.Operation == operation) && strings.Contains(path, f.PathContains)
}

type faultList struct {
	mu   sync.Mutex
	list []*Fault
}

// AddFault makes calls go wrong from now on.
func (s *Server) AddFault(f Fault) {
	f.Header = f.Header.Clone()
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = append(s.faults.list, &f)
}

// ClearFaults ends all faults; calls already waiting on one finish as they began.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = nil
}

func (s *Server) currentFaults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	out := make([]Fault, len(s.faults.list))
	for i, f := range s.faults.list {
		out[i] = *f
	}
	return out
}

// take returns what strikes this call and uses it up.
func (l *faultList) take(operation, path string) (latency time.Duration, end *Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == 0 {
		return 0, nil
	}
	l.list = slices.Clone(l.list)
	spent := make(map[*Fault]bool)
	for _, f := range l.list {
		if !f.matches(operation, path) {
			continue
		}
		latency += f.Latency
		if f.ends() {
			copied := *f
			end = &copied
		}
		if f.Times > 0 {
			f.Times--
			spent[f] = f.Times == 0
		}
		if end != nil {
			break
		}
	}
	l.list = slices.DeleteFunc(l.list, func(f *Fault) bool { return spent[f] })
	return latency, end
}

// strike returns the answer of a call with its faults applied. A call whose client left while it waited is dropped.
func (s *Server) strike(operation string, r *http.Request, handle func() reply) (answer reply, truncated bool) {
	latency, fault := s.faults.take(operation, r.URL.Path)
	if !wait(r.Context(), latency) {
		panic(http.ErrAbortHandler)
	}
	if fault == nil {
		return handle(), false
	}
	if fault.AfterHandling && !fault.Truncate { // which carries it out anyway
		handle()
	}
	switch {
	case fault.Hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case fault.Reset:
		panic(http.ErrAbortHandler)
	case fault.Truncate:
		return handle(), true
	}
	answer = failure(fault.Status, http.StatusText(fault.Status))
	if fault.Body != "" {
		answer.raw = []byte(fault.Body)
	}
	answer.header = fault.Header
	return answer, false
}

// wait uses its own timer, so that it runs on the fake clock of a testing/synctest bubble.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
