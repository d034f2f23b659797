package form

import (
	"bytes"
	"encoding/json"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Envelope puts a response together around data that is JSON already. What
// never ran has no data entry.
func Envelope(errs gqlerror.List, data []byte, extensions map[string]any) []byte {
	var b bytes.Buffer
	WriteEnvelope(&b, errs, data, extensions)
	return b.Bytes()
}

// WriteEnvelope is [Envelope] into a buffer.
func WriteEnvelope(b *bytes.Buffer, errs gqlerror.List, data []byte, extensions map[string]any) {
	b.Grow(len(data) + 32)
	b.WriteByte('{')
	Entry(b, "errors", errs, len(errs) > 0)
	if data != nil {
		Key(b, "data")
		b.Write(data)
	}
	Entry(b, "extensions", extensions, len(extensions) > 0)
	b.WriteByte('}')
}

// Entry writes an entry of an object that is being written.
func Entry(b *bytes.Buffer, name string, value any, given bool) {
	if !given {
		return
	}
	Key(b, name)
	Encode(b, value)
}

// Encode writes a value of the gateway's.
func Encode(b *bytes.Buffer, value any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false) // JSON is never put into a page as it is
	if err := e.Encode(value); err != nil {
		panic(err) // a bug
	}
	b.Truncate(b.Len() - 1) // the encoder's line break
}

// Key writes the name of a member of an object that is being written.
func Key(b *bytes.Buffer, name string) {
	if last := b.Bytes()[b.Len()-1]; last != '{' && last != '[' {
		b.WriteByte(',')
	}
	b.WriteByte('"')
	b.WriteString(name)
	b.WriteString(`":`)
}
