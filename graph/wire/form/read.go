// Package form says what a request and an answer look like as JSON, on whichever
// transport they travel. Nothing that a client sent is repeated in what it says is
// wrong with it.
package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json/jsontext"
)

// named are the ways to name a document instead of sending it. Those beside
// "query" are handed on among the extensions.
var named = []string{"persistedQuery", "documentId", "doc_id"}

// IsNamed reports whether extensions name a document instead of sending it.
func IsNamed(extensions map[string]any) bool {
	for _, name := range named {
		if extensions[name] != nil {
			return true
		}
	}
	return false
}

// Parameters are the members of a request, in a body or a query string.
var Parameters = []string{"query", "operationName", "variables", "extensions", "documentId", "doc_id"}

// Wrong is the format of what is wrong with a request: where, and what.
const Wrong = "In the %s, %s."

// Assign puts the members of a request, a JSON object, in their places. It says
// of the first of another type what it must be, "" if there is none. Null is as
// good as absent.
func Assign(p *graphql.RawParams, given map[string]any) (wrong string) {
	for _, m := range []struct {
		name string
		to   *string
	}{{"query", &p.Query}, {"operationName", &p.OperationName}} {
		s, is := given[m.name].(string)
		if !is && given[m.name] != nil {
			return `"` + m.name + `" must be a string`
		}
		*m.to = s
	}
	for _, m := range []struct {
		name string
		to   *map[string]any
	}{{"variables", &p.Variables}, {"extensions", &p.Extensions}} {
		o, is := given[m.name].(map[string]any)
		if !is && given[m.name] != nil {
			return `"` + m.name + `" must be a JSON object`
		}
		*m.to = o
	}
	for _, name := range named[1:] {
		if id := given[name]; id != nil {
			if p.Extensions == nil {
				p.Extensions = map[string]any{}
			}
			p.Extensions[name] = id
		}
	}
	return ""
}

// Twice says which name stands twice in an object, "" if that is not what is
// wrong. A name that is no member of requests may be data, and is not repeated.
func Twice(err error) string {
	e, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok || !errors.Is(e.Err, jsontext.ErrDuplicateName) {
		return ""
	}
	pointer := strings.TrimPrefix(string(e.JSONPointer), "/payload") // of a socket's message
	member, inner, nested := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	switch {
	case !slices.Contains(Parameters, member):
		return "a name occurs twice in one object"
	case nested && inner != "":
		return `a name occurs twice in an object of "` + member + `"`
	}
	return `"` + member + `" occurs twice`
}

var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// Read reads one JSON value in UTF-8 and nothing behind it, in which no
// object has a name twice. Numbers stay as they were written.
func Read(text []byte) (any, error) {
	d := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(d)
	d.Reset(bytes.NewBuffer(text))
	value, err := jsonValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return value, nil
}

func jsonValue(d *jsontext.Decoder) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		object := map[string]any{}
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String() // before the token is read over
			if object[key], err = jsonValue(d); err != nil {
				return nil, err
			}
		}
		_, err = d.ReadToken()
		return object, err
	case '[':
		list := []any{}
		for d.PeekKind() != ']' {
			item, err := jsonValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err = d.ReadToken()
		return list, err
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}
