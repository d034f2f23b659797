package tests

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
	"fsgateway/internal/web"
)

var operation = regexp.MustCompile(`(?m)^(?:query|mutation|subscription) (\w+)`)

// TestGraphiQLExamples runs what the page offers to run.
func TestGraphiQLExamples(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, e := range web.Examples(true) {
		t.Run(operation.FindStringSubmatch(e.Query)[1], func(t *testing.T) {
			var values map[string]any
			if e.Variables != "" {
				if err := json.Unmarshal([]byte(e.Variables), &values); err != nil {
					t.Fatal(err)
				}
			}
			var variables []any
			for name, value := range values {
				variables = append(variables, name, value)
			}
			if strings.Contains(e.Query, "\nsubscription ") {
				s := h.subscribe(sandbox.TokenPractitioner, e.Query)
				h.emit(sandbox.Emission{Type: "patient.updated"})
				if v := s.value(); at(t, v, "patientUpdated.patient.id") == nil {
					t.Errorf("%v", v)
				}
				return
			}
			a := h.as(sandbox.TokenPractitioner, e.Query, variables...)
			if len(a.Errors) > 0 {
				t.Fatal(a.Errors)
			}
			for name, value := range a.Data {
				if value == nil {
					t.Errorf("%s: nothing there", name)
				}
				if payload, _ := value.(map[string]any); payload["userErrors"] != nil && len(payload["userErrors"].([]any)) > 0 {
					t.Errorf("%s: %v", name, payload["userErrors"])
				}
			}
		})
	}
}

// TestGraphiQLSwitch: without the page nothing of it is served, and everything else is.
func TestGraphiQLSwitch(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		c := config()
		c.GraphiQL = on
		w := watch(t, c)
		for path, served := range map[string]bool{"/": on, "/graphiql/THIRD_PARTY_LICENSES.txt": on, "/llms.txt": true, "/schema.graphql": true, "/graphql?query={__typename}": true} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if (res.StatusCode == http.StatusOK) != served || !served && res.StatusCode != http.StatusNotFound {
				t.Errorf("on: %t, %s: %d", on, path, res.StatusCode)
			}
		}
	}
}
