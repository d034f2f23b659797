package loader

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"fsgateway/internal/fsclient"
)

// valueOp is an operation that gives one value: the clinic, a link.
type valueOp struct {
	operation string
	get       func(ctx context.Context, parent string, args map[string]any) (any, error)
}

func (op *valueOp) announce(s *Set, c *fieldCall, parent fsclient.Recorder, p *promise, wave int) error {
	id := ""
	if parent != nil {
		id = fsclient.IDOf(parent)
	}
	k := key{kind: op.operation, id: id, query: fmt.Sprint(c.args)}
	call, fresh := s.memo.promise(k)
	if fresh {
		s.call(k, func(ctx context.Context) (any, error) { return op.get(ctx, id, c.args) })
	}
	s.waves.enter(wave)
	call.then(func() {
		defer s.waves.leave(wave)
		defer p.guard()
		v := call.value
		if call.err == nil {
			own := fsclient.Cloned(reflect.ValueOf(v))
			s.learn(own)
			s.walkValue(own, c.sub, wave+1)
			v = own.Interface()
		}
		p.resolve(v, call.err)
	})
	return nil
}

// known is a value that takes no call, while what is linked to it may.
type known[T any] struct{ get func(context.Context) *T }

func (k known[T]) announce(s *Set, c *fieldCall, _ fsclient.Recorder, p *promise, wave int) error {
	v := k.get(s.ctx)
	s.walkValue(reflect.ValueOf(v), c.sub, wave)
	p.resolve(v, nil)
	return nil
}

// lookUp is the single fetch behind a field that names a record of one type by the id in the field's arguments.
type lookUp struct{ op *recordOp }

func (l lookUp) announce(s *Set, c *fieldCall, _ fsclient.Recorder, p *promise, wave int) error {
	id, err := fsclient.ParseID(l.op.name, c.args["id"])
	if err != nil {
		return err
	}
	p.resolve(s.reference(l.op, id, c, wave), nil)
	return nil
}

// reference makes a record known by its id and walks it. One of which only the
// id is asked is fetched all the same, to prove that it exists.
func (s *Set) reference(op *recordOp, id string, c *fieldCall, wave int) fsclient.Recorder {
	rec := fsclient.ReferenceTo(op.typ, id)
	v := reflect.ValueOf(rec).Elem()
	n := c.sub.node(op.typ)
	if n.mask&^op.idBit == 0 && len(n.calls) == 0 {
		s.hydrate(rec, v, n, ^op.idBit, wave)
	} else {
		s.walk(v, n, wave)
	}
	return rec
}

// nodes are records of any type by their global ids.
type nodes struct{ many bool }

func (l nodes) announce(s *Set, c *fieldCall, _ fsclient.Recorder, p *promise, wave int) error {
	if !l.many {
		op, id, err := s.ops.parseGlobalID(c.args["id"])
		if err != nil {
			return err
		}
		p.resolve(s.reference(op, id, c, wave), nil)
		return nil
	}
	ids, isList := c.args["ids"].([]any)
	if !isList {
		ids = []any{c.args["ids"]} // GraphQL takes one value for a list of one
	}
	if len(ids) > maxNodes {
		return fsclient.InputErrorf("ids must not be over %d", maxNodes)
	}
	found := make([]*recordOp, len(ids))
	raw := make([]string, len(ids))
	for i := range ids {
		var err error
		if found[i], raw[i], err = s.ops.parseGlobalID(ids[i]); err != nil {
			return err
		}
	}
	recs := make([]fsclient.Recorder, len(ids))
	for i := range ids {
		recs[i] = s.reference(found[i], raw[i], c, wave)
	}
	p.resolve(recs, nil)
	return nil
}

const maxNodes = 100

func (o *Operations) parseGlobalID(v any) (*recordOp, string, error) {
	text, _ := v.(string)
	kind, id, ok := strings.Cut(text, ":")
	op := o.byName[kind]
	if !ok || id == "" || op == nil || op.get == nil {
		return nil, "", fsclient.InputErrorf("id must be the global id of a record, such as Patient:<id>")
	}
	return op, id, nil
}
