package loader

import (
	"context"
	"reflect"

	"fsgateway/graph/model"
	"fsgateway/graph/paging"
	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// listOp is a list of the API behind a connection field.
type listOp struct {
	operation string
	options   reflect.Type
	// fetch gets one page.
	fetch func(ctx context.Context, parent string, options any, p paging.Page) (pageResult, error)
	// rows are those of a page.
	rows func(result any) reflect.Value
	// first is the id of the first row of a page.
	first func(result any) string
	// connect puts pages together; rows are pointers to the window's rows.
	connect func(*answer) (connection any, rows []reflect.Value)
}

func (op *listOp) announce(at visit, c *plan.Call, parent fsclient.Recorder, p *promise) error {
	options := reflect.New(op.options)
	args := at.Arguments(c.AST)
	if err := bindOptions(options.Elem(), args); err != nil {
		return err
	}
	id := ""
	if parent != nil {
		id = fsclient.IDOf(parent)
	}
	if c.Parent != "" {
		setOption(options.Elem(), c.Parent, id)
	}
	list := op.operation + " " + id + " " + fsclient.EncodeQuery(options.Interface())
	w, err := paging.NewWindow(args, list)
	if err != nil {
		return err
	}
	selected := c.Below.List()
	read := &listRead{visit: at, op: op, options: options.Interface(), parent: id, list: list, window: w, wanted: wanted{selected.Wanted, selected.PageInfo}}
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
		for _, page := range a.got {
			at.noteEmbedded(op.rows(page.result))
		}
		if selected.Rows != nil {
			for _, v := range values {
				at.next().walkValue(v, selected.Rows)
			}
		}
		p.resolve(connection, nil)
	}()
	return nil
}

// connect makes the connection of a window out of the pages that cover it.
// Rows that shifted between two pages come once.
func connect[T any](a *answer) (any, []reflect.Value) {
	c := &model.Connection[T]{Total: a.total, Unusable: a.unusable, Cursor: func(offset int) string { return paging.EncodeCursor(a.list, offset) }}
	at, until := a.Start, a.Start+a.N
	size := 0
	for _, page := range a.got {
		size += len(page.result.(*fsclient.Page[T]).Items)
	}
	size = min(size, a.N)
	c.Rows, c.Offsets = make([]*T, 0, size), make([]int, 0, size)
	seen := make(map[string]bool, size)
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
