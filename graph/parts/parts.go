// Package parts keeps what has arrived of records inside others, in one operation.
package parts

import (
	"sync"

	"fsgateway/internal/fsclient"
)

// Parts holds what has arrived of records, by type and id. The zero value is ready for use.
// Records that were added must not be changed.
type Parts struct {
	mu   sync.Mutex
	byID map[key]fsclient.Recorder
}

type key struct{ kind, id string }

// Expect makes room for n records.
func (p *Parts) Expect(n int) { p.byID = make(map[key]fsclient.Recorder, n) }

// Add adds what has arrived of a record to what was there, and reports whether it tells
// anything new.
func (p *Parts) Add(kind, id string, r fsclient.Recorder) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := key{kind, id}
	if old := p.byID[k]; old != nil {
		if r.Held().Without(old.Held()) == 0 && (old.Listed() || !r.Listed()) {
			return false
		}
		if old.Held().Without(r.Held()) != 0 {
			r = fsclient.Copy(r)
			fsclient.Fill(r, old, fsclient.AllFields)
			r.Hold(old.Held())
		}
	}
	if p.byID == nil {
		p.Expect(0)
	}
	p.byID[k] = r
	return true
}

// Of returns what has arrived of a record, nil for nothing.
func (p *Parts) Of(kind, id string) fsclient.Recorder {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byID[key{kind, id}]
}

// With returns what has arrived of a record if that has all that is wanted, details
// of lists' rows among it, else nil.
func (p *Parts) With(kind, id string, wanted, details fsclient.Fields) fsclient.Recorder {
	if r := p.Of(kind, id); r != nil && fsclient.Lacks(r, wanted, details) == 0 {
		return r
	}
	return nil
}
