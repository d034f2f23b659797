package graph

import (
	"context"
	"reflect"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/coerce"
	"fsgateway/graph/gen"
	"fsgateway/graph/plan"
)

// coerceInput has documents validated by package coerce, and their literals
// coerced. It goes after all other extensions that look at a request.
func coerceInput(h *handler.Server, schema *ast.Schema, plans *plan.Schema) {
	s := coerce.New(schema, reflect.TypeFor[gen.ResolverRoot]())
	h.SetValidationRulesFn(s.Rules)
	h.SetQueryCache(documents{s, plans, lru.New[*document](1000)})
	h.Use(withholdVariables{})
}

// preparer is gqlgen's executor but for how the variables of a request are coerced.
type preparer struct{ graphql.GraphExecutor }

// preparation is what is learnt of a request on its way through gqlgen's
// executor, which hands the context to all that it calls.
type preparation struct {
	variables map[string]any
	document  *document
}

type preparationKey struct{}

// CreateOperationContext finds the operation that a request asks for, ready to
// run, or says why it is refused.
func (e preparer) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	p := new(preparation)
	op, errs := e.GraphExecutor.CreateOperationContext(context.WithValue(ctx, preparationKey{}, p), params)
	if op.Operation == nil {
		return op, errs
	}
	// What gqlgen says when there is an operation is about the variables that
	// were withheld from it.
	op.Variables, errs = p.document.Variables(op.Operation, p.variables)
	for _, e := range errs {
		errcode.Set(e, apierror.CodeBadUserInput)
	}
	p.document.plans.Attach(op)
	op.DisableIntrospection = false          // refuse decides that
	op.ResolverMiddleware = reportUnreadable // AroundFields would allocate for each field
	if p.document.Introspects {
		op.ResolverMiddleware = introspection
	}
	return op, errs
}

// withholdVariables keeps the variables of a request from gqlgen.
type withholdVariables struct{}

func (withholdVariables) ExtensionName() string                   { return "Variables" }
func (withholdVariables) Validate(graphql.ExecutableSchema) error { return nil }

func (withholdVariables) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	ctx.Value(preparationKey{}).(*preparation).variables, params.Variables = params.Variables, nil
	return nil
}

// documents keeps valid documents, but for long ones: what it holds is bounded
// by number, and a thousand of the longest would be hundreds of megabytes.
type documents struct {
	schema *coerce.Schema
	plans  *plan.Schema
	known  graphql.Cache[*document]
}

// document is a valid document, with what was worked out from it.
type document struct {
	*coerce.Document
	plans *plan.Document
}

const maxCachedQuery = 16 << 10

func (c documents) Get(ctx context.Context, query string) (*ast.QueryDocument, bool) {
	d, ok := c.known.Get(ctx, query)
	if !ok {
		return nil, false
	}
	ctx.Value(preparationKey{}).(*preparation).document = d
	return d.Doc, true
}

// Add is called for each document that was found valid.
func (c documents) Add(ctx context.Context, query string, doc *ast.QueryDocument) {
	d := &document{c.schema.Prepare(doc), c.plans.NewDocument(doc)}
	ctx.Value(preparationKey{}).(*preparation).document = d
	if len(query) <= maxCachedQuery {
		c.known.Add(ctx, query, d)
	}
}
