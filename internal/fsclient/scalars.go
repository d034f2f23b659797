package fsclient

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// The scalars keep the partner's text where it is well formed and count as
// absent where it is not. As inputs they refuse what is malformed.

// Date is a calendar day, "2026-01-31".
type Date string

func (d *Date) setText(s string) bool {
	if len(s) > len(time.DateOnly) { // a time, where a day is announced
		s = s[:len(time.DateOnly)]
	}
	_, err := time.Parse(time.DateOnly, s)
	*d = Date(s)
	return err == nil
}

func (d Date) MarshalGQL(w io.Writer) { writeQuoted(w, string(d)) }

func (d *Date) UnmarshalGQL(v any) error {
	s, ok := v.(string)
	if !ok || len(s) != len(time.DateOnly) || !d.setText(s) {
		return InputError(`a Date is a day such as "2026-01-31"`)
	}
	return nil
}

// DateTime is a moment in RFC 3339 form, with the offset the partner gave.
type DateTime string

func (d *DateTime) setText(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	*d = DateTime(s)
	return err == nil
}

func (d DateTime) MarshalGQL(w io.Writer) { writeQuoted(w, string(d)) }

func (d *DateTime) UnmarshalGQL(v any) error {
	s, ok := v.(string)
	if !ok || !d.setText(s) {
		return InputError(`a DateTime is a moment such as "2026-01-31T09:30:00Z"`)
	}
	return nil
}

// Time is the moment as Go has it; zero for a malformed one.
func (d DateTime) Time() time.Time {
	t, _ := time.Parse(time.RFC3339, string(d))
	return t
}

// Decimal is a decimal number as text, "24.50", untouched by floating point.
type Decimal string

func (d *Decimal) setText(s string) bool {
	s = strings.TrimSpace(s)
	*d = Decimal(s)
	return isDecimal(s)
}

func isDecimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, fraction, point := strings.Cut(s, ".")
	digits := func(s string) bool {
		return s != "" && strings.Trim(s, "0123456789") == ""
	}
	return digits(whole) && (!point || digits(fraction))
}

func (d Decimal) MarshalGQL(w io.Writer) { writeQuoted(w, string(d)) }

func (d *Decimal) UnmarshalGQL(v any) error {
	// Literals of numbers arrive as int64, float64 or json.Number; their
	// shortest form is what was written, for any amount of money there is.
	s := fmt.Sprint(v)
	if f, ok := v.(float64); ok {
		s = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if _, isBool := v.(bool); isBool || !d.setText(s) {
		return InputError(`a Decimal is a number such as "24.50"`)
	}
	return nil
}

// writeQuoted writes text that needs no escapes: the scalars above are checked.
func writeQuoted(w io.Writer, s string) {
	_, _ = io.WriteString(w, `"`+s+`"`)
}
