package middleware

import (
	"net/http"
	"slices"
	"strings"
)

// preflightAge is how long a browser may remember what it was allowed: two
// hours, the most that Chromium keeps.
const preflightAge = "7200"

var (
	corsMethods = strings.Join([]string{http.MethodGet, http.MethodPost}, ", ")
	corsHeaders = strings.Join(append([]string{"Accept", "Authorization", "Content-Type", "X-Request-Id"}, PreflightHeaders...), ", ")
	corsExposed = "Content-Disposition, Retry-After, WWW-Authenticate, X-Request-Id"
)

// CORS lets pages of the given origins read answers. Without origins it does
// nothing, which is what closed means to a browser. An origin is compared as a
// whole, there are no patterns. cookies says whether browsers may send theirs,
// where users sign in; otherwise a caller's token is in a header that the page
// sets itself.
func CORS(origins []string, cookies bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if len(origins) == 0 {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Add("Vary", "Origin")
			origin := r.Header.Get("Origin")
			if !slices.Contains(origins, origin) {
				next.ServeHTTP(w, r)
				return
			}
			h.Set("Access-Control-Allow-Origin", origin)
			if cookies {
				h.Set("Access-Control-Allow-Credentials", "true")
			}
			if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
				h.Set("Access-Control-Expose-Headers", corsExposed)
				next.ServeHTTP(w, r)
				return
			}
			h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
			h.Set("Access-Control-Allow-Methods", corsMethods)
			h.Set("Access-Control-Allow-Headers", corsHeaders)
			h.Set("Access-Control-Max-Age", preflightAge)
			w.WriteHeader(http.StatusNoContent)
		})
	}
}
