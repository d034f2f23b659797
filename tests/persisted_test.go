package tests

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"fsgateway/graph/apierror"
	"fsgateway/graph/persisted"
	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

func sha(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

func apq(text string) map[string]any {
	return map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": sha(text)}}
}

type fields = map[string]any

// ask sends a request as it is, in a body or in a query string.
func (h *harness) ask(method, token string, request fields) *answer {
	h.t.Helper()
	var body io.Reader
	address := h.url + "/graphql"
	if method == http.MethodPost {
		text, err := json.Marshal(request)
		if err != nil {
			h.t.Fatal(err)
		}
		body = strings.NewReader(string(text))
	} else {
		query := url.Values{}
		for name, value := range request {
			text, ok := value.(string)
			if !ok {
				encoded, err := json.Marshal(value)
				if err != nil {
					h.t.Fatal(err)
				}
				text = string(encoded)
			}
			query.Set(name, text)
		}
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, address, body)
	if err != nil {
		h.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("GraphQL-Require-Preflight", "1") // where there is no token that proves it
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
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

func (a *answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	code, _ := a.Errors[0].Extensions["code"].(string)
	return code
}

func persistedConfig(mode persisted.Mode, manifest string, apq bool) gateway.Config {
	c := config()
	c.PersistedDocuments, c.PersistedManifest, c.APQ = string(mode), manifest, apq
	return c
}

func manifestOf(t *testing.T, documents map[string]string) string {
	t.Helper()
	text, err := json.Marshal(documents)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "persisted-documents.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What clients with APQ do, over POST and GET: the hash, the hash with the text,
// the hash again. The second caller profits from the first, and sees what is his.
func TestAutomaticPersistedQueries(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			h := startWith(t, persistedConfig(persisted.Off, "", true), sandbox.Options{})
			const query = "query Mine { clinic { id } }"
			byHash := fields{"extensions": apq(query)}
			withText := fields{"query": query, "extensions": apq(query)}

			notFound := func(when, token string) {
				t.Helper()
				a := h.ask(method, token, byHash)
				if a.code() != apierror.CodePersistedQueryNotFound || a.Errors[0].Message != "PersistedQueryNotFound" || a.Data != nil {
					t.Errorf("%s: %d %+v", when, a.Status, a)
				}
			}
			notFound("at first", sandbox.TokenPractitioner)
			if a := h.ask(method, "", withText); a.code() != apierror.CodeUnauthenticated {
				t.Errorf("without a token: %+v", a)
			}
			notFound("after a caller without a token", sandbox.TokenPractitioner)
			if a := h.ask(method, sandbox.TokenPractitioner, fields{"query": query + " ", "extensions": apq(query)}); a.code() != apierror.CodePersistedQueryHashMismatch {
				t.Errorf("with another text: %+v", a)
			}
			notFound("after another text", sandbox.TokenPractitioner)

			mine := at(t, h.ask(method, sandbox.TokenPractitioner, withText).Data, "clinic.id")
			if again := at(t, h.ask(method, sandbox.TokenPractitioner, byHash).Data, "clinic.id"); again != mine || mine == nil {
				t.Errorf("by its hash it answers %v, with the text %v", again, mine)
			}
			if other := at(t, h.ask(method, sandbox.TokenOtherClinic, byHash).Data, "clinic.id"); other == nil || other == mine {
				t.Errorf("another clinic sees %v, the first %v", other, mine)
			}
			if a := h.ask(method, "", byHash); a.code() != apierror.CodeUnauthenticated {
				t.Errorf("without a token: %+v", a)
			}
		})
	}
}

// TestRegisteredBySession: it is who asks that counts, and not how they say so: those with a
// cookie register documents, and those who name themselves on a WebSocket.
func TestRegisteredBySession(t *testing.T) {
	t.Parallel()
	h := startWith(t, persistedConfig(persisted.Off, "", true), sandbox.Options{})
	b := h.signIn(sandbox.StaffID)
	const ofCookie, ofSocket = "query Cookie { clinic { id } }", "query Socket { clinic { id } }"
	text, err := json.Marshal(fields{"query": ofCookie, "extensions": apq(ofCookie)})
	if err != nil {
		t.Fatal(err)
	}
	if status, body, _ := b.send(http.MethodPost, h.url+"/graphql", string(text), http.Header{"Content-Type": {asJSON}}); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if text, err = json.Marshal(fields{"type": "subscribe", "id": "1", "payload": fields{"query": ofSocket, "extensions": apq(ofSocket)}}); err != nil {
		t.Fatal(err)
	}
	s := h.socket(sandbox.TokenPractitioner)
	s.send(string(text))
	s.value("1")
	_ = s.conn.CloseNow()
	for _, query := range []string{ofCookie, ofSocket} {
		if a := h.ask(http.MethodPost, sandbox.TokenPractitioner, fields{"extensions": apq(query)}); a.code() != "" {
			t.Errorf("%s: %s", query, a.code())
		}
	}
}

func TestAPQOff(t *testing.T) {
	t.Parallel()
	h := startWith(t, persistedConfig(persisted.Off, "", false), sandbox.Options{})
	a := h.ask(http.MethodPost, sandbox.TokenPractitioner, fields{"extensions": apq("{ clinic { id } }")})
	if a.code() != apierror.CodePersistedQueryNotSupported || a.Errors[0].Message != "PersistedQueryNotSupported" {
		t.Errorf("%+v", a)
	}
}

// In enforce mode the manifest is all there is, in whatever form it is asked.
func TestEnforcedDocuments(t *testing.T) {
	t.Parallel()
	const (
		query    = "query Mine { clinic { id } }"
		change   = `mutation Change { deletePatient: __typename }`
		unlisted = "query Other { clinic { id } }"
	)
	manifest := manifestOf(t, map[string]string{sha(query): query, "3858f62230ac3c915f300c664312c63f": change})
	h := startWith(t, persistedConfig(persisted.Enforce, manifest, true), sandbox.Options{})
	for _, c := range []struct {
		name    string
		request fields
		want    string
	}{
		{"documentId", fields{"documentId": sha(query)}, ""},
		{"documentId with its algorithm", fields{"documentId": "sha256:" + sha(query)}, ""},
		{"doc_id", fields{"doc_id": sha(query)}, ""},
		{"apq", fields{"extensions": apq(query)}, ""},
		{"text", fields{"query": query}, ""},
		{"text and hash", fields{"query": query, "extensions": apq(query)}, ""},
		{"unlisted text", fields{"query": unlisted}, apierror.CodePersistedQueryNotAllowed},
		{"unlisted hash", fields{"extensions": apq(unlisted)}, apierror.CodePersistedQueryNotAllowed},
		{"unlisted registration", fields{"query": unlisted, "extensions": apq(unlisted)}, apierror.CodePersistedQueryNotAllowed},
		{"unlisted text with a listed id", fields{"query": unlisted, "documentId": sha(query)}, apierror.CodePersistedQueryHashMismatch},
		{"unlisted text with an unknown id", fields{"query": unlisted, "doc_id": "other"}, apierror.CodePersistedQueryNotAllowed},
		{"unknown id", fields{"documentId": "other"}, apierror.CodePersistedQueryNotAllowed},
		{"introspection", fields{"query": "{ __schema { queryType { name } } }"}, apierror.CodePersistedQueryNotAllowed},
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			a := h.ask(method, sandbox.TokenPractitioner, c.request)
			if a.code() != c.want || (a.Data != nil) != (c.want == "") {
				t.Errorf("%s %s: %d %+v", method, c.name, a.Status, a)
			}
		}
	}
	byID := fields{"documentId": "3858f62230ac3c915f300c664312c63f"}
	if a := h.ask(http.MethodPost, sandbox.TokenPractitioner, byID); len(a.Errors) > 0 {
		t.Errorf("a listed mutation: %+v", a)
	}
	if a := h.ask(http.MethodGet, sandbox.TokenPractitioner, byID); a.Status != http.StatusMethodNotAllowed || a.Data != nil {
		t.Errorf("a listed mutation over GET: %d %+v", a.Status, a)
	}
}

// Log mode runs everything and names what is outside by its hash alone.
func TestLoggedDocuments(t *testing.T) {
	t.Parallel()
	const listed, canary = "query Mine { clinic { id } }", `query Other { clinic { id } patient(id: "canary-7f3a") { id } }`
	h := startWith(t, persistedConfig(persisted.Log, manifestOf(t, map[string]string{sha(listed): listed}), true), sandbox.Options{})
	for _, request := range []fields{{"query": listed}, {"documentId": sha(listed)}, {"query": canary}} {
		if a := h.ask(http.MethodPost, sandbox.TokenPractitioner, request); at(t, a.Data, "clinic.id") == nil {
			t.Errorf("%v: %+v", request, a)
		}
	}
	log := h.log.String()
	if strings.Count(log, persisted.EventUnlisted) != 1 || !strings.Contains(log, sha(canary)) {
		t.Errorf("the log does not say once what is outside of the manifest:\n%s", log)
	}
	if strings.Contains(log, "canary") {
		t.Errorf("the log has the text:\n%s", log)
	}
}

func TestBadManifestStopsTheStart(t *testing.T) {
	t.Parallel()
	path := manifestOf(t, map[string]string{sha("{ clinic { id } }"): "{ clinic { name } }"})
	for _, c := range []gateway.Config{
		persistedConfig(persisted.Enforce, path, true),
		persistedConfig(persisted.Off, path, true),
		persistedConfig(persisted.Off, path+".missing", true),
		persistedConfig(persisted.Enforce, "", true),
	} {
		c.Upstream = "http://127.0.0.1:1/api" // nothing is asked of it
		_, err := gateway.New(c, zerolog.Nop())
		if err == nil || !strings.Contains(err.Error(), "--persisted-manifest") || !strings.Contains(err.Error(), c.PersistedManifest) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %s: %v", c.PersistedDocuments, c.PersistedManifest, err)
		}
	}
}
