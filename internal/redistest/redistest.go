// Package redistest gives tests a Redis server: one in the process or, with the
// build tag redis, a real redis-server, which then has to be installed.
package redistest

import (
	"testing"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"
)

// Leftover is a goroutine of rueidis that ends by itself within a second after its
// client was closed.
func Leftover() goleak.Option {
	return goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")
}

// Client connects to a server that [Start] has started.
func Client(t testing.TB, address string) rueidis.Client {
	t.Helper()
	o, err := rueidis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	o.DisableCache = true
	c, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
