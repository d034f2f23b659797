package oauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/oauth"
	"fsgateway/internal/sandbox"
)

// answering is a house whose partner answers at the token endpoint with what answer
// writes, while that is set.
func answering(t *testing.T) (h *house, answer *atomic.Pointer[http.HandlerFunc]) {
	h = newHouse(t, sandbox.Options{})
	answer = new(atomic.Pointer[http.HandlerFunc])
	h.options.Transport = timed(served{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := answer.Load(); f != nil && strings.HasSuffix(r.URL.Path, "/oauth/token") {
			(*f)(w, r)
			return
		}
		h.sandbox.ServeHTTP(w, r)
	})}, 5*time.Second)
	h.sessions = oauth.New(h.options)
	return h, answer
}

// says answers with a status, a content type and a body.
func says(status int, media, body string) *http.HandlerFunc {
	f := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	return &f
}

const jsonMedia = "application/json"

// TestTokenAnswers reads whatever form a token comes in: its code is spent.
func TestTokenAnswers(t *testing.T) {
	t.Parallel()
	const life = 7200 * time.Second
	object := func(expires string) string {
		return `{"access_token":"a","token_type":"Bearer","refresh_token":"r","expires_in":` + expires +
			`,"scope":"clinic:read patients:read","resource_owner":{"id":"p1","type":"Practitioner"}}`
	}
	for name, c := range map[string]struct {
		status      int
		media, body string
		life        time.Duration
	}{
		"Plain":           {200, jsonMedia, object("7200"), life},
		"Envelope":        {200, jsonMedia, `{"oauth":` + object("7200") + `}`, life},
		"Created":         {201, jsonMedia, object("7200"), life},
		"LabelledAsText":  {200, "text/plain", object("7200"), life},
		"LabelledAsForm":  {200, "application/x-www-form-urlencoded", object("7200"), life},
		"LabelledAsPage":  {200, "text/html; charset=utf-8", `{"oauth":` + object("7200") + `}`, life},
		"NoLabel":         {200, "", object("7200"), life},
		"ByteOrderMark":   {200, jsonMedia, "\ufeff" + object("7200"), life},
		"Decimal":         {200, jsonMedia, object("7200.0"), life},
		"Exponent":        {200, jsonMedia, object("7.2e3"), life},
		"TextOfNumber":    {200, jsonMedia, object(`"7200"`), life},
		"TextOfDecimal":   {200, jsonMedia, object(`"7200.0"`), life},
		"TextWithSpace":   {200, jsonMedia, object(`" 7200 "`), life},
		"EmptyLife":       {200, jsonMedia, object(`""`), 0},
		"NullLife":        {200, jsonMedia, object("null"), 0},
		"LifeOfWords":     {200, jsonMedia, object(`"two hours"`), 0},
		"LifeAsList":      {200, jsonMedia, object("[7200]"), 0},
		"HugeLife":        {200, jsonMedia, object("1e300"), 1<<31*time.Second - time.Second},
		"Form":            {200, "application/x-www-form-urlencoded", "access_token=a&token_type=Bearer&refresh_token=r&expires_in=7200&scope=clinic%3Aread+patients%3Aread", life},
		"ScopeAsList":     {200, jsonMedia, `{"access_token":"a","refresh_token":"r","expires_in":7200,"scope":["clinic:read","patients:read"]}`, life},
		"TypeAsNumber":    {200, jsonMedia, `{"access_token":"a","token_type":1,"refresh_token":"r","expires_in":7200,"scope":"clinic:read patients:read"}`, life},
		"NullError":       {200, jsonMedia, `{"access_token":"a","refresh_token":"r","expires_in":7200,"scope":"clinic:read patients:read","error":null,"errors":[]}`, life},
		"OwnerByNumber":   {200, jsonMedia, `{"access_token":"a","refresh_token":"r","expires_in":7200,"scope":"clinic:read patients:read","resource_owner":{"id":77,"type":"Staff"}}`, life},
		"UnknownElements": {200, jsonMedia, `{"access_token":"a","refresh_token":"r","expires_in":7200,"scope":"clinic:read patients:read","created_at":{"x":[1]}}`, life},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h, answer := answering(t)
				answer.Store(says(c.status, c.media, c.body))
				b := h.browser(h.sessions)
				if at := b.signIn(sandbox.PractitionerID); at.RawQuery != "" {
					t.Fatalf("it ends at %s", at)
				}
				u, err := h.sessions.User(b.request())
				if err != nil {
					t.Fatal(err)
				}
				token, err := u.Token()
				if err != nil || token.AccessToken != "a" || token.RefreshToken != "r" || strings.Join(u.Owner.Scopes, " ") != "clinic:read patients:read" {
					t.Errorf("%+v, %+v, %v", token, u.Owner, err)
				}
				if c.life == 0 && !token.Expiry.IsZero() || c.life != 0 && time.Until(token.Expiry) != c.life {
					t.Errorf("it ends in %s", time.Until(token.Expiry))
				}
				if name == "OwnerByNumber" && (u.Owner.ID != "77" || u.Owner.Type != "Staff") {
					t.Errorf("%+v", u.Owner)
				}
			})
		})
	}
}

// refusedRefreshes are answers to a refresh token, and whether they end the session
// or may be different the next time.
var refusedRefreshes = map[string]struct {
	status      int
	media, body string
	ends        bool
}{
	"InvalidGrant":         {400, jsonMedia, `{"error":"invalid_grant"}`, true},
	"InvalidGrantAsText":   {400, "text/plain", `{"error":"invalid_grant"}`, true},
	"InvalidGrantAsWord":   {400, "text/plain", "invalid_grant\n", true},
	"InvalidGrantAsForm":   {400, "application/x-www-form-urlencoded", "error=invalid_grant&error_description=CANARY", true},
	"InvalidGrantAsPage":   {400, "text/html", `{"error":"invalid_grant"}`, true},
	"InvalidGrant401":      {401, jsonMedia, `{"error":"invalid_grant","error_description":"CANARY"}`, true},
	"InvalidGrant403":      {403, jsonMedia, `{"error":"invalid_grant"}`, true},
	"InvalidGrant422":      {422, jsonMedia, `{"error":"invalid_grant"}`, true},
	"InvalidGrant200":      {200, jsonMedia, `{"error":"invalid_grant"}`, true},
	"InvalidGrantInOAuth":  {400, jsonMedia, `{"oauth":{"error":"invalid_grant"}}`, true},
	"InvalidGrantInErrors": {400, jsonMedia, `{"errors":[{"code":"invalid_grant","message":"CANARY"}]}`, true},
	"InvalidGrantInObject": {400, jsonMedia, `{"error":{"code":"invalid_grant"}}`, true},
	"InvalidRequest":       {400, jsonMedia, `{"error":"invalid_request"}`, true},
	"InvalidToken":         {401, jsonMedia, `{"error":"invalid_token"}`, true},
	"WordsOfTheAPI":        {401, jsonMedia, `{"error":"The refresh token CANARY expired"}`, true},
	"Empty400":             {400, "", "", true},
	"Empty401":             {401, jsonMedia, "", true},
	"Empty403":             {403, "text/plain", "", true},
	"Object403":            {403, jsonMedia, "{}", true},

	"Empty404":      {404, "", "", false},
	"Page403":       {403, "text/html", "<html>CANARY blocked</html>", false},
	"TooMany":       {429, jsonMedia, `{"error":"invalid_request"}`, false},
	"Down":          {503, jsonMedia, `{"error":"invalid_grant"}`, false},
	"Broken":        {500, "text/html", "<html>CANARY</html>", false},
	"Empty502":      {502, "", "", false},
	"OurSecret":     {401, jsonMedia, `{"error":"invalid_client"}`, false},
	"OurApp":        {400, jsonMedia, `{"error":"unauthorized_client"}`, false},
	"NotNow":        {400, jsonMedia, `{"error":"temporarily_unavailable"}`, false},
	"EmptyAnswer":   {200, jsonMedia, "", false},
	"NoTokenInside": {200, jsonMedia, `{"oauth":{}}`, false},
	"Redirect":      {302, "", "", false},
}

// TestRefusedRefresh: a session that cannot be renewed is over, whatever way the
// partner says so, and one that may be renewed later is not.
func TestRefusedRefresh(t *testing.T) {
	t.Parallel()
	for name, c := range refusedRefreshes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h, answer := answering(t)
				b := h.browser(h.sessions)
				b.signIn(sandbox.PractitionerID)
				time.Sleep(3 * time.Hour) // the access token is over
				answer.Store(says(c.status, c.media, c.body))
				status, text, _ := b.open(home + "/oauth/session")
				cookies := len(b.request().Cookies())
				if strings.Contains(text, "CANARY") {
					t.Errorf("the partner's words go out: %s", text)
				}
				if !c.ends {
					if status != http.StatusBadGateway || cookies != 1 || strings.Contains(text, "Sessions cannot be read") {
						t.Errorf("%d %s, %d cookies", status, text, cookies)
					}
					answer.Store(nil)
					if !b.session().SignedIn {
						t.Error("it has not come back")
					}
					return
				}
				if status != http.StatusOK || text != "{\"signedIn\":false}\n" || cookies != 0 {
					t.Errorf("%d %s, %d cookies", status, text, cookies)
				}
				if _, err := b.token(h.another()); !errors.Is(err, http.ErrNoCookie) {
					t.Error(err)
				}
			})
		})
	}
}

// TestWithoutRefreshToken: a session lasts as long as its only access token.
func TestWithoutRefreshToken(t *testing.T) {
	t.Parallel()
	for _, refresh := range []string{``, `,"refresh_token":null`, `,"refresh_token":""`, `,"refresh_token":false`} {
		synctest.Test(t, func(t *testing.T) {
			h, answer := answering(t)
			asked := 0
			f := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				fmt.Fprintf(w, `{"oauth":{"access_token":"a","token_type":"Bearer","expires_in":2%s}}`, refresh)
			})
			answer.Store(&f)
			b := h.browser(h.sessions)
			b.signIn(sandbox.PractitionerID)
			request := b.request() // keeps the cookie
			time.Sleep(2*time.Second - time.Millisecond)
			if token, err := b.token(h.sessions); token != "a" || err != nil || !b.session().SignedIn {
				t.Errorf("%s: before its end: %q, %v", refresh, token, err)
			}
			u, err := h.sessions.User(request)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
			if _, err := u.Token(); !errors.Is(err, oauth.ErrSignedOut) {
				t.Errorf("%s: a stream of it goes on: %v", refresh, err)
			}
			if _, err := h.another().User(request); !errors.Is(err, oauth.ErrSignedOut) {
				t.Errorf("%s: at another process: %v", refresh, err)
			}
			if b.session().SignedIn || len(b.request().Cookies()) != 0 || asked != 1 {
				t.Errorf("%s: after its end: %d cookies, the partner was asked %d times", refresh, len(b.request().Cookies()), asked)
			}
		})
	}
}

// TestRefusedWithoutRefreshToken: the partner may refuse an access token before its
// time.
func TestRefusedWithoutRefreshToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, answer := answering(t)
		answer.Store(says(200, jsonMedia, `{"access_token":"a","expires_in":7200}`))
		b := h.browser(h.sessions)
		b.signIn(sandbox.PractitionerID)
		time.Sleep(time.Minute)
		u, err := h.sessions.User(b.request())
		if err != nil {
			t.Fatal(err)
		}
		token, err := u.Token()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Renew(token); !errors.Is(err, oauth.ErrSignedOut) {
			t.Error(err)
		}
		if b.session().SignedIn {
			t.Error("it is signed in")
		}
	})
}

// TestRelayRefusals: an app is told that a grant is refused, whatever way the partner
// says so.
func TestRelayRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range refusedRefreshes {
		h, answer := answering(t)
		answer.Store(says(c.status, c.media, c.body))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, home+"/oauth/token", strings.NewReader(`{"grant_type":"refresh_token","refresh_token":"r"}`))
		r.Header.Set("Content-Type", jsonMedia)
		w := httptest.NewRecorder()
		handler(h.sessions).ServeHTTP(w, r)
		text := w.Body.String()
		if strings.Contains(text, "CANARY") {
			t.Errorf("%s: the partner's words go out: %s", name, text)
		}
		switch {
		case strings.HasPrefix(name, "InvalidGrant") && (w.Code != http.StatusBadRequest || text != "{\"error\":\"invalid_grant\"}\n"),
			c.ends && w.Code != http.StatusBadRequest,
			name == "Down" && w.Code != http.StatusBadGateway, name == "Broken" && w.Code != http.StatusBadGateway:
			t.Errorf("%s: %d %s", name, w.Code, text)
		}
	}
}
