package sandbox

import (
	"context"
	"sync"
)

// background is the work beside the calls: attempts to send events. It belongs to a state and ends with it, so that what a reset or Close leaves
// behind does nothing any more.
type background struct {
	ctx  context.Context // ends with them
	stop context.CancelFunc

	mu      sync.Mutex // none may begin once end waits for the rest
	running sync.WaitGroup
}

func newBackground(parent context.Context) *background {
	e := &background{}
	e.ctx, e.stop = context.WithCancel(parent)
	return e
}

// begin counts a task in, for done to count out; it returns false after the end.
func (e *background) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over() {
		return false
	}
	e.running.Add(1)
	return true
}

func (e *background) done() { e.running.Done() }

func (e *background) over() bool { return e.ctx.Err() != nil }

// start runs one on the side.
func (e *background) start(run func()) {
	if e.begin() {
		go func() {
			defer e.done()
			run()
		}()
	}
}

// end returns when none is left.
func (e *background) end() {
	e.mu.Lock()
	e.stop()
	e.mu.Unlock()
	e.running.Wait()
}
