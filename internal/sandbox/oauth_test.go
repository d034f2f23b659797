package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

const testRedirect = "http://127.0.0.1:8080/oauth/callback"

// consentFor walks through the consent page and returns where the browser is sent.
func consentFor(t *testing.T, h http.Handler, user, decision string) *url.URL {
	t.Helper()
	query := url.Values{"client_id": {DefaultClientID}, "redirect_uri": {testRedirect}, "response_type": {"code"}, "state": {"a b&c=d"}, "code_challenge": {"x"}}
	start := serve(t, h, newRequest(t, "GET", "/oauth/authorize?"+query.Encode(), "")).want(http.StatusFound)
	from, _ := url.Parse("http://127.0.0.1:7070/api/oauth/authorize")
	to, err := from.Parse(start.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	page := serve(t, h, newRequest(t, "GET", strings.TrimPrefix(to.RequestURI(), "/api"), "")).want(http.StatusOK)
	if policy := page.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'self' http://127.0.0.1:8080") {
		t.Errorf("policy is %s", policy)
	}
	form := url.Values{"user": {user}, "decision": {decision}}
	for _, field := range regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`).FindAllStringSubmatch(page.Body.String(), -1) {
		form.Set(field[1], strings.ReplaceAll(field[2], "&amp;", "&"))
	}
	if user != "" && !strings.Contains(page.Body.String(), `value="`+user+`"`) {
		t.Errorf("%s cannot be chosen", user)
	}
	action := regexp.MustCompile(`action="([^"]*)"`).FindStringSubmatch(page.Body.String())[1]
	at, _ := to.Parse(action)
	r := newRequest(t, "POST", strings.TrimPrefix(at.Path, "/api"), form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	back, err := url.Parse(serve(t, h, r).want(http.StatusFound).Header().Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), testRedirect) {
		t.Fatalf("sent to %v", back)
	}
	if back.Query().Get("state") != "a b&c=d" {
		t.Errorf("state came back as %q", back.Query().Get("state"))
	}
	return back
}

func tokenFor(t *testing.T, s *Server, fields map[string]string) answer {
	t.Helper()
	body := url.Values{"client_id": {DefaultClientID}, "client_secret": {DefaultClientSecret}, "redirect_uri": {testRedirect}}
	for name, value := range fields {
		body.Set(name, value)
	}
	r := newRequest(t, "POST", "/oauth/token", body.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return serve(t, s, r)
}

func tokens(a answer) (access, refresh string) {
	o := a.object()["oauth"].(map[string]any)
	return o["access_token"].(string), o["refresh_token"].(string)
}

func TestOAuthFlow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s := New(Options{Now: func() time.Time { return now }})
	code := consentFor(t, s.ControlHandler(), StaffID, "allow").Query().Get("code")
	exchange := map[string]string{"grant_type": "authorization_code", "code": code}
	first := tokenFor(t, s, exchange).want(http.StatusOK)
	o := first.object()["oauth"].(map[string]any)
	owner := fmt.Sprint(o["resource_owner"])
	if o["expires_in"] != 7200.0 || o["token_type"] != "Bearer" || !strings.Contains(owner, StaffID) || !strings.Contains(owner, "Staff") || !strings.Contains(owner, ClinicID) {
		t.Errorf("token is %v", o)
	}
	tokenFor(t, s, exchange).want(http.StatusBadRequest) // one use

	access, refresh := tokens(first)
	callAs(t, s, access, "GET", "/clinic", "").want(200)
	callAs(t, s, access, "GET", "/labs", "").want(200)
	now = now.Add(accessLife)
	if got := callAs(t, s, access, "GET", "/clinic", "").want(401).object()["error"]; got != "The access token expired" {
		t.Errorf("says %v", got)
	}

	// The old refresh token lives until the new access token is used: its answer may have been lost.
	renew := map[string]string{"grant_type": "refresh_token", "refresh_token": refresh}
	lost, _ := tokens(tokenFor(t, s, renew).want(200))
	access, next := tokens(tokenFor(t, s, renew).want(200))
	if next == refresh || lost == access {
		t.Error("the same token twice")
	}
	callAs(t, s, access, "GET", "/clinic", "").want(200)
	tokenFor(t, s, renew).want(http.StatusBadRequest)

	revoke := `{"client_id":"sandbox-client","client_secret":"sandbox-secret","token":"` + access + `"}`
	if got := callAs(t, s, "", "POST", "/oauth/revoke", revoke).want(200).Body.String(); got != "{}" {
		t.Errorf("revoking answers %s", got)
	}
	callAs(t, s, access, "GET", "/clinic", "").want(401)
	tokenFor(t, s, map[string]string{"grant_type": "refresh_token", "refresh_token": next}).want(http.StatusBadRequest)
}

func TestOAuthRefusals(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s := New(Options{Now: func() time.Time { return now }, SingleUseRefresh: true})
	denied := consentFor(t, s, "", "deny")
	if denied.Query().Get("error") != "access_denied" || denied.Query().Has("code") {
		t.Errorf("denied goes to %s", denied)
	}
	fresh := func() map[string]string {
		return map[string]string{"grant_type": "authorization_code", "code": consentFor(t, s, OtherClinicPractitionerID, "allow").Query().Get("code")}
	}
	late := fresh()
	now = now.Add(codeLife)
	tokenFor(t, s, late).want(http.StatusBadRequest)
	elsewhere := fresh()
	elsewhere["redirect_uri"] = "http://127.0.0.1:8080/other"
	tokenFor(t, s, elsewhere).want(http.StatusBadRequest)
	delete(elsewhere, "redirect_uri")
	tokenFor(t, s, elsewhere).want(http.StatusBadRequest) // the wrong try spent it
	wrong := fresh()
	wrong["client_secret"] = "wrong"
	if got := tokenFor(t, s, wrong).want(http.StatusUnauthorized).object()["error"]; got != "invalid_client" {
		t.Errorf("says %v", got)
	}
	access, refresh := tokens(tokenFor(t, s, fresh()).want(200))
	renew := map[string]string{"grant_type": "refresh_token", "refresh_token": refresh}
	tokenFor(t, s, renew).want(200)
	if got := tokenFor(t, s, renew).want(http.StatusBadRequest).object()["error"]; got != "invalid_grant" {
		t.Errorf("says %v", got)
	}
	if got := callAs(t, s, access, "GET", "/clinic", "").want(200).object()["clinic"].(map[string]any)["id"]; got != OtherClinicID {
		t.Errorf("clinic is %v", got)
	}
}

func TestRedirectsAreComparedExactly(t *testing.T) {
	t.Parallel()
	loopback := Client{}
	only := Client{RedirectURIs: []string{"https://app.example/cb"}}
	for _, c := range []struct {
		client Client
		uri    string
		want   bool
	}{
		{loopback, "http://127.0.0.1:8080/cb", true},
		{loopback, "http://localhost/cb?x=1", true},
		{loopback, "http://[::1]:1/", true},
		{loopback, "https://127.0.0.1/cb", true},
		{loopback, "https://localhost:18221/oauth/callback", true},
		{loopback, "ftp://127.0.0.1/cb", false},
		{loopback, "http://127.0.0.1.example/cb", false},
		{loopback, "http://localhost@evil.example/", false},
		{loopback, "", false},
		{loopback, "javascript:alert(1)", false},
		{only, "https://app.example/cb", true},
		{only, "https://app.example/cb/", false},
		{only, "http://127.0.0.1/cb", false},
	} {
		if got := c.client.allows(c.uri); got != c.want {
			t.Errorf("%q is allowed: %v, want %v", c.uri, got, c.want)
		}
	}
}

func TestOAuthIsNotLimited(t *testing.T) {
	t.Parallel()
	s := New(Options{RateLimit: 1})
	call(t, s, "GET", "/clinic", "").want(200)
	call(t, s, "GET", "/clinic", "").want(429)
	for range 5 {
		tokenFor(t, s, map[string]string{"grant_type": "refresh_token", "refresh_token": "x"}).want(400)
	}
}
