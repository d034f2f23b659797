package fsclient

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// The scalars read every form of the partner's that can mean one thing only,
// and write the canonical one. As inputs they take the canonical form alone.

// Date is a calendar day, "2026-01-31".
//
// It is read from a day, also with slashes or without leading zeros as long as
// the year comes first, and from a moment, of which it is the day in the
// moment's own zone. 01/02/2026 can be two days and is unreadable.
type Date string

func (d *Date) setText(s string) bool {
	day, ok := parseDay(s)
	*d = Date(day)
	return ok
}

func (d Date) MarshalGQL(w io.Writer) { writeQuoted(w, string(d)) }

func (d *Date) UnmarshalGQL(v any) error {
	s, ok := v.(string)
	if _, err := time.Parse(time.DateOnly, s); !ok || err != nil {
		return InputError(`a Date is a day such as "2026-01-31"`)
	}
	*d = Date(s)
	return nil
}

// DateTime is a moment in RFC 3339 form, with the offset the partner gave.
//
// It is read from that form, from ISO 8601 with an offset or a zone in any of
// their spellings, from the dates of HTTP, and from seconds (10 digits) or
// milliseconds (13 digits) since 1970. A time without a zone and a bare day are
// unreadable: the partner does not say which zone would be meant.
type DateTime string

func (d *DateTime) setText(s string) bool {
	moment, ok := parseMoment(s)
	*d = DateTime(moment)
	return ok
}

func (d DateTime) MarshalGQL(w io.Writer) { writeQuoted(w, string(d)) }

func (d *DateTime) UnmarshalGQL(v any) error {
	s, ok := v.(string)
	if !ok || !isRFC3339(s) {
		return InputError(`a DateTime is a moment such as "2026-01-31T09:30:00Z"`)
	}
	*d = DateTime(s)
	return nil
}

// Time is the moment as Go has it; zero for a malformed one.
func (d DateTime) Time() time.Time {
	t, _ := time.Parse(time.RFC3339, string(d))
	return t
}

// Decimal is a decimal number as text, "24.50", untouched by floating point.
//
// It is read from a number in any form, with exponent, thousands separators or
// the sign of the dollar, and from {"amount": …, "currency": …}. 1,059 can be
// two numbers and is unreadable, unlike 1,059.00; so is a decimal comma.
type Decimal string

func (d *Decimal) setText(s string) bool {
	number, ok := parseMoney(s)
	*d = Decimal(number)
	return ok
}

func (d *Decimal) setObject(raw []byte) outcome { return parseAmount(raw, d) }

func (d Decimal) MarshalGQL(w io.Writer) { writeQuoted(w, string(d)) }

func (d *Decimal) UnmarshalGQL(v any) error {
	// Literals of numbers arrive as int64, float64 or json.Number; their
	// shortest form is what was written, for any amount of money there is.
	s := fmt.Sprint(v)
	if f, ok := v.(float64); ok {
		s = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if _, isBool := v.(bool); isBool || !isDecimal(s) {
		return InputError(`a Decimal is a number such as "24.50"`)
	}
	*d = Decimal(s)
	return nil
}

// writeQuoted writes text that needs no escapes: the scalars above are checked.
func writeQuoted(w io.Writer, s string) {
	_, _ = io.WriteString(w, `"`)
	_, _ = io.WriteString(w, s)
	_, _ = io.WriteString(w, `"`)
}
