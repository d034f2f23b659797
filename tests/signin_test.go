package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// browser is one that is signed in, as far as cookies and redirects make one.
type browser struct {
	*harness
	client *http.Client
	landed *url.URL // where the sign-in ended
}

func (h *harness) browser() *browser {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &browser{harness: h, client: &http.Client{Jar: jar, Transport: h.http().Transport}}
}

// signIn goes through the partner's consent page as a user.
func (h *harness) signIn(user string) *browser {
	h.t.Helper()
	return h.signInAs(h.browser(), user)
}

// signInAs is signIn in a browser.
func (h *harness) signInAs(b *browser, user string) *browser {
	h.t.Helper()
	status, page, at := b.send(http.MethodGet, h.url+"/oauth/login", "", nil)
	if status != http.StatusOK || !strings.Contains(page, `name="decision" value="allow"`) {
		h.t.Fatalf("%d at %s: %s", status, at, page)
	}
	q := at.Query()
	form := url.Values{"user": {user}, "decision": {"allow"}, "response_type": {"code"}}
	for _, name := range []string{"client_id", "redirect_uri", "state"} {
		form.Set(name, q.Get(name))
	}
	action := at.JoinPath("..", "..", "authorize")
	action.RawQuery = ""
	_, _, b.landed = b.send(http.MethodPost, action.String(), form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	return b
}

// send gives the status, the text and the address of what it ends at.
func (b *browser) send(method, address, body string, header http.Header) (int, string, *url.URL) {
	b.t.Helper()
	res := b.exchange(method, address, body, header)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(raw), res.Request.URL
}

func (b *browser) exchange(method, address, body string, header http.Header) *http.Response {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

// ask sends a query with the browser's cookies and nothing else.
func (b *browser) ask(query string, variables ...any) *answer {
	b.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": pairs(variables)})
	if err != nil {
		b.t.Fatal(err)
	}
	res := b.exchange(http.MethodPost, b.url+"/graphql", string(body), http.Header{"Content-Type": {"application/json"}})
	defer res.Body.Close()
	a := &answer{Status: res.StatusCode, Header: res.Header}
	if err := json.NewDecoder(res.Body).Decode(a); err != nil {
		b.t.Fatal(err)
	}
	return a
}

func (b *browser) query(query string, variables ...any) map[string]any {
	b.t.Helper()
	a := b.ask(query, variables...)
	for _, e := range a.Errors {
		b.t.Errorf("%v: %s %v", e.Path, e.Message, e.Extensions)
	}
	return a.Data
}

const who = `{ viewer { signedIn sessionEndsAt ownerType ownerTypeRaw scopes practitioner { id fullscriptId } staff { id lastName } clinic { fullscriptId } } }`

// TestSignIn signs in, reads and writes by cookie, and signs out.
func TestSignIn(t *testing.T) {
	t.Parallel()
	h := start(t)
	b := h.signIn(sandbox.StaffID)
	if b.landed.String() != h.url+"/" {
		t.Errorf("it ends at %s", b.landed)
	}
	h.sandbox.ResetCalls()
	v := b.query(who)
	if at(t, v, "viewer.signedIn") != true || at(t, v, "viewer.ownerType") != "STAFF" || at(t, v, "viewer.ownerTypeRaw") != "Staff" ||
		at(t, v, "viewer.practitioner") != nil || at(t, v, "viewer.staff.id") != "Staff:"+sandbox.StaffID || at(t, v, "viewer.staff.lastName") == nil ||
		at(t, v, "viewer.clinic.fullscriptId") != sandbox.ClinicID || len(list(t, v, "viewer.scopes")) != 8 || at(t, v, "viewer.sessionEndsAt") == nil {
		t.Errorf("%v", v)
	}
	if n := h.sandbox.Count(""); n != 2 {
		t.Errorf("%d calls, want those for the name and the clinic", n)
	}
	h.sandbox.ResetCalls()
	b.query(`{ viewer { ownerType staff { id } scopes } }`)
	if n := h.sandbox.Count(""); n != 0 {
		t.Errorf("%d calls for what is known", n)
	}
	created := b.query(`mutation { createPatient(input: {firstName: "Ada", lastName: "Sample", email: "ada.signed.in@example.org"}) { patient { id } userErrors { message } } }`)
	if at(t, created, "createPatient.patient.id") == nil {
		t.Errorf("%v", created)
	}
	// A header goes before the cookie.
	status, text, _ := b.send(http.MethodPost, h.url+"/graphql", `{"query":"{ viewer { signedIn } clinic { fullscriptId } }"}`,
		http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + sandbox.TokenOtherClinic}})
	if status != http.StatusOK || !strings.Contains(text, `{"viewer":{"signedIn":false},"clinic":{"fullscriptId":"`+sandbox.OtherClinicID) {
		t.Errorf("%d %s", status, text)
	}
	if res := b.exchange(http.MethodGet, h.url+"/resources/"+sandbox.ResourceID+"/download", "", nil); res.StatusCode != http.StatusOK {
		t.Errorf("a download by cookie: %d", res.StatusCode)
	}

	if status, text, _ := b.send(http.MethodPost, h.url+"/oauth/logout", "", nil); status != http.StatusOK || strings.TrimSpace(text) != `{"revoked":true}` {
		t.Errorf("%d %s", status, text)
	}
	a := b.ask(who)
	if a.Status != http.StatusUnauthorized || a.Errors[0].Extensions["code"] != "UNAUTHENTICATED" || !strings.Contains(a.Errors[0].Message, h.url+"/oauth/login") {
		t.Errorf("%d %v", a.Status, a.Errors)
	}
	h.sandbox.ResetCalls()
	for _, query := range []string{`{ viewer { signedIn } }`, `{ v: viewer { ...V } __typename } fragment V on Viewer { signedIn sessionEndsAt ownerType scopes practitioner { firstName } staff { id } }`} {
		if a := b.ask(query); a.Status != http.StatusOK || len(a.Errors) > 0 || !strings.Contains(fmt.Sprint(a.Data), "signedIn:false") {
			t.Errorf("%d %v %v", a.Status, a.Errors, a.Data)
		}
	}
	for _, query := range []string{`{ viewer { signedIn } clinic { name } }`, `{ viewer { ... { clinic { name } } } }`, `{ patients { totalCount } }`} {
		if a := b.ask(query); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d", query, a.Status)
		}
	}
	if n := h.sandbox.Count(""); n != 0 {
		t.Errorf("%d calls for nobody", n)
	}
	if v := h.query(who); at(t, v, "viewer.signedIn") != false || at(t, v, "viewer.scopes") != nil || at(t, v, "viewer.clinic.fullscriptId") != sandbox.ClinicID {
		t.Errorf("with a token of its own: %v", v)
	}
}

// TestForeignPages cannot use a cookie: neither to write, nor to read, nor to
// sign out.
func TestForeignPages(t *testing.T) {
	t.Parallel()
	c := config()
	c.CORSOrigins = []string{"https://app.example"}
	h := startWith(t, c, sandbox.Options{})
	b := h.signIn(sandbox.PractitionerID)
	const write = `{"query":"mutation { createPatient(input: {firstName: \"A\", lastName: \"B\", email: \"foreign@example.org\"}) { patient { id } } }"}`
	read := "?" + url.Values{"query": {"{ patients(first: 1) { nodes { email } } }"}}.Encode()
	jsonType := []string{"application/json"}
	for name, c := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
	}{
		"Form":               {"POST", "/graphql", write, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 400},
		"PlainText":          {"POST", "/graphql", write, http.Header{"Content-Type": {"text/plain"}}, 400},
		"NoType":             {"POST", "/graphql", write, nil, 400},
		"Get":                {"GET", "/graphql" + read, "", nil, 400},
		"WithPreflight":      {"GET", "/graphql" + read, "", http.Header{"Graphql-Require-Preflight": {"1"}}, 200},
		"MutationByGet":      {"GET", "/graphql?query=mutation%7B__typename%7D", "", http.Header{"Graphql-Require-Preflight": {"1"}}, 405},
		"CrossSite":          {"POST", "/graphql", write, http.Header{"Content-Type": jsonType, "Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, 403},
		"OtherOrigin":        {"POST", "/graphql", write, http.Header{"Content-Type": jsonType, "Origin": {"https://evil.example"}}, 403},
		"Listed":             {"POST", "/graphql", write, http.Header{"Content-Type": jsonType, "Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://app.example"}}, 200},
		"PreflightOfAnother": {"GET", "/graphql" + read, "", http.Header{"Graphql-Require-Preflight": {"1"}, "Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"cors"}}, 403},
		"PreflightOfOrigin":  {"GET", "/graphql" + read, "", http.Header{"Apollo-Require-Preflight": {"1"}, "Origin": {"https://evil.example"}}, 403},
		"PostWithPreflight":  {"POST", "/graphql", write, http.Header{"Content-Type": {"text/plain"}, "Graphql-Require-Preflight": {"1"}, "Sec-Fetch-Site": {"same-site"}}, 403},
		"PreflightOfListed":  {"GET", "/graphql" + read, "", http.Header{"Graphql-Require-Preflight": {"1"}, "Origin": {"https://app.example"}, "Sec-Fetch-Site": {"cross-site"}}, 200},
		"Own":                {"POST", "/graphql", write, http.Header{"Content-Type": jsonType, "Sec-Fetch-Site": {"same-origin"}}, 200},
		"CallbackByHead":     {"HEAD", "/oauth/callback?code=1&state=1", "", nil, 405},
		"LogoutByGet":        {"GET", "/oauth/logout", "", nil, 405},
		"LogoutByForm":       {"POST", "/oauth/logout", "", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, 403},
		"LogoutByOrigin":     {"POST", "/oauth/logout", "", http.Header{"Origin": {"null"}}, 403},
	} {
		h.sandbox.ResetCalls()
		status, text, _ := b.send(c.method, h.url+c.path, c.body, c.header)
		if n := h.sandbox.Count(""); status != c.status || (n > 0) != (c.status == 200) {
			t.Errorf("%s: %d %s, %d calls", name, status, text, n)
		}
	}
	if a := b.ask(who); a.Status != http.StatusOK {
		t.Errorf("it was signed out: %d", a.Status)
	}
	// Nobody else may read who is signed in, and pages of listed origins may.
	for origin, want := range map[string]string{"https://app.example": "true", "https://evil.example": ""} {
		res := b.exchange(http.MethodGet, h.url+"/oauth/session", "", http.Header{"Origin": {origin}})
		if got := res.Header.Get("Access-Control-Allow-Credentials"); got != want || (res.Header.Get("Access-Control-Allow-Origin") == origin) != (want != "") {
			t.Errorf("%s: %q %v", origin, got, res.Header)
		}
	}
}

// TestBehindAProxy: our own page is known by the public address, although the
// proxy calls the gateway by another name.
func TestBehindAProxy(t *testing.T) {
	t.Parallel()
	c := config()
	c.PublicURL, c.AllowEmbedded = "https://graphql.example.com/gateway", true
	h := startWith(t, c, sandbox.Options{})
	for origin, want := range map[string]int{"https://graphql.example.com": 200, "https://evil.example": 403} {
		if status, text, _ := h.browser().send(http.MethodPost, h.url+"/oauth/logout", "", http.Header{"Origin": {origin}}); status != want {
			t.Errorf("%s: %d %s", origin, status, text)
		}
	}
}

// TestSessionsOfTwo are kept apart, whoever asks first.
func TestSessionsOfTwo(t *testing.T) {
	t.Parallel()
	h := start(t)
	a := h.as(sandbox.TokenOtherClinic, `{ practitioners(first: 1) { nodes { fullscriptId } } }`)
	other := at(t, a.Data, "practitioners.nodes.0.fullscriptId").(string)
	one, two := h.signIn(sandbox.PractitionerID), h.signIn(other)
	for range 3 {
		if v := one.query(who); at(t, v, "viewer.clinic.fullscriptId") != sandbox.ClinicID {
			t.Errorf("%v", v)
		}
		if v := two.query(who); at(t, v, "viewer.clinic.fullscriptId") != sandbox.OtherClinicID || at(t, v, "viewer.practitioner.fullscriptId") != other {
			t.Errorf("%v", v)
		}
	}
}

// TestSignInLog: nothing that signs in is in the log.
func TestSignInLog(t *testing.T) {
	t.Parallel()
	h := start(t)
	b := h.signIn(sandbox.PractitionerID)
	b.query(`{ clinic { name } }`)
	u, _ := url.Parse(h.url)
	secrets := []string{sandbox.DefaultClientSecret}
	for _, c := range b.client.Jar.Cookies(u) {
		secrets = append(secrets, c.Value)
	}
	for _, call := range h.sandbox.Calls() {
		secrets = append(secrets, regexp.MustCompile(`(code|access|refresh)-[0-9a-f-]{36}`).FindAllString(string(call.Body), -1)...)
		if call.Operation == "authorize" {
			q, _ := url.ParseQuery(call.Query)
			secrets = append(secrets, q.Get("state"))
		}
	}
	if len(secrets) < 4 {
		t.Fatalf("only %d secrets were found", len(secrets))
	}
	b.send(http.MethodPost, h.url+"/oauth/logout", "", nil)
	for _, route := range []string{"/oauth/login", "/oauth/callback", "/oauth/logout"} {
		eventually(t, func() bool { return strings.Contains(h.log.String(), `"route":"`+route+`"`) }, route+" is not in the log")
	}
	for _, s := range secrets {
		if s == "" || strings.Contains(h.log.String(), s) {
			t.Errorf("%q is in the log", s)
		}
	}
}

// TestNoSignIn is a gateway that the partner does not know as an app.
func TestNoSignIn(t *testing.T) {
	t.Parallel()
	c := config()
	c.Upstream = "http://127.0.0.1:1/api"
	h := &harness{t: t, sandbox: sandbox.New(sandbox.Options{}), log: &logBuffer{}}
	h.serve(c)
	for _, path := range []string{"/oauth/login", "/oauth/session", "/oauth/token"} {
		if status, text, _ := h.browser().send(http.MethodGet, h.url+path, "", nil); status != http.StatusNotFound || !strings.Contains(text, "--client-id") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	c.CORSOrigins = []string{"https://app.example"}
	h.serve(c)
	res := h.browser().exchange(http.MethodPost, h.url+"/graphql", "", http.Header{"Origin": c.CORSOrigins})
	if res.Header.Get("Access-Control-Allow-Origin") == "" || res.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("browsers may send cookies: %v", res.Header)
	}
	c.ClientID, c.ClientSecret = "app", "app-secret"
	h.serve(c)
	if status, text, _ := h.browser().send(http.MethodPost, h.url+"/oauth/token", "", nil); status != http.StatusNotFound || !strings.Contains(text, "--oauth-relay") {
		t.Errorf("%d %s", status, text)
	}
}
