package tests

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// fronted is a gateway with its own sandbox behind a proxy that ends TLS. strip is
// what the proxy takes off the paths.
func fronted(t *testing.T, path, strip string) *harness {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	back := &url.URL{Scheme: "http", Host: server.Listener.Addr().String()}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, strip)
		r.SetURL(back)
		r.Out.Host = r.In.Host
	}}
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Else net/http closes the request's body when the answer begins, while the proxy
		// may still be reading its end, and the proxy then drops the stream.
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		proxy.ServeHTTP(w, r)
	}))
	c := config()
	c.Addr = back.Host
	c.PublicURL = front.URL + path
	h := &harness{t: t, url: c.PublicURL, client: front.Client(), log: &logBuffer{}}
	g, err := gateway.New(c, zerolog.New(h.log))
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = g.Handler()
	server.Start()
	t.Cleanup(func() {
		front.CloseClientConnections()
		server.CloseClientConnections()
		front.Close()
		server.Close()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestPublicURL: everything works at the address that clients know: behind TLS, and
// under a path, whether the proxy takes it off or not.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, strip string }{
		"TLS":      {"", ""},
		"Stripped": {"/some/gateway", "/some/gateway"},
		"Kept":     {"/some/gateway", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := fronted(t, c.path, c.strip)
			b := h.signIn(sandbox.PractitionerID)
			if b.landed.String() != h.url+"/" {
				t.Errorf("the sign-in ends at %s", b.landed)
			}
			if v := b.query(who); at(t, v, "viewer.signedIn") != true {
				t.Errorf("%v", v)
			}
			h.follow(b)
			h.streams()
		})
	}
}

// follow follows the addresses that answers and documents hold.
func (h *harness) follow(b *browser) {
	h.t.Helper()
	data := b.query(`{ treatmentPlan(id: "` + sandbox.PlanWithLabs + `") { dynamicLink { redirectUrl } resources { downloadUrl } } }`)
	for _, path := range []string{"treatmentPlan.dynamicLink.redirectUrl", "treatmentPlan.resources.0.downloadUrl"} {
		address, _ := at(h.t, data, path).(string)
		if !strings.HasPrefix(address, h.url+"/") {
			h.t.Errorf("%s is %q", path, address)
			continue
		}
		if status, text, _ := b.send(http.MethodGet, address, "", http.Header{"Graphql-Require-Preflight": {"1"}}); status != http.StatusOK {
			h.t.Errorf("%s: %d %s", address, status, text)
		}
	}
	for path, says := range map[string]string{
		"": "<html", "/": "<html", "/llms.txt": h.url + "/graphql", "/integration-environments.json": h.url + "/graphql",
		"/schema.graphql": "type Query", "/_sandbox/calls": "getTreatmentPlan", "/oauth/session": `"signedIn":true`,
	} {
		if status, text, _ := b.send(http.MethodGet, h.url+path, "", nil); status != http.StatusOK || !strings.Contains(text, says) {
			h.t.Errorf("%s: %d %.100s", path, status, text)
		}
	}
	status, text, _ := b.send(http.MethodPost, h.url+"/oauth/logout", "", http.Header{"Origin": {strings.Join(strings.SplitN(h.url, "/", 4)[:3], "/")}})
	if status != http.StatusOK {
		h.t.Errorf("signing out: %d %s", status, text)
	}
}

// streams has the sandbox tell of an event, which arrives on each kind of stream.
func (h *harness) streams() {
	h.t.Helper()
	const watch = `subscription { patientUpdated { event { fullscriptId } } }`
	var open []*streamed
	for _, way := range []string{"sse", "multipart"} {
		open = append(open, h.stream(way, sandbox.TokenPractitioner, watch))
	}
	socket := h.socket(sandbox.TokenPractitioner)
	socket.subscribe("q", `{ __typename }`)
	socket.value("q")
	socket.hears("complete", "q")
	status, text, _ := h.browser().send(http.MethodPost, h.url+"/_sandbox/webhooks", `{"type":"patient.updated"}`, nil)
	if status != http.StatusCreated || !strings.Contains(text, `"delivered":true`) {
		h.t.Errorf("%d %s", status, text)
	}
	for _, s := range open {
		if got, _ := s.read(); got == nil || len(got.Errors) > 0 || got.Data["patientUpdated"] == nil {
			h.t.Errorf("%d %v: %+v", s.status, s.header, got)
		}
	}
}

// testSandboxAlone signs in through a gateway at a sandbox that runs alone, with an
// app of its own.
func testSandboxAlone(t *testing.T, binary string) {
	cmd := exec.CommandContext(t.Context(), binary, "sandbox", "--addr", "127.0.0.1:0", "--client-id", "my-app")
	cmd.Env = append(os.Environ(), "SANDBOX_CLIENT_SECRET=my-app-secret")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	printed := map[string]string{}
	for lines := bufio.NewScanner(out); len(printed) < 4 && lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		printed[name] = strings.TrimSpace(value)
	}
	api := printed["Sandbox of the partner API"]
	if printed["Client id"] != "my-app" || printed["Client secret"] != "my-app-secret" || api == "" {
		t.Fatalf("it prints %q", printed)
	}
	p := launch(t, binary, "--upstream", api, "--client-id", "my-app", "--client-secret", "my-app-secret")
	h := &harness{t: t, url: p.address}
	if v := h.signIn(sandbox.StaffID).query(who); at(t, v, "viewer.ownerType") != "STAFF" {
		t.Errorf("%v", v)
	}
}
