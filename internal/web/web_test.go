package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func get(t *testing.T, h http.Handler, method, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func read(t *testing.T, res *http.Response) []byte {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func unzip(t *testing.T, body []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	h := Handler(Config{})
	m := manifest()
	const forever = "public, max-age=31536000, immutable"
	for _, c := range []struct{ path, contentType, cache string }{
		{"/", "text/html; charset=utf-8", "no-cache"},
		{"/graphiql/" + m.Script, "text/javascript; charset=utf-8", forever},
		{"/graphiql/" + m.Style, "text/css; charset=utf-8", forever},
		{"/graphiql/THIRD_PARTY_LICENSES.txt", "text/plain; charset=utf-8", "no-cache"},
	} {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			res := get(t, h, http.MethodGet, c.path, "Accept-Encoding", "gzip")
			if res.StatusCode != http.StatusOK {
				t.Fatalf("status %d", res.StatusCode)
			}
			for name, want := range map[string]string{
				"Content-Type":            c.contentType,
				"Cache-Control":           c.cache,
				"Content-Encoding":        "gzip",
				"Vary":                    "Accept-Encoding",
				"X-Content-Type-Options":  "nosniff",
				"Referrer-Policy":         "no-referrer",
				"Content-Security-Policy": "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
			} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: %q, not %q", name, got, want)
				}
			}
			if tag := res.Header.Get("ETag"); !regexp.MustCompile(`^"[0-9a-f]{32}-gzip"$`).MatchString(tag) {
				t.Errorf("ETag: %s", tag)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	h := Handler(Config{Examples: Examples(true)})
	for _, c := range []struct {
		accept string
		gzip   bool
	}{
		{"gzip", true},
		{"gzip, deflate, br, zstd", true},
		{"br;q=1.0, GZip ; q=0.5", true},
		{"x-gzip", true},
		{"*", true},
		{"gzip, *;q=0", true},
		{"", false},
		{"br", false},
		{"identity", false},
		{"gzip;q=0", false},
		{"gzip;q=0, *", false},
		{"*, gzip;q=0.0", false},
		{"gzip;q=nonsense", false},
	} {
		t.Run(c.accept, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"/", "/graphiql/" + manifest().Script} {
				res := get(t, h, http.MethodGet, path, "Accept-Encoding", c.accept)
				if got := res.Header.Get("Content-Encoding") == "gzip"; got != c.gzip {
					t.Fatalf("%s: gzipped is %t", path, got)
				}
				body := read(t, res)
				if length := res.Header.Get("Content-Length"); length != strconv.Itoa(len(body)) {
					t.Errorf("%s: Content-Length is %s for %d bytes", path, length, len(body))
				}
				if other := read(t, get(t, h, http.MethodGet, path)); c.gzip && !bytes.Equal(unzip(t, body), other) {
					t.Errorf("%s: gzipped and plain differ", path)
				}
			}
		})
	}
}

// TestFiles checks every file against what the manifest says of it.
func TestFiles(t *testing.T) {
	t.Parallel()
	h := Handler(Config{})
	for _, f := range manifest().Files {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			if f.Type == "" {
				t.Error("no content type")
			}
			body := read(t, get(t, h, http.MethodGet, "/graphiql/"+f.Name))
			if sum := sha256.Sum256(body); int64(len(body)) != f.Size || hex.EncodeToString(sum[:]) != f.SHA256 {
				t.Error("is not what the manifest says")
			}
		})
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	h := Handler(Config{})
	for _, path := range []string{"/", "/graphiql/" + manifest().Style} {
		plain := get(t, h, http.MethodGet, path).Header.Get("ETag")
		gzipped := get(t, h, http.MethodGet, path, "Accept-Encoding", "gzip").Header.Get("ETag")
		if plain == gzipped {
			t.Fatalf("%s: one strong tag for two representations", path)
		}
		for _, c := range []struct {
			name, accept, tags string
			status             int
		}{
			{"Plain", "", plain, http.StatusNotModified},
			{"Gzip", "gzip", gzipped, http.StatusNotModified},
			{"Weak", "gzip", "W/" + gzipped, http.StatusNotModified},
			{"OneOfSome", "gzip", `"another", ` + gzipped, http.StatusNotModified},
			{"Any", "", "*", http.StatusNotModified},
			{"OtherEncoding", "gzip", plain, http.StatusOK},
			{"Another", "gzip", `"another"`, http.StatusOK},
		} {
			t.Run(path+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				res := get(t, h, http.MethodGet, path, "Accept-Encoding", c.accept, "If-None-Match", c.tags)
				if res.StatusCode != c.status {
					t.Fatalf("status %d", res.StatusCode)
				}
				if res.StatusCode == http.StatusNotModified {
					if body := read(t, res); len(body) > 0 {
						t.Error("304 with a body")
					}
					for _, name := range []string{"ETag", "Cache-Control", "Vary"} {
						if res.Header.Get(name) == "" {
							t.Errorf("304 without %s", name)
						}
					}
				}
			})
		}
	}
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	h := Handler(Config{})
	script := "/graphiql/" + manifest().Script
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodHead, "/", http.StatusOK},
		{http.MethodHead, script, http.StatusOK},
		{http.MethodPost, "/", http.StatusMethodNotAllowed},
		{http.MethodPost, script, http.StatusMethodNotAllowed},
		{http.MethodGet, "/graphiql/unknown.js", http.StatusNotFound},
		{http.MethodGet, "/graphiql/manifest.json", http.StatusNotFound},
		{http.MethodGet, script + ".gz", http.StatusNotFound},
		{http.MethodGet, "/graphiql/", http.StatusNotFound},
		{http.MethodGet, "/graphiql/%2e%2e%2findex.html", http.StatusNotFound},
		{http.MethodGet, "/elsewhere", http.StatusNotFound},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			t.Parallel()
			res := get(t, h, c.method, c.path)
			if res.StatusCode != c.status {
				t.Fatalf("status %d", res.StatusCode)
			}
			if c.method == http.MethodHead {
				if body := read(t, res); len(body) > 0 {
					t.Error("a body")
				}
				if whole := read(t, get(t, h, http.MethodGet, c.path)); res.Header.Get("Content-Length") != strconv.Itoa(len(whole)) {
					t.Errorf("Content-Length %s", res.Header.Get("Content-Length"))
				}
			}
			if res.StatusCode == http.StatusNotFound && res.Header.Get("Cache-Control") != "" {
				t.Error("a missing file would be kept as missing")
			}
		})
	}
}

var configElement = regexp.MustCompile(`(?s)<script type="application/json" id="config">(.*?)</script>`)

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"Empty", Config{}, `{"endpoint":"graphql"}`},
		{"Token", Config{Endpoint: "/graphql", Token: "sandbox-practitioner"}, `{"endpoint":"/graphql","token":"sandbox-practitioner"}`},
		{"Hostile", Config{Endpoint: "/g", Token: `</script><script>alert("1")</script><!-- ' & ` + "\u2028"}, ""},
		{"Placeholders", Config{Endpoint: "/g", Token: "{{script}}{{config}}"}, `{"endpoint":"/g","token":"{{script}}{{config}}"}`},
		{"Examples", Config{Endpoint: "/g", Examples: Examples(true)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			body := read(t, get(t, Handler(c.config), http.MethodGet, "/"))
			found := configElement.FindAllSubmatch(body, -1)
			if len(found) != 1 {
				t.Fatalf("%d elements", len(found))
			}
			text := found[0][1]
			if c.want != "" && string(text) != c.want {
				t.Errorf("%s", text)
			}
			if bytes.ContainsAny(text, "<>&\u2028") {
				t.Errorf("not escaped: %s", text)
			}
			var back Config
			if err := json.Unmarshal(text, &back); err != nil {
				t.Fatal(err)
			}
			if back.Token != c.config.Token || len(back.Examples) != len(c.config.Examples) {
				t.Errorf("does not come back: %+v", back)
			}
			// Nothing inline: each script but the data one has an address.
			if n := bytes.Count(body, []byte("<script")); n != 2 || !bytes.Contains(body, []byte(`<script type="module" src="graphiql/`)) {
				t.Errorf("%d scripts", n)
			}
		})
	}
}

// TestPageNamesFiles checks that what the page loads is there, and comes from
// nowhere else.
func TestPageNamesFiles(t *testing.T) {
	t.Parallel()
	h := Handler(Config{})
	body := read(t, get(t, h, http.MethodGet, "/"))
	named := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(body, -1)
	if len(named) < 3 {
		t.Fatalf("only %d addresses", len(named))
	}
	for _, n := range named {
		address := string(n[1])
		if strings.HasPrefix(address, "data:") {
			continue
		}
		if res := get(t, h, http.MethodGet, "/"+address); !strings.HasPrefix(address, "graphiql/") || res.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", address, res.StatusCode)
		}
	}
}

func TestTagFollowsConfig(t *testing.T) {
	t.Parallel()
	one := get(t, Handler(Config{}), http.MethodGet, "/").Header.Get("ETag")
	two := get(t, Handler(Config{Token: "another"}), http.MethodGet, "/").Header.Get("ETag")
	if one == two {
		t.Error("two pages, one tag")
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	title := regexp.MustCompile(`(?m)^(query|mutation|subscription) (\w+)`)
	ids := 0
	elsewhere := Examples(false)
	for i, e := range Examples(true) {
		if len(title.FindAllString(e.Query, -1)) != 1 {
			t.Errorf("example %d: one named operation gives its tab a name", i)
		}
		for _, v := range []string{e.Variables, elsewhere[i].Variables} {
			if v != "" && !json.Valid([]byte(v)) {
				t.Errorf("example %d: variables are no JSON: %s", i, v)
			}
		}
		if id.MatchString(e.Query) {
			t.Errorf("example %d: ids go into variables", i)
		}
		ids += len(id.FindAllString(e.Variables, -1))
		if id.MatchString(elsewhere[i].Variables) {
			t.Errorf("example %d: an id of the sandbox is left", i)
		}
	}
	if ids == 0 {
		t.Error("no id in any example")
	}
}
