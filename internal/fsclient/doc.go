// Package fsclient is a typed client of the Fullscript partner REST API
// (version 2). It knows addresses, envelopes, paging and the API's oddities,
// and nothing of GraphQL but three small methods that let its types be bound
// in an SDL (MarshalGQL, UnmarshalGQL, and Opt for absent input fields).
//
// A [Client] serves the whole process. Whose token a call carries is decided
// below it, by the http.RoundTripper it was made with; the caller's context
// bounds every call.
//
// # Values
//
// One struct stands for one record of the partner, wherever it comes from: a
// list item, a single fetch, or a mention inside another record. These carry
// different parts of it, so every record embeds [Record], which remembers what
// the answer held. The struct is also the GraphQL type of the same name:
// nullable in the SDL is a pointer here.
//
// For package loader a record also carries which fields it holds ([Fields]), which of
// them could not be read ([Faults]), whether it is an item of its own list, and a slot
// for what the rest of it waits for ([Pending]). It carries nothing else of a query:
// neither what is selected of it, nor which call it came from.
//
// # Recipe for an endpoint
//
// A method builds a path, calls one of the helpers of client.go (getOne,
// getPage, send) and returns their answer. It carries `//op:` with the method
// and path of the description, which a test compares with
// schema/fullscript.openapi.yaml.
//
// Partner's pages: https://fullscript.dev/technical-reference.
package fsclient
