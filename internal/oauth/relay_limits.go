package oauth

import (
	"net/netip"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// The relay acts for the app, with its secret, and anyone may call it: so that
// nobody can guess tokens, or spend the calls that the partner allows, requests to
// it are counted, by address and in total.
const (
	relayPerSecond, relayBurst                   = 10, 100
	relayPerSecondOfAddress, relayBurstOfAddress = 1, 30
	maxRelayAddresses                            = 10_000 // the addresses that are remembered
)

type relayLimits struct {
	total     *rate.Limiter
	addresses *lru.Cache[netip.Prefix, *rate.Limiter]
}

func newRelayLimits() *relayLimits {
	addresses, err := lru.New[netip.Prefix, *rate.Limiter](maxRelayAddresses)
	if err != nil {
		panic(err) // the number above is wrong
	}
	return &relayLimits{rate.NewLimiter(relayPerSecond, relayBurst), addresses}
}

// allow reports whether a request may proceed.
func (l *relayLimits) allow(address netip.Prefix) bool {
	of, known := l.addresses.Get(address)
	if !known {
		of = rate.NewLimiter(relayPerSecondOfAddress, relayBurstOfAddress)
		if other, was, _ := l.addresses.PeekOrAdd(address, of); was {
			of = other
		}
	}
	return of.Allow() && l.total.Allow()
}
