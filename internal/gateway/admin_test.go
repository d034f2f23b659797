package gateway

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rs/zerolog"
)

// TestAdminHosts: no page reaches the admin address by a name of its own.
func TestAdminHosts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		addr  string
		hosts []string
		may   map[string]bool
	}{
		"Loopback": {"127.0.0.1:8081", nil, map[string]bool{
			"127.0.0.1:8081": true, "localhost:8081": true, "LOCALHOST": true, "[::1]:8081": true, "[::1]": true, "127.0.0.1": true,
			"rebound.example:8081": false, "rebound.example": false, "127.0.0.1.example": false, "": false, "10.0.0.7:8081": false, "gateway": false,
		}},
		"LoopbackNamed": {"[::1]:8081", []string{"Metrics.internal"}, map[string]bool{"metrics.INTERNAL:8081": true, "localhost": true, "rebound.example": false}},
		"Name":          {"localhost:8081", nil, map[string]bool{"localhost:8081": true, "rebound.example:8081": false}},
		"Everywhere":    {"0.0.0.0:8081", nil, map[string]bool{"gateway:8081": true, "10.0.0.7:8081": true, "localhost": true, "any.example": true}},
		"Named": {":8081", []string{"gateway", " gateway.monitoring.svc"}, map[string]bool{
			"gateway:8081": true, "gateway.monitoring.svc": true, "10.0.0.7:8081": true, "[fd00::7]:8081": true, "localhost:8081": true,
			"rebound.example:8081": false, "gateway.example": false, "": false,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := DefaultConfig()
			config.AdminAddr, config.AdminHosts, config.Pprof = c.addr, c.hosts, true
			g, err := New(config, zerolog.Nop())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = g.Close() }()
			for host, may := range c.may {
				want := http.StatusOK
				if !may {
					want = http.StatusForbidden
				}
				for _, path := range []string{"/livez", "/readyz", "/metrics", "/debug/pprof/"} {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
					r.Host = host
					w := httptest.NewRecorder()
					if g.Admin().ServeHTTP(w, r); w.Code != want {
						t.Errorf("%q, %s: %d, want %d", host, path, w.Code, want)
					}
				}
			}
		})
	}
}
