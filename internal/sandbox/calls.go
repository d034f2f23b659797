package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Call is one API call as the sandbox saw it.
type Call struct {
	Operation string      `json:"operation"` // operationId of the API description
	Method    string      `json:"method"`
	Path      string      `json:"path"`
	Query     string      `json:"query,omitempty"`
	Token     string      `json:"token,omitempty"` // name of the fixed token, "" for any other
	Status    int         `json:"status"`          // 0 while under way, and when the connection was dropped without an answer
	RequestID string      `json:"request_id"`
	Header    http.Header `json:"header"` // without Authorization
	Body      []byte      `json:"body,omitempty"`
}

// keptCalls bounds the memory of a sandbox that runs for days; counts go on beyond it.
const keptCalls = 20_000

type callLog struct {
	mu       sync.Mutex
	calls    []*Call
	counts   map[string]int
	total    int
	requests int
	now, max int
}

func (l *callLog) requestID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	return id(kindRequest, l.requests)
}

func (l *callLog) begin(operation string, r *http.Request, body []byte) *Call {
	call := &Call{
		Operation: operation, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		RequestID: l.requestID(), Header: r.Header.Clone(), Body: body,
	}
	if token := bearer(r); fixedTokens[token] != nil {
		call.Token = token
	}
	call.Header.Del("Authorization")
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) >= keptCalls {
		l.calls = slices.Delete(l.calls, 0, keptCalls/4)
	}
	l.calls = append(l.calls, call)
	if l.counts == nil {
		l.counts = make(map[string]int)
	}
	l.counts[operation]++
	l.total++
	l.now++
	l.max = max(l.max, l.now)
	return call
}

func (l *callLog) status(call *Call, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	call.Status = status
}

func (l *callLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now--
}

// Calls lists the API calls since the start or the last ResetCalls, in the order they arrived; the latest 15,000 at least.
func (s *Server) Calls() []Call {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	out := make([]Call, len(s.calls.calls))
	for i, c := range s.calls.calls {
		out[i] = *c
	}
	return out
}

// ResetCalls forgets the calls, their counts and the highest number in flight.
func (s *Server) ResetCalls() {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	s.calls.calls, s.calls.counts, s.calls.total = nil, nil, 0
	s.calls.max = s.calls.now
}

// Count is the number of calls of an operation since the start or the last ResetCalls; of all operations for "".
func (s *Server) Count(operation string) int {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	if operation == "" {
		return s.calls.total
	}
	return s.calls.counts[operation]
}

// InFlight returns how many API calls are being served now, and the most there have been at once.
func (s *Server) InFlight() (now, most int) {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return s.calls.now, s.calls.max
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
