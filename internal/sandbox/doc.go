// Package sandbox is the Fullscript partner REST API in miniature: an http.Handler with a fixed seed, state that lives as long as the
// Server, tokens, scopes, limits, and faults on request. The gateway embeds it, `gateway sandbox` runs it alone, and every black-box
// test talks to it.
//
// The partner API lies below /api, its consent page at /api/oauth/authorize, and what only a sandbox has below /_sandbox. The pages that
// links and session grants lead to are where events come from: writes through the API make none.
//
// It uses the standard library only and shares no struct with the rest of the module: what it sends is written down here once more, by
// hand and from the API description, so that a wrong JSON tag in the client fails a test instead of agreeing with itself.
//
// Reading order: routes.go is the list of the API, server.go the way of one call, table.go how state lies over the shared seed; then one
// file for each resource. The seed is made by seed*.go from the word lists in seed/.
//
// Three rules keep it honest. Seed data depends on nothing but the code, never on the clock. Records in a table are never changed in
// place: a write stores a changed copy, so an answer may be encoded after the lock is gone. The lock is never held while waiting.
package sandbox
