package loader

import (
	"context"
	"reflect"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/model"
	"fsgateway/graph/paging"
	"fsgateway/internal/fsclient"
)

// listOp is a list of the API behind a connection field.
type listOp struct {
	operation string
	options   reflect.Type
	// fetch gets one page.
	fetch func(ctx context.Context, parent string, options any, p paging.Page) (pageResult, error)
	// first is the id of the first row of a page.
	first func(result any) string
	// connect puts pages together; rows are pointers to the window's rows.
	connect func(*answer) (connection any, rows []reflect.Value)
}

func (op *listOp) announce(at visit, c *fieldCall, parent fsclient.Recorder, p *promise) error {
	options := reflect.New(op.options)
	if err := bindOptions(options.Elem(), c.args); err != nil {
		return err
	}
	id := ""
	if parent != nil {
		id = fsclient.IDOf(parent)
	}
	if c.parent != "" {
		setOption(options.Elem(), c.parent, id)
	}
	list := op.operation + " " + id + " " + fsclient.EncodeQuery(options.Interface())
	w, err := paging.NewWindow(c.args, list)
	if err != nil {
		return err
	}
	rows, wanted := at.rowsOf(c.sub)
	read := &listRead{visit: at, op: op, options: options.Interface(), parent: id, list: list, window: w, wanted: wanted}
	at.enter()
	go func() {
		defer at.leave()
		defer p.guard()
		a, err := read.run()
		if err != nil {
			p.resolve(nil, err)
			return
		}
		connection, values := op.connect(a)
		for _, v := range values {
			at.noteEmbedded(v)
		}
		if rows != nil {
			for _, v := range values {
				at.next().walkValue(v, rows)
			}
		}
		p.resolve(connection, nil)
	}()
	return nil
}

// rowsOf finds what a connection's selection asks of its rows, under nodes and
// edges { node } alike, nil for nothing, and what else it needs of the list.
func (s *Session) rowsOf(connection *subtree) (rows *subtree, wanted wanted) {
	var visit func(def *ast.Definition, sets []ast.SelectionSet)
	rows = s.subtree(nil)
	visit = func(def *ast.Definition, sets []ast.SelectionSet) {
		for _, set := range sets {
			for _, f := range graphql.CollectFields(s.op, set, []string{def.Name}) {
				switch f.Name {
				case "nodes", "node":
					wanted.rows = true
					rows.typ = s.ops.schema.Types[f.Definition.Type.Name()]
					rows.sets = append(rows.sets, f.Selections)
				case "edges":
					wanted.rows = true // for their cursors alone: there are as many as rows
					visit(s.ops.schema.Types[f.Definition.Type.Name()], []ast.SelectionSet{f.Selections})
				case "pageInfo":
					wanted.pageInfo = true
				}
			}
		}
	}
	visit(connection.typ, connection.sets)
	if rows.typ == nil {
		return nil, wanted
	}
	return rows, wanted
}

// connect makes the connection of a window out of the pages that cover it.
// Rows that shifted between two pages come once.
func connect[T any](a *answer) (any, []reflect.Value) {
	c := &model.Connection[T]{Total: a.total, Unusable: a.unusable, Cursor: func(offset int) string { return paging.EncodeCursor(a.list, offset) }}
	at, until := a.Start, a.Start+a.N
	seen := map[string]bool{}
	for _, page := range a.got {
		items := page.result.(*fsclient.Page[T]).Items
		from, to := max(0, at-page.start), min(len(items), until-page.start)
		at = max(at, min(page.end, until))
		if from >= to {
			continue
		}
		own := fsclient.CloneAll(items[from:to])
		for i := range own {
			row := &own[i]
			if r, ok := any(row).(fsclient.Recorder); ok {
				id := fsclient.IDOf(r)
				if id != "" && seen[id] {
					continue
				}
				seen[id] = true
			}
			if b, ok := any(row).(interface{ Broken() bool }); ok && b.Broken() {
				row = nil
			}
			c.Rows, c.Offsets = append(c.Rows, row), append(c.Offsets, page.start+from+i)
		}
	}
	if a.got == nil { // no rows asked for: where the window would end
		at = until
	}
	if n := len(c.Offsets); n > 0 {
		c.Offsets[n-1] = at - 1 // what follows begins behind rows that were left out, too
	}
	c.PageInfo = &model.PageInfo{HasPreviousPage: a.previous, HasNextPage: a.next}
	if at > a.Start {
		first, last := c.Cursor(a.Start), c.Cursor(at-1)
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &first, &last
	}
	rows := make([]reflect.Value, 0, len(c.Rows))
	for _, row := range c.Rows {
		if row != nil {
			rows = append(rows, reflect.ValueOf(row))
		}
	}
	return c, rows
}
