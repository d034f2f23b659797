package gateway

import (
	"os"
	"runtime/debug"
	"sync/atomic"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// gcPercent is how much the heap may grow before garbage is collected, in percent of what
	// is in use. An answer leaves little behind and makes much garbage, so that Go's default of
	// 100 collects often; but what caches hold counts as in use, and with 400 it was there five
	// times over.
	gcPercent = 200
	// ballastSize is counted as in use although it is never touched, and so takes no memory:
	// while caches hold little, garbage of 20 MB more may come together. Else, with 3 MB in use,
	// it would be collected every hundred queries.
	ballastSize = 10 << 20
)

var ballast atomic.Pointer[[ballastSize]byte] // it is there to be counted

// TuneRuntime sets the garbage collector and a soft limit of memory, 90 percent of the
// container's or else of the machine's, near which garbage is collected as often as
// it takes. GOGC and GOMEMLIMIT take precedence. It returns both, in percent and bytes.
// It is called first of all: Go clears memory that was used before, and a ballast that
// is cleared takes the memory that it is there to save.
func TuneRuntime() (gc int, limit int64) {
	gc = gcPercent
	own := os.Getenv("GOGC") == ""
	if own {
		debug.SetGCPercent(gc)
	} else {
		gc = debug.SetGCPercent(gc)
		debug.SetGCPercent(gc)
	}
	limit, err := memlimit.Set(memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
	if err != nil {
		limit = debug.SetMemoryLimit(-1) // there is none to be found
	}
	if own && limit >= 16*ballastSize { // of which it is a part, touched or not
		ballast.Store(new([ballastSize]byte))
	}
	return gc, limit
}
