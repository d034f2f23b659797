// Command soak runs two gateways on one Redis server in front of the sandbox for a while, under
// a mixed load of many callers, while the partner goes wrong in every way and Redis is
// restarted. It fails if an answer is wrong, an event is lost or comes twice, calls fail while
// nothing is wrong, the partner has to answer 429, or memory or goroutines grow. Run it as
// `make soak`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"fsgateway/internal/sandbox"
)

func main() {
	log.SetFlags(0)
	total := flag.Duration("time", 10*time.Minute, "how long all of it takes")
	callers := flag.Int("callers", 64, "callers at once")
	binary := flag.String("binary", ".bin/fsgateway", "the program, built")
	flag.Parse()
	if err := run(*binary, *total, *callers); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ok")
}

func run(binary string, total time.Duration, callers int) error {
	ctx, cancel := context.WithTimeout(context.Background(), total+2*time.Minute)
	defer cancel()
	if err := spend(ctx, binary, min(time.Minute, total/5)); err != nil {
		return err
	}
	return endure(ctx, binary, total-min(time.Minute, total/5), callers)
}

// spend asks for three times as many calls as the partner allows, of two gateways at once.
func spend(ctx context.Context, binary string, d time.Duration) error {
	h, err := newHouse(ctx, binary, sandbox.Options{})
	if err != nil {
		return err
	}
	defer h.close()
	const limit, each = 5000, 10 // calls in five minutes, and of a query
	w := &watch{}
	pace := d / (3 * limit / each)
	end := time.Now().Add(d)
	var answered, refused int
	for i := 0; time.Now().Before(end); i++ {
		next := time.Now().Add(pace)
		w.work.Go(func() {
			a, err := h.gateways[i%2].ask(ctx, sandbox.TokenPractitioner, `{ patients(first: 9) { nodes { dateOfBirth } } }`, nil)
			w.mu.Lock()
			defer w.mu.Unlock()
			switch {
			case err == nil && len(a.Errors) == 0:
				answered++
			case err == nil && a.code() == "RATE_LIMITED" && a.Data == nil:
				refused++
			default:
				w.fail("%v %+v", err, a)
			}
		})
		time.Sleep(time.Until(next))
	}
	w.work.Wait()
	for _, call := range h.partner.Calls() {
		if call.Status == http.StatusTooManyRequests {
			w.fail("the partner answers 429")
			break
		}
	}
	fmt.Printf("budget: %d queries of %d calls in %s, of two gateways: %d answered, %d refused, %d calls, no 429\n", answered+refused, each, d.Round(time.Second), answered, refused, h.partner.Count(""))
	if answered < limit/each*9/10 && d >= time.Minute {
		w.fail("%d queries are answered, and there are calls for %d", answered, limit/each)
	}
	return w.err()
}

// endure loads two gateways while things go wrong.
func endure(ctx context.Context, binary string, d time.Duration, callers int) error {
	h, err := newHouse(ctx, binary, sandbox.Options{RateLimit: -1, WebhookWaits: []time.Duration{time.Second, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}})
	if err != nil {
		return err
	}
	defer h.close()
	h.partner.SetWebhookURL(h.gateways[0].url + "/webhooks/fullscript")

	w := &watch{}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	l := newLoad(h, w)
	for i := range callers {
		w.work.Go(func() { l.call(loading, i) })
	}
	events := newEvents(h, w)
	for i := range followers {
		w.work.Go(func() { events.follow(loading, h.gateways[i%2]) })
	}
	w.work.Go(func() { events.send(loading, h.partner) })
	measuring := make(chan []sample)
	go func() { measuring <- measure(loading, h, w, d) }()

	calm := d / 10
	time.Sleep(calm)
	for _, c := range chosen(d - 2*calm) {
		fmt.Printf("%6s  %s\n", time.Since(w.begun()).Round(time.Second), c.name)
		w.expect(true)
		end := c.begin(h)
		time.Sleep(c.lasts)
		end()
		time.Sleep(recovery) // until the breaker has tried, and what was under way is over
		w.expect(false)
		time.Sleep(c.calm)
	}
	time.Sleep(calm)
	events.stop(loading)
	stop()
	w.work.Wait()
	samples := <-measuring
	show(os.Stdout, samples, w)
	return errors.Join(w.err(), flat(samples))
}
