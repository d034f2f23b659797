package gateway

import (
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/redistest"
)

// TestPollTurn: of gateways that share a Redis server one polls a clinic at a time.
func TestPollTurn(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := Config{
		Addr: "127.0.0.1:8080", Upstream: Embedded, OperationTimeout: time.Minute, CallTimeout: time.Minute, DialTimeout: time.Minute, MaxConcurrency: 1, MaxBody: 1,
		RedisURL: server.URL, EncryptionKey: []string{strings.Repeat("key ", 8)},
	}
	open := func() *Gateway {
		g, err := New(c, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = g.Close() })
		return g
	}
	one, two := open(), open()
	if !one.pollTurn(t.Context(), "a", time.Hour) || two.pollTurn(t.Context(), "a", time.Hour) || one.pollTurn(t.Context(), "a", time.Hour) {
		t.Error("a clinic is polled twice")
	}
	if !two.pollTurn(t.Context(), "b", 100*time.Millisecond) {
		t.Error("one clinic is in the way of another")
	}
	for begin := time.Now(); !one.pollTurn(t.Context(), "b", 100*time.Millisecond); {
		if time.Since(begin) > 20*time.Second {
			t.Fatal("a turn does not end")
		}
	}
	server.Stop(t)
	if !two.pollTurn(t.Context(), "a", time.Hour) {
		t.Error("without Redis nobody polls")
	}
}
