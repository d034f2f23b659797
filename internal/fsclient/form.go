package fsclient

import (
	"reflect"
	"sync"
	"sync/atomic"
)

// form is what the decoder and the readers of answers need to know of a type, found out
// once: values of the type are read by what it says, not by looking at the type again.
type form struct {
	typ  reflect.Type
	kind reflect.Kind
	elem *form // of a pointer or a slice

	raw      bool // bytes: JSON that is kept as it is
	isRow    bool // a struct whose place in a list counts
	isID     bool // an id of the partner's
	isFree   bool // any text, of which the empty one is a value
	isText   bool // it has setText
	isObject bool // it has setObject
	holds    bool // a value is or can hold a record

	known atomic.Pointer[shape] // of a struct, once it was looked at: types refer to themselves
}

var formsByType sync.Map // reflect.Type -> *form

func formOf(t reflect.Type) *form {
	if f, ok := formsByType.Load(t); ok {
		return f.(*form)
	}
	p := reflect.PointerTo(t)
	f := &form{
		typ: t, kind: t.Kind(),
		isRow:    p.Implements(reflect.TypeFor[interface{ Broken() bool }]()),
		isID:     isID(t),
		isFree:   t == reflect.TypeFor[string](),
		isText:   p.Implements(reflect.TypeFor[text]()),
		isObject: p.Implements(reflect.TypeFor[object]()),
		holds:    findRecords(t, map[reflect.Type]bool{}),
	}
	if f.kind == reflect.Pointer || f.kind == reflect.Slice {
		f.elem = formOf(t.Elem())
		f.raw = f.kind == reflect.Slice && f.elem.kind == reflect.Uint8
	}
	actual, _ := formsByType.LoadOrStore(t, f)
	return actual.(*form)
}

// shape returns what is known of a struct type.
func (f *form) shape() *shape {
	s := f.known.Load()
	if s == nil {
		s = newShape(f.typ)
		if !f.known.CompareAndSwap(nil, s) {
			s = f.known.Load()
		}
	}
	return s
}

func shapeOf(t reflect.Type) *shape { return formOf(t).shape() }
