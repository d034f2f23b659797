package graph

import (
	"bytes"
	"context"
	"io"

	"github.com/99designs/gqlgen/graphql"
	gqlgen "github.com/99designs/gqlgen/graphql/introspection"

	"fsgateway/graph/apierror"
)

// maxIntrospections is how many answers about the schema are made at once. No call is waited for
// meanwhile, so more of them at once would be no faster, and each takes ten times its length.
const maxIntrospections = 2

// fewIntrospections has __schema and __type wait for their turn, as long as their operation has
// time, and keeps of their answers the text alone.
func fewIntrospections() graphql.RootFieldMiddleware {
	places := make(chan struct{}, maxIntrospections)
	return func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
		if name := graphql.GetRootFieldContext(ctx).Field.Name; name != "__schema" && name != "__type" {
			return next(ctx)
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			graphql.AddError(ctx, apierror.New(apierror.CodeOverloaded, "Too many clients read the schema at once. Try again later."))
			return graphql.Null
		}
		defer func() { <-places }()
		var text bytes.Buffer
		next(ctx).MarshalGQL(&text)
		return graphql.WriterFunc(func(w io.Writer) { _, _ = w.Write(text.Bytes()) })
	}
}

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
