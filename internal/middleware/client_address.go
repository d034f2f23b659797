package middleware

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Forwarded are the headers in which proxies say for whom a request is.
var Forwarded = []string{"X-Forwarded-For", "Forwarded"}

// Proxies are those that may say from where a request is.
type Proxies struct {
	Trusted []netip.Prefix
	Header  string // one of [Forwarded]: the one that the proxies set, which a client cannot
}

// ClientAddress notes where a request is from, below [RequestID].
func (p Proxies) ClientAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		EntryFrom(r.Context()).Client = p.client(r)
		next.ServeHTTP(w, r)
	})
}

// Trusts reports whether an address is a proxy's.
func (p Proxies) Trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p.Trusted, func(n netip.Prefix) bool { return n.Contains(a) })
}

// Peer returns the address of who a connection is with, invalid if it has none.
func Peer(address string) netip.Addr {
	peer, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// client returns the address nearest to the gateway that is not a proxy's: what stands
// before it is what a client says of itself.
func (p Proxies) client(r *http.Request) netip.Addr {
	client := Peer(r.RemoteAddr)
	if !p.Trusts(client) {
		return client
	}
	hops := strings.Split(strings.Join(r.Header.Values(p.Header), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, ok := p.hop(hop)
		if !ok {
			return client
		}
		if client = a; !p.Trusts(a) {
			return client
		}
	}
	return client
}

// hop reads one entry of the header: an address, with or without a port.
func (p Proxies) hop(text string) (netip.Addr, bool) {
	if p.Header == "Forwarded" { // RFC 7239
		found := ""
		for pair := range strings.SplitSeq(text, ";") {
			if name, value, _ := strings.Cut(strings.TrimSpace(pair), "="); strings.EqualFold(name, "for") {
				found = strings.Trim(value, `"`)
			}
		}
		text = found
	}
	text = strings.TrimSpace(text)
	if a := Peer(text); a.IsValid() {
		return a, true
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone(""), err == nil
}
