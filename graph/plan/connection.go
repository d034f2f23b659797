package plan

import (
	"reflect"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/model"
)

// windowField is a field of a connection, or of its edge i.
type windowField struct {
	key   string
	write func(o *output, c model.Window, i int) bool
}

// connection returns the writers of a connection's fields, nil if one cannot be written.
func (s *Selection) connection(l *List) []windowField {
	return s.windowFields(s.typ, s.sets[0], func(f graphql.CollectedField, below *ast.Definition) func(*output, model.Window, int) bool {
		switch f.Name {
		case "totalCount":
			return writeTotal
		case "pageInfo":
			info := s.below(below, f.Selections)
			return func(o *output, c model.Window, _ int) bool { return o.selected(info, reflect.ValueOf(c.Info()), true) }
		case "nodes":
			rows := s.rows(l, below, f.Selections)
			return func(o *output, c model.Window, _ int) bool {
				return o.list(c.Len(), func(i int) bool { return o.row(rows, c, i) })
			}
		case "edges":
			fields := s.edge(l, below, f.Selections)
			return func(o *output, c model.Window, _ int) bool {
				return o.list(c.Len(), func(i int) bool { return o.window(fields, c, i) })
			}
		}
		return nil
	})
}

// edge returns the writers of an edge's fields.
func (s *Selection) edge(l *List, edge *ast.Definition, set ast.SelectionSet) []windowField {
	return s.windowFields(edge, set, func(f graphql.CollectedField, below *ast.Definition) func(*output, model.Window, int) bool {
		if f.Name == "cursor" {
			return func(o *output, c model.Window, i int) bool {
				o.quote(c.CursorAt(i))
				return true
			}
		}
		rows := s.rows(l, below, f.Selections)
		return func(o *output, c model.Window, i int) bool { return o.row(rows, c, i) }
	})
}

// windowFields returns the writers of the fields that are selected of a connection or an
// edge.
func (s *Selection) windowFields(typ *ast.Definition, set ast.SelectionSet, writer func(graphql.CollectedField, *ast.Definition) func(*output, model.Window, int) bool) []windowField {
	fields := []windowField{}
	for _, f := range graphql.CollectFields(s.op, set, []string{typ.Name}) {
		w := windowField{key: keyOf(f)}
		if f.Name == "__typename" {
			w.write = func(o *output, _ model.Window, _ int) bool {
				o.quote(typ.Name)
				return true
			}
		} else if w.write = writer(f, s.schema.Types[f.Definition.Type.Name()]); w.write == nil {
			return nil
		}
		fields = append(fields, w)
	}
	return fields
}

// rows returns the selection of a connection's rows at one of its places. It is the one
// that was compiled for the walk if there is no other place.
func (s *Selection) rows(l *List, typ *ast.Definition, set ast.SelectionSet) *Selection {
	if len(l.Rows.sets) == 1 {
		return l.Rows
	}
	return s.below(typ, set)
}

func writeTotal(o *output, c model.Window, _ int) bool {
	total, err := c.TotalCount()
	switch {
	case err != nil:
		return o.giveUp(Failed)
	case total == nil:
		return o.null(false)
	}
	o.buf = strconv.AppendInt(o.buf, int64(*total), 10)
	return true
}

// row writes a row of a connection. One that is broken is an error.
func (o *output) row(s *Selection, c model.Window, i int) bool {
	row := c.Row(i)
	if row == nil {
		return o.giveUp(Null)
	}
	return o.selected(s, reflect.ValueOf(row), true)
}

// window writes a connection, or its edge i.
func (o *output) window(fields []windowField, c model.Window, i int) bool {
	if fields == nil {
		return o.giveUp(CannotWrite)
	}
	o.buf = append(o.buf, '{')
	for n := range fields {
		o.key(n, fields[n].key)
		if !fields[n].write(o, c, i) {
			return false
		}
	}
	o.buf = append(o.buf, '}')
	return true
}
