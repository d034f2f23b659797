package gateway

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// reach is from where a host can be meant: whose eyes a request to it in clear
// passes.
type reach int

const (
	thisMachine reach = iota
	privateNetwork
	anywhere
)

// cgnat is the range that overlay networks take addresses from.
var cgnat = netip.MustParsePrefix("100.64.0.0/10")

// privateSuffixes are those of names that are not looked up on the internet.
// https://www.rfc-editor.org/rfc/rfc6762#appendix-G
var privateSuffixes = []string{".internal", ".local", ".lan", ".home", ".home.arpa", ".intranet", ".private", ".corp", ".test", ".svc"}

// reachOf places a host, which has no port.
func reachOf(host string) reach {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		switch ip = ip.Unmap(); {
		case ip.IsLoopback():
			return thisMachine
		case ip.IsPrivate(), ip.IsLinkLocalUnicast(), ip.IsUnspecified(), cgnat.Contains(ip):
			return privateNetwork
		}
		return anywhere
	}
	switch {
	case host == "localhost", strings.HasSuffix(host, ".localhost"):
		return thisMachine
	case !strings.Contains(host, "."): // a service of compose, a machine of the office
		return privateNetwork
	}
	for _, suffix := range privateSuffixes {
		if strings.HasSuffix(host, suffix) {
			return privateNetwork
		}
	}
	return anywhere
}

func isLoopback(host string) bool { return reachOf(host) == thisMachine }

// listensOnLoopback reports whether an address to listen on takes connections from
// this machine alone.
func listensOnLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && host != "" && isLoopback(host)
}

// hostOf is the host of a URL without its port, "" for text that is none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// inClear is from where a URL of http could be overheard; it is thisMachine for one
// of https.
func inClear(address string) reach {
	if !strings.HasPrefix(strings.ToLower(address), "http:") {
		return thisMachine
	}
	return reachOf(hostOf(address))
}
