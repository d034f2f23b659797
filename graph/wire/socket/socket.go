package socket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"

	"fsgateway/graph/apierror"
	"fsgateway/graph/wire"
	"fsgateway/internal/quota"
)

const (
	// initTimeout is how long a client may take to send connection_init.
	initTimeout = 3 * time.Second
	// closeTimeout is how long a client may take to answer a close.
	closeTimeout = 5 * time.Second
	// proofTries is how often a socket's caller is asked for, if that cannot be told.
	proofTries = 4
)

// closeReason is why a socket is closed. The reason repeats nothing that was sent,
// and has at most 123 bytes, or it does not fit the frame.
type closeReason struct {
	code   websocket.StatusCode
	fault  string // the code of an error for the same; "" if nothing is wrong
	reason string
}

// The codes are the protocol's. After most of them a client gives up; after 1012
// it comes back by itself and asks again for all that was not answered.
var (
	closeUnauthorized = &closeReason{4401, apierror.CodeUnauthenticated, "Unauthorized: wait for connection_ack before you subscribe."}
	closeUnproven     = &closeReason{4401, apierror.CodeUnauthenticated, "Unauthorized: no token has come that the partner accepts."}
	closeUntold       = &closeReason{websocket.StatusTryAgainLater, apierror.CodeUpstreamUnavailable, "The partner does not say whether it accepts the token; connect again later."}
	closeFull         = &closeReason{websocket.StatusTryAgainLater, apierror.CodeOverloaded, "Too many large messages are being received; connect again later."}
	closeSignedOut    = &closeReason{4401, apierror.CodeUnauthenticated, "Unauthorized: the session has ended, sign in again."}
	closeForbidden    = &closeReason{4403, apierror.CodeForbidden, "Forbidden: send one Authorization, as Bearer and one token of visible characters."}
	closeSubprotocol  = &closeReason{4406, apierror.CodeBadUserInput, "Subprotocol not acceptable: use " + wire.Subprotocol + "."}
	closeInitTimeout  = &closeReason{4408, apierror.CodeBadUserInput, "Connection initialisation timeout"}
	closeExists       = &closeReason{4409, apierror.CodeBadUserInput, "Subscriber for this id already exists"}
	closeInitTwice    = &closeReason{4429, apierror.CodeBadUserInput, "Too many initialisation requests"}
	closeBug          = &closeReason{4500, apierror.CodeInternal, "Something went wrong in the gateway."}
	closeStopping     = &closeReason{websocket.StatusServiceRestart, "", "The gateway is stopping; connect again."}
)

// invalid closes a socket on which something came that is no message.
func invalid(reason string) *closeReason {
	return &closeReason{4400, apierror.CodeBadUserInput, reason}
}

// socket speaks the protocol with one client. One goroutine reads, one watches
// over the time and one sends pings; each operation has one while it runs.
// https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
type socket struct {
	*Sockets
	exec   graphql.GraphExecutor
	header http.Header // of the upgrade
	conn   *websocket.Conn

	// ctx is the connection's: what uses it closes the connection when it ends.
	// Operations have one that ends before, with stop.
	ctx  context.Context
	cut  func()
	stop context.CancelFunc
	work sync.WaitGroup
	// watching is what watches over the socket.
	watching sync.WaitGroup
	// writing is held while writing. It is not a mutex, since waiting for it may be
	// given up.
	writing chan struct{}

	// caller is what operations begin with: the reader's alone. It is whoever
	// the upgrade was from until connection_init says more.
	caller       context.Context
	acknowledged bool

	mu      sync.Mutex
	begun   bool            // connection_init has come
	named   context.Context // the caller whom it names; nil before
	over    bool            // nothing begins any more
	closed  bool            // the client was told why
	running map[string]*operation
}

func newSocket(ctx context.Context, t *Sockets, exec graphql.GraphExecutor, header http.Header, conn *websocket.Conn, network net.Conn) *socket {
	s := &socket{Sockets: t, exec: exec, header: header, conn: conn, writing: make(chan struct{}, 1), running: map[string]*operation{}}
	conn.SetReadLimit(-1) // see read
	ctx, cancel := context.WithCancel(ctx)
	s.ctx = ctx
	s.cut = func() {
		cancel()
		_ = network.Close() // ends a close that waits for the client's, too
	}
	s.caller, s.stop = context.WithCancel(ctx)
	return s
}

// serve returns when nothing of the socket is left.
func (s *socket) serve() {
	if s.conn.Subprotocol() != wire.Subprotocol {
		s.close(closeSubprotocol)
		s.cut()
		return
	}
	s.watching.Go(s.watchdog)
	s.watching.Go(s.ping)
	if c := s.read(); c != nil {
		s.close(c)
	}
	s.cut()
	s.work.Wait()
	s.watching.Wait()
	_ = s.conn.CloseNow() // it is closed; this waits until the library knows
}

// read takes messages until the client is gone, or has sent something for which
// the socket is closed.
func (s *socket) read() (c *closeReason) {
	defer func() {
		if v := recover(); v != nil {
			s.o.LogBug(s.ctx, apierror.Recovered(v))
			c = closeBug
		}
	}()
	for {
		kind, r, err := s.conn.Reader(s.ctx)
		if err != nil {
			return nil
		}
		if kind != websocket.MessageText {
			return invalid("A message must be text.")
		}
		// The library has a limit, too, but leaves what is too much unread: then
		// the connection is reset, and the code may never arrive.
		late := time.AfterFunc(cmp.Or(s.o.ReadTimeout, 15*time.Second), s.cut)
		counted, leave := s.o.count(s.ctx, r)
		text, err := io.ReadAll(io.LimitReader(counted, s.o.MaxBody+1))
		leave()
		late.Stop()
		switch {
		case errors.Is(err, quota.ErrFull):
			return closeFull
		case err != nil:
			return nil
		}
		if int64(len(text)) > s.o.MaxBody {
			return &closeReason{websocket.StatusMessageTooBig, apierror.CodeBadUserInput, fmt.Sprintf("The message is larger than %d bytes.", s.o.MaxBody)}
		}
		m, c := readMessage(text)
		if c == nil {
			c = s.take(m)
		}
		if c != nil {
			return c
		}
	}
}

// take does what a message asks for, or says why the socket is closed.
func (s *socket) take(m *message) *closeReason {
	switch m.kind {
	case "connection_init":
		return s.begin(m)
	case "ping":
		s.say(pack("pong", "", nil))
	case "subscribe":
		return s.subscribe(m)
	case "complete":
		s.complete(m.id)
	}
	return nil
}

// begin learns who the caller is.
func (s *socket) begin(m *message) *closeReason {
	s.mu.Lock()
	twice := s.begun
	s.begun = true
	s.mu.Unlock()
	if twice {
		return closeInitTwice
	}
	caller, err := s.authenticate(m.payload)
	if err != nil {
		return closeForbidden
	}
	s.caller, s.acknowledged = caller, true
	s.mu.Lock()
	s.named = caller
	s.mu.Unlock()
	if s.o.Ended != nil {
		if ended := s.o.Ended(caller); ended != nil {
			s.watching.Go(func() { s.endWith(ended) })
		}
	}
	s.say(pack("connection_ack", "", nil))
	return nil
}

var errCredentials = errors.New("more than one credential, or one that is no text")

// authenticate gives the context of the caller that connection_init names, if it
// does. It may be named in several places, and by the upgrade: then all must name
// the same, however that is spelled.
func (s *socket) authenticate(payload map[string]any) (context.Context, error) {
	given, err := authorizations(payload)
	if err != nil {
		return nil, err
	}
	caller, named := s.caller, s.header.Get("Authorization") != ""
	for _, text := range given {
		this, err := s.o.Authenticate(s.caller, text)
		if err != nil {
			return nil, err
		}
		if named && s.o.Caller(this) != s.o.Caller(caller) {
			return nil, errCredentials
		}
		caller, named = this, true
	}
	return caller, nil
}

// watchdog closes the socket of a client that does not begin or is none, and when the
// gateway stops.
func (s *socket) watchdog() {
	begin := time.NewTimer(initTimeout)
	defer begin.Stop()
	proof := time.NewTimer(s.o.ProofTime)
	defer proof.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-begin.C:
			s.mu.Lock()
			begun := s.begun
			s.mu.Unlock()
			if !begun {
				s.close(closeInitTimeout)
				return
			}
		case <-proof.C:
			if s.o.Prove != nil && !s.prove() {
				proof.Reset(initTimeout)
			}
		case <-s.draining:
			s.finish()
			s.close(closeStopping)
			return
		}
	}
}

// endWith closes the socket when its session ends.
func (s *socket) endWith(session context.Context) {
	select {
	case <-session.Done():
		s.close(closeSignedOut)
	case <-s.ctx.Done():
	}
}

// prove closes the socket, in a moment, if its caller turns out to be none, or if that cannot
// be told a few times. It returns false if no caller has been named yet.
func (s *socket) prove() bool {
	s.mu.Lock()
	caller := s.named
	s.mu.Unlock()
	if caller == nil {
		return false
	}
	s.watching.Go(func() {
		for range proofTries {
			switch err := s.o.Prove(caller); {
			case err == nil:
				return
			case errors.Is(err, apierror.ErrSignedOut):
				s.close(closeUnproven)
				return
			}
			select {
			case <-time.After(s.o.ProofTime/2 + rand.N(max(1, s.o.ProofTime))): // not all of those that began together at once
			case <-s.ctx.Done():
				return
			}
		}
		s.close(closeUntold)
	})
	return true
}

// ping cuts a client that does not answer.
func (s *socket) ping() {
	tick := time.NewTicker(wire.KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(s.ctx, wire.KeepAlive)
		err := s.conn.Ping(ctx)
		late := err != nil && ctx.Err() != nil // else a message was being written, which has a time of its own
		cancel()
		if late {
			s.cut()
		}
	}
}

// finish waits for the operations that have one answer and ends the others,
// which their client asks for again.
func (s *socket) finish() {
	s.mu.Lock()
	s.over = true
	for id, op := range s.running {
		if op.streams {
			delete(s.running, id)
			op.cancel()
		}
	}
	s.mu.Unlock()
	s.work.Wait()
}

// close tells the client why the socket is closed. No operation says anything
// any more.
func (s *socket) close(c *closeReason) {
	s.mu.Lock()
	first := !s.closed
	s.over, s.closed = true, true
	clear(s.running)
	s.mu.Unlock()
	if first && s.o.Closed != nil {
		s.o.Closed(s.ctx, int(c.code), c.fault)
	}
	s.stop()
	// The library waits for the client's close, but forever if that comes within a
	// message that does not.
	defer time.AfterFunc(closeTimeout, s.cut).Stop()
	_ = s.conn.Close(c.code, c.reason) // the client may be gone; there is nobody to tell
}

// say writes a message that is of no operation.
func (s *socket) say(text []byte) {
	s.write(func() bool { return true }, func() []byte { return text })
}

// send writes a message of an operation, if that still runs. What is not sent is
// not even made, so that its errors do not count.
func (s *socket) send(op *operation, text func() []byte) {
	s.write(func() bool { return s.runs(op) }, text)
}

// last is send for the last message of an operation, whose id is free when the
// client reads it.
func (s *socket) last(op *operation, text func() []byte) {
	s.write(func() bool { return s.end(op) }, text)
}

// write writes a message if it still may when its turn comes. A client that does
// not take it in time is cut.
func (s *socket) write(may func() bool, text func() []byte) {
	select {
	case s.writing <- struct{}{}:
	case <-s.ctx.Done():
		return
	}
	defer func() { <-s.writing }()
	if !may() {
		return
	}
	message := text()
	ctx, cancel := context.WithTimeout(s.ctx, s.o.writeTime(len(message)))
	defer cancel()
	_ = s.conn.Write(ctx, websocket.MessageText, message) // of an error the reader learns, too
}
