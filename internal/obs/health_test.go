package obs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/obs"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var h obs.Health
		is := func(want string) {
			t.Helper()
			if got := h.Unready(); got != want {
				t.Errorf("unready is %q, want %q", got, want)
			}
		}
		fail := func(n int) {
			for range n {
				h.Upstream("refused")
			}
		}
		is("")
		fail(19)
		is("")
		h.Upstream("")
		fail(19)
		is("") // not in a row
		fail(1)
		is("upstream down: refused")
		time.Sleep(10*time.Second - 1) // of the bubble
		is("upstream down: refused")
		time.Sleep(time.Nanosecond)
		is("") // nobody knows
		fail(1)
		is("upstream down: refused") // one probe is enough
		h.Upstream("")
		is("")
		h.Redis("READONLY: a replica")
		is("redis down: READONLY: a replica")
		h.Drain()
		is("draining")
		fail(20)
		is("draining")
		if !h.Draining() {
			t.Error("it does not drain")
		}
	})
}
