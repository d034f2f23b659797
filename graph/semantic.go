package graph

import (
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
)

// semanticNonNull is the directive as Relay, graphql-codegen and Apollo's clients for phones
// know it. https://specs.apollo.dev/nullability/v0.4/
const semanticNonNull = `"""
The field is null only where there is an error at its path: a client that throws on errors may
take it for non-null.
"""
directive @semanticNonNull(levels: [Int!]! = [0]) on FIELD_DEFINITION

`

// SemanticSDL prints the schema with @semanticNonNull on the fields that are null only with an
// error: lists, which are there or could not be fetched, what a mutation answers, and who asks.
func SemanticSDL() string {
	s := gqlparser.MustLoadSchema(&ast.Source{Input: semanticNonNull + SDL()})
	for _, def := range s.Types {
		for _, f := range def.Fields {
			if !f.Type.NonNull && nullByErrorAlone(s, def, f) {
				f.Directives = append(f.Directives, &ast.Directive{Name: "semanticNonNull"})
			}
		}
	}
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(s)
	return b.String()
}

func nullByErrorAlone(s *ast.Schema, def *ast.Definition, f *ast.FieldDefinition) bool {
	switch def {
	case s.Mutation:
		return true
	case s.Query:
		if f.Name == "viewer" || f.Name == "nodes" {
			return true
		}
	}
	return strings.HasSuffix(f.Type.Name(), "Connection")
}
