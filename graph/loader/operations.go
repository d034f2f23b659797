package loader

import (
	"context"
	"reflect"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/model"
	"fsgateway/graph/paging"
	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// Operations is how the API's reading operations are called: what the walker
// finds behind the `@rest` of a field. It is made once for the process.
type Operations struct {
	// Wave is told when a wave of calls begins, and end when it is over; it may be nil.
	Wave func(ctx context.Context, n int) (end func())

	// Primed is what is known of records from operations before; nil for nothing.
	Primed Primed

	schema  *plan.Schema
	records map[reflect.Type]*recordOp
	byName  map[string]*recordOp // SDL type -> operation
	byField map[string]callOp    // operationId, or Type.field where one operation serves in another way

	lengths *lru.Cache[lengthKey, int]
	sizes   paging.ListSizes
}

// New makes the table of operations for a client. It is the one place that
// says which client method stands behind which operation. viewer and limit are what
// is known of the caller without asking the partner, computed the fields that take no call
// and are not read from the record.
func New(schema *ast.Schema, c *fsclient.Client, viewer func(context.Context) *model.Viewer, limit func(context.Context) *model.RateLimit, computed map[string]plan.Computed) *Operations {
	lengths, err := lru.New[lengthKey, int](10_000)
	if err != nil {
		panic(err) // only for a size below 1
	}
	o := &Operations{
		records: map[reflect.Type]*recordOp{},
		byName:  map[string]*recordOp{},
		byField: map[string]callOp{},
		lengths: lengths,
	}
	o.schema = plan.NewSchema(schema, o, computed)
	o.register(c)
	o.byField["Query.viewer"], o.byField["Query.rateLimit"] = known[model.Viewer]{viewer}, known[model.RateLimit]{limit}
	return o
}

// Primed keeps records that hold others, for later operations that ask for those.
type Primed interface {
	// Note keeps the JSON of a record that holds part.
	Note(ctx context.Context, kind, id string, part, whole fsclient.Recorder)
	// Known returns it, and the moment that it is from; nil if none holds all that is wanted of the part.
	Known(ctx context.Context, kind, id string, wanted fsclient.Fields) (whole fsclient.Recorder, at time.Time)
	// Spared is called if that was enough.
	Spared(ctx context.Context, at time.Time)
}

// recordOp fetches records of one type by id.
type recordOp struct {
	name      string // of the SDL type, which is that of the Go type
	operation string // the operationId of the single fetch
	typ       reflect.Type
	idBit     fsclient.Fields
	lacks     fsclient.Fields // fields that the single fetch lacks
	// get is the single fetch; nil when the API has none.
	get func(ctx context.Context, id string) (fsclient.Recorder, error)
	// list gives a page of the full list, a slice of recorders, for resources whose
	// list holds full records; nil for all others.
	list func(ctx context.Context, p paging.Page) (paging.Fetched, error)
	// sole gives the one record of the type that the caller has; nil for types
	// with many.
	sole *valueOp
}

// never names fields that the single fetch does not carry, so that their
// absence is no reason for one.
func (op *recordOp) never(fields ...string) {
	for _, f := range fields {
		op.lacks |= fsclient.FieldOf(op.typ, f)
	}
}

// Schema returns what compiles operations for the loader.
func (o *Operations) Schema() *plan.Schema { return o.schema }

// Record, TypeOf and Call make it the [plan.Operations].
func (o *Operations) Record(t reflect.Type) any {
	if op := o.records[t]; op != nil {
		return op
	}
	return nil
}

func (o *Operations) TypeOf(name string) reflect.Type {
	if op := o.byName[name]; op != nil {
		return op.typ
	}
	return nil
}

func (o *Operations) Call(name string) any {
	if op := o.byField[name]; op != nil {
		return op
	}
	return nil
}

// recordOf returns how the records of a node are fetched, nil for plain objects.
func recordOf(n *plan.Node) *recordOp {
	op, _ := n.Record.(*recordOp)
	return op
}

// record enters a resource that is fetched one by one, and the operation that
// does it.
func record[T any](o *Operations, operation string, get func(context.Context, string) (*T, error)) *recordOp {
	t := reflect.TypeFor[T]()
	op := &recordOp{name: t.Name(), operation: operation, typ: t, idBit: fsclient.FieldOf(t, "ID")}
	o.byField[operation] = lookUp{op}
	if get != nil {
		op.get = func(ctx context.Context, id string) (fsclient.Recorder, error) {
			v, err := get(ctx, id)
			if err != nil {
				return nil, err
			}
			return any(v).(fsclient.Recorder), nil
		}
	}
	o.records[t], o.byName[op.name] = op, op
	return op
}

// sole enters a value that is also the one record of its type that the caller
// has.
func sole[T any](o *Operations, operation string, get func(context.Context) (*T, error)) {
	value(o, operation, free(get))
	t := reflect.TypeFor[T]()
	op := &recordOp{name: t.Name(), operation: operation, typ: t, idBit: fsclient.FieldOf(t, "ID"), sole: o.byField[operation].(*valueOp)}
	o.records[t], o.byName[op.name] = op, op
}

// listed enters a resource whose list holds full records. get may be nil.
func listed[T, O any, P fsclient.Options[O]](o *Operations, operation string, get func(context.Context, string) (*T, error), list func(context.Context, P) (*fsclient.Page[T], error)) {
	record(o, operation, get).list = func(ctx context.Context, p paging.Page) (paging.Fetched, error) {
		options := P(new(O))
		options.SetPage(p.Number, p.Size)
		res, err := list(ctx, options)
		if err != nil {
			return paging.Fetched{}, err
		}
		rows := make([]fsclient.Recorder, len(res.Items))
		for i := range res.Items {
			rows[i] = any(&res.Items[i]).(fsclient.Recorder)
		}
		return paging.Fetched{Result: rows, Rows: len(rows), First: res.FirstID(), Meta: res.Meta}, nil
	}
}

// callOp is an operation that a field performs by itself: a list or a value.
type callOp interface {
	// announce starts the calls for one field of one object and ensures that
	// the promise is kept. It refuses wrong arguments.
	announce(at visit, c *plan.Call, parent fsclient.Recorder, p *promise) error
}

// root enters a list that hangs on nothing.
func root[T, O any, P fsclient.Options[O]](o *Operations, operation string, list func(context.Context, P) (*fsclient.Page[T], error)) {
	below(o, operation, func(ctx context.Context, _ string, options P) (*fsclient.Page[T], error) {
		return list(ctx, options)
	})
}

// below enters a list below a record, whose id the path holds.
func below[T, O any, P fsclient.Options[O]](o *Operations, operation string, list func(context.Context, string, P) (*fsclient.Page[T], error)) {
	o.byField[operation] = &listOp{
		operation: operation,
		options:   reflect.TypeFor[O](),
		row:       reflect.TypeFor[T](),
		fetch: func(ctx context.Context, parent string, options any, p paging.Page) (paging.Fetched, error) {
			own := *options.(P)
			P(&own).SetPage(p.Number, p.Size)
			res, err := list(ctx, parent, &own)
			if err != nil {
				return paging.Fetched{}, err
			}
			return paging.Fetched{Result: res, Rows: len(res.Items), First: res.FirstID(), Meta: res.Meta}, nil
		},
		rows:    func(result any) reflect.Value { return reflect.ValueOf(result.(*fsclient.Page[T]).Items) },
		connect: paging.Connect[T],
	}
}

// value enters an operation that gives one value and takes no arguments but
// the id of the object it hangs on, "" at the root.
func value[T any](o *Operations, operation string, get func(ctx context.Context, parent string) (*T, error)) {
	valueWith(o, operation, func(ctx context.Context, parent string, _ map[string]any) (*T, error) { return get(ctx, parent) })
}

// valueWith is [value] for an operation that takes arguments.
func valueWith[T any](o *Operations, operation string, get func(ctx context.Context, parent string, args map[string]any) (*T, error)) *valueOp {
	op := &valueOp{operation, reflect.TypeFor[T](), 1, func(ctx context.Context, parent string, args map[string]any) (any, error) {
		v, err := get(ctx, parent, args)
		if err != nil {
			return nil, err
		}
		return v, nil
	}}
	o.byField[operation] = op
	return op
}

// free makes a value operation of one that hangs on nothing.
func free[T any](get func(context.Context) (*T, error)) func(context.Context, string) (*T, error) {
	return func(ctx context.Context, _ string) (*T, error) { return get(ctx) }
}
