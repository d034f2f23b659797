package quote_test

import (
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/internal/quote"
)

// FuzzAppend: a string is written as gqlgen writes it.
func FuzzAppend(f *testing.F) {
	for c := range 256 {
		f.Add(string([]byte{byte(c)}))
		f.Add("some text " + string([]byte{byte(c)}) + " and more of it")
	}
	f.Add("\x80\x1f\x9f\"\xa2\\\xdc")
	f.Fuzz(func(t *testing.T, s string) {
		var want strings.Builder
		graphql.MarshalString(s).MarshalGQL(&want)
		if got := string(quote.Append([]byte("x"), s)); got != "x"+want.String() {
			t.Errorf("%q is written as %s, want %s", s, got, want.String())
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	buf := make([]byte, 0, 100)
	for b.Loop() {
		buf = quote.Append(buf[:0], "b1d36490-f250-49a7-8707-2133a9eaceab")
	}
}
