//go:build !redis

package redistest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Server is a running server.
type Server struct {
	// URL is its address, such as redis://127.0.0.1:6379.
	URL  string
	mini *miniredis.Miniredis
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
	return &Server{"redis://" + m.Addr(), m}
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
}
