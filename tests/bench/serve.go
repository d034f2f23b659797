package main

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// serve runs a server: it prints the address and answers until the process is killed.
func serve(role, upstream string) error {
	var h http.Handler
	calls := func() int { return 0 }
	switch role {
	case "upstream":
		latency, _ := time.ParseDuration(os.Getenv("BENCH_LATENCY"))
		s := sandbox.New(sandbox.Options{RateLimit: -1})
		if latency > 0 {
			s.AddFault(sandbox.Fault{Latency: latency})
		}
		calls = func() int { return s.Count("") }
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // all callers see the same
			r.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
			s.ServeHTTP(w, r)
		})
	case "tuned":
		gateway.TuneRuntime()
		h = byHand(upstream + "/api")
	case "hand":
		h = byHand(upstream + "/api")
	default:
		gateway.TuneRuntime()
		c := gateway.DefaultConfig()
		c.Upstream, c.Budget = upstream+"/api", 1<<30 // counted, and never used up
		g, err := gateway.New(c, zerolog.New(io.Discard).Level(zerolog.InfoLevel).With().Timestamp().Logger())
		if err != nil {
			return err
		}
		h = g.Handler()
	}
	if os.Getenv("BENCH_ALLOCS") == "" {
		runtime.MemProfileRate = 0 // as it is without --pprof, and in a program that serves no profiles
	}
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("/_bench/profile", pprof.Profile) // to look closer, while a query is asked
	mux.Handle("/_bench/allocs", pprof.Handler("allocs"))
	mux.HandleFunc("/_bench", func(w http.ResponseWriter, _ *http.Request) {
		var used syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_ = json.NewEncoder(w).Encode(state{time.Duration(used.Utime.Nano() + used.Stime.Nano()), m.Mallocs, m.TotalAlloc, calls()})
	})
	server := httptest.NewUnstartedServer(mux)
	if role == "upstream" && os.Getenv("BENCH_TLS") == "true" {
		server.EnableHTTP2 = true
		server.StartTLS()
		authority := filepath.Join(os.TempDir(), "bench-authority.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		if err := os.WriteFile(authority, text, 0o600); err != nil {
			return err
		}
		fmt.Println(server.URL, authority)
	} else {
		server.Start()
		fmt.Println(server.URL)
	}
	select {} // until it is killed
}
