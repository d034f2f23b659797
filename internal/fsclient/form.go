package fsclient

import (
	"maps"
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

// formsByType holds the forms by the address of their type. It is read for each record and
// never changed, only replaced: the types are few.
var formsByType = func() *formTable {
	all := new(formTable)
	all.Store(&map[uintptr]*form{})
	return all
}()

type formTable struct {
	sync.Mutex
	atomic.Pointer[map[uintptr]*form]
}

func formOf(t reflect.Type) *form {
	at := reflect.ValueOf(t).Pointer()
	if f := (*formsByType.Load())[at]; f != nil {
		return f
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
	formsByType.Lock()
	defer formsByType.Unlock()
	if other := (*formsByType.Load())[at]; other != nil {
		return other
	}
	more := maps.Clone(*formsByType.Load())
	more[at] = f
	formsByType.Store(&more)
	return f
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
