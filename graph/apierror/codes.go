package apierror

import (
	"iter"
	"maps"

	"github.com/99designs/gqlgen/graphql/errcode"
)

// Codes of errors[].extensions.code. They are part of the API; docs/errors.md says
// what each means.
const (
	CodeUnauthenticated     = "UNAUTHENTICATED"
	CodeForbidden           = "FORBIDDEN"
	CodeNotFound            = "NOT_FOUND"
	CodeParseFailed         = errcode.ParseFailed
	CodeValidationFailed    = errcode.ValidationFailed
	CodeBadUserInput        = "BAD_USER_INPUT"
	CodeRateLimited         = "RATE_LIMITED"
	CodeUpstreamTimeout     = "UPSTREAM_TIMEOUT"
	CodeUpstreamUnavailable = "UPSTREAM_UNAVAILABLE"
	CodeUpstreamError       = "UPSTREAM_ERROR"
	CodeTooManyErrors       = "TOO_MANY_ERRORS"
	CodeInternal            = "INTERNAL"
	CodeSessionUnavailable  = "SESSION_UNAVAILABLE"
	CodeOverloaded          = "OVERLOADED"

	CodeQueryTooComplex   = "QUERY_TOO_COMPLEX"
	CodeQueryTooExpensive = "QUERY_TOO_EXPENSIVE"
	CodeTooManyStreams    = "TOO_MANY_STREAMS"
	CodeTooManyOperations = "TOO_MANY_OPERATIONS"

	// Codes that end a stream. A client subscribes again with the id of the last
	// event it has seen.
	CodeSubscriptionLagged = "SUBSCRIPTION_LAGGED"
	CodeSubscriptionGap    = "SUBSCRIPTION_GAP"
	CodeSubscriptionClosed = "SUBSCRIPTION_CLOSED"

	CodePersistedQueryNotFound     = "PERSISTED_QUERY_NOT_FOUND"
	CodePersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED"
	CodePersistedQueryHashMismatch = "PERSISTED_QUERY_HASH_MISMATCH"
	CodePersistedQueryNotAllowed   = "PERSISTED_QUERY_NOT_ALLOWED"
)

var known = map[string]bool{
	CodeUnauthenticated: true, CodeForbidden: true, CodeNotFound: true, CodeParseFailed: true, CodeValidationFailed: true, CodeBadUserInput: true,
	CodeRateLimited: true, CodeUpstreamTimeout: true, CodeUpstreamUnavailable: true, CodeUpstreamError: true, CodeTooManyErrors: true, CodeInternal: true,
	CodeSessionUnavailable: true, CodeOverloaded: true, CodeQueryTooComplex: true, CodeQueryTooExpensive: true, CodeTooManyStreams: true, CodeTooManyOperations: true,
	CodeSubscriptionLagged: true, CodeSubscriptionGap: true, CodeSubscriptionClosed: true,
	CodePersistedQueryNotFound: true, CodePersistedQueryNotSupported: true, CodePersistedQueryHashMismatch: true, CodePersistedQueryNotAllowed: true,
}

// Known reports whether code is one of the constants above, so that it may be the
// label of a metric.
func Known(code string) bool { return known[code] }

// Codes returns the constants above, so that a metric has a figure for each before the
// first error.
func Codes() iter.Seq[string] { return maps.Keys(known) }
