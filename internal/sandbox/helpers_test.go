package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answer is what came back, with the test it came back to.
type answer struct {
	*httptest.ResponseRecorder
	t testing.TB
}

func (a answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.Body.Bytes(), v); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
}

// object is the body as it is.
func (a answer) object() map[string]any {
	a.t.Helper()
	var v map[string]any
	a.into(&v)
	return v
}

// want fails the test unless the status is right.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("status %d, want %d: %s", a.Code, status, a.Body)
	}
	return a
}

func newRequest(t testing.TB, method, target, body string) *http.Request {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "http://127.0.0.1:7070/api"+target, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func serve(t testing.TB, h http.Handler, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w, t}
}

// call is made with sandbox-practitioner.
func call(t testing.TB, s *Server, method, target, body string) answer {
	t.Helper()
	return callAs(t, s, TokenPractitioner, method, target, body)
}

func callAs(t testing.TB, s *Server, token, method, target, body string) answer {
	t.Helper()
	r := newRequest(t, method, target, body)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return serve(t, s, r)
}
