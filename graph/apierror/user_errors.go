package apierror

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// The partner names fields as its own API does, and puts what it likes around
// and below them. A user error names a field that the mutation's input has in
// the schema, or none.

// UserErrors returns what is wrong with the input of a mutation, a field of the schema.
func UserErrors(problems []fsclient.Problem, schema *ast.Schema, mutation *ast.FieldDefinition) []model.UserError {
	input := mutationInput{
		schema:  schema,
		typ:     schema.Types[mutation.Arguments.ForName("input").Type.Name()],
		records: schema.Types[mutation.Type.Name()].Fields,
	}
	out := make([]model.UserError, 0, max(1, len(problems)))
	for _, p := range problems {
		path, subject := input.path(p.Field)
		out = append(out, model.UserError{Field: path, Code: model.Invalid, Message: sentence(subject, p)})
	}
	if len(out) == 0 {
		out = append(out, model.UserError{Code: model.Invalid, Message: sentence("", fsclient.Problem{})})
	}
	return out
}

// sentence is what a problem says. The partner's messages are often a mere
// predicate, "is taken", which says nothing without its subject.
func sentence(subject string, p fsclient.Problem) string {
	switch {
	case p.Message == "" && p.Code == "":
		return "The partner rejected the input and did not say why."
	case p.Message == "":
		return "The partner rejected the input: " + p.Code + "."
	}
	first, _ := utf8.DecodeRuneInString(p.Message)
	if subject == "" || !unicode.IsLower(first) || strings.HasPrefix(plainName(p.Message), plainName(subject)) {
		return p.Message
	}
	return subject + " " + p.Message
}

// mutationInput is what a mutation takes, as the schema has it.
type mutationInput struct {
	schema *ast.Schema
	typ    *ast.Definition
	// records are what the payload calls the record that is written. The partner
	// may put its name before those of the fields.
	records ast.FieldList
}

// path is the path of the input field that the partner calls
// "recommendations[0].units_to_purchase", as far as the input has it, nil if it
// has nothing of it. subject is what a message calls the field.
func (in mutationInput) path(name string) (path []string, subject string) {
	path = []string{"input"}
	typ, inList, found := in.typ, false, true
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("./[]#", r) }) {
		if _, err := strconv.ParseUint(part, 10, 16); err == nil {
			if found = found && inList; found {
				path, inList = append(path, part), false
			}
			continue
		}
		if path[len(path)-1] == externalID && part == "id" {
			continue // it is called metadata.id
		}
		subject = part
		if !found {
			continue
		}
		f := fieldNamed(typ.Fields, part)
		switch {
		case f != nil:
			path, subject = append(path, f.Name), f.Name
			typ, inList = in.schema.Types[f.Type.Name()], f.Type.Elem != nil
		case len(path) > 1 || !isEnvelope(part) && fieldNamed(in.records, part) == nil:
			found = false
		}
	}
	if len(path) == 1 {
		path = nil
	}
	if len(subject) > maxSubject {
		subject = ""
	}
	return path, subject
}

const externalID = "externalId"

const maxSubject = 64 // of a name that only the partner knows

// isEnvelope reports whether a part of a pointer stands for the body itself.
func isEnvelope(part string) bool {
	return slices.Contains([]string{"data", "attributes", "body", "input"}, part)
}

// fieldNamed is the field that the partner calls name: with underscores or
// without, and without the "id" of what it refers to.
func fieldNamed(fields ast.FieldList, name string) *ast.FieldDefinition {
	plain := plainName(name)
	if plain == "metadata" { // what the API has the external id in
		plain = plainName(externalID)
	}
	for _, wanted := range []string{plain, plain + "id"} {
		for _, f := range fields {
			if plainName(f.Name) == wanted {
				return f
			}
		}
	}
	return nil
}

// plainName is a name or a text without what differs between ways to write it.
func plainName(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}
