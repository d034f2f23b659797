package loader

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"

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
	rec := s.reference(l.op, id, c, wave)
	whenHere([]fsclient.Recorder{rec}, func() { p.resolve(rec, nil) })
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

// whenHere runs f when what the records wait for has come or failed. Until then
// nobody reads them, so their ids become what the partner's answers call them:
// the same record is one, however it was asked for.
func whenHere(recs []fsclient.Recorder, f func()) {
	var left atomic.Int32
	left.Add(int32(len(recs)) + 1)
	done := func() {
		if left.Add(-1) == 0 {
			f()
		}
	}
	for _, rec := range recs {
		h, _ := rec.Pending().(*hydration)
		if h == nil {
			done()
			continue
		}
		h.then(func() {
			if whole, ok := h.value.(fsclient.Recorder); ok {
				fsclient.Respell(rec, whole)
			}
			done()
		})
	}
	done()
}

// nodes are records of any type by their global ids.
type nodes struct{ many bool }

func (l nodes) announce(s *Set, c *fieldCall, _ fsclient.Recorder, p *promise, wave int) error {
	if !l.many {
		op, id, err := s.ops.parseGlobalID(c.args["id"])
		if err != nil {
			return err
		}
		rec := s.reference(op, id, c, wave)
		whenHere([]fsclient.Recorder{rec}, func() { p.resolve(rec, nil) })
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
	whenHere(recs, func() { p.resolve(recs, nil) })
	return nil
}

const maxNodes = 100

func (o *Operations) parseGlobalID(v any) (*recordOp, string, error) {
	text, _ := v.(string)
	kind, _, ok := strings.Cut(text, ":")
	op := o.byName[kind]
	if !ok || op == nil || op.get == nil {
		return nil, "", fsclient.InputErrorf("id must be the global id of a record, such as Patient:<id>")
	}
	id, err := fsclient.ParseID(kind, text)
	return op, id, err
}
