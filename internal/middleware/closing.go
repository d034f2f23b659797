package middleware

import "net/http"

// Closing asks clients to leave once draining says so: each answer closes its
// connection, or tells an HTTP/2 client to open another. An idle connection
// that the server closed by itself may carry a request that is just on its way.
func Closing(draining func() bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if draining() {
				w.Header().Set("Connection", "close")
			}
			next.ServeHTTP(w, r)
		})
	}
}
