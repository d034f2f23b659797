//go:build redis

package redistest

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Server is a running server.
type Server struct {
	// URL is its address, such as redis://127.0.0.1:6379.
	URL    string
	folder string
	port   string
	cmd    *exec.Cmd
}

// Start starts a server, which ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{folder: t.TempDir()}
	var said string
	for range 10 { // a port that is free may be another's a moment later
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, s.port, _ = net.SplitHostPort(l.Addr().String())
		l.Close()
		s.URL = "redis://127.0.0.1:" + s.port
		if said = s.run(t); said == "" {
			t.Cleanup(func() { s.Stop(t) })
			return s
		}
	}
	t.Fatalf("redis-server did not start:\n%s", said)
	return nil
}

// Restart starts a server that was stopped, with what it kept.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if said := s.run(t); said != "" {
		t.Fatalf("redis-server did not start:\n%s", said)
	}
}

// run starts the server, and returns what it said if it did not start.
func (s *Server) run(t testing.TB) string {
	t.Helper()
	s.cmd = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", s.port, "--dir", s.folder, "--appendonly", "yes", "--appendfsync", "always", "--save", "")
	s.cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatalf("redis-server: %v", err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			go func() { // it must not wait for a reader
				for lines.Scan() {
				}
			}()
			return ""
		}
	}
	_ = s.cmd.Wait()
	return said.String()
}

// Stop ends the server at once, as a crash would. What it had acknowledged is on disk.
func (s *Server) Stop(testing.TB) {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// RestartEmpty restarts the server, which has lost what it kept.
func (s *Server) RestartEmpty(t testing.TB) {
	t.Helper()
	s.Stop(t)
	if err := os.RemoveAll(s.folder); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s.Restart(t)
}

// Demote makes the server a replica of another. It keeps its connections.
func (s *Server) Demote(t testing.TB, primary *Server) {
	t.Helper()
	c := Client(t, s.URL)
	if err := c.Do(t.Context(), c.B().Arbitrary("REPLICAOF").Args("127.0.0.1", primary.port).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}
