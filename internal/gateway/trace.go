package gateway

import (
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/transport"
)

// trace logs, at --log-level trace, where the time of each call to the partner went
// until its answer began: to a new connection or to the partner. No address is
// logged.
func (g *Gateway) trace(base http.RoundTripper) http.RoundTripper {
	if g.log.GetLevel() > zerolog.TraceLevel {
		return base
	}
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		var c stopwatch
		start := time.Now()
		res, err := base.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), c.hooks())))
		c.mu.Lock() // a connection may still be on its way, for another call
		defer c.mu.Unlock()
		line := g.log.Trace().Str("requestId", middleware.RequestIDFrom(r.Context())).Str("call", fsclient.Route(r.Context())).
			Bool("reused", c.reused).Float64("answerMs", ms(time.Since(start)))
		for _, part := range []struct {
			name string
			took time.Duration
		}{{"dnsMs", c.dns}, {"connectMs", c.connect}, {"tlsMs", c.tls}} {
			if part.took > 0 {
				line = line.Float64(part.name, ms(part.took))
			}
		}
		if res != nil {
			line = line.Str("protocol", protocol(res))
		}
		line.Msg("upstream connection")
		return res, err
	})
}

// protocol is the version of HTTP that was spoken, in our words.
func protocol(res *http.Response) string {
	if res.ProtoMajor == 2 {
		return "HTTP/2"
	}
	return "HTTP/1"
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// stopwatch takes the time of what a new connection needs.
type stopwatch struct {
	mu                sync.Mutex
	reused            bool
	since             time.Time
	dns, connect, tls time.Duration
}

func (c *stopwatch) hooks() *httptrace.ClientTrace {
	begin := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.since = time.Now()
	}
	end := func(took *time.Duration) {
		c.mu.Lock()
		defer c.mu.Unlock()
		*took = time.Since(c.since)
	}
	return &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { begin() },
		DNSDone:           func(httptrace.DNSDoneInfo) { end(&c.dns) },
		ConnectStart:      func(_, _ string) { begin() },
		ConnectDone:       func(_, _ string, _ error) { end(&c.connect) },
		TLSHandshakeStart: begin,
		TLSHandshakeDone:  func(tls.ConnectionState, error) { end(&c.tls) },
		GotConn: func(info httptrace.GotConnInfo) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.reused = info.Reused
		},
	}
}
