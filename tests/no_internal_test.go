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
	// Requests of tests/clients/generator.mjs.
	requests, err := os.ReadFile("testdata/requests.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(requests) {
		var r struct {
			Query     string
			Variables json.RawMessage
		}
		if err := json.Unmarshal(line, &r); err != nil {
			f.Fatal(err)
		}
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
		text, _ := json.Marshal(query)
		body := `{"query":` + string(text)
		if json.Valid([]byte(variables)) {
			body += `,"variables":` + variables
		}
		body += "}"
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
