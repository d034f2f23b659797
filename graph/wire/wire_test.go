package wire

import (
	"context"
	"testing"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
)

// TestCodesAreBounded: a stream that fails at every event notes so much and no
// more.
func TestCodesAreBounded(t *testing.T) {
	t.Parallel()
	x := &Exchange{Options: &Options{RequestID: func(context.Context) string { return "" }}}
	for range 2 * maxCodes {
		_ = x.Errors(t.Context(), gqlerror.List{{Extensions: map[string]any{"code": apierror.CodeUpstreamError}}})
	}
	if n := len(x.Result.Codes); n != maxCodes {
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
