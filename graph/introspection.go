package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	gqlgen "github.com/99designs/gqlgen/graphql/introspection"
)

// introspection answers null where section 4.2.2 of the specification has it: for
// what a type of its kind does not have. gqlgen has empty lists and false. Other fields are
// those of any document.
func introspection(ctx context.Context, next graphql.Resolver) (any, error) {
	fc := graphql.GetFieldContext(ctx)
	if fc.Object != "__Type" || fc.Parent == nil {
		return reportUnreadable(ctx, next)
	}
	v, err := next(ctx)
	t, ok := fc.Parent.Result.(*gqlgen.Type)
	if kinds := kindsOf[fc.Field.Name]; ok && kinds != nil && !kinds[t.Kind()] {
		return nil, err
	}
	return v, err
}

// kindsOf are the kinds of types that have a field of __Type; all have one that
// is not here.
var kindsOf = map[string]map[string]bool{
	"fields":        {"OBJECT": true, "INTERFACE": true},
	"interfaces":    {"OBJECT": true, "INTERFACE": true},
	"possibleTypes": {"INTERFACE": true, "UNION": true},
	"enumValues":    {"ENUM": true},
	"inputFields":   {"INPUT_OBJECT": true},
	"isOneOf":       {"INPUT_OBJECT": true},
}
