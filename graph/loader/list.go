package loader

import (
	"context"
	"reflect"
	"strconv"

	"fsgateway/graph/paging"
	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// listOp is a list of the API behind a connection field.
type listOp struct {
	operation string
	options   reflect.Type
	row       reflect.Type
	// fetch gets one page.
	fetch func(ctx context.Context, parent string, options any, p paging.Page) (paging.Fetched, error)
	// rows are those of a page.
	rows func(result any) reflect.Value
	// connect puts pages together; rows are pointers to the window's rows, copies unless the
	// window is alone.
	connect func(a *paging.Answer, list string, alone bool) (connection any, rows []reflect.Value)
}

func (op *listOp) announce(at visit, c *plan.Call, parent fsclient.Recorder, p *promise) error {
	options, args := reflect.New(op.options).Interface(), at.Arguments(c.AST)
	if err := fsclient.SetOptions(options, paging.Filters(args)); err != nil {
		return err
	}
	id := ""
	if parent != nil {
		id = fsclient.IDOf(parent)
	}
	if c.Parent != "" {
		fsclient.SetParameter(options, c.Parent, id)
	}
	list := op.operation + " " + id + " " + fsclient.EncodeQuery(options)
	w, err := paging.NewWindow(args, list)
	if err != nil {
		return err
	}
	selected := c.Below.List()
	read := paging.Reader{
		Operation: op.operation, Window: w, Rows: selected.Wanted, PageInfo: selected.PageInfo, Sizes: &at.ops.sizes,
		Pages: pages{at, op, options, id, list},
	}
	at.enter()
	go func() {
		defer at.leave()
		defer p.guard()
		a, err := read.Read()
		if err != nil {
			p.resolve(nil, err)
			return
		}
		if len(a.Got) > 1 {
			at.waves.page(at.wave)
		}
		alone := c.Alone
		for _, page := range a.Got {
			if at.noteEmbedded(op.rows(page.Result)) {
				alone = false
			}
		}
		connection, values := op.connect(a, list, alone)
		if selected.Rows != nil {
			for _, v := range values {
				at.next().walkValue(v, selected.Rows)
			}
		}
		p.resolve(connection, nil)
	}()
	return nil
}

// pages are the pages of one list in a session.
type pages struct {
	visit
	op      *listOp
	options any
	parent  string
	list    string
}

// Start and Wait make it a [paging.Fetcher].
func (l pages) Start(p paging.Page, again bool) { l.promise(p, again) }

func (l pages) Wait(p paging.Page, again bool) (paging.Fetched, error) {
	v, err := l.promise(p, again).wait(l.ctx)
	if err != nil {
		return paging.Fetched{}, err
	}
	return v.(paging.Fetched), nil
}

// promise returns the promise of a page, and fetches it unless another window of the same
// list has.
func (l pages) promise(p paging.Page, again bool) *promise {
	k := key{kind: l.list, id: strconv.Itoa(p.Number), query: strconv.Itoa(p.Size)}
	ctx := l.ctx
	if again { // what was kept is what did not fit
		k.query, ctx = k.query+" again", fsclient.WithFresh(ctx)
	}
	promise, fresh := l.calls.promise(k)
	if fresh {
		l.call(promise, func(context.Context) (any, error) { return l.op.fetch(ctx, l.parent, l.options, p) })
	}
	return promise
}
