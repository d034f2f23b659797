package wire

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/wire/form"
)

// increment is what came later at one place of the answer.
type increment struct {
	Data   json.RawMessage `json:"data"`
	Path   ast.Path        `json:"path"`
	Label  string          `json:"label,omitempty"`
	Errors gqlerror.List   `json:"errors,omitempty"`

	fields map[string]bool // that Data has
}

// collection takes the deferred fragments out of the answer to the whole
// operation, by the document.
type collection struct {
	*deferral
	found []*increment
	queue []pending
}

// pending is a deferred fragment at an object of the answer.
type pending struct {
	fragment *ast.InlineFragment
	object   object
	path     ast.Path
}

// object is one of the answer; typ is its type.
type object struct {
	values map[string]json.RawMessage
	typ    string
}

func readObject(data json.RawMessage) (o object, ok bool) {
	if json.Unmarshal(data, &o.values) != nil || o.values == nil {
		return o, false
	}
	_ = json.Unmarshal(o.values[typeAlias], &o.typ)
	return o, true
}

func (c *collection) walk(first, second json.RawMessage) {
	c.value(&bytes.Buffer{}, []ast.SelectionSet{c.whole.Operation.SelectionSet}, second, first, ast.Path{})
	for len(c.queue) > 0 {
		p := c.queue[0]
		c.queue = c.queue[1:]
		var b bytes.Buffer
		fields := c.object(&b, []ast.SelectionSet{p.fragment.SelectionSet}, p.object, nil, p.path)
		c.found = append(c.found, &increment{Data: b.Bytes(), Path: p.path, Label: c.labels[p.fragment], fields: fields})
	}
}

// value writes what is selected of a value, and queues what is deferred within.
// before is what the first answer has there, nil for nothing.
func (c *collection) value(b *bytes.Buffer, sets []ast.SelectionSet, data, before json.RawMessage, path ast.Path) {
	switch {
	case len(data) == 0:
		return
	case data[0] == 'n' && len(before) > 0 && before[0] != 'n' && len(sets) > 0: // a field that is never null failed below
		c.lost(sets, path)
		b.Write(data)
	case data[0] == '{' && len(sets) > 0:
		o, _ := readObject(data)
		old, _ := readObject(before)
		c.object(b, sets, o, old.values, path)
	case data[0] == '[' && len(sets) > 0:
		var items, old []json.RawMessage
		_ = json.Unmarshal(data, &items)
		_ = json.Unmarshal(before, &old)
		b.WriteByte('[')
		for i, item := range items {
			if i > 0 {
				b.WriteByte(',')
			}
			var was json.RawMessage
			if i < len(old) {
				was = old[i]
			}
			c.value(b, sets, item, was, join(path, ast.PathIndex(i)))
		}
		b.WriteByte(']')
	default:
		b.Write(data)
	}
}

// object writes the fields that are selected of an object.
func (c *collection) object(b *bytes.Buffer, sets []ast.SelectionSet, o object, before map[string]json.RawMessage, path ast.Path) map[string]bool {
	l := c.outline(sets, o.typ)
	for _, f := range l.deferred {
		c.queue = append(c.queue, pending{f, o, path})
	}
	fields := map[string]bool{}
	b.WriteByte('{')
	for _, name := range l.names {
		if data, has := o.values[name]; has {
			fields[name] = true
			form.Key(b, name)
			c.value(b, l.fields[name], data, before[name], join(path, ast.PathName(name)))
		}
	}
	b.WriteByte('}')
	return fields
}

// lost reports that nothing deferred at a place will come.
func (c *collection) lost(sets []ast.SelectionSet, path ast.Path) {
	labels := []string{}
	for _, f := range c.outline(sets, "").deferred {
		labels = append(labels, c.labels[f])
	}
	if len(labels) == 0 {
		labels = append(labels, "")
	}
	for _, label := range labels {
		c.found = append(c.found, &increment{Data: json.RawMessage("null"), Path: path, Label: label})
	}
}

// at is the increment that an error at a path belongs to: the innermost, and of
// several the one with the field.
func (c *collection) at(path ast.Path) *increment {
	var best *increment
	for _, i := range c.found {
		n := len(i.Path)
		if n > len(path) || !slices.Equal(i.Path, path[:n]) {
			continue
		}
		holds := false
		if n < len(path) {
			name, _ := path[n].(ast.PathName)
			holds = i.fields[string(name)]
		}
		if best == nil || n > len(best.Path) || n == len(best.Path) && holds {
			best = i
		}
	}
	if best == nil {
		best = &increment{Data: json.RawMessage("null"), Path: ast.Path{}}
		c.found = append(c.found, best)
	}
	return best
}

// outlined is what a document selects of an object.
type outlined struct {
	names    []string
	fields   map[string][]ast.SelectionSet // of the fields' values
	deferred []*ast.InlineFragment
	seen     map[string]bool // fragments
}

// outline finds the fields that apply to an object of a type, and the deferred
// fragments, of which the fields are no part; "" for whatever type.
func (c *collection) outline(sets []ast.SelectionSet, typ string) *outlined {
	l := &outlined{fields: map[string][]ast.SelectionSet{}, seen: map[string]bool{}}
	for _, set := range sets {
		c.add(l, set, typ)
	}
	return l
}

func (c *collection) add(l *outlined, set ast.SelectionSet, typ string) {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			if !c.included(sel.Directives) || sel.Alias == typeAlias {
				continue
			}
			sets, has := l.fields[sel.Alias]
			if !has {
				l.names = append(l.names, sel.Alias)
			}
			if len(sel.SelectionSet) > 0 {
				sets = append(sets, sel.SelectionSet)
			}
			l.fields[sel.Alias] = sets
		case *ast.InlineFragment:
			switch _, is := c.labels[sel]; {
			case !c.included(sel.Directives):
			case is && c.reached(sel.SelectionSet[0], typ):
				l.deferred = append(l.deferred, sel)
			case !is && c.applies(sel.TypeCondition, typ):
				c.add(l, sel.SelectionSet, typ)
			}
		case *ast.FragmentSpread:
			if l.seen[sel.Name] || !c.included(sel.Directives) {
				continue
			}
			l.seen[sel.Name] = true
			if f := c.whole.Doc.Fragments.ForName(sel.Name); c.applies(f.TypeCondition, typ) {
				c.add(l, f.SelectionSet, typ)
			}
		}
	}
}

// reached reports whether a fragment is part of an object.
func (c *collection) reached(fragment ast.Selection, typ string) bool {
	switch f := fragment.(type) {
	case *ast.InlineFragment:
		return c.included(f.Directives) && c.applies(f.TypeCondition, typ)
	case *ast.FragmentSpread:
		return c.included(f.Directives) && c.applies(c.whole.Doc.Fragments.ForName(f.Name).TypeCondition, typ)
	}
	return true
}

// included reports whether @skip and @include leave a selection in.
func (c *collection) included(directives ast.DirectiveList) bool {
	return !slices.ContainsFunc(directives, func(d *ast.Directive) bool {
		on, _ := d.ArgumentMap(c.whole.Variables)["if"].(bool)
		return d.Name == "skip" && on || d.Name == "include" && !on
	})
}

// applies reports whether a condition on the type of an object is met.
func (c *collection) applies(condition, typ string) bool {
	if condition == "" || typ == "" || condition == typ {
		return true
	}
	return slices.ContainsFunc(c.schema.PossibleTypes[condition], func(d *ast.Definition) bool { return d.Name == typ })
}

func join(path ast.Path, element ast.PathElement) ast.Path {
	return append(path[:len(path):len(path)], element)
}
