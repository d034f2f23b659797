package gateway

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestRefusedConnectionsAreToldOf once a second, however many there are.
func TestRefusedConnectionsAreToldOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []int
		c := clients{refused: func(string) {}, overloaded: func(_ netip.Addr, n int) { told = append(told, n) }}
		for range 5 {
			c.turnAway(netip.IPv6Loopback())
		}
		time.Sleep(time.Second)
		c.turnAway(netip.IPv6Loopback())
		if !slices.Equal(told, []int{1, 5}) {
			t.Errorf("%d", told)
		}
	})
}
