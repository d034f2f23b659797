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
	corsExposed = "Content-Disposition, Retry-After, WWW-Authenticate, X-Request-Id"
)

// corsHeaders are what a page may send: what the gateway reads, and what the usual
// clients and tracing libraries add to each request, which the gateway ignores. A
// browser sends nothing at all if one of a request's headers is not listed.
var corsHeaders = append([]string{
	"Accept", "Authorization", "Content-Type", "X-Request-Id",
	"traceparent", "tracestate", "baggage", "sentry-trace", "b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled",
	"X-Datadog-Trace-Id", "X-Datadog-Parent-Id", "X-Datadog-Origin", "X-Datadog-Sampling-Priority", "newrelic",
	"apollographql-client-name", "apollographql-client-version", "x-apollo-operation-name", "x-apollo-operation-id", "x-apollo-operation-type",
	"graphql-client-name", "graphql-client-version", "Cache-Control", "Last-Event-ID", "X-Requested-With", "X-Gateway-Cost", "X-Gateway-Dry-Run",
}, PreflightHeaders...)

// CORS lets pages of the given origins read answers. Without origins it does
// nothing, which is what closed means to a browser. An origin is compared as a
// whole, there are no patterns. headers are those that pages may send beside the
// usual ones. cookies reports whether browsers may send theirs,
// where users sign in; otherwise a caller's token is in a header that the page
// sets itself.
func CORS(origins, headers []string, cookies bool) func(http.Handler) http.Handler {
	allowed := strings.Join(slices.Concat(corsHeaders, headers), ", ")
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
			h.Set("Access-Control-Allow-Headers", allowed)
			h.Set("Access-Control-Max-Age", preflightAge)
			w.WriteHeader(http.StatusNoContent)
		})
	}
}
