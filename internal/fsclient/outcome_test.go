package fsclient_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/oauth2"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/transport"
)

// TestOutcomeOfAnotherAttempt: a write that the partner refused with its first token, and that did
// not get there with another, was certainly not carried out.
func TestOutcomeOfAnotherAttempt(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	network := &http.Transport{DisableKeepAlives: true}
	client, err := fsclient.New(server.URL, &http.Client{Transport: transport.Authorize(func(context.Context, http.Header) {}, network)})
	if err != nil {
		t.Fatal(err)
	}
	ctx := transport.WithOperation(t.Context(), &transport.Operation{Caller: transport.Caller{
		Key: "ada", Tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "first"}),
		Renew: func(*oauth2.Token) (*oauth2.Token, error) {
			_ = server.Listener.Close() // nobody can connect any more
			return &oauth2.Token{AccessToken: "second"}, nil
		},
	}})
	_, err = client.Patients.Create(ctx, &fsclient.CreatePatientInput{})
	if e, ok := errors.AsType[*fsclient.Error](err); !ok || e.Unknown {
		t.Errorf("%v", err)
	}
}
