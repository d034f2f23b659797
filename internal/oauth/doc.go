// Package oauth signs users in at the partner, in the browser, and keeps what
// results: sessions with an opaque cookie on one side and the partner's
// tokens, sealed, on the other. It refreshes the tokens early, once for all
// requests and processes, and loses no token on the way. What a session may do
// is not its business: it hands out a token, and the partner decides.
//
// https://fullscript.dev/docs/how-to-guides/oauth/
package oauth
