package middleware

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"fsgateway/internal/accept"
)

// Coding is a content coding of HTTP.
type Coding struct {
	Name string
	// New makes an encoder, which is kept for other answers.
	New func() Encoder
}

// Encoder writes what is encoded to where Reset says.
type Encoder interface {
	io.WriteCloser
	Reset(io.Writer)
}

// compressFrom is the size from which compression is worth it: less than that
// is one packet anyway.
const compressFrom = 1400

// Compress encodes answers in the coding that the client likes best, the first
// given of those it likes equally. An answer is held until it is whole, since
// plain says at its end whether it has to stay as it is: what is compressed
// tells by its length how much of one part another repeats (BREACH), so none
// with a secret may be. What is flushed, or comes in parts, goes out as it comes.
func Compress(plain func(*http.Request) bool, codings ...Coding) func(http.Handler) http.Handler {
	var names []string
	pools := map[string]*sync.Pool{}
	for _, c := range codings {
		names = append(names, c.Name)
		pools[c.Name] = &sync.Pool{New: func() any { return c.New() }}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			coding := accept.Coding(r.Header.Values("Accept-Encoding"), names...)
			if coding == "" || r.Method == http.MethodHead {
				next.ServeHTTP(w, r)
				return
			}
			held := &holder{ResponseWriter: w}
			next.ServeHTTP(held, r) // if it panics nothing was sent, and the recovering handler may answer
			if held.passing {
				return
			}
			if held.status == 0 {
				held.status = http.StatusOK
			}
			if held.body.Len() < compressFrom || plain(r) {
				held.pass()
				return
			}
			var out bytes.Buffer
			encoder := pools[coding].Get().(Encoder)
			encoder.Reset(&out)
			_, err := encoder.Write(held.body.Bytes())
			if closing := encoder.Close(); err == nil {
				err = closing
			}
			encoder.Reset(nil) // hold on to nothing of the answer
			if err != nil {
				held.pass()
				return
			}
			pools[coding].Put(encoder)
			w.Header().Set("Content-Encoding", coding)
			w.Header().Set("Content-Length", strconv.Itoa(out.Len()))
			w.WriteHeader(held.status)
			_, _ = w.Write(out.Bytes()) // the client may be gone; there is nobody to tell
		})
	}
}

// holder keeps an answer back until it is whole, or passes it on.
type holder struct {
	http.ResponseWriter
	status  int
	body    bytes.Buffer
	passing bool
}

// pass sends what is held, and lets go what follows.
func (h *holder) pass() {
	h.passing = true
	if h.status != 0 {
		h.ResponseWriter.WriteHeader(h.status)
	}
	if h.body.Len() > 0 {
		_, _ = h.ResponseWriter.Write(h.body.Bytes())
		h.body = bytes.Buffer{}
	}
}

func (h *holder) WriteHeader(status int) {
	switch {
	case status == http.StatusSwitchingProtocols: // the connection is about to be hijacked
		h.status = status
		h.pass()
	case h.passing || status < http.StatusOK:
		h.ResponseWriter.WriteHeader(status)
	case h.status == 0:
		h.status = status
		if !text(h.Header()) {
			h.pass()
		}
	}
}

func (h *holder) Write(p []byte) (int, error) {
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	if h.passing {
		return h.ResponseWriter.Write(p)
	}
	return h.body.Write(p)
}

// FlushError has the form that http.ResponseController looks for.
func (h *holder) FlushError() error {
	if !h.passing {
		h.pass()
	}
	return http.NewResponseController(h.ResponseWriter).Flush()
}

// Flush is for those who look for an http.Flusher.
func (h *holder) Flush() { _ = h.FlushError() }

// Unwrap lets http.ResponseController reach the connection.
func (h *holder) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// text reports whether a body is of a kind that comes whole and shrinks.
func text(h http.Header) bool {
	if h.Get("Content-Encoding") != "" {
		return false
	}
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || media == "text/event-stream" {
		return false
	}
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json")
}
