// Package tests drives the gateway from outside, over HTTP, against the
// sandbox, and counts what reaches it.
package tests

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// alsoNeeded are arguments without which a field is refused.
var alsoNeeded = map[string]string{
	"recordsByExternalId": `externalId: "` + sandbox.SharedExternalID + `"`,
	"patientByExternalId": `externalId: "` + sandbox.SharedExternalID + `"`,
	"patientByEmail":      `email: "` + sandbox.PatientEmail + `"`,
}

// harness is a gateway and the sandbox behind it.
type harness struct {
	t       testing.TB
	sandbox *sandbox.Server
	url     string
	client  *http.Client // nil for the default one
	log     *logBuffer
	drain   func()
	close   func() // ends the gateway before the test does
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// info is the log without the lines of --log-level debug and trace.
func (b *logBuffer) info() string {
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, `"level":"info"`) {
			out.WriteString(line)
		}
	}
	return out.String()
}

// http is what requests are sent with.
func (h *harness) http() *http.Client { return cmp.Or(h.client, http.DefaultClient) }

func (b *logBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

// config is that of the gateway that ships. Tests change what they test.
func config() gateway.Config { return gateway.DefaultConfig() }

// unlimited takes queries of any size: those that are made of the whole schema are
// larger than anybody's.
func unlimited() gateway.Config {
	c := config()
	c.MaxTokens, c.MaxFields, c.MaxDepth, c.MaxAliases, c.MaxRootFields = 0, 0, 0, 0, 0
	c.MaxDirectives, c.MaxFragmentSpreads, c.MaxListItems, c.MaxUpstreamCalls = 0, 0, 0, 0
	c.Budget = 1_000_000
	return c
}

// start runs a gateway with an embedded sandbox of its own.
func start(t testing.TB) *harness {
	c := config()
	// What is tested without virtual time must not depend on how busy the machine is.
	c.OperationTimeout, c.CallTimeout = 2*time.Minute, time.Minute
	return startWith(t, c, sandbox.Options{})
}

func startWith(t testing.TB, c gateway.Config, o sandbox.Options) *harness {
	t.Helper()
	h := &harness{t: t, log: &logBuffer{}}
	server := httptest.NewUnstartedServer(nil)
	o.BaseURL = cmp.Or(o.BaseURL, addressOf(server)) // links lead to the gateway, as those of a sandbox that it makes itself
	h.sandbox = sandbox.New(o)
	h.serveAt(server, c, gateway.WithSandbox(h.sandbox))
	return h
}

func addressOf(s *httptest.Server) string { return "http://" + s.Listener.Addr().String() }

// serve runs a gateway, whose address the settings know.
func (h *harness) serve(c gateway.Config, opts ...gateway.Option) {
	h.t.Helper()
	h.serveAt(httptest.NewUnstartedServer(nil), c, opts...)
}

func (h *harness) serveAt(server *httptest.Server, c gateway.Config, opts ...gateway.Option) {
	h.t.Helper()
	h.url = addressOf(server)
	c.PublicURL = cmp.Or(c.PublicURL, h.url)
	g, err := gateway.New(c, zerolog.New(h.log), append(opts, twice(h.t))...)
	if err != nil {
		h.t.Fatal(err)
	}
	server.Config.Handler = g.Handler()
	server.Start()
	h.close = sync.OnceFunc(func() {
		server.Close()
		if err := g.Close(); err != nil {
			h.t.Error(err)
		}
	})
	h.t.Cleanup(h.close)
	h.drain = g.Drain
	h.sandbox.SetWebhookURL(h.url + "/webhooks/fullscript")
}

// answer is a GraphQL response.
type answer struct {
	Status int         `json:"-"`
	Header http.Header `json:"-"`
	Data   map[string]any
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
	Extensions map[string]any
}

// as sends a query with a token, "" for none.
//
// It wants nothing that was kept, for what it costs by itself is what most tests are about.
func (h *harness) as(token, query string, variables ...any) *answer {
	h.t.Helper()
	return h.with(http.Header{"Cache-Control": {"no-cache"}}, token, query, variables...)
}

// calls asks as the practitioner for what may be kept, and returns how many calls that took.
func (h *harness) calls(query string, variables ...any) int {
	h.t.Helper()
	h.sandbox.ResetCalls()
	if a := h.with(http.Header{}, sandbox.TokenPractitioner, query, variables...); len(a.Errors) > 0 {
		h.t.Fatal(a.Errors)
	}
	return h.sandbox.Count("")
}

// with is [harness.as] with other headers.
func (h *harness) with(header http.Header, token, query string, variables ...any) *answer {
	h.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": pairs(variables)})
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}}
	maps.Copy(req.Header, header)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := h.http().Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := &answer{Status: res.StatusCode, Header: res.Header}
	if err := json.Unmarshal(raw, a); err != nil {
		h.t.Fatalf("%v in %s", err, raw)
	}
	return a
}

// query sends a query as the first practitioner and expects no error.
func (h *harness) query(query string, variables ...any) map[string]any {
	h.t.Helper()
	a := h.as(sandbox.TokenPractitioner, query, variables...)
	for _, e := range a.Errors {
		h.t.Errorf("%v: %s %v", e.Path, e.Message, e.Extensions)
	}
	return a.Data
}

func pairs(v []any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(v); i += 2 {
		m[v[i].(string)] = v[i+1]
	}
	return m
}

// at follows a path such as "patients.nodes.0.id" into an answer.
func at(t testing.TB, v any, path string) any {
	t.Helper()
	for _, part := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i := 0
			for _, c := range part {
				i = i*10 + int(c-'0')
			}
			if i >= len(x) {
				t.Fatalf("%s: there are %d", path, len(x))
			}
			v = x[i]
		default:
			t.Fatalf("%s: nothing at %s", path, part)
		}
	}
	return v
}

func list(t testing.TB, v any, path string) []any {
	t.Helper()
	l, ok := at(t, v, path).([]any)
	if !ok {
		t.Fatalf("%s is no list: %v", path, at(t, v, path))
	}
	return l
}
