package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// reply is an answer before it is written: a value to encode, or bytes of another content type.
type reply struct {
	status int
	value  any
	raw    []byte
	header http.Header
}

// object is a JSON object made on the spot, mostly an envelope.
type object = map[string]any

func ok(value any) reply { return reply{status: http.StatusOK, value: value} }

func created(value any) reply { return reply{status: http.StatusCreated, value: value} }

// failure has the flat error body, the only one the partner documents.
func failure(status int, message string) reply {
	return reply{status: status, value: object{"error": message}}
}

// notFound answers alike for what does not exist and for what belongs to another clinic.
func notFound(what string) reply {
	return failure(http.StatusNotFound, what+" not found")
}

// missingScope has the words of the partner's documentation.
func missingScope(scope string) reply {
	return failure(http.StatusForbidden, "Must have "+scope+" scope enabled to access this resource")
}

func (a reply) with(name, value string) reply {
	if a.header == nil {
		a.header = make(http.Header)
	}
	a.header.Set(name, value)
	return a
}

func (a reply) encode() []byte {
	if a.raw != nil || a.value == nil {
		return a.raw
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // descriptions are HTML and the partner does not escape them
	if err := enc.Encode(a.value); err != nil {
		panic("sandbox: answer cannot be encoded: " + err.Error())
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

func (a reply) writeHeader(w http.ResponseWriter, length int) {
	h := w.Header()
	if length > 0 {
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	h.Set("Content-Length", strconv.Itoa(length))
	h.Set("Cache-Control", "no-store")
	for name, values := range a.header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(a.status)
}

func (a reply) write(w http.ResponseWriter) {
	body := a.encode()
	a.writeHeader(w, len(body))
	_, _ = w.Write(body) // fails when the client has left
}

// writeHalf promises the whole answer, sends half of it and drops the connection.
func (a reply) writeHalf(w http.ResponseWriter) {
	body := a.encode()
	a.writeHeader(w, len(body))
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush() // what does not arrive was not meant to
	panic(http.ErrAbortHandler)
}
