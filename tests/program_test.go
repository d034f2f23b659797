package tests

import (
	"debug/elf"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// testStatic: the program asks for no loader and no library, so it runs in an empty
// container.
func testStatic(t *testing.T, binary string) {
	if runtime.GOOS != "linux" {
		t.Skip("there are no such binaries elsewhere")
	}
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a segment %s", p.Type)
		}
	}
}

// testBuild: command, log and metrics say which program it is.
func testBuild(t *testing.T, binary string) {
	out, err := exec.CommandContext(t.Context(), binary, "version").Output()
	if want := "v1.2.3 (commit 0123abc, date 2026-03-04T05:06:07Z, " + runtime.Version() + ")\n"; err != nil || string(out) != want {
		t.Errorf("version: %v %q, want %q", err, out, want)
	}
	p := launch(t, binary, "--drain-delay", "0s")
	const labels = `fsgateway_build_info{commit="0123abc",date="2026-03-04T05:06:07Z",goversion="`
	if _, text, err := p.get("/metrics"); err != nil || !strings.Contains(text, labels) || !strings.Contains(text, `",version="v1.2.3"} 1`) {
		t.Errorf("the metrics have no build_info: %v", err)
	}
	p.signal(os.Interrupt)
	p.ends(0)
	if want := `"version":"v1.2.3","commit":"0123abc","date":"2026-03-04T05:06:07Z",`; !strings.Contains(p.out.String(), want) {
		t.Errorf("the log says\n%s", p.out.String())
	}
}

// testSignals: the log says why and when the program ends.
func testSignals(t *testing.T, binary string) {
	for signal, says := range map[os.Signal]string{
		syscall.SIGTERM: `"reason":"terminated signal received"`,
		syscall.SIGINT:  `"reason":"interrupt signal received"`,
	} {
		p := launch(t, binary, "--drain-delay", "0s")
		p.signal(signal)
		p.ends(0)
		begun, ended := strings.Index(p.out.String(), says), strings.Index(p.out.String(), `"message":"stopped"`)
		if begun < 0 || ended < begun || !strings.Contains(p.out.String(), `"message":"stopping"`) {
			t.Errorf("%s: the log says\n%s", signal, p.out.String())
		}
	}
}

// testMemory: the first line says how garbage is collected, and Go's own variables decide.
func testMemory(t *testing.T, binary string) {
	for _, c := range []struct {
		environment []string
		says        string
	}{
		{[]string{"GOGC=", "GOMEMLIMIT=256MiB"}, `"gcPercent":200,"memoryLimitMB":256`},
		{[]string{"GOGC=77", "GOMEMLIMIT=1GiB"}, `"gcPercent":77,"memoryLimitMB":1024`},
	} {
		p := launchIn(t, binary, c.environment, "--drain-delay", "0s")
		p.signal(os.Interrupt)
		p.ends(0)
		if !strings.Contains(p.out.String(), c.says) {
			t.Errorf("%v: the log says\n%s", c.environment, p.out.String())
		}
	}
}

// testLogLevels: each level says more than the one before, and none what a caller or
// the partner sent.
func testLogLevels(t *testing.T, binary string) {
	partner, authority := secureSandbox(t)
	for level, says := range map[string]map[string]bool{
		"info":  {`"message":"request"`: true, `"message":"upstream call"`: false, `"message":"upstream connection"`: false},
		"debug": {`"message":"request"`: true, `"message":"upstream call"`: true, `"message":"upstream connection"`: false},
		"trace": {
			`"message":"request"`: true, `"message":"upstream call"`: true, `"message":"upstream connection"`: true,
			`"call":"GET /clinic"`: true, `"reused":false`: true, `"reused":true`: true, `"tlsMs":`: true, `"protocol":"HTTP/2"`: true,
		},
	} {
		p := launchIn(t, binary, []string{"SSL_CERT_FILE=" + authority}, "--upstream", "https://"+partner+"/api", "--log-level", level, "--drain-delay", "0s")
		for range 2 {
			const query = `{"query":"query($id: ID!) { clinic { name } patient(id: $id) { lastName } }","variables":{"id":"canary-id"}}`
			if status, text, err := exchange(http.DefaultClient, t, http.MethodPost, p.address+"/graphql", query); status != http.StatusOK {
				t.Errorf("%d %s %v", status, text, err)
			}
		}
		p.signal(syscall.SIGTERM)
		p.ends(0)
		for text, want := range says {
			if strings.Contains(p.out.String(), text) != want {
				t.Errorf("%s: has %s: %t, want %t:\n%s", level, text, !want, want, p.out.String())
			}
		}
		_, requests, _ := strings.Cut(p.out.String(), `"message":"serving"`)
		silent(t, "the log", requests, "canary", "sandbox-practitioner", partner)
	}
}
