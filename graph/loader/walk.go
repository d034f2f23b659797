package loader

import (
	"reflect"

	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// visit is the walker in a session, with the wave of the calls that it makes.
type visit struct {
	*Session
	wave int
}

// next is the visit of what a call of this wave brings.
func (at visit) next() visit { return visit{at.Session, at.wave + 1} }

// enter counts a call into the wave until leave is called.
func (at visit) enter() { at.waves.enter(at.wave) }
func (at visit) leave() { at.waves.leave(at.wave) }

// walk starts every call that the selection n needs of v and v does not hold,
// there and below. v is addressable.
func (at visit) walk(v reflect.Value, n *plan.Node) {
	if n == nil || n.Idle() {
		return
	}
	rec, _ := v.Addr().Interface().(fsclient.Recorder)
	if rec == nil {
		at.announce(n, nil, v)
		at.walkChildren(v, n, 0)
		return
	}
	at.announce(n, rec, v)
	missing := fsclient.Fields(0)
	if op := recordOf(n); op != nil {
		missing = fsclient.Lacks(rec, n.Mask.Without(op.lacks), n.Details)
	}
	if missing == 0 {
		at.walkChildren(v, n, 0)
		return
	}
	at.hydrate(rec, v, n, missing)
}

// walkChildren goes into the children of v but those in the fields that are
// still to come.
func (at visit) walkChildren(v reflect.Value, n *plan.Node, missing fsclient.Fields) {
	for _, c := range n.Children {
		if !missing.Has(c.Bit) {
			at.walkValue(c.Value(v), c.Below)
		}
	}
}

// walkValue walks what a field holds: a record, an object, or lists of them.
func (at visit) walkValue(f reflect.Value, sub *plan.Selection) {
	switch f.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !f.IsNil() {
			at.walkValue(f.Elem(), sub)
		}
	case reflect.Slice:
		for i := range f.Len() {
			at.walkValue(f.Index(i), sub)
		}
	case reflect.Struct:
		if f.CanAddr() {
			at.walk(f, sub.Node(f.Type()))
		}
	}
}

// announce starts the calls that hang on the object's id. Wrong arguments are
// left to the executor, which comes for the field and reports them.
func (at visit) announce(n *plan.Node, rec fsclient.Recorder, v reflect.Value) {
	for _, c := range n.Calls {
		var parent any
		if v.IsValid() {
			parent = v.Addr().Interface()
		}
		if p, fresh := at.field(parent, c.AST); fresh {
			if err := c.Call.(callOp).announce(at, c, rec, p); err != nil {
				p.resolve(nil, err)
			}
		}
	}
}
