package transport

import (
	"math"
	"sync"
	"time"
)

// Pace is how long calls of each route take. A call that takes much longer than its route
// does is given up early, and can be made again, rather than once its whole time is over.
type Pace struct {
	mu     sync.Mutex
	routes map[string]*pace
}

// NewPace returns a Pace that knows of no route.
func NewPace() *Pace { return &Pace{routes: map[string]*pace{}} }

// pace is that of a route: the mean of its times, and of how far they are from it, both
// weighted towards the last ones, as TCP has them (RFC 6298).
type pace struct {
	known           int // calls
	mean, deviation float64
}

const (
	// learned is how many calls of a route have to be known.
	learned = 20
	// steps are the parts of the whole time that a call may be given: few, so that calls
	// that begin together share timers.
	steps = 3
)

// limit returns the time that a call of a route is given: a half or a quarter of d if that is
// at least twice as long as nearly all calls take, else d.
func (p *Pace) limit(route string, d time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.routes[route]
	if of == nil || of.known < learned {
		return d
	}
	most := time.Duration(2 * (of.mean + 4*of.deviation))
	for step := d >> (steps - 1); step < d; step *= 2 {
		if most <= step {
			return step
		}
	}
	return d
}

// note learns from a call that was answered, or that was given up early: then calls take at
// least twice as long as was thought.
func (p *Pace) note(route string, took time.Duration, answered bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.routes[route]
	if of == nil {
		of = &pace{mean: float64(took)}
		p.routes[route] = of
	}
	of.known++
	if !answered {
		of.mean, of.deviation = float64(took), float64(took)/4
		return
	}
	off := math.Abs(float64(took) - of.mean)
	of.deviation += (off - of.deviation) / 4
	of.mean += (float64(took) - of.mean) / 8
}
