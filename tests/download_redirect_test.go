package tests

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestDownloadRedirects: the partner's storage is elsewhere. The file is fetched
// there, without what belongs to the partner.
func TestDownloadRedirects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// way is where the partner redirects to, where {storage} and {partner} are
		// addresses, and what these answer in turn.
		way    string
		status int
		asked  int32 // calls to the storage
	}{
		{"Once", "{storage}/file?sig=1", 200, 1},
		{"WithinThePartner", "/api/elsewhere/file", 200, 0},
		{"Thrice", "{storage}/hop/hop/file", 200, 3},
		{"FourTimes", "{storage}/hop/hop/hop/file", 502, 3},
		{"ForEver", "{storage}/loop", 502, 3},
		{"BackToThePartner", "{storage}/back", 502, 1}, // where there is no token any more
		{"Refused", "{storage}/403", 502, 1},
		{"NoToken", "{storage}/401", 502, 1},
		{"Gone", "{storage}/404", 502, 1},
		{"NoLocation", "", 502, 0},
		{"OtherScheme", "file:///etc/passwd", 502, 0},
		{"Password", "http://user:pass@{storage-host}/file", 502, 0},
		{"LinkLocal", "http://169.254.169.254/latest/meta-data", 502, 0},
	} {
		for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			if c.name != "Once" && status != http.StatusFound {
				continue
			}
			t.Run(c.name+"/"+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int32
				var h *harness
				var partner string
				storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					if r.Method != http.MethodGet || r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || r.Header.Get("Referer") != "" {
						t.Errorf("the storage got %s %v", r.Method, r.Header)
					}
					switch {
					case strings.HasPrefix(r.URL.Path, "/hop/"):
						http.Redirect(w, r, strings.TrimPrefix(r.URL.Path, "/hop"), http.StatusFound)
					case r.URL.Path == "/loop":
						http.Redirect(w, r, "/loop", http.StatusFound)
					case r.URL.Path == "/back":
						http.Redirect(w, r, partner+"/api/elsewhere/file", http.StatusFound)
					case r.URL.Path == "/file":
						w.Header().Set("Content-Type", "application/pdf")
						_, _ = io.WriteString(w, "the file")
					default:
						w.Header().Set("Content-Type", "application/json")
						w.WriteHeader(map[string]int{"/401": 401, "/403": 403, "/404": 404}[r.URL.Path])
						_, _ = io.WriteString(w, `{"error":"CANARY"}`)
					}
				}))
				t.Cleanup(storage.Close)
				to := strings.NewReplacer("{storage}", storage.URL, "{storage-host}", strings.TrimPrefix(storage.URL, "http://")).Replace(c.way)
				h = startRemote(t, config(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					partner = "http://" + r.Host
					switch {
					case r.Header.Get("Authorization") != "Bearer "+sandbox.TokenPractitioner:
						w.WriteHeader(http.StatusUnauthorized)
					case r.URL.Path == "/api/elsewhere/file":
						_, _ = io.WriteString(w, "the file")
					default:
						if to != "" {
							w.Header().Set("Location", to)
						}
						w.WriteHeader(status)
					}
				}))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/resources/r1/download", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				body, _ := io.ReadAll(res.Body)
				if res.StatusCode != c.status || (string(body) == "the file") != (c.status == 200) || strings.Contains(string(body), "CANARY") || asked.Load() != c.asked {
					t.Errorf("%d %s, %d calls to the storage", res.StatusCode, body, asked.Load())
				}
				if log := h.log.String(); c.status == http.StatusBadGateway && !strings.Contains(log, `"upstreamFailures":["`) {
					t.Errorf("the log does not say why: %s", log)
				}
			})
		}
	}
}

// elsewhere is a partner whose files are in a storage, and who says nothing of the caller but that
// they may not know their clinic. calls are those for that.
func elsewhere(t *testing.T, storage http.HandlerFunc) (partner http.Handler, calls *atomic.Int32) {
	t.Helper()
	calls = new(atomic.Int32)
	files := httptest.NewServer(storage)
	t.Cleanup(files.Close)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/clinic" {
			calls.Add(1)
			w.Header().Set("Content-Type", asJSON)
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":"forbidden"}`)
			return
		}
		http.Redirect(w, r, files.URL, http.StatusFound)
	}), calls
}

// TestFileBreaksOff: the line and the span of a download that breaks off say so, wherever the file
// is from. Its status left before.
func TestFileBreaksOff(t *testing.T) {
	t.Parallel()
	spans := newCollector(t)
	c := config()
	c.OTLPEndpoint = spans.url
	partner, _ := elsewhere(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "half")
	})
	h := startRemote(t, c, partner)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/resources/r1/download", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", bearer)
	if res, err := http.DefaultClient.Do(req); err == nil {
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Error("half a file was read without an error")
		}
		_ = res.Body.Close()
	}
	h.close()
	if log := h.log.String(); !strings.Contains(log, `"codes":["UPSTREAM_ERROR"],"upstreamFailures":["reset"],`) {
		t.Error(log)
	}
	if got := spans.of("GET /resources/{id}/download"); got[""] != "ERROR" || !strings.Contains(got["fsgateway.codes"], "UPSTREAM_ERROR") {
		t.Errorf("%q", got)
	}
}

// TestProofs: a caller is known who was forbidden to know their clinic, and who was given a file
// from elsewhere. Both may read the schema without being asked for again.
func TestProofs(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(*harness){
		"Forbidden": func(h *harness) { h.as(sandbox.TokenPractitioner, `{ __schema { queryType { name } } }`) },
		"File":      func(h *harness) { h.send(http.MethodGet, "/resources/r1/download", "", "Authorization", bearer) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			partner, calls := elsewhere(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the file") })
			h := startRemote(t, config(), partner)
			first(h)
			calls.Store(0)
			if a := h.as(sandbox.TokenPractitioner, `{ __schema { queryType { name } } }`); len(a.Errors) > 0 || calls.Load() != 0 {
				t.Errorf("%d calls, %+v", calls.Load(), a)
			}
		})
	}
}
