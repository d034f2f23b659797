package middleware

import "net/http"

// Private keeps answers out of every cache: they are one caller's alone. Vary
// is for caches that keep them all the same.
func Private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private, no-store")
		w.Header().Add("Vary", "Authorization, Cookie, Accept, Accept-Encoding")
		next.ServeHTTP(w, r)
	})
}
