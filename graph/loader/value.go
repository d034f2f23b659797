package loader

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// valueOp is an operation that gives one value: the clinic, a link.
type valueOp struct {
	operation string
	typ       reflect.Type
	most      int // calls that it takes
	get       func(ctx context.Context, parent string, args map[string]any) (any, error)
}

func (op *valueOp) announce(at visit, c *plan.Call, parent fsclient.Recorder, p *promise) error {
	id := ""
	if parent != nil {
		id = fsclient.IDOf(parent)
	}
	call := at.value(op, id, at.Arguments(c.AST))
	at.enter()
	call.then(func() {
		defer at.leave()
		defer p.guard()
		v := call.value
		if call.err == nil {
			at.noteEmbedded(reflect.ValueOf(v))
			own := fsclient.Cloned(reflect.ValueOf(v))
			at.next().walkValue(own, c.Below)
			v = own.Interface()
		}
		p.resolve(v, call.err)
	})
	return nil
}

// value returns the promise of an operation's value, and starts its call if it is new.
func (s *Session) value(op *valueOp, parent string, args map[string]any) *promise {
	k := key{kind: op.operation, id: parent, query: fmt.Sprint(args)}
	p, fresh := s.calls.promise(k)
	if fresh {
		s.call(p, func(ctx context.Context) (any, error) { return op.get(ctx, parent, args) })
	}
	return p
}

// known is a value that takes no call, while what is linked to it may.
type known[T any] struct{ get func(context.Context) *T }

func (known[T]) typ() reflect.Type { return reflect.TypeFor[T]() }

func (k known[T]) announce(at visit, c *plan.Call, _ fsclient.Recorder, p *promise) error {
	v := k.get(at.ctx)
	at.walkValue(reflect.ValueOf(v), c.Below)
	p.resolve(v, nil)
	return nil
}

// lookUp is the single fetch behind a field that names a record of one type by the id in the field's arguments.
type lookUp struct{ op *recordOp }

func (l lookUp) announce(at visit, c *plan.Call, _ fsclient.Recorder, p *promise) error {
	id, err := fsclient.ParseID(l.op.name, at.Arguments(c.AST)["id"])
	if err != nil {
		return err
	}
	rec := at.reference(l.op, id, c)
	whenHere([]fsclient.Recorder{rec}, func() { p.resolve(rec, nil) })
	return nil
}

// reference makes a record known by its id and walks it. One of which only the
// id is asked is fetched all the same, to prove that it exists.
func (at visit) reference(op *recordOp, id string, c *plan.Call) fsclient.Recorder {
	rec := fsclient.ReferenceTo(op.typ, id)
	v := reflect.ValueOf(rec).Elem()
	n := c.Below.Node(op.typ)
	if n.Mask.Without(op.idBit) == 0 && len(n.Calls) == 0 {
		at.hydrate(rec, v, n, fsclient.AllFields.Without(op.idBit))
	} else {
		at.walk(v, n)
	}
	if pending(rec) == nil { // it had arrived, and whenHere has nothing to wait for
		if known := at.embedded.Of(op.name, fsclient.IDKey(id)); known != nil {
			fsclient.Respell(rec, known)
		}
	}
	return rec
}

// nodes are records of any type by their global ids.
type nodes struct{ many bool }

func (l nodes) announce(at visit, c *plan.Call, _ fsclient.Recorder, p *promise) error {
	if !l.many {
		op, id, err := at.ops.parseGlobalID(at.Arguments(c.AST)["id"])
		if err != nil {
			return err
		}
		rec := at.reference(op, id, c)
		whenHere([]fsclient.Recorder{rec}, func() { p.resolve(rec, nil) })
		return nil
	}
	given := at.Arguments(c.AST)["ids"]
	ids, isList := given.([]any)
	if !isList {
		ids = []any{given} // GraphQL takes one value for a list of one
	}
	if len(ids) > maxNodes {
		return fsclient.InputErrorf("ids must have at most %d items", maxNodes)
	}
	found := make([]nodeFound, len(ids))
	var recs []fsclient.Recorder
	for i := range ids {
		op, id, err := at.ops.parseGlobalID(ids[i])
		if err != nil {
			found[i].err = err
			continue
		}
		found[i].rec = at.reference(op, id, c)
		recs = append(recs, found[i].rec)
	}
	whenHere(recs, func() { p.resolve(found, nil) })
	return nil
}

// nodeFound is a record of `nodes`, or what is wrong with its id.
type nodeFound struct {
	rec fsclient.Recorder
	err error
}

const maxNodes = 100

func (o *Operations) parseGlobalID(v any) (*recordOp, string, error) {
	text, _ := v.(string)
	kind, _, ok := strings.Cut(text, ":")
	op := o.byName[kind]
	if !ok || op == nil {
		return nil, "", fsclient.InputErrorf("expected the global id of a record that can be fetched, such as Patient:<id>")
	}
	id, err := fsclient.ParseID(kind, text)
	return op, id, err
}
