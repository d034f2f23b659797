package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fsgateway/internal/middleware"
)

// TestRequestIDOfClient: an id that a client sends is in the log, in errors and in calls to
// the partner, so it is taken only if it is of a form that no text and no token has.
func TestRequestIDOfClient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id   string
		kept bool
	}{
		"UUID":     {"0af76519-16cd-43dd-8448-eb211c80319c", true},
		"Upper":    {"0AF76519-16CD-43DD-8448-EB211C80319C", true},
		"Hex":      {"0af7651916cd43dd8448eb211c80319c", true},
		"ULID":     {"01ARZ3NDEKTSV4RRFFQ69G5FAV", true},
		"Text":     {"jane.doe-hashimoto", false},
		"Number":   {"4111111111111111", false},
		"Token":    {"kx1d3ZkYvX0bJxX8m3rJ7n1Zb0g0y5wq8XoYwq2m9sA", false},
		"HexToken": {strings.Repeat("0af76519", 8), false},
		"TooLong":  {"0af7651916cd43dd8448eb211c80319c0", false},
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
