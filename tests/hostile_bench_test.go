package tests

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// BenchmarkCheapBesideHostile measures how long a cheap query takes while two
// clients send the worst documents without a pause. It reports the middle and
// the 99th percentile in milliseconds.
func BenchmarkCheapBesideHostile(b *testing.B) {
	c := config()
	g, err := gateway.New(c, zerolog.Nop(), gateway.WithSandbox(sandbox.New(sandbox.Options{RateLimit: -1})))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = g.Close() })
	h := g.Handler()
	send := func(body string) int {
		req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/graphql", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
		res := httptest.NewRecorder()
		h.ServeHTTP(res, req)
		return res.Code
	}
	var hostile []string
	for _, document := range []string{
		"{" + strings.Repeat("__typename ", 22_000) + "}",
		`{patient(id:"` + strings.Repeat("x", 250_000) + `"){id}}`,
		`{patient(id:"""` + strings.Repeat("x\n", 120_000) + `"""){id}}`,
		"{" + strings.Repeat("a{", 80_000) + "}",
		"query(" + strings.Repeat("$a:Int,", 35_000) + "){clinic{name}}",
	} {
		body, _ := json.Marshal(map[string]string{"query": document})
		hostile = append(hostile, string(body[:min(len(body), 256<<10)]))
	}
	cheap, _ := json.Marshal(map[string]string{"query": "{clinic{name}}"})
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			for n := i; !stop.Load(); n++ {
				send(hostile[n%len(hostile)])
			}
		})
	}
	var took []time.Duration
	for b.Loop() {
		begin := time.Now()
		if status := send(string(cheap)); status != http.StatusOK {
			b.Fatalf("status %d", status)
		}
		took = append(took, time.Since(begin))
	}
	stop.Store(true)
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms/p50")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "ms/p99")
}
