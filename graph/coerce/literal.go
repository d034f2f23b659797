package coerce

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// literals is the rule Values of Correct Type, section 5.6.1. gqlparser's own
// passes custom scalars unseen, refuses numbers in some of them, asks for lists
// where one value will do, and takes nullable variables in a oneOf.
func (s *Schema) literals(events *core.Events, addError core.AddErrFunc) {
	l := &literal{addError: addError, seen: map[*ast.Value]bool{}}
	events.OnField(func(_ *core.Walker, f *ast.Field) {
		if f.Definition != nil {
			l.arguments(s, f.Arguments, f.Definition.Arguments)
		}
	})
	events.OnDirective(func(_ *core.Walker, d *ast.Directive) {
		if d.Definition != nil {
			l.arguments(s, d.Arguments, d.Definition.Arguments)
		}
	})
	events.OnOperation(func(_ *core.Walker, o *ast.OperationDefinition) {
		for _, v := range o.VariableDefinitions {
			if p := s.variable(v.Type); p != nil && v.DefaultValue != nil {
				l.value(p, v.Type, v.DefaultValue, ast.Path{variablePath, ast.PathName(v.Variable)})
			}
		}
	})
}

// literal checks the literals of one document.
type literal struct {
	addError core.AddErrFunc
	// seen holds what was checked: fragments are walked where they are spread,
	// and once more.
	seen map[*ast.Value]bool
}

func (l *literal) arguments(s *Schema, given ast.ArgumentList, defined ast.ArgumentDefinitionList) {
	for _, a := range given {
		if def := defined.ForName(a.Name); def != nil && !l.seen[a.Value] {
			l.seen[a.Value] = true
			l.value(s.arguments[def], def.Type, a.Value, ast.Path{ast.PathName(a.Name)})
		}
	}
}

func (l *literal) wrong(f *fault, at *ast.Position, path ast.Path) {
	l.addError(core.Message("%s", sentence(path, f)), core.At(at), func(err *gqlerror.Error) {
		err.Err = f.malformed
		err.Extensions = map[string]any{"argument": path}
	})
}

func (l *literal) value(p *place, t *ast.Type, v *ast.Value, path ast.Path) {
	switch {
	case v.Kind == ast.Variable: // has a rule of its own
	case v.Kind == ast.NullValue:
		if t.NonNull {
			l.wrong(wrongType("null is not allowed here: %s is needed", t.Name()), v.Position, path)
		}
	case t.Elem != nil && v.Kind == ast.ListValue:
		for i, c := range v.Children {
			l.value(p, t.Elem, c.Value, join(path, ast.PathIndex(i)))
		}
	case t.Elem != nil: // a list of one, section 3.11
		l.value(p, t.Elem, v, path)
	case p.def.Kind == ast.InputObject && v.Kind == ast.ObjectValue:
		l.object(p, v, path)
	case p.def.Kind == ast.InputObject:
		l.wrong(wrongType("an object is needed here: %s", p.def.Name), v.Position, path)
	case v.Kind == ast.ListValue || v.Kind == ast.ObjectValue:
		l.wrong(wrongType("one value is needed here, of the type %s", p.def.Name), v.Position, path)
	default:
		if _, f := p.leaf(leaf{kind: v.Kind, raw: v.Raw}); f != nil {
			l.wrong(f, v.Position, path)
		}
	}
}

func (l *literal) object(p *place, v *ast.Value, path ast.Path) {
	for _, f := range p.def.Fields {
		if f.Type.NonNull && f.DefaultValue == nil && v.Children.ForName(f.Name) == nil {
			l.wrong(missing(f.Type), v.Position, join(path, ast.PathName(f.Name)))
		}
	}
	for _, c := range v.Children {
		at := join(path, ast.PathName(c.Name))
		if field := p.fields[c.Name]; field != nil {
			l.value(field, p.def.Fields.ForName(c.Name).Type, c.Value, at)
		} else {
			l.wrong(unknown(p.def, c.Name), c.Position, at)
		}
	}
	if isOneOf(p.def) && (len(v.Children) != 1 || mayBeNull(v.Children[0].Value)) {
		l.wrong(notOne(p.def), v.Position, path)
	}
}

// mayBeNull reports whether a value is null, or a variable that may be.
func mayBeNull(v *ast.Value) bool {
	if v.Kind == ast.Variable {
		return v.VariableDefinition != nil && !v.VariableDefinition.Type.NonNull
	}
	return v.Kind == ast.NullValue
}
