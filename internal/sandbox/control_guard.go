package sandbox

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// guard keeps pages of other sites from using the control routes: one that a browser calls by a name that is not ours (DNS rebinding), or that
// sends a request to a name that is.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !s.ourHost(r.Host):
			failure(http.StatusForbidden, "This Host is not the sandbox's: call it by the address that it printed").write(w)
		case !s.ourOrigin(r):
			failure(http.StatusForbidden, "A page of another site sent this request").write(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ourHost reports whether the sandbox is meant by the value of a Host header. One that is open to other machines is also known by addresses
// and by names without a dot, which nobody can register.
func (s *Server) ourHost(host string) bool {
	name := (&url.URL{Host: strings.ToLower(host)}).Hostname()
	if isLoopback(name) {
		return true
	}
	if base, err := url.Parse(s.opts.BaseURL); err == nil && name == strings.ToLower(base.Hostname()) {
		return true
	}
	_, err := netip.ParseAddr(name)
	return s.opts.Open && name != "" && (err == nil || !strings.Contains(name, "."))
}

// ourOrigin reports whether a request comes from a page of ours, from one of this machine, or from no page. A browser that says where it is
// from is believed: the pages of the partner's site have no referrer, and so no origin either.
func (s *Server) ourOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" { // a link that was followed, or no browser
		return r.Header.Get("Sec-Fetch-Site") == "" || r.Method == http.MethodGet || r.Method == http.MethodHead
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && (u.Host == r.Host || s.ourHost(u.Host))
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.Unmap().IsLoopback()
}

// mayCall reports whether events may be sent to an address.
func (s *Server) mayCall(u *url.URL) bool {
	return s.opts.Open || isLoopback(strings.ToLower(u.Hostname()))
}

// loopbackOnly refuses connections to other machines, whatever name led there.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !isLoopback(host) {
		return errors.New("sandbox: events are sent to this machine alone")
	}
	return nil
}
