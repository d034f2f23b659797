package fsclient

import (
	"reflect"
	"sync"
)

// Record is embedded in every struct that stands for a record with an id. It
// remembers which fields the answer held, so that whoever reads the record can
// tell "not sent here" from "sent as null".
type Record struct {
	held   uint64 // bit i: field i of the struct was in the answer
	listed bool   // an item of the record's own list
	broken bool   // lacks its id or a text the record makes no sense without
	await  any    // see SetPending
}

// Recorder is what every record offers through its embedded [Record].
type Recorder interface {
	// Held tells which fields the answer held: bit i stands for field i of the
	// struct (see [FieldBit]).
	Held() uint64
	// Hold adds fields to the set.
	Hold(bits uint64)
	// Listed says that the value is an item of its record's own list: whatever
	// a list item may carry and this one does not, no other call would show.
	Listed() bool
	// Broken says that the record came without its id or without a text that
	// every record of its kind has (a non-pointer string field).
	Broken() bool
	// Pending and SetPending keep what the rest of the record waits for, while
	// a call that completes it is under way. Set before the value is shared.
	Pending() any
	SetPending(any)
	IsNode()
}

func (r *Record) Held() uint64     { return r.held }
func (r *Record) Hold(bits uint64) { r.held |= bits }
func (r *Record) Listed() bool     { return r.listed }
func (r *Record) Broken() bool     { return r.broken }
func (r *Record) Pending() any     { return r.await }
func (r *Record) SetPending(p any) { r.await = p }

// IsNode marks the type as one that has an id of its own.
func (*Record) IsNode() {}

// Reference makes a record of which only the id is known.
func Reference[T any](id string) *T {
	v := new(T)
	e := reflect.ValueOf(v).Elem()
	setID(e, shapeOf(e.Type()), id)
	return v
}

// ReferenceTo is [Reference] for a record type known at run time.
func ReferenceTo(t reflect.Type, id string) Recorder {
	v := reflect.New(t)
	setID(v.Elem(), shapeOf(t), id)
	return v.Interface().(Recorder)
}

// IDOf is the partner's id of a record.
func IDOf(r Recorder) string {
	e := reflect.ValueOf(r).Elem()
	return e.Field(shapeOf(e.Type()).id).String()
}

// record gives the decoder write access without exporting it.
func (r *Record) record() *Record { return r }

type recorded interface{ record() *Record }

// all is the held set of a record that came from its single fetch.
const all = ^uint64(0)

// shape is what the decoder and the readers of a record need to know of a
// struct type, found out once.
type shape struct {
	typ      reflect.Type
	names    map[string]int // key in the API's JSON -> field index
	fields   map[string]int // Go name -> field index
	isRecord bool
	id       int   // index of the ID field, -1 without
	required []int // fields of string kind that are no pointers
	holders  []int // fields that can hold records
}

var shapes sync.Map // reflect.Type -> *shape

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{typ: t, names: map[string]int{}, fields: map[string]int{}, id: -1}
	s.isRecord = reflect.PointerTo(t).Implements(reflect.TypeFor[recorded]())
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() || f.Anonymous {
			continue
		}
		s.fields[f.Name] = i
		if HoldsRecords(f.Type) {
			s.holders = append(s.holders, i)
		}
		for _, name := range jsonNames(f.Tag) {
			s.names[name] = i
		}
		if f.Name == "ID" {
			s.id = i
		}
		if f.Type.Kind() == reflect.String && f.Tag.Get("json") != "-" {
			s.required = append(s.required, i)
		}
	}
	if s.isRecord && t.NumField() > 63 {
		panic("fsclient: " + t.Name() + " has too many fields for its held set")
	}
	actual, _ := shapes.LoadOrStore(t, s)
	return actual.(*shape)
}

// FieldBit is the bit that stands for the field of the given Go name in the
// held set of records of type t (a struct). It is 0 for no such field.
func FieldBit(t reflect.Type, name string) uint64 {
	if i, ok := shapeOf(t).fields[name]; ok {
		return 1 << i
	}
	return 0
}

// RequiredBits are the fields of t that no record of its kind lacks.
func RequiredBits(t reflect.Type) (bits uint64) {
	for _, i := range shapeOf(t).required {
		bits |= 1 << i
	}
	return bits
}

// Fill copies into dst those of the fields that dst does not hold and src does.
// Records inside are copied too, never shared: a value belongs to one place of
// one answer. No other field is written, so they may be read meanwhile. dst and
// src are pointers to the same record type.
func Fill(dst, src Recorder, fields uint64) {
	d, s := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()
	missing := fields & src.Held() &^ dst.Held()
	for _, i := range shapeOf(d.Type()).fields {
		if missing&(1<<i) != 0 {
			d.Field(i).Set(Cloned(s.Field(i)))
		}
	}
}

// Clone copies a value and the records inside it.
func Clone[T any](v *T) *T {
	return Cloned(reflect.ValueOf(v)).Interface().(*T)
}

// Copy copies a record and the records inside it.
func Copy(r Recorder) Recorder {
	return Cloned(reflect.ValueOf(r)).Interface().(Recorder)
}

// CloneAll copies a slice of records into one new array.
func CloneAll[T any](items []T) []T {
	out := make([]T, len(items))
	copy(out, items)
	for i := range out {
		cloneInside(reflect.ValueOf(&out[i]).Elem())
	}
	return out
}

// Cloned returns v with every record in it replaced by a copy.
func Cloned(v reflect.Value) reflect.Value {
	if !HoldsRecords(v.Type()) {
		return v
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(v.Elem())
		if c.Elem().Kind() == reflect.Struct {
			cloneInside(c.Elem())
		}
		return c
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(Cloned(v.Index(i)))
		}
		return c
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		return Cloned(v.Elem())
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		cloneInside(c)
		return c
	}
	return v
}

func cloneInside(v reflect.Value) {
	for _, i := range shapeOf(v.Type()).holders {
		f := v.Field(i)
		f.Set(Cloned(f))
	}
}

var recordHolders sync.Map // reflect.Type -> bool

// HoldsRecords says whether a value of type t is or can hold a record.
func HoldsRecords(t reflect.Type) bool {
	if h, ok := recordHolders.Load(t); ok {
		return h.(bool)
	}
	h := findRecords(t, map[reflect.Type]bool{})
	recordHolders.Store(t, h)
	return h
}

func findRecords(t reflect.Type, seen map[reflect.Type]bool) bool {
	switch t.Kind() {
	case reflect.Interface:
		return t.NumMethod() > 0
	case reflect.Pointer, reflect.Slice:
		return findRecords(t.Elem(), seen)
	case reflect.Struct:
		if seen[t] {
			return false
		}
		seen[t] = true
		if reflect.PointerTo(t).Implements(reflect.TypeFor[recorded]()) {
			return true
		}
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && !f.Anonymous && findRecords(f.Type, seen) {
				return true
			}
		}
	}
	return false
}
