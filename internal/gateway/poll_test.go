package gateway

import (
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/redistest"
)

// TestNewFails and leaves nothing running: TestMain looks.
func TestNewFails(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	c.RedisURL, c.EncryptionKey, c.PersistedManifest = redistest.Start(t).URL, []string{strings.Repeat("key ", 8)}, "/nowhere/at/all.json"
	if g, err := New(c, zerolog.Nop()); err == nil || g != nil {
		t.Errorf("%v, %v", g, err)
	}
}

// TestPollTurn: of gateways that share a Redis server one polls a clinic at a time.
func TestPollTurn(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := DefaultConfig()
	c.PollEvents, c.RedisURL, c.EncryptionKey = time.Second, server.URL, []string{strings.Repeat("key ", 8)}
	open := func() *Gateway {
		g, err := New(c, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = g.Close() })
		return g
	}
	one, two := open(), open()
	turn := func(g *Gateway, category string, want bool) func(bool) {
		t.Helper()
		end, mine := g.pollTurn(t.Context(), "clinic", category)
		if mine != want {
			t.Errorf("%s is polled: %t", category, mine)
		}
		return end
	}
	end := turn(one, "order", true)
	turn(two, "order", false)(false) // is not its to give back
	turn(two, "patient", true)(true)
	end(true)
	turn(two, "order", false)
	for begin := time.Now(); ; { // until the next time
		if _, mine := two.pollTurn(t.Context(), "clinic", "order"); mine {
			break
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatal("a turn does not end")
		}
	}
	turn(two, "lab_order", true)(false)
	turn(one, "lab_order", true)
	server.Stop(t)
	turn(one, "order", true) // without Redis each polls
	turn(two, "order", true)
}
