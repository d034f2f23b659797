package oauth

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxForm is the largest form that is read, in bytes; real ones are far smaller.
const maxForm = 16 << 10

// grants are what the relay trades in, each with the fields that it sends on. The
// client's own credentials are added to them, so no grant may be here that gives
// tokens for those alone.
var grants = map[string]struct{ needed, optional string }{
	"authorization_code": {"code", "redirect_uri code_verifier"},
	"refresh_token":      {"refresh_token", ""},
}

// refusals are the partner's errors that are passed on to an app; others are
// for the gateway's operator.
// https://www.rfc-editor.org/rfc/rfc6749#section-5.2
var refusals = []string{"invalid_request", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}

// Token trades codes and refresh tokens for apps that must not hold the client's
// secret: a token address as OAuth has it, in form or JSON.
func (s *Sessions) Token(w http.ResponseWriter, r *http.Request) {
	s.relay(w, r, s.o.TokenURL, func(sent url.Values) (url.Values, *oauthError) {
		name := sent.Get("grant_type")
		grant, known := grants[name]
		if !known && name != "" {
			return nil, &oauthError{"unsupported_grant_type", "grant_type must be authorization_code or refresh_token."}
		}
		return pick(sent, "grant_type "+grant.needed, grant.optional)
	})
}

// Revoke ends tokens for the same apps.
func (s *Sessions) Revoke(w http.ResponseWriter, r *http.Request) {
	token := ""
	s.relay(w, r, s.o.RevokeURL, func(sent url.Values) (url.Values, *oauthError) {
		token = sent.Get("token")
		return pick(sent, "token", "token_type_hint")
	})
	s.o.Revoked(token) // whatever came of it: who is no longer known is asked for
}

// pick returns the fields of a form that are named, and refuses one without a
// needed field.
func pick(sent url.Values, needed, optional string) (url.Values, *oauthError) {
	form := url.Values{}
	for name := range strings.FieldsSeq(needed) {
		if sent.Get(name) == "" {
			return nil, &oauthError{"invalid_request", name + " is missing."}
		}
	}
	for name := range strings.FieldsSeq(needed + " " + optional) {
		if v := sent.Get(name); v != "" {
			form.Set(name, v)
		}
	}
	return form, nil
}

type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// relay sends to an address of the partner what read extracts from the body of a
// request.
func (s *Sessions) relay(w http.ResponseWriter, r *http.Request, address string, read func(url.Values) (url.Values, *oauthError)) {
	if !s.relayed.allow(s.o.Client(r)) {
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusTooManyRequests, oauthError{"temporarily_unavailable", "Too many requests: wait for a second."})
		return
	}
	sent, ok := readForm(w, r)
	if !ok {
		writeJSON(w, http.StatusBadRequest, oauthError{"invalid_request", "Send a form or a JSON object of texts."})
		return
	}
	if id := sent.Get("client_id"); id != "" && id != s.o.ClientID {
		writeJSON(w, http.StatusBadRequest, oauthError{"unauthorized_client", "client_id is not this gateway's; it may be left out."})
		return
	}
	form, wrong := read(sent)
	if wrong != nil {
		writeJSON(w, http.StatusBadRequest, wrong)
		return
	}
	unavailable := oauthError{"temporarily_unavailable", "The partner cannot be asked at the moment."}
	res, err := s.post(r.Context(), s.relaying, address, form)
	if err != nil {
		writeJSON(w, http.StatusBadGateway, unavailable)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	var answer map[string]json.RawMessage
	var refused oauthError
	_ = json.Unmarshal(body, &refused) // a body that is not JSON holds no error
	switch {
	case err != nil:
		writeJSON(w, http.StatusBadGateway, unavailable)
	case res.StatusCode/100 == 2 && refused.Error == "" && json.Unmarshal(body, &answer) == nil:
		writeJSON(w, http.StatusOK, answer)
	case res.StatusCode < 500 && slices.Contains(refusals, refused.Error):
		writeJSON(w, http.StatusBadRequest, oauthError{Error: refused.Error}) // the partner's other words are not for strangers
	case final(res.StatusCode, refused.Error, body):
		writeJSON(w, http.StatusBadRequest, oauthError{Error: "invalid_grant"})
	default:
		writeJSON(w, http.StatusBadGateway, unavailable)
	}
}

// readForm reads a form, or a JSON object of texts, from a body.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, false
	}
	switch media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media {
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		return form, err == nil
	case "application/json":
		var fields map[string]string
		if json.Unmarshal(body, &fields) != nil {
			return nil, false
		}
		form := url.Values{}
		for name, value := range fields {
			form.Set(name, value)
		}
		return form, true
	}
	return nil, false
}
