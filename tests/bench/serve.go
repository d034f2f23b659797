package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// serve is the life of a server: it prints its address and answers until it is ended.
func serve(role, upstream string) {
	var calls atomic.Int64
	var h http.Handler
	switch role {
	case "upstream":
		latency, _ := time.ParseDuration(os.Getenv("BENCH_LATENCY"))
		s := sandbox.New(sandbox.Options{RateLimit: -1})
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			if latency > 0 {
				time.Sleep(latency)
			}
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
		c.Upstream = upstream + "/api"
		g, err := gateway.New(c, zerolog.New(discard{}).Level(zerolog.InfoLevel).With().Timestamp().Logger())
		if err != nil {
			log.Fatal(err)
		}
		h = g.Handler()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("http://" + l.Addr().String())
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("/_bench/profile", pprof.Profile) // to look closer, while a query is asked
	mux.HandleFunc("/_bench", func(w http.ResponseWriter, _ *http.Request) {
		var used syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_ = json.NewEncoder(w).Encode(state{time.Duration(used.Utime.Nano() + used.Stime.Nano()), m.Mallocs, m.TotalAlloc, int(calls.Load())})
	})
	log.Fatal(http.Serve(l, mux))
}

// discard takes the log lines, as a pipe would.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
