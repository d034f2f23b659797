package tests

import (
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestAttachmentHeaders: whatever the partner says of a file, it is stored and not
// shown.
func TestAttachmentHeaders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 200)
	for name, c := range map[string]struct {
		contentType, disposition []string
		wantType, wantName       string // "" for no name
	}{
		"Usual":           {[]string{"application/pdf"}, []string{`attachment; filename="plan.pdf"`}, "application/pdf", "plan.pdf"},
		"Nothing":         {nil, nil, "application/octet-stream", ""},
		"Unreadable":      {[]string{"text/html; =", "x"}, []string{`attachment; filename="a`}, "application/octet-stream", ""},
		"NotAType":        {[]string{"html"}, []string{"form-data"}, "html", ""},
		"Page":            {[]string{"text/html; charset=utf-8"}, []string{`inline; filename="a.html"`}, "text/html; charset=utf-8", "a.html"},
		"Inline":          {[]string{"image/svg+xml"}, []string{"inline"}, "image/svg+xml", ""},
		"NameOnly":        {[]string{"text/plain"}, []string{`filename="a.txt"`}, "text/plain", ""},
		"Folders":         {[]string{"text/plain"}, []string{`attachment; filename="../../etc/passwd"`}, "text/plain", "passwd"},
		"WindowsFolders":  {[]string{"text/plain"}, []string{`attachment; filename="C:\\Windows\\a.txt"`}, "text/plain", "a.txt"},
		"Dots":            {[]string{"text/plain"}, []string{`attachment; filename=".."`}, "text/plain", ""},
		"Hidden":          {[]string{"text/plain"}, []string{`attachment; filename=".profile"`}, "text/plain", "profile"},
		"OtherAlphabet":   {[]string{"text/plain"}, []string{"attachment; filename*=UTF-8''pl%C3%A4n%20%E6%9C%88.pdf"}, "text/plain", "plän 月.pdf"},
		"ReversedEnding":  {[]string{"text/plain"}, []string{"attachment; filename*=UTF-8''a%E2%80%AEfdp.exe"}, "text/plain", "afdp.exe"},
		"ControlBytes":    {[]string{"text/plain"}, []string{"attachment; filename*=UTF-8''a%0D%0AX-Evil%3A%201%00.txt"}, "text/plain", "aX-Evil 1.txt"},
		"NotUTF8":         {[]string{"text/plain"}, []string{"attachment; filename*=UTF-8''a%FF.txt"}, "text/plain", "a.txt"},
		"Long":            {[]string{"text/plain"}, []string{"attachment; filename*=UTF-8''" + strings.ReplaceAll(long, "é", "%C3%A9") + ".txt"}, "text/plain", strings.Repeat("é", 125) + ".txt"},
		"LongEnding":      {[]string{"text/plain"}, []string{`attachment; filename="a.` + strings.Repeat("b", 300) + `"`}, "text/plain", "a." + strings.Repeat("b", 253)},
		"NameWithinQuote": {[]string{"text/plain"}, []string{`attachment; filename="a\"; filename=b.html"`}, "text/plain", "a; filename=b.html"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = c.contentType
				w.Header()["Content-Disposition"] = c.disposition
				w.Header().Set("X-Content-Type-Options", "none")
				w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
				w.Header().Set("Content-Security-Policy", "default-src *")
				w.Header().Set("Cache-Control", "public")
				w.Header().Set("Set-Cookie", "a=b")
				_, _ = io.WriteString(w, "<script>alert(1)</script>")
			}))
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				req, err := http.NewRequestWithContext(t.Context(), method, h.url+"/resources/r1/download", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer a-token")
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK || (len(body) > 0) != (method == http.MethodGet) {
					t.Errorf("%s: %d %q %v", method, res.StatusCode, body, err)
				}
				for header, want := range map[string]string{
					"Content-Type": c.wantType, "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
					"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-store", "Set-Cookie": "",
				} {
					if got := strings.Join(res.Header.Values(header), "|"); got != want {
						t.Errorf("%s %s: %s, want %s", method, header, got, want)
					}
				}
				kind, parameters, err := mime.ParseMediaType(res.Header.Get("Content-Disposition"))
				if err != nil || kind != "attachment" || parameters["filename"] != c.wantName {
					t.Errorf("%s: %s, want the name %q", method, res.Header.Get("Content-Disposition"), c.wantName)
				}
			}
		})
	}
}

// TestNoSniff: no answer leaves it to a browser to guess what it is.
func TestNoSniff(t *testing.T) {
	t.Parallel()
	w := watch(t, config())
	for _, path := range []string{
		"/", "/graphiql/nothing", "/graphql?query={__typename}", "/graphql", "/schema.graphql", "/llms.txt", "/agents.md", "/integration-environments.json",
		"/resources/nothing/download", "/resources/Patient:x/download", "/webhooks/fullscript", "/oauth/session", "/oauth/login", "/oauth/callback", "/oauth/token",
		"/_sandbox/calls", "/nothing", "/api/oauth/authorize",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions, http.MethodPut, http.MethodHead} {
			for _, token := range []string{"", "Bearer " + sandbox.TokenPractitioner, "nonsense"} {
				req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if token != "" {
					req.Header.Set("Authorization", token)
				}
				res, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if got := res.Header.Values("X-Content-Type-Options"); len(got) != 1 || got[0] != "nosniff" {
					t.Errorf("%s %s: %d %q", method, path, res.StatusCode, got)
				}
			}
		}
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/nothing"} {
		res := httptest.NewRecorder()
		w.admin.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1"+path, nil))
		if res.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s", path)
		}
	}
}
