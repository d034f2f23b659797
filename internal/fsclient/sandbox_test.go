package fsclient_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sync"
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

// The tests of the resources talk to two kinds of servers: the sandbox, which
// answers as the partner is known to, and small scripted ones for answers the
// sandbox does not give.

// performed are the operations that the tests have called, as in the op: lines.
var performed sync.Map

// TestMain fails where a method of the client was called by no test.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.list").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" {
		files, _ := filepath.Glob("*.go")
		for _, name := range files {
			text, _ := os.ReadFile(name)
			for _, op := range regexp.MustCompile(`(?m)^// op: (.+)$`).FindAllSubmatch(text, -1) {
				if _, ok := performed.Load(string(op[1])); !ok {
					fmt.Printf("%s: no test calls %s\n", name, op[1])
					code = 1
				}
			}
		}
	}
	os.Exit(code)
}

// setup gives a client of a sandbox of its own, with its practitioner's token.
func setup(t *testing.T) (*fsclient.Client, *sandbox.Server) {
	t.Helper()
	return setupWith(t, sandbox.TokenPractitioner, sandbox.Options{})
}

func setupWith(t *testing.T, token string, o sandbox.Options) (*fsclient.Client, *sandbox.Server) {
	t.Helper()
	server := sandbox.New(o)
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	next := web.Client().Transport
	return client(t, web.URL+"/api", func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
		return next.RoundTrip(r)
	}), server
}

// everyMood runs a test against a sandbox that keeps to the API description,
// and against one that answers in all the odd ways seen from the partner.
func everyMood(t *testing.T, test func(t *testing.T, c *fsclient.Client)) {
	t.Helper()
	for name, odd := range map[string]bool{"AsDescribed": false, "Oddities": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := setupWith(t, sandbox.TokenPractitioner, sandbox.Options{Oddities: odd})
			test(t, c)
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func client(t *testing.T, base string, transport roundTripper) *fsclient.Client {
	t.Helper()
	c, err := fsclient.New(base, &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		performed.Store(fsclient.Route(r.Context()), true)
		return transport(r)
	})})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// script is the last request to a scripted server.
type script struct {
	request string // method, path and query
	body    string
}

// scripted gives a client of a server that has one answer to everything.
func scripted(t *testing.T, answer string) (*fsclient.Client, *script) {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(web.Close)
	next, last := web.Client().Transport, new(script)
	return client(t, web.URL, func(r *http.Request) (*http.Response, error) {
		*last = script{request: r.Method + " " + r.URL.RequestURI()}
		if r.Body != nil {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			last.body = string(body)
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		return next.RoundTrip(r)
	}), last
}

// must takes the answer of a call that has to succeed:
// must(c.Patients.Get(ctx, id))(t).
func must[V any](v *V, err error) func(*testing.T) *V {
	return func(t *testing.T) *V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused takes the error of a call that has to fail in the given way.
func refused[V any](_ *V, err error) func(*testing.T, fsclient.Kind) *fsclient.Error {
	return func(t *testing.T, kind fsclient.Kind) *fsclient.Error {
		t.Helper()
		e, ok := errors.AsType[*fsclient.Error](err)
		if !ok || e.Kind != kind {
			t.Fatalf("got the error %v, want the kind %q", err, kind)
		}
		return e
	}
}

// value is what a pointer points to, and the zero value for none.
func value[V any](p *V) (v V) {
	if p != nil {
		v = *p
	}
	return v
}

// same compares two values and names what they are.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %#v, want %#v", what, got, want)
	}
}

// holds compares which fields of a record the answer held, by their Go names.
func holds(t *testing.T, r fsclient.Recorder, want ...string) {
	t.Helper()
	typ := reflect.TypeOf(r).Elem()
	wanted := map[string]bool{}
	for _, name := range want {
		wanted[name] = true
	}
	for i := range typ.NumField() {
		name := typ.Field(i).Name
		bit := fsclient.FieldOf(typ, name)
		if got := r.Held()&bit != 0; bit != 0 && got != wanted[name] {
			t.Errorf("%s holds %s: %t", typ.Name(), name, got)
		}
	}
}

// whole says that a record came from its single fetch.
func whole(t *testing.T, r fsclient.Recorder) {
	t.Helper()
	if r.Held() != fsclient.AllFields {
		t.Errorf("%T holds %b, want all", r, r.Held())
	}
}

// gather takes all rows of a list.
func gather[T any](t *testing.T, rows func(func(*T, error) bool)) (all []*T) {
	t.Helper()
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	return all
}

// background is the context of tests that do not care.
var background = context.Background()
