package tests

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"fsgateway/internal/obs"
	"fsgateway/internal/sandbox"
)

// TestFailureIsNamed: log, metrics and health say in which way the partner cannot be
// reached, and the client hears nothing but that.
func TestFailureIsNamed(t *testing.T) {
	t.Parallel()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = obs.NewErrorLog(func(string) {})
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = obs.NewErrorLog(func(string) {})
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11} //nolint:gosec // it is to be refused
	old.StartTLS()
	t.Cleanup(old.Close)
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(down.Close)
	for kind, upstream := range map[string]string{
		"refused":       "http://127.0.0.1:1", // a port that was just closed may be another test's by now
		"tls_authority": untrusted.URL, "tls": old.URL, "503": down.URL,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := config()
			c.Upstream = upstream + "/api"
			w := watch(t, c)
			for range 20 { // until the partner is known to be down
				a := w.as(sandbox.TokenPractitioner, `{ clinic { name } }`)
				if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" || strings.Contains(a.Errors[0].Message, "127.0.0.1") {
					t.Fatalf("%+v", a)
				}
			}
			if status, text := w.get("/readyz"); status != http.StatusServiceUnavailable || text != "upstream down: "+kind+"\n" {
				t.Errorf("/readyz: %d %q", status, text)
			}
			if log := w.log.String(); !strings.Contains(log, `"upstreamFailures":["`+kind+`"]`) {
				t.Errorf("the log says %s", log)
			}
			if got, _ := w.metrics(); got[`fsgateway_upstream_calls_total{route="GET /clinic",status="`+kind+`"}`] != "20" {
				t.Errorf("%v", got)
			}
			silent(t, "the log", w.log.String(), strings.TrimPrefix(strings.TrimPrefix(upstream, "http://"), "https://"))
		})
	}
}
