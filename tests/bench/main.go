// Command bench measures what a query costs: the gateway as it ships beside a handler
// written by hand for each query, in turns, against an upstream in another process.
//
// Each server runs alone on the first core, and upstream and load on the others, where the
// machine allows: else the kernel moves the upstream to the core of who wakes it, which costs
// the server its caches. CPU and allocations are what its own process reports, medians of
// several rounds; a ratio is the median of those to what the handler took in the same round,
// for a machine is faster at one time than at another. In each round all are asked as fast as
// they answer, and then at one rate that the slowest of them keeps, since what a query costs
// falls with the rate. Answers are compared before anything is measured. Run it as `make bench`.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	log.SetFlags(0)
	if role := os.Getenv("BENCH_ROLE"); role != "" {
		log.Fatal(serve(role, os.Getenv("BENCH_UPSTREAM")))
	}
	o := options{}
	var growth bool
	var soak time.Duration
	flag.DurationVar(&o.duration, "time", 400*time.Millisecond, "how long each query is asked in each round")
	flag.IntVar(&o.rounds, "rounds", 24, "how many rounds")
	flag.IntVar(&o.connections, "connections", 16, "connections at once")
	flag.DurationVar(&o.latency, "latency", 0, "how long the upstream takes for each call")
	flag.IntVar(&o.callers, "callers", 16, "how many tokens the requests come with, in turns; identical calls of one token at once would be shared")
	flag.BoolVar(&growth, "growth", false, "measure the gateway alone, by the number of rows")
	flag.DurationVar(&soak, "soak", 0, "load the gateway alone for this long, and show its memory")
	flag.BoolVar(&o.tls, "tls", false, "have the upstream speak HTTP/2 over TLS, as the partner does")
	flag.StringVar(&o.only, "only", "", "names of queries, comma-separated; all if empty")
	flag.Parse()
	measure := run
	switch {
	case growth:
		measure = grow
	case soak > 0:
		o.duration = soak / 20
		measure = keep
	}
	if err := leaveCore(); err != nil {
		log.Fatal(err)
	}
	if err := measure(context.Background(), o); err != nil {
		log.Fatal(err)
	}
}

type options struct {
	duration    time.Duration
	rounds      int
	connections int
	callers     int
	latency     time.Duration
	tls         bool
	only        string
}

// figures are what a query cost a server, on average.
type figures struct {
	cpu         time.Duration
	ratio       float64       // of cpu, to that of the handler in the same round
	pacedCPU    time.Duration // at a rate that all servers keep
	pacedRatio  float64
	pacedRate   float64 // per second
	allocations float64
	bytes       float64
	perSecond   float64
	p50, p99    time.Duration
	calls       float64
}

// alone starts the gateway without the handlers that it is compared with.
func alone(ctx context.Context, o options) (upstream, gateway *process, err error) {
	if upstream, err = start(ctx, "upstream", nil, o); err != nil {
		return nil, nil, err
	}
	if gateway, err = start(ctx, "gateway", upstream, o); err != nil {
		upstream.stop()
		return nil, nil, err
	}
	return upstream, gateway, nil
}

// grow shows what a row costs, however many there are.
func grow(ctx context.Context, o options) error {
	upstream, gateway, err := alone(ctx, o)
	if err != nil {
		return err
	}
	defer upstream.stop()
	defer gateway.stop()
	for _, q := range growing() {
		var all []figures
		for range o.rounds {
			f, err := load(gateway, upstream, q, 0, o)
			if err != nil {
				return err
			}
			all = append(all, f)
		}
		f := median(all)
		peak, _ := gateway.memory()
		fmt.Printf("%s: %d µs, %.0f allocations, %.0f calls, peak %.0f MB resident\n", q.name, f.cpu.Microseconds(), f.allocations, f.calls, peak)
	}
	return nil
}

// keep shows the memory of the gateway over time, under a load of all queries in turn.
func keep(ctx context.Context, o options) error {
	upstream, gateway, err := alone(ctx, o)
	if err != nil {
		return err
	}
	defer upstream.stop()
	defer gateway.stop()
	asked, begin := 0.0, time.Now()
	for round := range 20 {
		q := queries[round%len(queries)]
		f, err := load(gateway, upstream, q, 0, o)
		if err != nil {
			return err
		}
		asked += f.perSecond * o.duration.Seconds()
		peak, now := gateway.memory()
		fmt.Printf("%s, %s: %.0f queries so far, now %.0f MB resident, peak %.0f MB\n", time.Since(begin).Round(time.Second), q.name, asked, now, peak)
	}
	return nil
}

// pace is the part of what the slowest server answered in a round that all are asked after it.
const pace = 0.8

func run(ctx context.Context, o options) error {
	upstream, err := start(ctx, "upstream", nil, o)
	if err != nil {
		return err
	}
	defer upstream.stop()
	servers := []*process{}
	for _, role := range []string{"hand", "tuned", "gateway"} {
		p, err := start(ctx, role, upstream, o)
		if err != nil {
			return err
		}
		defer p.stop()
		servers = append(servers, p)
	}
	names := queries
	if o.only != "" {
		names = slices.DeleteFunc(slices.Clone(queries), func(q query) bool { return !slices.Contains(strings.Split(o.only, ","), q.name) })
	}
	for _, q := range names {
		if err := same(servers, q); err != nil {
			return err
		}
	}
	got := map[string][]figures{} // by server and query
	for range o.rounds {
		for _, q := range names {
			round, rate := map[string]figures{}, math.Inf(1)
			for _, i := range rand.Perm(len(servers)) {
				f, err := load(servers[i], upstream, q, 0, o)
				if err != nil {
					return err
				}
				round[servers[i].role] = f
				rate = min(rate, pace*f.perSecond)
			}
			paced := map[string]figures{}
			for _, i := range rand.Perm(len(servers)) {
				f, err := load(servers[i], upstream, q, rate, o)
				if err != nil {
					return err
				}
				paced[servers[i].role] = f
			}
			for role, f := range round {
				f.ratio = float64(f.cpu) / float64(round["hand"].cpu)
				f.pacedCPU, f.pacedRate = paced[role].cpu, paced[role].perSecond
				f.pacedRatio = float64(f.pacedCPU) / float64(paced["hand"].cpu)
				got[role+q.name] = append(got[role+q.name], f)
			}
		}
	}
	report(names, got, o)
	for _, s := range servers {
		peak, now := s.memory()
		fmt.Printf("%s: peak %.0f MB resident, now %.0f MB\n", s.role, peak, now)
	}
	return nil
}

// same compares the answers of the servers.
func same(servers []*process, q query) error {
	var first any
	for i, s := range servers {
		status, body, err := s.ask(http.DefaultClient, q, 0)
		if err != nil {
			return err
		}
		var got any
		if err := json.Unmarshal(body, &got); err != nil || status != http.StatusOK {
			return fmt.Errorf("%s, %s: %d %.300s", s.role, q.name, status, body)
		}
		if i > 0 && !reflect.DeepEqual(got, first) {
			return fmt.Errorf("%s answers %s differently:\n%v\n%v", s.role, q.name, got, first)
		}
		first = got
	}
	return nil
}

func report(names []query, got map[string][]figures, o options) {
	fmt.Printf("%d connections, %d callers, upstream latency %s, %d rounds of %s; the gateway / the handler; tuned: as a multiple of the handler with the gateway's GC settings; first at one rate (at, per second), then as fast as each answers\n\n", o.connections, o.callers, o.latency, o.rounds, o.duration)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "query\tcalls\tat\tCPU µs\tratio\ttuned\tallocations\tKB\tper second\tCPU µs\tratio\ttuned\tp50 ms\tp99 ms\t")
	for _, q := range names {
		g, h, t := median(got["gateway"+q.name]), median(got["hand"+q.name]), median(got["tuned"+q.name])
		fmt.Fprintf(w, "%s\t%.1f / %.1f\t%.0f\t%d / %d\t%.2f\t%.2f\t%.0f / %.0f\t%.0f / %.0f\t%.0f / %.0f\t%d / %d\t%.2f\t%.2f\t%.1f / %.1f\t%.1f / %.1f\t\n",
			q.name, g.calls, h.calls, g.pacedRate, g.pacedCPU.Microseconds(), h.pacedCPU.Microseconds(), g.pacedRatio, g.pacedRatio/t.pacedRatio,
			g.allocations, h.allocations, g.bytes/1024, h.bytes/1024,
			g.perSecond, h.perSecond, g.cpu.Microseconds(), h.cpu.Microseconds(), g.ratio, g.ratio/t.ratio, ms(g.p50), ms(h.p50), ms(g.p99), ms(h.p99))
	}
	_ = w.Flush()
	fmt.Println()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// median takes the median of each figure by itself.
func median(all []figures) figures {
	of := func(value func(f figures) float64) float64 {
		values := make([]float64, len(all))
		for i, f := range all {
			values[i] = value(f)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return figures{
		cpu:         time.Duration(of(func(f figures) float64 { return float64(f.cpu) })),
		ratio:       of(func(f figures) float64 { return f.ratio }),
		pacedCPU:    time.Duration(of(func(f figures) float64 { return float64(f.pacedCPU) })),
		pacedRatio:  of(func(f figures) float64 { return f.pacedRatio }),
		pacedRate:   of(func(f figures) float64 { return f.pacedRate }),
		allocations: of(func(f figures) float64 { return f.allocations }),
		bytes:       of(func(f figures) float64 { return f.bytes }),
		perSecond:   of(func(f figures) float64 { return f.perSecond }),
		p50:         time.Duration(of(func(f figures) float64 { return float64(f.p50) })),
		p99:         time.Duration(of(func(f figures) float64 { return float64(f.p99) })),
		calls:       of(func(f figures) float64 { return f.calls }),
	}
}
