package wire

import (
	"context"
	"testing"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
)

// TestCodesOfStreams: a stream that fails at every event tells each of its codes, once, and
// keeps none.
func TestCodesOfStreams(t *testing.T) {
	t.Parallel()
	told := 0
	x := &Exchange{Options: &Options{
		RequestID: func(context.Context) string { return "" },
		Progress:  func(_ context.Context, r Result) { told += len(r.Codes) },
	}, Result: Result{Type: "subscription"}}
	for range 2000 {
		_ = x.Errors(t.Context(), gqlerror.List{{Extensions: map[string]any{"code": apierror.CodeUpstreamError}}})
		x.Progress(t.Context())
	}
	if told != 2000 || len(x.Result.Codes) != 0 {
		t.Errorf("%d codes are told and %d kept", told, len(x.Result.Codes))
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
