package oauth_test

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/oauth"
	"fsgateway/internal/sandbox"
	"fsgateway/internal/seal"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sandbox.Options{})
	b := h.browser(h.sessions)
	if b.session().SignedIn {
		t.Error("signed in before it began")
	}
	_, _, page := b.open(home + "/oauth/login?return_to=/app?tab=2")
	q := page.Query()
	if page.Host != "partner.example" || q.Get("client_id") != sandbox.DefaultClientID || q.Get("redirect_uri") != home+"/oauth/callback" ||
		q.Get("response_type") != "code" || len(q.Get("state")) < 26 || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 {
		t.Fatalf("the partner is asked for %s", page)
	}
	if _, _, at := b.post(partner+"/api/oauth/authorize", consent(page, sandbox.StaffID, "allow")); at.String() != home+"/app?tab=2" {
		t.Errorf("it ends at %s", at)
	}
	s := b.session()
	if !s.SignedIn || s.Owner.Type != "Staff" || s.Owner.ID != sandbox.StaffID || s.Owner.ClinicID != sandbox.ClinicID ||
		!slices.Contains(s.Owner.Scopes, "patients:read") || time.Until(s.Ends).Round(time.Hour) != 12*time.Hour {
		t.Errorf("%+v", s)
	}
	token, err := b.token(h.sessions)
	if err != nil || !h.accepted(token) {
		t.Errorf("%q, %v", token, err)
	}
	for _, c := range h.sandbox.Calls() {
		if c.Operation == "createToken" && !strings.HasPrefix(string(c.Body), `{"client_id":"sandbox-client","client_secret":"sandbox-secret","code":"code-`) {
			t.Errorf("the code is traded in by %s", c.Body)
		}
	}

	if _, text, _ := b.post(home+"/oauth/logout", nil); text != "{\"revoked\":true}\n" {
		t.Error(text)
	}
	if _, err := b.token(h.sessions); !errors.Is(err, http.ErrNoCookie) || b.session().SignedIn || h.accepted(token) {
		t.Errorf("after it logged out: %v", err)
	}
	if _, text, _ := b.post(home+"/oauth/logout", nil); text != "{\"revoked\":false}\n" {
		t.Error(text)
	}
}

// TestCookies are as restricted as the address allows.
func TestCookies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sandbox.Options{})
	for address, want := range map[string]string{
		home:                      "; Path=/; Max-Age=600; HttpOnly; SameSite=Lax",
		"https://graphql.example": "; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax",
	} {
		o := h.options
		o.PublicURL = address
		w := httptest.NewRecorder()
		oauth.New(o).Login(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
		got := w.Header().Get("Set-Cookie")
		if !strings.HasSuffix(got, want) || strings.HasPrefix(got, "__Host-") != strings.Contains(want, "Secure") {
			t.Errorf("%s: %s", address, got)
		}
		location, err := url.Parse(w.Header().Get("Location"))
		if err != nil || strings.Contains(got, location.Query().Get("state")) {
			t.Errorf("%s: the cookie shows the state, or %v", address, err)
		}
	}
}

// TestCallback refuses what did not begin here, or is over, and tells the page
// what else went wrong.
func TestCallback(t *testing.T) {
	t.Parallel()
	// begun is a browser at the consent page, and where that would lead it back to.
	begun := func(t *testing.T) (*house, *browser, *url.URL) {
		h := newHouse(t, sandbox.Options{})
		b := h.browser(h.sessions)
		_, _, page := b.open(home + "/oauth/login?return_to=/app")
		stop := errors.New("stop")
		b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), home) {
				return stop
			}
			return nil
		}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, partner+"/api/oauth/authorize",
			strings.NewReader(consent(page, sandbox.PractitionerID, "allow").Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := b.client.Do(req)
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		res.Body.Close()
		b.client.CheckRedirect = nil
		back, err := res.Location()
		if err != nil {
			t.Fatal(err)
		}
		return h, b, back
	}
	with := func(u *url.URL, name, value string) string {
		c, q := *u, u.Query()
		q.Set(name, value)
		c.RawQuery = q.Encode()
		return c.String()
	}
	refused := func(t *testing.T, b *browser, address string) {
		t.Helper()
		status, text, at := b.open(address)
		if status != http.StatusBadRequest || at.Path != "/oauth/callback" || !strings.Contains(text, `<a href="login">`) {
			t.Errorf("%d at %s: %s", status, at, text)
		}
		if strings.Contains(text, "code-") || b.session().SignedIn {
			t.Error("it went on")
		}
	}
	told := func(t *testing.T, b *browser, address, reason string) {
		t.Helper()
		if _, _, at := b.open(address); at.String() != home+"/app?signin_error="+reason {
			t.Errorf("it ends at %s", at)
		}
		if b.session().SignedIn {
			t.Error("it is signed in")
		}
	}
	t.Run("OtherState", func(t *testing.T) {
		t.Parallel()
		_, b, back := begun(t)
		refused(t, b, with(back, "state", "AAAAAAAAAAAAAAAAAAAAAAAAAA"))
		refused(t, b, with(back, "state", ""))
	})
	t.Run("OtherBrowser", func(t *testing.T) {
		t.Parallel()
		h, _, back := begun(t)
		refused(t, h.browser(h.sessions), back.String())
		other := h.browser(h.sessions) // in the middle of a sign-in of its own
		other.open(home + "/oauth/login")
		refused(t, other, back.String())
	})
	t.Run("OtherKey", func(t *testing.T) {
		t.Parallel()
		h, b, back := begun(t)
		o := h.options
		o.Seal = seal.New()
		other := h.browser(oauth.New(o))
		other.client.Jar = b.client.Jar
		refused(t, other, back.String())
	})
	t.Run("Twice", func(t *testing.T) {
		t.Parallel()
		h, b, back := begun(t)
		thief := h.browser(h.sessions) // has the browser's cookies as well
		u, _ := url.Parse(home)
		thief.client.Jar.SetCookies(u, b.client.Jar.Cookies(u))
		if _, _, at := b.open(back.String()); at.Path != "/app" || !b.session().SignedIn {
			t.Fatalf("it ends at %s", at)
		}
		before := h.sandbox.Count("createToken")
		refused(t, thief, back.String())
		if n := h.sandbox.Count("createToken") - before; n != 0 {
			t.Errorf("the code was sent %d times more", n)
		}
	})
	t.Run("TenMinutes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, b, back := begun(t)
			time.Sleep(10 * time.Minute)
			refused(t, b, back.String())
		})
		synctest.Test(t, func(t *testing.T) {
			_, b, back := begun(t)
			time.Sleep(10*time.Minute - time.Second)
			if _, _, at := b.open(back.String()); at.Path != "/app" || at.RawQuery != "" || !b.session().SignedIn {
				t.Errorf("it ends at %s", at)
			}
		})
	})
	t.Run("CookieKeptLonger", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h, b, back := begun(t)
			u, _ := url.Parse(home)
			kept := b.client.Jar.Cookies(u)
			time.Sleep(10 * time.Minute)
			late := h.browser(h.sessions) // one that does not heed Max-Age
			late.client.Jar.SetCookies(u, kept)
			refused(t, late, back.String())
			if n := h.sandbox.Count("createToken"); n != 0 {
				t.Errorf("the code was sent %d times", n)
			}
		})
	})
	t.Run("OtherErrors", func(t *testing.T) {
		t.Parallel()
		for word, want := range map[string]string{
			"server_error": "server_error", "temporarily_unavailable": "temporarily_unavailable", "invalid_scope": "invalid_scope",
			"<script>": "server_error", "": "server_error",
		} {
			_, b, back := begun(t)
			q := url.Values{"state": {back.Query().Get("state")}, "error": {word}}
			told(t, b, home+"/oauth/callback?"+q.Encode(), want)
		}
	})
	t.Run("Denied", func(t *testing.T) {
		t.Parallel()
		_, b, back := begun(t)
		q := url.Values{"state": {back.Query().Get("state")}, "error": {"access_denied"}}
		told(t, b, home+"/oauth/callback?"+q.Encode(), "access_denied")
	})
	t.Run("CodeRefused", func(t *testing.T) {
		t.Parallel()
		_, b, back := begun(t)
		told(t, b, with(back, "code", "code-of-somebody-else"), "code_refused")
	})
	t.Run("PartnerDown", func(t *testing.T) {
		t.Parallel()
		for _, f := range []sandbox.Fault{
			{Status: 503},
			{Reset: true},
			{Truncate: true},
			{Status: 200, Body: "no JSON"},
			{Status: 200, Body: `{"oauth":{}}`},
			{Status: 302, Header: http.Header{"Location": {home + "/elsewhere"}}},
			{Status: 401, Body: `{"error":"invalid_client"}`},
		} {
			h, b, back := begun(t)
			f.Operation = "createToken"
			h.sandbox.AddFault(f)
			told(t, b, back.String(), "unavailable")
		}
	})
	t.Run("StoreDown", func(t *testing.T) {
		t.Parallel()
		h, b, back := begun(t)
		h.store.set(func(op, key string) error {
			if op == "add" && strings.HasPrefix(key, "session:") {
				return io.ErrUnexpectedEOF
			}
			return nil
		})
		told(t, b, back.String(), "unavailable")
		if n := h.sandbox.Count("revokeToken"); n != 1 {
			t.Errorf("tokens that nobody has were revoked %d times", n)
		}
	})
	t.Run("Again", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, sandbox.Options{})
		b := h.browser(h.sessions)
		b.signIn(sandbox.StaffID)
		old, _ := b.token(h.sessions)
		b.signIn(sandbox.PractitionerID)
		token, _ := b.token(h.sessions)
		if s := b.session(); s.Owner.ID != sandbox.PractitionerID || !h.accepted(token) || h.accepted(old) {
			t.Errorf("%+v, the old token is good: %t", s, h.accepted(old))
		}
	})
}

// TestTwoTabs sign in side by side.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sandbox.Options{})
	b := h.browser(h.sessions)
	_, _, one := b.open(home + "/oauth/login?return_to=/one")
	_, _, two := b.open(home + "/oauth/login?return_to=/two")
	if _, _, at := b.post(partner+"/api/oauth/authorize", consent(one, sandbox.StaffID, "allow")); at.Path != "/one" {
		t.Errorf("it ends at %s", at)
	}
	if _, _, at := b.post(partner+"/api/oauth/authorize", consent(two, sandbox.StaffID, "allow")); at.Path != "/two" {
		t.Errorf("it ends at %s", at)
	}
}

// TestOtherName begins at localhost, where the partner leads to 127.0.0.1.
func TestOtherName(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sandbox.Options{})
	b := h.browser(h.sessions)
	_, _, page := b.open("http://localhost:8080/oauth/login?return_to=/app")
	if _, _, at := b.post(partner+"/api/oauth/authorize", consent(page, sandbox.StaffID, "allow")); at.String() != home+"/app" || !b.session().SignedIn {
		t.Errorf("it ends at %s", at)
	}
}

// TestReturnTo leads to our own pages and to those of the origins only.
func TestReturnTo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sandbox.Options{})
	for to, fine := range map[string]bool{
		"/": true, "/app?x=1#y": true, home + "/app": true, "https://app.example": true, "https://app.example/a?b=c": true,
		"//evil.example": true, "/\\evil.example": true, "/%2f evil.example": true, // which are paths here
		"https://evil.example/": false, "https://app.example.evil.example": false, "https://app.example@evil.example": false,
		"\\\\evil.example": false, "javascript:alert(1)": false, "data:text/html,x": false, "app": false, "/a\nb": false,
		"http://app.example": false, "https://app.example:444": false, "https:app.example": false, "https:///app.example": false, ":": false, "%": false,
	} {
		w := httptest.NewRecorder()
		h.sessions.Login(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, home+"/oauth/login?"+url.Values{"return_to": {to}}.Encode(), nil))
		if got := w.Code == http.StatusFound; got != fine {
			t.Errorf("%q: %d", to, w.Code)
		}
	}
}

// TestReturnToBehindAPrefix: a path is one of the host, as browsers have it, and
// without one it goes to the gateway's own page.
func TestReturnToBehindAPrefix(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sandbox.Options{})
	o := h.options
	o.PublicURL = home + "/gateway"
	b := h.browser(oauth.New(o))
	for to, want := range map[string]string{"": home + "/gateway/", "/app": home + "/app", home + "/gateway/x": home + "/gateway/x"} {
		_, _, page := b.open(home + "/oauth/login?" + url.Values{"return_to": {to}}.Encode())
		if _, _, at := b.post(partner+"/api/oauth/authorize", consent(page, sandbox.StaffID, "allow")); at.String() != want {
			t.Errorf("%q leads to %s", to, at)
		}
	}
}

// refreshShape is the address that a page leads to by itself.
var refreshShape = regexp.MustCompile(`<meta http-equiv="refresh" content="0; url=([^"]*)">`)

// TestReturnToAnotherOrigin leads there by a page: the partner's consent page may
// forbid its forms to be redirected anywhere but to the app's redirect URI.
func TestReturnToAnotherOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ to, decision, want string }{
		{"https://app.example", "allow", "https://app.example"},
		{"https://app.example/a?b=c&d=%20%26#e", "allow", "https://app.example/a?b=c&d=%20%26#e"},
		{"https://app.example/a?b=c&d=%20%26#e", "deny", "https://app.example/a?b=c&d=+%26&signin_error=access_denied#e"},
		{`https://app.example/"><script>'`, "allow", "https://app.example/%22%3E%3Cscript%3E%27"},
	} {
		h := newHouse(t, sandbox.Options{})
		b := h.browser(h.sessions)
		_, _, consentPage := b.open(home + "/oauth/login?" + url.Values{"return_to": {c.to}}.Encode())
		status, page, at := b.post(partner+"/api/oauth/authorize", consent(consentPage, sandbox.StaffID, c.decision))
		found := refreshShape.FindStringSubmatch(page)
		if status != http.StatusOK || at.Path != "/oauth/callback" || found == nil || html.UnescapeString(found[1]) != c.want || strings.Contains(page, "<script") {
			t.Errorf("%s: %d at %s: %s", c.to, status, at, page)
		}
		if b.session().SignedIn != (c.decision == "allow") {
			t.Errorf("%s: signed in: %t", c.decision, b.session().SignedIn)
		}
	}
}

// FuzzReturnTo ends a sign-in wherever return_to may lead: that is never another
// host, as browsers read addresses.
func FuzzReturnTo(f *testing.F) {
	for _, s := range []string{"/", "//evil.example", "/\\evil", "https://app.example/x", "https:/evil.example", "/%2f/evil", "/\t/evil", "https://app.example\\@evil.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, to string) {
		h := newHouse(t, sandbox.Options{})
		b := h.browser(h.sessions)
		status, _, page := b.open(home + "/oauth/login?" + url.Values{"return_to": {to}}.Encode())
		if status == http.StatusBadRequest {
			return
		}
		check := func(location string) {
			// What a browser makes of it: backslashes are slashes, and control
			// characters are nothing.
			location = strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(strings.TrimSpace(location))
			u, err := url.Parse(location)
			if err != nil || u.Host != "" && u.Host != "app.example" && u.Host != "127.0.0.1:8080" || u.Host == "" && !strings.HasPrefix(location, "/") {
				t.Errorf("%q leads to %q", to, location)
			}
		}
		b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.Response.Request.URL.Path != "/oauth/callback" {
				return nil
			}
			check(r.Response.Header.Get("Location"))
			return http.ErrUseLastResponse
		}
		_, text, _ := b.post(partner+"/api/oauth/authorize", consent(page, sandbox.StaffID, "allow"))
		if onward := refreshShape.FindStringSubmatch(text); onward != nil {
			check(html.UnescapeString(onward[1]))
		}
	})
}

// TestSignInsUnderWay: however many sign-ins a browser begins, its cookie stays
// within what browsers keep, and those that it began last can be ended.
func TestSignInsUnderWay(t *testing.T) {
	t.Parallel()
	u, _ := url.Parse(home)
	size := func(t *testing.T, b *browser) {
		t.Helper()
		cookies := b.client.Jar.Cookies(u)
		if len(cookies) != 1 || len(cookies[0].Name)+len(cookies[0].Value) > 4000 {
			t.Errorf("%d cookies, the first with %d bytes", len(cookies), len(cookies[0].Value))
		}
	}
	t.Run("Tabs", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, sandbox.Options{})
		b := h.browser(h.sessions)
		var pages []*url.URL
		for range 20 {
			_, _, page := b.open(home + "/oauth/login?return_to=/app")
			pages = append(pages, page)
			size(t, b)
		}
		for i, page := range pages[15:] {
			if _, _, at := b.post(partner+"/api/oauth/authorize", consent(page, sandbox.PractitionerID, "allow")); at.Path != "/app" || at.RawQuery != "" {
				t.Errorf("the sign-in %d ends at %s", i+16, at)
			}
		}
		size(t, b) // that of the session
		if status, _, at := b.post(partner+"/api/oauth/authorize", consent(pages[0], sandbox.PractitionerID, "allow")); status != http.StatusBadRequest || at.Path != "/oauth/callback" {
			t.Errorf("the first one ends at %s with %d", at, status)
		}
	})
	for _, n := range []int{100, 1000, 1800} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, sandbox.Options{})
			b := h.browser(h.sessions)
			to := "/app?" + strings.Repeat("a=b&", n/4)
			var page *url.URL
			for range 3 {
				_, _, page = b.open(home + "/oauth/login?" + url.Values{"return_to": {to}}.Encode())
				size(t, b)
			}
			if _, _, at := b.post(partner+"/api/oauth/authorize", consent(page, sandbox.PractitionerID, "allow")); at.RequestURI() != to {
				t.Errorf("it ends at %s", at)
			}
		})
	}
	t.Run("TooLong", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, sandbox.Options{})
		b := h.browser(h.sessions)
		if status, text, _ := b.open(home + "/oauth/login?return_to=/" + strings.Repeat("a", 2100)); status != http.StatusBadRequest || !strings.Contains(text, "return_to is too long") {
			t.Errorf("%d %s", status, text)
		}
	})
}

// TestTwoGateways: those on one machine, or under paths of one host, do not take
// each other's cookies, which have no port.
func TestTwoGateways(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, address := range []string{"http://127.0.0.1:8080", "http://127.0.0.1:8081", "http://localhost", "https://a.example", "https://a.example/clinic/one", "https://a.example/clinic/two"} {
		h := newHouse(t, sandbox.Options{})
		o := h.options
		o.PublicURL = address
		w := httptest.NewRecorder()
		oauth.New(o).Login(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address+"/oauth/login", nil))
		name, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), "=")
		if names[name] {
			t.Errorf("%s has a cookie of the name %s, too", address, name)
		}
		names[name] = true
	}
}

// TestSecretIsReplaced: each call has the app's secret as it is by then.
func TestSecretIsReplaced(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sandbox.Options{})
	secret := "an old secret"
	o := h.options
	o.ClientSecret = func() string { return secret }
	s := oauth.New(o)
	t.Cleanup(s.Close)
	b := h.browser(s)
	b.signIn(sandbox.PractitionerID)
	if b.session().SignedIn {
		t.Error("signed in with a secret that the partner does not know")
	}
	secret = sandbox.DefaultClientSecret
	b.signIn(sandbox.PractitionerID)
	if !b.session().SignedIn {
		t.Error("not signed in with the new secret")
	}
}
