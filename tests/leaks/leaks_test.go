// Package leaks counts goroutines, and so has a process of its own in which
// nothing else runs.
package leaks

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

const (
	each  = 200
	token = "Authorization: Bearer " + sandbox.TokenPractitioner + "\r\n"
)

// client is a connection that has nothing running at this end.
type client struct {
	t    *testing.T
	conn net.Conn
	read *bufio.Reader
}

func dial(t *testing.T, address, request string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return &client{t, conn, bufio.NewReader(conn)}
}

// until reads up to some text.
func (c *client) until(text string) {
	c.t.Helper()
	for read := ""; !strings.HasSuffix(read, text); {
		b, err := c.read.ReadByte()
		if err != nil {
			c.t.Fatalf("%v after %q", err, read)
		}
		read += string(rune(b))
	}
}

// frame sends a message in a frame whose mask is zero.
func (c *client) frame(text string) {
	c.t.Helper()
	header := binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(text)))
	if _, err := c.conn.Write(append(append(header, 0, 0, 0, 0), text...)); err != nil {
		c.t.Fatal(err)
	}
}

// watch is a subscription to what came after an event.
func watch(after string) string {
	return fmt.Sprintf(`{"query":"subscription { events(after: \"%s\") { fullscriptId type } }"}`, after)
}

func stream(t *testing.T, address, after string) *client {
	t.Helper()
	body := watch(after)
	return dial(t, address, fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"+
		token+"Content-Length: %d\r\n\r\n%s", len(body), body))
}

func socket(t *testing.T, address, after string) *client {
	t.Helper()
	c := dial(t, address, "GET /graphql HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+token+"\r\n")
	c.until("\r\n\r\n")
	c.frame(`{"type":"connection_init"}`)
	c.until(`{"type":"connection_ack"}`)
	c.frame(`{"type":"subscribe","id":"1","payload":` + watch(after) + `}`)
	return c
}

// TestCutConnections has clients vanish in the middle of their streams: without
// a close frame, every other one with a reset.
func TestCutConnections(t *testing.T) {
	s := sandbox.New(sandbox.Options{})
	c := gateway.DefaultConfig()
	c.OperationTimeout, c.CallTimeout = 2*time.Minute, time.Minute
	c.MaxStreams = 0
	c.MaxConcurrency = 8 // connections are kept for as many
	g, err := gateway.New(c, zerolog.Nop(), gateway.WithSandbox(s))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	s.SetWebhookURL(server.URL + "/webhooks/fullscript")
	emit := func(count int) []sandbox.Sent {
		sent, err := s.Emit(sandbox.Emission{Type: "patient.updated", Count: count})
		if err != nil || !sent[0].Delivered {
			t.Fatal(sent, err)
		}
		return sent
	}
	marks := emit(2)
	before, begun := marks[0].EventID, marks[1].EventID
	open := func(n int) (clients []*client) {
		for range n {
			clients = append(clients, stream(t, server.URL, before), socket(t, server.URL, before))
		}
		for _, c := range clients {
			c.until(begun)
		}
		return clients
	}
	cut := func(clients []*client) {
		for i, c := range clients {
			if i/2%2 == 0 {
				if err := c.conn.(*net.TCPConn).SetLinger(0); err != nil {
					t.Fatal(err)
				}
			}
			_ = c.conn.Close()
		}
	}

	cut(open(20)) // what is made once and kept
	settle(t)
	start := runtime.NumGoroutine()
	same := []goleak.Option{
		goleak.IgnoreCurrent(),
		// Connections to the sandbox are kept for others, and some are new.
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreTopFunction("net.(*pipe).read"),
	}
	clients := open(each)
	running := runtime.NumGoroutine() - start
	last := emit(1)[0].EventID
	for _, c := range clients {
		c.until(last)
	}
	// A stream has the two that net/http has for a request. A socket has one of them,
	// those that watch over the time and send pings, and one for its operation.
	if most := 2*each + 4*each; running > most+50 {
		t.Errorf("%d goroutines for %d streams and sockets each, want %d", running, each, most)
	}
	cut(clients)
	limit := time.Now().Add(20 * time.Second)
	for goleak.Find(same...) != nil && time.Now().Before(limit) {
		runtime.Gosched()
	}
	goleak.VerifyNone(t, same...)
	t.Logf("%d goroutines at the start, %d more with %d streams and %d sockets, %d when they were cut", start, running, each, each, runtime.NumGoroutine())

	server.Close()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t)
}

// settle waits until the number of goroutines no longer falls.
func settle(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n, still := runtime.NumGoroutine(), 0; still < 20; still++ {
		<-tick.C
		if now := runtime.NumGoroutine(); now < n {
			n, still = now, 0
		}
	}
}
