package tests

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// FuzzNoInternal: no document and no variables lead to a bug, whoever sends them
// and whatever form of answer is asked for.
func FuzzNoInternal(f *testing.F) {
	for _, query := range []string{
		`subscription($s: Boolean = true) { events @skip(if: $s) { id } }`,
		`query($f: Boolean = true) { patients(first: 1) @include(if: $f) { totalCount } }`,
		`subscription { ...A ...B } fragment A on Subscription { a: events { id } } fragment B on Subscription { b: events { id } }`,
		`{ __type(name: "Query") { fields { type { ofType { enumValues { name } } } } } ... @defer(label: "x") { clinic { name } } }`,
		`query($d: Decimal = 1e9) { orders(completedAt: {on: $d}) { nodes { id } } }`,
		`{ nodes(ids: 99999999999999999999) { id ... @defer { __typename } } }`,
	} {
		f.Add(query, `{"f":null,"s":null}`)
	}
	for _, r := range generated(f) {
		f.Add(r.Query, string(r.Variables))
	}
	log := &logBuffer{}
	g, err := gateway.New(config(), zerolog.New(log), gateway.WithSandbox(sandbox.New(sandbox.Options{RateLimit: -1})))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = g.Close() })
	handler := g.Handler()
	f.Fuzz(func(t *testing.T, query, variables string) {
		body := fuzzed(query, variables)
		for _, headers := range [][2]string{ // with a token, subscriptions would not end
			{"", "text/event-stream"},
			{"", `multipart/mixed;subscriptionSpec="1.0", application/json`},
			{sandbox.TokenPractitioner, graphQL},
			{sandbox.TokenPractitioner, deferAccept},
		} {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Accept", headers[1])
			if headers[0] != "" {
				req.Header.Set("Authorization", "Bearer "+headers[0])
			}
			res := httptest.NewRecorder()
			handler.ServeHTTP(res, req)
			if strings.Contains(res.Body.String(), `"INTERNAL"`) || res.Code >= 500 || strings.Contains(log.String(), "internal error") {
				t.Fatalf("%v: %d %s\n%s", headers, res.Code, res.Body, log.String())
			}
			log.Reset()
		}
	})
}

// request is a line of testdata/requests.jsonl.
type request struct {
	Query     string
	Variables json.RawMessage
}

// generated returns the requests that tests/clients/generator.mjs has made.
func generated(t testing.TB) (all []request) {
	t.Helper()
	text, err := os.ReadFile("testdata/requests.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// fuzzed returns the body of a request; variables that are not JSON are left out.
func fuzzed(query, variables string) string {
	body := map[string]any{"query": query}
	if json.Valid([]byte(variables)) {
		body["variables"] = json.RawMessage(variables)
	}
	text, _ := json.Marshal(body)
	return string(text)
}
