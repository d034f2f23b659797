package graph

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"fsgateway/graph/loader"
	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// write carries out a mutation. What the partner refuses because of the input,
// and records it does not find, are problems of whoever made the input; any
// other failure is an error.
func write[I, T any](ctx context.Context, input *I, do func(context.Context, *I) (*T, error)) (*T, []model.UserError, error) {
	written, err := do(ctx, input)
	if err == nil {
		return written, []model.UserError{}, nil
	}
	e, ok := errors.AsType[*fsclient.Error](err)
	switch {
	case ok && e.Kind == fsclient.KindNotFound:
		return nil, []model.UserError{{Code: model.NotFound, Message: "A record named by the input does not exist, or not for this caller."}}, nil
	case ok && e.Kind == fsclient.KindInvalid:
		return nil, userErrors(e.Problems), nil
	}
	return nil, nil, err
}

// payload hands a mutation's answer to the walker, which starts what the
// selection needs beyond it.
func payload[P any](ctx context.Context, p *P, err error) (*P, error) {
	if err != nil {
		return nil, err
	}
	loader.Arrived(ctx, p)
	return p, nil
}

func userErrors(problems []fsclient.Problem) []model.UserError {
	out := make([]model.UserError, 0, max(1, len(problems)))
	for _, p := range problems {
		message := p.Message
		if message == "" {
			message = "The partner refused the input: " + p.Code + "."
		}
		out = append(out, model.UserError{Field: inputPath(p.Field), Code: model.Invalid, Message: message})
	}
	if len(out) == 0 {
		out = append(out, model.UserError{Code: model.Invalid, Message: "The partner refused the input and does not say why."})
	}
	return out
}

// inputPath is the path of an input field that the partner calls
// "recommendations[0].units_to_purchase".
func inputPath(field string) []string {
	if field == "" || field == "base" { // base: the record as a whole
		return nil
	}
	path := []string{"input"}
	for _, part := range strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' || r == '/' }) {
		path = append(path, camelCase(part))
	}
	return path
}

func camelCase(s string) string {
	switch s { // in a place where the API leaves the underscore out
	case "firstname":
		return "firstName"
	case "lastname":
		return "lastName"
	}
	var b strings.Builder
	upper := false
	for _, r := range s {
		if r == '_' {
			upper = b.Len() > 0
			continue
		}
		if upper {
			r, upper = unicode.ToUpper(r), false
		}
		b.WriteRune(r)
	}
	return b.String()
}
