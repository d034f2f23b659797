package coerce

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Document is a valid document whose literals are coerced.
type Document struct {
	Doc *ast.QueryDocument
	// Introspects reports whether it asks for the schema anywhere.
	Introspects bool
	schema      *Schema
	// uses are the variables of each operation that have to be looked at where
	// they stand, beyond what they were declared as.
	uses map[*ast.OperationDefinition][]use
}

// use is a variable where more is asked of it than its own type says: the place
// takes no null and the variable does, or the place is a particular kind of id.
type use struct {
	variable string
	place    *place
	typ      *ast.Type
	position *ast.Position
}

// Prepare rewrites the literals of a document that [Schema.Rules] found valid
// into what the executor reads as they were meant: it would otherwise take
// numbers for int64 and float64. Nobody else may read the document meanwhile.
func (s *Schema) Prepare(doc *ast.QueryDocument) *Document {
	d := &Document{Doc: doc, schema: s, uses: map[*ast.OperationDefinition][]use{}}
	fragments := make(map[string]*part, len(doc.Fragments))
	for _, f := range doc.Fragments {
		p := &part{schema: s}
		p.directives(f.Directives)
		p.selections(f.SelectionSet)
		fragments[f.Name] = p
		d.Introspects = d.Introspects || p.introspects
	}
	for _, o := range doc.Operations {
		p := &part{schema: s}
		for _, v := range o.VariableDefinitions {
			p.directives(v.Directives)
			if v.DefaultValue != nil {
				p.value(s.variable(v.Type), v.Type, v.DefaultValue)
			}
		}
		p.directives(o.Directives)
		p.selections(o.SelectionSet)
		d.Introspects = d.Introspects || p.introspects
		d.uses[o] = relevant(o, p.all(fragments, map[string]bool{}))
	}
	return d
}

// Variables coerces the variables of a request for an operation of the document.
// The errors are request errors: nothing may run.
func (d *Document) Variables(o *ast.OperationDefinition, given map[string]any) (map[string]any, gqlerror.List) {
	c := &variables{schema: d.schema}
	values := c.coerce(o, given)
	if c.errs != nil {
		return nil, c.errs
	}
	for _, u := range d.uses[o] {
		v, is := values[u.variable]
		if is && (v == nil || u.place.def.Name == "ID") {
			// Section 5.8.5 lets a nullable variable with a default stand where
			// null may not, and an explicit null then be an error of execution:
			// of one field, or in @skip and @include of the operation, when some
			// of it may have run.
			c.at = u.position
			c.value(u.place, u.typ, v, ast.Path{variablePath, ast.PathName(u.variable)})
		}
	}
	return values, c.errs
}

// relevant leaves out the uses that the declaration of the variable covers.
func relevant(o *ast.OperationDefinition, uses []use) (kept []use) {
	for _, u := range uses {
		v := o.VariableDefinitions.ForName(u.variable)
		if u.place.check != nil && u.place.def.Name == "ID" || u.typ.NonNull && !v.Type.NonNull {
			kept = append(kept, u)
		}
	}
	return kept
}

// part is an operation or a fragment.
type part struct {
	schema      *Schema
	uses        []use
	spreads     []string
	introspects bool
}

// all are the uses of a part and of the fragments that it spreads.
func (p *part) all(fragments map[string]*part, seen map[string]bool) []use {
	uses := p.uses[:len(p.uses):len(p.uses)]
	for _, name := range p.spreads {
		if !seen[name] {
			seen[name] = true
			uses = append(uses, fragments[name].all(fragments, seen)...)
		}
	}
	return uses
}

func (p *part) selections(set ast.SelectionSet) {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			p.introspects = p.introspects || sel.Name == "__schema" || sel.Name == "__type"
			p.arguments(sel.Arguments, sel.Definition.Arguments)
			p.directives(sel.Directives)
			p.selections(sel.SelectionSet)
		case *ast.InlineFragment:
			p.directives(sel.Directives)
			p.selections(sel.SelectionSet)
		case *ast.FragmentSpread:
			p.directives(sel.Directives)
			p.spreads = append(p.spreads, sel.Name)
		}
	}
}

func (p *part) directives(list ast.DirectiveList) {
	for _, d := range list {
		p.arguments(d.Arguments, d.Definition.Arguments)
	}
}

func (p *part) arguments(given ast.ArgumentList, defined ast.ArgumentDefinitionList) {
	for _, a := range given {
		def := defined.ForName(a.Name)
		p.value(p.schema.arguments[def], def.Type, a.Value)
	}
}

func (p *part) value(at *place, t *ast.Type, v *ast.Value) {
	switch {
	case v.Kind == ast.Variable:
		// In a fragment of several operations the validator leaves the
		// definition of the last one, whose default would be used for others.
		v.VariableDefinition = nil
		p.uses = append(p.uses, use{v.Raw, at, t, v.Position})
	case v.Kind == ast.NullValue:
	case t.Elem != nil && v.Kind == ast.ListValue:
		for _, c := range v.Children {
			p.value(at, t.Elem, c.Value)
		}
	case t.Elem != nil:
		item := *v
		item.ExpectedType = t.Elem
		p.value(at, t.Elem, &item)
		*v = ast.Value{
			Kind: ast.ListValue, Children: ast.ChildValueList{{Value: &item, Position: v.Position}},
			Position: v.Position, Definition: v.Definition, ExpectedType: t,
		}
	case v.Kind == ast.ObjectValue:
		for _, c := range v.Children {
			p.value(at.fields[c.Name], at.def.Fields.ForName(c.Name).Type, c.Value)
		}
	default:
		l, _ := at.leaf(leaf{kind: v.Kind, raw: v.Raw})
		v.Kind, v.Raw = l.kind, l.raw
	}
}
