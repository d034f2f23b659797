package tests

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// served is a gateway on a real socket.
func served(t *testing.T, c gateway.Config) *slowReaders {
	t.Helper()
	log := &logBuffer{}
	address, running := servingTo(t, c, log)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return &slowReaders{harness: &harness{t: t, url: address, client: client, log: log}, admin: running.Servers[1].Handler}
}

// raw opens a connection and sends text on it.
func (s *slowReaders) raw(text string) net.Conn {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// refused reads an answer that says that there is too much of something.
func refused503(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	a := readReply(t, res.StatusCode, res.Header, body)
	if err != nil || a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "OVERLOADED" {
		t.Errorf("%v %s", err, a.text)
	}
}

// TestTooManyConnections: one client takes no more than their share of connections, all
// together no more than there are.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*gateway.Config){
		"OfOneClient": func(c *gateway.Config) { c.MaxConnectionsPerClient = 3 },
		"InTotal": func(c *gateway.Config) {
			c.MaxConnections, c.MaxConnectionsPerClient = 3, 1
			c.TrustedProxies = []string{netip.IPv6Unspecified().String(), "127.0.0.1"} // a proxy's are those of many
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config()
			change(&c)
			s := served(t, c)
			var open []net.Conn
			for range 3 {
				open = append(open, s.raw(""))
			}
			eventually(t, func() bool { return s.figure("connections") == 3 }, "the connections are not counted")
			refused503(t, s.raw(""))
			if got := s.figure(`refused_total{what="connection"}`); got != 1 {
				t.Errorf("%d refusals are counted", got)
			}
			if got := s.figure(`errors_total{code="OVERLOADED"}`); got != 1 {
				t.Errorf("%d errors are counted", got)
			}
			if log := s.log.String(); !strings.Contains(log, `"client":"127.0.0.1","refused":1,"codes":["OVERLOADED"]`) {
				t.Error(log)
			}
			_ = open[0].Close()
			eventually(t, func() bool { return s.figure("connections") == 2 }, "a connection that is closed still counts")
			if a := s.as("", `{ __typename }`); len(a.Errors) > 0 {
				t.Errorf("%+v", a)
			}
			for _, conn := range open {
				_ = conn.Close()
			}
			eventually(t, func() bool { return s.figure("connections") == 0 }, "connections that are closed still count")
		})
	}
}

// TestTooManyRequests: where a connection carries requests of many, it is the requests of each
// client that count.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP2": true, "Proxy": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config()
			c.H2C, c.MaxConnectionsPerClient = http2, 2
			mine, other := http.Header{}, http.Header{}
			if !http2 {
				c.TrustedProxies = []string{"127.0.0.1"}
				mine.Set("X-Forwarded-For", "192.0.2.1")
				other.Set("X-Forwarded-For", "192.0.2.2")
			}
			s := served(t, c)
			transport := &http.Transport{Protocols: new(http.Protocols)}
			transport.Protocols.SetHTTP1(!http2)
			transport.Protocols.SetUnencryptedHTTP2(http2)
			s.client = &http.Client{Transport: transport}
			const free = `{ __typename }`
			if a := s.with(mine, "", free); len(a.Errors) > 0 { // so that HTTP/2 has its connection
				t.Fatalf("%+v", a)
			}
			ctx, leave := context.WithCancel(t.Context())
			var held sync.WaitGroup
			for range 2 { // whose bodies do not end
				body, end := io.Pipe()
				context.AfterFunc(ctx, func() { _ = end.Close() })
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", body)
				if err != nil {
					t.Fatal(err)
				}
				req.Header = mine.Clone()
				req.Header.Set("Authorization", bearer)
				req.Header.Set("Content-Type", asJSON)
				held.Go(func() {
					if res, err := transport.RoundTrip(req); err == nil {
						_ = res.Body.Close()
					}
				})
			}
			eventually(t, func() bool { return s.figure("shared_connection_requests") == 2 }, "the requests are not counted")
			a := s.with(mine, "", free)
			if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || a.code() != "OVERLOADED" {
				t.Errorf("%d %+v", a.Status, a)
			}
			if got := s.figure(`refused_total{what="request"}`); got != 1 {
				t.Errorf("%d refusals are counted", got)
			}
			if a := s.with(other, "", free); !http2 && len(a.Errors) > 0 {
				t.Errorf("another client: %+v", a)
			}
			leave()
			held.Wait()
			eventually(t, func() bool { return s.figure("shared_connection_requests") == 0 }, "requests that are given up still count")
			if a := s.with(mine, "", free); len(a.Errors) > 0 {
				t.Errorf("%+v", a)
			}
			transport.CloseIdleConnections()
		})
	}
}

// TestTooManySockets: sockets are bounded by themselves.
func TestTooManySockets(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxSocketsPerClient = 2
	s := served(t, c)
	first, second := s.dial(subprotocol), s.dial(subprotocol)
	eventually(t, func() bool { return s.figure("sockets") == 2 && s.figure("connections") == 0 }, "the sockets are not counted")
	_, res, err := dial(t.Context(), s.client, s.url, subprotocol)
	if err == nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%v %v", res, err)
	}
	_ = first.conn.CloseNow()
	eventually(t, func() bool { return s.figure("sockets") == 1 }, "a socket that is closed still counts")
	third := s.socket(sandbox.TokenPractitioner)
	third.subscribe("1", `{ __typename }`)
	third.value("1")
	_, _ = second.conn.CloseNow(), third.conn.CloseNow()
}

// TestTooManyLargeBodies: large bodies that are not finished are bounded, and keep nobody
// from sending a small one.
func TestTooManyLargeBodies(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxLargeBodiesPerClient = 2
	s := served(t, c)
	unfinished := func(route string) net.Conn {
		return s.raw("POST " + route + " HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n" +
			"Fullscript-Signature: t=1,v1=" + strings.Repeat("ab", 32) + "\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat(" ", 20_000))
	}
	held := []net.Conn{unfinished("/graphql"), unfinished("/webhooks/fullscript")}
	eventually(t, func() bool { return s.figure("large_bodies") == 2 }, "the bodies are not counted")
	refused503(t, unfinished("/graphql"))
	res, err := http.ReadResponse(bufio.NewReader(unfinished("/webhooks/fullscript")), nil)
	if err != nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v %v", res, err)
	}
	if got := s.figure(`refused_total{what="body"}`); got != 2 {
		t.Errorf("%d refusals are counted", got)
	}
	if a := s.as(sandbox.TokenPractitioner, `{ clinic { id } }`); len(a.Errors) > 0 {
		t.Errorf("%+v", a)
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	eventually(t, func() bool { return s.figure("large_bodies") == 0 }, "bodies that are given up still count")
	if a := s.as(sandbox.TokenPractitioner, `{ clinic { id } }`+strings.Repeat(" ", 100_000)); len(a.Errors) > 0 {
		t.Errorf("%+v", a)
	}
}

// TestTooManyLargeMessages: a message on a WebSocket is bounded as a body is.
func TestTooManyLargeMessages(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxLargeBodiesPerClient = 2
	s := served(t, c)
	unfinished := func() net.Conn { // 200,000 bytes are announced
		conn := s.raw("GET /graphql HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
		if _, err := conn.Write(append([]byte{0x81, 0x80 | 127, 0, 0, 0, 0, 0, 3, 13, 64, 0, 0, 0, 0}, strings.Repeat(" ", 20_000)...)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	held := []net.Conn{unfinished(), unfinished()}
	eventually(t, func() bool { return s.figure("large_bodies") == 2 }, "the messages are not counted")
	refused := unfinished()
	read := bufio.NewReader(refused)
	if _, err := http.ReadResponse(read, nil); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 4) // of a close: its code is behind a byte each for the kind and the length
	if _, err := io.ReadFull(read, head); err != nil || head[0] != 0x88 || int(head[2])<<8+int(head[3]) != int(websocket.StatusTryAgainLater) {
		t.Errorf("%v %x", err, head)
	}
	_ = refused.Close()
	if got := s.figure(`refused_total{what="body"}`); got != 1 {
		t.Errorf("%d refusals are counted", got)
	}
	eventually(t, func() bool { return s.figure(`errors_total{code="OVERLOADED"}`) == 1 }, "no error is counted")
	small := s.socket(sandbox.TokenPractitioner)
	small.subscribe("1", `{ clinic { id } }`)
	small.value("1")
	_ = small.conn.CloseNow()
	for _, conn := range held {
		_ = conn.Close()
	}
	eventually(t, func() bool { return s.figure("large_bodies") == 0 }, "messages that are given up still count")
}

// TestUnreadAnswers: large answers that nobody reads are bounded, over a socket as well, and keep
// nobody from a small one. A large one that is read is held no longer.
func TestUnreadAnswers(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxSendingPerClient = 10 << 20
	s := served(t, c)
	var large strings.Builder
	large.WriteString("{ products(first: 500) { nodes { id")
	for i := range 480 {
		fmt.Fprintf(&large, " a%d: __typename", i)
	}
	large.WriteString(" } } }") // some 4 MB
	body, _ := json.Marshal(map[string]string{"query": large.String()})
	for range 3 {
		if a := s.as(sandbox.TokenPractitioner, large.String()); len(a.Errors) > 0 {
			t.Fatal(a.Errors[0])
		}
	}
	eventually(t, func() bool { return s.figure("sending_bytes") == 0 }, "answers that were read still count")

	request := fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		sandbox.TokenPractitioner, len(body), body)
	unread := s.raw(request)
	eventually(t, func() bool { return s.figure("sending_bytes") > 0 }, "an answer that is not read is not counted")
	one := s.figure("sending_bytes")
	socket := s.socket(sandbox.TokenPractitioner)
	socket.subscribe("1", large.String())
	eventually(t, func() bool { return s.figure("sending_bytes") == 2*one }, "an answer on a socket is not counted")

	a := s.as(sandbox.TokenPractitioner, large.String())
	if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "OVERLOADED" || a.Errors[0].Extensions["retryAfter"] != 1.0 {
		t.Errorf("%+v", a.Errors)
	}
	refused503(t, s.raw(request))
	if n := s.figure(`refused_total{what="answer"}`); n != 2 {
		t.Errorf("%d refusals are counted", n)
	}
	if a := s.as(sandbox.TokenPractitioner, `{ clinic { id } }`); len(a.Errors) > 0 {
		t.Errorf("%+v", a)
	}
	_, _ = unread.Close(), socket.conn.CloseNow()
	eventually(t, func() bool { return s.figure("sending_bytes") == 0 }, "answers that are given up still count")
	if a := s.as(sandbox.TokenPractitioner, large.String()); len(a.Errors) > 0 {
		t.Errorf("%+v", a.Errors)
	}
}

// TestUnsignedBodyIsNotRead: who has no signature is refused at once, whatever they go on to
// send.
func TestUnsignedBodyIsNotRead(t *testing.T) {
	t.Parallel()
	s := served(t, config())
	for _, signature := range []string{"", "Fullscript-Signature: t=1\r\n", "Fullscript-Signature: v1=" + strings.Repeat("ab", 32) + "\r\n"} {
		conn := s.raw("POST /webhooks/fullscript HTTP/1.1\r\nHost: gateway\r\n" + signature + "Content-Length: 100000\r\n\r\n{")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil) // the test hangs if it waits for the body
		if err != nil || res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %v %v", signature, res, err)
		}
	}
}

// TestSocketsOfNobody: a socket whose caller is none is closed after half a minute; to know
// takes one call at most.
func TestSocketsOfNobody(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		h, _ := v.online()
		for token, calls := range map[string]int{"": 0, "made-up": 1} {
			v.sandbox.ResetCalls()
			begin := time.Now()
			s := h.socket(token)
			s.closed(4401)
			after(v, begin, 30*time.Second)
			if n := len(v.sandbox.Calls()); n != calls {
				t.Errorf("%q: %d calls", token, n)
			}
		}
		for token, calls := range map[string]int{sandbox.TokenPractitioner: 1, sandbox.TokenReadonly: 1} {
			v.sandbox.ResetCalls()
			s := h.socket(token)
			s.livesOn()
			if n := len(v.sandbox.Calls()); n != calls {
				t.Errorf("%q: %d calls", token, n)
			}
			_ = s.conn.CloseNow()
		}
		s := h.socket(sandbox.TokenPractitioner)
		s.subscribe("1", `{ clinic { id } }`)
		s.value("1")
		s.hears("complete", "1")
		v.sandbox.ResetCalls()
		s.livesOn()
		if n := len(v.sandbox.Calls()); n != 0 {
			t.Errorf("one who is known: %d calls", n)
		}
		_ = s.conn.CloseNow()
	})
}

// TestSocketsOfUntold: a socket of whose caller the partner does not say whether it is one is
// asked for again, a few times, and then closed so that a client comes back. One whom the partner
// has known today stays.
func TestSocketsOfUntold(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		h, _ := v.online()
		v.query(`{ clinic { name } }`).fails(v)
		time.Sleep(time.Hour)
		v.sandbox.AddFault(sandbox.Fault{Hang: true})
		v.sandbox.ResetCalls()
		begin := time.Now()
		h.socket("made-up").closed(1013)
		if took := time.Since(begin); took < time.Minute || took > 4*time.Minute {
			v.Errorf("it is closed after %s", took)
		}
		if n := v.sandbox.Count(""); n != 4 {
			v.Errorf("%d calls", n)
		}
		synctest.Wait()
		if log := v.log.String(); !strings.Contains(log, `"status":101,`) || !strings.Contains(log, `"upstreamCalls":4,`) { // its own, of no operation
			v.Error(log)
		}
		known := h.socket(sandbox.TokenPractitioner)
		known.livesOn()
		_ = known.conn.CloseNow()
		v.sandbox.ClearFaults()
		v.sandbox.AddFault(sandbox.Fault{Hang: true, Times: 2})
		h.socket("made-up").closed(4401)
		v.sandbox.ClearFaults()
		v.sandbox.AddFault(sandbox.Fault{Hang: true, Times: 2})
		s := h.socket(sandbox.TokenStaff)
		s.livesOn()
		_ = s.conn.CloseNow()
	})
}

// livesOn checks that a socket is open after an hour.
func (s *socket) livesOn() {
	s.t.Helper()
	go func() {
		time.Sleep(time.Hour + 7*time.Second) // between two pings of the gateway's: the pipe between them holds nothing
		s.send(`{"type":"ping"}`)
	}()
	s.hears("pong", "") // reading answers the gateway's pings
}

// TestUnfinishedMessages: a message that has begun must arrive in time, in however many
// frames.
func TestUnfinishedMessages(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		_, n := v.online()
		begun := append([]byte{0x81, 0x80 | 26, 0, 0, 0, 0}, `{"type":"connection_init"}`...)
		for name, rest := range map[string][]byte{
			"Frame": {0x81, 0x80 | 100, 0, 0, 0, 0, '{'},
			"Parts": {0x01, 0x80 | 1, 0, 0, 0, 0, '{', 0x00, 0x80, 0, 0, 0, 0},
		} {
			conn, read := upgraded(v, n)
			if _, err := conn.Write(begun); err != nil {
				v.Fatal(err)
			}
			begin, closed := time.Now(), make(chan struct{})
			go func() {
				defer close(closed)
				_, _ = io.Copy(io.Discard, read)
			}()
			if _, err := conn.Write(rest); err != nil {
				v.Fatalf("%s: %v", name, err)
			}
			<-closed
			after(v, begin, 15*time.Second)
		}
	})
}

// TestDocumentsOfStrangers: what is sent without a token, or with one that is none, takes up
// little and pushes nothing out.
func TestDocumentsOfStrangers(t *testing.T) {
	t.Parallel()
	s := served(t, config())
	query := `{ clinic { id name } }`
	for range 2 { // the first has the caller known
		s.as(sandbox.TokenPractitioner, query)
	}
	kept := s.figure("document_cache_documents")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, token := range []string{"", "made-up"} {
		for i := range 500 {
			if ctx.Err() != nil {
				return
			}
			s.as(token, fmt.Sprintf(`{ a%d: __typename # %s`+"\n }", i, strings.Repeat("x", 100))+strings.Repeat(" ", 9_000)+" query B { "+strings.Repeat("__typename ", 90)+"}")
			s.as(token, fmt.Sprintf(`query A%d { %s}`, i, strings.Repeat("__typename ", 100)))
		}
	}
	if bytes := s.figure("document_cache_size_bytes"); bytes > 5<<20 {
		t.Errorf("%d bytes are kept", bytes)
	}
	if n := s.figure("document_cache_documents"); n < kept+10 {
		t.Errorf("%d documents are kept", n)
	}
}
