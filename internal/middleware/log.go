package middleware

import (
	"context"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Entry is what is known of a request when it is over. Nothing a client or the
// partner sent is in it but the names of the operation and of the client's program.
type Entry struct {
	Method        string
	Route         string // the path of the pattern that was served, or noRoute
	Operation     Operation
	Caller        string // stands for whose token it came with; "" for nobody
	TraceID       string // "" for no trace
	Sampled       bool   // whether the trace is kept
	Estimated     int    // calls that the operation was estimated to take
	UpstreamCalls atomic.Int64
	CacheHits     atomic.Int64 // calls that were not made, for their answer was kept
	oldest        atomic.Int64 // of those answers, as a duration
	SharedCalls   atomic.Int64 // that were not made, for one of another operation brought the answer

	Client netip.Addr // whom it is from; invalid if that is not known

	RequestID string
	numbered  atomic.Int64 // calls to the partner that were given an id
	program   string       // what the client says that it is

	Closed int // the code that the gateway closed a socket with

	// A socket is one request with many operations. Each has an entry of its own, and the
	// socket's has no more of them than how many there were: what is in two lines would be
	// counted twice.
	socket   *Entry
	start    time.Time
	parts    atomic.Int64 // that were given an id
	joined   atomic.Int64
	mu       sync.Mutex
	failures []string // kinds of failure of calls to the partner, each once

	// A subscription has lines while it runs, each with what happened since the last.
	streams *time.Timer // writes the next; nil if there is none
	codes   []string    // each once
	seen    []string    // those of all its lines
	told    struct{ calls, hits, shared int64 }
}

// lineEvery is how often a subscription has a line, if anything happened.
const lineEvery = time.Minute

// Stream has a subscription that runs write a line whenever something happened in a minute,
// until Over, and notes codes for the next. wrote is told of the calls in each.
func (e *Entry) Stream(logger zerolog.Logger, about Operation, codes []string, wrote func(calls int64)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, code := range codes {
		if !slices.Contains(e.codes, code) {
			e.codes = append(e.codes, code)
		}
		if !slices.Contains(e.seen, code) {
			e.seen = append(e.seen, code)
		}
	}
	if e.streams != nil {
		return
	}
	e.Operation = about
	e.streams = time.AfterFunc(lineEvery, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.streams == nil { // it has ended meanwhile
			return
		}
		if e.Calls() > 0 || len(e.codes) > 0 || len(e.failures) > 0 {
			wrote(e.write(logger.Info(), http.StatusOK, time.Since(e.start), "stream"))
		}
		e.streams.Reset(lineEvery)
	})
}

// Over ends the lines that a subscription has while it runs.
func (e *Entry) Over() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.streams != nil {
		e.streams.Stop()
		e.streams = nil
	}
}

// Calls are those to the partner that no line has told of yet.
func (e *Entry) Calls() int64 { return e.UpstreamCalls.Load() - e.told.calls }

// Codes are those of all the errors that left, each once.
func (e *Entry) Codes() []string { return distinct(e.seen, e.Operation.Codes) }

// CallFailed notes of which kind a call to the partner failed. Kinds are few.
func (e *Entry) CallFailed(kind string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.failures, kind) {
		e.failures = append(e.failures, kind)
	}
}

// NumberCall returns the number of a call to the partner among those with the request's id, from
// 1 on: of its operation, of what is apart from that, and of its session.
func (e *Entry) NumberCall() int64 { return e.numbered.Add(1) }

// Hit notes an answer that was kept, and how old it is.
func (e *Entry) Hit(age time.Duration) {
	e.CacheHits.Add(1)
	for {
		oldest := e.oldest.Load()
		if int64(age) <= oldest || e.oldest.CompareAndSwap(oldest, int64(age)) {
			return
		}
	}
}

// Oldest is the age of the oldest answer that was kept.
func (e *Entry) Oldest() time.Duration { return time.Duration(e.oldest.Load()) }

// Operation is what the GraphQL handler reports about an operation when its answer is made.
// The log, the metrics and compression read it.
type Operation struct {
	Name  string   // that the client gave it
	Type  string   // query, mutation or subscription; "" for what was refused unread
	Codes []string // of the errors answered, outside of GraphQL too

	Canceled bool // the client left before it was answered
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
	return withEntry(ctx, &Entry{
		socket: socket, Client: socket.Client, TraceID: socket.TraceID, Sampled: socket.Sampled, Caller: socket.Caller, Route: socket.Route,
		RequestID: socket.partID(), Method: socket.Method, program: socket.program, start: time.Now(),
	})
}

// partID returns an id for a part of a request. Calls are numbered for each part, so that with
// the request's own the partner would see ids twice.
func (e *Entry) partID() string { return e.RequestID + "-" + strconv.FormatInt(e.parts.Add(1), 10) }

// Join ends a part, which its socket counts. It is false for the entry of a request that is an
// operation itself.
func (e *Entry) Join() (took time.Duration, part bool) {
	if e.socket == nil {
		return 0, false
	}
	e.socket.joined.Add(1)
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
			entry.Method, entry.program, entry.start = method(r), program(r.Header), start
			rec := &StatusRecorder{w, http.StatusOK}
			defer func() { // also of an answer that is broken off by a panic
				entry.Over()
				took := time.Since(start)
				for _, tell := range done {
					tell(entry, rec.Status, took)
				}
				entry.Write(logger.Info(), rec.Status, took, "request")
			}()
			next.ServeHTTP(rec, r)
		})
	}
}

// Write writes the line of what is over.
func (e *Entry) Write(line *zerolog.Event, status int, took time.Duration, message string) {
	e.mu.Lock() // a call may outlive its request
	defer e.mu.Unlock()
	e.write(line, status, took, message)
}

// write writes a line of what happened since the last, under the lock.
func (e *Entry) write(line *zerolog.Event, status int, took time.Duration, message string) (calls int64) {
	calls, hits, shared := e.UpstreamCalls.Load(), e.CacheHits.Load(), e.SharedCalls.Load()
	text := func(name, value string) {
		if value != "" {
			line.Str(name, value)
		}
	}
	number := func(name string, n int64) {
		if n > 0 {
			line.Int64(name, n)
		}
	}
	line.Str("requestId", e.RequestID)
	text("traceId", e.TraceID)
	line.Str("method", e.Method).Str("route", e.Route).Int("status", status).Float64("durationMs", float64(took.Microseconds())/1000)
	if e.Client.IsValid() {
		line.Str("client", e.Client.String())
	}
	text("program", e.program)
	text("caller", e.Caller)
	text("type", e.Operation.Type)
	text("operation", e.Operation.Name)
	line.Int64("upstreamCalls", calls-e.told.calls)
	number("estimatedCalls", int64(e.Estimated))
	number("cacheHits", hits-e.told.hits)
	number("sharedCalls", shared-e.told.shared)
	if codes := distinct(e.codes, e.Operation.Codes); len(codes) > 0 {
		line.Strs("codes", codes)
	}
	if e.Operation.Canceled {
		line.Bool("canceled", true)
	}
	if len(e.failures) > 0 {
		line.Strs("upstreamFailures", e.failures)
	}
	number("operations", e.joined.Load())
	number("closed", int64(e.Closed))
	line.Msg(message)
	since := calls - e.told.calls
	e.told.calls, e.told.hits, e.told.shared = calls, hits, shared
	e.codes, e.failures = nil, nil
	return since
}

// methods are those that the log repeats.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

func method(r *http.Request) string {
	if slices.Contains(methods, r.Method) {
		return r.Method
	}
	return "other"
}

// programs are the names and versions that the log repeats: none has room for a sentence or
// an address.
var programs = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,31}(?:/[0-9A-Za-z.+-]{1,16})?$`)

// program returns what the client says that it is, as Apollo's clients and routers do, if
// that is among the programs.
func program(h http.Header) string {
	name, version := h.Get("Apollographql-Client-Name"), h.Get("Apollographql-Client-Version")
	if version != "" {
		name += "/" + version
	}
	if !programs.MatchString(name) {
		return ""
	}
	return name
}

// distinct returns codes without repetitions: a hundred calls that meet the
// partner's limit are one thing to know.
func distinct(lists ...[]string) (out []string) {
	for _, codes := range lists {
		for _, code := range codes {
			if !slices.Contains(out, code) {
				out = append(out, code)
			}
		}
	}
	return out
}

// noRoute stands for the paths that nothing is served at: a client can make up any number.
const noRoute = "other"

// Route notes which route serves a request, for the log: the path of its pattern.
func Route(pattern string, next http.Handler) http.Handler {
	path := pattern[strings.LastIndexByte(pattern, ' ')+1:]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		EntryFrom(r.Context()).Route = path
		next.ServeHTTP(w, r)
	})
}

// StatusRecorder remembers the status of an answer.
type StatusRecorder struct {
	http.ResponseWriter
	Status int // http.StatusOK until another is written
}

// WriteHeader implements [http.ResponseWriter].
func (r *StatusRecorder) WriteHeader(status int) {
	r.Status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *StatusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
