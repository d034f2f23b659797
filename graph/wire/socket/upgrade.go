package socket

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/apierror"
	"fsgateway/graph/wire"
)

// oldSubprotocol is the one before [wire.Subprotocol]. It is agreed to so that its clients can be
// closed with a code that says why: where nothing of what they offer is taken,
// browsers only say that the handshake failed.
const oldSubprotocol = "graphql-ws"

// IsUpgrade reports whether a request wants to become a socket.
func IsUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Serve makes a socket of a request, and serves it until it is over.
func (t *Sockets) Serve(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	ctx := r.Context()
	switch {
	case r.ProtoMajor != 1:
		t.o.Refuse(ctx, w, wire.Refusef(http.StatusHTTPVersionNotSupported, "A WebSocket requires HTTP/1.1; it cannot be opened over HTTP/2."))
		return
	case !t.sameSite(r):
		t.o.Refuse(ctx, w, &wire.Refusal{Status: http.StatusForbidden, Code: apierror.CodeForbidden, Message: "Pages of this origin may not open a WebSocket here."})
		return
	case !t.begin():
		t.o.Refuse(ctx, w, &wire.Refusal{Status: http.StatusServiceUnavailable, Code: apierror.CodeSubscriptionClosed, Message: closeStopping.reason})
		return
	}
	defer t.open.Done()
	if t.o.Admit != nil {
		release, ok := t.o.Admit(ctx)
		if !ok {
			t.o.Refuse(ctx, w, &wire.Refusal{Status: http.StatusServiceUnavailable, Code: apierror.CodeOverloaded, Message: "Too many WebSockets are open; try again later.", Header: wire.RetrySoon()})
			return
		}
		defer release()
	}
	h := &handshake{ResponseWriter: w}
	conn, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		Subprotocols:       []string{wire.Subprotocol, oldSubprotocol},
		InsecureSkipVerify: true, // sameSite has looked, without taking [::1] for a pattern
	})
	if err != nil {
		t.o.Refuse(ctx, w, wire.Refusef(h.status, "This is not a WebSocket upgrade of version 13."))
		return
	}
	s := newSocket(ctx, t, exec, r.Header, conn, h.conn)
	defer context.AfterFunc(t.ctx, s.cut)()
	s.serve()
}

// sameSite reports whether the page behind a request may open a socket. A browser
// lets any page open one anywhere, and says which page it is.
func (t *Sockets) sameSite(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	switch {
	case len(origins) == 0: // no browser
		return true
	case len(origins) > 1:
		return false
	case slices.Contains(t.o.Origins, origins[0]):
		return true
	}
	u, err := url.Parse(origins[0])
	if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
		return false
	}
	// A page that came without TLS may be anybody's where pages come with it.
	secure := r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") || slices.Contains(t.o.Origins, "https://"+u.Host)
	return u.Scheme == "https" || u.Scheme == "http" && !secure
}

// handshake keeps the library's own words from the client, since they quote what
// was sent, and gets hold of the connection.
type handshake struct {
	http.ResponseWriter
	status int
	conn   net.Conn
}

func (h *handshake) WriteHeader(status int) {
	h.status = status
	if status == http.StatusSwitchingProtocols {
		h.ResponseWriter.WriteHeader(status)
	}
}

func (h *handshake) Write(p []byte) (int, error) { return len(p), nil }

// Hijack is what the library looks for.
func (h *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, buffered, err
}

// Sockets are those that are open. A server does not wait for them when it is shut
// down, nor does it close them.
type Sockets struct {
	o      Options
	schema *ast.Schema

	// ctx ends when all have to be gone.
	ctx context.Context
	cut context.CancelFunc
	// draining is closed when they should leave.
	draining chan struct{}

	mu   sync.Mutex
	open sync.WaitGroup
}

// New makes a set of sockets for a schema.
func New(schema *ast.Schema, o Options) *Sockets {
	s := &Sockets{o: o, schema: schema, draining: make(chan struct{})}
	s.ctx, s.cut = context.WithCancel(context.Background())
	return s
}

// Track wraps what requests pass on their way to the sockets, and lets Shutdown wait
// until those of sockets are through all of it.
func (t *Sockets) Track(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if IsUpgrade(r) && t.begin() {
			defer t.open.Done()
		}
		next.ServeHTTP(w, r)
	})
}

// begin counts one more, unless no more are taken.
func (t *Sockets) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.leaving() {
		return false
	}
	t.open.Add(1)
	return true
}

// Drain lets no more begin, and closes those that are open so that their clients come
// back elsewhere: at once, or when the queries and mutations under way are answered.
func (t *Sockets) Drain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.leaving() {
		close(t.draining)
	}
}

// leaving reports whether Drain was called.
func (t *Sockets) leaving() bool {
	select {
	case <-t.draining:
		return true
	default:
		return false
	}
}

// Shutdown drains and waits until no socket is left. When ctx ends it cuts those that
// are.
func (t *Sockets) Shutdown(ctx context.Context) {
	t.Drain()
	defer context.AfterFunc(ctx, t.cut)()
	t.open.Wait()
}
