package coerce

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// variable is the place of a variable of a type, nil if there is no such type.
func (s *Schema) variable(t *ast.Type) *place { return s.types[t.Name()] }

// variables coerces those of one request: sections 6.1.2 and 3.13.
type variables struct {
	schema *Schema
	at     *ast.Position
	errs   gqlerror.List
}

// coerce gives the values of the operation's variables. One that was not given
// and has no default stays absent.
func (c *variables) coerce(o *ast.OperationDefinition, given map[string]any) map[string]any {
	values := make(map[string]any, len(o.VariableDefinitions))
	for _, v := range o.VariableDefinitions {
		c.at = v.Position
		path := ast.Path{variablePath, ast.PathName(v.Variable)}
		value, is := given[v.Variable]
		switch {
		case is:
			values[v.Variable] = c.value(c.schema.variable(v.Type), v.Type, value, path)
		case v.DefaultValue != nil:
			values[v.Variable], _ = v.DefaultValue.Value(nil) // was prepared
		case v.Type.NonNull:
			c.wrong(missing(v.Type), path)
		}
	}
	return values
}

func (c *variables) wrong(f *fault, path ast.Path) {
	err := gqlerror.ErrorPosf(c.at, "%s", sentence(path, f))
	err.Extensions = map[string]any{"argument": path}
	c.errs = append(c.errs, err)
}

// value coerces a value of JSON.
func (c *variables) value(p *place, t *ast.Type, v any, path ast.Path) any {
	switch {
	case v == nil:
		if t.NonNull {
			c.wrong(wrongType("null is not allowed here: %s is needed", t.Name()), path)
		}
		return nil
	case t.Elem != nil:
		items, isList := v.([]any)
		if !isList { // a list of one, section 3.11
			return []any{c.value(p, t.Elem, v, path)}
		}
		list := make([]any, len(items))
		for i, item := range items {
			list[i] = c.value(p, t.Elem, item, join(path, ast.PathIndex(i)))
		}
		return list
	case p.def.Kind == ast.InputObject:
		fields, isObject := v.(map[string]any)
		if !isObject {
			c.wrong(wrongType("an object is needed here: %s", p.def.Name), path)
			return nil
		}
		return c.object(p, fields, path)
	}
	l, isLeaf := leafOf(v)
	if !isLeaf {
		c.wrong(wrongType("one value is needed here, of the type %s", p.def.Name), path)
		return nil
	}
	l, f := p.leaf(l)
	if f != nil {
		c.wrong(f, path)
	}
	return l.value()
}

func (c *variables) object(p *place, given map[string]any, path ast.Path) any {
	object := make(map[string]any, len(given))
	for _, f := range p.def.Fields {
		value, is := given[f.Name]
		switch {
		case is:
			object[f.Name] = c.value(p.fields[f.Name], f.Type, value, join(path, ast.PathName(f.Name)))
		case f.DefaultValue != nil:
			object[f.Name], _ = f.DefaultValue.Value(nil)
		case f.Type.NonNull:
			c.wrong(missing(f.Type), join(path, ast.PathName(f.Name)))
		}
	}
	var more []string
	for name := range given {
		if p.fields[name] == nil {
			more = append(more, name)
		}
	}
	slices.Sort(more)
	for _, name := range more {
		c.wrong(unknown(p.def, name), join(path, ast.PathName(name)))
	}
	if isOneOf(p.def) && more == nil {
		for _, value := range given {
			if value == nil || len(given) != 1 {
				c.wrong(notOne(p.def), path)
				break
			}
		}
		if len(given) == 0 {
			c.wrong(notOne(p.def), path)
		}
	}
	return object
}

// leafOf is a value of JSON that is neither a list nor an object.
func leafOf(v any) (leaf, bool) {
	switch v := v.(type) {
	case string:
		return leaf{ast.StringValue, v, true}, true
	case json.Number:
		whole, fraction, point := strings.Cut(v.String(), ".")
		switch {
		case point && strings.Trim(fraction, "0") == "": // 1.0 is a whole number in JSON
			return leaf{ast.IntValue, whole, true}, true
		case point || strings.ContainsAny(whole, "eE"):
			return leaf{ast.FloatValue, v.String(), true}, true
		}
		return leaf{ast.IntValue, whole, true}, true
	case bool:
		if v {
			return leaf{ast.BooleanValue, "true", true}, true
		}
		return leaf{ast.BooleanValue, "false", true}, true
	}
	return leaf{}, false
}
