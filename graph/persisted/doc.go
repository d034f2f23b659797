// Package persisted lets a request name its document instead of carrying it,
// and lets an operator say which documents run at all.
//
// A request names a document by its SHA-256 or by the id that a manifest gives
// it, in any of the forms that clients send:
//
//   - extensions.persistedQuery {version: 1, sha256Hash}: automatic persisted
//     queries (APQ), as Apollo Client, urql and others send them. The text is
//     sent with its hash once, and the hash alone does from then on.
//   - documentId, plain or as sha256:<hex>: persisted documents as the draft of
//     GraphQL over HTTP names them. The transport hands it on as
//     extensions.documentId.
//   - doc_id: the same in Relay's words, handed on as extensions.doc_id.
//
// Documents come from two places. The manifest is a file that a client's build
// writes (graphql-codegen, Relay or Apollo) and the operator trusts; it is read
// once and never changes. What clients register by APQ is kept in memory, the
// most recently used of it, and never in enforce mode.
//
// The extension belongs before the document guard: it puts the text in place
// that the guard has to look at, and registers a document only when everything
// after it, the validator included, has let it pass. It knows nothing of HTTP:
// reading requests, statuses and refusing mutations over GET are the
// transport's business.
package persisted
