package sandbox

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The app every sandbox knows.
const (
	DefaultClientID     = "sandbox-client"
	DefaultClientSecret = "sandbox-secret"
)

const (
	codeLife   = 10 * time.Minute
	accessLife = 2 * time.Hour
)

// Client is an app registered with the partner.
type Client struct {
	Secret string
	// RedirectURIs are compared exactly. When there are none, any address of this machine will do, with or without TLS.
	RedirectURIs []string
}

func (c Client) allows(redirect string) bool {
	if len(c.RedirectURIs) > 0 {
		return slices.Contains(c.RedirectURIs, redirect)
	}
	u, err := url.Parse(redirect)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.User == nil && isLoopback(strings.ToLower(u.Hostname()))
}

// authCode is what a consent hands to the app; it is good for one exchange within ten minutes.
type authCode struct {
	client, redirect string
	user             identity
	expires          time.Time
}

// oauthToken is an access token with its refresh token.
type oauthToken struct {
	client          string
	access, refresh string
	user            identity
	created         time.Time
	life            time.Duration // of access; one that is expired by hand has none
	replaces        string        // refresh token that dies when access is first used
}

type oauthState struct {
	codes   map[string]authCode
	access  map[string]*oauthToken
	refresh map[string]*oauthToken

	life      time.Duration // of tokens made from now on
	singleUse bool          // of refresh tokens
}

func newOAuthState(o Options) oauthState {
	return oauthState{
		codes: map[string]authCode{}, access: map[string]*oauthToken{}, refresh: map[string]*oauthToken{},
		life: o.AccessLife, singleUse: o.SingleUseRefresh,
	}
}

// useAccessToken returns whose token it is. Its first use proves that the answer with its refresh token arrived, so the one
// before it becomes invalid.
func (st *state) useAccessToken(text string, now time.Time) *identity {
	t := st.oauth.access[text]
	if t == nil {
		return nil
	}
	if t.replaces != "" {
		delete(st.oauth.refresh, t.replaces)
		t.replaces = ""
	}
	user := t.user
	user.key, user.expired = text, !now.Before(t.created.Add(t.life))
	return &user
}

// newToken makes secrets that can be guessed, so that every run is the same: nothing here is worth guessing.
func (st *state) newToken(client string, user identity, now time.Time) *oauthToken {
	t := &oauthToken{
		client: client, access: "access-" + st.newID(kindSecret), refresh: "refresh-" + st.newID(kindSecret), user: user, created: now,
		life: st.oauth.life,
	}
	st.oauth.access[t.access] = t
	st.oauth.refresh[t.refresh] = t
	return t
}

func (t *oauthToken) envelope() object {
	return object{"oauth": object{
		"access_token": t.access, "token_type": "Bearer", "expires_in": int(t.life.Seconds()), "refresh_token": t.refresh,
		"scope": strings.Join(t.user.scopes, " "), "created_at": timestamp(t.created),
		"resource_owner": object{"id": t.user.ownerID, "type": t.user.ownerType, "clinic_id": t.user.clinicID},
	}}
}

func createToken(req *request) reply {
	form, client, refused := req.oauthForm()
	if refused != nil {
		return *refused
	}
	st, now := req.state(), req.s.opts.Now()
	switch form["grant_type"] {
	case "authorization_code":
		code, known := st.oauth.codes[form["code"]]
		delete(st.oauth.codes, form["code"]) // a wrong exchange spends it too
		if !known || code.client != client || code.redirect != form["redirect_uri"] || !now.Before(code.expires) {
			return oauthError(http.StatusBadRequest, "invalid_grant", "The code is unknown, used, expired or for another redirect_uri")
		}
		return ok(st.newToken(client, code.user, now).envelope())
	case "refresh_token":
		old := st.oauth.refresh[form["refresh_token"]]
		if old == nil || old.client != client {
			return oauthError(http.StatusBadRequest, "invalid_grant", "The refresh token is unknown or revoked")
		}
		t := st.newToken(client, old.user, now)
		if st.oauth.singleUse {
			delete(st.oauth.refresh, old.refresh)
		} else {
			t.replaces = old.refresh
		}
		return ok(t.envelope())
	case "":
		return oauthError(http.StatusBadRequest, "invalid_request", "grant_type is missing")
	}
	return oauthError(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be authorization_code or refresh_token")
}

// revokeToken kills both tokens of a pair, whichever is named; an unknown one is no error (RFC 7009).
func revokeToken(req *request) reply {
	form, client, refused := req.oauthForm()
	if refused != nil {
		return *refused
	}
	if form["token"] == "" {
		return oauthError(http.StatusBadRequest, "invalid_request", "token is missing")
	}
	oauth := &req.state().oauth
	for _, t := range []*oauthToken{oauth.access[form["token"]], oauth.refresh[form["token"]]} {
		if t != nil && t.client == client {
			delete(oauth.access, t.access)
			delete(oauth.refresh, t.refresh)
		}
	}
	return ok(object{})
}

// oauthForm reads a JSON or form body and checks the client's secret.
func (r *request) oauthForm() (form map[string]string, client string, refused *reply) {
	form = map[string]string{}
	kind, _, _ := mime.ParseMediaType(r.http.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" {
		values, _ := url.ParseQuery(string(r.body))
		for name := range values {
			form[name] = values.Get(name)
		}
	} else if err := json.Unmarshal(r.body, &form); err != nil {
		f := oauthError(http.StatusBadRequest, "invalid_request", "The body is neither a JSON object of texts nor a form")
		return nil, "", &f
	}
	client = form["client_id"]
	if c, known := r.s.opts.Clients[client]; !known || c.Secret != form["client_secret"] {
		f := oauthError(http.StatusUnauthorized, "invalid_client", "Unknown client or wrong client_secret")
		return nil, "", &f
	}
	return form, client, nil
}

func oauthError(status int, code, description string) reply {
	return reply{status: status, value: object{"error": code, "error_description": description}}
}
