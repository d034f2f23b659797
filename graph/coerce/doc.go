// Package coerce turns what a client sent as input into what the executor may
// use, before anything runs.
//
// Every literal, every default and every variable of an operation is coerced by
// one set of rules, so that wrong input is a request error: nothing has run, and
// the error has no path but says in extensions.argument which input it is about.
// gqlgen would coerce custom scalars and enums field by field instead, after
// earlier fields of the same mutation have been carried out, and gqlparser takes
// values that the specification refuses and refuses some that it allows.
//
// A [Schema] is made once. Its [Schema.Rules] validate documents, [Schema.Prepare]
// rewrites the literals of a valid document into their coerced form, once for
// each document, and [Document.Variables] coerces the variables of a request.
//
// Sections named in this package are those of the GraphQL specification of
// September 2025.
package coerce
