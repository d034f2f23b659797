package oauth

import (
	"net/netip"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// The relay and the callback act for the app, with its secret, and anyone may call them: so that
// nobody can guess tokens and codes, or spend the calls that the partner allows, requests to
// each are counted, by address and in total.
const (
	perSecond, burst                   = 10, 100
	perSecondOfAddress, burstOfAddress = 1, 30
	maxAddresses                       = 10_000 // that are remembered
)

type limits struct {
	total     *rate.Limiter
	addresses *lru.Cache[netip.Prefix, *rate.Limiter]
}

func newLimits() *limits {
	addresses, err := lru.New[netip.Prefix, *rate.Limiter](maxAddresses)
	if err != nil {
		panic(err) // the number above is wrong
	}
	return &limits{rate.NewLimiter(perSecond, burst), addresses}
}

// allow reports whether a request may proceed.
func (l *limits) allow(address netip.Prefix) bool {
	of, known := l.addresses.Get(address)
	if !known {
		of = rate.NewLimiter(perSecondOfAddress, burstOfAddress)
		if other, was, _ := l.addresses.PeekOrAdd(address, of); was {
			of = other
		}
	}
	return of.Allow() && l.total.Allow()
}
