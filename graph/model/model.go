// Package model holds the GraphQL types that have no twin in the partner's API:
// connections, payloads of mutations, complaints. Everything else binds to the
// structs of internal/fsclient. Of the generated files, payloads_gen.go holds payloads
// alone: any other type in it means that a struct is missing there.
package model

import (
	"errors"
	"io"
	"math"
	"strconv"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/internal/fsclient"
)

// Node is a record with an id of its own.
type Node interface{ IsNode() }

// UserError is a complaint about the input of a mutation.
type UserError struct {
	Field   []string
	Code    UserErrorCode
	Message string
}

// UserErrorCode is the kind of a complaint.
type UserErrorCode string

const (
	Invalid  UserErrorCode = "INVALID"
	NotFound UserErrorCode = "NOT_FOUND"
)

func (c UserErrorCode) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(string(c))) }

// UnmarshalGQL is asked for by gqlgen of every enum; this one is never an input.
func (*UserErrorCode) UnmarshalGQL(any) error { return errors.New("not an input") }

// CurrencyCode is a currency by its ISO 4217 code.
type CurrencyCode string

const (
	CAD CurrencyCode = "CAD"
	USD CurrencyCode = "USD"
)

func (c CurrencyCode) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(string(c))) }

// UnmarshalGQL is asked for by gqlgen of every enum; this one is never an input.
func (*CurrencyCode) UnmarshalGQL(any) error { return errors.New("not an input") }

// MarshalInt writes GraphQL's Int.
func MarshalInt(i int) graphql.Marshaler { return graphql.MarshalInt(i) }

// UnmarshalInt reads GraphQL's Int, which has 32 bits.
func UnmarshalInt(v any) (int, error) {
	i, err := graphql.UnmarshalInt64(v)
	if err != nil || i < math.MinInt32 || i > math.MaxInt32 {
		return 0, fsclient.InputErrorf("an Int is a whole number of 32 bits")
	}
	return int(i), nil
}
