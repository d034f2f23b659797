package loader

import (
	"reflect"

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
func (at visit) walk(v reflect.Value, n *node) {
	if n == nil || n.idle() {
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
	if op := n.binding.record; op != nil {
		missing = lacks(rec, n.mask.Without(op.lacks), n.detail)
	}
	if missing == 0 {
		at.walkChildren(v, n, 0)
		return
	}
	at.hydrate(rec, v, n, missing)
}

// walkChildren goes into the children of v but those in the fields that are
// still to come.
func (at visit) walkChildren(v reflect.Value, n *node, missing fsclient.Fields) {
	for _, c := range n.children {
		if !missing.Has(c.bit) {
			at.walkInto(c, v)
		}
	}
}

// walkInto walks what a field of v holds: a record, an object, or lists of them.
func (at visit) walkInto(c *child, v reflect.Value) {
	var f reflect.Value
	if c.index >= 0 {
		f = v.Field(c.index)
	} else {
		f = v.Addr().Method(c.method).Call(nil)[0]
	}
	at.walkValue(f, c.sub)
}

func (at visit) walkValue(f reflect.Value, sub *subtree) {
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
			at.walk(f, sub.node(f.Type()))
		}
	}
}

// announce starts the calls that hang on the object's id. Wrong arguments are
// left to the executor, which comes for the field and reports them.
func (at visit) announce(n *node, rec fsclient.Recorder, v reflect.Value) {
	for _, c := range n.calls {
		var parent any
		if v.IsValid() {
			parent = v.Addr().Interface()
		}
		if p, fresh := at.field(parent, c.field); fresh {
			if err := c.call.announce(at, c, rec, p); err != nil {
				p.resolve(nil, err)
			}
		}
	}
}
