package fsclient

import (
	"context"
	"reflect"
	"strings"
	"sync/atomic"
	"time"
)

// Record is embedded in every struct that stands for a record with an id. It
// remembers which fields the answer held, so that its readers can
// tell "not sent here" from "sent as null".
type Record struct {
	Faults
	held   Fields  // those that were in the answer
	listed bool    // an item of the record's own list
	broken bool    // lacks its id
	await  Pending // see SetPending
	source string  // see JSON
	asked  int64   // see Asked
}

// Pending is what the rest of a record waits for; its owner is package loader. It lies
// in the record: a map from records to it cost 0.2 µs more for each row when measured.
type Pending interface {
	// Missing returns the fields that are to come; all others may be read.
	Missing() Fields
}

// Recorder is what every record offers through its embedded [Record].
type Recorder interface {
	// Held returns the fields that the answer held.
	Held() Fields
	// Hold adds fields to the set.
	Hold(Fields)
	// Listed says that the value is an item of its record's own list: whatever
	// a list item may carry and this one does not, no other call would show.
	Listed() bool
	// Unreadable returns the fields that the answer held in a form that cannot
	// be read; see [Faults].
	Unreadable() Fields
	// Broken reports whether the record came without its id.
	Broken() bool
	// JSON is what the record was read from, with what nobody asked for: "" unless it is
	// an answer of its own, and kept.
	JSON() string
	// Asked is when the partner was asked for the record, if it is an answer of its own.
	Asked() time.Time
	// Pending and SetPending keep what the rest of the record waits for, while
	// a call that completes it is under way. Set before the value is shared.
	Pending() Pending
	SetPending(Pending)
	IsNode()
}

func (r *Record) Held() Fields         { return r.held }
func (r *Record) Hold(f Fields)        { r.held |= f }
func (r *Record) Listed() bool         { return r.listed }
func (r *Record) Broken() bool         { return r.broken }
func (r *Record) JSON() string         { return r.source }
func (r *Record) Asked() time.Time     { return time.Unix(0, r.asked) }
func (r *Record) Pending() Pending     { return r.await }
func (r *Record) SetPending(p Pending) { r.await = p }

// derived notes that a field was worked out from another one, or could not be
// because that one is unreadable.
func (r *Record) derived(field Fields, faulty bool) {
	r.Hold(field)
	if faulty {
		r.add(field)
	}
}

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

// ReadRecord reads a record again from its [Recorder.JSON].
func ReadRecord(ctx context.Context, t reflect.Type, source string) (Recorder, error) {
	d := newDecoder([]byte(source))
	defer d.free()
	d.keep(source)
	d.selection = wantedFrom(ctx)
	v := reflect.New(t)
	got, err := d.into(v.Elem())
	if err == nil && got != read {
		err = errUnreadable
	}
	rec := v.Interface().(Recorder)
	rec.Hold(all)
	return rec, err
}

// IDOf returns the partner's id of a record, "" if it has none.
func IDOf(r Recorder) string {
	return idOf(reflect.ValueOf(r).Elem())
}

func idOf(v reflect.Value) string {
	id := v.Field(shapeOf(v.Type()).id)
	if id.Kind() == reflect.Pointer {
		if id.IsNil() {
			return ""
		}
		id = id.Elem()
	}
	return id.String()
}

// setID gives the record v its id. One that holds nothing else is a reference.
func setID(v reflect.Value, s *shape, id string) {
	f := v.Field(s.id)
	if f.Kind() == reflect.Pointer {
		f.Set(reflect.New(f.Type().Elem()))
		f = f.Elem()
	}
	f.SetString(id)
	r := v.Addr().Interface().(recorded).record()
	r.held |= FieldAt(s.id)
	r.unreadable = r.unreadable.Without(FieldAt(s.id))
}

// holdsOnlyID reports whether the record v is a mere reference.
func holdsOnlyID(v reflect.Value, s *shape) bool {
	return v.Addr().Interface().(recorded).record().held == FieldAt(s.id)
}

// lacksID reports whether the record v lacks the id that records of its kind
// are known by. A type whose records nothing needs to find again has a pointer
// for it, and its records may lack it.
func lacksID(v reflect.Value, s *shape) bool {
	return s.isRecord && s.id >= 0 && !s.optionalID && v.Field(s.id).Len() == 0
}

// check marks the record v as broken if it lacks its id.
func check(v reflect.Value) {
	if lacksID(v, shapeOf(v.Type())) {
		v.Addr().Interface().(recorded).record().broken = true
	}
}

// empty reports whether no field of the struct v has a value.
func empty(v reflect.Value) bool {
	for _, f := range shapeOf(v.Type()).list {
		if !v.Field(f.field).IsZero() {
			return false
		}
	}
	return true
}

// record gives the decoder write access without exporting it.
func (r *Record) record() *Record { return r }

type (
	recorded interface{ record() *Record }
	faulted  interface{ faults() *Faults }
	// deriving is a struct that works out some fields from others once it was decoded. needs
	// returns, for the fields that are wanted, all that these are worked out from.
	deriving interface {
		decoded()
		needs(wanted Fields) Fields
	}
)

// all is the held set of a record that came from its single fetch.
const all = AllFields

// shape is what the decoder and the readers of a record need to know of a
// struct type, found out once.
type shape struct {
	typ       reflect.Type
	keys      map[string]*key     // by the key in the API's JSON
	first     atomic.Pointer[key] // of the last object read
	fields    map[string]int      // Go name -> field index
	isRecord  bool
	hasFaults bool
	derives   bool    // some fields are worked out from others
	id        int     // index of the ID field, -1 without
	list      []typed // fields
	holders   []typed // those that can hold records

	optionalID bool // the ID field is a pointer
}

// typed is a field and the form of its type.
type typed struct {
	field int
	form  *form
}

// key is what stands under a key of the API's JSON.
type key struct {
	name  string
	field int
	form  *form               // of the field
	byID  bool                // a text or a number there is the id of a record
	whole bool                // the record of an id; nothing but an object there says anything
	next  atomic.Pointer[key] // that came after it in the last object read
	// part, when not nil, says that the value is that field of the object in the field.
	part *key
}

func newShape(t reflect.Type) *shape {
	s := &shape{typ: t, keys: map[string]*key{}, fields: map[string]int{}, id: -1}
	s.isRecord = reflect.PointerTo(t).Implements(reflect.TypeFor[recorded]())
	s.hasFaults = reflect.PointerTo(t).Implements(reflect.TypeFor[faulted]())
	s.derives = reflect.PointerTo(t).Implements(reflect.TypeFor[deriving]())
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && !f.Anonymous {
			s.add(i, f)
		}
	}
	if s.hasFaults && t.NumField() > 63 {
		panic("fsclient: " + t.Name() + " has too many fields for its sets of bits")
	}
	return s
}

func (s *shape) add(i int, f reflect.StructField) {
	s.fields[f.Name] = i
	form := formOf(f.Type)
	s.list = append(s.list, typed{i, form})
	if form.holds {
		s.holders = append(s.holders, typed{i, form})
	}
	under := func(name string, k *key) {
		k.name, k.field, k.form = name, i, form
		s.keys[name] = k
	}
	reference, list := refersTo(f.Type)
	for _, name := range jsonNames(f.Tag) {
		under(name, &key{})
		if reference {
			under(idKey(name, list), &key{byID: true})
		}
		if record, ok := strings.CutSuffix(name, "_id"); ok && f.Type.Kind() == reflect.Pointer && form.elem.isID {
			under(record, &key{whole: true})
		}
	}
	if prefix := f.Tag.Get("inline"); prefix != "" {
		for name, part := range form.elem.shape().keys {
			if strings.HasPrefix(name, prefix) {
				under(name, &key{part: part})
			}
		}
	}
	if f.Name == "ID" {
		s.id, s.optionalID = i, f.Type.Kind() == reflect.Pointer
	}
}

// jsonNames lists the keys a field answers to: its json name, and the other
// names the API has for it in an `also` tag.
func jsonNames(tag reflect.StructTag) []string {
	name, _, _ := strings.Cut(tag.Get("json"), ",")
	if name == "" || name == "-" {
		return nil
	}
	names := []string{name}
	if also := tag.Get("also"); also != "" {
		names = append(names, strings.Split(also, ",")...)
	}
	return names
}

// readKey reads the name of a member, and returns what stands under it, nil for what is not
// known. The API's keys have no escapes. guess is the known key that was here in the object
// before, most likely the same.
func (s *shape) readKey(d *decoder, guess *atomic.Pointer[key]) (*key, error) {
	if k := guess.Load(); k != nil && d.name(k.name) {
		return k, nil
	}
	raw, err := d.value()
	if err != nil {
		return nil, err
	}
	k := s.keys[string(raw[1:len(raw)-1])]
	if k != nil {
		guess.Store(k)
	}
	return k, nil
}

// Fill copies into dst those of the fields that dst does not hold and src does.
// Records inside are copied too, never shared: a value belongs to one place of
// one answer. No other field is written, so they may be read meanwhile. dst and
// src are pointers to the same record type.
func Fill(dst, src Recorder, fields Fields) {
	d, s := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()
	missing := fields.Only(src.Held()).Without(dst.Held())
	if missing == 0 {
		return
	}
	for _, f := range shapeOf(d.Type()).list {
		if missing.Has(FieldAt(f.field)) {
			d.Field(f.field).Set(f.form.cloned(s.Field(f.field)))
		}
	}
	if faults := missing.Only(src.Unreadable()); faults != 0 {
		dst.(faulted).faults().add(faults)
	}
}

// Lacks returns which of the wanted fields a record has not got. An item of its own list has
// all that are not details, sent or not.
func Lacks(r Recorder, wanted, details Fields) Fields {
	missing := wanted.Without(r.Held())
	if r.Listed() {
		missing = missing.Only(details)
	}
	return missing
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
	f := formOf(reflect.TypeFor[T]())
	for i := range out {
		f.cloneInside(reflect.ValueOf(&out[i]).Elem())
	}
	return out
}

// Cloned returns v with every record in it replaced by a copy.
func Cloned(v reflect.Value) reflect.Value { return formOf(v.Type()).cloned(v) }

func (f *form) cloned(v reflect.Value) reflect.Value {
	if !f.holds {
		return v
	}
	switch f.kind {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		c := reflect.New(f.elem.typ)
		c.Elem().Set(v.Elem())
		f.elem.cloneInside(c.Elem())
		return c
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(f.typ, v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(f.elem.cloned(v.Index(i)))
		}
		return c
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		return Cloned(v.Elem())
	case reflect.Struct:
		c := reflect.New(f.typ).Elem()
		c.Set(v)
		f.cloneInside(c)
		return c
	}
	return v
}

// cloneInside replaces the records in v, a copy of a struct.
func (f *form) cloneInside(v reflect.Value) {
	if f.kind != reflect.Struct {
		return
	}
	for _, h := range f.shape().holders {
		at := v.Field(h.field)
		at.Set(h.form.cloned(at))
	}
}

// Records calls found for each record in v of which more is held than its id, v itself among
// them, outer records first. Records in the data of events are left out: they are what was
// true when the event happened.
func Records(v reflect.Value, found func(Recorder)) { formOf(v.Type()).records(v, found) }

func (f *form) records(v reflect.Value, found func(Recorder)) {
	if !f.holds {
		return
	}
	switch f.kind {
	case reflect.Pointer:
		if !v.IsNil() {
			f.elem.records(v.Elem(), found)
		}
	case reflect.Interface:
		if !v.IsNil() && f.typ != reflect.TypeFor[EventData]() {
			Records(v.Elem(), found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			f.elem.records(v.Index(i), found)
		}
	case reflect.Struct:
		s := f.shape()
		if s.isRecord && s.id >= 0 && v.CanAddr() && !holdsOnlyID(v, s) {
			found(v.Addr().Interface().(Recorder))
		}
		for _, h := range s.holders {
			h.form.records(v.Field(h.field), found)
		}
	}
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
