package wire

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// deferral is a query of which parts come later. It is executed twice, over the
// same calls to the partner: without the parts, and, when that has been sent,
// with them. What the second answer has more is what is sent then.
//
// The executor's own @defer is not used: it holds back fields with resolvers
// only, while what is slow here are also plain fields that wait for a record to
// be whole; it gives null for a field to come; and it can hang at the deadline.
type deferral struct {
	main, whole *graphql.OperationContext
	labels      map[*ast.InlineFragment]string
	schema      *ast.Schema
	// ctx has the calls of both passes, and begun what came of beginning them, once the
	// first has begun.
	ctx   context.Context
	begun any
	end   func() // when both are over, or there is no second; may be nil
}

type deferralKey struct{}

// later is the variable that is true in the second pass. No document can hold a
// name like it.
const later = "@later"

// typeAlias is the name under which each object of the second answer has its
// type, by which its fragments are known to apply.
const typeAlias = "@type"

// BothPasses returns what begin makes of an operation: the context for its calls, and
// whatever else there is to know of it. The two passes of a query with @defer share it, made
// for the whole query.
func BothPasses[T any](ctx context.Context, begin func(context.Context) (context.Context, T)) (context.Context, T) {
	d, _ := ctx.Value(deferralKey{}).(*deferral)
	if d == nil {
		return begin(ctx)
	}
	this := graphql.GetOperationContext(ctx)
	if d.ctx == nil {
		d.ctx, d.begun = begin(graphql.WithOperationContext(ctx, d.whole))
	}
	return graphql.WithOperationContext(d.ctx, this), d.begun.(T)
}

// AtEnd returns what is to be called when the operation in ctx has been run once: f, or
// nothing if a part comes later, behind which f is called.
func AtEnd(ctx context.Context, f func()) (now func()) {
	d, _ := ctx.Value(deferralKey{}).(*deferral)
	if d == nil {
		return f
	}
	d.end = f
	return func() {}
}

// Defers reports whether the query in ctx has parts that come later.
func Defers(ctx context.Context) bool { return ctx.Value(deferralKey{}) != nil }

// WithoutDefer prepares an operation whose parts all come at once.
func WithoutDefer(schema *ast.Schema, op *graphql.OperationContext) { defers(schema, op, false) }

// defers prepares an operation with @defer. If parts cannot follow, because the
// client does not read them or the operation is one that must not run twice,
// everything comes at once: then it is nil.
func defers(schema *ast.Schema, op *graphql.OperationContext, accepted bool) *deferral {
	accepted = accepted && op.Operation.Operation == ast.Query
	s := &splitter{schema: schema, op: op, accepted: accepted, parts: map[string]bool{}, labels: map[*ast.InlineFragment]string{}}
	if !s.mentioned() {
		return nil
	}
	main, rest := s.split(op.Operation.SelectionSet)
	operation := *op.Operation
	operation.SelectionSet = slices.Concat(main, rest)
	op.Operation = &operation
	op.Doc = &ast.QueryDocument{Operations: ast.OperationList{op.Operation}, Fragments: s.fragments}
	if op.Variables == nil {
		op.Variables = map[string]any{}
	}
	if op.Variables[later] = len(s.labels) > 0; len(s.labels) == 0 {
		return nil
	}
	without := &graphql.OperationContext{
		RawQuery: op.RawQuery, Variables: maps.Clone(op.Variables), OperationName: op.OperationName, Doc: op.Doc,
		Extensions: op.Extensions, Headers: op.Headers, Operation: op.Operation, DisableIntrospection: op.DisableIntrospection,
		RecoverFunc: op.RecoverFunc, ResolverMiddleware: op.ResolverMiddleware, RootResolverMiddleware: op.RootResolverMiddleware,
	}
	without.Variables[later] = false
	return &deferral{main: without, whole: op, labels: s.labels, schema: schema}
}

// splitter copies a document so that in each selection set the parts to come
// stand behind all others, each in a fragment that is included later. In this
// order a field is led by the same node of the document in both passes, by
// which package loader knows it.
type splitter struct {
	schema    *ast.Schema
	op        *graphql.OperationContext
	accepted  bool
	fragments ast.FragmentDefinitionList
	parts     map[string]bool // fragments that were copied; whether they have parts to come
	labels    map[*ast.InlineFragment]string
}

// mentioned reports whether the document has @defer at all.
func (s *splitter) mentioned() bool {
	var in func(ast.SelectionSet) bool
	in = func(set ast.SelectionSet) bool {
		return slices.ContainsFunc(set, func(sel ast.Selection) bool {
			switch sel := sel.(type) {
			case *ast.Field:
				return in(sel.SelectionSet)
			case *ast.InlineFragment:
				return sel.Directives.ForName("defer") != nil || in(sel.SelectionSet)
			case *ast.FragmentSpread:
				return sel.Directives.ForName("defer") != nil
			}
			return false
		})
	}
	return in(s.op.Operation.SelectionSet) ||
		slices.ContainsFunc(s.op.Doc.Fragments, func(f *ast.FragmentDefinition) bool { return in(f.SelectionSet) })
}

func (s *splitter) split(set ast.SelectionSet) (main, rest ast.SelectionSet) {
	for _, sel := range set {
		var m, r ast.SelectionSet
		switch sel := sel.(type) {
		case *ast.Field:
			m, r = s.field(sel)
		case *ast.InlineFragment:
			inMain, inRest := s.split(sel.SelectionSet)
			m, r = s.fragment(sel.Directives, func(directives ast.DirectiveList) (m, r ast.SelectionSet) {
				part := func(set ast.SelectionSet) ast.SelectionSet {
					if len(set) == 0 {
						return nil
					}
					c := *sel
					c.Directives, c.SelectionSet = directives, set
					return ast.SelectionSet{&c}
				}
				return part(inMain), part(inRest)
			})
		case *ast.FragmentSpread:
			hasRest := s.definition(sel.Name)
			m, r = s.fragment(sel.Directives, func(directives ast.DirectiveList) (m, r ast.SelectionSet) {
				c := *sel
				c.Directives = directives
				m = ast.SelectionSet{&c}
				if hasRest {
					c := c
					c.Name += later
					r = ast.SelectionSet{&c}
				}
				return m, r
			})
		}
		main, rest = append(main, m...), append(rest, r...)
	}
	return main, rest
}

func (s *splitter) field(f *ast.Field) (main, rest ast.SelectionSet) {
	if len(f.SelectionSet) == 0 {
		return ast.SelectionSet{f}, nil
	}
	inMain, inRest := s.split(f.SelectionSet)
	c := *f
	c.SelectionSet = append(ast.SelectionSet{s.typename(f)}, inMain...)
	main = ast.SelectionSet{&c}
	if len(inRest) > 0 {
		c := c
		c.SelectionSet = inRest
		rest = ast.SelectionSet{&c}
	}
	return main, rest
}

// typename selects the type of the objects that a field leads to, later.
func (s *splitter) typename(of *ast.Field) *ast.Field {
	return &ast.Field{
		Alias: typeAlias, Name: "__typename", Position: of.Position, Directives: ast.DirectiveList{included(later)},
		Definition:       &ast.FieldDefinition{Name: "__typename", Type: ast.NonNullNamedType("String", nil)},
		ObjectDefinition: s.schema.Types[of.Definition.Type.Name()],
	}
}

// included makes the directive that includes something by a variable.
func included(variable string) *ast.Directive {
	return &ast.Directive{
		Name:       "include",
		Arguments:  ast.ArgumentList{{Name: "if", Value: &ast.Value{Kind: ast.Variable, Raw: variable}}},
		Definition: &ast.DirectiveDefinition{Name: "include", Arguments: ast.ArgumentDefinitionList{{Name: "if", Type: ast.NonNullNamedType("Boolean", nil)}}},
	}
}

// fragment puts what make makes of a fragment into its place.
func (s *splitter) fragment(directives ast.DirectiveList, parts func(ast.DirectiveList) (main, rest ast.SelectionSet)) (main, rest ast.SelectionSet) {
	d := directives.ForName("defer")
	if d != nil {
		directives = slices.DeleteFunc(slices.Clone(directives), func(x *ast.Directive) bool { return x.Name == "defer" })
	}
	main, rest = parts(directives)
	if d == nil || !s.accepted {
		return main, rest
	}
	args := d.ArgumentMap(s.op.Variables)
	if on, given := args["if"].(bool); given && !on {
		return main, rest
	}
	whole := &ast.InlineFragment{
		Directives:   ast.DirectiveList{included(later)},
		SelectionSet: slices.Concat(main, rest),
		Position:     d.Position,
	}
	s.labels[whole], _ = args["label"].(string)
	return nil, ast.SelectionSet{whole}
}

// definition copies a fragment, its parts to come as another of their own.
func (s *splitter) definition(name string) (hasRest bool) {
	if hasRest, done := s.parts[name]; done {
		return hasRest
	}
	f := s.op.Doc.Fragments.ForName(name)
	if f == nil {
		panic(fmt.Sprintf("graph: no fragment %s in a valid document", name))
	}
	main, rest := s.split(f.SelectionSet)
	c := *f
	c.SelectionSet = main
	s.fragments = append(s.fragments, &c)
	if len(rest) > 0 {
		c := c
		c.Name += later
		c.SelectionSet = rest
		s.fragments = append(s.fragments, &c)
	}
	s.parts[name] = len(rest) > 0
	return len(rest) > 0
}
