package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"fsgateway/internal/middleware"
	"fsgateway/internal/quota"
)

// TestClientAddress: a trusted proxy says who the client is, nobody else.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	private := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct{ peer, header, value, want string }{
		{"203.0.113.7:1234", "X-Forwarded-For", "", "203.0.113.7/32"},
		{"203.0.113.7:1234", "X-Forwarded-For", "198.51.100.9", "203.0.113.7/32"},
		{"127.0.0.1:1234", "X-Forwarded-For", "198.51.100.9", "127.0.0.1/32"},
		{"10.0.0.1:1234", "X-Forwarded-For", "198.51.100.9", "198.51.100.9/32"},
		{"10.0.0.1:1234", "X-Forwarded-For", "192.0.2.1, 198.51.100.9", "198.51.100.9/32"},
		{"10.0.0.1:1234", "X-Forwarded-For", "192.0.2.1, 198.51.100.9, 10.9.9.9", "198.51.100.9/32"},
		{"10.0.0.1:1234", "X-Forwarded-For", "10.7.7.7, 10.9.9.9", "10.7.7.7/32"},
		{"10.0.0.1:1234", "X-Forwarded-For", "198.51.100.9:4321", "198.51.100.9/32"},
		{"10.0.0.1:1234", "X-Forwarded-For", "[2001:db8:1:2::9]:4321", "2001:db8:1:2::/64"},
		{"10.0.0.1:1234", "X-Forwarded-For", "198.51.100.9, unknown", "10.0.0.1/32"},
		{"10.0.0.1:1234", "X-Forwarded-For", "198.51.100.9,", "10.0.0.1/32"},
		{"10.0.0.1:1234", "X-Forwarded-For", "", "10.0.0.1/32"},
		{"10.0.0.1:1234", "Forwarded", "for=198.51.100.9", "10.0.0.1/32"}, // the proxy does not set it, so a client may
		{"[2001:db8:1:2:3::4]:1234", "X-Forwarded-For", "", "2001:db8:1:2::/64"},
		{"[fd00::1]:1234", "X-Forwarded-For", "::ffff:198.51.100.9", "198.51.100.9/32"},
		{"@", "X-Forwarded-For", "198.51.100.9", "invalid Prefix"}, // a pipe
	} {
		if got := clientOf(middleware.Proxies{Trusted: private, Header: "X-Forwarded-For"}, c.peer, c.header, c.value); got != c.want {
			t.Errorf("%s with %s: %q is %s, want %s", c.peer, c.header, c.value, got, c.want)
		}
	}
	for value, want := range map[string]string{
		"for=198.51.100.9": "198.51.100.9/32",
		"for=192.0.2.1, for=198.51.100.9;proto=https":    "198.51.100.9/32",
		`proto=https;For="198.51.100.9:4711"`:            "198.51.100.9/32",
		`for="[2001:db8:cafe::17]:4711";by=203.0.113.43`: "2001:db8:cafe::/64",
		`for="[2001:db8:cafe::17]"`:                      "2001:db8:cafe::/64",
		"for=198.51.100.9, for=unknown":                  "10.0.0.1/32",
		"for=198.51.100.9, for=_hidden":                  "10.0.0.1/32",
		"by=198.51.100.9":                                "10.0.0.1/32",
		"":                                               "10.0.0.1/32",
	} {
		if got := clientOf(middleware.Proxies{Trusted: private, Header: "Forwarded"}, "10.0.0.1:1234", "Forwarded", value); got != want {
			t.Errorf("Forwarded: %q is %s, want %s", value, got, want)
		}
	}
}

func clientOf(p middleware.Proxies, peer, header, value string) string {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.RemoteAddr = peer
	if value != "" {
		r.Header.Set(header, value)
	}
	var of netip.Prefix
	h := p.ClientAddress(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		of = quota.Network(middleware.EntryFrom(r.Context()).Client)
	}))
	middleware.RequestID(h).ServeHTTP(httptest.NewRecorder(), r)
	return of.String()
}
