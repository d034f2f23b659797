package socket

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/graph/wire/form"
)

// maxID bounds the id of an operation, in bytes: every answer repeats it.
const maxID = 256

// message is one of a client's.
type message struct {
	kind, id string
	payload  map[string]any
}

// readMessage reads a message as strictly as the body of a request.
func readMessage(text []byte) (*message, *closeReason) {
	value, err := form.Read(text)
	object, isObject := value.(map[string]any)
	if wrong := form.Twice(err); wrong != "" {
		return nil, invalid(fmt.Sprintf(form.Wrong, "message", wrong))
	}
	if err != nil || !isObject {
		return nil, invalid("A message must be a JSON object.")
	}
	m := new(message)
	m.kind, _ = object["type"].(string)
	m.id, _ = object["id"].(string)
	payload, has := object["payload"].(map[string]any)
	m.payload = payload
	switch m.kind {
	case "connection_init", "ping", "pong":
		if !has && object["payload"] != nil {
			return nil, invalid(`The "payload" of a message must be an object.`)
		}
		return m, nil
	case "subscribe", "complete":
		switch {
		case m.id == "" || len(m.id) > maxID:
			return nil, invalid(`The "id" of an operation must be a string of 1 to 256 bytes.`)
		case m.kind == "subscribe" && !has:
			return nil, invalid(noPayload)
		}
		return m, nil
	}
	return nil, invalid(`The "type" of a message must be connection_init, subscribe, complete, ping or pong.`)
}

const noPayload = `The "payload" of subscribe must be an object with a "query".`

// params reads what a subscribe message asks for.
func (t *Sockets) params(payload map[string]any) (*graphql.RawParams, *closeReason) {
	p := new(graphql.RawParams)
	if wrong := form.Assign(p, payload); wrong != "" {
		return nil, invalid(fmt.Sprintf(form.Wrong, "payload of subscribe", wrong))
	}
	_, hasQuery := payload["query"].(string) // an empty one is a document that cannot be read
	if !hasQuery && t.o.Empty(p) {
		return nil, invalid(noPayload)
	}
	return p, nil
}

// authorizations are what the payload of connection_init says of the caller: at
// the top, or among headers, as clients of HTTP have them.
func authorizations(payload map[string]any) (found []string, err error) {
	headers, _ := payload["headers"].(map[string]any)
	for _, entries := range []map[string]any{payload, headers} {
		for name, value := range entries {
			if value == nil || !strings.EqualFold(name, "Authorization") {
				continue
			}
			text, isText := value.(string)
			if !isText {
				return nil, errCredentials
			}
			found = append(found, text)
		}
	}
	return found, nil
}

// pack makes a message of a payload that is JSON already; id and payload are
// left out when there is none.
func pack(kind, id string, payload []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(payload) + len(id) + 64)
	b.WriteByte('{')
	form.Entry(&b, "id", id, id != "")
	form.Entry(&b, "type", kind, true)
	if payload != nil {
		form.Key(&b, "payload")
		b.Write(payload)
	}
	b.WriteByte('}')
	return b.Bytes()
}
