package sandbox

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

// login walks through the consent page and returns a pair of tokens.
func login(t *testing.T, s *Server) (access, refresh string) {
	t.Helper()
	code := consentFor(t, s, PractitionerID, "allow").Query().Get("code")
	return tokens(tokenFor(t, s, map[string]string{"grant_type": "authorization_code", "code": code}).want(200))
}

func renew(t *testing.T, s *Server, refresh string) answer {
	t.Helper()
	return tokenFor(t, s, map[string]string{"grant_type": "refresh_token", "refresh_token": refresh})
}

func says(t *testing.T, a answer, want string) {
	t.Helper()
	if got := a.object()["error"]; got != want {
		t.Errorf("says %v, want %s", got, want)
	}
}

func TestAccessLife(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s := New(Options{Now: func() time.Time { return now }, AccessLife: time.Minute})
	expires := func(a answer, want float64) {
		t.Helper()
		if got := a.want(200).object()["oauth"].(map[string]any)["expires_in"]; got != want {
			t.Errorf("expires_in is %v, want %v", got, want)
		}
	}
	old, refresh := login(t, s)
	control(t, s, "PUT", "/_sandbox/oauth", `{"access_life_seconds":300}`).want(200)
	pair := renew(t, s, refresh)
	expires(pair, 300)
	access, _ := tokens(pair)
	now = now.Add(time.Minute)
	says(t, callAs(t, s, old, "GET", "/clinic", "").want(401), "The access token expired") // it keeps the life it was made with
	callAs(t, s, access, "GET", "/clinic", "").want(200)
	now = now.Add(4*time.Minute - time.Second)
	callAs(t, s, access, "GET", "/clinic", "").want(200)
	now = now.Add(time.Second)
	callAs(t, s, access, "GET", "/clinic", "").want(401)

	s.SetAccessLife(7 * time.Second)
	_, refresh = login(t, s)
	expires(renew(t, s, refresh), 7)
	s.Reset()
	_, refresh = login(t, s)
	expires(renew(t, s, refresh), 60)
}

func TestSingleUseRefresh(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	_, refresh := login(t, s)
	renew(t, s, refresh).want(200)
	renew(t, s, refresh).want(200) // an answer may get lost
	s.SetSingleUseRefresh(true)
	_, next := tokens(renew(t, s, refresh).want(200))
	says(t, renew(t, s, refresh).want(400), "invalid_grant")
	s.SetSingleUseRefresh(false)
	renew(t, s, next).want(200)
	renew(t, s, next).want(200)
}

func TestExpireTokens(t *testing.T) {
	t.Parallel()
	for name, expire := range map[string]func(*testing.T, *Server){
		"Go": func(_ *testing.T, s *Server) { s.ExpireTokens() },
		"HTTP": func(t *testing.T, s *Server) {
			control(t, s.ControlHandler(), "POST", "/_sandbox/oauth/expire", "").want(200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(Options{})
			one, refresh := login(t, s)
			two, _ := login(t, s)
			callAs(t, s, one, "GET", "/clinic", "").want(200)
			expire(t, s)
			for _, access := range []string{one, two} {
				got := callAs(t, s, access, "GET", "/clinic", "").want(401)
				if want := callAs(t, s, TokenExpired, "GET", "/clinic", "").want(401); got.Body.String() != want.Body.String() {
					t.Errorf("says %s, want %s", got.Body, want.Body)
				}
			}
			access, _ := tokens(renew(t, s, refresh).want(200))
			callAs(t, s, access, "GET", "/clinic", "").want(200)
			call(t, s, "GET", "/clinic", "").want(200) // the fixed tokens have no part in it
		})
	}
}

func TestRevokeTokens(t *testing.T) {
	t.Parallel()
	for name, revoke := range map[string]func(*testing.T, *Server){
		"Go": func(_ *testing.T, s *Server) { s.RevokeTokens() },
		"HTTP": func(t *testing.T, s *Server) {
			control(t, s.ControlHandler(), "POST", "/_sandbox/oauth/revoke", "").want(200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(Options{})
			access, refresh := login(t, s)
			revoke(t, s)
			says(t, callAs(t, s, access, "GET", "/clinic", "").want(401), "The access token is invalid")
			says(t, renew(t, s, refresh).want(400), "invalid_grant")
			call(t, s, "GET", "/clinic", "").want(200)
			access, _ = login(t, s) // consent may be given again
			callAs(t, s, access, "GET", "/clinic", "").want(200)
		})
	}
}

func TestOAuthSettings(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	const path = "/_sandbox/oauth"
	show := func(life float64, single bool) {
		t.Helper()
		got := control(t, s, "GET", path, "").want(200).object()
		if got["access_life_seconds"] != life || got["single_use_refresh"] != single || len(got) != 2 {
			t.Errorf("settings are %v, want %v and %v", got, life, single)
		}
	}
	show(7200, false)
	control(t, s, "PUT", path, `{"single_use_refresh":true}`).want(200)
	show(7200, true)
	control(t, s, "PUT", path, `{"access_life_seconds":300}`).want(200)
	show(300, true)
	for _, bad := range []string{
		`{"access_life_seconds":0}`, `{"access_life_seconds":-1,"single_use_refresh":false}`, `{"access_life_seconds":1e30}`, `{"access_life":5}`,
		`{"access_life_seconds":31536001}`, `{"single_use_refresh":"yes"}`, `x`,
	} {
		control(t, s, "PUT", path, bad).want(400)
	}
	show(300, true)
	s.Reset()
	show(7200, false)
}

// TestChallengesAreIgnored is for apps that always send one (PKCE), whom the partner promises nothing.
func TestChallengesAreIgnored(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	query := url.Values{
		"client_id": {DefaultClientID}, "redirect_uri": {testRedirect}, "response_type": {"code"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	for _, h := range []http.Handler{s, s.ControlHandler()} {
		for _, path := range []string{"/oauth/authorize", "/oauth/authorize/consent"} {
			want := map[string]int{"/oauth/authorize": 302, "/oauth/authorize/consent": 200}[path]
			serve(t, h, newRequest(t, "GET", path+"?"+query.Encode(), "")).want(want)
			for name, wrong := range map[string]string{"client_id": "another-app", "redirect_uri": "https://elsewhere.example/cb"} {
				right := query.Get(name)
				query.Set(name, wrong)
				serve(t, h, newRequest(t, "GET", path+"?"+query.Encode(), "")).want(404)
				query.Set(name, right)
			}
		}
	}
	code := consentFor(t, s, PractitionerID, "allow").Query().Get("code") // which sends a challenge, too
	body := `{"grant_type":"authorization_code","client_id":"sandbox-client","client_secret":"sandbox-secret","code":"` + code +
		`","redirect_uri":"` + testRedirect + `","code_verifier":"anything"}`
	callAs(t, s, "", "POST", "/oauth/token", body).want(200)
}
