package fsclient_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestResourcesDownload(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	plan, err := c.TreatmentPlans.Get(t.Context(), sandbox.PlanWithLabs)
	if err != nil {
		t.Fatal(err)
	}
	r := plan.Resources[0]
	res, err := c.Resources.Download(t.Context(), r.FullscriptID(), r.DownloadKind())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.Header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix(body, []byte("%PDF")) {
		t.Errorf("%s, %d bytes, %v", res.Header.Get("Content-Type"), len(body), err)
	}
	refused(c.Resources.Download(t.Context(), sandbox.OtherClinicResource, ""))(t, fsclient.KindNotFound)
}

func TestResourcesDownloadRequest(t *testing.T) {
	t.Parallel()
	c, sent := scripted(t, "the file")
	must(c.Resources.Download(t.Context(), "a-b", "kind&more"))(t).Body.Close()
	same(t, "request", sent.request, "GET /clinic/resources/a-b/download?type=kind%26more")
}

// A client that read the body before handing it on would wait forever here.
func TestResourcesDownloadStreams(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-seen
		_, _ = io.WriteString(w, " second")
	}))
	defer server.Close()
	c, err := fsclient.New(server.URL, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Resources.Download(t.Context(), "r", "")
	close(seen)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); string(body) != "first second" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestResourcesDownloadRefused(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]fsclient.Kind{
		401: fsclient.KindUnauthorized, 403: fsclient.KindForbidden, 404: fsclient.KindNotFound, 429: fsclient.KindRateLimited,
		500: fsclient.KindUpstream, 302: fsclient.KindUpstream, // a redirect would take the token along
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Accept") != "*/*" {
					status = http.StatusNotAcceptable
				}
				w.Header().Set("Location", "https://elsewhere.example/")
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{"error":"no"}`)
			}))
			defer server.Close()
			c, err := fsclient.New(server.URL, server.Client())
			if err != nil {
				t.Fatal(err)
			}
			e := refused(c.Resources.Download(t.Context(), "r", ""))(t, kind)
			same(t, "Status", e.Status, status)
		})
	}
	t.Run("NoID", func(t *testing.T) {
		t.Parallel()
		c, sent := scripted(t, "")
		refused(c.Resources.Download(t.Context(), "..", ""))(t, fsclient.KindUpstream)
		same(t, "request", sent.request, "")
	})
}

func TestResourceDownloadKind(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://x.example/api/clinic/resources/1/download?type=practitioner_resource": "practitioner_resource",
		"https://x.example/file": "", "%": "", "": "",
	} {
		if got := (&fsclient.Resource{AttachmentURL: &address}).DownloadKind(); got != want {
			t.Errorf("%q of %s", got, address)
		}
	}
	if got := new(fsclient.Resource).DownloadKind(); got != "" {
		t.Errorf("%q of none", got)
	}
}
