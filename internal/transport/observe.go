package transport

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// Observe reports each call: begin when it leaves, which may set headers, and what begin returned when
// it is over, body included, with the answer's status (0 for no answer) and what
// went wrong.
func Observe(begin func(*http.Request) (end func(status int, err error)), base http.RoundTripper) http.RoundTripper {
	return Func(func(r *http.Request) (*http.Response, error) {
		end := begin(r)
		res, err := base.RoundTrip(r)
		if err != nil {
			end(0, err)
			return nil, err
		}
		res.Body = &observedBody{ReadCloser: res.Body, status: res.StatusCode, end: end}
		return res, nil
	})
}

type observedBody struct {
	io.ReadCloser
	once   sync.Once
	status int
	broken error
	end    func(status int, err error)
}

func (b *observedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.broken = err
	}
	return n, err
}

func (b *observedBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.over)
	return err
}

func (b *observedBody) over() { b.end(b.status, b.broken) }
