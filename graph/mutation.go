package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/graph/apierror"
	"fsgateway/graph/gen"
	"fsgateway/graph/loader"
	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// write carries out a mutation. What the partner refuses because of the input,
// and records it does not find, are problems of the input's author; any
// other failure is an error, as is one of a write that may have been carried out.
func write[I, T any](ctx context.Context, input *I, do func(context.Context, *I) (*T, error)) (*T, []model.UserError, error) {
	written, err := do(loader.Calls(ctx), input)
	if err == nil {
		return written, []model.UserError{}, nil
	}
	e, ok := errors.AsType[*fsclient.Error](err)
	switch {
	case !ok || e.Unknown:
	case e.Kind == fsclient.KindNotFound:
		return nil, []model.UserError{{Code: model.NotFound, Message: "A record in the input does not exist or is not visible to this caller."}}, nil
	case e.Kind == fsclient.KindInvalid:
		schema := gen.NewExecutableSchema(gen.Config{}).Schema()
		return nil, apierror.UserErrors(e.Problems, schema, graphql.GetFieldContext(ctx).Field.Definition), nil
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
