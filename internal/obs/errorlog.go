package obs

import (
	"bytes"
	"log"
)

// NewErrorLog returns a log for what net/http says by itself. Its lines can quote
// bytes of the partner's answers and of requests, so they go nowhere: note is told
// of which kind each was.
func NewErrorLog(note func(kind string)) *log.Logger { return log.New(errorLog(note), "", 0) }

// CaptureStandardLog sends the standard logger's lines the same way. net/http's
// client has no other log.
func CaptureStandardLog(note func(kind string)) {
	log.SetFlags(0)
	log.SetPrefix("")
	log.SetOutput(errorLog(note))
}

type errorLog func(kind string)

func (note errorLog) Write(line []byte) (int, error) {
	note(errorKind(line))
	return len(line), nil
}

// errorKinds are told apart by how net/http begins a line.
var errorKinds = []struct{ prefix, kind string }{
	{"http: Accept error", "accept"},
	{"http: TLS handshake error", "tls"},
	{"http: panic serving", "panic"},
	{"http2: panic serving", "panic"},
	{"Unsolicited response received", "unsolicited"},
	{"http2: ", "http2"},
	{"http: ", "http"},
	{"net/http: ", "http"},
}

func errorKind(line []byte) string {
	for _, k := range errorKinds {
		if bytes.HasPrefix(line, []byte(k.prefix)) {
			return k.kind
		}
	}
	return "other"
}
