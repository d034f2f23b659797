package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// sample is what was measured at one time, of both gateways together.
type sample struct {
	at                 time.Duration
	memory, live       float64 // MB: resident, and of the heap what was in use at the last collection
	goroutines, errors float64
	asked              int
}

// measure takes forty samples.
func measure(ctx context.Context, h *house, w *watch, d time.Duration) (samples []sample) {
	tick := time.NewTicker(max(time.Second, d/40))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return samples
		case <-tick.C:
		}
		s := sample{at: time.Since(w.begun())}
		for _, g := range h.gateways {
			f, err := g.figures(ctx)
			if err != nil {
				continue
			}
			s.memory += f["process_resident_memory_bytes"] / (1 << 20)
			s.live += f["go_memstats_next_gc_bytes"] / (1 + f["go_gc_gogc_percent"]/100) / (1 << 20)
			s.goroutines += f["go_goroutines"]
		}
		w.mu.Lock()
		s.asked, s.errors = w.asked, float64(w.errors)
		w.mu.Unlock()
		samples = append(samples, s)
	}
}

// flat returns an error if memory or goroutines have grown: the most of the last third over the
// most of the middle one, when all has been used once.
func flat(samples []sample) error {
	third := len(samples) / 3
	if third < 3 {
		return nil
	}
	most := func(of []sample, value func(sample) float64) (m float64) {
		for _, s := range of {
			m = max(m, value(s))
		}
		return m
	}
	for name, value := range map[string]func(sample) float64{"memory": func(s sample) float64 { return s.live }, "goroutines": func(s sample) float64 { return s.goroutines }} {
		before, after := most(samples[third:2*third], value), most(samples[2*third:], value)
		if after > before*1.25+20 {
			return fmt.Errorf("%s has grown from %.0f to %.0f", name, before, after)
		}
	}
	return nil
}

// show prints what was measured, as docs/reliability.md has it.
func show(out io.Writer, samples []sample, w *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var at, memory, live, goroutines []string
	for i, s := range samples {
		if i%2 == 0 {
			at = append(at, fmt.Sprintf("%.0f", s.at.Seconds()))
			memory = append(memory, fmt.Sprintf("%.0f", s.memory))
			live = append(live, fmt.Sprintf("%.0f", s.live))
			goroutines = append(goroutines, fmt.Sprintf("%.0f", s.goroutines))
		}
	}
	fmt.Fprintf(out, "\n```mermaid\nxychart-beta\n    title \"Two gateways: resident memory and heap in use, MB (bars), and goroutines (line)\"\n    x-axis \"seconds\" [%s]\n    y-axis 0 --> 1000\n    bar [%s]\n    bar [%s]\n    line [%s]\n```\n\n",
		strings.Join(at, ", "), strings.Join(memory, ", "), strings.Join(live, ", "), strings.Join(goroutines, ", "))
	fmt.Fprintf(out, "%d operations, %d of them failed, all while something was wrong or until 12 seconds after; %d events delivered\n", w.asked, w.errors, w.events)
}
