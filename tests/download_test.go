package tests

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/sandbox"
)

// TestDownload follows Resource.downloadUrl.
func TestDownload(t *testing.T) {
	t.Parallel()
	h := start(t)
	data := h.query(`{ treatmentPlan(id: "` + sandbox.PlanWithLabs + `") { resources { id fullscriptId downloadUrl } } }`)
	address := fmt.Sprint(at(t, data, "treatmentPlan.resources.0.downloadUrl"))
	path, ours := strings.CutPrefix(address, h.url)
	if !ours {
		t.Fatalf("downloadUrl %s is not the gateway's", address)
	}
	fetch := func(t *testing.T, token, path string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	t.Run("OK", func(t *testing.T) {
		res, body := fetch(t, sandbox.TokenPractitioner, path)
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(body, "%PDF") || res.Header.Get("Content-Type") != "application/pdf" {
			t.Errorf("%d %s %.40q", res.StatusCode, res.Header.Get("Content-Type"), body)
		}
		if !strings.Contains(res.Header.Get("Content-Disposition"), "filename") {
			t.Error("the file has no name")
		}
		for name, want := range map[string]string{"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
	for _, c := range []struct {
		name, token, path string
		status            int
		code              string
	}{
		{"NoToken", "", path, http.StatusUnauthorized, "UNAUTHENTICATED"},
		{"ExpiredToken", sandbox.TokenExpired, path, http.StatusUnauthorized, "UNAUTHENTICATED"},
		{"OtherClinic", sandbox.TokenOtherClinic, path, http.StatusNotFound, "NOT_FOUND"},
		{"UnknownID", sandbox.TokenPractitioner, "/resources/nothing/download", http.StatusNotFound, "NOT_FOUND"},
		{"IDOfAnotherType", sandbox.TokenPractitioner, "/resources/Patient:x/download", http.StatusBadRequest, "BAD_USER_INPUT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, body := fetch(t, c.token, c.path)
			if res.StatusCode != c.status || !strings.Contains(body, `"`+c.code+`"`) || !strings.Contains(body, `"requestId"`) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if (res.StatusCode == http.StatusUnauthorized) != (res.Header.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("WWW-Authenticate: %s", res.Header.Get("WWW-Authenticate"))
			}
		})
	}
	t.Run("GlobalID", func(t *testing.T) {
		if res, _ := fetch(t, sandbox.TokenPractitioner, "/resources/Resource:"+sandbox.ResourceID+"/download"); res.StatusCode != http.StatusOK {
			t.Errorf("status %d", res.StatusCode)
		}
	})
	// A file that breaks off must not look whole.
	t.Run("BreaksOff", func(t *testing.T) {
		h.sandbox.AddFault(sandbox.Fault{Operation: "downloadResource", Truncate: true})
		defer h.sandbox.ClearFaults()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, nil)
		req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_, err = io.ReadAll(res.Body)
			_ = res.Body.Close()
		}
		if err == nil {
			t.Error("half a file was read without an error")
		}
	})
}

// TestDownloadsOfStrangers: made-up tokens keep nobody from a file, and few of them wait.
func TestDownloadsOfStrangers(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxWaiting = 50
	virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
		download := func(token string) int {
			req := httptest.NewRequestWithContext(v.Context(), http.MethodGet, "/resources/"+sandbox.ResourceID+"/download", nil)
			req.Header.Set("Authorization", "Bearer "+token)
			res := httptest.NewRecorder()
			v.handler.ServeHTTP(res, req)
			return res.Code
		}
		v.query(`{ clinic { name } }`).fails(v)
		var wg sync.WaitGroup
		var busy atomic.Int64
		for i := range 1000 {
			wg.Go(func() {
				if download(fmt.Sprint("made-up-", i)) == http.StatusTooManyRequests {
					busy.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := busy.Load(); n < 900 {
			v.Errorf("%d of 1000 are refused at once", n)
		}
		begin := time.Now()
		if status := download(sandbox.TokenPractitioner); status != http.StatusOK || time.Since(begin) > 50*time.Millisecond {
			v.Errorf("%d after %s", status, time.Since(begin))
		}
		wg.Wait()
	})
}

// TestDownloaderIsKnown: who only downloads is no stranger once the partner has given them a file,
// and still one after a page, which anything on the way may answer with.
func TestDownloaderIsKnown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault sandbox.Fault
		known bool
	}{
		{"File", sandbox.Fault{}, true},
		{"Page", sandbox.Fault{Status: http.StatusOK, Body: "<p>Sign in", Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}}, false},
		{"Refused", sandbox.Fault{Status: http.StatusForbidden, Body: "{}", Header: http.Header{"Content-Type": {asJSON}}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			virtually(t, config(), sandbox.Options{RateLimit: -1}, func(v *virtual) {
				download := func() (status int, took time.Duration) {
					begin := time.Now()
					req := httptest.NewRequestWithContext(v.Context(), http.MethodGet, "/resources/"+sandbox.ResourceID+"/download", nil)
					req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
					res := httptest.NewRecorder()
					v.handler.ServeHTTP(res, req)
					return res.Code, time.Since(begin)
				}
				c.fault.Operation, c.fault.Times = "downloadResource", 1
				if c.name != "File" {
					v.sandbox.AddFault(c.fault)
				}
				download()
				v.sandbox.AddFault(sandbox.Fault{Operation: "downloadResource", Latency: 4 * time.Second})
				var late atomic.Int64
				var wg sync.WaitGroup
				for range 6 {
					wg.Go(func() {
						if status, took := download(); status != http.StatusOK || took > 4*time.Second {
							late.Add(1)
						}
					})
				}
				wg.Wait()
				if n := late.Load(); (n == 0) != c.known {
					v.Errorf("%d of 6 downloads had to wait", n)
				}
			})
		})
	}
}
