package oauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/oauth"
	"fsgateway/internal/sandbox"
)

// TestRelay trades and ends tokens for an app that does not know the client's
// secret, in the form that OAuth has them.
func TestRelay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sandbox.Options{})
	send := func(path, media, body string) (int, map[string]any, http.Header) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, home+path, strings.NewReader(body))
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		handler(h.sessions).ServeHTTP(w, r)
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), sandbox.DefaultClientSecret) {
			t.Errorf("the secret goes out: %s", w.Body)
		}
		return w.Code, answer, w.Header()
	}
	const form, jsonType = "application/x-www-form-urlencoded", "application/json"
	code := func() string {
		t.Helper()
		q := url.Values{"client_id": {sandbox.DefaultClientID}, "redirect_uri": {"http://127.0.0.1:3000/back"}, "response_type": {"code"}, "decision": {"allow"}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, partner+"/api/oauth/authorize", strings.NewReader(q.Encode()))
		r.Header.Set("Content-Type", form)
		w := httptest.NewRecorder()
		h.sandbox.ServeHTTP(w, r)
		u, err := w.Result().Location()
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("code")
	}
	grant := url.Values{"grant_type": {"authorization_code"}, "code": {code()}, "redirect_uri": {"http://127.0.0.1:3000/back"}}
	status, first, header := send("/oauth/token", form, grant.Encode())
	if status != http.StatusOK || first["token_type"] != "Bearer" || first["expires_in"] != 7200.0 || first["resource_owner"] == nil ||
		header.Get("Cache-Control") != "no-store" || !h.accepted(first["access_token"].(string)) {
		t.Fatalf("%d %v", status, first)
	}
	renewal, _ := json.Marshal(map[string]string{"grant_type": "refresh_token", "refresh_token": first["refresh_token"].(string), "client_id": sandbox.DefaultClientID})
	status, second, _ := send("/oauth/token", jsonType, string(renewal))
	if status != http.StatusOK || second["access_token"] == first["access_token"] || !h.accepted(second["access_token"].(string)) {
		t.Fatalf("%d %v", status, second)
	}
	if status, answer, _ := send("/oauth/revoke", form, url.Values{"token": {second["access_token"].(string)}}.Encode()); status != http.StatusOK || len(answer) != 0 {
		t.Errorf("%d %v", status, answer)
	}
	if h.accepted(second["access_token"].(string)) {
		t.Error("it is not revoked")
	}

	for name, c := range map[string]struct {
		media, body string
		fault       *sandbox.Fault
		status      int
		code        string
	}{
		"CodeUsed":      {form, grant.Encode(), nil, 400, "invalid_grant"},
		"OtherGrant":    {form, "grant_type=password&username=a&password=b", nil, 400, "unsupported_grant_type"},
		"OurOwnToken":   {form, "grant_type=client_credentials", nil, 400, "unsupported_grant_type"},
		"Extension":     {jsonType, `{"grant_type":"urn:ietf:params:oauth:grant-type:jwt-bearer","assertion":"a"}`, nil, 400, "unsupported_grant_type"},
		"NoCode":        {form, "grant_type=authorization_code&refresh_token=r", nil, 400, "invalid_request"},
		"NoToken":       {form, "grant_type=refresh_token&code=c", nil, 400, "invalid_request"},
		"NoGrant":       {jsonType, `{}`, nil, 400, "invalid_request"},
		"OtherClient":   {form, "grant_type=refresh_token&refresh_token=r&client_id=other", nil, 400, "unauthorized_client"},
		"NoForm":        {"text/plain", "grant_type=refresh_token", nil, 400, "invalid_request"},
		"NoText":        {jsonType, `{"grant_type":1}`, nil, 400, "invalid_request"},
		"TooLarge":      {form, "grant_type=" + strings.Repeat("x", 20<<10), nil, 400, "invalid_request"},
		"Down":          {form, "grant_type=refresh_token&refresh_token=r", &sandbox.Fault{Status: 503, Body: "CANARY"}, 502, "temporarily_unavailable"},
		"DownInWords":   {form, "grant_type=refresh_token&refresh_token=r", &sandbox.Fault{Status: 500, Body: `{"error":"invalid_grant"}`}, 502, "temporarily_unavailable"},
		"Reset":         {form, "grant_type=refresh_token&refresh_token=r", &sandbox.Fault{Reset: true}, 502, "temporarily_unavailable"},
		"OurSecret":     {form, "grant_type=refresh_token&refresh_token=r", &sandbox.Fault{Status: 401, Body: `{"error":"invalid_client","error_description":"CANARY"}`}, 502, "temporarily_unavailable"},
		"UnknownReason": {form, "grant_type=refresh_token&refresh_token=r", &sandbox.Fault{Status: 400, Body: `{"error":"CANARY"}`}, 400, "invalid_grant"},
	} {
		if c.fault != nil {
			c.fault.Operation, c.fault.Times = "createToken", 1
			h.sandbox.AddFault(*c.fault)
		}
		status, answer, _ := send("/oauth/token", c.media, c.body)
		text, _ := answer["error_description"].(string)
		if status != c.status || answer["error"] != c.code || strings.Contains(text, "CANARY") {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	// A grant that is not relayed makes no call.
	h.sandbox.ResetCalls()
	for _, grant := range []string{"client_credentials", "password", "", "refresh_token", "authorization_code", "Refresh_Token"} {
		send("/oauth/token", form, url.Values{"grant_type": {grant}}.Encode())
	}
	send("/oauth/revoke", form, "")
	if n := len(h.sandbox.Calls()); n != 0 {
		t.Errorf("%d calls", n)
	}
	// Whatever else is sent stays here, but for the verifier of PKCE.
	send("/oauth/token", form, "grant_type=authorization_code&code=c&redirect_uri=u&code_verifier=v&CANARY=1")
	if body := string(h.sandbox.Calls()[0].Body); body != `{"client_id":"sandbox-client","client_secret":"sandbox-secret","code":"c","code_verifier":"v","grant_type":"authorization_code","redirect_uri":"u"}` {
		t.Error(body)
	}
	h.sandbox.ResetCalls()
	send("/oauth/token", form, "grant_type=refresh_token&refresh_token=r&client_secret=mine&scope=all&CANARY=1")
	if body := string(h.sandbox.Calls()[0].Body); body != `{"client_id":"sandbox-client","client_secret":"sandbox-secret","grant_type":"refresh_token","refresh_token":"r"}` {
		t.Error(body)
	}
}

// TestRelayLimits: nobody can ask the relay without end, from one address or from
// many, and what is refused makes no call.
func TestRelayLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, sandbox.Options{})
		send := func(peer string) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, home+"/oauth/token", strings.NewReader("grant_type=refresh_token&refresh_token=r"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.RemoteAddr = peer + ":1234"
			w := httptest.NewRecorder()
			h.sessions.Token(w, r)
			if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "1" {
				t.Error("no Retry-After")
			}
			return w.Code
		}
		passed := func(n int, peer func(i int) string) (passed int) {
			for i := range n {
				if send(peer(i)) != http.StatusTooManyRequests {
					passed++
				}
			}
			return passed
		}
		is := func(text string) func(int) string { return func(int) string { return text } }
		for name, c := range map[string]struct {
			peer func(i int) string
			want int
		}{
			"Address": {is("192.0.2.1"), 30},
			"Network": {func(i int) string { return fmt.Sprintf("[2001:db8::%x]", i) }, 30},
			"Total":   {func(i int) string { return fmt.Sprintf("203.0.113.%d", i) }, 100},
		} {
			time.Sleep(time.Minute) // until the buckets are full again
			h.sandbox.ResetCalls()
			if got := passed(200, c.peer); got != c.want || len(h.sandbox.Calls()) != c.want {
				t.Errorf("%s: %d of 200 pass, with %d calls", name, got, len(h.sandbox.Calls()))
			}
		}
	})
}

// TestCallbackLimits: codes that somebody makes up cost the partner few calls, and a browser that
// was sent away signs in a moment later.
func TestCallbackLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, sandbox.Options{})
		get := func(path, peer string, cookies ...*http.Cookie) *http.Response {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, home+path, nil)
			r.RemoteAddr = peer + ":1234"
			for _, c := range cookies {
				r.AddCookie(c)
			}
			w := httptest.NewRecorder()
			handler(h.sessions).ServeHTTP(w, r)
			return w.Result()
		}
		back := func(peer string) func() int {
			res := get("/oauth/login", peer)
			to, err := res.Location()
			if err != nil {
				t.Fatal(err)
			}
			return func() int {
				return get("/oauth/callback?"+url.Values{"code": {"made-up"}, "state": {to.Query().Get("state")}}.Encode(), peer, res.Cookies()...).StatusCode
			}
		}
		for range 30 {
			back("192.0.2.1")()
		}
		again := back("192.0.2.1")
		if status := again(); status != http.StatusTooManyRequests {
			t.Errorf("status %d", status)
		}
		if n := len(h.sandbox.Calls()); n != 30 {
			t.Errorf("%d calls", n)
		}
		if status := back("192.0.2.2")(); status != http.StatusFound {
			t.Errorf("another address gets %d", status)
		}
		time.Sleep(time.Second)
		if status := again(); status != http.StatusFound {
			t.Errorf("status %d after a second", status)
		}
	})
}

// TestEnvelope passes on what has none, and leaves other bodies alone.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`{"oauth":{"access_token":"a","expires_in":"7200"}}`: `{"access_token":"a","expires_in":7200}`,
		`{"access_token":"a"}`:                               `{"access_token":"a"}`,
		`{"oauth":null}`:                                     `{"oauth":null}`,
		`{"oauth":"a"}`:                                      `{"oauth":"a"}`,
		`{"error":"invalid_grant"}`:                          `{"error":"invalid_grant"}`,
		`no JSON`:                                            `no JSON`,
		``:                                                   ``,
	} {
		var got string
		base := served{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if media := r.Header.Get("Content-Type"); media != "application/json" {
				t.Error(media)
			}
			if err := json.NewDecoder(r.Body).Decode(&map[string]string{}); err != nil {
				t.Error(err)
			}
			_, _ = w.Write([]byte(sent))
		})}
		res, err := (&http.Client{Transport: oauth.Envelope(base)}).PostForm(partner, url.Values{"a": {"1"}})
		if err != nil {
			t.Fatal(err)
		}
		raw := make([]byte, 1000)
		n, _ := res.Body.Read(raw)
		if got = string(raw[:n]); got != want || res.ContentLength != int64(len(want)) {
			t.Errorf("%s: %s", sent, got)
		}
	}
}
