package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fsgateway/internal/gateway"
)

// TestCheckSpec: the command says how a description differs, which fields of the schema that
// touches, and by its exit code whether something breaks.
func TestCheckSpec(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../schema/fullscript.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(text), "  /clinic:\n    get:\n", "  /clinic/new:\n    get:\n      operationId: getNew\n      responses: {}\n  /clinic:\n    get:\n", 1)
	less := strings.Replace(string(text), "      operationId: getClinic\n", "      operationId: getClinic\n      parameters:\n      - {name: key, in: query, required: true, schema: {type: string}}\n", 1)
	for name, c := range map[string]struct {
		document string
		code     int
		says     []string
	}{
		"Same":     {string(text), 0, []string{"78 operations: no differences."}},
		"More":     {more, 1, []string{"new     GET /clinic/new", "in getNew"}},
		"Breaking": {less, 2, []string{"! new     GET /clinic, parameter key", "Query.clinic"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "openapi.yaml")
			if err := os.WriteFile(file, []byte(c.document), 0o600); err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/openapi.yaml" {
					http.NotFound(w, r)
					return
				}
				_, _ = w.Write([]byte(c.document))
			}))
			defer server.Close()
			for _, source := range []string{file, server.URL + "/openapi.yaml"} {
				var out bytes.Buffer
				err := gateway.CheckSpec(t.Context(), gateway.SpecConfig{Document: source, Format: "text"}, &out)
				code := 0
				if drift, ok := errors.AsType[*gateway.DriftError](err); ok {
					code = drift.ExitCode()
				} else if err != nil {
					t.Fatal(err)
				}
				if code != c.code {
					t.Errorf("exit code %d, want %d: %s", code, c.code, &out)
				}
				for _, want := range c.says {
					if !strings.Contains(out.String(), want) {
						t.Errorf("%q is not in\n%s", want, &out)
					}
				}
				out.Reset()
				_ = gateway.CheckSpec(t.Context(), gateway.SpecConfig{Document: source, Format: "json"}, &out)
				var report struct {
					Breaking    int
					Differences []struct{ Subject string }
				}
				if err := json.Unmarshal(out.Bytes(), &report); err != nil || (report.Breaking > 0) != (c.code == 2) || (len(report.Differences) > 0) != (c.code > 0) {
					t.Errorf("%v %s", err, &out)
				}
			}
			if err := gateway.CheckSpec(t.Context(), gateway.SpecConfig{Document: server.URL + "/else"}, &bytes.Buffer{}); err == nil {
				t.Error("an address without a document is taken")
			}
		})
	}
}
