package tests

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// ways are how a subscription can travel.
var ways = []string{"sse", "multipart", "socket"}

const multipartEvents = `multipart/mixed;boundary="graphql";subscriptionSpec=1.0`

// streamed is a subscription, whichever way it travels.
type streamed struct {
	t      testing.TB
	status int // and header and body: not of a socket
	header http.Header
	body   *bufio.Reader
	close  func()
	// read gives the next answer; nil at the end, which reports whether it was a
	// complete one.
	read func() (got *answer, complete bool)
}

// subscribe opens a stream of server-sent events; it has begun when this returns.
func (h *harness) subscribe(token, query string, variables ...any) *streamed {
	h.t.Helper()
	return h.stream("sse", token, query, variables...)
}

// stream opens a stream. It has begun when this returns, but not on a socket:
// there, a subscription has begun when it tells of what was before it.
func (h *harness) stream(way, token, query string, variables ...any) *streamed {
	h.t.Helper()
	if way == "socket" {
		s := h.socket(token)
		s.subscribe("1", query, variables...)
		return &streamed{t: h.t, close: func() { _ = s.conn.CloseNow() }, read: s.read}
	}
	accept := "text/event-stream"
	if way == "multipart" {
		accept = multipartEvents
	}
	return h.open(token, requestBody(h.t, query, variables...), "Accept", accept)
}

// open opens a stream over HTTP.
func (h *harness) open(token, body string, headers ...string) *streamed {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/graphql", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := h.http().Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	s := &streamed{t: h.t, status: res.StatusCode, header: res.Header, body: bufio.NewReader(res.Body), close: func() { cancel(); _ = res.Body.Close() }}
	s.read = s.event
	if strings.HasPrefix(res.Header.Get("Content-Type"), "multipart/mixed") {
		s.read = s.part
	}
	h.t.Cleanup(s.close)
	return s
}

// event reads a server-sent event.
func (s *streamed) event() (got *answer, complete bool) {
	s.t.Helper()
	event := ""
	for {
		line, err := s.body.ReadString('\n')
		switch name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": "); {
		case err != nil:
			return nil, false
		case name == "event":
			event = value
		case name == "data" && event == "complete":
			return nil, true
		case name == "data":
			return s.decode([]byte(value)), false
		}
	}
}

// part reads a part of Apollo's protocol as Apollo Client does: it is whole when
// the delimiter behind it is there.
func (s *streamed) part() (got *answer, complete bool) {
	s.t.Helper()
	const delimiter = "\r\n--graphql"
	for {
		var read []byte
		for !bytes.HasSuffix(read, []byte(delimiter)) {
			b, err := s.body.ReadByte()
			if err != nil {
				return nil, bytes.HasPrefix(read, []byte("--"))
			}
			read = append(read, b)
		}
		_, text, found := strings.Cut(strings.TrimSuffix(string(read), delimiter), "\r\n\r\n")
		if !found || text == "{}" {
			continue
		}
		var p struct {
			Payload json.RawMessage
			Errors  json.RawMessage
		}
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			s.t.Fatalf("%v in %s", err, text)
		}
		if p.Errors != nil && string(p.Payload) == "null" {
			return s.decode([]byte(text)), false
		}
		return s.decode(p.Payload), false
	}
}

func (s *streamed) decode(text []byte) *answer {
	s.t.Helper()
	a := new(answer)
	if err := json.Unmarshal(text, a); err != nil {
		s.t.Fatalf("%v in %s", err, text)
	}
	return a
}

// read reads what is said of the only operation of a socket.
func (s *socket) read() (got *answer, complete bool) {
	s.t.Helper()
	_, text, err := s.conn.Read(s.t.Context())
	if err != nil {
		return nil, websocket.CloseStatus(err) == websocket.StatusNormalClosure
	}
	var m said
	a := new(answer)
	if err := json.Unmarshal(text, &m); err != nil {
		s.t.Fatalf("%v in %s", err, text)
	}
	switch m.Type {
	case "next":
		err = json.Unmarshal(m.Payload, a)
	case "error":
		err = json.Unmarshal(m.Payload, &a.Errors)
	case "complete":
		return nil, true
	}
	if err != nil {
		s.t.Fatalf("%v in %s", err, text)
	}
	return a, false
}

// value is the data of the next answer, which has no errors.
func (s *streamed) value() map[string]any {
	s.t.Helper()
	a, _ := s.read()
	if a == nil {
		s.t.Fatal("the stream is over")
	}
	for _, e := range a.Errors {
		s.t.Fatalf("%v: %s %v", e.Path, e.Message, e.Extensions)
	}
	return a.Data
}

// fails reads the error of a code that a stream ends with.
func (s *streamed) fails(code string) {
	s.t.Helper()
	a, _ := s.read()
	if a == nil || a.Data != nil || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != code || a.Errors[0].Extensions["requestId"] == nil {
		s.t.Errorf("%+v, want %s", a, code)
	}
}

// rest reads what is left of an answer that is no stream.
func (s *streamed) rest() *reply {
	s.t.Helper()
	text, err := io.ReadAll(s.body)
	if err != nil {
		s.t.Fatal(err)
	}
	return readReply(s.t, s.status, s.header, text)
}
