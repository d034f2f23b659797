package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// process is a server in a process of its own.
type process struct {
	role, url string
	authority string // the file of its certificate, "" without TLS
	client    *http.Client
	cmd       *exec.Cmd
}

// onCores returns what to put before a command to run it on the given cores, nil where the
// machine has one core or no taskset.
func onCores(cores string) []string {
	taskset, err := exec.LookPath("taskset")
	if err != nil || runtime.NumCPU() == 1 {
		return nil
	}
	return []string{taskset, "-c", cores}
}

// leaveCore keeps this process, and those that it starts, off the first core, which is for the
// server that is measured.
func leaveCore() error {
	run := onCores("1-" + strconv.Itoa(runtime.NumCPU()-1))
	if run == nil {
		return nil
	}
	out, err := exec.CommandContext(context.Background(), run[0], "-a", "-p", "-c", run[2], strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// start runs this program in a role: a server that is measured on the first core.
func start(ctx context.Context, role string, upstream *process, o options) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{self}
	if role != "upstream" {
		args = append(onCores("0"), self)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "BENCH_ROLE="+role, "BENCH_LATENCY="+o.latency.String(), "BENCH_TLS="+strconv.FormatBool(o.tls))
	if upstream != nil {
		cmd.Env = append(cmd.Env, "BENCH_UPSTREAM="+upstream.url, "GOMAXPROCS=1", "SSL_CERT_FILE="+upstream.authority)
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%s did not start: %w", role, err)
	}
	address, authority, _ := strings.Cut(strings.TrimSpace(line), " ")
	p := &process{role: role, url: address, authority: authority, client: http.DefaultClient, cmd: cmd}
	if authority != "" {
		pem, err := os.ReadFile(authority)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		p.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	}
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// state is what a server reports about itself.
type state struct {
	CPU     time.Duration
	Mallocs uint64
	Bytes   uint64
	Calls   int
}

func (p *process) state() (s state, err error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.url+"/_bench", nil)
	if err != nil {
		return s, err
	}
	res, err := p.client.Do(req)
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	return s, json.NewDecoder(res.Body).Decode(&s)
}

// memory returns the peak and the present resident size in MB, 0 where /proc is not there.
func (p *process) memory() (peak, now float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kb, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "VmHWM":
			peak = kb / 1024
		case "VmRSS":
			now = kb / 1024
		}
	}
	return peak, now
}

// ask asks a query once, as the caller of the given number.
func (p *process) ask(client *http.Client, q query, caller int) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.url+"/graphql?"+url.QueryEscape(q.name), bytes.NewReader(q.body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer caller-"+strconv.Itoa(caller))
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("Cache-Control", "no-cache") // each query with all its calls
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// load asks a query on several connections for a while: at most rate times a second, or as
// often as it is answered if rate is 0.
func load(p, upstream *process, q query, rate float64, o options) (figures, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.connections}}
	defer client.CloseIdleConnections()
	for i := range 2 * max(o.connections, o.callers) { // to warm up
		if _, _, err := p.ask(client, q, i%o.callers); err != nil {
			return figures{}, err
		}
	}
	before, err := p.state()
	called, err2 := upstream.state()
	if err := errors.Join(err, err2); err != nil {
		return figures{}, err
	}
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var wg sync.WaitGroup
	gap := time.Duration(0) // between two queries of a connection
	if rate > 0 {
		gap = time.Duration(float64(o.connections) / rate * float64(time.Second))
	}
	begin := time.Now()
	for caller := range o.connections {
		next := begin.Add(gap * time.Duration(caller) / time.Duration(o.connections))
		wg.Go(func() {
			var own []time.Duration
			for time.Since(begin) < o.duration {
				time.Sleep(time.Until(next))
				next = next.Add(gap)
				at := time.Now()
				caller += o.connections
				status, _, err := p.ask(client, q, caller%o.callers)
				if err != nil || status != http.StatusOK {
					mu.Lock()
					failed = errors.Join(err, fmt.Errorf("%s, %s: status %d", p.role, q.name, status))
					mu.Unlock()
					return
				}
				own = append(own, time.Since(at))
			}
			mu.Lock()
			took = append(took, own...)
			mu.Unlock()
		})
	}
	wg.Wait()
	elapsed := time.Since(begin)
	after, err := p.state()
	calls, err2 := upstream.state()
	if err := errors.Join(failed, err, err2); err != nil {
		return figures{}, err
	}
	n := len(took)
	slices.Sort(took)
	return figures{
		cpu:         (after.CPU - before.CPU) / time.Duration(n),
		allocations: float64(after.Mallocs-before.Mallocs) / float64(n),
		bytes:       float64(after.Bytes-before.Bytes) / float64(n),
		perSecond:   float64(n) / elapsed.Seconds(),
		p50:         took[n/2], p99: took[n*99/100],
		calls: float64(calls.Calls-called.Calls) / float64(n),
	}, nil
}
