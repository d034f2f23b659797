package middleware

import "net/http"

// NoSniff has browsers take the content type of each answer as it is said to be:
// an answer that holds what a client or the partner wrote is never run as a
// script or shown as a page.
func NoSniff(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
