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
			})
		}
	}
}
