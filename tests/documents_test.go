package tests

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestDocuments reads what code generators and coding assistants read.
func TestDocuments(t *testing.T) {
	t.Parallel()
	embedded := start(t)
	for path, want := range map[string]string{
		"/":                              "GraphiQL",
		"/schema.graphql":                "type TreatmentPlan implements Node",
		"/llms.txt":                      "/agents.md",
		"/agents.md":                     sandbox.TokenPractitioner,
		"/integration-environments.json": `"api_base": "https://api-us-snd.fullscript.io/api"`,
	} {
		status, header, body := page(t, embedded.url+path, "", "")
		if status != http.StatusOK || !strings.Contains(body, want) || strings.Contains(body, "{{") {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
		tag := header.Get("ETag")
		if tag == "" || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, header)
		}
		if status, _, body := page(t, embedded.url+path, "", tag); status != http.StatusNotModified || body != "" {
			t.Errorf("%s again: %d", path, status)
		}
	}
	t.Run("NotEmbedded", func(t *testing.T) {
		t.Parallel()
		h := before(t, sandbox.New(sandbox.Options{}))
		if status, header, _ := page(t, h.url+"/schema.graphql", "", ""); status != http.StatusUnauthorized || header.Get("WWW-Authenticate") == "" {
			t.Errorf("the schema without a token: %d", status)
		}
		if status, _, body := page(t, h.url+"/schema.graphql", sandbox.TokenPractitioner, ""); status != http.StatusOK || !strings.Contains(body, "type Patient") {
			t.Errorf("the schema with a token: %d", status)
		}
		for _, path := range []string{"/", "/agents.md"} {
			if _, _, body := page(t, h.url+path, "", ""); strings.Contains(body, "sandbox-practitioner") {
				t.Errorf("%s names the sandbox's token", path)
			}
		}
	})
}

func page(t *testing.T, url, token, tag string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if tag != "" {
		req.Header.Set("If-None-Match", tag)
		req.Header.Set("Accept-Encoding", "gzip") // as before, when it was chosen for us
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}
