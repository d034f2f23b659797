package fsclient

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The API changes without a version and contradicts its own description
// (numbers as text, text as numbers, 0 for false, one object where an array is
// announced and the other way round, several names for one thing), so one
// decoder serves the whole client. It follows one rule:
//
//   - What can be read in one way only is read, whatever its form.
//   - What is missing (no key, null, empty text) is nil.
//   - Everything else is unreadable: nil, and noted in the [Faults] of the
//     struct, so that nobody takes it for missing.
//
// Unknown keys are ignored. Only malformed JSON is an error.
//
// For each record the decoder also notes which keys were there (see [Record]);
// a decoder of the standard library cannot tell absent from null.

// outcome says what became of a value.
type outcome int8

const (
	missing outcome = iota
	read
	unreadable // also of a list of which only a part was read
)

// Faults is embedded in every struct that stands for an object of the API. It
// remembers which fields the answer held in a form that cannot be read.
type Faults struct{ unreadable Fields }

// Unreadable returns the fields that could not be read. Of a list it may be some
// elements only.
func (f *Faults) Unreadable() Fields { return Fields(atomic.LoadUint64((*uint64)(&f.unreadable))) }

func (f *Faults) faults() *Faults { return f }

// add notes fields that could not be read. Others may be read meanwhile, see
// [Fill].
func (f *Faults) add(fields Fields) { atomic.OrUint64((*uint64)(&f.unreadable), uint64(fields)) }

// ErrUnreadable is the error of such a field.
var ErrUnreadable = errors.New("the partner sent a value that cannot be read")

// IsUnreadable reports whether the field of the given Go name of o, a pointer
// to a struct, was in the answer and could not be read.
func IsUnreadable(o interface{ Unreadable() Fields }, name string) bool {
	faults := o.Unreadable()
	return faults != 0 && faults.Has(FieldOf(reflect.TypeOf(o).Elem(), name))
}

// decoder reads one answer.
type decoder struct {
	scanner
	text  string // the input, once a text in it was read: texts are parts of it, not copies
	slabs []slab
	// selection returns which fields of a struct type are read, nil for all. The others are
	// skipped, and count as held.
	selection func(reflect.Type) Fields
	wanted    []wanted // what it returned
	skipped   bool     // the struct that was read last held a value that was skipped
}

// wanted says which fields of a struct type are read, those among them that others are
// worked out from.
type wanted struct {
	shape  *shape
	fields Fields
}

// wantedOf returns the fields of a struct that are to be read.
func (d *decoder) wantedOf(s *shape, v reflect.Value) Fields {
	if d.selection == nil {
		return AllFields
	}
	for _, w := range d.wanted { // few types are in an answer
		if w.shape == s {
			return w.fields
		}
	}
	fields := d.selection(s.typ)
	if s.derives {
		fields |= v.Addr().Interface().(deriving).needs(fields)
	}
	d.wanted = append(d.wanted, wanted{s, fields})
	return fields
}

// decoders are those that [decoder.free] has given back.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

func newDecoder(data []byte) *decoder {
	d := decoders.Get().(*decoder)
	d.reset(bytes.TrimPrefix(data, []byte("\ufeff")))
	return d
}

// keep gives the decoder the input as a text that is kept anyway; "" if there is none.
func (d *decoder) keep(text string) {
	if text != "" {
		d.text = text[len(text)-len(d.in):] // without a byte order mark
	}
}

// free lets another answer be read with the decoder. What was read of this one stays.
func (d *decoder) free() {
	clear(d.slabs)
	d.in, d.text, d.selection = nil, "", nil
	d.slabs, d.wanted, d.skipped = d.slabs[:0], d.wanted[:0], false
	decoders.Put(d)
}

// part returns n bytes of the input as text: those before the decoder's position, without
// the last trailing bytes.
func (d *decoder) part(n, trailing int) string {
	if d.text == "" {
		d.text = string(d.in)
	}
	end := d.pos - trailing
	return d.text[end-n : end]
}

// into reads one value into v, which is zero.
func (d *decoder) into(v reflect.Value) (outcome, error) {
	return decodeValue(d, v, formOf(v.Type()), false)
}

// decodeValue reads one value into v, which is zero and of the given form. byID says that a
// text or a number in the place of a record is its id.
func decodeValue(d *decoder, v reflect.Value, f *form, byID bool) (outcome, error) {
	kind := d.peek()
	switch kind {
	case 0:
		return missing, errMalformed
	case 'n':
		return missing, d.skip()
	}
	switch {
	case f.kind == reflect.Pointer:
		return decodePointer(d, v, f, byID)
	case f.raw:
		raw, err := d.value()
		v.SetBytes(bytes.Clone(raw))
		return read, err
	case f.kind == reflect.Slice:
		return decodeSlice(d, v, f, kind, byID)
	case kind == '[':
		return decodeOnly(d, v, f, byID)
	case f.kind == reflect.Struct:
		return decodeStruct(d, v, f.shape(), kind, byID)
	case kind == '{' && f.isID:
		return decodeIDOf(d, v, f)
	case kind == '{':
		raw, err := d.value()
		if f.isObject && err == nil {
			return v.Addr().Interface().(object).setObject(raw), nil
		}
		return unreadable, err
	}
	return decodeScalar(d, v, f, kind)
}

func decodePointer(d *decoder, v reflect.Value, f *form, byID bool) (outcome, error) {
	if f.elem.kind != reflect.Struct && f.elem.kind != reflect.Slice {
		s, e := d.small(f.elem)
		got, err := decodeValue(d, e, f.elem, byID)
		if got == read && err == nil {
			s.used++
			v.Set(e.Addr())
		} else {
			e.SetZero()
		}
		return got, err
	}
	e := reflect.New(f.elem.typ)
	got, err := decodeValue(d, e.Elem(), f.elem, byID)
	if got != read || err != nil {
		return got, err
	}
	if f.elem.kind == reflect.Struct && lacksID(e.Elem(), f.elem.shape()) {
		// A record that is mentioned without its id cannot be shown. It is no
		// mention at all if nothing else is said of it either.
		if e.Interface().(recorded).record().unreadable == 0 && !d.skipped && empty(e.Elem()) {
			return missing, nil
		}
		return unreadable, nil
	}
	v.Set(e)
	return read, nil
}

// decodeSlice reads an array, or one value in the place of an array.
func decodeSlice(d *decoder, v reflect.Value, f *form, kind byte, byID bool) (outcome, error) {
	if kind != '[' {
		e := reflect.New(f.elem.typ).Elem()
		got, err := decodeValue(d, e, f.elem, byID)
		if got == read && err == nil {
			v.Set(reflect.Append(v, e))
		}
		return got, err
	}
	if _, err := d.token(); err != nil {
		return missing, err
	}
	// The place of a row in its list counts, so one that cannot be read stays, as
	// a broken one. Other elements are left out.
	all := read
	first := 4
	if f.elem.isRow { // they are large, and may be many: the first one tells
		first = 1
	}
	v.Grow(first) // so that an empty list is not nil
	v.SetLen(0)
	begin := d.pos
	for n := 0; d.peek() != ']'; n = v.Len() {
		if n == 1 && f.elem.isRow { // room for as many as there may be, if all are as long as the first
			v.Grow(min(len(d.in)/max(1, d.pos-begin), 100))
		}
		v.Grow(1)
		v.SetLen(n + 1)
		got, err := decodeValue(d, v.Index(n), f.elem, byID)
		if err != nil {
			return missing, err
		}
		if got != read && !f.elem.isRow {
			v.Index(n).SetZero()
			v.SetLen(n)
			all = max(all, got)
		}
	}
	_, err := d.token()
	return all, err
}

// decodeOnly reads an array in the place of one value: that of its only
// element. An empty array holds none, and of several nobody knows which.
func decodeOnly(d *decoder, v reflect.Value, f *form, byID bool) (got outcome, err error) {
	if _, err := d.token(); err != nil {
		return missing, err
	}
	for n := 0; d.peek() != ']'; n++ {
		if n == 0 {
			got, err = decodeValue(d, v, f, byID)
		} else {
			got, err = unreadable, d.skip()
			v.SetZero()
		}
		if err != nil {
			return missing, err
		}
	}
	_, err = d.token()
	return got, err
}

func decodeStruct(d *decoder, v reflect.Value, s *shape, kind byte, byID bool) (outcome, error) {
	if kind != '{' {
		return decodeMention(d, v, s, kind, byID)
	}
	if _, err := d.token(); err != nil {
		return missing, err
	}
	var held, faulty Fields
	var unknown bool // some key has a value and is not known
	wanted, skipped := d.wantedOf(s, v), false
	next := &s.first
	for d.peek() != '}' {
		k, err := s.readKey(d, next)
		if err != nil {
			return missing, err
		}
		if k == nil {
			unknown = unknown || d.peek() != 'n'
			if err := d.skip(); err != nil {
				return missing, err
			}
			continue
		}
		next = &k.next
		bit := FieldAt(k.field)
		if !wanted.Has(bit) {
			skipped = skipped || d.peek() != 'n'
			if err := d.skip(); err != nil {
				return missing, err
			}
			held |= bit
			continue
		}
		got, err := decodeField(d, v.Field(k.field), k, held.Has(bit))
		if err != nil {
			return missing, err
		}
		switch got {
		case read:
			faulty = faulty.Without(bit)
		case unreadable:
			if !held.Has(bit) || v.Field(k.field).IsZero() {
				faulty |= bit
			}
		}
		held |= bit
	}
	if _, err := d.token(); err != nil {
		return missing, err
	}
	d.skipped = skipped
	if unknown && held == 0 {
		return unreadable, nil // it is something else
	}
	s.finish(v, held, faulty)
	return read, nil
}

// finish notes in a struct what was read of it, and has it work out the rest.
func (s *shape) finish(v reflect.Value, held, faulty Fields) {
	if s.hasFaults && faulty != 0 {
		v.Addr().Interface().(faulted).faults().add(faulty)
	}
	if s.isRecord {
		v.Addr().Interface().(recorded).record().held = held
	}
	if s.derives {
		v.Addr().Interface().(deriving).decoded()
	}
}

// decodeField reads the value of a key into its field. Several keys can stand
// for one field, such as patient and patient_id; then what tells more of it
// stays, whatever their order.
func decodeField(d *decoder, f reflect.Value, k *key, again bool) (outcome, error) {
	switch {
	case k.part != nil:
		return decodeInline(d, f, k)
	case k.whole && d.peek() != '{':
		return missing, d.skip()
	}
	if !again || f.IsZero() {
		return decodeValue(d, f, k.form, k.byID)
	}
	other := reflect.New(f.Type()).Elem()
	got, err := decodeValue(d, other, k.form, k.byID)
	if got == read && tellsMore(other, f) {
		f.Set(other)
	}
	return got, err
}

// decodeInline reads a part of an object that the API has flat beside the
// object's siblings.
func decodeInline(d *decoder, f reflect.Value, k *key) (outcome, error) {
	e := f
	if e.IsNil() {
		e = reflect.New(f.Type().Elem())
	}
	part := e.Elem().Field(k.part.field)
	if !part.IsZero() {
		return missing, d.skip()
	}
	got, err := decodeValue(d, part, k.part.form, false)
	if err == nil && got != missing {
		if got == unreadable {
			e.Interface().(faulted).faults().add(FieldAt(k.part.field))
		}
		f.Set(e)
	}
	return min(got, read), err
}

// decodeScalar reads a text, a number or a boolean into v, whatever v's kind
// and whichever of the three it was.
func decodeScalar(d *decoder, v reflect.Value, f *form, kind byte) (outcome, error) {
	s, ok, err := scalarOf(d, kind)
	switch {
	case err != nil:
		return missing, err
	case !ok:
		return unreadable, nil
	case !f.isFree && strings.TrimSpace(s) == "":
		return missing, nil // only of free text the empty one is a value
	case f.isID && !mayBeID(s, kind):
		return unreadable, nil
	case setScalar(v, f, s):
		return read, nil
	}
	v.SetZero()
	return unreadable, nil
}

// scalarOf reads the text of a JSON string, number or boolean. Text that is not
// valid UTF-8 is not ok: with its errors replaced it would be another text.
func scalarOf(d *decoder, kind byte) (text string, ok bool, err error) {
	raw, err := d.value()
	if err != nil {
		return "", false, err
	}
	if kind != '"' {
		return d.part(len(raw), 0), true, nil
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return d.part(len(inner), 1), utf8.Valid(inner), nil
	}
	unquoted, invalid := jsontext.AppendUnquote(nil, raw)
	return string(unquoted), invalid == nil, nil
}

// text is implemented by scalars that know which texts they can take, object by
// those that can also come as an object.
type (
	text   interface{ setText(string) bool }
	object interface{ setObject([]byte) outcome }
)

func setScalar(v reflect.Value, f *form, s string) bool {
	if f.isText {
		return v.Addr().Interface().(text).setText(s)
	}
	switch f.kind {
	case reflect.String:
		v.SetString(s)
		return true
	case reflect.Bool:
		b, ok := parseBool(s)
		v.SetBool(b)
		return ok
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, ok := parseInt(s)
		v.SetInt(n)
		return ok
	case reflect.Float64:
		canonical, ok := parseDecimal(s)
		f, err := strconv.ParseFloat(canonical, 64)
		v.SetFloat(f)
		return ok && err == nil && !math.IsInf(f, 0)
	}
	return false
}

func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "t", "1", "yes", "y", "on":
		return true, true
	case "false", "f", "0", "no", "n", "off":
		return false, true
	}
	return false, false
}

// parseInt reads an integer of GraphQL's 32 bits. Separators can only be those
// of thousands, for an integer has no fraction.
func parseInt(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if grouped(strings.TrimPrefix(s, "-")) {
		s = strings.ReplaceAll(s, ",", "")
	}
	canonical, ok := parseDecimal(s)
	whole, fraction, _ := strings.Cut(canonical, ".")
	n, err := strconv.ParseInt(whole, 10, 32)
	return n, ok && err == nil && strings.Trim(fraction, "0") == ""
}
