package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"fsgateway/internal/sandbox"
)

const subprotocol = "graphql-transport-ws"

// socket is a client's end of one.
type socket struct {
	t    testing.TB
	conn *websocket.Conn
}

// said is a message of the gateway's.
type said struct {
	Type, ID string
	Payload  json.RawMessage
}

// dial opens a socket and sends nothing on it. Headers are names and values in
// turn.
func (h *harness) dial(protocol string, headers ...string) *socket {
	h.t.Helper()
	s, res, err := dial(h.t.Context(), h.http(), h.url, protocol, headers...)
	if err != nil {
		h.t.Fatalf("%v: %v", err, res)
	}
	h.t.Cleanup(func() { _ = s.CloseNow() })
	return &socket{h.t, s}
}

func dial(ctx context.Context, c *http.Client, address, protocol string, headers ...string) (*websocket.Conn, *http.Response, error) {
	o := &websocket.DialOptions{HTTPClient: c, HTTPHeader: http.Header{}}
	if protocol != "" {
		o.Subprotocols = []string{protocol}
	}
	for i := 0; i+1 < len(headers); i += 2 {
		o.HTTPHeader.Add(headers[i], headers[i+1])
	}
	return websocket.Dial(ctx, address+"/graphql", o)
}

// socket opens a socket and begins, with a token unless that is "".
func (h *harness) socket(token string) *socket {
	h.t.Helper()
	s := h.dial(subprotocol)
	s.init(token)
	return s
}

func (s *socket) init(token string) {
	s.t.Helper()
	if token == "" {
		s.send(`{"type":"connection_init"}`)
	} else {
		s.send(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + token + `"}}`)
	}
	s.hears("connection_ack", "")
}

func (s *socket) send(text string) {
	s.t.Helper()
	if err := s.conn.Write(s.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// subscribe asks for an operation.
func (s *socket) subscribe(id, query string, variables ...any) {
	s.t.Helper()
	text, err := json.Marshal(map[string]any{"type": "subscribe", "id": id, "payload": map[string]any{"query": query, "variables": pairs(variables)}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(string(text))
}

// next reads a message.
func (s *socket) next() said {
	s.t.Helper()
	_, text, err := s.conn.Read(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	var m said
	if err := json.Unmarshal(text, &m); err != nil {
		s.t.Fatalf("%v in %s", err, text)
	}
	return m
}

// hears reads a message of a type and an id.
func (s *socket) hears(kind, id string) said {
	s.t.Helper()
	m := s.next()
	if m.Type != kind || m.ID != id {
		s.t.Fatalf("got %s of %q: %s; want %s of %q", m.Type, m.ID, m.Payload, kind, id)
	}
	return m
}

// value is the data of a result without errors.
func (s *socket) value(id string) map[string]any {
	s.t.Helper()
	a := new(answer)
	if err := json.Unmarshal(s.hears("next", id).Payload, a); err != nil {
		s.t.Fatal(err)
	}
	for _, e := range a.Errors {
		s.t.Fatalf("%v: %s %v", e.Path, e.Message, e.Extensions)
	}
	return a.Data
}

// fails reads the end of an operation in one error of a code.
func (s *socket) fails(id, code string) {
	s.t.Helper()
	a := new(answer)
	m := s.hears("error", id)
	if err := json.Unmarshal(m.Payload, &a.Errors); err != nil {
		s.t.Fatal(err)
	}
	if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != code || a.Errors[0].Message == "" || a.Errors[0].Extensions["requestId"] == nil {
		s.t.Errorf("%s, want %s", m.Payload, code)
	}
}

// closed waits for the close, with a code, after whatever else is said.
func (s *socket) closed(code websocket.StatusCode) (reason string) {
	s.t.Helper()
	for {
		_, _, err := s.conn.Read(s.t.Context())
		if err == nil {
			continue
		}
		if websocket.CloseStatus(err) != code {
			s.t.Errorf("%v, want %d", err, code)
		}
		_, reason, _ = strings.Cut(err.Error(), "reason = ")
		return reason
	}
}

// TestSocketOperations has operations of each type on one socket, some of them
// at once.
func TestSocketOperations(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.socket(sandbox.TokenPractitioner)
	s.subscribe("q", `query Q($id: ID!) { patient(id: $id) { firstName ...D @defer } } fragment D on Patient { dateOfBirth }`, "id", sandbox.PatientWithManyPlans)
	if v := s.value("q"); at(t, v, "patient.firstName") == nil || at(t, v, "patient.dateOfBirth") == nil {
		t.Errorf("%v", v) // parts cannot follow, so all comes at once
	}
	s.hears("complete", "q")
	s.subscribe("q", `mutation { createPatient(input: {firstName: "A", lastName: "B", email: "a@example.org"}) { patient { firstName } } }`)
	if v := s.value("q"); at(t, v, "createPatient.patient.firstName") != "A" {
		t.Errorf("%v", v)
	}
	s.hears("complete", "q")

	// An error beside data, or in its place, is a result.
	h.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Status: http.StatusServiceUnavailable, Times: 3}) // with its retries
	s.subscribe("q", `{ clinic { name } }`)
	a := new(answer)
	if err := json.Unmarshal(s.hears("next", "q").Payload, a); err != nil || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" {
		t.Errorf("%+v %v", a, err)
	}
	s.hears("complete", "q")

	for _, test := range []struct{ name, query, code string }{
		{"Parse", `{`, "GRAPHQL_PARSE_FAILED"},
		{"Empty", ``, "GRAPHQL_PARSE_FAILED"},
		{"Validation", `{ nope }`, "GRAPHQL_VALIDATION_FAILED"},
		{"Variable", `query($id: ID!) { patient(id: $id) { id } }`, "BAD_USER_INPUT"},
		{"Guard", `{` + strings.Repeat(" __typename", 600) + `}`, "QUERY_TOO_COMPLEX"},
		{"TwoFields", `subscription { events { id } orderPlaced { event { id } } }`, "GRAPHQL_VALIDATION_FAILED"},
		{"AfterUnknown", `subscription { events(after: "Event:nobody-knows") { id } }`, "BAD_USER_INPUT"},
	} {
		s.subscribe("e", test.query)
		s.fails("e", test.code)
	}

	// What is slow holds up nothing.
	h.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Hang: true})
	s.subscribe("slow", `{ clinic { name } }`)
	eventually(t, func() bool { n, _ := h.sandbox.InFlight(); return n == 1 }, "the call was not made")
	s.send(`{"type":"ping","payload":{"canary":"` + canary + `"}}`)
	if m := s.hears("pong", ""); m.Payload != nil {
		t.Errorf("a pong with %s", m.Payload)
	}
	s.subscribe("fast", `{ __typename }`)
	s.value("fast")
	s.hears("complete", "fast")

	// A client that wants no more of it is told no more, and the partner asked no more.
	s.send(`{"type":"complete","id":"slow"}`)
	s.send(`{"type":"complete","id":"slow"}`)
	eventually(t, func() bool { n, _ := h.sandbox.InFlight(); return n == 0 }, "the call goes on")
	h.sandbox.ClearFaults()
	s.subscribe("slow", `{ clinic { fullscriptId } }`)
	if v := s.value("slow"); at(t, v, "clinic.fullscriptId") != sandbox.ClinicID {
		t.Errorf("%v", v)
	}
	s.hears("complete", "slow")
}

// mark makes two events happen that everyone may see. A subscription after the
// first has begun when it tells of the second.
func (h *harness) mark() (first, second string) {
	h.t.Helper()
	ids := h.emit(sandbox.Emission{Type: "product.created", Clinic: "none", Count: 2})
	return ids[0], ids[1]
}

// watch begins to watch all events.
func (s *socket) watch(h *harness, id string) {
	s.t.Helper()
	first, second := h.mark()
	s.subscribe(id, watchAll, "after", first)
	if v := s.value(id); at(s.t, v, "events.fullscriptId") != second {
		s.t.Errorf("%v", v)
	}
}

// TestSocketSubscription ends in each of the ways that there are.
func TestSocketSubscription(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.socket(sandbox.TokenPractitioner)
	s.watch(h, "1")
	id := h.emit(sandbox.Emission{Type: "patient.updated"})[0]
	m := s.hears("next", "1")
	if !strings.Contains(string(m.Payload), `"extensions":{"eventId":"`+id+`"}`) {
		t.Errorf("%s", m.Payload)
	}
	s.send(`{"type":"complete","id":"1"}`)
	s.send(`{"type":"ping"}`)
	s.hears("pong", "") // the complete before it was read
	h.emit(sandbox.Emission{Type: "patient.updated", Count: 3})
	s.send(`{"type":"ping"}`)
	s.hears("pong", "")

	s.watch(h, "1")
	h.emit(sandbox.Emission{Type: "patient.created"})
	s.value("1")
	h.sandbox.AddFault(sandbox.Fault{Operation: "getEvent", Status: http.StatusUnauthorized})
	h.emit(sandbox.Emission{Type: "clinic.moved", Data: json.RawMessage(`{}`)})
	s.fails("1", "UNAUTHENTICATED")
	h.sandbox.ClearFaults()
	s = h.socket(sandbox.TokenStaff) // the other token counts as rejected for a while
	s.watch(h, "1")

	// Who just leaves takes everything along.
	h.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Hang: true})
	s.subscribe("2", `{ clinic { name } }`)
	eventually(t, func() bool { n, _ := h.sandbox.InFlight(); return n == 1 }, "the call was not made")
	_ = s.conn.CloseNow()
	eventually(t, func() bool { n, _ := h.sandbox.InFlight(); return n == 0 }, "the call goes on")
}

// TestSocketEvents cost what their selection needs, each by itself.
func TestSocketEvents(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.socket(sandbox.TokenPractitioner)
	begin := h.emit(sandbox.Emission{Type: "treatment_plan.created", Count: 2})
	s.subscribe("1", `subscription($after: ID) { treatmentPlanUpdated(after: $after) { event { id } treatmentPlan { id state patient { firstName } practitioner { lastName } } } }`, "after", begin[0])
	s.value("1")
	for range 5 {
		h.sandbox.ResetCalls()
		h.emit(sandbox.Emission{Type: "patient.updated"}) // is none of its business
		h.emit(sandbox.Emission{Type: "treatment_plan.created"})
		v := s.value("1")
		if at(t, v, "treatmentPlanUpdated.treatmentPlan.patient.firstName") == nil || at(t, v, "treatmentPlanUpdated.treatmentPlan.practitioner.lastName") == nil {
			t.Errorf("%v", v)
		}
		// Nothing is kept from one event to the next, nothing fetched twice for one.
		if n := h.sandbox.Count(""); n != 2 || h.sandbox.Count("getPatient") != 1 {
			t.Errorf("%d calls, want the patient and the practitioner:\n%s", n, routes(h.sandbox))
		}
	}
}

// TestSocketCloses: who does not keep to the protocol is told so by the code,
// and by a reason that repeats nothing.
func TestSocketCloses(t *testing.T) {
	t.Parallel()
	h := start(t)
	const begin = `{"type":"connection_init"}`
	subscribe := func(id, query string) string {
		return `{"type":"subscribe","id":"` + id + `","payload":{"query":"` + query + `"}}`
	}
	cases := []struct {
		name     string
		messages []string
		code     websocket.StatusCode
	}{
		{"SubscribeBeforeInit", []string{subscribe("1", "{ __typename }")}, 4401},
		{"InitTwice", []string{begin, begin}, 4429},
		{"SameIDTwice", []string{`{"type":"connection_init","payload":{"Authorization":"` + bearer + `"}}`, subscribe(canary, "subscription { events { id } }"), subscribe(canary, "{ __typename }")}, 4409},
		{"NoJSON", []string{canary}, 4400},
		{"Nothing", []string{""}, 4400},
		{"BrokenJSON", []string{`{"type":"ping"`}, 4400},
		{"Behind", []string{`{"type":"ping"} {"type":"` + canary + `"}`}, 4400},
		{"NameTwice", []string{`{"type":"ping","type":"pong"}`}, 4400},
		{"NoUTF8", []string{"{\"type\":\"ping\",\"payload\":{\"a\":\"\xff\"}}"}, 4400},
		{"List", []string{`[{"type":"ping"}]`}, 4400},
		{"NoType", []string{`{"id":"` + canary + `"}`}, 4400},
		{"TypeNoText", []string{`{"type":1}`}, 4400},
		{"TypeUnknown", []string{begin, `{"type":"` + canary + `"}`}, 4400},
		{"TypeInCapitals", []string{`{"type":"PING"}`}, 4400},
		{"OldType", []string{begin, `{"type":"start","id":"1","payload":{"query":"{ __typename }"}}`}, 4400},
		{"TypeOfTheOtherWay", []string{begin, `{"type":"next","id":"1","payload":{}}`}, 4400},
		{"PayloadOfInit", []string{`{"type":"connection_init","payload":"` + canary + `"}`}, 4400},
		{"PayloadOfPing", []string{`{"type":"ping","payload":["` + canary + `"]}`}, 4400},
		{"PayloadOfPong", []string{`{"type":"pong","payload":1}`}, 4400},
		{"NoID", []string{begin, `{"type":"subscribe","payload":{"query":"{ __typename }"}}`}, 4400},
		{"EmptyID", []string{begin, subscribe("", "{ __typename }")}, 4400},
		{"IDNoText", []string{begin, `{"type":"subscribe","id":1,"payload":{"query":"{ __typename }"}}`}, 4400},
		{"LongID", []string{begin, subscribe(strings.Repeat("i", 257), "{ __typename }")}, 4400},
		{"CompleteNoID", []string{begin, `{"type":"complete"}`}, 4400},
		{"NoPayload", []string{begin, `{"type":"subscribe","id":"1"}`}, 4400},
		{"NoQuery", []string{begin, `{"type":"subscribe","id":"1","payload":{"operationName":"` + canary + `"}}`}, 4400},
		{"QueryNoText", []string{begin, `{"type":"subscribe","id":"1","payload":{"query":7}}`}, 4400},
		{"VariablesNoObject", []string{begin, `{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":"` + canary + `"}}`}, 4400},
		{"Batch", []string{begin, `{"type":"subscribe","id":"1","payload":[{"query":"{ __typename }"}]}`}, 4400},
		{"TooLong", []string{begin, `{"type":"ping","payload":{"a":"` + strings.Repeat("x", 256<<10) + `"}}`}, websocket.StatusMessageTooBig},
		{"NoBearer", []string{`{"type":"connection_init","payload":{"Authorization":"Basic ` + canary + `"}}`}, 4403},
		{"NoToken", []string{`{"type":"connection_init","payload":{"Authorization":"Bearer "}}`}, 4403},
		{"EmptyAuthorization", []string{`{"type":"connection_init","payload":{"authorization":""}}`}, 4403},
		{"AuthorizationNoText", []string{`{"type":"connection_init","payload":{"Authorization":["` + canary + `"]}}`}, 4403},
		{"TwoAuthorizations", []string{`{"type":"connection_init","payload":{"Authorization":"Bearer a","authorization":"Bearer b"}}`}, 4403},
		{"AuthorizationInTwoPlaces", []string{`{"type":"connection_init","payload":{"Authorization":"Bearer a","headers":{"Authorization":"Bearer b"}}}`}, 4403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := &harness{t: t, url: h.url}
			s := h.dial(subprotocol, "Cookie", canary)
			for _, m := range c.messages {
				s.send(m)
			}
			reason := s.closed(c.code)
			if reason == "" || len(reason) > 125 { // with its quotes
				t.Errorf("the reason has %d bytes", len(reason))
			}
			silent(t, "the reason", reason, canary)
		})
	}
	t.Run("Binary", func(t *testing.T) {
		t.Parallel()
		h := &harness{t: t, url: h.url}
		s := h.dial(subprotocol)
		if err := s.conn.Write(t.Context(), websocket.MessageBinary, []byte(begin)); err != nil {
			t.Fatal(err)
		}
		s.closed(4400)
	})
	for _, protocol := range []string{"", "graphql-ws"} {
		t.Run("Subprotocol"+protocol, func(t *testing.T) {
			t.Parallel()
			h := &harness{t: t, url: h.url}
			h.dial(protocol).closed(4406)
		})
	}
	t.Run("AnotherCaller", func(t *testing.T) {
		t.Parallel()
		h := &harness{t: t, url: h.url}
		s := h.dial(subprotocol, "Authorization", bearer)
		s.send(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + sandbox.TokenOtherClinic + `"}}`)
		s.closed(4403)
	})
}

// TestSocketCallers: the token is told in the upgrade or in the first message.
func TestSocketCallers(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, c := range []struct{ name, header, payload, clinic string }{
		{"Upgrade", bearer, ``, sandbox.ClinicID},
		{"UpgradeAndNull", bearer, `,"payload":null`, sandbox.ClinicID},
		{"Payload", "", `,"payload":{"Authorization":"` + bearer + `"}`, sandbox.ClinicID},
		{"InSmallLetters", "", `,"payload":{"authorization":"bearer ` + sandbox.TokenOtherClinic + `"}`, sandbox.OtherClinicID},
		{"AmongHeaders", "", `,"payload":{"headers":{"Authorization":"Bearer ` + sandbox.TokenOtherClinic + `","x":1},"y":[]}`, sandbox.OtherClinicID},
		{"BothAlike", bearer, `,"payload":{"headers":{"authorization":"` + bearer + `"}}`, sandbox.ClinicID},
		{"Null", bearer, `,"payload":{"Authorization":null,"headers":null}`, sandbox.ClinicID},
		{"Nobody", "", `,"payload":{"token":"` + sandbox.TokenPractitioner + `"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := &harness{t: t, url: h.url}
			var headers []string
			if c.header != "" {
				headers = []string{"Authorization", c.header}
			}
			s := h.dial(subprotocol, headers...)
			s.send(`{"type":"connection_init"` + c.payload + `}`)
			s.hears("connection_ack", "")
			s.subscribe("1", `{ clinic { fullscriptId } }`)
			if c.clinic != "" {
				if v := s.value("1"); at(t, v, "clinic.fullscriptId") != c.clinic {
					t.Errorf("%v", v)
				}
				return
			}
			s.fails("1", "UNAUTHENTICATED")
			s.subscribe("1", watchAll)
			s.fails("1", "UNAUTHENTICATED")
			s.subscribe("1", `{ __typename }`)
			s.value("1")
		})
	}
	if res := h.send("GET", "/graphql", "", "Upgrade", "websocket", "Connection", "Upgrade", "Authorization", "Basic x"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a malformed header is answered with %d", res.StatusCode)
	}
}

// TestSocketOrigins: a page of another site opens none.
func TestSocketOrigins(t *testing.T) {
	t.Parallel()
	c := config()
	c.CORSOrigins, c.PublicURL = []string{someone, "http://[::1]:3000"}, "https://graphql.example.com/gateway"
	c.AllowEmbedded = true
	h := startWith(t, c, sandbox.Options{})
	for _, c := range []struct {
		origin string
		opens  bool
	}{
		{h.url, true},
		{someone, true},
		{"http://[::1]:3000", true},
		{"https://graphql.example.com", true},
		{"http://graphql.example.com", false},
		{strings.Replace(h.url, "http:", "https:", 1), true},
		{strings.Replace(h.url, "http:", "ftp:", 1), false},
		{stranger, false},
		{"http://app.example.com", false},
		{someone + ":444", false},
		{someone + ".evil.example", false},
		{"null", false},
		{"", false},
		{canary, false},
	} {
		s, res, err := dial(t.Context(), http.DefaultClient, h.url, subprotocol, "Origin", c.origin)
		if opens := err == nil; opens != c.opens {
			t.Errorf("%q opens: %t", c.origin, opens)
		}
		if err == nil {
			_ = s.CloseNow()
			continue
		}
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		r := readReply(t, res.StatusCode, res.Header, text)
		r.status(t, http.StatusForbidden)
		r.fails(t, failed{"", "FORBIDDEN"})
		silent(t, "the refusal", r.text, canary)
	}
	// A page without TLS of a host that has it may be anybody's.
	if _, res, err := dial(t.Context(), http.DefaultClient, h.url, subprotocol, "Origin", h.url, "X-Forwarded-Proto", "https"); err == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("one that came without TLS opens it: %v", err)
	}
	res := h.send("GET", "/graphql", "", "Upgrade", "websocket", "Connection", "Upgrade", "Origin", h.url, "Origin", stranger)
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("two origins are answered with %d", res.StatusCode)
	}
}

// TestSocketHandshake: what is no proper upgrade is told so as GraphQL is.
func TestSocketHandshake(t *testing.T) {
	t.Parallel()
	h := start(t)
	const key = "Sec-WebSocket-Key"
	right := map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", key: "AAAAAAAAAAAAAAAAAAAAAA=="}
	for _, c := range []struct {
		name, header, value string
		status              int
	}{
		{"Connection", "Connection", "close", 426},
		{"Version", "Sec-WebSocket-Version", "8", 400},
		{"Key", key, canary, 400},
		{"NoKey", key, "", 400},
		{"Upgrade", "Upgrade", "h2c", 400}, // is a query without one, and no proof that no page sent it
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			headers := []string{c.header, c.value}
			for name, value := range right {
				if name != c.header {
					headers = append(headers, name, value)
				}
			}
			h := &harness{t: t, url: h.url}
			res := h.send("GET", "/graphql", "", headers...)
			r := readReply(t, res.StatusCode, res.Header, res.body)
			r.status(t, c.status)
			r.fails(t, failed{"", "BAD_USER_INPUT"})
			silent(t, "the refusal", r.text, canary)
		})
	}
	t.Run("HTTP2", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			req := httptest.NewRequestWithContext(v.Context(), http.MethodGet, "/graphql", nil)
			req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/2.0", 2, 0
			for name, value := range right {
				req.Header.Set(name, value)
			}
			res := httptest.NewRecorder()
			v.handler.ServeHTTP(res, req)
			r := readReply(v, res.Code, res.Header(), res.Body.Bytes())
			r.status(v, http.StatusHTTPVersionNotSupported)
			r.fails(v, failed{"", "BAD_USER_INPUT"})
		})
	})
	t.Run("PostIsPost", func(t *testing.T) {
		t.Parallel()
		h := &harness{t: t, url: h.url}
		headers := []string{"Content-Type", asJSON}
		for name, value := range right {
			headers = append(headers, name, value)
		}
		if res := h.send("POST", "/graphql", free, headers...); res.StatusCode != http.StatusOK {
			t.Errorf("%d %s", res.StatusCode, res.body)
		}
	})
}

// TestSocketLimits: so many operations at once and no more, and all streams of a
// caller together.
func TestSocketLimits(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxStreams, c.OperationTimeout, c.CallTimeout = 2, 2*time.Minute, time.Minute
	h := startWith(t, c, sandbox.Options{})
	s := h.socket(sandbox.TokenPractitioner)
	s.watch(h, "stream")
	if sse := h.subscribe(sandbox.TokenPractitioner, watchAll); sse.status != http.StatusOK {
		t.Errorf("%d", sse.status)
	}
	s.subscribe("1", watchAll)
	s.fails("1", "TOO_MANY_STREAMS")
	if sse := h.subscribe(sandbox.TokenPractitioner, watchAll); sse.status != http.StatusTooManyRequests {
		t.Errorf("%d", sse.status)
	}

	h.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Hang: true})
	for i := range 99 {
		s.subscribe(fmt.Sprint(i), `{ clinic { name } }`)
	}
	s.subscribe("over", `{ __typename }`)
	s.fails("over", "TOO_MANY_OPERATIONS")
	s.send(`{"type":"complete","id":"7"}`)
	s.subscribe("over", `{ __typename }`)
	s.value("over")
	s.hears("complete", "over")
	h.sandbox.ClearFaults()
	s.send(`{"type":"complete","id":"stream"}`)
	eventually(t, func() bool {
		return h.subscribe(sandbox.TokenPractitioner, watchAll).status != http.StatusTooManyRequests
	}, "the place is not free again")
}

// TestSocketIsOneRequest: it has one line in the log, at its end, and each operation has one
// and is counted. No call and no code is in two lines. None says what was sent.
func TestSocketIsOneRequest(t *testing.T) {
	t.Parallel()
	c := config()
	c.CacheSize = 0 // so that all calls are made
	w := watch(t, c)
	s := w.dial(subprotocol, "X-Request-Id", requestID, "Accept-Encoding", "gzip")
	s.init(sandbox.TokenPractitioner)
	for range 2 {
		s.subscribe(canary, `query($id: ID!) { patient(id: $id) { dateOfBirth } practitioners { totalCount } }`, "id", sandbox.PatientWithManyPlans)
		s.value(canary)
		s.hears("complete", canary)
	}
	s.subscribe("2", `{ nope }`)
	s.fails("2", "GRAPHQL_VALIDATION_FAILED")
	for range 3 {
		s.subscribe("3", `subscription { events(after: "`+canary+`:1") { id } }`)
		s.fails("3", "BAD_USER_INPUT")
	}
	s.subscribe("4", `subscription { events { id } }`)
	s.send(`{"type":"complete","id":"4"}`)
	s.send(`{"type":"` + canary + `"}`)
	s.closed(4400)
	w.close()

	lines := strings.Split(strings.TrimSpace(w.log.info()), "\n")
	if len(lines) != 8 {
		t.Fatalf("%d lines: %s", len(lines), w.log)
	}
	for _, line := range lines[:7] {
		if !strings.Contains(line, `"message":"operation"`) {
			t.Error(line)
		}
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[7]), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "durationMs")
	delete(line, "client")
	delete(line, "caller")
	equal(t, "the line", line, `{"level":"info","message":"request","requestId":"`+requestID+`","method":"GET","route":"/graphql","status":101,"upstreamCalls":0,"codes":["BAD_USER_INPUT"],"operations":7,"closed":4400}`)
	silent(t, "the log", w.log.String(), canary, sandbox.TokenPractitioner, sandbox.PatientWithManyPlans)

	figures, text := w.metrics()
	for name, want := range map[string]string{
		`fsgateway_requests_total{route="/graphql",status="1xx"}`:         "1",
		`fsgateway_operations_total{status="2xx",type="query"}`:           "2",
		`fsgateway_operations_total{status="4xx",type="none"}`:            "1",
		`fsgateway_operations_total{status="4xx",type="subscription"}`:    "3",
		`fsgateway_operations_total{status="2xx",type="subscription"}`:    "1",
		`fsgateway_errors_total{code="GRAPHQL_VALIDATION_FAILED"}`:        "1",
		`fsgateway_errors_total{code="BAD_USER_INPUT"}`:                   "4", // one closed the socket
		`fsgateway_operation_upstream_calls_sum{type="query"}`:            "4",
		`fsgateway_operation_upstream_calls_bucket{type="query",le="1"}`:  "0",
		`fsgateway_operation_upstream_calls_bucket{type="query",le="2"}`:  "2",
		`fsgateway_requests_in_flight`:                                    "0",
		`fsgateway_operation_upstream_calls_count{type="subscription"}`:   "4",
		`fsgateway_operation_duration_seconds_count{type="subscription"}`: "",
	} {
		if figures[name] != want {
			t.Errorf("%s %s, want %q", name, figures[name], want)
		}
	}
	silent(t, "the metrics", text, canary, sandbox.TokenPractitioner)
}

// TestSocketEchoesNothing: what a client fills in is in no message but as an
// operation's id, and not in the log.
func TestSocketEchoesNothing(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.dial(subprotocol, "User-Agent", canary)
	s.send(`{"type":"connection_init","payload":{"Authorization":"` + bearer + `","x":"` + canary + `"}}`)
	if m := s.hears("connection_ack", ""); m.Payload != nil {
		t.Errorf("%s", m.Payload)
	}
	for name, body := range echoes() {
		s.send(`{"type":"subscribe","id":"1","payload":` + body + `}`)
		for {
			m := s.next()
			silent(t, name, string(m.Payload), canary)
			if m.Type != "next" {
				break
			}
		}
	}
	h.close()
	silent(t, "the log", h.log.String(), canary)
}
