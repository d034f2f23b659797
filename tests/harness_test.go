package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// reply is an answer and its text.
type reply struct {
	*answer
	text string
}

func readReply(t testing.TB, status int, header http.Header, body []byte) *reply {
	t.Helper()
	r := &reply{&answer{Status: status, Header: header}, string(body)}
	if err := json.Unmarshal(body, r.answer); err != nil {
		t.Fatalf("%v in %d %q", err, status, body)
	}
	return r
}

// hasData reports whether the answer has a data entry at all.
func (r *reply) hasData(t testing.TB) bool {
	t.Helper()
	var entries map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.text), &entries); err != nil {
		t.Fatal(err)
	}
	_, has := entries["data"]
	return has
}

// failed is an error as far as programs read it.
type failed struct{ path, code string }

// fails compares the errors, in any order, and checks what all of them have.
func (r *reply) fails(t testing.TB, want ...failed) {
	t.Helper()
	var got []failed
	for _, e := range r.Errors {
		code, _ := e.Extensions["code"].(string)
		got = append(got, failed{dotted(e.Path), code})
		if id := r.Header.Get("X-Request-Id"); id == "" || e.Extensions["requestId"] != id {
			t.Errorf("requestId is %v, X-Request-Id %q", e.Extensions["requestId"], id)
		}
		if e.Message == "" {
			t.Errorf("no message at %v", e.Path)
		}
	}
	order := func(a, b failed) int { return strings.Compare(a.path+" "+a.code, b.path+" "+b.code) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	switch {
	case len(got) != len(want): // whoever goes on reads them
		t.Fatalf("errors are %v, want %v: %s", got, want, r.text)
	case !slices.Equal(got, want):
		t.Errorf("errors are %v, want %v: %s", got, want, r.text)
	}
}

// extension gives an entry of the extensions of the first error at a path.
func (r *reply) extension(t testing.TB, path, name string) any {
	t.Helper()
	for _, e := range r.Errors {
		if dotted(e.Path) == path {
			return e.Extensions[name]
		}
	}
	t.Fatalf("no error at %s: %s", path, r.text)
	return nil
}

func (r *reply) status(t testing.TB, want int) {
	t.Helper()
	if r.Status != want {
		t.Errorf("status %d, want %d: %s", r.Status, want, r.text)
	}
}

func dotted(path []any) string {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = fmt.Sprint(p)
	}
	return strings.Join(parts, ".")
}

// equal compares a part of an answer with JSON. "*" stands for any text that is
// not empty.
func equal(t testing.TB, what string, got any, want string) {
	t.Helper()
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if !alike(got, wanted) {
		t.Errorf("%s is\n  %s\nwant\n  %s", what, raw, want)
	}
}

func alike(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(want) {
			return false
		}
		for k, v := range want {
			if have, there := g[k]; !there || !alike(have, v) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		return ok && slices.EqualFunc(g, want, alike)
	case string:
		if s, isText := got.(string); isText && want == "*" {
			return s != ""
		}
	}
	return reflect.DeepEqual(got, want)
}

// virtual is a gateway in a bubble of testing/synctest: time passes only while
// everything waits, so timeouts are exact and take none.
type virtual struct {
	*testing.T
	sandbox *sandbox.Server
	handler http.Handler
	admin   http.Handler
	log     logBuffer
	drain   func()
}

func virtually(t *testing.T, c gateway.Config, o sandbox.Options, test func(v *virtual)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := &virtual{T: t, sandbox: sandbox.New(o)}
		g, err := gateway.New(c, zerolog.New(&v.log), gateway.WithSandbox(v.sandbox), twice(t))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { // also where the test gave up: nothing may be left running
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}()
		v.handler, v.admin, v.drain = g.Handler(), g.Admin(), g.Drain
		test(v)
	})
}

// post sends a body as it is, as JSON and with the first practitioner's token
// unless the headers, names and values in turn, say otherwise. When it returns
// nothing is left running.
func (v *virtual) post(body string, headers ...string) *reply {
	v.Helper()
	return v.postAs(v.Context(), body, headers...)
}

// postAs is post for a client who leaves when ctx ends.
func (v *virtual) postAs(ctx context.Context, body string, headers ...string) *reply {
	v.Helper()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
	req.Header.Set("Cache-Control", "no-cache") // see harness.as
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	res := httptest.NewRecorder()
	v.handler.ServeHTTP(thorough{res}, req)
	synctest.Wait()
	return readReply(v, res.Code, res.Result().Header, res.Body.Bytes())
}

// raw is the text of the answer to a query, for several at once: it waits for nothing else.
func (v *virtual) raw(ctx context.Context, token, query string) string {
	v.Helper()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(requestBody(v, query)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Cache-Control", "no-cache")
	res := httptest.NewRecorder()
	v.handler.ServeHTTP(res, req)
	return res.Body.String()
}

// thorough lets whatever was started get as far as it can before the answer goes
// out and ends it, so that no call goes uncounted.
type thorough struct{ *httptest.ResponseRecorder }

func (w thorough) WriteHeader(status int) {
	synctest.Wait()
	w.ResponseRecorder.WriteHeader(status)
}

func (v *virtual) as(token, query string, variables ...any) *reply {
	v.Helper()
	if token != "" {
		token = "Bearer " + token
	}
	return v.post(requestBody(v, query, variables...), "Authorization", token)
}

func (v *virtual) query(query string, variables ...any) *reply {
	v.Helper()
	return v.as(sandbox.TokenPractitioner, query, variables...)
}

func requestBody(t testing.TB, query string, variables ...any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": pairs(variables)})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// silent fails the test if text that must not get out is in a place.
func silent(t testing.TB, where, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%s holds %q: %s", where, secret, text)
		}
	}
}

// fromPartner is what of the partner's side no client and no log may see.
var fromPartner = []string{canary, "sandbox.embedded", "http:", "https:", "/clinic", "/api", "api/", "catalog/"}

// withoutRoutes takes out which calls were made, which the log says with their route
// templates.
func withoutRoutes(log string) string {
	return regexp.MustCompile(`"call":"[A-Z]+ [a-z_/{}]+",`).ReplaceAllString(log, "")
}

// chatty is a fault's header that holds the canary wherever it can.
func chatty(more ...string) http.Header {
	h := http.Header{
		"Server": {canary}, "Set-Cookie": {"a=" + canary}, "X-Debug": {canary},
		"Www-Authenticate": {`Bearer realm="` + canary + `"`}, "Content-Type": {"text/" + canary},
	}
	for i := 0; i+1 < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

// startRemote runs a gateway in front of a partner of its own on the network.
func startRemote(t *testing.T, c gateway.Config, partner http.Handler) *harness {
	t.Helper()
	upstream := httptest.NewServer(partner)
	t.Cleanup(upstream.Close)
	c.Upstream = upstream.URL + "/api"
	h := &harness{t: t, log: &logBuffer{}}
	g, err := gateway.New(c, zerolog.New(h.log))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	h.url = server.URL
	h.close = sync.OnceFunc(func() {
		server.Close()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.close)
	return h
}
