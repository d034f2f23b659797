package tests

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fsgateway/internal/obs"
	"fsgateway/internal/sandbox"
)

// TestFaults: whatever goes wrong at the partner is named, to clients by a code and in the log by
// what it was, says nothing of what was sent, and is over when it is over.
func TestFaults(t *testing.T) {
	t.Parallel()
	const good = `{"clinic":{"id":"c1","name":"Juniper"}}`
	answer := func(status int, media, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			for i := 0; i+1 < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	}
	truncated := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, good[:10])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, c := range []struct {
		name   string
		fault  http.HandlerFunc
		times  int // how often it strikes
		code   string
		calls  int
		status int
		kind   string // in the log
	}{
		{"Latency", func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-r.Context().Done():
			}
			answer(200, asJSON, good)(w, r)
		}, 1, "", 1, 200, ""},
		{"NoAnswer", hang, 1, "UPSTREAM_TIMEOUT", 1, 200, "timeout"},
		{"StalledBody", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, good[:10])
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		}, 1, "UPSTREAM_TIMEOUT", 1, 200, "timeout"},
		{"ResetOnce", reset, 1, "", 2, 200, "reset"},
		{"ResetAlways", reset, 3, "UPSTREAM_UNAVAILABLE", 3, 200, "reset"},
		{"Burst", answer(503, asJSON, `{}`), 2, "", 3, 200, "503"},
		{"LongBurst", answer(502, "text/html", "<html>"+canary), 3, "UPSTREAM_UNAVAILABLE", 3, 200, "502"},
		{"ServerError", answer(500, asJSON, `{"error":"`+canary+`"}`), 1, "UPSTREAM_ERROR", 1, 200, "500"},
		{"TruncatedOnce", truncated, 1, "", 2, 200, "reset"},
		{"TruncatedTwice", truncated, 2, "UPSTREAM_ERROR", 2, 200, "reset"},
		{"HalfJSON", answer(200, asJSON, good[:20]), 1, "UPSTREAM_ERROR", 1, 200, "unreadable"},
		{"HTML", answer(200, "text/html", "<html><body>"+canary), 1, "UPSTREAM_ERROR", 1, 200, "unreadable"},
		{"Huge", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", asJSON)
			block := strings.Repeat("x", 1<<20)
			_, _ = io.WriteString(w, `{"clinic":{"id":"c1","name":"`)
			for range 100 {
				if _, err := io.WriteString(w, block); err != nil {
					return
				}
			}
		}, 1, "UPSTREAM_ERROR", 1, 200, "too_large"},
		{"Redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+canary+".example/clinic", http.StatusFound)
		}, 1, "UPSTREAM_ERROR", 1, 200, "302"},
		{"RetryAfterSeconds", answer(503, asJSON, `{}`, "Retry-After", "0"), 1, "", 2, 200, "503"},
		{"RetryAfterDate", answer(503, asJSON, `{}`, "Retry-After", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat)), 1, "", 2, 200, "503"},
		{"RetryAfterFar", answer(503, asJSON, `{}`, "Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)), 1, "UPSTREAM_UNAVAILABLE", 1, 200, "503"},
		{"RateLimit", answer(429, asJSON, `{}`, "Retry-After", "7"), 1, "RATE_LIMITED", 1, 429, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			config := config()
			config.CallTimeout = 300 * time.Millisecond
			if c.code != "UPSTREAM_TIMEOUT" { // nothing here depends on how fast the machine is
				config.CallTimeout = time.Minute
			}
			config.OperationTimeout = 2 * time.Minute
			h := startRemote(t, config, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) <= int64(c.times) {
					c.fault(w, r)
					return
				}
				answer(200, asJSON, good)(w, r)
			}))
			a := h.as("token", `{ clinic { name } }`)
			switch {
			case c.code == "" && (a.Errors != nil || at(t, a.Data, "clinic.name") != "Juniper"):
				t.Errorf("%v %v", a.Data, a.Errors)
			case c.code != "" && (len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != c.code):
				t.Errorf("%v, want %s", a.Errors, c.code)
			}
			if n := calls.Load(); n != int64(c.calls) {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
			silent(t, "the answer", fmt.Sprint(a), canary)
			log := h.log.String()
			if named := strings.Contains(log, `"upstreamFailures":["`+c.kind+`"]`); named != (c.kind != "") {
				t.Errorf("not named %q: %s", c.kind, log)
			}
			silent(t, "the log", log, canary)
			if c.name == "RateLimit" {
				return // the partner wants no calls for a while
			}
			if a := h.as("token", `{ clinic { name } }`); a.Errors != nil {
				t.Errorf("it is not over: %v", a.Errors)
			}
		})
	}
}

// TestOutOfReach: a partner that cannot be reached is named as such, and as what keeps it
// from that.
func TestOutOfReach(t *testing.T) {
	t.Parallel()
	expired := httptest.NewUnstartedServer(http.NotFoundHandler())
	expired.TLS = &tls.Config{Certificates: []tls.Certificate{expiredCertificate(t)}}
	expired.Config.ErrorLog = obs.NewErrorLog(func(string) {})
	expired.StartTLS()
	t.Cleanup(expired.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, c := range map[string]struct{ upstream, kind string }{
		"NoSuchHost": {"https://no-such-host.invalid/api", "dns"},
		"Expired":    {expired.URL + "/api", "tls_expired"},
		"Closed":     {closed.URL + "/api", "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := config()
			config.Upstream = c.upstream
			h := &harness{t: t, log: &logBuffer{}, sandbox: sandbox.New(sandbox.Options{})}
			h.serve(config)
			a := h.as("token", `{ clinic { name } }`)
			if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" {
				t.Errorf("%v", a.Errors)
			}
			if log := h.log.String(); !strings.Contains(log, `"upstreamFailures":["`+c.kind) {
				t.Error(log)
			}
		})
	}
}

// expiredCertificate is one of this machine that was good until an hour ago.
func expiredCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour),
	}
	raw, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}
