package loader

import (
	"math/bits"
	"slices"
	"sync"
)

// A call's wave is the number of calls that had to answer before it could be
// made. waves counts what is under way in each, and holds back the keys of
// planned resources until all earlier waves are over: only then are all keys
// of theirs known that this wave will have, whatever order answers came in.
type waves struct {
	mu     sync.Mutex
	open   []int                            // wave -> calls and walks not over
	paged  uint64                           // the waves in which a list's pages followed its first, a bit for each
	parked map[*recordOp]map[string]int     // resource -> id -> wave
	launch func(op *recordOp, ids []string) // carries out what was parked
	begin  func(n int) (end func())         // observes a wave, may be nil
	ends   map[int]func()                   // of those that are observed
}

// enter counts something as part of a wave until leave is called for it.
func (w *waves) enter(wave int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.open) <= wave {
		w.open = append(w.open, 0)
	}
	if w.open[wave]++; w.begin != nil && w.open[wave] == 1 && wave > 0 {
		if w.ends == nil {
			w.ends = map[int]func(){}
		}
		w.ends[wave] = w.begin(wave)
	}
}

// page notes that a list of a wave took a second round trip.
func (w *waves) page(wave int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paged |= 1 << wave
}

// rounds returns how many round trips followed each other.
func (w *waves) rounds() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(0, len(w.open)-1) + bits.OnesCount64(w.paged)
}

func (w *waves) leave(wave int) {
	w.mu.Lock()
	if w.open[wave]--; w.open[wave] == 0 && w.ends[wave] != nil {
		w.ends[wave]()
	}
	ready := w.ready()
	w.mu.Unlock()
	for op, ids := range ready {
		w.launch(op, ids)
	}
}

// park keeps a key for its wave. A key that is parked already moves to the
// earlier of its two waves: what waits for it may belong to that one.
func (w *waves) park(op *recordOp, id string, wave int, fresh bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := w.parked[op]
	if at, parked := ids[id]; parked || fresh {
		if ids == nil {
			ids = map[string]int{}
			w.parked[op] = ids
		}
		if !parked || wave < at {
			ids[id] = wave
		}
	}
}

// ready takes out the keys whose earlier waves are over.
func (w *waves) ready() map[*recordOp][]string {
	if len(w.parked) == 0 {
		return nil
	}
	over := 0 // the first wave with something under way
	for over < len(w.open) && w.open[over] == 0 {
		over++
	}
	out := map[*recordOp][]string{}
	for op, ids := range w.parked {
		for id, wave := range ids {
			if wave <= over {
				out[op] = append(out[op], id)
				delete(ids, id)
			}
		}
		slices.Sort(out[op])
		if len(ids) == 0 {
			delete(w.parked, op)
		}
	}
	for op, ids := range out {
		if len(ids) == 0 {
			delete(out, op)
		}
	}
	return out
}
