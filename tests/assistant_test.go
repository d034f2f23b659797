package tests

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// trusted writes a manifest of documents.
func trusted(t testing.TB, documents ...string) string {
	t.Helper()
	manifest := map[string]string{}
	for _, text := range documents {
		manifest[sha(text)] = text
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "manifest.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	findPatient = `query FindPatient($id: ID!, $plans: Int = 2) { patient(id: $id) { firstName treatmentPlans(first: $plans) { nodes { state } } } }`
	addPatient  = `mutation AddPatient($input: CreatePatientInput!) { createPatient(input: $input) { patient { firstName } userErrors { code } } }`
	liveOrders  = `subscription LiveOrders { orderPlaced { order { id } } }`
)

// withTools runs a gateway with tools for assistants.
func withTools(t testing.TB, change func(*gateway.Config)) *harness {
	t.Helper()
	c := config()
	c.MCP = true
	c.PersistedManifest = trusted(t, findPatient, addPatient, liveOrders)
	if change != nil {
		change(&c)
	}
	return startWith(t, c, sandbox.Options{})
}

// assistant connects the protocol's own client.
func (h *harness) assistant(token string) *mcp.ClientSession {
	h.t.Helper()
	transport := &mcp.StreamableClientTransport{Endpoint: h.url + "/mcp", HTTPClient: &http.Client{Transport: withBearer(token)}, DisableStandaloneSSE: true, MaxRetries: -1}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil).Connect(h.t.Context(), transport, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = session.Close() })
	return session
}

type withBearer string

func (b withBearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// call runs a tool and returns what it answers.
func call(t testing.TB, s *mcp.ClientSession, tool string, arguments any) (result map[string]any, failed bool) {
	t.Helper()
	res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(res.Content[0].(*mcp.TextContent).Text), &result); err != nil {
		t.Fatal(err)
	}
	return result, res.IsError
}

func tools(t testing.TB, s *mcp.ClientSession) map[string]*mcp.Tool {
	t.Helper()
	found := map[string]*mcp.Tool{}
	for tool, err := range s.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		found[tool.Name] = tool
	}
	return found
}

// TestTools: trusted queries are tools with typed inputs, run with the caller's own token, and
// an answer says what it cost.
func TestTools(t *testing.T) {
	t.Parallel()
	h := withTools(t, nil)
	s := h.assistant(sandbox.TokenPractitioner)
	all := tools(t, s)
	if len(all) != 1 || all["FindPatient"] == nil {
		t.Fatalf("tools: %v", all)
	}
	tool := all["FindPatient"]
	schema, err := json.Marshal(tool.InputSchema)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "input", tool.InputSchema, `{"type":"object","additionalProperties":false,"required":["id"],"properties":{"id":{"type":"string"},"plans":{"type":["integer","null"]}}}`)
	if !tool.Annotations.ReadOnlyHint || !strings.HasPrefix(tool.Description, "patient: One patient;") {
		t.Errorf("%q %+v %s", tool.Description, tool.Annotations, schema)
	}
	got, failed := call(t, s, "FindPatient", map[string]any{"id": sandbox.PatientWithManyPlans})
	if failed || at(t, got, "data.patient.firstName") != "Valentina" || len(list(t, got, "data.patient.treatmentPlans.nodes")) != 2 {
		t.Errorf("%v", got)
	}
	if made := at(t, got, "cost.upstreamCalls"); made != float64(h.sandbox.Count("")) || made != 2.0 {
		t.Errorf("%v calls are said, and %d were made", made, h.sandbox.Count(""))
	}
	for _, c := range h.sandbox.Calls() {
		if c.Token != sandbox.TokenPractitioner {
			t.Errorf("%s was called with %q", c.Operation, c.Token)
		}
	}
	if log := h.log.String(); !strings.Contains(log, `"route":"/graphql"`) || strings.Contains(log, `"client":""`) || strings.Count(log, `"client":"127.0.0.1"`) < 2 {
		t.Errorf("the log does not say for whom the operation ran: %s", log)
	}
	// The patient is not the other clinic's: null, as for every caller.
	if got, failed := call(t, h.assistant(sandbox.TokenOtherClinic), "FindPatient", map[string]any{"id": sandbox.PatientWithManyPlans}); failed || at(t, got, "data.patient") != nil {
		t.Errorf("another clinic gets %v", got)
	}
	if got, failed := call(t, h.assistant("made-up"), "FindPatient", map[string]any{"id": sandbox.PatientWithManyPlans}); at(t, got, "errors.0.extensions.code") != "UNAUTHENTICATED" {
		t.Errorf("%v, %t", got, failed)
	}
	if got, failed := call(t, s, "FindPatient", map[string]any{"nothing": 1}); !failed || at(t, got, "errors.0.extensions.code") != "BAD_USER_INPUT" {
		t.Errorf("%v, %t", got, failed)
	}
	for _, name := range []string{"AddPatient", "LiveOrders", "__schema"} {
		if _, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name}); err == nil {
			t.Errorf("%s is a tool", name)
		}
	}
	if n := h.sandbox.Count("createPatient"); n != 0 {
		t.Errorf("%d writes", n)
	}
}

// TestToolsThatWrite are there if the setting says so.
func TestToolsThatWrite(t *testing.T) {
	t.Parallel()
	h := withTools(t, func(c *gateway.Config) {
		c.MCPWrites = true
		c.PersistedDocuments = "enforce"
	})
	s := h.assistant(sandbox.TokenPractitioner)
	tool := tools(t, s)["AddPatient"]
	if tool == nil || tool.Annotations.ReadOnlyHint {
		t.Fatalf("%+v", tool)
	}
	required := list(t, tool.InputSchema, "properties.input.required")
	if !slices.Contains(required, any("email")) {
		t.Errorf("required: %v", required)
	}
	got, failed := call(t, s, "AddPatient", map[string]any{"input": map[string]any{"firstName": "Ada", "lastName": "B", "email": "ada@tools.example"}})
	if failed || at(t, got, "data.createPatient.patient.firstName") != "Ada" || h.sandbox.Count("createPatient") != 1 {
		t.Errorf("%v", got)
	}
}

// TestToolsNeedToken: nobody is answered without one, and a cookie is none.
func TestToolsNeedToken(t *testing.T) {
	t.Parallel()
	h := withTools(t, nil)
	res, err := http.Post(h.url+"/mcp", "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "graphql.example.com" // as a proxy on this machine passes it on
	req.Header = http.Header{"Authorization": {"Bearer " + sandbox.TokenPractitioner}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	res, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("behind a proxy: %d", res.StatusCode)
	}
	off := start(t)
	res, err = http.Post(off.url+"/mcp", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("without --mcp: %d", res.StatusCode)
	}
}

// TestToolsOfSandbox: without a manifest the sandbox offers the examples.
func TestToolsOfSandbox(t *testing.T) {
	t.Parallel()
	h := withTools(t, func(c *gateway.Config) { c.PersistedManifest = "" })
	s := h.assistant(sandbox.TokenPractitioner)
	if all := tools(t, s); len(all) != 53 || all["SearchProducts"] == nil {
		t.Errorf("%d tools", len(all))
	}
	if got, failed := call(t, s, "Clinic", nil); failed || at(t, got, "data.clinic.name") == nil {
		t.Errorf("%v", got)
	}
}

// TestWrongTools: documents that do not fit are refused at the start.
func TestWrongTools(t *testing.T) {
	t.Parallel()
	for name, documents := range map[string][]string{
		"NoSuchField": {`query Broken { nothing }`},
		"SameName":    {`query Twice { clinic { id } }`, `query Twice { clinic { name } }`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config()
			c.MCP, c.PersistedManifest = true, trusted(t, documents...)
			_, err := gateway.New(c, zerolog.New(io.Discard))
			if err == nil || !strings.Contains(err.Error(), "--mcp") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestToolsAreTraced: what a tool does is known by the id, the program and the trace of the
// request that called it.
func TestToolsAreTraced(t *testing.T) {
	t.Parallel()
	spans := newCollector(t)
	h := withTools(t, func(c *gateway.Config) { c.OTLPEndpoint = spans.url })
	res := h.send(http.MethodPost, "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"FindPatient","arguments":{"id":"`+sandbox.PatientWithNoPlans+`"}}}`,
		"Authorization", bearer, "Content-Type", "application/json", "Accept", "application/json, text/event-stream",
		"X-Request-Id", requestID, "Apollographql-Client-Name", "Agent", "Apollographql-Client-Version", "2.1", "Traceparent", parent)
	if got := res.Header.Get("X-Request-Id"); got != requestID {
		t.Errorf("%q", got)
	}
	if log := h.log.String(); !regexp.MustCompile(`"requestId":"` + requestID + `-1","traceId":"` + traceID + `",.*"program":"Agent/2.1",.*"operation":"FindPatient"`).MatchString(log) {
		t.Error(log)
	}
	h.close()
	if got := spans.names(traceID); !slices.Contains(got, "POST /mcp > POST /graphql") {
		t.Errorf("%q", got)
	}
}
