package loader

import (
	"context"
	"sync"
	"sync/atomic"

	"fsgateway/graph/apierror"
)

// promise is a value under way. The zero value is one that has not been kept.
type promise struct {
	kept  atomic.Bool // value and err are there to be read
	value any
	err   error

	mu    sync.Mutex
	done  chan struct{} // made when somebody waits
	after []func()      // run in order once the value is there
}

func (p *promise) resolve(value any, err error) {
	p.mu.Lock()
	p.value, p.err = value, err
	p.kept.Store(true)
	after := p.after
	p.after = nil
	if p.done != nil {
		close(p.done)
	}
	p.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// guard, deferred, keeps the promise where the code that should have has
// panicked, so that a bug costs its field and not the process.
func (p *promise) guard() {
	if r := recover(); r != nil {
		p.resolve(nil, apierror.Recovered(r))
	}
}

// safely makes an error of a panic: in a goroutine of its own it would end the
// process.
func safely[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = apierror.Recovered(r)
		}
	}()
	return f()
}

// then runs f when the value is there, at once if it already is.
func (p *promise) then(f func()) {
	p.mu.Lock()
	if p.kept.Load() {
		p.mu.Unlock()
		f()
		return
	}
	p.after = append(p.after, f)
	p.mu.Unlock()
}

// wait gives the value, or the reason the caller left before it was there.
func (p *promise) wait(ctx context.Context) (any, error) {
	if p.kept.Load() {
		return p.value, p.err
	}
	p.mu.Lock()
	if p.done == nil {
		p.done = make(chan struct{})
		if p.kept.Load() {
			close(p.done)
		}
	}
	done := p.done
	p.mu.Unlock()
	select {
	case <-done:
		return p.value, p.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// key names one upstream call: a record by type and id, or a page of a list.
type key struct{ kind, id, query string }

// calls holds the promise of each key.
type calls struct {
	mu       sync.Mutex
	promises map[key]*promise
}

// promise returns the promise of a key and whether it is new.
func (m *calls) promise(k key) (p *promise, fresh bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, known := m.promises[k]
	if !known {
		p = new(promise)
		m.promises[k] = p
	}
	return p, !known
}
