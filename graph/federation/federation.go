// Package federation makes the graph a subgraph of Apollo Federation 2. Its entities are the
// types that [node] finds, and what a router asks of them by _entities is what nodes answers,
// so that it takes as few calls.
//
// A request with _entities is rewritten before it is validated; the schema stays what it is.
// https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
package federation

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

const (
	entities        = "_entities"
	service         = "_service"
	representations = "representations"
	nodes           = "nodes"
)

// Extension rewrites the requests of routers.
type Extension struct{ sdl string }

// New returns the extension for a schema.
func New(s *ast.Schema) *Extension { return &Extension{SDL(s)} }

// ExtensionName and the others make it a gqlgen extension.
func (*Extension) ExtensionName() string                   { return "Federation" }
func (*Extension) Validate(graphql.ExecutableSchema) error { return nil }

var _ graphql.OperationParameterMutator = (*Extension)(nil)

// asksForService is what a request for the SDL becomes. Nobody else sends it: a comment does
// not outlive a parser.
const asksForService = "query " + service + " { __typename } #" + service

// MutateOperationParameters rewrites a request with _entities to one with nodes, and marks one
// for the SDL. Those that cannot be read are left to who reads them next.
func (e *Extension) MutateOperationParameters(_ context.Context, p *graphql.RawParams) *gqlerror.Error {
	if !strings.Contains(p.Query, entities) && !strings.Contains(p.Query, service) {
		return nil
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: p.Query})
	if err != nil {
		return nil
	}
	changed := false
	for _, op := range doc.Operations {
		if op.Operation != ast.Query {
			continue
		}
		for _, s := range op.SelectionSet {
			f, ok := s.(*ast.Field)
			switch {
			case !ok:
			case f.Name == entities:
				changed = rewrite(op, f, p) || changed
			case f.Name == service && len(op.SelectionSet) == 1 && len(doc.Operations) == 1 && f.Alias == service:
				p.Query, p.OperationName, p.Variables = asksForService, "", nil
				return nil
			}
		}
	}
	if changed {
		var b strings.Builder
		formatter.NewFormatter(&b).FormatQueryDocument(doc)
		p.Query = b.String()
	}
	return nil
}

// idList is the type of the argument of nodes.
var idList = ast.NonNullListType(ast.NonNullNamedType("ID", nil), nil)

// rewrite makes nodes(ids:) of _entities(representations:), and reports whether it has.
func rewrite(op *ast.OperationDefinition, f *ast.Field, p *graphql.RawParams) bool {
	arg := f.Arguments.ForName(representations)
	if arg == nil || len(f.Arguments) != 1 {
		return false
	}
	if arg.Value.Kind == ast.Variable {
		v := op.VariableDefinitions.ForName(arg.Value.Raw)
		switch {
		case v == nil:
			return false
		case v.Type == idList: // of another field, which was rewritten before
		case v.Type.Name() != "_Any":
			return false
		default:
			v.Type = idList
			if given, ok := p.Variables[v.Variable].([]any); ok {
				p.Variables[v.Variable] = ids(given)
			}
		}
	} else {
		value, err := arg.Value.Value(nil)
		given, ok := value.([]any)
		if err != nil || !ok {
			return false
		}
		arg.Value = &ast.Value{Kind: ast.ListValue}
		for _, id := range ids(given) {
			arg.Value.Children = append(arg.Value.Children, &ast.ChildValue{Value: &ast.Value{Kind: ast.StringValue, Raw: id.(string)}})
		}
	}
	f.Name, arg.Name = nodes, "ids" // the alias is what it was: _entities, if there was none
	return true
}

// ids are the global ids of representations. One of another type than the representation
// says becomes one that nodes refuses.
func ids(given []any) []any {
	all := make([]any, len(given))
	for i, g := range given {
		r, _ := g.(map[string]any)
		typ, _ := r["__typename"].(string)
		id := text(r["id"])
		if id == "" {
			id = text(r["fullscriptId"])
		}
		if of, own, global := strings.Cut(id, ":"); global && of == typ {
			id = own
		} else if global {
			id = ""
		}
		all[i] = typ + ":" + id
	}
	return all
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// Service answers a request for the SDL, nil for any other. It may be called on nil.
func (e *Extension) Service(op *graphql.OperationContext) *graphql.Response {
	if e == nil || op.RawQuery != asksForService {
		return nil
	}
	data, err := json.Marshal(map[string]any{service: map[string]any{"sdl": e.sdl}})
	if err != nil {
		panic(err) // text only
	}
	return &graphql.Response{Data: data}
}

// link imports what the SDL uses.
const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])` + "\n\n"

// known are the directives that every composer knows.
var known = []string{"deprecated", "specifiedBy"}

// SDL prints a schema as that of a subgraph: entities have keys, and directives of our own are
// left out.
func SDL(s *ast.Schema) string {
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(s)
	s = gqlparser.MustLoadSchema(&ast.Source{Input: b.String()}) // a copy
	for name, d := range s.Directives {
		if d.Position != nil && !d.Position.Src.BuiltIn {
			delete(s.Directives, name)
		}
	}
	for _, def := range s.Types {
		def.Directives = plain(def.Directives)
		for _, f := range def.Fields {
			f.Directives = plain(f.Directives)
			for _, a := range f.Arguments {
				a.Directives = plain(a.Directives)
			}
		}
		for _, v := range def.EnumValues {
			v.Directives = plain(v.Directives)
		}
		switch {
		case def.Name == "PageInfo":
			def.Directives = append(def.Directives, &ast.Directive{Name: "shareable"})
		case def.Kind == ast.Object && slices.Contains(def.Interfaces, "Node"):
			for _, field := range []string{"id", "fullscriptId"} {
				def.Directives = append(def.Directives, &ast.Directive{Name: "key", Arguments: ast.ArgumentList{
					{Name: "fields", Value: &ast.Value{Kind: ast.StringValue, Raw: field}},
				}})
			}
		}
	}
	b.Reset()
	b.WriteString(link)
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(s)
	return b.String()
}

func plain(all ast.DirectiveList) ast.DirectiveList {
	return slices.DeleteFunc(slices.Clone(all), func(d *ast.Directive) bool { return !slices.Contains(known, d.Name) })
}
