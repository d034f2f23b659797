package loader

import (
	"context"
	"reflect"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// listOp is a list of the API behind a connection field.
type listOp struct {
	operation string
	options   reflect.Type
	// fetch gets one page, as *fsclient.Page[T], and the rows of the whole list.
	fetch func(ctx context.Context, parent string, options any, p page) (res any, total int, err error)
	// connect puts pages together; rows are pointers to the window's rows.
	connect func(w window, total int, cursor uint32, got []fetched) (connection any, rows []reflect.Value)
}

type fetched struct {
	page
	result any
}

func (op *listOp) announce(s *Set, c *fieldCall, parent fsclient.Recorder, p *promise, wave int) error {
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
	w, err := newWindow(c.args, list)
	if err != nil {
		return err
	}
	rows, wanted := s.rowsOf(c.sub)
	read := &listRead{set: s, op: op, options: options.Interface(), parent: id, list: list, window: w, wanted: wanted, wave: wave}
	s.waves.enter(wave)
	go func() {
		defer s.waves.leave(wave)
		defer p.guard()
		connection, values, err := read.run()
		if err != nil {
			p.resolve(nil, err)
			return
		}
		for _, v := range values {
			s.learn(v)
		}
		if rows != nil {
			for _, v := range values {
				s.walkValue(v, rows, wave+1)
			}
		}
		p.resolve(connection, nil)
	}()
	return nil
}

// rowsOf finds what a connection's selection asks of its rows, under nodes and
// edges { node } alike, nil for nothing, and whether it asks for rows at all.
func (s *Set) rowsOf(connection *subtree) (rows *subtree, wanted bool) {
	var visit func(def *ast.Definition, sets []ast.SelectionSet)
	rows = s.subtree(nil)
	visit = func(def *ast.Definition, sets []ast.SelectionSet) {
		for _, set := range sets {
			for _, f := range graphql.CollectFields(s.op, set, []string{def.Name}) {
				switch f.Name {
				case "nodes", "node":
					wanted = true
					rows.typ = s.ops.schema.Types[f.Definition.Type.Name()]
					rows.sets = append(rows.sets, f.Selections)
				case "edges":
					wanted = true // for their cursors alone: there are as many as rows
					visit(s.ops.schema.Types[f.Definition.Type.Name()], []ast.SelectionSet{f.Selections})
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

// listRead is one window being read.
type listRead struct {
	set     *Set
	op      *listOp
	options any
	parent  string
	list    string
	window  window
	wanted  bool
	wave    int
}

func (r *listRead) run() (connection any, rows []reflect.Value, err error) {
	w := r.window
	if w.fromEnd {
		_, total, err := r.page(page{1, 1})
		if err != nil {
			return nil, nil, err
		}
		w = w.settle(total)
	}
	plan := pages(w.start, w.n)
	if !r.wanted || len(plan) == 0 {
		plan = []page{{1, 1}} // tells the total, and that the list may be read
	}
	first, total, err := r.page(plan[0])
	if err != nil {
		return nil, nil, err
	}
	got := []fetched{{plan[0], first}}
	rest := make([]*promise, 0, len(plan))
	for _, p := range plan[1:] {
		if p.start() < total {
			rest = append(rest, r.start(p))
		}
	}
	for i, p := range rest {
		v, err := p.wait(r.set.ctx)
		if err != nil {
			return nil, nil, err
		}
		got = append(got, fetched{plan[i+1], v.(pageResult).result})
	}
	w = w.settle(total)
	if !r.wanted {
		got = nil
	}
	connection, rows = r.op.connect(w, total, listHash(r.list), got)
	return connection, rows, nil
}

type pageResult struct {
	result any
	total  int
}

// start fetches a page, unless another window of the same list has.
func (r *listRead) start(p page) *promise {
	k := key{kind: r.list, id: strconv.Itoa(p.number), query: strconv.Itoa(p.size)}
	promise, fresh := r.set.memo.promise(k)
	if fresh {
		r.set.call(k, func(ctx context.Context) (any, error) {
			result, total, err := r.op.fetch(ctx, r.parent, r.options, p)
			return pageResult{result, total}, err
		})
	}
	return promise
}

func (r *listRead) page(p page) (result any, total int, err error) {
	v, err := r.start(p).wait(r.set.ctx)
	if err != nil {
		return nil, 0, err
	}
	return v.(pageResult).result, v.(pageResult).total, nil
}

// connect makes the connection of a window out of the pages that cover it.
// Rows that shifted between two pages come once.
func connect[T any](w window, total int, list uint32, got []fetched) (any, []reflect.Value) {
	c := &model.Connection[T]{
		TotalCount: total,
		Start:      w.start,
		Cursor:     func(offset int) string { return encodeCursor(list, offset) },
	}
	end := w.start
	seen := map[string]bool{}
	for _, f := range got {
		items := f.result.(*fsclient.Page[T]).Items
		from, to := max(0, end-f.start()), min(len(items), w.start+w.n-f.start())
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
			c.Rows = append(c.Rows, row)
		}
		end = f.start() + to
	}
	covered := w.start + w.n
	if got == nil { // no rows asked for: where the window would end
		end = min(covered, total)
	}
	c.PageInfo = &model.PageInfo{HasPreviousPage: w.start > 0 && total > 0, HasNextPage: covered < total}
	if end > w.start {
		first, last := c.Cursor(w.start), c.Cursor(end-1)
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
