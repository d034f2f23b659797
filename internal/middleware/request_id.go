package middleware

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
)

// RequestID gives each request an id: the one it came with, if that is a plain
// token, else a new one. The answer carries it in X-Request-Id.
//
// The partner is told it with a number for each call: were the id alone to be taken
// for that of a call, the calls of one operation could no longer be told apart.
// An error's upstreamRequestId, if the partner has ids of its own, and requestId lead
// from the one to the other.
func RequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !plain(id) {
			id = rand.Text()
		}
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(withEntry(r.Context(), &Entry{RequestID: id})))
	})
}

// RequestIDFrom is the id of the request in ctx, "" outside of one.
func RequestIDFrom(ctx context.Context) string {
	return EntryFrom(ctx).RequestID
}

func plain(id string) bool {
	return id != "" && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}
