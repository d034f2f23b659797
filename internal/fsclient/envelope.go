package fsclient

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// What an answer is asked for comes in an envelope, {"patient": {…}}; in one
// named data, with or without the other inside; or bare. A list may come as one
// row, and a row as a list of one. Nothing else is taken for it.

// errNoRecord says that nothing in an answer claims to be the record. Of a
// write it means that the answer says no more than its status.
var errNoRecord = errors.New("the answer holds no record")

// errUnreadable says that an answer holds the record, and that it cannot be
// read.
var errUnreadable = errors.New("the record in the answer cannot be read")

// envelope finds a value in an answer.
type envelope struct {
	keys []string // any of them
	out  reflect.Value
	// extra, when not nil, is offered each other key and reports whether it took
	// the value.
	extra func(key string, d *decoder) (bool, error)
	inner bool // what is opened is itself the content of data

	wanted func(reflect.Type) Fields // see decoder
	text   string                    // the answer, if it is kept; else ""
	source string                    // the part of it that the value was read from
}

// open decodes the value in an answer.
func (e *envelope) open(answer []byte) error {
	d := newDecoder(answer)
	defer d.free()
	d.keep(e.text)
	switch d.peek() {
	case '{':
	case '[': // a list, or a record as a list of one
		return e.take(d)
	default:
		if err := d.skip(); err != nil {
			return err
		}
		return errors.New("the answer is not a JSON object")
	}
	if _, err := d.token(); err != nil {
		return err
	}
	var seen contents
	for d.peek() != '}' {
		name, err := d.token()
		if err != nil {
			return err
		}
		if err := e.member(tokenText(name), d, &seen); err != nil {
			return err
		}
	}
	if _, err := d.token(); err != nil {
		return err
	}
	switch {
	case seen.value:
		return nil
	case e.bare(answer):
		again := newDecoder(answer)
		defer again.free()
		again.keep(e.text)
		return e.take(again)
	case seen.data != nil:
		inner := *e
		inner.inner, inner.text = true, ""
		return inner.open(seen.data)
	case seen.failure:
		return errors.New("the answer reports a failure")
	}
	return fmt.Errorf("%w: it lacks %q", errNoRecord, e.keys[0])
}

// contents is what an object was seen to hold.
type contents struct {
	value   bool   // what is looked for
	data    []byte // the value of the key data
	failure bool   // a message of what went wrong
}

func (e *envelope) member(name string, d *decoder, seen *contents) error {
	switch kind := d.peek(); {
	case !seen.value && e.names(name) && kind == 'n':
		seen.value = e.list() // null is no record, but a list without rows
	case !seen.value && e.names(name):
		seen.value = true
		return e.take(d)
	case name == "data" && !e.inner && (kind == '{' || kind == '['):
		data, err := d.value()
		seen.data = bytes.Clone(data)
		return err
	case (name == "error" || name == "errors") && kind != 'n':
		seen.failure = true
	case e.extra != nil:
		if taken, err := e.extra(name, d); taken || err != nil {
			return err
		}
	}
	return d.skip()
}

func (e *envelope) names(name string) bool {
	for _, k := range e.keys {
		// The API names single objects in the plural in places.
		if name == k || name == k+"s" {
			return true
		}
	}
	return false
}

func (e *envelope) list() bool { return e.out.Kind() == reflect.Slice }

// take decodes what is in the place of the value. Texts, numbers and booleans
// are no records, even where a record is mentioned by such an id elsewhere.
func (e *envelope) take(d *decoder) error {
	if kind := d.peek(); kind != '{' && kind != '[' {
		if err := d.skip(); err != nil {
			return err
		}
		return errUnreadable
	}
	d.selection = e.wanted
	begin := d.pos
	got, err := d.into(e.out)
	if err == nil && e.text != "" {
		e.source = d.text[begin:d.pos]
		if len(e.source) < len(e.text)/2 {
			e.source = strings.Clone(e.source) // so as not to hold on to all the rest
		}
	}
	switch {
	case err != nil:
		return err
	case got == unreadable, got == missing && !e.list():
		return errUnreadable
	}
	return nil
}

// bare reports whether an object is the record itself: it has the record's id,
// or, where there is none that it must have, another of its keys.
func (e *envelope) bare(answer []byte) bool {
	if e.list() {
		return false
	}
	s := shapeOf(e.out.Type())
	d := newDecoder(answer)
	defer d.free()
	_, _ = d.token()
	for d.peek() == '"' {
		name, err := d.value()
		if err != nil {
			return false
		}
		if k := s.keys[string(name[1:len(name)-1])]; k != nil && (s.id < 0 || k.field == s.id || s.optionalID) && d.peek() != 'n' {
			return true
		}
		if d.skip() != nil {
			return false
		}
	}
	return false
}
