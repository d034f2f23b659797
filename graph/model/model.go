// Package model holds the GraphQL types that have no twin in the partner's API:
// connections, payloads of mutations, complaints. Everything else binds to the
// structs of internal/fsclient. A models_gen.go here would mean that a struct is
// missing there.
package model

import (
	"errors"
	"io"
	"strconv"
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
