package sandbox

import (
	"context"
	"sync"
)

// errands go on beside the calls: attempts to send events. They belong to a state and end with it, so that what a reset or Close leaves
// behind does nothing any more.
type errands struct {
	ctx  context.Context // ends with them
	stop context.CancelFunc

	mu      sync.Mutex // none may begin once end waits for the rest
	running sync.WaitGroup
}

func newErrands(parent context.Context) *errands {
	e := &errands{}
	e.ctx, e.stop = context.WithCancel(parent)
	return e
}

// begin counts one in, for done to count out; false when they are over.
func (e *errands) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over() {
		return false
	}
	e.running.Add(1)
	return true
}

func (e *errands) done() { e.running.Done() }

func (e *errands) over() bool { return e.ctx.Err() != nil }

// start runs one on the side.
func (e *errands) start(run func()) {
	if e.begin() {
		go func() {
			defer e.done()
			run()
		}()
	}
}

// end returns when none is left.
func (e *errands) end() {
	e.mu.Lock()
	e.stop()
	e.mu.Unlock()
	e.running.Wait()
}
