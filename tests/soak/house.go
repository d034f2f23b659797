package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fsgateway/internal/sandbox"
)

// house is a partner, and two gateways in front of it on one Redis server.
type house struct {
	partner  *partner
	gateways [2]*server
	redis    *redis
}

// server is a gateway in a process of its own.
type server struct {
	url, admin string
	cmd        *exec.Cmd
	client     *http.Client
}

func newHouse(ctx context.Context, binary string, o sandbox.Options) (h *house, err error) {
	h = new(house)
	if h.partner, err = newPartner(o); err != nil {
		return nil, err
	}
	if h.redis, err = newRedis(ctx); err != nil {
		h.partner.close()
		return nil, err
	}
	for i := range h.gateways {
		if h.gateways[i], err = newServer(ctx, binary, h.partner, h.redis); err != nil {
			h.close()
			return nil, err
		}
	}
	return h, nil
}

func (h *house) close() {
	for _, g := range h.gateways {
		if g != nil {
			_ = g.cmd.Process.Signal(syscall.SIGTERM)
			_ = g.cmd.Wait()
		}
	}
	h.redis.stop()
	_ = os.RemoveAll(h.redis.folder)
	h.partner.close()
}

// newServer starts a gateway on the settings that ship.
func newServer(ctx context.Context, binary string, p *partner, r *redis) (*server, error) {
	cmd := exec.CommandContext(ctx, binary, "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--upstream", p.url+"/api", "--redis-url", "redis://127.0.0.1:"+r.port,
		"--log-format", "json", "--drain-delay", "0s", "--introspection", "on", "--client-id", sandbox.DefaultClientID)
	cmd.Env = append(os.Environ(), "FULLSCRIPT_CLIENT_SECRET="+sandbox.DefaultClientSecret, "FULLSCRIPT_WEBHOOK_SECRET="+sandbox.DefaultWebhookSecret,
		"FULLSCRIPT_WEBHOOK_CHALLENGE="+sandbox.DefaultWebhookChallenge, "GATEWAY_ENCRYPTION_KEY="+strings.Repeat("soak", 8), "GATEWAY_BUDGET="+strconv.Itoa(budgetOf(p)))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Message, Address, Admin string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "serving" {
			go func() { // nobody reads the rest, but it has to go somewhere
				for lines.Scan() {
				}
			}()
			s := &server{url: strings.TrimSuffix(line.Address, "/graphql"), admin: line.Admin, cmd: cmd}
			s.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
			return s, nil
		}
	}
	_ = cmd.Process.Kill()
	return nil, errors.Join(errors.New("a gateway does not start"), cmd.Wait())
}

// budgetOf is that of the partner.
func budgetOf(p *partner) int {
	if p.Limit() < 0 {
		return 100_000_000
	}
	return p.Limit()
}

// answer is one of GraphQL.
type answer struct {
	Status int `json:"-"`
	Data   map[string]any
	Errors []struct {
		Message    string
		Extensions map[string]any
	}
}

// code is that of the first error, "" for none.
func (a *answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	code, _ := a.Errors[0].Extensions["code"].(string)
	return code
}

// ask sends an operation.
func (s *server) ask(ctx context.Context, token, query string, variables map[string]any) (*answer, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	a := &answer{Status: res.StatusCode}
	return a, json.NewDecoder(res.Body).Decode(a)
}

// figures are a gateway's own, by name.
func (s *server) figures(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	all := map[string]float64{}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = n
		}
	}
	return all, nil
}

// redis is a Redis server that keeps its data.
type redis struct {
	port, folder string
	cmd          *exec.Cmd
}

func newRedis(ctx context.Context) (*redis, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	folder, err := os.MkdirTemp("", "soak")
	if err != nil {
		return nil, err
	}
	r := &redis{port: port, folder: folder}
	r.restart()
	for ctx.Err() == nil {
		if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			return r, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("redis-server does not start: %w", ctx.Err())
}

func (r *redis) restart() {
	r.cmd = exec.CommandContext(context.Background(), "redis-server", "--bind", "127.0.0.1", "--port", r.port, "--dir", r.folder, "--appendonly", "yes", "--save", "", "--loglevel", "warning")
	if err := r.cmd.Start(); err != nil {
		panic(err) // it is not installed
	}
}

func (r *redis) stop() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}
