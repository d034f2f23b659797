package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fsgateway/internal/transport"
)

// partner speaks HTTP/2 over TLS behind a relay.
type partner struct {
	*testing.T
	url   string
	conns atomic.Int64 // that came through the relay
	rt    http.RoundTripper

	mu      sync.Mutex
	silent  chan struct{} // closed to let all connections of now go silent
	handler func(http.ResponseWriter, *http.Request)
}

type connKey struct{}

func newPartner(t *testing.T, callTimeout time.Duration) *partner {
	p := &partner{T: t, silent: make(chan struct{})}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("it is called with %s", r.Proto)
		}
		p.handler(w, r)
	}))
	server.EnableHTTP2 = true
	var accepted atomic.Int64
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, accepted.Add(1))
	}
	p.handler = func(http.ResponseWriter, *http.Request) {}
	server.StartTLS()
	t.Cleanup(server.Close)
	p.relay(server.Listener.Addr().String())
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	network := transport.NewNetwork(transport.NetworkOptions{
		Dial: (&net.Dialer{}).DialContext, TLS: &tls.Config{RootCAs: roots}, Connections: 8, CallTimeout: callTimeout,
	})
	t.Cleanup(network.CloseIdleConnections)
	p.rt = network
	return p
}

// relay passes connections on, until they are to go silent: then they stay open and
// swallow what they are sent.
func (p *partner) relay(to string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatal(err)
	}
	p.url = "https://" + l.Addr().String()
	var wg sync.WaitGroup
	end, stop := context.WithCancel(context.Background())
	p.Cleanup(func() {
		stop()
		l.Close()
		wg.Wait()
	})
	pass := func(from, to net.Conn, silent chan struct{}) {
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			select {
			case <-silent:
			default:
				_, _ = to.Write(buffer[:n])
			}
			if err != nil {
				to.Close()
				return
			}
		}
	}
	wg.Go(func() {
		for {
			ours, err := l.Accept()
			if err != nil {
				return
			}
			theirs, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
			if err != nil {
				ours.Close()
				continue
			}
			p.conns.Add(1)
			p.mu.Lock()
			silent := p.silent
			p.mu.Unlock()
			context.AfterFunc(end, func() {
				ours.Close()
				theirs.Close()
			})
			wg.Go(func() { pass(ours, theirs, silent) })
			wg.Go(func() { pass(theirs, ours, silent) })
		}
	})
}

func (p *partner) goSilent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.silent)
	p.silent = make(chan struct{})
}

func (p *partner) get() error {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), http.MethodGet, p.url, nil)
	if err != nil {
		p.Fatal(err)
	}
	res, err := p.rt.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// recovers calls until a call is answered. Each time-out is one second of a busy
// machine, hence more than the two calls that it takes.
func (p *partner) recovers() {
	p.Helper()
	var err error
	for range 10 {
		if err = p.get(); err == nil {
			return
		}
	}
	p.Errorf("no call is answered any more: %v", err)
}

// TestNeverHangs: a connection of HTTP/2 that nobody answers on is not kept.
func TestNeverHangs(t *testing.T) {
	t.Parallel()
	t.Run("SilentConnection", func(t *testing.T) {
		t.Parallel()
		p := newPartner(t, time.Second)
		p.recovers()
		p.goSilent()
		p.recovers()
		if n := p.conns.Load(); n < 2 {
			t.Errorf("%d connections", n)
		}
	})
	t.Run("SilentWhileIdle", func(t *testing.T) { // nobody has to call for it to be found
		t.Parallel()
		p := newPartner(t, 50*time.Millisecond)
		closed := make(chan struct{})
		var once sync.Once
		conns := 0
		network := transport.NewNetwork(transport.NetworkOptions{
			Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				conns++
				return &watchedConn{conn, func() { once.Do(func() { close(closed) }) }}, err
			},
			TLS: &tls.Config{InsecureSkipVerify: true}, Connections: 8, CallTimeout: 50 * time.Millisecond,
		})
		t.Cleanup(network.CloseIdleConnections)
		p.rt = network
		if err := p.get(); err != nil {
			t.Fatal(err)
		}
		p.goSilent()
		<-closed
	})
	t.Run("PingsAreAnswered", func(t *testing.T) { // but calls are not
		t.Parallel()
		p := newPartner(t, time.Second)
		p.handler = func(_ http.ResponseWriter, r *http.Request) {
			if r.Context().Value(connKey{}) == int64(1) && r.URL.Path == "/" && p.conns.Load() < 2 {
				<-r.Context().Done()
			}
		}
		p.recovers()
	})
}

type watchedConn struct {
	net.Conn
	closed func()
}

func (c *watchedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// TestSlowCallKeepsConnection: one call that takes too long is not the connection's
// fault while others are answered on it.
func TestSlowCallKeepsConnection(t *testing.T) {
	t.Parallel()
	p := newPartner(t, 2*time.Second)
	slow := make(chan struct{})
	p.handler = func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Slow") != "" {
			close(slow)
			<-r.Context().Done()
		}
	}
	if err := p.get(); err != nil {
		t.Fatal(err)
	}
	over := make(chan error)
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url, nil)
		req.Header.Set("Slow", "1")
		_, err := p.rt.RoundTrip(req)
		over <- err
	}()
	<-slow
	if err := p.get(); err != nil { // answered while the slow one waits
		t.Fatal(err)
	}
	if err := <-over; transport.Failure(err) != "timeout" {
		t.Errorf("the slow call: %v", err)
	}
	if err := p.get(); err != nil {
		t.Error(err)
	}
	if n := p.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
