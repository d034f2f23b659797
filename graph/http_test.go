package graph

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
)

// TestCodesAreBounded: a stream that fails at every event notes so much and no
// more.
func TestCodesAreBounded(t *testing.T) {
	t.Parallel()
	x := &exchange{o: &Options{RequestID: func(context.Context) string { return "" }}}
	for range 2 * maxCodes {
		_ = x.errors(t.Context(), gqlerror.List{{Extensions: map[string]any{"code": apierror.CodeUpstreamError}}})
	}
	if n := len(x.result.Codes); n != maxCodes {
		t.Errorf("%d codes", n)
	}
}

// FuzzNegotiate: any header is either refused or comes to one of two types.
func FuzzNegotiate(f *testing.F) {
	for _, accept := range []string{"", "*/*", mediaGraphQL + "," + mediaJSON + ";q=0.9", `text/x;a="\",b",*/*;q=0.1`, ";q=,,", "multipart/mixed;deferSpec=20220824"} {
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		a, found := negotiate([]string{accept})
		if found != (a.media == mediaGraphQL || a.media == mediaJSON) {
			t.Errorf("%+v %v", a, found)
		}
	})
}

// FuzzStrictJSON: what is taken is JSON, and means what it means to anyone.
func FuzzStrictJSON(f *testing.F) {
	for _, text := range []string{`{"query":"{ a }","variables":{"a":[1,2.50,null,true,{"b":"\u00e4"}]}}`, `{"a":1,"a":2}`, `[] []`, `{"a":1}x`, "\"\xff\"", `1e999`, ``} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := strictJSON(text)
		if err != nil {
			return
		}
		var want any
		if err := json.Unmarshal(text, &want); err != nil {
			if json.Valid(text) {
				return // a number that no float holds
			}
			t.Fatalf("%q is taken: %v", text, err)
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(again, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %s", text, again)
		}
	})
}
