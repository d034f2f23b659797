package transport

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestNetworkTimes: an idle connection is closed before load balancers drop it, and
// a silent one while the call on it may still be made again.
func TestNetworkTimes(t *testing.T) {
	t.Parallel()
	n := NewNetwork(NetworkOptions{CallTimeout: 10 * time.Second}).current
	if n.IdleConnTimeout <= 0 || n.IdleConnTimeout >= time.Minute {
		t.Errorf("idle connections are kept for %v", n.IdleConnTimeout)
	}
	if ping := n.HTTP2.SendPingTimeout + n.HTTP2.PingTimeout; n.HTTP2.SendPingTimeout < time.Second || n.HTTP2.PingTimeout < time.Second || ping > 10*time.Second {
		t.Errorf("a silent connection is closed after %v", ping)
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	for want, addresses := range map[reach]string{
		public:   "93.184.216.34 8.8.8.8 2606:4700::1111 64:ff9b::808:808 ::ffff:8.8.8.8",
		loopback: "127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1",
		private:  "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 fd00::1 fc00::1 ::ffff:10.1.2.3 64:ff9b::a00:1",
		special: "0.0.0.0 :: 169.254.169.254 fe80::1 fe80::1%eth0 224.0.0.1 ff02::1 255.255.255.255 100.64.0.1 198.18.0.1 192.0.0.170 240.0.0.1 " +
			"0.1.2.3 ::127.0.0.1 2002:7f00:1:: 64:ff9b:1::1 fec0::1 2001::1 64:ff9b::a9fe:a9fe",
	} {
		for a := range strings.FieldsSeq(addresses) {
			if got := reachOf(netip.MustParseAddr(a)); got != want {
				t.Errorf("%s: %d, want %d", a, got, want)
			}
		}
	}
}

// TestForeignAddresses: where a redirect leads to is checked of the address that is
// dialled, and depends on where the partner is.
func TestForeignAddresses(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	get := func(partner, address string, proxy func(*http.Request) (*url.URL, error)) bool {
		f := NewForeign(ForeignOptions{Partner: partner, Proxy: proxy, DialTimeout: time.Second, CallTimeout: 10 * time.Second})
		defer f.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		before := asked
		res, err := f.RoundTrip(req)
		if err == nil {
			res.Body.Close()
		}
		return asked > before
	}
	proxy := func(*http.Request) (*url.URL, error) { return url.Parse(server.URL) }
	for _, c := range []struct {
		name, partner, address string
		proxy                  func(*http.Request) (*url.URL, error)
		want                   bool
	}{
		{"PartnerHereToo", "127.0.0.1", server.URL, nil, true},
		{"PartnerHereByName", "localhost", server.URL, nil, true},
		{"PublicPartner", "93.184.216.34", server.URL, nil, false},
		{"ByName", "93.184.216.34", "http://localhost" + port, nil, false}, // as any name may resolve to it
		{"PrivatePartner", "10.0.0.1", server.URL, nil, false},
		{"Mapped", "93.184.216.34", "http://[::ffff:127.0.0.1]" + port, nil, false},
		{"Metadata", "127.0.0.1", "http://169.254.169.254/latest", nil, false},
		{"Unspecified", "93.184.216.34", "http://0.0.0.0" + port, nil, false},
		{"ProxyToAName", "93.184.216.34", "http://files.example/x", proxy, true},
		{"ProxyToAPrivateAddress", "93.184.216.34", "http://192.168.0.1/x", proxy, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := get(c.partner, c.address, c.proxy); got != c.want {
				t.Errorf("asked: %t, want %t", got, c.want)
			}
		})
	}
}
