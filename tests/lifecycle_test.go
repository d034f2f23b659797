package tests

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fsgateway/internal/sandbox"
)

// program is the gateway as a process of its own.
type program struct {
	t              *testing.T
	binary         string
	cmd            *exec.Cmd
	address, admin string
	out            strings.Builder // complete when the process is over
	read           chan struct{}
}

// TestProgram builds the program once and runs it as an operator would.
func TestProgram(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "fsgateway")
	build := exec.CommandContext(t.Context(), "../.ci/build", binary)
	build.Env = append(os.Environ(), "VERSION=v1.2.3", "COMMIT=0123abc", "DATE=2026-03-04T05:06:07Z")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, test := range map[string]func(*testing.T, string){
		"Drain": testDrain, "DrainTimeout": testDrainTimeout, "BadSettings": testBadSettings,
		"RefreshOnce": testRefreshOnce, "Killed": testKilled, "EventsOutlive": testEventsOutlive,
		"SilentConnection": testSilentConnection, "UnsolicitedBytes": testUnsolicitedBytes, "Proxy": testProxy,
		"SandboxAlone": testSandboxAlone, "Static": testStatic, "Build": testBuild, "Signals": testSignals, "LogLevels": testLogLevels, "Memory": testMemory,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, binary)
		})
	}
}

func launch(t *testing.T, binary string, args ...string) *program {
	t.Helper()
	return launchIn(t, binary, nil, args...)
}

// launchIn launches it with more in its environment.
func launchIn(t *testing.T, binary string, environment []string, args ...string) *program {
	t.Helper()
	p := &program{t: t, binary: binary, read: make(chan struct{})}
	p.cmd = exec.CommandContext(t.Context(), binary, append([]string{"--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--log-format", "json"}, args...)...)
	p.cmd.Env = append(os.Environ(), environment...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // again, for most
	})
	lines := bufio.NewReader(out)
	addresses := regexp.MustCompile(`(?s)GraphQL: +(http://[^/]+)/.*Health: +(http://[^/]+)/|"address":"(http://[^/]+)/.*"admin":"(http://[^"]+)"`)
	for p.address == "" {
		line, err := lines.ReadString('\n')
		p.out.WriteString(line)
		if m := addresses.FindStringSubmatch(p.out.String()); m != nil {
			p.address, p.admin = m[1]+m[3], m[2]+m[4]
		} else if err != nil {
			t.Fatalf("it did not start:\n%s", p.out.String())
		}
	}
	go func() {
		_, _ = io.Copy(&p.out, lines)
		close(p.read)
	}()
	return p
}

func (p *program) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the process and checks how it ended.
func (p *program) ends(code int) {
	p.t.Helper()
	<-p.read
	if err := p.cmd.Wait(); p.cmd.ProcessState.ExitCode() != code {
		p.t.Errorf("%v, want exit code %d:\n%s", err, code, p.out.String())
	}
}

// health is the exit code of the health command.
func (p *program) health() int {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), p.binary, "health", "--admin-addr", strings.TrimPrefix(p.admin, "http://"))
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// get asks the admin address, on a connection of its own.
func (p *program) get(path string) (status int, body string, err error) {
	return exchange(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, p.t, http.MethodGet, p.admin+path, "")
}

func exchange(c *http.Client, t *testing.T, method, url, body string) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
	res, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	if res.Close {
		text = "closing "
	}
	return res.StatusCode, text + string(read), err
}

// testDrain ends the program under load. Clients go on for as long as /readyz
// lets them, and then for some more: a balancer takes its time. None of it
// depends on how fast anything is, since the delay ends when the test says so.
func testDrain(t *testing.T, binary string) {
	p := launch(t, binary, "--drain-delay", "5m", "--drain-timeout", "10m")
	if code := p.health(); code != 0 {
		t.Errorf("health exits with %d while it serves", code)
	}
	var done atomic.Int64
	var unready, stop atomic.Bool
	var wg sync.WaitGroup
	due := time.NewTicker(time.Second / 200) // for all of them together
	defer due.Stop()
	for i := range 8 {
		wg.Go(func() { // half of them open a connection for each request
			transport := &http.Transport{DisableKeepAlives: i%2 == 0}
			defer transport.CloseIdleConnections()
			for !stop.Load() {
				<-due.C
				draining := unready.Load()
				status, text, err := exchange(&http.Client{Transport: transport}, t, http.MethodPost, p.address+"/graphql", `{"query":"{ clinic { fullscriptId } }"}`)
				if err != nil || status != http.StatusOK || !strings.Contains(text, `{"data":{"clinic":{"fullscriptId":"`+sandbox.ClinicID) {
					t.Errorf("a request failed, draining %t: %d %s %v", draining, status, text, err)
					return
				}
				if draining && !strings.HasPrefix(text, "closing ") {
					t.Errorf("an answer keeps its connection open while draining")
					return
				}
				done.Add(1)
			}
		})
	}
	// If all clients give up there is nothing to wait for.
	more := func(n int64) {
		eventually(t, func() bool { return t.Failed() || done.Load() >= n }, "requests do not go on")
	}
	more(300)
	p.signal(syscall.SIGTERM)
	eventually(t, func() bool {
		status, body, err := p.get("/readyz")
		return err == nil && status == http.StatusServiceUnavailable && strings.Contains(body, "draining")
	}, "it stays ready")
	unready.Store(true)
	if status, _, err := p.get("/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d %v", status, err)
	}
	if code := p.health(); code != 1 {
		t.Errorf("health exits with %d while it drains", code)
	}
	more(done.Load() + 300)
	stop.Store(true)
	wg.Wait()

	// One more that is under way when the door closes.
	if status, text, err := exchange(http.DefaultClient, t, http.MethodPost, p.address+"/_sandbox/faults", `{"operation":"getClinic","latency_ms":2000}`); err != nil || status >= 300 {
		t.Fatalf("%d %s %v", status, text, err)
	}
	slow := make(chan error, 1)
	go func() {
		status, text, err := exchange(&http.Client{Transport: &http.Transport{}}, t, http.MethodPost, p.address+"/graphql", `{"query":"{ clinic { fullscriptId } }"}`)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, text)
		}
		slow <- err
	}()
	eventually(t, func() bool {
		_, text, err := p.get("/metrics")
		return err != nil || len(slow) > 0 || strings.Contains(text, "\nfsgateway_upstream_calls_in_flight 1\n")
	}, "the slow request does not arrive")
	p.signal(syscall.SIGINT) // no more delay
	if err := <-slow; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	p.ends(0)
	if code := p.health(); code != 1 {
		t.Errorf("health exits with %d when it is gone", code)
	}
	if strings.Contains(p.out.String(), "panic") {
		t.Error(p.out.String())
	}
}

// testDrainTimeout: what is not done in time is cut off, and said to be.
func testDrainTimeout(t *testing.T, binary string) {
	p := launch(t, binary, "--drain-delay", "0s", "--drain-timeout", "100ms", "--operation-timeout", "5m", "--call-timeout", "5m")
	if status, text, err := exchange(http.DefaultClient, t, http.MethodPost, p.address+"/_sandbox/faults", `{"operation":"getClinic","hang":true}`); err != nil || status >= 300 {
		t.Fatalf("%d %s %v", status, text, err)
	}
	cut := make(chan error, 1)
	go func() {
		_, _, err := exchange(&http.Client{Transport: &http.Transport{}}, t, http.MethodPost, p.address+"/graphql", `{"query":"{ clinic { fullscriptId } }"}`)
		cut <- err
	}()
	eventually(t, func() bool {
		_, text, _ := p.get("/metrics")
		return strings.Contains(text, "\nfsgateway_upstream_calls_in_flight 1\n")
	}, "the request does not arrive")
	p.signal(syscall.SIGTERM)
	if err := <-cut; err == nil {
		t.Error("the request that hangs was answered")
	}
	p.ends(1)
	if !strings.Contains(p.out.String(), "requests were cut off") {
		t.Errorf("it does not say why it failed:\n%s", p.out.String())
	}
}

// testBadSettings: each stops the start with one line that names it.
func testBadSettings(t *testing.T, binary string) {
	for _, c := range []struct{ args, env, names string }{
		{"--max-depth=-1", "", "--max-depth"},
		{"", "GATEWAY_MAX_DEPTH=deep", "--max-depth"},
		{"--cors-origins=*", "", "--cors-origins"},
		{"", "GATEWAY_CORS_ORIGINS=https://a.example,b.example", "--cors-origins"},
		{"--introspection=maybe", "", "--introspection"},
		{"--persisted-documents=enforce", "", "--persisted-manifest"},
		{"--persisted-documents=some", "", "--persisted-documents"},
		{"--persisted-manifest=/nowhere/at/all.json", "", "--persisted-manifest"},
		{"--drain-delay=1h", "", "--drain-delay"},
		{"", "GATEWAY_APQ=perhaps", "--apq"},
		{"--max-header-bytes=0", "", "--max-header-bytes"},
		{"--client-id=sandbox-client", "FULLSCRIPT_CLIENT_SECRET=of-a-real-app", "--allow-embedded"},
		{"", "GATEWAY_PUBLIC_URL=https://graphql.example.com", "GATEWAY_PUBLIC_URL"},
		{"--upstream=http://api.example.com/api", "", "FULLSCRIPT_UPSTREAM"},
		{"", "GATEWAY_ENCRYPTION_KEY=short", "--encryption-key"},
	} {
		t.Run(c.args+c.env, func(t *testing.T) {
			t.Parallel()
			args := []string{"--addr=127.0.0.1:0", "--admin-addr="}
			if c.args != "" {
				args = append(args, c.args)
			}
			cmd := exec.CommandContext(t.Context(), binary, args...)
			cmd.Env = append(os.Environ(), c.env)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.names) || strings.Count(string(out), "\n") != 1 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
