package graph

import (
	"cmp"
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/loader"
	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// answering answers queries by their plan as long as nothing in them is wrong, and leaves
// everything else to the generated executor. Both wait for the same calls.
type answering struct {
	graphql.ExecutableSchema
	answered AnsweredBy
	most     int // bytes of an answer
}

// AnsweredBy observes how queries are answered. Both are optional.
type AnsweredBy struct {
	// Count is called for each query with "plan", or with the reason why the plan gave up.
	Count func(by string)
	// Check is called with the answer that the plan has written and with the executor's
	// for the same calls, which is made for nothing else.
	Check func(query string, written []byte, executed *graphql.Response)
}

// Exec makes it a [graphql.ExecutableSchema].
func (s answering) Exec(ctx context.Context) graphql.ResponseHandler {
	execute := s.ExecutableSchema.Exec(ctx)
	session := loader.From(ctx)
	op := graphql.GetOperationContext(ctx)
	if op.Operation.Operation != ast.Query || session == nil || !session.Plan().IsOf(op.Operation) {
		return execute
	}
	written := false
	return func(ctx context.Context) *graphql.Response {
		if written {
			return nil
		}
		data, why := session.Plan().Write(ctx, session, s.most)
		if s.answered.Count != nil {
			s.answered.Count(cmp.Or(why, "plan"))
		}
		switch why {
		case "":
		case plan.TooLarge: // executed it would be made again, to be thrown away
			written = true
			return tooLarge(s.most)
		default:
			return execute(ctx)
		}
		if s.answered.Check != nil {
			s.answered.Check(op.RawQuery, data, execute(ctx))
		}
		written = true
		return &graphql.Response{Data: data}
	}
}

// tooLarge is the answer in place of one that has more bytes than one may have.
func tooLarge(most int) *graphql.Response {
	err := apierror.New(apierror.CodeQueryTooComplex, fmt.Sprintf("The answer has more than %d bytes (--max-answer). Ask for fewer rows, or select less of each.", most))
	err.Extensions["limit"], err.Extensions["maximum"] = "answer", most
	return &graphql.Response{Errors: gqlerror.List{err}}
}

// computed are the fields that are neither read from a record nor take a call. They return
// what their resolvers do.
func (r *Resolver) computed() map[string]plan.Computed {
	currency := func(any, map[string]any) (any, error) { return r.Currency, nil }
	return map[string]plan.Computed{
		"Clinic.currency":  currency,
		"Order.currency":   currency,
		"Variant.currency": currency,
		"Variant.imageUrl": func(object any, args map[string]any) (any, error) {
			var size fsclient.ImageSize
			if err := size.UnmarshalGQL(args["size"]); err != nil {
				return nil, err
			}
			return object.(*fsclient.Variant).ImageURL.URL(size)
		},
		"Resource.downloadUrl": func(object any, _ map[string]any) (any, error) {
			return r.downloadURL(object.(*fsclient.Resource)), nil
		},
	}
}
