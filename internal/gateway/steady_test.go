package gateway

import (
	"net/http"
	"testing"

	"fsgateway/internal/transport"
)

// TestBreakerOfNotModified: that an answer is still the same is one, too.
func TestBreakerOfNotModified(t *testing.T) {
	t.Parallel()
	for _, most := range []int{http.StatusOK, http.StatusNotModified} {
		g := &Gateway{breaker: newBreaker()}
		n := 0
		h := g.breaking(transport.Func(func(*http.Request) (*http.Response, error) {
			status := most
			if n++; n%20 == 0 {
				status = http.StatusServiceUnavailable
			}
			return &http.Response{StatusCode: status, Body: http.NoBody}, nil
		}))
		for range 400 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://partner.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := h.RoundTrip(req)
			if err != nil {
				t.Fatalf("%d: a twentieth of the calls failed, and there are no more: %v", most, err)
			}
			res.Body.Close()
		}
	}
}
