package tests

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/redistest"
	"fsgateway/internal/sandbox"
)

// watched is a gateway with its admin pages.
type watched struct {
	*harness
	admin http.Handler
	front *httptest.Server
}

func watch(t *testing.T, c gateway.Config) *watched {
	t.Helper()
	w := &watched{harness: &harness{t: t, sandbox: sandbox.New(sandbox.Options{}), log: &logBuffer{}}, front: httptest.NewUnstartedServer(nil)}
	w.url = addressOf(w.front)
	c.PublicURL = w.url
	g, err := gateway.New(c, zerolog.New(w.log), gateway.WithSandbox(w.sandbox))
	if err != nil {
		t.Fatal(err)
	}
	w.admin, w.front.Config.Handler = g.Admin(), g.Handler()
	w.front.Start()
	w.close = sync.OnceFunc(func() {
		w.front.Close()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.close)
	return w
}

func (w *watched) get(path string) (status int, body string) {
	w.t.Helper()
	res := httptest.NewRecorder()
	w.admin.ServeHTTP(res, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://127.0.0.1:8081"+path, nil))
	return res.Code, res.Body.String()
}

// metrics are the gateway's own figures but those of time, once all requests are
// over.
func (w *watched) metrics() (figures map[string]string, text string) {
	w.t.Helper()
	w.front.Close()
	status, text := w.get("/metrics")
	if status != http.StatusOK {
		w.t.Fatalf("%d %s", status, text)
	}
	figures = map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if strings.HasPrefix(name, "fsgateway_") && !strings.Contains(name, "_seconds_") {
			if strings.Contains(name, " ") && value == "" { // no labels
				name, value, _ = strings.Cut(name, " ")
			} else {
				name += "}"
			}
			figures[name] = value
		}
	}
	return figures, text
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := watch(t, config())
	named := "query " + strings.ReplaceAll(canary, "-", "_") + `($id: ID!) { patient(id: $id) { dateOfBirth } }`
	for range 3 {
		w.query(named, "id", sandbox.PatientWithManyPlans)
	}
	w.query(named, "id", canary) // not found
	w.query(`mutation($l: String!) { createPatient(input: {email: "`+canary+`@example.org", firstName: "A", lastName: $l}) { patient { id } } }`, "l", canary)
	w.query(`{ __typename }`)
	w.as(canary+"-token", `{ clinic { name } }`)                                                                           // 401
	w.as(sandbox.TokenPractitioner, `{ `+strings.ReplaceAll(canary, "-", "_"))                                             // unreadable
	w.as(sandbox.TokenPractitioner, `{ clinic(canary: "`+canary+`") { name } }`)                                           // invalid
	w.as("", `{ clinic { name } }`)                                                                                        // no token
	w.send("GET", "/graphql?query="+canary, "")                                                                            // CSRF
	w.send("POST", "/graphql", `{"query":"`+canary, "Content-Type", asJSON, "X-Header", canary)                            // no JSON
	w.send("POST", "/"+canary, canary)                                                                                     // no such route
	w.send("GET", "/resources/"+canary+"/download?type="+canary, "", "Authorization", "Bearer "+sandbox.TokenPractitioner) // not found
	w.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Times: 3, Status: 503, Body: canary, Header: chatty()})
	w.as(sandbox.TokenPractitioner, `{ clinic { name } }`)
	w.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Times: 1, Status: 987, Body: canary, Header: chatty()})
	w.as(sandbox.TokenPractitioner, `{ clinic { name } }`)
	w.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Reset: true})
	w.as(sandbox.TokenPractitioner, `{ clinic { name } }`)

	got, text := w.metrics()
	want := map[string]string{
		`fsgateway_operations_total{status="2xx",type="query"}`:    "8",
		`fsgateway_operations_total{status="4xx",type="query"}`:    "2",
		`fsgateway_operations_total{status="2xx",type="mutation"}`: "1",
		`fsgateway_operations_total{status="4xx",type="none"}`:     "4",

		`fsgateway_requests_total{route="/graphql",status="2xx"}`:                 "9",
		`fsgateway_requests_total{route="/graphql",status="4xx"}`:                 "6",
		`fsgateway_requests_total{route="other",status="4xx"}`:                    "1",
		`fsgateway_requests_total{route="/resources/{id}/download",status="4xx"}`: "1",
		`fsgateway_query_answers_total{by="plan"}`:                                "5",
		`fsgateway_query_answers_total{by="error"}`:                               "4",

		`fsgateway_requests_in_flight`:                                                             "0",
		`fsgateway_errors_total{code="UNAUTHENTICATED"}`:                                           "2",
		`fsgateway_errors_total{code="GRAPHQL_PARSE_FAILED"}`:                                      "1",
		`fsgateway_errors_total{code="GRAPHQL_VALIDATION_FAILED"}`:                                 "1",
		`fsgateway_errors_total{code="BAD_USER_INPUT"}`:                                            "2",
		`fsgateway_errors_total{code="NOT_FOUND"}`:                                                 "1",
		`fsgateway_errors_total{code="UPSTREAM_UNAVAILABLE"}`:                                      "2",
		`fsgateway_errors_total{code="UPSTREAM_ERROR"}`:                                            "1",
		`fsgateway_upstream_calls_total{route="GET /clinic/patients/{id}",status="200"}`:           "3",
		`fsgateway_upstream_calls_total{route="GET /clinic/patients/{id}",status="404"}`:           "1",
		`fsgateway_upstream_calls_total{route="POST /clinic/patients",status="201"}`:               "1",
		`fsgateway_upstream_calls_total{route="GET /clinic",status="401"}`:                         "1",
		`fsgateway_upstream_calls_total{route="GET /clinic",status="503"}`:                         "3",
		`fsgateway_upstream_calls_total{route="GET /clinic",status="other"}`:                       "1",
		`fsgateway_upstream_calls_total{route="GET /clinic",status="reset"}`:                       "3",
		`fsgateway_upstream_calls_total{route="GET /clinic/resources/{id}/download",status="404"}`: "1",
		`fsgateway_cache_hits_total`:                                                               "0",
		`fsgateway_cache_answers`:                                                                  "0",
		`fsgateway_cache_size_bytes`:                                                               "0",
		`fsgateway_upstream_calls_waiting`:                                                         "0",
		`fsgateway_upstream_breaker_open`:                                                          "0",
		`fsgateway_upstream_retries_total`:                                                         "4",
		`fsgateway_upstream_rate_limited_total`:                                                    "0",
		`fsgateway_upstream_calls_shared_total`:                                                    "0",
		`fsgateway_upstream_calls_in_flight`:                                                       "0",
		`fsgateway_upstream_hedges_total`:                                                          "0",
		`fsgateway_budget_alone_total`:                                                             "0",
		`fsgateway_refused_total{what="connection"}`:                                               "0", `fsgateway_refused_total{what="request"}`: "0", `fsgateway_refused_total{what="socket"}`: "0", `fsgateway_refused_total{what="body"}`: "0", `fsgateway_refused_total{what="answer"}`: "0",
		`fsgateway_streams`:                    "0",
		`fsgateway_trace_failures_total`:       "0",
		`fsgateway_connections`:                "0",
		`fsgateway_shared_connection_requests`: "0",
		`fsgateway_sockets`:                    "0",
		`fsgateway_large_bodies`:               "0",
		`fsgateway_sending_bytes`:              "0",
		`fsgateway_document_cache_documents`:   "4",
		`fsgateway_document_cache_size_bytes`:  "38116",
		`fsgateway_ready`:                      "1",
	}
	for name := range got {
		if got[name] == "0" && happens.MatchString(name) && want[name] == "" || strings.HasPrefix(name, "fsgateway_operation_upstream_calls_") || strings.HasPrefix(name, "fsgateway_build_info{") {
			delete(got, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if got[name] != want[name] {
			t.Errorf("%s %s, want %q", name, got[name], want[name])
		}
	}
	for name := range want {
		if _, has := got[name]; !has {
			t.Errorf("there is no %s", name)
		}
	}
	for _, line := range []string{
		`fsgateway_operation_upstream_calls_sum{type="query"} 12`, `fsgateway_operation_upstream_calls_count{type="query"} 10`,
		`fsgateway_operation_upstream_calls_sum{type="mutation"} 1`,
		`fsgateway_operation_duration_seconds_count{type="query"} 10`,
		`fsgateway_upstream_call_duration_seconds_count{route="GET /clinic/patients/{id}"} 4`,
		"go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("there is no line %s", line)
		}
	}
	silent(t, "the metrics", text, canary, strings.ReplaceAll(canary, "-", "_"), sandbox.TokenPractitioner, sandbox.PatientWithManyPlans, "sandbox.embedded")
}

// happens matches the figures that are there before anything happens.
var happens = regexp.MustCompile(`^fsgateway_(errors|webhooks|polls|sessions)_total{`)

// TestMetricsFromTheStart: what alerts hear of has a figure before it happens for the first
// time, or it would not increase then.
func TestMetricsFromTheStart(t *testing.T) {
	t.Parallel()
	got, _ := watch(t, config()).metrics()
	labels := map[string]int{}
	for name := range got {
		if m := happens.FindStringSubmatch(name); m != nil {
			labels[m[1]]++
		}
	}
	if want := map[string]int{"errors": 25, "webhooks": 11, "polls": 2, "sessions": 4}; !maps.Equal(labels, want) {
		t.Errorf("%v, want %v", labels, want)
	}
	for _, name := range []string{
		`errors_total{code="INTERNAL"}`, `errors_total{code="RATE_LIMITED"}`, `webhooks_total{outcome="busy"}`, `webhooks_total{outcome="failed"}`,
		`sessions_total{happening="refresh_failed"}`, `polls_total{outcome="failed"}`, `upstream_rate_limited_total`,
	} {
		if got["fsgateway_"+name] != "0" {
			t.Errorf("%s is %q", name, got["fsgateway_"+name])
		}
	}
	limited := watch(t, config())
	limited.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Times: 1, Status: http.StatusTooManyRequests})
	limited.as(sandbox.TokenPractitioner, `{ clinic { name } }`)
	if got, _ := limited.metrics(); got["fsgateway_upstream_rate_limited_total"] != "1" {
		t.Errorf("%s calls were answered with 429", got["fsgateway_upstream_rate_limited_total"])
	}
}

// TestPreflightsAreNoOperations: what a browser asks before it sends an operation is none.
func TestPreflightsAreNoOperations(t *testing.T) {
	t.Parallel()
	c := config()
	c.CORSOrigins = []string{"https://app.example.com"}
	w := watch(t, c)
	for _, origin := range []string{"https://app.example.com", "https://other.example.com"} {
		w.send("OPTIONS", "/graphql", "", "Origin", origin, "Access-Control-Request-Method", "POST")
	}
	_, text := w.metrics()
	for _, figure := range []string{"fsgateway_operations_total{", "fsgateway_operation_duration_seconds_count{", "fsgateway_operation_upstream_calls_count{"} {
		if strings.Contains(text, figure) {
			t.Errorf("there is %s", figure)
		}
	}
}

// TestExemplars: each histogram has points with the trace that shows what they were.
func TestExemplars(t *testing.T) {
	t.Parallel()
	c := config()
	c.OTLPEndpoint = newCollector(t).url
	c.RedisURL, c.EncryptionKey = redistest.Start(t).URL, []string{strings.Repeat("key ", 8)}
	w := watch(t, c)
	w.query(`{ clinic { name } }`)
	stream := w.subscribe(sandbox.TokenPractitioner, watchAll)
	stream.close()
	w.front.Close()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/metrics", nil)
	req.Header.Set("Accept", "application/openmetrics-text")
	res := httptest.NewRecorder()
	w.admin.ServeHTTP(res, req)
	for _, name := range []string{"operation_duration_seconds", "request_duration_seconds", "operation_upstream_calls", "upstream_call_duration_seconds", "redis_command_duration_seconds", "subscription_duration_seconds"} {
		if !regexp.MustCompile("(?m)^fsgateway_" + name + "_bucket.* # \\{trace_id=\"[0-9a-f]{32}\"\\}").MatchString(res.Body.String()) {
			t.Errorf("%s has none", name)
		}
	}
}

// TestMetricsDoNotGrow: whatever clients send, there are no more series.
func TestMetricsDoNotGrow(t *testing.T) {
	t.Parallel()
	series := func(n int) int {
		w := watch(t, config())
		for i := range n {
			w.as(fmt.Sprintf("token-%d", i), fmt.Sprintf(`query Name%d { a%d: patient(id: "id-%d") { id } }`, i, i, i))
			w.query(fmt.Sprintf(`query Name%d { a%d: patient(id: "id-%d") { id } }`, i, i, i))
			w.send(fmt.Sprintf("METHOD%d", i), fmt.Sprintf("/graphql?a=%d", i), "")
			w.send(fmt.Sprintf("METHOD%d", i), fmt.Sprintf("/path-%d", i), "")
		}
		_, text := w.metrics()
		return strings.Count(text, "\nfsgateway_")
	}
	if few, many := series(1), series(30); few != many {
		t.Errorf("%d series after 1 round, %d after 30", few, many)
	}
}

// TestReady: calls that fail make the gateway unready, those that the partner
// merely refuses do not, and one that succeeds makes it ready again.
func TestReady(t *testing.T) {
	t.Parallel()
	w := watch(t, config())
	ready := func(status int, body string) {
		t.Helper()
		if s, b := w.get("/readyz"); s != status || b != body {
			t.Errorf("%d %q, want %d %q", s, b, status, body)
		}
		if s, b := w.get("/livez"); s != http.StatusOK || b != "ok\n" {
			t.Errorf("/livez: %d %q", s, b)
		}
	}
	ready(200, "ok\n")
	for range 30 {
		w.as(sandbox.TokenExpired, `{ clinic { name } }`)
		w.as(sandbox.TokenPractitioner, `{ patient(id: "nobody") { firstName } }`)
	}
	ready(200, "ok\n")
	w.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Times: 30, Status: 500}) // one call that fails is not the partner
	for range 30 {
		w.as(sandbox.TokenPractitioner, `{ clinic { name } }`)
	}
	ready(200, "ok\n")
	w.sandbox.ResetCalls()
	w.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Status: 503})
	for w.sandbox.Count("") < 20 { // with retries
		ready(200, "ok\n")
		w.as(sandbox.TokenPractitioner, `{ clinic { name } }`)
	}
	ready(503, "upstream down: 503\n")
}

func TestPprof(t *testing.T) {
	t.Parallel()
	c := config()
	if status, _ := watch(t, c).get("/debug/pprof/goroutine?debug=1"); status != http.StatusNotFound {
		t.Errorf("without the setting: %d", status)
	}
	c.Pprof, c.AdminAddr = true, "127.0.0.1:8081"
	w := watch(t, c)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/symbol"} {
		if status, _ := w.get(path); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, path := range []string{"/debug/pprof/cmdline", "/debug/pprof/cmdline/", "/debug/pprof/cmdline?debug=1"} {
		if status, body := w.get(path); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if res := w.send("GET", "/debug/pprof/", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("clients reach it: %d", res.StatusCode)
	}
}
