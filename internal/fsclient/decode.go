package fsclient

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The API changes without a version and contradicts its own description
// (numbers as text, text as numbers, 0 for false, one object where an array
// is announced, several names for one thing), so one decoder serves the whole
// client and bends where a stricter one would fail: what it cannot read counts
// as absent, unknown keys are passed over. Only JSON that is none is an error.
//
// It also notes, for each record, which keys were there (see [Record]); a
// decoder of the standard library cannot tell absent from null. jsontext is
// the tokenizer of encoding/json/v2 in its module form.

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

func newDecoder(data []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

// decodeEnvelope decodes the value under the first of the keys that the object
// in data has into out. Without any of them the object itself is the value if
// bare allows it. extra, when not nil, is offered each other key and says
// whether it took the value.
func decodeEnvelope(data []byte, out reflect.Value, keys []string, bare bool, extra func(key string, d *jsontext.Decoder) (bool, error)) error {
	d := newDecoder(data)
	if d.PeekKind() != '{' {
		if out.Kind() == reflect.Slice && d.PeekKind() == '[' { // a list without its envelope
			_, err := decodeValue(d, out)
			return err
		}
		return errors.New("the answer is no JSON object")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	found := false
	for d.PeekKind() != '}' {
		tok, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := tok.String()
		switch {
		case !found && matches(key, keys):
			ok, err := decodeValue(d, out)
			if err != nil {
				return err
			}
			found = ok || out.Kind() == reflect.Slice // null is no record, but a list without rows
		default:
			taken := false
			if extra != nil {
				if taken, err = extra(key, d); err != nil {
					return err
				}
			}
			if !taken {
				if err := d.SkipValue(); err != nil {
					return err
				}
			}
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	switch {
	case found:
		return nil
	case bare:
		_, err := decodeValue(newDecoder(data), out)
		return err
	}
	return fmt.Errorf("the answer lacks %q", keys[0])
}

func matches(key string, keys []string) bool {
	for _, k := range keys {
		// The API names single objects in the plural in places.
		if key == k || key == k+"s" {
			return true
		}
	}
	return false
}

// decodeValue reads one value into v. It reports whether there was something
// to keep: null, or a value of a shape v cannot take, is not.
func decodeValue(d *jsontext.Decoder, v reflect.Value) (bool, error) {
	kind := d.PeekKind()
	if kind == 0 {
		_, err := d.ReadToken() // says what is wrong
		if err == nil {
			err = errors.New("no JSON value")
		}
		return false, err
	}
	if kind == 'n' {
		return false, d.SkipValue()
	}
	switch v.Kind() {
	case reflect.Pointer:
		e := reflect.New(v.Type().Elem())
		ok, err := decodeValue(d, e.Elem())
		if ok && err == nil {
			// A record mentioned without its id, or with an empty name, is none.
			if check(e.Elem()); brokenRecord(e) {
				return false, nil
			}
			v.Set(e)
		}
		return ok, err
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 { // raw JSON
			raw, err := d.ReadValue()
			if err == nil {
				v.SetBytes(bytes.Clone(raw))
			}
			return err == nil, err
		}
		return decodeSlice(d, v, kind)
	case reflect.Struct:
		return decodeStruct(d, v, kind)
	}
	if kind == '{' || kind == '[' {
		return false, d.SkipValue()
	}
	tok, err := d.ReadToken()
	if err != nil {
		return false, err
	}
	return setScalar(v, tok.String()), nil
}

func decodeSlice(d *jsontext.Decoder, v reflect.Value, kind jsontext.Kind) (bool, error) {
	if kind != '[' { // one value where an array is announced
		e := reflect.New(v.Type().Elem()).Elem()
		ok, err := decodeValue(d, e)
		if ok && err == nil {
			v.Set(reflect.Append(v, e))
		}
		return ok, err
	}
	if _, err := d.ReadToken(); err != nil {
		return false, err
	}
	out := reflect.MakeSlice(v.Type(), 0, 4)
	for n := 0; d.PeekKind() != ']'; n++ {
		out = reflect.Append(out, reflect.Zero(v.Type().Elem()))
		ok, err := decodeValue(d, out.Index(n))
		if err != nil {
			return false, err
		}
		// What cannot be read is left out, but for records: one that is missing
		// shows as broken, for its place in the list counts.
		if _, isRow := out.Index(n).Addr().Interface().(interface{ Broken() bool }); !ok && !isRow {
			out = out.Slice(0, n)
			n--
		}
	}
	_, err := d.ReadToken()
	v.Set(out)
	return err == nil, err
}

func decodeStruct(d *jsontext.Decoder, v reflect.Value, kind jsontext.Kind) (bool, error) {
	s := shapeOf(v.Type())
	if kind != '{' {
		if kind == '"' && s.isRecord && s.id >= 0 { // patient_id: "…" is a patient known by id
			tok, err := d.ReadToken()
			if err != nil {
				return false, err
			}
			setID(v, s, tok.String())
			return tok.String() != "", nil
		}
		return false, d.SkipValue()
	}
	if _, err := d.ReadToken(); err != nil {
		return false, err
	}
	var held uint64
	for d.PeekKind() != '}' {
		raw, err := d.ReadValue()
		if err != nil {
			return false, err
		}
		i, known := s.fieldOf(raw)
		if !known {
			if err := d.SkipValue(); err != nil {
				return false, err
			}
			continue
		}
		if _, err := decodeValue(d, v.Field(i)); err != nil {
			return false, err
		}
		held |= 1 << i
	}
	if _, err := d.ReadToken(); err != nil {
		return false, err
	}
	if s.isRecord {
		r := v.Addr().Interface().(recorded).record()
		r.held = held
	}
	if f, ok := v.Addr().Interface().(interface{ decoded() }); ok {
		f.decoded()
	}
	return true, nil
}

// setID makes a reference of the record v: it holds its id and nothing else.
func setID(v reflect.Value, s *shape, id string) {
	v.Field(s.id).SetString(id)
	v.Addr().Interface().(recorded).record().held = 1 << s.id
}

// fieldOf finds the field for an object's key; raw is a JSON string. The API's
// keys have no escapes, and this look-up allocates nothing.
func (s *shape) fieldOf(raw jsontext.Value) (int, bool) {
	i, ok := s.names[string(raw[1:len(raw)-1])]
	return i, ok
}

// text is implemented by scalars that know which texts they can take.
type text interface{ setText(string) bool }

// setScalar puts the text of a JSON string, number or boolean into v, whatever
// v's kind and whichever of the three it was.
func setScalar(v reflect.Value, s string) bool {
	if t, ok := v.Addr().Interface().(text); ok {
		return t.setText(s)
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
		return true
	case reflect.Bool:
		b, ok := parseBool(s)
		v.SetBool(b)
		return ok
	case reflect.Int, reflect.Int32, reflect.Int64:
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || f != float64(int64(f)) || f > 1<<31-1 || f < -1<<31 {
			return false // GraphQL's Int has 32 bits
		}
		v.SetInt(int64(f))
		return true
	case reflect.Float64:
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		v.SetFloat(f)
		return err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return false
}

func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "1", "yes":
		return true, true
	case "false", "0", "no":
		return false, true
	}
	return false, false
}

// check sets the broken mark of the record v: an empty id, or an empty text
// that every record of its kind has. A mere mention need not hold the latter.
func check(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	s := shapeOf(v.Type())
	if !s.isRecord {
		return
	}
	r := v.Addr().Interface().(recorded).record()
	whole := r.listed || r.held == all
	for _, i := range s.required {
		if (i == s.id || whole || r.held&(1<<i) != 0) && v.Field(i).Len() == 0 {
			r.broken = true
			return
		}
	}
}

func brokenRecord(p reflect.Value) bool {
	r, ok := p.Interface().(recorded)
	return ok && r.record().broken
}
