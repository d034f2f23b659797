package fsclient_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"fsgateway/internal/fsclient"
)

// TestDownloadStaysSecure: from https nothing leads to plain http.
func TestDownloadStaysSecure(t *testing.T) {
	t.Parallel()
	file := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the file") })
	plain, secure := httptest.NewServer(file), httptest.NewTLSServer(file)
	defer plain.Close()
	defer secure.Close()
	for _, c := range []struct {
		name, partner, to string
		follows           bool
	}{
		{"PlainToPlain", "http", plain.URL, true},
		{"PlainToSecure", "http", secure.URL, true},
		{"SecureToSecure", "https", secure.URL, true},
		{"SecureToPlain", "https", plain.URL, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			redirect := http.RedirectHandler(c.to, http.StatusFound)
			partner := httptest.NewUnstartedServer(redirect)
			if c.partner == "https" {
				partner.StartTLS()
			} else {
				partner.Start()
			}
			defer partner.Close()
			client, err := fsclient.New(partner.URL, partner.Client(), fsclient.WithStorage(secure.Client().Transport))
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Resources.Download(t.Context(), "r", "")
			if (err == nil) != c.follows {
				t.Errorf("got %v", err)
			}
			if err == nil {
				defer res.Body.Close()
				if body, _ := io.ReadAll(res.Body); string(body) != "the file" {
					t.Errorf("got %q", body)
				}
			}
		})
	}
}
