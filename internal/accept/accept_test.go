package accept

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]Range{
		"":                            nil,
		"text/html":                   {{"text/html", map[string]string{}, 1}},
		"TEXT/html ; Q=0.5 , */*;q=0": {{"text/html", map[string]string{}, .5}, {"*/*", map[string]string{}, 0}},
		`a/b;c="x,\"y"; q=1`:          {{"a/b", map[string]string{"c": `x,"y`}, 1}},
		"a/b;q=2,a/c;q=-1,a/d;q=x,a/e;q=NaN,;q=1,a/f": {{"a/f", map[string]string{}, 1}},
	} {
		if got := Parse([]string{text}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
	if got := Parse([]string{"a/b", "a/c"}); len(got) != 2 {
		t.Errorf("of two fields: %+v", got)
	}
}

func TestCoding(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "gzip": "gzip", "br, gzip": "br", "gzip;q=0.5, br;q=0.4": "gzip", "gzip, identity": "gzip", "gzip;q=0.5, identity": "", "*": "br", "*;q=0, gzip": "gzip", "*, br;q=0": "gzip", "identity": "",
		"gzip;q=0": "", "GZIP": "gzip", "x-gzip": "gzip", "deflate": "", "gzip;q=2": "", "*;q=0": "",
	} {
		if got := Coding([]string{text}, "br", "gzip"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
