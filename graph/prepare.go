package graph

import (
	"context"
	"reflect"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/coerce"
	"fsgateway/graph/gen"
	"fsgateway/graph/plan"
	"fsgateway/internal/cache"
)

// coerceInput has documents validated by package coerce, and their literals
// coerced. It goes after all other extensions that look at a request.
func coerceInput(h *handler.Server, schema *ast.Schema, plans *plan.Schema, o *Options) {
	s := coerce.New(schema, reflect.TypeFor[gen.ResolverRoot]())
	h.SetValidationRulesFn(s.Rules)
	h.SetQueryCache(documents{s, plans, o.known, o.Documents})
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

// documents keeps valid documents.
type documents struct {
	schema *coerce.Schema
	plans  *plan.Schema
	known  func(context.Context) bool
	kept   *Documents
}

// Documents keeps valid documents by their text. Those of strangers, who may send any
// number, take the place of none that a known caller has sent.
type Documents = cache.Split[string, *document]

// NewDocuments returns a cache of documents of most bytes.
func NewDocuments(most int) *Documents { return cache.NewSplit[string, *document](most) }

// document is a valid document, with what was worked out from it.
type document struct {
	*coerce.Document
	plans *plan.Document
}

func (c documents) Get(ctx context.Context, query string) (*ast.QueryDocument, bool) {
	d, ok := c.kept.Get(query)
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
	c.kept.Put(query, d, weight(query), c.known(ctx))
}

// nodeSize is about what a node of a document takes up, with its part of a plan, in bytes.
const nodeSize = 1 << 10

// weight returns about how many bytes a document takes up: each word and each bracket that
// opens is a node's.
func weight(query string) int {
	nodes, inWord := 0, false
	for _, c := range []byte(query) {
		word := c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if word && !inWord || c == '{' || c == '[' {
			nodes++
		}
		inWord = word
	}
	return len(query) + nodes*nodeSize
}
