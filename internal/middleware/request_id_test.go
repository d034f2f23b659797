package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fsgateway/internal/middleware"
)

// TestRequestIDIsBounded: an id that a client sends is in every line of its log
// and in every error, so it is taken only while it is short and plain.
func TestRequestIDIsBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id   string
		kept bool
	}{
		"Plain":    {"trace-1_a.B", true},
		"Longest":  {strings.Repeat("x", 64), true},
		"TooLong":  {strings.Repeat("x", 65), false},
		"Far":      {strings.Repeat("x", 8000), false},
		"Empty":    {"", false},
		"Space":    {"a b", false},
		"Line":     {"a\nb", false},
		"Quote":    {`a"b`, false},
		"Markup":   {"<b>", false},
		"NotASCII": {"ä", false},
		"NUL":      {"a\x00", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen string
			h := middleware.RequestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = middleware.RequestIDFrom(r.Context()) }))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header["X-Request-Id"] = []string{test.id}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if (seen == test.id) != test.kept || seen == "" || len(seen) > 64 || w.Header().Get("X-Request-Id") != seen {
				t.Errorf("%q is %q inside and %q outside", test.id, seen, w.Header().Get("X-Request-Id"))
			}
		})
	}
}
