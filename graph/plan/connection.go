package plan

import (
	"reflect"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/model"
)

// windowField is a field of a connection.
type windowField struct {
	key   string
	write func(o *output, c model.Window) bool
}

// connection returns the writers of a connection's fields, nil if one cannot be written.
func (s *Selection) connection(l *List) []windowField {
	fields := []windowField{}
	for _, f := range graphql.CollectFields(s.op, s.sets[0], []string{s.typ.Name}) {
		w := windowField{key: keyOf(f)}
		below := s.schema.Types[f.Definition.Type.Name()]
		switch f.Name {
		case "__typename":
			w.write = func(o *output, _ model.Window) bool {
				o.quote(s.typ.Name)
				return true
			}
		case "totalCount":
			w.write = writeTotal
		case "pageInfo":
			info := s.below(below, f.Selections)
			w.write = func(o *output, c model.Window) bool { return o.selected(info, reflect.ValueOf(c.Info()), true) }
		case "nodes":
			rows := s.rows(l, below, f.Selections)
			w.write = func(o *output, c model.Window) bool {
				return o.list(c.Len(), func(i int) bool { return o.row(rows, c, i) })
			}
		case "edges":
			w.write = s.edges(l, below, f.Selections)
		}
		if w.write == nil {
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

func writeTotal(o *output, c model.Window) bool {
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

// edges returns the writer of a connection's edges.
func (s *Selection) edges(l *List, edge *ast.Definition, set ast.SelectionSet) func(*output, model.Window) bool {
	type edgeField struct {
		key   string
		write func(o *output, c model.Window, i int) bool
	}
	var fields []edgeField
	for _, f := range graphql.CollectFields(s.op, set, []string{edge.Name}) {
		w := edgeField{key: keyOf(f)}
		switch f.Name {
		case "__typename":
			w.write = func(o *output, _ model.Window, _ int) bool {
				o.quote(edge.Name)
				return true
			}
		case "cursor":
			w.write = func(o *output, c model.Window, i int) bool {
				o.quote(c.CursorAt(i))
				return true
			}
		case "node":
			rows := s.rows(l, s.schema.Types[f.Definition.Type.Name()], f.Selections)
			w.write = func(o *output, c model.Window, i int) bool { return o.row(rows, c, i) }
		default:
			return nil
		}
		fields = append(fields, w)
	}
	return func(o *output, c model.Window) bool {
		return o.list(c.Len(), func(i int) bool {
			o.buf = append(o.buf, '{')
			for n := range fields {
				o.key(n, fields[n].key)
				if !fields[n].write(o, c, i) {
					return false
				}
			}
			o.buf = append(o.buf, '}')
			return true
		})
	}
}

// row writes a row of a connection. One that is broken is an error.
func (o *output) row(s *Selection, c model.Window, i int) bool {
	row := c.Row(i)
	if row == nil {
		return o.giveUp(Null)
	}
	return o.selected(s, reflect.ValueOf(row), true)
}

// window writes a connection.
func (o *output) window(l *List, c model.Window) bool {
	if l.fields == nil {
		return o.giveUp(CannotWrite)
	}
	o.buf = append(o.buf, '{')
	for i := range l.fields {
		o.key(i, l.fields[i].key)
		if !l.fields[i].write(o, c) {
			return false
		}
	}
	o.buf = append(o.buf, '}')
	return true
}
