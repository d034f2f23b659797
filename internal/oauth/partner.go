package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

// errGrant says that a code or a refresh token is invalid or used up.
var errGrant = errors.New("oauth: the partner does not accept the grant")

// exchange trades an authorization code for tokens, and renew a refresh token.
// Both return errGrant, or another error if it is unknown whether the grant was used.
// https://fullscript.dev/docs/how-to-guides/oauth/using-oauth/request-access-token
//
// op: POST /oauth/token
func (s *Sessions) exchange(ctx context.Context, code, verifier string) (*oauth2.Token, error) {
	return granted(s.app().Exchange(s.calling(ctx), code, oauth2.VerifierOption(verifier)))
}

func (s *Sessions) renew(ctx context.Context, old *oauth2.Token) (*oauth2.Token, error) {
	if old.RefreshToken == "" { // the partner gave none: the user has to sign in again
		return nil, errGrant
	}
	return granted(s.app().TokenSource(s.calling(ctx), &oauth2.Token{RefreshToken: old.RefreshToken}).Token())
}

// app is the app with its secret as it is now.
func (s *Sessions) app() *oauth2.Config {
	config := s.config
	config.ClientSecret = s.o.ClientSecret()
	return &config
}

func (s *Sessions) calling(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, s.client)
}

// granted keeps no text of an error: x/oauth2 puts the answer's body into it.
func granted(t *oauth2.Token, err error) (*oauth2.Token, error) {
	if err == nil {
		return t, nil
	}
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if ok && final(refused.Response.StatusCode, refused.ErrorCode, refused.Body) {
		return nil, errGrant
	}
	return nil, ErrPartner
}

// notOfTheGrant are errors about the app's registration or the partner's
// state, not about the grant.
// https://www.rfc-editor.org/rfc/rfc6749#section-5.2
var notOfTheGrant = []string{
	"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "server_error", "temporarily_unavailable", "slow_down",
}

// final reports whether an answer refuses a grant for good, so that asking again is of
// no use. The word for it should be invalid_grant and the status 400, but what answers
// for the partner is not always that exact. Of a page of HTML, or of a 403 with a
// reason of its own, something in between may be the author.
func final(status int, code string, body []byte) bool {
	switch {
	case status >= 500 || status == http.StatusTooManyRequests || slices.Contains(notOfTheGrant, code):
		return false
	case code == "invalid_grant" || code == "invalid_request" || code == "invalid_token":
		return true
	case code != "":
		return status == http.StatusBadRequest || status == http.StatusUnauthorized
	}
	empty := len(body) == 0 || string(body) == "{}"
	return empty && (status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden)
}

// revoke ends both tokens of a pair.
// https://fullscript.dev/docs/how-to-guides/oauth/using-oauth/revoke-access-token
//
// op: POST /oauth/revoke
func (s *Sessions) revoke(ctx context.Context, t *oauth2.Token) error {
	res, err := s.post(ctx, s.client, s.o.RevokeURL, url.Values{"token": {t.AccessToken}})
	if err != nil {
		return ErrPartner
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return ErrPartner
	}
	return nil
}

// post sends a form with the client's own credentials.
func (s *Sessions) post(ctx context.Context, client *http.Client, address string, form url.Values) (*http.Response, error) {
	form.Set("client_id", s.o.ClientID)
	form.Set("client_secret", s.o.ClientSecret())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return client.Do(req)
}

// ownerOf reads what the partner says about the owner beside a token.
func ownerOf(t *oauth2.Token) Owner {
	var o Owner
	text := func(v any) string {
		s, _ := v.(string)
		return s
	}
	if owner, ok := t.Extra("resource_owner").(map[string]any); ok {
		o.Type, o.ID, o.ClinicID = text(owner["type"]), text(owner["id"]), text(owner["clinic_id"])
	}
	o.Scopes = strings.Fields(text(t.Extra("scope")))
	return o
}
