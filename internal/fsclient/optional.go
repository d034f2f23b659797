package fsclient

import "github.com/99designs/gqlgen/graphql"

// Opt is a field of a request's body that can be absent, null or a value. With
// the json option omitzero an absent one does not travel. All optional fields
// are one: leaving a field out must not clear it. It is gqlgen's own type,
// so that input objects bind to the bodies directly; this file alone knows it.
type Opt[T any] = graphql.Omittable[T]

// Set makes an [Opt] that travels with v; Opt[*T] with nil travels as null.
func Set[T any](v T) Opt[T] { return graphql.OmittableOf(v) }
