package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/graph/gen"
	"fsgateway/graph/loader"
)

// directives are the two that act at run time. Both only wait: the calls were
// started when the object arrived.
func directives() gen.DirectiveRoot {
	return gen.DirectiveRoot{
		// A field that leads to a record waits until as much of it is there as is
		// selected.
		Rest: func(ctx context.Context, _ any, next graphql.Resolver, _ string, _ *string) (any, error) {
			v, err := next(ctx)
			if v == nil || err != nil {
				return nil, err
			}
			return loader.Link(ctx, v)
		},
		// A field that list items lack waits until the item is whole.
		Detail: func(ctx context.Context, obj any, next graphql.Resolver) (any, error) {
			if err := loader.Detail(ctx, obj); err != nil {
				return nil, err
			}
			return next(ctx)
		},
	}
}
