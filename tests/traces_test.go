package tests

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/rs/zerolog"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"fsgateway/internal/gateway"
	"fsgateway/internal/redistest"
	"fsgateway/internal/sandbox"
)

// collect is a collector of spans.
type collect struct {
	url   string
	mu    sync.Mutex
	spans []*trace.Span
}

func newCollector(t *testing.T) *collect {
	t.Helper()
	c := new(collect)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		sent := new(collector.ExportTraceServiceRequest)
		if err == nil {
			err = proto.Unmarshal(body, sent)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range sent.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				c.spans = append(c.spans, ss.GetSpans()...)
			}
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// names returns the names of the spans of a trace, in order, each with that of its parent.
func (c *collect) names(id string) (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	byID := map[string]string{}
	for _, s := range c.spans {
		byID[string(s.GetSpanId())] = s.GetName()
	}
	for _, s := range c.spans {
		if strings.EqualFold(hexOf(s.GetTraceId()), id) {
			name := s.GetName()
			if parent := byID[string(s.GetParentSpanId())]; parent != "" {
				name = parent + " > " + name
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// requestID is one that is taken from a client.
const requestID = "0af7651916cd43dd8448eb211c80319c"

const traceID, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// TestTraces: an operation is one trace from the client through the gateway to the partner,
// with its waves, its calls and its commands, and no data in it.
func TestTraces(t *testing.T) {
	t.Parallel()
	spans := newCollector(t)
	c := config()
	c.OTLPEndpoint = spans.url
	const state = "free=a@example.com"
	c.RedisURL, c.EncryptionKey = redistest.Start(t).URL, []string{strings.Repeat("key ", 8)}
	h := startWith(t, c, sandbox.Options{})
	a := h.with(http.Header{"Traceparent": {parent}, "Tracestate": {state}, "Cache-Control": {"no-cache"}}, sandbox.TokenPractitioner,
		`query Plans { patient(id: "`+sandbox.PatientWithManyPlans+`") { firstName treatmentPlans(first: 2) { nodes { state recommendations { variant { sku } } } } } }`)
	if a.Errors != nil {
		t.Fatal(a.Errors)
	}
	calls := h.sandbox.Calls()
	for _, call := range calls {
		if got := call.Header.Get("Traceparent"); !strings.HasPrefix(got, "00-"+traceID+"-") || strings.Contains(got, "00f067aa0ba902b7") {
			t.Errorf("the partner is told %q", got)
		}
		silent(t, "a call", call.Header.Get("Tracestate"), state)
	}
	h.close() // sends what is left
	got := spans.names(traceID)
	for _, want := range []string{"POST /graphql", "POST /graphql > wave 1", "POST /graphql > GET /clinic/patients/{id}", "POST /graphql > redis EVALSHA"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %q", want, got)
		}
	}
	n := 0
	for _, name := range got {
		if strings.HasPrefix(name, "POST /graphql > GET ") {
			n++
		}
	}
	if n != len(calls) {
		t.Errorf("%d spans of %d calls: %q", n, len(calls), got)
	}
	spans.mu.Lock()
	defer spans.mu.Unlock()
	for _, s := range spans.spans {
		silent(t, "a span", s.String(), state, sandbox.PatientWithManyPlans, sandbox.TokenPractitioner, "firstName")
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, c := range b {
		out.WriteByte(digits[c>>4])
		out.WriteByte(digits[c&15])
	}
	return out.String()
}

// TestTracesOfSockets: each operation of a socket has a span of its own.
func TestTracesOfSockets(t *testing.T) {
	t.Parallel()
	spans := newCollector(t)
	c := config()
	c.OTLPEndpoint = spans.url
	h := startWith(t, c, sandbox.Options{})
	s := h.dial(subprotocol, "Traceparent", parent)
	s.init(sandbox.TokenPractitioner)
	for _, id := range []string{"1", "2"} {
		s.subscribe(id, `query A { clinic { name } }`)
		s.value(id)
		s.hears("complete", id)
	}
	_ = s.conn.CloseNow()
	h.close()
	got := spans.names(traceID)
	if n := len(slices.DeleteFunc(slices.Clone(got), func(name string) bool { return name != "GET /graphql > query" })); n != 2 {
		t.Errorf("%q", got)
	}
}

// TestTraceIsPassedOn without a collector: the trace is the client's.
func TestTraceIsPassedOn(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.with(http.Header{"Traceparent": {parent}, "Tracestate": {"free=a@example.com"}}, sandbox.TokenPractitioner, `{ clinic { name } }`)
	h.with(http.Header{"Traceparent": {"no trace"}}, sandbox.TokenStaff, `{ clinic { name } }`)
	calls := h.sandbox.Calls()
	if got := calls[0].Header.Get("Traceparent"); got != parent {
		t.Errorf("%q", got)
	}
	if got := calls[0].Header.Get("Tracestate"); got != "" {
		t.Errorf("the partner is told %q", got)
	}
	if got := calls[1].Header.Get("Traceparent"); got != "" {
		t.Errorf("%q", got)
	}
	if log := h.log.String(); strings.Count(log, `"traceId":"`+traceID+`"`) != 1 {
		t.Error(log)
	}
}

// TestCallsAreSigned: the partner is told which program calls, and for which request, by an
// id that differs from call to call.
func TestCallsAreSigned(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.with(http.Header{"X-Request-Id": {requestID}, "Cache-Control": {"no-cache"}}, sandbox.TokenPractitioner, `{ patients(first: 3) { nodes { dateOfBirth } } }`)
	var ids []string
	for _, call := range h.sandbox.Calls() {
		ids = append(ids, call.Header.Get("X-Request-Id"))
		if agent := call.Header.Get("User-Agent"); !strings.HasPrefix(agent, "fsgateway/") {
			t.Errorf("%q", agent)
		}
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{requestID + ".1", requestID + ".2", requestID + ".3", requestID + ".4"}) {
		t.Errorf("%q", ids)
	}
}

// TestCallsOfSignInsAreSigned: nor have those of a sign-in the same id, of which the second ends
// the session before it.
func TestCallsOfSignInsAreSigned(t *testing.T) {
	t.Parallel()
	h := start(t)
	b := h.signIn(sandbox.StaffID)
	h.sandbox.ResetCalls()
	h.signInAs(b, sandbox.PractitionerID)
	seen := map[string]bool{}
	for _, call := range h.sandbox.Calls() {
		id := call.Header.Get("X-Request-Id")
		if id == "" { // the browser's own, for the consent page
			continue
		}
		if seen[id] {
			t.Errorf("%s %s has %q", call.Method, call.Path, id)
		}
		seen[id] = true
	}
	if len(seen) < 2 {
		t.Errorf("%d calls", len(seen))
	}
}

// TestLogLine: the line of an operation says who asked what, and what it took.
func TestLogLine(t *testing.T) {
	t.Parallel()
	c := config()
	c.TrustedProxies = []string{"127.0.0.1"}
	h := startWith(t, c, sandbox.Options{})
	h.with(http.Header{"X-Forwarded-For": {"198.51.100.9"}, "Apollographql-Client-Name": {"My-App"}, "Apollographql-Client-Version": {"1.2"}},
		sandbox.TokenPractitioner, `query Clinic { clinic { name } }`)
	want := regexp.MustCompile(`"requestId":"\w+","method":"POST","route":"/graphql","status":200,"durationMs":[0-9.]+,"client":"198.51.100.9","program":"My-App/1.2",` +
		`"caller":"[0-9a-f]{12}","type":"query","operation":"Clinic","upstreamCalls":1,"estimatedCalls":1,`)
	if log := h.log.String(); !want.MatchString(log) {
		t.Error(log)
	}
	h.log.Reset()
	for _, name := range []string{`<b>"x`, "a@example.com", "Jane Doe", "4111111111111111", strings.Repeat("x", 33)} {
		h.with(http.Header{"Apollographql-Client-Name": {name}}, "", `{ __typename }`)
	}
	for _, version := range []string{"for Jane", "a@example.com", strings.Repeat("1", 17)} {
		h.with(http.Header{"Apollographql-Client-Name": {"App"}, "Apollographql-Client-Version": {version}}, "", `{ __typename }`)
	}
	if log := h.log.String(); strings.Contains(log, "program") || strings.Contains(log, "caller") {
		t.Error(log)
	}
	h.log.Reset()
	s := h.socket(sandbox.TokenPractitioner)
	s.subscribe("1", `query OfSocket { clinic { name } }`)
	s.value("1")
	s.hears("complete", "1")
	eventually(t, func() bool { return strings.Contains(h.log.String(), `"operation":"OfSocket"`) }, "an operation of a socket has no line")
	_ = s.conn.CloseNow()
}

// of returns the attributes of the first span of a name, with its status.
func (c *collect) of(name string) map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.GetName() == name {
			of := map[string]string{"": strings.TrimPrefix(s.GetStatus().GetCode().String(), "STATUS_CODE_")}
			for _, a := range s.GetAttributes() {
				of[a.GetKey()] = a.GetValue().String()
			}
			return of
		}
	}
	return nil
}

// TestEstimateOfRefused: the line and the span of what is too expensive say what it was
// estimated to take.
func TestEstimateOfRefused(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"Query":        `{ patients(first: 20) { nodes { treatmentPlans(first: 20) { nodes { personalMessage } } } } }`,
		"Subscription": `subscription { patientUpdated { patient { treatmentPlans(first: 20) { nodes { personalMessage } } } } }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans := newCollector(t)
			c := config()
			c.OTLPEndpoint, c.MaxUpstreamCalls = spans.url, 5
			h := startWith(t, c, sandbox.Options{})
			a := h.with(http.Header{"Accept": {"application/graphql-response+json, text/event-stream"}}, sandbox.TokenPractitioner, query)
			if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "QUERY_TOO_EXPENSIVE" {
				t.Fatal(a.Errors)
			}
			h.close()
			want := fmt.Sprintf("%v", a.Errors[0].Extensions["estimatedCalls"])
			if log := h.log.String(); !strings.Contains(log, `"estimatedCalls":`+want+`,`) {
				t.Errorf("estimated at %s: %s", want, log)
			}
			if got := spans.of("POST /graphql")["fsgateway.estimated_calls"]; !strings.Contains(got, ":"+want) {
				t.Errorf("the span says %q, want %s", got, want)
			}
		})
	}
}

// TestSpansOfRefused: a request's span has its status, and the codes of its errors, whoever
// has refused it.
func TestSpansOfRefused(t *testing.T) {
	t.Parallel()
	type request struct {
		method, target, body string
		headers              []string
	}
	bearer := []string{"Authorization", "Bearer " + sandbox.TokenPractitioner, "Content-Type", asJSON}
	for name, c := range map[string]struct {
		request
		span, status, outcome, code string
	}{
		"Answer":   {request{"POST", "/graphql", `{"query":"{ __typename }"}`, bearer}, "POST /graphql", "200", "UNSET", ""},
		"GraphQL":  {request{"POST", "/graphql", `{"query":"{ nothing }"}`, bearer}, "POST /graphql", "400", "ERROR", "GRAPHQL_VALIDATION_FAILED"},
		"Basic":    {request{"POST", "/graphql", `{}`, []string{"Authorization", "Basic eDp5", "Content-Type", asJSON}}, "POST /graphql", "401", "ERROR", "UNAUTHENTICATED"},
		"Download": {request{"GET", "/resources/%20/download", "", bearer}, "GET /resources/{id}/download", "400", "ERROR", "BAD_USER_INPUT"},
		"Nowhere":  {request{"GET", "/nothing", "", nil}, "GET other", "404", "UNSET", ""},
		"Webhook":  {request{"POST", "/webhooks/fullscript", "{}", nil}, "POST /webhooks/fullscript", "401", "UNSET", ""},
		"OAuth":    {request{"GET", "/oauth/callback?code=x", "", nil}, "GET /oauth/callback", "400", "UNSET", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans := newCollector(t)
			with := config()
			with.OTLPEndpoint = spans.url
			h := startWith(t, with, sandbox.Options{})
			h.send(c.method, c.target, c.body, c.headers...)
			h.close()
			got := spans.of(c.span)
			if got[""] != c.outcome || !strings.Contains(got["http.response.status_code"], ":"+c.status) || !strings.Contains(got["fsgateway.codes"], c.code) {
				t.Errorf("%q", got)
			}
			if name == "Webhook" && !strings.Contains(got["fsgateway.outcome"], "unsigned") { // it has that in place of a code
				t.Errorf("%q", got)
			}
		})
	}
}

// TestSpansOfSubscriptions: the span of a subscription has the codes of what failed in it while
// it ran, whichever way it travels.
func TestSpansOfSubscriptions(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			spans := newCollector(t)
			c := config()
			c.OTLPEndpoint = spans.url
			h := startWith(t, c, sandbox.Options{})
			after, _ := h.mark()
			s := h.stream(way, sandbox.TokenPractitioner, `subscription($after: ID) { patientUpdated(after: $after) { patient { treatmentPlans(first: 1) { totalCount } } } }`, "after", after)
			h.sandbox.AddFault(sandbox.Fault{Operation: "listPatientTreatmentPlans", Status: http.StatusInternalServerError})
			h.happens("patient.updated", "one", patientEvent)
			if a, _ := s.read(); len(a.Errors) != 1 {
				t.Fatalf("%+v", a)
			}
			s.close()
			h.close()
			name := "POST /graphql"
			if way == "socket" {
				name = "subscription"
			}
			if got := spans.of(name); got[""] != "ERROR" || !strings.Contains(got["fsgateway.codes"], "UPSTREAM_ERROR") {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestSpanOfABug: the span of a request that a bug has ended says so, and nothing of what it was
// about.
func TestSpanOfABug(t *testing.T) {
	t.Parallel()
	spans := newCollector(t)
	c := config()
	c.OTLPEndpoint = spans.url
	s := sandbox.New(sandbox.Options{})
	g, err := gateway.New(c, zerolog.Nop(), gateway.WithSandbox(s), gateway.WithAnswerCheck(func(string, []byte, *graphql.Response) { panic(canary) }))
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(requestBody(t, `{ clinic { name } }`)))
	req.Header.Set("Content-Type", asJSON)
	req.Header.Set("Authorization", bearer)
	g.Handler().ServeHTTP(httptest.NewRecorder(), req)
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if got := spans.of("POST /graphql"); got[""] != "ERROR" || !strings.Contains(got["http.response.status_code"], ":500") || !strings.Contains(got["fsgateway.codes"], "INTERNAL") {
		t.Errorf("%q", got)
	}
	spans.mu.Lock()
	defer spans.mu.Unlock()
	for _, s := range spans.spans {
		silent(t, "a span", s.String(), canary)
	}
}

// TestNoTracesOfNobody: what a gateway asks of Redis by itself, such as whether it is there, is
// part of no trace, and makes none.
func TestNoTracesOfNobody(t *testing.T) {
	t.Parallel()
	spans := newCollector(t)
	c := config()
	c.OTLPEndpoint = spans.url
	c.RedisURL, c.EncryptionKey = redistest.Start(t).URL, []string{strings.Repeat("key ", 8)}
	h := startWith(t, c, sandbox.Options{})
	h.query(`{ clinic { name } }`)
	h.close()
	spans.mu.Lock()
	defer spans.mu.Unlock()
	for _, s := range spans.spans {
		if len(s.GetParentSpanId()) == 0 && s.GetName() != "POST /graphql" {
			t.Errorf("%s begins a trace", s.GetName())
		}
	}
}

// TestCallsOfSocketsAreSigned: no two calls to the partner have the same id, of whatever
// operation of a socket or event of a subscription they are.
func TestCallsOfSocketsAreSigned(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.dial(subprotocol, "X-Request-Id", requestID)
	defer func() { _ = s.conn.CloseNow() }()
	s.init(sandbox.TokenPractitioner)
	for _, id := range []string{"1", "2"} {
		s.subscribe(id, `{ patient(id: "`+sandbox.PatientWithManyPlans+`") { dateOfBirth } practitioners { totalCount } }`)
		s.value(id)
		s.hears("complete", id)
		h.sandbox.AddFault(sandbox.Fault{Status: http.StatusServiceUnavailable, Times: 1}) // one is made again
	}
	after, _ := h.mark()
	s.subscribe("3", `subscription($after: ID) { patientUpdated(after: $after) { patient { treatmentPlans(first: 1) { totalCount } } } }`, "after", after)
	for _, id := range []string{"one", "two"} {
		h.happens("patient.updated", id, patientEvent)
	}
	for range 2 {
		s.value("3")
	}
	seen := map[string]bool{}
	for _, call := range h.sandbox.Calls() {
		id := call.Header.Get("X-Request-Id")
		if seen[id] || !strings.HasPrefix(id, requestID+"-") {
			t.Errorf("%s %s has %q", call.Method, call.Path, id)
		}
		seen[id] = true
	}
}
