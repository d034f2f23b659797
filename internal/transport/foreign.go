package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// errPrivateAddress says that a host is at an address of this machine or of its
// network.
var errPrivateAddress = errors.New("transport: the host is at an address that is not public")

// ForeignOptions say how hosts are reached that the partner names.
type ForeignOptions struct {
	// Partner is the partner's host. Where it is at an address that is not public,
	// as in a test or within a private network, others may be at such an address
	// too.
	Partner     string
	Proxy       func(*http.Request) (*url.URL, error) // nil for none
	DialTimeout time.Duration
	CallTimeout time.Duration
}

// Foreign reaches hosts that are not the partner's, such as the storage that
// attachments lie in. They see no token. Which host it is the partner says, so it
// must be a public one, or a redirect would lead to whatever listens beside the
// gateway. That is checked of the address that is dialled, whatever its name was
// resolved to before. A proxy dials for itself; it is asked for no address that is
// seen not to be public.
type Foreign struct {
	direct, proxied *http.Transport
	guard           addressGuard
	calls           http.RoundTripper
}

// NewForeign returns a Foreign without connections.
func NewForeign(o ForeignOptions) *Foreign {
	f := &Foreign{guard: addressGuard{partner: o.Partner}}
	to := func(d *net.Dialer) *http.Transport {
		return &http.Transport{
			DialContext: d.DialContext, TLSHandshakeTimeout: o.CallTimeout, IdleConnTimeout: idleConnTimeout, MaxIdleConns: 16, ForceAttemptHTTP2: true,
		}
	}
	f.direct = to(&net.Dialer{Timeout: o.DialTimeout, ControlContext: f.guard.control})
	f.proxied = to(&net.Dialer{Timeout: o.DialTimeout})
	f.proxied.Proxy = o.Proxy
	f.calls = Timeout(o.CallTimeout, Func(f.call))
	return f
}

// RoundTrip makes a call.
func (f *Foreign) RoundTrip(r *http.Request) (*http.Response, error) { return f.calls.RoundTrip(r) }

func (f *Foreign) call(r *http.Request) (*http.Response, error) {
	if f.proxied.Proxy == nil {
		return f.direct.RoundTrip(r)
	}
	proxy, err := f.proxied.Proxy(r)
	switch {
	case err != nil:
		return nil, err
	case proxy == nil:
		return f.direct.RoundTrip(r)
	}
	if address, err := netip.ParseAddr(r.URL.Hostname()); err == nil {
		if err := f.guard.check(r.Context(), address); err != nil {
			return nil, err
		}
	}
	return f.proxied.RoundTrip(r)
}

// CloseIdleConnections closes the connections that no call is using.
func (f *Foreign) CloseIdleConnections() {
	f.direct.CloseIdleConnections()
	f.proxied.CloseIdleConnections()
}

// addressGuard lets public addresses be dialled, and those in the reach of the
// partner's own.
type addressGuard struct{ partner string }

// control has the form of net.Dialer.ControlContext: it sees each address before it
// is connected to.
func (g addressGuard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("transport: %w", err)
	}
	return g.check(ctx, to.Addr())
}

func (g addressGuard) check(ctx context.Context, to netip.Addr) error {
	reach := reachOf(to)
	switch reach {
	case public:
		return nil
	case special:
		return errPrivateAddress
	}
	partner, err := net.DefaultResolver.LookupNetIP(ctx, "ip", g.partner)
	if err != nil {
		return errPrivateAddress
	}
	for _, at := range partner {
		if reachOf(at) == reach {
			return nil
		}
	}
	return errPrivateAddress
}

// reach is from where an address can be reached.
type reach int

const (
	public  reach = iota
	private       // the networks of an organisation
	loopback
	special // of links, groups and protocols: nothing that a file is fetched from
)

// specialNetworks are those that package netip has no word for.
// https://www.iana.org/assignments/iana-ipv4-special-registry
var specialNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("fec0::/10"),
}

// translated addresses have one of IPv4 in their last four bytes.
var translated = netip.MustParsePrefix("64:ff9b::/96")

func reachOf(a netip.Addr) reach {
	a = a.Unmap().WithZone("")
	if translated.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	switch {
	case a.IsLoopback():
		return loopback
	case a.IsPrivate():
		return private
	case !a.IsGlobalUnicast():
		return special
	}
	for _, network := range specialNetworks {
		if network.Contains(a) {
			return special
		}
	}
	return public
}
