package sandbox

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestControlGuard: a page of another site reads and changes nothing here.
func TestControlGuard(t *testing.T) {
	t.Parallel()
	local, open := New(Options{}), New(Options{Open: true, BaseURL: "https://staging.example.com/gateway"})
	for _, c := range []struct {
		name, method, host, origin, site string
		local, open                      bool
	}{
		{"Curl", "GET", "127.0.0.1:7070", "", "", true, true},
		{"Name", "GET", "localhost:7070", "", "", true, true},
		{"SubName", "POST", "gateway.localhost:7070", "", "", true, true},
		{"IPv6", "GET", "[::1]:7070", "", "", true, true},
		{"OtherPort", "GET", "localhost", "", "", true, true},
		{"Rebound", "GET", "rebound.example:7070", "", "", false, false},
		{"ReboundPost", "POST", "rebound.example", "http://rebound.example", "same-origin", false, false},
		{"LooksLocal", "GET", "127.0.0.1.example:7070", "", "", false, false},
		{"LooksLocalToo", "GET", "localhost.example", "", "", false, false},
		{"NoHost", "GET", "", "", "", false, false},
		{"PublicName", "GET", "staging.example.com", "", "", false, true},
		{"PublicNamePort", "GET", "STAGING.example.com:8443", "", "", false, true},
		{"Service", "POST", "gateway:8080", "", "", false, true},
		{"Address", "GET", "10.0.0.7:8080", "", "", false, true},
		{"OwnPage", "POST", "127.0.0.1:7070", "http://127.0.0.1:7070", "same-origin", true, true},
		{"OwnFormNoReferrer", "POST", "127.0.0.1:7070", "null", "same-origin", true, true},
		{"LocalPage", "POST", "127.0.0.1:7070", "http://localhost:5173", "cross-site", true, true},
		{"ForeignGet", "GET", "127.0.0.1:7070", "https://evil.example", "", false, false},
		{"ForeignFetch", "GET", "127.0.0.1:7070", "https://evil.example", "cross-site", false, false},
		{"ForeignPost", "POST", "127.0.0.1:7070", "https://evil.example", "", false, false},
		{"ForeignSite", "POST", "127.0.0.1:7070", "", "cross-site", false, false},
		{"Sandboxed", "POST", "127.0.0.1:7070", "null", "cross-site", false, false},
		{"NullAlone", "POST", "127.0.0.1:7070", "null", "", false, false},
		{"Link", "GET", "127.0.0.1:7070", "", "cross-site", true, true},
	} {
		for what, s := range map[string]*Server{"local": local, "open": open} {
			may := c.local
			if s == open {
				may = c.open
			}
			for _, h := range []http.Handler{s, s.ControlHandler()} {
				target := "/_sandbox/calls"
				if c.method == http.MethodPost {
					target = "/_sandbox/reset"
				}
				r := httptest.NewRequest(c.method, target, nil)
				r.Host = c.host
				for name, value := range map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site} {
					if value != "" {
						r.Header.Set(name, value)
					}
				}
				if got := serve(t, h, r).Code; (got == http.StatusOK) != may || !may && got != http.StatusForbidden {
					t.Errorf("%s, %s: %d, may %t", c.name, what, got, may)
				}
			}
		}
	}
}

// TestEventsStayHere: a sandbox that is not open posts to this machine alone.
func TestEventsStayHere(t *testing.T) {
	t.Parallel()
	e := listen(t, take)
	local := sending(t, Options{WebhookURL: e.URL})
	for address, may := range map[string]bool{
		e.URL: true, "http://localhost:9/": true, "http://[::1]:9/x": true, "": true,
		"http://10.0.0.1/": false, "https://hooks.example.com/": false, "http://127.0.0.1.example.com/": false,
		"http://169.254.169.254/latest": false, "http://0.0.0.0:80/": false, "http://metadata/": false,
	} {
		want := http.StatusOK
		if !may {
			want = http.StatusBadRequest
		}
		control(t, local, "PUT", "/_sandbox/webhooks", `{"url":"`+address+`"}`).want(want)
	}
	local.SetWebhookURL("http://192.0.2.1:1/") // as if a name had led there
	if sent := emit(t, local, Emission{Type: "patient.updated"}); sent.Delivered || sent.Status != 0 {
		t.Errorf("%+v", sent)
	}
	open := New(Options{Open: true})
	control(t, open, "PUT", "/_sandbox/webhooks", `{"url":"http://gateway:8080/webhooks/fullscript"}`).want(http.StatusOK)
	for address, may := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "192.0.2.1:80": false, "[::]:80": false, "nowhere": false} {
		if err := loopbackOnly("tcp", address, nil); (err == nil) != may {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestCallsAreRedacted: the calls that are shown hold no secret, however it
// travelled, and everything else as it was.
func TestCallsAreRedacted(t *testing.T) {
	t.Parallel()
	const secret = "app-secret-canary"
	s := New(Options{})
	post := func(target, kind, body string) {
		r := httptest.NewRequest("POST", "http://127.0.0.1:7070/api"+target, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Cookie", "session="+secret)
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("app:"+secret)))
		serve(t, s, r)
	}
	form := url.Values{"client_id": {"app"}, "client_secret": {secret}, "code": {secret}, "grant_type": {"authorization_code"}}.Encode()
	post("/oauth/token", "application/json", `{"client_id":"app","client_secret":"`+secret+`","refresh_token":"`+secret+`","nested":[{"Token":"`+secret+`"}]}`)
	post("/oauth/token", "application/x-www-form-urlencoded", form)
	post("/oauth/token", "application/json", form)
	post("/oauth/token", "application/x-www-form-urlencoded", "client%5Fsecret="+secret)
	post("/oauth/token", "text/plain", secret)
	post("/oauth/revoke", "application/json", `{"client_secret":"`+secret+`","token":"`+secret+`"}`)
	post("/oauth/revoke?client_secret="+secret+"&a=b", "application/json", `{}`)
	patient := `{"first_name":"Ada",  "email":"ada@example.org"}`
	call(t, s, "POST", "/clinic/patients", patient)
	shown := control(t, s, "GET", "/_sandbox/calls", "").want(200)
	if strings.Contains(shown.Body.String(), secret) || strings.Contains(shown.Body.String(), base64.StdEncoding.EncodeToString([]byte(secret))) {
		t.Errorf("it shows a secret: %s", shown.Body)
	}
	var list struct {
		Calls []struct{ Query, Body string }
	}
	shown.into(&list)
	if len(list.Calls) != 8 || list.Calls[7].Body != patient || list.Calls[6].Query != "client_secret=[redacted]&a=b" ||
		list.Calls[1].Body != strings.ReplaceAll(form, secret, redacted) {
		t.Errorf("it shows %+v", list.Calls)
	}
}
