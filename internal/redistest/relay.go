package redistest

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
)

// Relay is an address behind which the server can change, as that of a managed
// service does after a failover, or go silent.
type Relay struct {
	// URL is its address, such as redis://127.0.0.1:6379.
	URL string

	mu    sync.Mutex
	to    string
	hung  bool
	mute  bool
	conns []net.Conn
}

// StartRelay starts a relay to a server, which ends with the test.
func StartRelay(t testing.TB, to *Server) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{URL: "redis://" + l.Addr().String()}
	r.Lead(to)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { r.serve(c, &work) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		for _, c := range r.conns {
			c.Close()
		}
		r.mu.Unlock()
		work.Wait()
	})
	return r
}

// Lead has new connections lead to another server. Those that are open stay.
func (r *Relay) Lead(to *Server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = strings.TrimPrefix(to.URL, "redis://")
}

// Hang has nothing pass any more on any connection, or lets it pass again; new
// connections are still accepted.
func (r *Relay) Hang(hung bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hung = hung
}

// Mute has nothing pass any more that the server says, or lets it pass again: what it is
// asked it does.
func (r *Relay) Mute(mute bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mute = mute
}

func (r *Relay) serve(client net.Conn, work *sync.WaitGroup) {
	r.mu.Lock()
	to := r.to
	r.conns = append(r.conns, client)
	r.mu.Unlock()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
	if err != nil {
		client.Close()
		return
	}
	r.mu.Lock()
	r.conns = append(r.conns, server)
	r.mu.Unlock()
	work.Go(func() { r.pass(client, server, true) })
	r.pass(server, client, false)
}

// pass copies what comes. What comes while the relay hangs, or is mute, is gone.
func (r *Relay) pass(to, from net.Conn, answers bool) {
	defer to.Close()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		r.mu.Lock()
		hung := r.hung || r.mute && answers
		r.mu.Unlock()
		if n > 0 && !hung {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
