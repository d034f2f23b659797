package middleware_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fsgateway/internal/middleware"
)

// compressed serves one request for gzip with a handler.
func compressed(t *testing.T, plain bool, handler http.HandlerFunc) *httptest.ResponseRecorder {
	t.Helper()
	h := middleware.Compress(func(*http.Request) bool { return plain }, middleware.Coding{Name: "gzip", New: func() middleware.Encoder { return gzip.NewWriter(nil) }})(handler)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestCompress(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789", 200)
	write := func(w http.ResponseWriter, text string) {
		if _, err := io.WriteString(w, text); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		name    string
		plain   bool
		handler http.HandlerFunc
		encoded bool
		body    string
		status  int
	}{
		{"JSON", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "2000")
			w.WriteHeader(http.StatusAccepted)
			write(w, large[:7])
			write(w, large[7:])
		}, true, large, http.StatusAccepted},
		{"GraphQL", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/graphql-response+json; charset=utf-8")
			write(w, large)
		}, true, large, http.StatusOK},
		{"ToStayPlain", true, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			write(w, large)
		}, false, large, http.StatusOK},
		{"Small", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			write(w, large[:1399])
		}, false, large[:1399], http.StatusOK},
		{"SmallestLarge", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			write(w, large[:1400])
		}, true, large[:1400], http.StatusOK},
		{"Nothing", false, func(http.ResponseWriter, *http.Request) {}, false, "", http.StatusOK},
		{"StatusAlone", false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, false, "", http.StatusNoContent},
		{"Binary", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/pdf")
			write(w, large)
		}, false, large, http.StatusOK},
		{"NoType", false, func(w http.ResponseWriter, _ *http.Request) { write(w, large) }, false, large, http.StatusOK},
		{"EncodedAlready", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/css")
			w.Header().Set("Content-Encoding", "br")
			write(w, large)
		}, false, large, http.StatusOK},
		{"Events", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			write(w, large)
		}, false, large, http.StatusOK},
		{"Parts", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", `multipart/mixed; boundary="-"`)
			write(w, large)
		}, false, large, http.StatusOK},
		{"Flushed", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			write(w, large)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			write(w, large)
		}, false, large + large, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := compressed(t, c.plain, c.handler)
			if encoded := w.Header().Get("Content-Encoding") == "gzip"; encoded != c.encoded || w.Code != c.status {
				t.Fatalf("%d %v", w.Code, w.Header())
			}
			body := w.Body.Bytes()
			if c.encoded {
				r, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if body, err = io.ReadAll(r); err != nil {
					t.Fatal(err)
				}
			}
			if string(body) != c.body {
				t.Errorf("%q", body)
			}
		})
	}
	t.Run("StreamsArriveAsTheyAreSent", func(t *testing.T) {
		t.Parallel()
		var w *httptest.ResponseRecorder
		compressed(t, false, func(held http.ResponseWriter, _ *http.Request) {
			w = held.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(*httptest.ResponseRecorder)
			held.Header().Set("Content-Type", "text/event-stream")
			write(held, "one")
			held.(http.Flusher).Flush()
			if w.Body.String() != "one" || !w.Flushed {
				t.Errorf("%q is there, flushed %t", w.Body, w.Flushed)
			}
		})
	})
	t.Run("PanicSendsNothing", func(t *testing.T) {
		t.Parallel()
		var w *httptest.ResponseRecorder
		func() {
			defer func() { _ = recover() }()
			compressed(t, false, func(held http.ResponseWriter, _ *http.Request) {
				w = held.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(*httptest.ResponseRecorder)
				held.Header().Set("Content-Type", "application/json")
				write(held, large)
				panic("a bug")
			})
		}()
		if w.Body.Len() > 0 {
			t.Errorf("%q", w.Body)
		}
	})
}
