package middleware

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Entry is what is known of a request when it is over. Nothing a client or the
// partner sent is in it but the operation's name.
type Entry struct {
	Route         string // the pattern that was served
	Operation     Operation
	UpstreamCalls atomic.Int64
	CacheHits     atomic.Int64 // calls that were not made, for their answer was kept
	SharedCalls   atomic.Int64 // that were not made, for one of another operation brought the answer

	Client netip.Addr // whom it is from; invalid if that is not known

	requestID string

	// A socket is one request with many operations. Each has an entry of its own,
	// which ends up in that of the socket.
	socket   *Entry
	start    time.Time
	mu       sync.Mutex
	joined   int
	failures []string // kinds of failure of calls to the partner, each once
}

// CallFailed notes of which kind a call to the partner failed. Kinds are few.
func (e *Entry) CallFailed(kind string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.failures, kind) {
		e.failures = append(e.failures, kind)
	}
}

// Operation is what the GraphQL handler reports about an operation when its answer is made.
// The log, the metrics and compression read it.
type Operation struct {
	Name  string   // that the client gave it
	Type  string   // query, mutation or subscription; "" for what was refused unread
	Codes []string // of the errors answered, outside of GraphQL too
}

// OperationFrom returns what is known of the operation of the request in ctx; never nil.
func OperationFrom(ctx context.Context) *Operation { return &EntryFrom(ctx).Operation }

type entryKey struct{}

func withEntry(ctx context.Context, e *Entry) context.Context {
	return context.WithValue(ctx, entryKey{}, e)
}

// Part gives an operation of a socket an entry of its own.
func Part(ctx context.Context) context.Context {
	socket := EntryFrom(ctx)
	return withEntry(ctx, &Entry{socket: socket, Client: socket.Client, requestID: socket.requestID, start: time.Now()})
}

// Join ends a part: its calls and each code that is new go into the entry of its
// socket. It is false for the entry of a request that is an operation itself.
func (e *Entry) Join() (took time.Duration, part bool) {
	whole := e.socket
	if whole == nil {
		return 0, false
	}
	whole.UpstreamCalls.Add(e.UpstreamCalls.Load())
	whole.SharedCalls.Add(e.SharedCalls.Load())
	whole.CacheHits.Add(e.CacheHits.Load())
	e.mu.Lock()
	failures := e.failures
	e.mu.Unlock()
	for _, kind := range failures {
		whole.CallFailed(kind)
	}
	whole.mu.Lock()
	defer whole.mu.Unlock()
	whole.joined++
	for _, code := range e.Operation.Codes {
		if !slices.Contains(whole.Operation.Codes, code) { // a socket may live for days
			whole.Operation.Codes = append(whole.Operation.Codes, code)
		}
	}
	return time.Since(e.start), true
}

// EntryFrom is the log entry of the request in ctx; never nil.
func EntryFrom(ctx context.Context) *Entry {
	if e, ok := ctx.Value(entryKey{}).(*Entry); ok {
		return e
	}
	return &Entry{}
}

// Log writes one line for each request, below [RequestID], and tells each of done of it.
// That of a socket is written at its end.
func Log(logger zerolog.Logger, done ...func(entry *Entry, status int, took time.Duration)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			entry := EntryFrom(r.Context())
			rec := &recorder{ResponseWriter: w, status: http.StatusOK}
			defer func() { // also of an answer that is broken off by a panic
				took := time.Since(start)
				for _, tell := range done {
					tell(entry, rec.status, took)
				}
				line := logger.Info().
					Str("requestId", entry.requestID).
					Str("route", entry.Route).
					Int("status", rec.status).
					Float64("durationMs", float64(took.Microseconds())/1000).
					Int64("upstreamCalls", entry.UpstreamCalls.Load())
				if n := entry.CacheHits.Load(); n > 0 {
					line = line.Int64("cacheHits", n)
				}
				if n := entry.SharedCalls.Load(); n > 0 {
					line = line.Int64("sharedCalls", n)
				}
				if entry.Operation.Name != "" {
					line = line.Str("operation", entry.Operation.Name)
				}
				if len(entry.Operation.Codes) > 0 {
					line = line.Strs("codes", distinct(entry.Operation.Codes))
				}
				entry.mu.Lock() // a call may outlive its request
				if len(entry.failures) > 0 {
					line = line.Strs("upstreamFailures", entry.failures)
				}
				entry.mu.Unlock()
				if entry.joined > 0 {
					line = line.Int("operations", entry.joined)
				}
				line.Msg("request")
			}()
			next.ServeHTTP(rec, r)
		})
	}
}

// distinct returns codes without repetitions: a hundred calls that meet the
// partner's limit are one thing to know.
func distinct(codes []string) []string {
	var out []string
	for _, code := range codes {
		if !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	return out
}

// Route notes which route serves a request, for the log.
func Route(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		EntryFrom(r.Context()).Route = pattern
		next.ServeHTTP(w, r)
	})
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
