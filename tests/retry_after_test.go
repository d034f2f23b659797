package tests

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"fsgateway/internal/sandbox"
)

// TestRetryAfter reads what the partner asks to wait, of an answer 429 or 503, in
// whatever way it is said, and believes an hour of it.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, c := range []struct {
		name   string
		header func() []string
		want   float64
	}{
		{"List", func() []string { return []string{"120, 60"} }, 120},
		{"ListUpwards", func() []string { return []string{"60,120"} }, 120},
		{"TwoHeaders", func() []string { return []string{"60", "120"} }, 120},
		{"Unit", func() []string { return []string{"120s"} }, 120},
		{"UnitApart", func() []string { return []string{"120 seconds"} }, 120},
		{"Minutes", func() []string { return []string{"2m"} }, 120},
		{"Milliseconds", func() []string { return []string{"1500ms"} }, 2},
		{"Decimals", func() []string { return []string{"1.5"} }, 2},
		{"Date", func() []string { return []string{in(90 * time.Second)} }, 90},
		{"DateAndSeconds", func() []string { return []string{in(90 * time.Second), "120"} }, 120},
		{"ISODate", func() []string { return []string{time.Now().Add(90 * time.Second).UTC().Format(time.RFC3339)} }, 90},
		{"OneUnreadable", func() []string { return []string{"soon, 60"} }, 60},
		{"Unreadable", func() []string { return []string{"soon"} }, 300},
		{"Hexadecimal", func() []string { return []string{"0x10"} }, 300},
		{"Since1970", func() []string { return []string{strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10)} }, 3600},
		{"FarDate", func() []string { return []string{in(100 * 365 * 24 * time.Hour)} }, 3600},
		{"Infinite", func() []string { return []string{"inf"} }, 300},
	} {
		for status, code := range map[int]string{http.StatusTooManyRequests: "RATE_LIMITED", http.StatusServiceUnavailable: "UPSTREAM_UNAVAILABLE"} {
			t.Run(c.name+"/"+code, func(t *testing.T) {
				t.Parallel()
				virtually(t, config(), sandbox.Options{}, func(v *virtual) {
					v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Status: status, Header: http.Header{"Retry-After": c.header()}})
					v.sandbox.AddFault(sandbox.Fault{Operation: "downloadResource", Status: status, Header: http.Header{"Retry-After": c.header()}})
					r := v.query(`{ patient(id: "p") { firstName } }`)
					r.fails(v, failed{"patient", code})
					if got := r.extension(v, "patient", "retryAfter"); got != c.want {
						v.Errorf("retryAfter is %v, want %v", got, c.want)
					}
					req := httptest.NewRequest(http.MethodGet, "/resources/r/download", nil)
					req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
					res := httptest.NewRecorder()
					v.handler.ServeHTTP(res, req)
					if res.Code < 400 || res.Header().Get("Retry-After") == "" {
						v.Errorf("the download answers %d, Retry-After %q", res.Code, res.Header().Get("Retry-After"))
					}
				})
			})
		}
	}
}
