package fsclient

import (
	"reflect"
	"strings"
)

// A field that holds a record, or a list of records, is a reference. The API
// has two keys for each, of which an answer holds either or both: the record's
// own (patient, treatment_plans) and that of its id (patient_id,
// treatment_plan_ids). Under either comes an object, an id, or a list of them.
// The two keys follow from the json tag by one rule for all structs.

// idKey returns the key of the ids of a reference, or list of references, with
// the given key.
func idKey(name string, list bool) string {
	if list {
		return strings.TrimSuffix(name, "s") + "_ids"
	}
	return name + "_id"
}

// refersTo reports whether a field of type t is a reference, and whether it is
// a list of them.
func refersTo(t reflect.Type) (reference, list bool) {
	if t.Kind() == reflect.Slice {
		t, list = t.Elem(), true
	}
	return t.Kind() == reflect.Pointer && t.Implements(reflect.TypeFor[recorded]()), list
}

// decodeMention reads a text, a number or a boolean in the place of an object:
// the id of a record if it can be one. Under a key that is not one of ids it
// must not be able to be anything else, for a name is a text too.
func decodeMention(d *decoder, v reflect.Value, s *shape, kind byte, byID bool) (outcome, error) {
	id, ok, err := scalarOf(d, kind)
	switch {
	case err != nil:
		return missing, err
	case kind == '"' && strings.TrimSpace(id) == "":
		return missing, nil
	case !ok || !s.isRecord || s.id < 0 || !mayBeID(id, kind) || !byID && !mustBeID(id):
		return unreadable, nil
	}
	setID(v, s, id)
	return read, nil
}

// decodeIDOf reads a record in the place of its id.
func decodeIDOf(d *decoder, v reflect.Value, f *form) (outcome, error) {
	got := unreadable
	if _, err := d.token(); err != nil {
		return missing, err
	}
	for d.peek() != '}' {
		name, err := d.token()
		if err != nil {
			return missing, err
		}
		isOwn := tokenText(name) == "id"
		if kind := d.peek(); isOwn && (kind == '"' || kind == '0') {
			got, err = decodeScalar(d, v, f, kind)
		} else {
			err = d.skip()
		}
		if err != nil {
			return missing, err
		}
	}
	_, err := d.token()
	return got, err
}

// isID reports whether values of type t are the partner's ids.
func isID(t reflect.Type) bool {
	return t.Kind() == reflect.String && strings.HasSuffix(t.Name(), "ID") && t != reflect.TypeFor[ExternalID]()
}

// mayBeID reports whether a value can be an id: a text without spaces, or an
// integer.
func mayBeID(s string, kind byte) bool {
	switch kind {
	case '"':
		for i := range len(s) {
			if s[i] <= ' ' || s[i] == 0x7f {
				return false
			}
		}
		return true
	case '0':
		return isDigits(s)
	}
	return false
}

// mustBeID reports whether a text cannot be anything but an id: an integer or a
// UUID.
func mustBeID(s string) bool {
	uuid, _ := isUUID(s)
	return uuid || isDigits(s)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// tellsMore reports whether a tells more of a reference than b: a record of
// which more is held, or more records.
func tellsMore(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice {
		if a.Len() != b.Len() || a.Len() == 0 {
			return a.Len() > b.Len()
		}
		a, b = a.Index(0), b.Index(0)
	}
	if a.Kind() != reflect.Pointer {
		return true // the last one counts, as in any JSON object
	}
	x, ok := a.Interface().(recorded)
	if !ok {
		return true
	}
	return x.record().held.Without(b.Interface().(recorded).record().held) != 0
}
