package middleware

import (
	"net/http"
	"strings"
)

// Bearer reads the token of a request. accept makes the request that goes on;
// refuse answers one whose Authorization header holds no token. A request
// without the header goes on as it is: not everything needs a token.
func Bearer(accept func(r *http.Request, token string) *http.Request, refuse http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			values := r.Header.Values("Authorization")
			if len(values) == 0 {
				next.ServeHTTP(w, r)
				return
			}
			token, ok := Token(values[0])
			if !ok || len(values) > 1 {
				refuse.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, accept(r, token))
		})
	}
}

// Token is the token that the value of an Authorization header holds. Any number
// of spaces may stand in front of it (RFC 9110, section 11.4).
func Token(authorization string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.TrimLeft(token, " ")
	return token, strings.EqualFold(scheme, "Bearer") && isToken(token)
}

// isToken reports whether text can travel as a token: visible ASCII, no spaces.
// What it means is the partner's business.
func isToken(text string) bool {
	return text != "" && len(text) <= 4096 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
