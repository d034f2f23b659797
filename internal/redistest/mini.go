//go:build !redis

package redistest

import (
	"context"
	"testing"

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
