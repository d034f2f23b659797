package fsclient

import (
	"io"
	"strings"
	"sync"
)

// Value sets the partner may extend at any time. A value keeps the partner's
// text; in GraphQL it is the text in capitals, "once per day" is ONCE_PER_DAY,
// and UNKNOWN for a text this file does not list. The struct's ...Raw method
// gives the text itself.

// enumNames holds the names of the texts that were written so far. They are few: only
// texts that this package knows are written.
var enumNames = struct {
	sync.RWMutex
	of map[string]string
}{of: map[string]string{}}

// knownName is [enumName] for a text of one of the sets.
func knownName(text string) string {
	enumNames.RLock()
	name, ok := enumNames.of[text]
	enumNames.RUnlock()
	if !ok {
		name = enumName(text)
		enumNames.Lock()
		enumNames.of[strings.Clone(text)] = name // text is a part of an answer
		enumNames.Unlock()
	}
	return name
}

// enumName is the GraphQL name of a partner's text.
func enumName(text string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r == ' ' || r == '.' || r == '-' {
			return '_'
		}
		return r
	}, text))
}

func marshalEnum(w io.Writer, known []string, text string) {
	for _, k := range known {
		if k == text {
			writeQuoted(w, knownName(text))
			return
		}
	}
	_, _ = io.WriteString(w, `"UNKNOWN"`)
}

func unmarshalEnum(known []string, v any, text *string) error {
	s, _ := v.(string)
	names := make([]string, len(known))
	for i, k := range known {
		if names[i] = enumName(k); names[i] == s {
			*text = k
			return nil
		}
	}
	if s == "UNKNOWN" {
		return InputErrorf("UNKNOWN stands for values that the gateway does not know; it cannot be sent")
	}
	return InputErrorf("%q is not one of %s", s, strings.Join(names, ", "))
}

// raw gives the partner's text of a value that may be missing.
func raw[E ~string](e *E) *string {
	if e == nil {
		return nil
	}
	text := string(*e)
	return &text
}

// Sort says how a list is sorted; the zero value leaves that to the partner.
type Sort[Field ~string] struct {
	Field     Field          `url:"sort_by"`
	Direction OrderDirection `url:"order_by"`
}

// rawText is [raw] for a value that is never null.
func rawText[E ~string](e E) *string {
	if e == "" {
		return nil
	}
	return raw(&e)
}

// OrderDirection sorts a list upwards (ASC, the default) or downwards.
type OrderDirection string

var orderDirections = []string{"ASC", "DESC"}

func (e OrderDirection) MarshalGQL(w io.Writer) { marshalEnum(w, orderDirections, string(e)) }
func (e *OrderDirection) UnmarshalGQL(v any) error {
	return unmarshalEnum(orderDirections, v, (*string)(e))
}

// Gender of a patient.
type Gender string

var genders = []string{"male", "female", "x"}

func (e Gender) MarshalGQL(w io.Writer)    { marshalEnum(w, genders, string(e)) }
func (e *Gender) UnmarshalGQL(v any) error { return unmarshalEnum(genders, v, (*string)(e)) }
