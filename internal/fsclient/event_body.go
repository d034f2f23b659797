package fsclient

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"unicode/utf8"
)

// The event of a webhook lies under "event", under "event_payload", under both,
// or is the body itself; the partner's pages show all of these, and those of a
// delivery as well. See FACTS on the forms.

// ParseEvent reads the event in a webhook's body or in the payload of a
// delivery, in any of the known forms.
func ParseEvent(body []byte) (*Event, error) {
	e := eventIn(body)
	switch {
	case e == nil:
		return nil, errors.New("the body holds no event")
	case e.ID == "" || e.Type == "":
		return nil, errors.New("the event lacks its id or its type")
	}
	return e, nil
}

// ReadEvent is [ParseEvent] for a body that must not be lost: one that cannot be
// read is an event with the body as its data, and what could be read beside it.
func ReadEvent(body []byte) *Event {
	e, err := ParseEvent(body)
	if err == nil {
		return e
	}
	if e = eventIn(body); e == nil {
		e = new(Event)
	}
	e.Data = &UnknownEventData{Raw: asText(body)}
	if e.ID == "" {
		sum := sha256.Sum256(body) // so that a repetition has the same
		setID(reflect.ValueOf(e).Elem(), shapeOf(reflect.TypeFor[Event]()), madeID+hex.EncodeToString(sum[:16]))
	}
	e.Hold(all)
	return e
}

// madeID begins the ids of events that came without one.
const madeID = "unreadable-"

// Identified reports whether the event has an id that the partner knows.
func (e *Event) Identified() bool { return !strings.HasPrefix(string(e.ID), madeID) }

func asText(body []byte) string {
	if utf8.Valid(body) {
		return string(body)
	}
	return "data:application/octet-stream;base64," + base64.StdEncoding.EncodeToString(body)
}

// envelopes of an event, the first of which there is leads to it.
var eventEnvelopes = []string{"event", "event_payload", "webhook_delivery"}

const maxEventDepth = 6

// eventIn finds and decodes the event in a body, nil if there is none.
func eventIn(body []byte) *Event {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if !json.Valid(body) {
		return nil
	}
	return findEvent(body, 0)
}

// findEvent is eventIn for valid JSON.
func findEvent(value []byte, depth int) *Event {
	value = bytes.TrimSpace(value)
	if depth > maxEventDepth || len(value) == 0 {
		return nil
	}
	switch value[0] {
	case '"': // JSON as text
		var text string
		if json.Unmarshal(value, &text) == nil && json.Valid([]byte(text)) {
			return findEvent([]byte(text), depth+1)
		}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(value, &list) == nil && len(list) == 1 {
			return findEvent(list[0], depth+1)
		}
	case '{':
		var members map[string]json.RawMessage
		if json.Unmarshal(value, &members) != nil {
			return nil
		}
		for _, name := range eventEnvelopes {
			if inner, ok := members[name]; ok {
				if e := findEvent(inner, depth+1); e != nil {
					return e
				}
			}
		}
		if members["type"] == nil && (members["id"] == nil || members["data"] == nil) {
			return findEvent(members["data"], depth+1)
		}
		e := new(Event)
		decodeInto(value, e)
		e.Hold(all) // a body is whole: a key it lacks has no value
		return e
	}
	return nil
}
