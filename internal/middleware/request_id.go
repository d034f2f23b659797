package middleware

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"
)

// RequestID gives each request an id: the one it came with, if that is of a usual form, else a
// new one; one that is made for another request has that one's, with a number. The answer
// carries it in X-Request-Id.
//
// The partner is told it with a number for each call: were the id alone to be taken
// for that of a call, the calls of one operation could no longer be told apart.
// An error's upstreamRequestId, if the partner has ids of its own, and requestId lead
// from the one to the other.
func RequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if outer, within := r.Context().Value(entryKey{}).(*Entry); within {
			id = outer.partID()
		} else if !usual.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(withEntry(r.Context(), &Entry{RequestID: id, Route: noRoute})))
	})
}

// RequestIDFrom is the id of the request in ctx, "" outside of one.
func RequestIDFrom(ctx context.Context) string {
	return EntryFrom(ctx).RequestID
}

// usual are the forms of ids that proxies and libraries make: a UUID, with hyphens or without,
// and a ULID. The log, errors and the partner repeat an id, and any wider form has room for
// a name, a number of a card, or a token.
var usual = regexp.MustCompile(`^(?i:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}|[0-7][0-9a-hjkmnp-tv-z]{25})$`)
