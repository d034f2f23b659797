package gateway

import (
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strings"
)

// Admin serves health and metrics, which are not for clients of the graph.
func (g *Gateway) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", g.health.Live)
	mux.HandleFunc("GET /readyz", g.health.Ready)
	mux.Handle("GET /metrics", g.metrics.handler())
	if g.config.Pprof { // but for cmdline, which shows secrets that were given as flags
		mux.HandleFunc("/debug/pprof/", profile)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return g.written(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.config.isAdminHost(r.Host) {
			http.Error(w, "This Host is not the gateway's; --admin-hosts lists those that are.", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

// profile serves the index and the profiles that it lists.
func profile(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/debug/pprof/cmdline") {
		http.NotFound(w, r)
		return
	}
	pprof.Index(w, r)
}

// isAdminHost reports whether the admin address is meant by the value of a Host
// header, so that a browser does not reach it by the name of another site (DNS
// rebinding). Where other machines reach it, it goes by names that only --admin-hosts
// knows; an address is nobody's site.
func (c *Config) isAdminHost(value string) bool {
	host, _, err := net.SplitHostPort(value)
	if err != nil { // without a port
		host = value
	}
	host = strings.Trim(strings.ToLower(host), "[]")
	if isLoopback(host) || slices.Contains(c.AdminHosts, host) {
		return true
	}
	if listensOnLoopback(c.AdminAddr) {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err == nil || len(c.AdminHosts) == 0
}
