package fsclient

import (
	"io"
	"strconv"
)

// The API wants some yes or no and some numbers as text. The json option string
// does that for plain fields, but not for those that are an [Opt].

// Flag is a yes or no that travels as text.
type Flag bool

// MarshalJSON writes it as text.
func (f Flag) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatBool(bool(f))), nil
}

func (f Flag) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.FormatBool(bool(f))) }

func (f *Flag) UnmarshalGQL(v any) error {
	b, ok := v.(bool)
	if !ok {
		return InputErrorf("a Boolean is true or false")
	}
	*f = Flag(b)
	return nil
}

// Count is a number that travels as text.
type Count int

// MarshalJSON writes it as text.
func (c Count) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.Itoa(int(c))), nil
}

func (c Count) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Itoa(int(c))) }

func (c *Count) UnmarshalGQL(v any) error {
	n, ok := v.(int64)
	if !ok {
		return InputErrorf("an Int is a whole number")
	}
	*c = Count(n)
	return nil
}
