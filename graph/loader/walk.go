package loader

import (
	"reflect"

	"fsgateway/internal/fsclient"
)

// hydration is a record waiting for the rest of itself.
type hydration struct {
	*promise
	missing uint64 // the fields that are to come; all others may be read
}

// walk starts every call that the selection n needs of v and v does not hold,
// there and below. v is addressable; wave is that of the calls to be made.
func (s *Set) walk(v reflect.Value, n *node, wave int) {
	if n == nil || n.idle() {
		return
	}
	rec, _ := v.Addr().Interface().(fsclient.Recorder)
	if rec == nil {
		s.announce(n, nil, v, wave)
		s.walkChildren(v, n, 0, wave)
		return
	}
	s.announce(n, rec, v, wave)
	missing := uint64(0)
	if op := n.binding.record; op != nil {
		missing = lacks(rec, n.mask&^op.lacks, n.detail)
	}
	if missing == 0 {
		s.walkChildren(v, n, 0, wave)
		return
	}
	s.hydrate(rec, v, n, missing, wave)
}

// walkChildren goes into the children of v but those in the fields that are
// still to come.
func (s *Set) walkChildren(v reflect.Value, n *node, missing uint64, wave int) {
	for _, c := range n.children {
		if c.bit&missing == 0 {
			s.walkInto(c, v, wave)
		}
	}
}

// walkInto walks what a field of v holds: a record, an object, or lists of them.
func (s *Set) walkInto(c *child, v reflect.Value, wave int) {
	var f reflect.Value
	if c.index >= 0 {
		f = v.Field(c.index)
	} else {
		f = v.Addr().Method(c.method).Call(nil)[0]
	}
	s.walkValue(f, c.sub, wave)
}

func (s *Set) walkValue(f reflect.Value, sub *subtree, wave int) {
	switch f.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !f.IsNil() {
			s.walkValue(f.Elem(), sub, wave)
		}
	case reflect.Slice:
		for i := range f.Len() {
			s.walkValue(f.Index(i), sub, wave)
		}
	case reflect.Struct:
		if f.CanAddr() {
			s.walk(f, sub.node(f.Type()), wave)
		}
	}
}

// announce starts the calls that hang on the object's id. Wrong arguments are
// left to the executor, which comes for the field and reports them.
func (s *Set) announce(n *node, rec fsclient.Recorder, v reflect.Value, wave int) {
	for _, c := range n.calls {
		var parent any
		if v.IsValid() {
			parent = v.Addr().Interface()
		}
		if p, fresh := s.field(parent, c.field); fresh {
			if err := c.call.announce(s, c, rec, p, wave); err != nil {
				p.resolve(nil, err)
			}
		}
	}
}

// hydrate completes a record: from what has arrived embedded elsewhere if that
// is enough, else by its own call. What the record holds already is walked
// meanwhile, the rest of it when it is there.
func (s *Set) hydrate(rec fsclient.Recorder, v reflect.Value, n *node, missing uint64, wave int) {
	op := n.binding.record
	id := fsclient.IDOf(rec)
	held := rec.Held()
	if from := s.kept(op, id, missing, n.detail); from != nil {
		fsclient.Fill(rec, from, missing)
		// As if it had taken the call: whether something arrived in time to spare
		// one must not change what the planner is asked together.
		s.walkChildren(v, n, 0, wave+1)
		return
	}
	h := &hydration{promise: newPromise(), missing: missing}
	rec.SetPending(h)
	s.waves.enter(wave)
	s.walkChildren(v, n, ^held, wave)
	whole := s.record(op, id, wave)
	whole.then(func() {
		defer s.waves.leave(wave)
		defer h.guard()
		if whole.err == nil {
			// What is missing and nothing else: a row is in the executor's hands by
			// now, which reads the fields that do not wait.
			fsclient.Fill(rec, whole.value.(fsclient.Recorder), missing)
			for _, c := range n.children {
				if c.bit&^held != 0 {
					s.walkInto(c, v, wave+1)
				}
			}
		}
		h.resolve(whole.value, whole.err)
	})
}
