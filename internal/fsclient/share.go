package fsclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Sharing says which calls of different operations may be one. Identical reads that are
// under way at the same time, of one caller, are.
type Sharing struct {
	// Caller returns whose calls those under ctx are, "" for calls that are not shared. It
	// is never the same for two callers.
	Caller func(ctx context.Context) string
	// Shared is called for a call that is not made, for another brings its answer.
	Shared func(ctx context.Context)
	// Accepted is called for a call that the partner has answered with what can be read, and
	// so knew the caller when it was asked. Anything on the way may answer with 200.
	Accepted func(ctx context.Context, at time.Time)
	Cache    Cache
}

// Cache keeps answers, and knows what may have changed since they were asked for.
type Cache interface {
	// Version is another one after each change. A read shares no call that began under
	// another.
	Version(caller string) uint64
	// Writing is called when a write of the caller begins, Wrote when it is over.
	Writing(caller string)
	Wrote(caller string, err error)
	// Get returns nil if nothing is kept.
	Get(ctx context.Context, r Read) *Kept
	Put(r Read, k *Kept)
	// Drop is called for an answer that is not there any more, or cannot be read, Refused for
	// one that the caller may not read. The partner was asked at a moment.
	Drop(r Read, at time.Time)
	Refused(r Read, at time.Time)
}

// Read is a read: whose it is, and what is asked.
type Read struct {
	Caller      string
	Route       string // the path's template
	Path, Query string
}

type freshKey struct{}

// WithFresh has calls under ctx get nothing that the cache has kept.
func WithFresh(ctx context.Context) context.Context {
	return context.WithValue(ctx, freshKey{}, true)
}

// IsFresh reports whether calls under ctx get nothing that was kept.
func IsFresh(ctx context.Context) bool {
	fresh, _ := ctx.Value(freshKey{}).(bool)
	return fresh
}

// Kept is an answer that is kept. Nobody changes it.
type Kept struct {
	ETag  string    // what the partner calls the answer, "" for nothing
	Body  string    // in UTF-8
	At    time.Time // when the partner was asked
	Until time.Time // when the partner is to be asked again, whether it still would
}

// Fresh reports whether the partner need not be asked.
func (k *Kept) Fresh() bool { return time.Now().Before(k.Until) }

// answer returns what is kept as the answer to a call.
func (k *Kept) answer() *answer {
	a := newAnswer(http.StatusOK, nil)
	a.text, a.length, a.at, a.kept = k.Body, int64(len(k.Body)), k.At, k
	a.body.WriteString(k.Body)
	return a
}

// WithSharing has reads share their calls.
func WithSharing(s Sharing) Option {
	return func(c *Client) { c.flights = &flights{Sharing: s, byKey: map[flightKey]*flight{}} }
}

// answer is what came of a call, for as many as read it.
type answer struct {
	status int
	header http.Header // nil of one that was kept
	body   *answerBody // of a success in UTF-8
	text   string      // the body, if it is kept: else "", and it is gone with the last reader
	length int64       // of the body; more than its bound if it was cut
	broken error       // of reading the body
	odd    error       // its charset
	at     time.Time   // when the partner was asked
	kept   *Kept       // as it is kept, or will be when it has been read; nil for not at all
	refs   atomic.Int32
}

// newAnswer returns an answer for one reader, without its body.
func newAnswer(status int, header http.Header) *answer {
	a := &answer{status: status, header: header, body: bodies.Get().(*answerBody)}
	a.body.Reset()
	a.refs.Store(1)
	return a
}

// release gives back the buffer when the last reader has finished.
func (a *answer) release() {
	if a.refs.Add(-1) == 0 && a.body.Cap() <= maxKept {
		bodies.Put(a.body)
	}
}

// maxKept bounds the buffers that are used again.
const maxKept = 1 << 20

// answerBody is where the body of an answer is read into.
type answerBody struct {
	bytes.Buffer
	from io.LimitedReader
}

var bodies = sync.Pool{New: func() any { return new(answerBody) }}

// readAnswer reads an answer, of the body no more than a bound and a byte.
func readAnswer(res *http.Response) *answer {
	a := newAnswer(res.StatusCode, res.Header)
	bound := int64(maxAnswer)
	if !a.success() {
		bound = maxErrorBody
	}
	a.body.from = io.LimitedReader{R: res.Body, N: bound + 1}
	a.length, a.broken = a.body.ReadFrom(&a.body.from)
	a.body.from.R = nil
	if a.success() {
		var text []byte
		text, a.odd = toUTF8(res.Header.Get("Content-Type"), a.body.Bytes())
		a.body.Buffer = *bytes.NewBuffer(text)
	}
	return a
}

// keep has an answer be kept when it has been read.
func (a *answer) keep(d time.Duration) {
	a.text = a.body.String()
	etag := strings.Clone(a.header.Get("Etag")) // which is a part of the whole header
	a.kept = &Kept{etag, a.text, a.at, a.at.Add(d)}
}

func (a *answer) success() bool { return a.status >= 200 && a.status <= 299 }

// cached carries out a read whose answer may be kept.
func (f *flights) cached(ctx context.Context, k flightKey, d time.Duration, call func(http.Header) (*answer, error)) (*answer, error) {
	var kept *Kept // a pointer, as stacks are: one that does not fit is copied for each call
	if !IsFresh(ctx) {
		kept = f.Cache.Get(ctx, k.Read)
	}
	if kept != nil && kept.Fresh() {
		return kept.answer(), nil
	}
	return f.fetch(ctx, k, func() (*answer, error) {
		var header http.Header
		if kept != nil && kept.ETag != "" {
			header = http.Header{"If-None-Match": {kept.ETag}}
		}
		a, err := call(header)
		switch {
		case err != nil:
		case a.status == http.StatusNotModified && header != nil:
			same := *kept
			same.At, same.Until = a.at, a.at.Add(d)
			again := same.answer()
			again.header = a.header
			a.release()
			return again, nil
		case a.status == http.StatusOK && a.length <= maxAnswer && a.odd == nil:
			a.keep(d)
		}
		return a, err
	})
}

// came notes what came of a read: nil for an answer that could be read.
func (f *flights) came(ctx context.Context, r Read, a *answer, err error) {
	e, _ := errors.AsType[*Error](err)
	switch {
	case err == nil && a.header != nil: // the partner was asked
		f.Accepted(ctx, a.at)
		if a.kept != nil {
			f.Cache.Put(r, a.kept)
		}
	case err == nil || lifetimes[r.Route] == 0:
	case e.Kind == KindForbidden:
		f.Cache.Refused(r, a.at)
	case e.Kind == KindNotFound, a.kept != nil:
		f.Cache.Drop(r, a.at)
	}
}

// flights are the reads that are under way.
type flights struct {
	Sharing
	mu    sync.Mutex
	byKey map[flightKey]*flight
}

type flightKey struct {
	Read
	version uint64
}

// flight is a read under way, and those who wait for what it brings.
type flight struct {
	done    chan struct{} // made by the first who waits
	waiting int32
	answer  *answer
	err     error
}

// fetch carries out a read, or waits for an identical one of the same caller. One that ends
// because its own operation does ends for nobody else: the next of them makes the call.
func (f *flights) fetch(ctx context.Context, k flightKey, call func() (*answer, error)) (*answer, error) {
	for {
		f.mu.Lock()
		other := f.byKey[k]
		if other == nil {
			own := new(flight)
			f.byKey[k] = own
			f.mu.Unlock()
			return f.lead(ctx, k, own, call)
		}
		if other.done == nil {
			other.done = make(chan struct{})
		}
		other.waiting++
		f.mu.Unlock()
		select {
		case <-other.done:
		case <-ctx.Done():
			f.mu.Lock()
			other.waiting--
			arrived := other.answer
			f.mu.Unlock()
			if arrived != nil { // just now
				arrived.release()
			}
			return nil, context.Cause(ctx)
		}
		if !errors.Is(other.err, errLeft) {
			f.Shared(ctx)
			return other.answer, other.err
		}
	}
}

// errLeft says that the call of a flight ended with its operation.
var errLeft = errors.New("fsclient: the operation has ended")

func (f *flights) lead(ctx context.Context, k flightKey, own *flight, call func() (*answer, error)) (a *answer, err error) {
	landed := false
	land := func(a *answer, err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		landed = true
		delete(f.byKey, k)
		if a != nil {
			a.refs.Add(own.waiting)
		}
		own.answer, own.err = a, err
		if own.done != nil {
			close(own.done)
		}
	}
	defer func() {
		if !landed { // a bug
			land(nil, errLeft)
		}
	}()
	a, err = call()
	// What its own operation may not do, or has no time for, others may.
	if _, refused := errors.AsType[*Refused](err); refused || ctx.Err() != nil {
		land(nil, errLeft)
	} else {
		land(a, err)
	}
	return a, err
}
