package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// raw is an answer as it is on the wire.
type raw struct {
	*http.Response
	body []byte
}

// send sends a request with nothing in it but what is said here: no header that
// a client library would add.
func (h *harness) send(method, target, body string, headers ...string) raw {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+target, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return raw{res, read}
}

// lists reports whether a header, in one line or several, names all of these.
func lists(header []string, names ...string) bool {
	var have []string
	for _, part := range strings.Split(strings.Join(header, ","), ",") {
		have = append(have, strings.ToLower(strings.TrimSpace(part)))
	}
	for _, name := range names {
		if !slices.Contains(have, strings.ToLower(name)) {
			return false
		}
	}
	return true
}

const (
	asJSON   = "application/json"
	asForm   = "application/x-www-form-urlencoded"
	bearer   = "Bearer " + sandbox.TokenPractitioner
	free     = `{"query":"{ __typename }"}`
	someone  = "https://app.example.com"
	stranger = "https://evil.example"
)

func TestCSRF(t *testing.T) {
	t.Parallel()
	h := start(t)
	get := "/graphql?query=" + url.QueryEscape("{ __typename }")
	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		refused                    bool
	}{
		{"JSON", "POST", "/graphql", free, []string{"Content-Type", asJSON}, 200, false},
		{"JSONWithCharset", "POST", "/graphql", free, []string{"Content-Type", asJSON + "; charset=utf-8"}, 200, false},
		{"PostWithoutType", "POST", "/graphql", free, nil, 400, true},
		{"Text", "POST", "/graphql", free, []string{"Content-Type", "text/plain"}, 400, true},
		{"Form", "POST", "/graphql", "query={__typename}", []string{"Content-Type", asForm}, 400, true},
		{"Multipart", "POST", "/graphql", free, []string{"Content-Type", "multipart/form-data; boundary=x"}, 400, true},
		{"TextDressedUp", "POST", "/graphql", free, []string{"Content-Type", "text/plain; a=application/json"}, 400, true},
		{"TextInCapitals", "POST", "/graphql", free, []string{"Content-Type", "TEXT/Plain"}, 400, true},
		{"NoTypeAtAll", "POST", "/graphql", free, []string{"Content-Type", ";application/json"}, 400, true},
		{"TwoTypes", "POST", "/graphql", free, []string{"Content-Type", "text/plain", "Content-Type", asJSON}, 400, true},
		{"TextWithToken", "POST", "/graphql", free, []string{"Content-Type", "text/plain", "Authorization", bearer}, 415, false},
		{"TextWithHeader", "POST", "/graphql", free, []string{"Content-Type", "text/plain", "Apollo-Require-Preflight", "1"}, 415, false},
		{"Get", "GET", get, "", nil, 400, true},
		{"Head", "HEAD", get, "", nil, 400, true},
		{"GetWithToken", "GET", get, "", []string{"Authorization", bearer}, 200, false},
		{"GetWithHeader", "GET", get, "", []string{"GraphQL-Require-Preflight", "1"}, 200, false},
		{"GetWithApollosHeader", "GET", get, "", []string{"Apollo-Require-Preflight", "true"}, 200, false},
		{"GetWithEmptyHeader", "GET", get, "", []string{"GraphQL-Require-Preflight", ""}, 400, true},
		{"GetWithJSONType", "GET", get, "", []string{"Content-Type", asJSON}, 200, false},
		{"GetWithAcceptAlone", "GET", get, "", []string{"Accept", asJSON}, 400, true},
		{"Put", "PUT", "/graphql", free, nil, 405, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res := h.send(c.method, c.target, c.body, c.headers...)
			if res.StatusCode != c.status {
				t.Fatalf("status %d, want %d: %s", res.StatusCode, c.status, res.body)
			}
			if c.method == http.MethodHead {
				return
			}
			said := true
			for _, proof := range []string{"Authorization", asJSON, "GraphQL-Require-Preflight", "Apollo-Require-Preflight"} {
				said = said && bytes.Contains(res.body, []byte(proof))
			}
			if said != c.refused {
				t.Errorf("refused for CSRF, with what to send: %t, want %t: %s", said, c.refused, res.body)
			}
			if c.refused {
				readReply(t, res.StatusCode, res.Header, res.body).fails(t, failed{"", "BAD_USER_INPUT"})
			}
		})
	}
	t.Run("NothingRuns", func(t *testing.T) {
		t.Parallel()
		h := start(t)
		write := `mutation { createPatient(input: {email: "a@example.org", firstName: "A", lastName: "` + canary + `"}) { patient { id } } }`
		for _, res := range []raw{
			h.send("POST", "/graphql", "query="+url.QueryEscape(write), "Content-Type", asForm),
			h.send("POST", "/graphql", requestBody(t, write), "Content-Type", "text/plain"),
			h.send("GET", "/graphql?query="+url.QueryEscape(write), ""),
		} {
			silent(t, "the refusal", string(res.body)+fmt.Sprint(res.Header), canary)
		}
		if n := h.sandbox.Count(""); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestCORS(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, origins ...string) *harness {
		c := config()
		c.CORSOrigins = origins
		return startWith(t, c, sandbox.Options{})
	}
	preflight := func(h *harness, path, origin string) raw {
		return h.send("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type,graphql-require-preflight")
	}
	// Nothing that lets a page do more than it may without being asked.
	closed := func(t *testing.T, res raw) {
		t.Helper()
		for name := range res.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s", name, res.Header.Get(name))
			}
		}
	}
	t.Run("ClosedUnlessConfigured", func(t *testing.T) {
		t.Parallel()
		h := open(t)
		for _, res := range []raw{
			preflight(h, "/graphql", someone), preflight(h, "/resources/1/download", someone),
			h.send("POST", "/graphql", free, "Content-Type", asJSON, "Origin", someone),
		} {
			closed(t, res)
		}
		if res := preflight(h, "/graphql", someone); res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("a preflight is answered with %d", res.StatusCode)
		}
	})
	for _, c := range []struct {
		name, origin string
		allowed      bool
	}{
		{"Allowed", someone, true},
		{"TheOtherOne", "http://localhost:5173", true},
		{"Stranger", stranger, false},
		{"Null", "null", false},
		{"OtherScheme", "http://app.example.com", false},
		{"OtherPort", someone + ":8443", false},
		{"Suffix", someone + ".evil.example", false},
		{"Prefix", "https://evil-app.example.com", false},
		{"SubDomain", "https://x.app.example.com", false},
		{"OtherCase", "https://APP.example.com", false},
		{"WithSlash", someone + "/", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, someone, "http://localhost:5173")
			simple := []raw{
				h.send("POST", "/graphql", free, "Content-Type", asJSON, "Origin", c.origin),
				h.send("POST", "/graphql", free, "Content-Type", "text/plain", "Origin", c.origin), // refused
				h.send("POST", "/graphql", free, "Authorization", "Basic x", "Origin", c.origin),   // refused
				h.send("GET", "/resources/1/download", "", "Origin", c.origin),                     // refused
			}
			asked := []raw{preflight(h, "/graphql", c.origin), preflight(h, "/resources/1/download", c.origin)}
			for _, res := range append(simple, asked...) {
				if !lists(res.Header["Vary"], "Origin") {
					t.Errorf("Vary is %q", res.Header["Vary"])
				}
				if !c.allowed {
					closed(t, res)
					continue
				}
				if got := res.Header["Access-Control-Allow-Origin"]; !slices.Equal(got, []string{c.origin}) {
					t.Errorf("Access-Control-Allow-Origin is %q", got)
				}
				if got := res.Header["Access-Control-Allow-Credentials"]; !slices.Equal(got, []string{"true"}) { // users sign in
					t.Errorf("Access-Control-Allow-Credentials is %q", got)
				}
			}
			for _, res := range simple {
				if c.allowed && !lists(res.Header["Access-Control-Expose-Headers"], "X-Request-Id", "Retry-After") {
					t.Errorf("exposed is %q", res.Header["Access-Control-Expose-Headers"])
				}
			}
			for _, res := range asked {
				if !c.allowed {
					if res.StatusCode != http.StatusMethodNotAllowed {
						t.Errorf("status %d", res.StatusCode)
					}
					continue
				}
				if res.StatusCode != http.StatusNoContent || res.Header.Get("Access-Control-Max-Age") != "7200" ||
					!lists(res.Header["Access-Control-Allow-Methods"], "GET", "POST") ||
					!lists(res.Header["Access-Control-Allow-Headers"], "Authorization", "Content-Type", "GraphQL-Require-Preflight", "Apollo-Require-Preflight",
						"traceparent", "tracestate", "baggage", "sentry-trace", "apollographql-client-name", "apollographql-client-version",
						"x-apollo-operation-name", "graphql-client-name", "graphql-client-version", "x-request-id") {
					t.Errorf("%d %v", res.StatusCode, res.Header)
				}
			}
		})
	}
}

// TestPrivate: no cache may keep an answer, and one that does keeps it for the
// caller it was for.
func TestPrivate(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, res := range map[string]raw{
		"Data":     h.send("POST", "/graphql", requestBody(t, patientQuery), "Content-Type", asJSON, "Authorization", bearer),
		"Get":      h.send("GET", "/graphql?query="+url.QueryEscape(patientQuery), "", "Authorization", bearer),
		"Free":     h.send("POST", "/graphql", free, "Content-Type", asJSON),
		"Syntax":   h.send("POST", "/graphql", requestBody(t, `{`), "Content-Type", asJSON),
		"NoToken":  h.send("POST", "/graphql", requestBody(t, patientQuery), "Content-Type", asJSON),
		"BadToken": h.send("POST", "/graphql", free, "Content-Type", asJSON, "Authorization", "Basic x"),
		"CSRF":     h.send("POST", "/graphql", free),
		"Method":   h.send("DELETE", "/graphql", ""),
		"Type":     h.send("POST", "/graphql", free, "Content-Type", "text/xml"),
		"Download": h.send("GET", "/resources/1/download", ""),
	} {
		if got := res.Header.Get("Cache-Control"); got != "private, no-store" {
			t.Errorf("%s: Cache-Control is %q", name, got)
		}
		if !lists(res.Header["Vary"], "Authorization", "Accept", "Accept-Encoding") {
			t.Errorf("%s: Vary is %q", name, res.Header["Vary"])
		}
	}
}

// TestRequestIDOfCalls: the partner is told the request, and each call and attempt differs.
func TestRequestIDOfCalls(t *testing.T) {
	t.Parallel()
	var sent []string
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("X-Request-Id"))
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	c := config()
	c.Upstream = partner.URL + "/api"
	h := startWith(t, c, sandbox.Options{})
	res := h.send("POST", "/graphql", requestBody(t, patientQuery), "Content-Type", asJSON, "Authorization", bearer, "X-Request-Id", requestID)
	partner.Close()
	if got := res.Header["X-Request-Id"]; !slices.Equal(got, []string{requestID}) {
		t.Errorf("X-Request-Id is %q", got)
	}
	if !slices.Equal(sent, []string{requestID + ".1", requestID + ".2", requestID + ".3"}) { // two are retries
		t.Errorf("the partner got %q", sent)
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	h := start(t)
	large := requestBody(t, `{ patients(first: 100) { nodes { id firstName lastName email } } }`)
	plain := h.send("POST", "/graphql", large, "Content-Type", asJSON, "Authorization", bearer)
	if _, has := plain.Header["Content-Encoding"]; has || len(plain.body) < 5000 {
		t.Fatalf("%v %s", plain.Header, plain.body)
	}
	for _, c := range []struct{ accept, coding string }{
		{"", ""},
		{"identity", ""},
		{"br", ""},
		{"gzip", "gzip"},
		{"GZIP", "gzip"},
		{"zstd", "zstd"},
		{"gzip, deflate, br, zstd", "zstd"},
		{"gzip, deflate, br", "gzip"},
		{"zstd;q=0.5, gzip", "gzip"},
		{"zstd; q=0.8 , gzip; q=0.9", "gzip"},
		{"gzip;q=0", ""},
		{"gzip;q=0, zstd;q=0", ""},
		{"*", "zstd"},
		{"*, zstd;q=0", "gzip"},
		{"*;q=0", ""},
		{"identity;q=1, gzip;q=0.5", ""},
		{"identity;q=0.5, gzip;q=1", "gzip"},
		{"gzip;q=high", ""},
		{"gzip;q=7", ""},
		{",,;", ""},
	} {
		t.Run(c.accept, func(t *testing.T) {
			t.Parallel()
			res := h.send("POST", "/graphql", large, "Content-Type", asJSON, "Authorization", bearer, "Accept-Encoding", c.accept)
			if got := res.Header.Get("Content-Encoding"); got != c.coding {
				t.Fatalf("Content-Encoding is %q, want %q", got, c.coding)
			}
			if res.ContentLength != int64(len(res.body)) {
				t.Errorf("Content-Length %d of %d bytes", res.ContentLength, len(res.body))
			}
			if c.coding != "" && len(res.body)*3 > len(plain.body) {
				t.Errorf("%d bytes of %d are left", len(res.body), len(plain.body))
			}
			if got := decoded(t, c.coding, res.body); !bytes.Equal(got, plain.body) {
				t.Errorf("it is not the same:\n%s", got)
			}
		})
	}
	all := []string{"Accept-Encoding", "gzip, zstd", "Authorization", bearer}
	asIs := func(t *testing.T, res raw, least int) {
		t.Helper()
		if got := res.Header.Get("Content-Encoding"); got != "" || len(res.body) < least {
			t.Errorf("Content-Encoding %q: %d %s", got, res.StatusCode, res.body)
		}
	}
	t.Run("Small", func(t *testing.T) {
		t.Parallel()
		asIs(t, h.send("POST", "/graphql", free, append(all, "Content-Type", asJSON)...), 1)
	})
	t.Run("Mutation", func(t *testing.T) { // may hold a secret, such as a session grant
		t.Parallel()
		h := start(t)
		var fields strings.Builder
		for i := range 30 {
			fmt.Fprintf(&fields, " f%d: id", i)
		}
		write := requestBody(t, `mutation { createPatient(input: {email: "a@example.org", firstName: "A", lastName: "B"}) { patient {`+fields.String()+` } } }`)
		asIs(t, h.send("POST", "/graphql", write, append(all, "Content-Type", asJSON)...), 1400)
	})
	t.Run("Stream", func(t *testing.T) {
		t.Parallel()
		h := start(t)
		query := requestBody(t, `{ patients(first: 50) { nodes { id firstName lastName email } } ... @defer { clinic { name } } }`)
		res := h.send("POST", "/graphql", query, append(all, "Content-Type", asJSON, "Accept", "multipart/mixed;deferSpec=20220824, application/json")...)
		asIs(t, res, 1400)
		if !strings.HasPrefix(res.Header.Get("Content-Type"), "multipart/mixed") {
			t.Errorf("it is no stream: %v", res.Header)
		}
	})
	t.Run("Download", func(t *testing.T) {
		t.Parallel()
		asIs(t, h.send("GET", "/resources/1/download", "", all...), 1)
	})
}

func decoded(t *testing.T, coding string, body []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20)); err == nil { // what browsers take
			defer d.Close()
		}
		r = d
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// serving runs the gateway as the program does, and ends it with the test.
func serving(t *testing.T, c gateway.Config) (address string, running gateway.Running) {
	t.Helper()
	return servingTo(t, c, io.Discard)
}

// servingTo is serving with a log.
func servingTo(t *testing.T, c gateway.Config, log io.Writer) (address string, running gateway.Running) {
	t.Helper()
	ready, done := make(chan gateway.Running), make(chan error)
	ctx, stop := context.WithCancel(context.Background())
	c.Addr, c.AdminAddr, c.LogLevel, c.LogFormat = "127.0.0.1:0", "127.0.0.1:0", "info", "json"
	go func() {
		done <- gateway.Serve(c, log, func(r gateway.Running) error {
			for _, s := range r.Servers {
				go func() { _ = s.Serve(s.Listener) }()
			}
			ready <- r
			<-ctx.Done()
			for _, s := range r.Servers {
				if err := s.Close(); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case running = <-ready:
	case err := <-done:
		close(done)
		t.Fatal(err)
	}
	return "http://" + running.Servers[0].Listener.Addr().String(), running
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprint(on), func(t *testing.T) {
			t.Parallel()
			c := config()
			c.H2C = on
			address, _ := serving(t, c)
			ask := func(h2 bool) (*http.Response, error) {
				p := &http.Protocols{}
				p.SetHTTP1(!h2)
				p.SetUnencryptedHTTP2(h2)
				transport := &http.Transport{Protocols: p}
				defer transport.CloseIdleConnections()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/graphql", strings.NewReader(free))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", asJSON)
				res, err := (&http.Client{Transport: transport}).Do(req)
				if err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
				return res, err
			}
			if res, err := ask(false); err != nil || res.StatusCode != http.StatusOK || res.ProtoMajor != 1 {
				t.Errorf("HTTP/1.1: %v %v", res, err)
			}
			if res, err := ask(true); (err == nil) != on || on && (res.StatusCode != http.StatusOK || res.ProtoMajor != 2) {
				t.Errorf("HTTP/2: %v %v", res, err)
			}
		})
	}
}

func TestServerLimits(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxHeaderBytes, c.ReadTimeout, c.IdleTimeout = 8<<10, 3e9, 7e9
	address, running := serving(t, c)
	for _, s := range running.Servers {
		if s.ReadHeaderTimeout != 3e9 || s.ReadTimeout != 3e9 || s.IdleTimeout != 7e9 || s.MaxHeaderBytes != 8<<10 {
			t.Errorf("%+v", s.Server)
		}
	}
	h := &harness{t: t, url: address}
	const slack = 4096 // net/http's own
	if res := h.send("POST", "/graphql", free, "Content-Type", asJSON, "X-Filler", strings.Repeat("a", 8<<10+slack)); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("over the limit: %d", res.StatusCode)
	}
	if res := h.send("POST", "/graphql", free, "Content-Type", asJSON, "X-Filler", strings.Repeat("a", 4<<10)); res.StatusCode != http.StatusOK {
		t.Errorf("below it: %d", res.StatusCode)
	}
}

// TestGuardSettings: each limit reaches the guard, and 0 is none.
func TestGuardSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, query string
		set         func(c *gateway.Config, n int)
		passes      int // the lowest limit under which it runs
	}{
		{"Tokens", `{ __typename }`, func(c *gateway.Config, n int) { c.MaxTokens = n }, 3},
		{"Fields", `{ clinic { name email } }`, func(c *gateway.Config, n int) { c.MaxFields = n }, 3},
		{"Depth", `{ clinic { name } }`, func(c *gateway.Config, n int) { c.MaxDepth = n }, 2},
		{"IntrospectionDepth", `{ __schema { queryType { name } } }`, func(c *gateway.Config, n int) { c.MaxIntrospectionDepth = n }, 3},
		{"Aliases", `{ a: clinic { b: name c: email } }`, func(c *gateway.Config, n int) { c.MaxAliases = n }, 3},
		{"RootFields", `{ clinic { name } patients { totalCount } }`, func(c *gateway.Config, n int) { c.MaxRootFields = n }, 2},
		{"Directives", `{ clinic { name @include(if: true) email @skip(if: false) } }`, func(c *gateway.Config, n int) { c.MaxDirectives = n }, 2},
		{"FragmentSpreads", `{ clinic { ...f ...g } } fragment f on Clinic { name } fragment g on Clinic { email }`, func(c *gateway.Config, n int) { c.MaxFragmentSpreads = n }, 2},
		{"ListItems", `{ nodes(ids: ["Patient:a", "Patient:b"]) { id } }`, func(c *gateway.Config, n int) { c.MaxListItems = n }, 2},
		{"OperationNameLength", `query abcdefghijklmnopqrstuvwxyz { clinic { name } }`, func(c *gateway.Config, n int) { c.MaxOperationNameLength = n }, 26},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int{0, c.passes, c.passes - 1} {
				settings := config()
				c.set(&settings, n)
				a := startWith(t, settings, sandbox.Options{}).as(sandbox.TokenPractitioner, c.query)
				refused := len(a.Errors) > 0 && a.Errors[0].Extensions["code"] == "QUERY_TOO_COMPLEX"
				if refused != (n == c.passes-1) {
					t.Errorf("with %d: %v", n, a.Errors)
				}
			}
		})
	}
}

func TestIntrospectionSetting(t *testing.T) {
	t.Parallel()
	const away = "http://127.0.0.1:9/api" // nothing gets there
	for _, c := range []struct {
		setting, upstream, token string
		status, page             int // of the query, and of /schema.graphql
		code                     string
		calls                    int
	}{
		{"auto", "embedded", "", 200, 200, "", 0},
		{"auto", "embedded", "whoever", 200, 200, "", 0},
		{"auto", "sandbox", "", 401, 401, "UNAUTHENTICATED", 0},
		{"auto", "sandbox", "whoever", 401, 401, "UNAUTHENTICATED", 1},
		{"auto", "sandbox", sandbox.TokenPractitioner, 200, 200, "", 1},
		{"auto", "sandbox", sandbox.TokenReadonly, 200, 200, "", 1},
		{"auto", "sandbox", sandbox.TokenExpired, 401, 401, "UNAUTHENTICATED", 1},
		{"auto", away, "whoever", 502, 502, "UPSTREAM_UNAVAILABLE", 0},
		{"on", away, "", 200, 200, "", 0},
		{"off", "embedded", sandbox.TokenPractitioner, 403, 401, "FORBIDDEN", 0},
		{"off", "embedded", "", 401, 401, "UNAUTHENTICATED", 0},
	} {
		t.Run(fmt.Sprintf("%s/%s/%s", c.setting, c.upstream, c.token), func(t *testing.T) {
			t.Parallel()
			settings := config()
			settings.Introspection, settings.Upstream = c.setting, c.upstream
			s := sandbox.New(sandbox.Options{})
			if c.upstream == "sandbox" {
				partner := httptest.NewServer(s)
				t.Cleanup(partner.Close)
				settings.Upstream = partner.URL + "/api"
			}
			h := startWith(t, settings, sandbox.Options{})
			a := h.as(c.token, `{ __schema { queryType { name } } }`)
			got := ""
			if len(a.Errors) > 0 {
				got, _ = a.Errors[0].Extensions["code"].(string)
			}
			if got != c.code || a.Status != c.status {
				t.Errorf("%d %q %v, want %d %q", a.Status, got, a.Errors, c.status, c.code)
			}
			if status := h.status("/schema.graphql", c.token); status != c.page {
				t.Errorf("the page answers %d, want %d", status, c.page)
			}
			if n := len(s.Calls()); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
			if suggests := strings.Contains(fmt.Sprint(h.as(sandbox.TokenPractitioner, `{ clinik { name } }`).Errors), "Did you mean"); suggests != (c.upstream == "embedded") {
				t.Errorf("suggestions: %t", suggests)
			}
		})
	}
}

// status gets a page.
func (h *harness) status(path, token string) int {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.url+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := h.http().Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// TestProvenTokens: a token is proved by one call, however many ask at once, and
// counts as proven as long as it is used.
func TestProvenTokens(t *testing.T) {
	t.Parallel()
	const schema = `{ __schema { queryType { name } } }`
	s := sandbox.New(sandbox.Options{})
	partner := httptest.NewServer(s)
	t.Cleanup(partner.Close)
	settings := config()
	settings.Upstream = partner.URL + "/api"
	h := startWith(t, settings, sandbox.Options{})
	s.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if a := h.as(sandbox.TokenPractitioner, schema); a.Status != http.StatusOK || len(a.Errors) > 0 {
				t.Errorf("%d %v", a.Status, a.Errors)
			}
		})
	}
	all.Wait()
	if n := len(s.Calls()); n != 1 {
		t.Errorf("%d calls", n)
	}
	s.ClearFaults()
	h.as(sandbox.TokenStaff, `{ patients(first: 1) { totalCount } }`)
	s.ResetCalls()
	if a := h.as(sandbox.TokenStaff, schema); a.Status != http.StatusOK || len(s.Calls()) != 0 {
		t.Errorf("%d with %d calls", a.Status, len(s.Calls()))
	}
	s.AddFault(sandbox.Fault{Status: http.StatusUnauthorized})
	h.as(sandbox.TokenStaff, `{ patients(first: 1) { totalCount } }`)
	if a := h.as(sandbox.TokenStaff, schema); a.Status != http.StatusUnauthorized {
		t.Errorf("%d with a token that was refused", a.Status)
	}
}

// TestIntrospectionOnce: all of the schema is some hundred times as long as the
// query for it.
func TestIntrospectionOnce(t *testing.T) {
	t.Parallel()
	h := start(t)
	for query, fine := range map[string]bool{
		`{ __schema { queryType { name } } t: __type(name: "Query") { name } }`:                                  true,
		`{ __schema { queryType { name } } __schema { mutationType { name } } }`:                                 true,
		`{ ...A ...A } fragment A on Query { s: __schema { queryType { name } } }`:                               true,
		`query A { __schema { queryType { name } } } query B { b: __schema { queryType { name } } }`:             true,
		`{ a: __schema { queryType { name } } b: __schema { queryType { name } } }`:                              false,
		`{ a: __type(name: "Query") { name } ...B } fragment B on Query { b: __type(name: "Patient") { name } }`: false,
		`{ ... { a: __schema { queryType { name } } } ... on Query { b: __schema { queryType { name } } } }`:     false,
	} {
		a := h.ask(http.MethodPost, sandbox.TokenPractitioner, fields{"query": query, "operationName": operationOf(query)})
		if refused := len(a.Errors) == 1 && a.Errors[0].Extensions["code"] == "QUERY_TOO_COMPLEX"; refused == fine || fine && len(a.Errors) > 0 {
			t.Errorf("%s: %v", query, a.Errors)
		}
	}
}

func operationOf(query string) any {
	if strings.HasPrefix(query, "query A") {
		return "A"
	}
	return nil
}

func TestErrorLimits(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxRequestErrors, c.MaxExecutionErrors = 2, 3
	h := startWith(t, c, sandbox.Options{})
	if a := h.as(sandbox.TokenPractitioner, `{ a b c d }`); len(a.Errors) != 2 {
		t.Errorf("%d errors of a document that was refused", len(a.Errors))
	}
	a := h.as(sandbox.TokenPractitioner, `{ a: patients(first: -1) { totalCount } b: patients(first: -1) { totalCount } c: patients(first: -1) { totalCount } d: patients(first: -1) { totalCount } }`)
	if len(a.Errors) != 3 || a.Errors[2].Extensions["omitted"] != 2.0 {
		t.Errorf("%v", a.Errors)
	}
}

func TestDraftStatusSetting(t *testing.T) {
	t.Parallel()
	c := config()
	c.HTTPDraftStatus = true
	for status, h := range map[int]*harness{400: start(t), 422: startWith(t, c, sandbox.Options{})} {
		res := h.send("POST", "/graphql", requestBody(t, `{ nothing }`), "Content-Type", asJSON, "Authorization", bearer, "Accept", "application/graphql-response+json")
		if res.StatusCode != status {
			t.Errorf("%d, want %d", res.StatusCode, status)
		}
	}
}

func TestAPQSetting(t *testing.T) {
	t.Parallel()
	c := config()
	c.APQ = false
	body, err := json.Marshal(map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{
		"version": 1, "sha256Hash": "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for code, h := range map[string]*harness{"PERSISTED_QUERY_NOT_SUPPORTED": startWith(t, c, sandbox.Options{}), "PERSISTED_QUERY_NOT_FOUND": start(t)} {
		res := h.send("POST", "/graphql", string(body), "Content-Type", asJSON)
		r := readReply(t, res.StatusCode, res.Header, res.body)
		r.fails(t, failed{"", code})
	}
}

// TestCORSHeaders: a page may send the headers of its libraries, and those that
// --cors-headers adds.
func TestCORSHeaders(t *testing.T) {
	t.Parallel()
	c := config()
	c.CORSOrigins, c.CORSHeaders = []string{someone}, []string{"X-Session-Id", " x-tenant"}
	h := startWith(t, c, sandbox.Options{})
	for _, path := range []string{"/graphql", "/resources/1/download", "/oauth/session"} {
		for origin, may := range map[string]bool{someone: true, stranger: false} {
			res := h.send("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "traceparent,x-tenant")
			allowed := res.Header["Access-Control-Allow-Headers"]
			if lists(allowed, "X-Session-Id", "x-tenant", "traceparent") != may || lists(allowed, "x-other") || may && res.Header.Get("Access-Control-Max-Age") != "7200" {
				t.Errorf("%s, %s: %v", path, origin, res.Header)
			}
		}
	}
}
