package socket

import (
	"testing"
)

// FuzzReadMessage: any text is either one of the five messages, with what it
// needs, or closes the socket with a reason that fits and repeats nothing.
func FuzzReadMessage(f *testing.F) {
	for _, text := range []string{
		`{"type":"connection_init","payload":{"Authorization":"Bearer t"}}`, `{"type":"ping"}`, `{"type":"pong","payload":null}`,
		`{"type":"subscribe","id":"1","payload":{"query":"{ a }"}}`, `{"type":"complete","id":"1"}`, `{"type":"next","id":"1"}`, `[]`, `{`, "\xff", `{"payload":{"query":1,"query":2}}`,
	} {
		f.Add([]byte(text))
	}
	reasons := map[string]bool{}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, c := readMessage(text)
		if c != nil {
			reasons[c.reason] = true
			if c.code != 4400 || len(c.reason) > 123 || len(reasons) > 20 {
				t.Errorf("%+v, of %d reasons", c, len(reasons))
			}
			return
		}
		switch m.kind {
		case "connection_init", "ping", "pong":
		case "subscribe":
			if m.payload == nil || m.id == "" {
				t.Errorf("%+v", m)
			}
			_, _ = (&Sockets{}).params(m.payload)
		case "complete":
			if m.id == "" {
				t.Errorf("%+v", m)
			}
		default:
			t.Errorf("%+v", m)
		}
		_, _ = authorizations(m.payload)
	})
}

func TestCloseReasonsFit(t *testing.T) {
	t.Parallel()
	for _, c := range []*closeReason{
		closeUnauthorized, closeForbidden, closeSubprotocol, closeInitTimeout, closeExists, closeInitTwice, closeBug, closeStopping, invalid(noPayload),
	} {
		if len(c.reason) > 123 || c.reason == "" {
			t.Errorf("%d: %d bytes", c.code, len(c.reason))
		}
	}
}
