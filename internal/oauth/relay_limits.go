package oauth

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// The relay acts for the app, with its secret, and anyone may call it: so that
// nobody can guess tokens, or spend the calls that the partner allows, requests to
// it are counted, by address and in total.
const (
	relayPerSecond, relayBurst                   = 10, 100
	relayPerSecondOfAddress, relayBurstOfAddress = 1, 30
	maxRelayAddresses                            = 10_000 // the addresses that are remembered
)

type relayLimits struct {
	total     *rate.Limiter
	addresses *lru.Cache[netip.Prefix, *rate.Limiter]
}

func newRelayLimits() *relayLimits {
	addresses, err := lru.New[netip.Prefix, *rate.Limiter](maxRelayAddresses)
	if err != nil {
		panic(err) // the number above is wrong
	}
	return &relayLimits{rate.NewLimiter(relayPerSecond, relayBurst), addresses}
}

// allow reports whether a request may proceed.
func (l *relayLimits) allow(r *http.Request) bool {
	address := clientAddress(r)
	of, known := l.addresses.Get(address)
	if !known {
		of = rate.NewLimiter(relayPerSecondOfAddress, relayBurstOfAddress)
		if other, was, _ := l.addresses.PeekOrAdd(address, of); was {
			of = other
		}
	}
	return of.Allow() && l.total.Allow()
}

// clientAddress returns where a request comes from: the peer, or what a proxy on
// this machine or in its network says last in X-Forwarded-For. A network of IPv6 is
// one address, since each client has a whole one.
func clientAddress(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	peer, _ := netip.ParseAddr(host)
	if peer = peer.Unmap(); peer.IsLoopback() || peer.IsPrivate() {
		forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if client, err := netip.ParseAddr(strings.TrimSpace(forwarded[len(forwarded)-1])); err == nil {
			peer = client.Unmap()
		}
	}
	bits := 64
	if peer.Is4() {
		bits = 32
	}
	network, _ := peer.WithZone("").Prefix(bits)
	return network
}
