package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func valid() Config {
	return Config{
		Addr: "127.0.0.1:8080", Upstream: Embedded, OperationTimeout: time.Second, CallTimeout: time.Second,
		DialTimeout: time.Second, MaxConcurrency: 1, MaxBody: 1,
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		change  func(*Config)
		setting string // named by the refusal, "" for none
	}{
		{"OK", func(*Config) {}, ""},
		{"AnyURL", func(c *Config) { c.Upstream = "http://127.0.0.1:7070/api" }, ""},
		{"Addr", func(c *Config) { c.Addr = "8080" }, "--addr"},
		{"AdminAddr", func(c *Config) { c.AdminAddr = "8081" }, "--admin-addr"},
		{"Upstream", func(c *Config) { c.Upstream = "uk" }, "--upstream"},
		{"PublicURL", func(c *Config) { c.PublicURL = "graphql.example.com" }, "--public-url"},
		{"Timeout", func(c *Config) { c.CallTimeout = 0 }, "--call-timeout"},
		{"Concurrency", func(c *Config) { c.MaxConcurrency = 0 }, "--max-concurrency"},
		{"Body", func(c *Config) { c.MaxBody = 0 }, "--max-body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := valid()
			c.change(&config)
			err := config.Validate()
			if c.setting == "" && err != nil || c.setting != "" && (err == nil || !strings.HasPrefix(err.Error(), c.setting+":")) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	g, err := New(valid(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	for path, status := range map[string]int{"/livez": http.StatusOK, "/readyz": http.StatusOK, "/graphql": http.StatusNotFound} {
		res := httptest.NewRecorder()
		g.Admin().ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if res.Code != status {
			t.Errorf("%s: %d", path, res.Code)
		}
	}
}
