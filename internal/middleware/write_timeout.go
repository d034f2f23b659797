package middleware

import (
	"net/http"
	"time"
)

// WritePiece is how much of an answer a client has to accept within each write
// timeout. It is at least what the kernel keeps of a connection whose send buffer
// is small, since a client's progress shows in steps of that size.
const WritePiece = 128 << 10

// WriteTimeout gives up a client that does not accept [WritePiece] bytes of its
// answer within d, so that nobody holds a connection, or what an answer is made
// from, by reading slowly or not at all. Only the time spent writing counts.
//
// It works on the connection in HTTP/1 and on the stream in HTTP/2, where a
// client can close the window of a stream and keep the connection alive.
func WriteTimeout(d time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p := &pacedWriter{ResponseWriter: w, control: http.NewResponseController(w), timeout: d}
			defer p.allow(d) // what is buffered leaves after the handler; net/http then takes the deadline away
			next.ServeHTTP(p, r)
		})
	}
}

// pacedWriter writes an answer in pieces, each in a limited time.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration

	written int           // bytes of the current piece
	spent   time.Duration // on writing them
}

func (w *pacedWriter) Write(b []byte) (n int, err error) {
	for {
		end := min(len(b), n+WritePiece-w.written)
		var m int
		err := w.timed(func() (err error) {
			m, err = w.ResponseWriter.Write(b[n:end])
			return err
		})
		n += m
		if w.written += m; w.written >= WritePiece {
			w.written, w.spent = 0, 0
		}
		if err != nil || n == len(b) {
			return n, err
		}
	}
}

// FlushError has the form that http.ResponseController looks for.
func (w *pacedWriter) FlushError() error { return w.timed(w.control.Flush) }

// Unwrap lets http.ResponseController reach the connection.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// timed runs write in what is left of the time for the current piece. The
// deadline goes with the write: in HTTP/2 it would end a stream that is silent,
// too.
func (w *pacedWriter) timed(write func() error) error {
	begin := time.Now()
	w.allow(w.timeout - w.spent)
	err := write()
	if err == nil {
		_ = w.control.SetWriteDeadline(time.Time{})
	}
	w.spent += time.Since(begin)
	return err
}

// allow sets how long writing may take from now on. Recorders in tests have no
// deadlines.
func (w *pacedWriter) allow(d time.Duration) { _ = w.control.SetWriteDeadline(time.Now().Add(d)) }
