package middleware

import (
	"mime"
	"net/http"
	"strings"
)

// PreflightHeaders are the headers that prove that no foreign page sent a
// request by itself: a browser asks before it lets a page set them.
var PreflightHeaders = []string{"GraphQL-Require-Preflight", "Apollo-Require-Preflight"}

// CSRF refuses what any page on the web could make a browser send without
// asking first: a GET, HEAD or POST whose headers are all simple. An
// Authorization header, a content type that no form has, or one of
// PreflightHeaders shows that the sender asked or is no browser. An upgrade to a
// WebSocket passes: a browser says where the page is from, without having been
// asked to, and the handler that upgrades checks that.
// https://fetch.spec.whatwg.org/#cors-safelisted-request-header
func CSRF(refuse http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if simple(r) {
				refuse.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func simple(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		return false
	}
	if r.Header.Get("Authorization") != "" {
		return false
	}
	if r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false // a page cannot set this header, only open a socket
	}
	for _, name := range PreflightHeaders {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	values := r.Header.Values("Content-Type")
	if len(values) != 1 {
		return true
	}
	media, _, err := mime.ParseMediaType(values[0])
	if err != nil { // browsers read some that we do not
		return true
	}
	switch media {
	case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		return true
	}
	return false
}
