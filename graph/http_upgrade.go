package graph

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

	"fsgateway/graph/apierror"
)

// subprotocol is what is spoken on a socket.
const subprotocol = "graphql-transport-ws"

// oldSubprotocol is the one before it. It is agreed to so that its clients can be
// closed with a code that says why: where nothing of what they offer is taken,
// browsers only say that the handshake failed.
const oldSubprotocol = "graphql-ws"

// isUpgrade says whether a request wants to become a socket.
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// upgrade makes a socket of a request, and serves it until it is over.
func (t transport) upgrade(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	ctx := r.Context()
	x := &exchange{o: &t.o, w: w, media: mediaJSON}
	switch {
	case r.ProtoMajor != 1:
		x.refuse(ctx, refusef(http.StatusHTTPVersionNotSupported, "A socket needs HTTP/1.1: none is made of a request of HTTP/2."))
		return
	case !t.sameSite(r):
		x.refuse(ctx, &refusal{status: http.StatusForbidden, code: apierror.CodeForbidden, message: "Pages of this origin may not open a socket here."})
		return
	case !t.sockets.begin():
		x.refuse(ctx, &refusal{status: http.StatusServiceUnavailable, code: apierror.CodeSubscriptionClosed, message: closeStopping.reason})
		return
	}
	defer t.sockets.open.Done()
	h := &handshake{ResponseWriter: w}
	conn, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol, oldSubprotocol},
		InsecureSkipVerify: true, // sameSite has looked, without taking [::1] for a pattern
	})
	if err != nil {
		x.refuse(ctx, refusef(h.status, "This is no upgrade to a WebSocket of version 13."))
		return
	}
	s := newSocket(ctx, t, exec, r.Header, conn, h.conn)
	defer context.AfterFunc(t.sockets.ctx, s.cut)()
	s.serve()
}

// sameSite says whether the page behind a request may open a socket. A browser
// lets any page open one anywhere, and says which page it is.
func (t transport) sameSite(r *http.Request) bool {
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

// sockets are those that are open. A server does not wait for them when it is
// shut down, nor does it close them.
type sockets struct {
	// ctx ends when all have to be gone.
	ctx context.Context
	cut context.CancelFunc
	// draining is closed when they should leave.
	draining chan struct{}

	mu   sync.Mutex
	open sync.WaitGroup
}

func newSockets() *sockets {
	s := &sockets{draining: make(chan struct{})}
	s.ctx, s.cut = context.WithCancel(context.Background())
	return s
}

// begin counts one more, unless no more are taken.
func (s *sockets) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving() {
		return false
	}
	s.open.Add(1)
	return true
}

// drain lets no more begin, and asks those that are open to leave.
func (s *sockets) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.leaving() {
		close(s.draining)
	}
}

// leaving says whether drain was called.
func (s *sockets) leaving() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// wait waits for all to be gone. When ctx ends it cuts them.
func (s *sockets) wait(ctx context.Context) {
	defer context.AfterFunc(ctx, s.cut)()
	s.open.Wait()
}
