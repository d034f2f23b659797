package middleware

import (
	"net/http"
	"runtime/debug"

	"github.com/rs/zerolog"
)

// Recover has respond answer where a handler panics, and logs where it did. What it
// panicked with may hold anything and is not logged.
func Recover(logger zerolog.Logger, respond http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				switch v := recover(); v {
				case nil:
				case http.ErrAbortHandler:
					panic(v)
				default:
					logger.Error().Str("requestId", RequestIDFrom(r.Context())).Bytes("stack", debug.Stack()).Msg("panic in a handler")
					respond.ServeHTTP(w, r)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
}
