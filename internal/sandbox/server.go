package sandbox

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a Server. The zero value is what the gateway embeds.
type Options struct {
	// Now serves token expiry, the rate window and the times of written records; time.Now when nil. Seed data does not depend on it.
	Now func() time.Time
	// RateLimit is the number of calls a token may make within RateWindow: 5,000 when zero, any number when negative (benchmarks).
	RateLimit int
	// RateWindow is 5 minutes when zero.
	RateWindow time.Duration
	// Open lets other machines use the control routes, by names that are not the BaseURL's, and lets events be sent to other machines.
	Open bool
	// BaseURL is where links that the API hands out point to: "http://127.0.0.1:7070" when empty.
	BaseURL string
	// Clients are the apps known to the OAuth endpoints, by client id. The default is one, see DefaultClientID.
	Clients map[string]Client
	// AccessLife is how long a new access token is valid: 2 hours when zero.
	AccessLife time.Duration
	// SingleUseRefresh invalidates a refresh token when it is used. Otherwise it stays valid until the access token it was
	// traded for is first used, so that an answer lost on the way does not lock the user out.
	SingleUseRefresh bool
	// Oddities makes answers odd in every way seen from the partner or to be expected of it (FACTS section 9): numbers as
	// text, booleans as 0 and 1, unknown keys, other names of the dosage keys, both error shapes. Off, answers follow the API description.
	Oddities bool
	// WebhookURL is where events made while it runs are sent; nowhere when empty. WebhookSecret signs them and
	// WebhookChallenge is what an answer must echo: the defaults are DefaultWebhookSecret and DefaultWebhookChallenge.
	WebhookURL, WebhookSecret, WebhookChallenge string
	// WebhookTLS is how events are sent to an address of https; nil for the system's authorities.
	WebhookTLS *tls.Config
	// WebhookWaits are those between the attempts to send an event: the partner's five (1 m, 5 m, 30 m, 1 h, 5 h) when nil.
	WebhookWaits []time.Duration
}

// Server is one sandbox with its own state. Make it with New.
type Server struct {
	opts    Options
	mux     *http.ServeMux
	control *http.ServeMux
	calls   callLog
	faults  faultList
	links   atomic.Int64 // how many visits to the partner's site were made; also counts those before a reset, whose keys must not come again

	sender *http.Client       // of webhooks
	ctx    context.Context    // ends with Close
	stop   context.CancelFunc // ends it
	ending sync.Mutex         // one Reset or Close at a time

	mu       sync.RWMutex // guards the rest and what it holds; never held while waiting or writing an answer
	receiver receiver
	state    *state
}

// New returns a Server with fresh state. It is cheap: the seed is made once in a process and shared.
func New(opts Options) *Server {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.RateLimit == 0 {
		opts.RateLimit = 5000
	}
	if opts.RateWindow <= 0 {
		opts.RateWindow = 5 * time.Minute
	}
	if opts.BaseURL == "" {
		opts.BaseURL = "http://127.0.0.1:7070"
	}
	if opts.Clients == nil {
		opts.Clients = map[string]Client{DefaultClientID: {Secret: DefaultClientSecret}}
	}
	if opts.AccessLife <= 0 {
		opts.AccessLife = accessLife
	}
	if opts.WebhookSecret == "" {
		opts.WebhookSecret = DefaultWebhookSecret
	}
	if opts.WebhookChallenge == "" {
		opts.WebhookChallenge = DefaultWebhookChallenge
	}
	if opts.WebhookWaits == nil {
		opts.WebhookWaits = webhookWaits
	}
	s := &Server{
		opts: opts, mux: http.NewServeMux(), control: http.NewServeMux(), sender: newSender(opts.Open, opts.WebhookTLS),
		receiver: receiver{opts.WebhookURL, opts.WebhookSecret, opts.WebhookChallenge},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.state = s.newState()
	for i := range operations {
		op := &operations[i]
		s.mux.HandleFunc(op.Method+" /api"+op.Path, s.serve(op))
		if other := otherMethods[op.ID]; other != "" {
			s.mux.HandleFunc(other+" /api"+op.Path, s.serve(op))
		}
		if op.ID == "authorize" || strings.HasPrefix(op.Path, "/embeddable/") { // browsers come here
			s.control.HandleFunc(op.Method+" /api"+op.Path, s.serve(op))
		}
	}
	for _, mux := range []*http.ServeMux{s.mux, s.control} {
		s.routeConsent(mux)
		mux.HandleFunc("OPTIONS /api/embeddable/tokenize", askTokenize)
	}
	s.routeControl(s.control)
	s.mux.Handle("/_sandbox/", s.control)
	s.mux.HandleFunc("/", s.unknownPath)
	s.control.HandleFunc("/", s.unknownPath)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// ControlHandler serves what browsers use, to be mounted on another server's address: the sandbox's own routes (/_sandbox/…), the
// consent page and the embed tool.
func (s *Server) ControlHandler() http.Handler { return s.control }

// unknownPath also answers a wrong method, as a Rails router does.
func (s *Server) unknownPath(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", s.calls.requestID())
	failure(http.StatusNotFound, "No route matches "+r.Method+" "+r.URL.Path).write(w)
}

// maxBody is the largest body that is read, in bytes; real ones are far smaller.
const maxBody = 1 << 20

// readBody reads the body, which a request that never went through a net/http server may lack.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// serve handles one call: record it, apply faults, answer.
func (s *Server) serve(op *operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		call := s.calls.begin(op.ID, r, body)
		defer s.calls.end() // a dropped call panics, and keeps status 0
		w.Header().Set("X-Request-Id", call.RequestID)

		req := &request{s: s, op: op, http: r, body: body}
		handle := func() reply {
			if err != nil {
				return failure(http.StatusRequestEntityTooLarge, "The request body is too large")
			}
			return s.answer(req)
		}
		answer, truncated := s.strike(op.ID, r, handle)
		s.calls.status(call, answer.status)
		if truncated {
			answer.writeHalf(w) // does not return
		}
		answer.write(w)
	}
}

func (s *Server) answer(req *request) reply {
	answer := s.handle(req)
	if s.opts.Oddities {
		answer = odd(answer)
	}
	return answer
}

// handle checks the caller in the order the partner does, so that a missing scope never shows as a missing record.
func (s *Server) handle(req *request) reply {
	if req.op.Access != public {
		if refused := s.admit(req); refused != nil {
			return *refused
		}
	}
	// Reads share the lock; a write has it alone, which also makes idempotency keys exact. Opening an embed page
	// uses a session grant up, hence the exception for public pages.
	if req.op.Access != public && req.http.Method == http.MethodGet {
		s.mu.RLock()
		defer s.mu.RUnlock()
	} else {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	return req.op.Handle(req)
}

// Limit is the number of calls that a token may make within the rate window, negative for any.
func (s *Server) Limit() int { return s.opts.RateLimit }
