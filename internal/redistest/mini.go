//go:build !redis

package redistest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// Server is a running server.
type Server struct {
	// URL is its address, such as redis://127.0.0.1:6379.
	URL     string
	mini    *miniredis.Miniredis
	replica atomic.Bool
}

// Start starts a server, which ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	m := miniredis.RunT(t)
	// Its clock for what ends by itself stands still unless it is moved.
	const step = 50 * time.Millisecond
	tick, done := time.NewTicker(step), make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		for {
			select {
			case <-tick.C:
				m.FastForward(step)
			case <-done:
				return
			}
		}
	})
	t.Cleanup(func() {
		tick.Stop()
		close(done)
		moving.Wait()
	})
	s := &Server{URL: "redis://" + m.Addr(), mini: m}
	m.Server().SetPreHook(s.refuse)
	return s
}

// refuse answers as a real server does that is not in a cluster and, once it was
// demoted, takes no writes.
func (s *Server) refuse(c *server.Peer, command string, _ ...string) bool {
	switch command {
	case "CLUSTER":
		c.WriteError("ERR This instance has cluster support disabled")
		return true
	case "SET", "DEL", "INCR", "EVAL", "EVALSHA", "XADD":
		if s.replica.Load() {
			c.WriteError("READONLY You can't write against a read only replica.")
			return true
		}
	}
	return false
}

// Stop ends the server, Restart starts it again at the same address. What it
// kept is kept.
func (s *Server) Stop(testing.TB) { s.mini.Close() }

// Restart starts a server that was stopped.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.mini.Ctx, s.mini.CtxCancel = context.WithCancel(context.Background()) // else it answers no command that waits
	if err := s.mini.Restart(); err != nil {
		t.Fatal(err)
	}
	s.mini.Server().SetPreHook(s.refuse)
}

// RestartEmpty restarts the server, which has lost what it kept.
func (s *Server) RestartEmpty(t testing.TB) {
	t.Helper()
	s.Stop(t)
	s.mini.FlushAll()
	s.Restart(t)
}

// Demote makes the server a replica of another. It keeps its connections.
func (s *Server) Demote(testing.TB, *Server) { s.replica.Store(true) }
