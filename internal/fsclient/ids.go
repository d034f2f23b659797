package fsclient

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Ids are the partner's, opaque text, typed by what they name: a struct X with
// a field "ID XID" is all that internal/generate needs to declare XID. In
// GraphQL an id is global, "Patient:<id>"; as an input either form is taken, and
// the global id of another type is refused.

func marshalID(w io.Writer, typeName, id string) {
	if !ValidID(id) { // the partner's may hold anything
		text, _ := json.Marshal(typeName + ":" + id)
		_, _ = w.Write(text)
		return
	}
	for _, part := range [...]string{`"`, typeName, ":", id, `"`} {
		_, _ = io.WriteString(w, part)
	}
}

// ParseID reads an id given by a client, in either form, as the id of a record
// of the named type.
func ParseID(typeName string, v any) (string, error) {
	s, _ := idText(v)
	kind, id, global := strings.Cut(s, ":")
	if !global {
		kind, id = typeName, s
	}
	switch {
	case id == "":
		return "", InputErrorf("expected the id of a %s; it is empty", typeName)
	case kind != typeName:
		return "", InputErrorf("expected the id of a %s; this is the id of another type", typeName)
	case !ValidID(id):
		return "", InputErrorf("expected the id of a %s: 1 to %d letters, digits or characters of \"_.:-\"", typeName, maxID)
	}
	return id, nil
}

// idText returns the text of an ID, which clients may also give as an integer.
func idText(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64, int, json.Number:
		return fmt.Sprint(v), true
	}
	return "", false
}

const maxID = 128

// ValidID reports whether id can be a record's id, from a client or the partner. Ids become
// parts of paths, so nothing that means something in a path is one.
func ValidID(id string) bool {
	if len(id) == 0 || len(id) > maxID || id == "." || id == ".." {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_.:-", c) >= 0) {
			return false
		}
	}
	return true
}

// IDKey returns what two ids of the same record have in common: the partner's
// are UUIDs, which compare without regard to case, and others compare exactly.
func IDKey(id string) string {
	if ok, upper := isUUID(id); ok && upper {
		return strings.ToLower(id)
	}
	return id
}

// isUUID reports whether a text is a UUID, and whether it has upper-case letters.
func isUUID(s string) (ok, upper bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false, false
	}
	var seen uint8
	dashes := 0
	for i := range len(s) {
		k := uuidKinds[s[i]]
		seen |= k
		dashes += int(k >> 7)
	}
	return seen&otherKind == 0 && dashes == 4, seen&upperKind != 0
}

// uuidKinds are the kinds of the characters of UUIDs.
var uuidKinds = func() (kinds [256]uint8) {
	for c := range kinds {
		switch {
		case c == '-':
			kinds[c] = dashKind
		case 'A' <= c && c <= 'F':
			kinds[c] = upperKind
		case !('a' <= c && c <= 'f' || '0' <= c && c <= '9'):
			kinds[c] = otherKind
		}
	}
	return kinds
}()

const (
	upperKind uint8 = 1 << iota
	otherKind
	dashKind uint8 = 1 << 7
)

// Respell sets the id of rec as answer, the same record, spells it.
func Respell(rec, answer Recorder) {
	e := reflect.ValueOf(rec).Elem()
	e.Field(shapeOf(e.Type()).id).SetString(IDOf(answer))
}

func unmarshalID(typeName string, v any, id *string) (err error) {
	*id, err = ParseID(typeName, v)
	return err
}
