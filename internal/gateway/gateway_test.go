package gateway

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"fsgateway/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, redistest.Leftover()) }

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
		{"Limit", func(c *Config) { c.MaxDepth = -1 }, "--max-depth"},
		{"NoLimit", func(c *Config) { c.MaxDepth = 0 }, ""},
		{"Errors", func(c *Config) { c.MaxExecutionErrors = 0 }, "--max-execution-errors"},
		{"Introspection", func(c *Config) { c.Introspection = "yes" }, "--introspection"},
		{"Origin", func(c *Config) { c.CORSOrigins = []string{"http://localhost:5173", "https://app.example.com"} }, ""},
		{"AnyOrigin", func(c *Config) { c.CORSOrigins = []string{"*"} }, "--cors-origins"},
		{"OriginPattern", func(c *Config) { c.CORSOrigins = []string{"https://*.example.com"} }, "--cors-origins"},
		{"OriginWithPath", func(c *Config) { c.CORSOrigins = []string{"https://app.example.com/"} }, "--cors-origins"},
		{"OriginWithoutScheme", func(c *Config) { c.CORSOrigins = []string{"app.example.com"} }, "--cors-origins"},
		{"NullOrigin", func(c *Config) { c.CORSOrigins = []string{"null"} }, "--cors-origins"},
		{"CORSHeaders", func(c *Config) { c.CORSHeaders = []string{"X-Session-Id"} }, ""},
		{"AnyCORSHeader", func(c *Config) { c.CORSHeaders = []string{"*"} }, "--cors-headers"},
		{"NoCORSHeader", func(c *Config) { c.CORSHeaders = []string{"X-A\r\nX-B: 1"} }, "--cors-headers"},
		{"AdminHosts", func(c *Config) { c.AdminHosts = []string{"gateway:8081"} }, "--admin-hosts"},
		{"PprofNowhere", func(c *Config) { c.Pprof, c.AdminAddr = true, "" }, "--pprof"},
		{"DrainDelay", func(c *Config) { c.DrainDelay = c.DrainTimeout }, "--drain-delay"},
		{"NoDrainDelay", func(c *Config) { c.DrainDelay = 0 }, ""},
		{"IdleTimeout", func(c *Config) { c.IdleTimeout = 0 }, "--idle-timeout"},
		{"Headers", func(c *Config) { c.MaxHeaderBytes = -1 }, "--max-header-bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := DefaultConfig()
			c.change(&config)
			err := config.Validate()
			if c.setting == "" && err != nil || c.setting != "" && (err == nil || !strings.HasPrefix(err.Error(), c.setting+" (")) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	g, err := New(DefaultConfig(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	for path, status := range map[string]int{"/livez": http.StatusOK, "/readyz": http.StatusOK, "/metrics": http.StatusOK, "/debug/pprof/": http.StatusNotFound, "/graphql": http.StatusNotFound} {
		res := httptest.NewRecorder()
		g.Admin().ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil))
		if res.Code != status {
			t.Errorf("%s: %d", path, res.Code)
		}
	}
}

// TestEncryptionKeyIsReadAgain: what is sealed follows the file of the keys.
func TestEncryptionKeyIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	age := time.Hour
	write := func(keys ...string) {
		if err := os.WriteFile(path, []byte(strings.Join(keys, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		age -= time.Minute // file systems have coarse clocks
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	old, fresh := strings.Repeat("o", 32), strings.Repeat("f", 32)
	write(old)
	c := DefaultConfig()
	c.EncryptionKey = []string{old}
	g, err := New(c, zerolog.Nop(), WithSecretFiles(map[string]string{"GATEWAY_ENCRYPTION_KEY": path}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	seal := func() string {
		t.Helper()
		sealed, err := g.keys.Seal("test", []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	opens := func(sealed string) bool {
		_, err := g.keys.Open("test", sealed)
		return err == nil
	}
	before := seal()
	write(fresh, old)
	after := seal()
	if !opens(before) || !opens(after) {
		t.Error("with both keys not everything opens")
	}
	write(fresh)
	if opens(before) || !opens(after) {
		t.Error("the key that was taken out still counts")
	}
	write("too short")
	if !opens(after) {
		t.Error("a file that cannot be used took the key away")
	}
}
