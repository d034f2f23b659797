package tests

import (
	"bufio"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fsgateway/internal/sandbox"
)

// secureSandbox is the partner over TLS and HTTP/2, and the file of the authority
// that a gateway has to trust for it. Its certificate names example.com.
func secureSandbox(t *testing.T) (address, authority string) {
	t.Helper()
	s := sandbox.New(sandbox.Options{})
	server := httptest.NewUnstartedServer(s)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(func() {
		server.Close()
		_ = s.Close()
	})
	authority = filepath.Join(t.TempDir(), "authority.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(authority, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.Listener.Addr().String(), authority
}

// accept serves the connections of a new listener until the test ends.
func accept(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	end, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		stop()
		l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(end, func() { conn.Close() })
			wg.Go(func() {
				serve(conn)
				conn.Close()
			})
		}
	})
	return l.Addr().String()
}

// join passes what comes from either side to the other while open says so; then it
// swallows it.
func join(t *testing.T, ours net.Conn, to string, open func() bool) {
	theirs, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to)
	if err != nil {
		return
	}
	defer theirs.Close()
	pass := func(to, from net.Conn) {
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if open() {
				_, _ = to.Write(buffer[:n])
			}
			if err != nil {
				to.Close()
				return
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { pass(ours, theirs) })
	pass(theirs, ours)
	wg.Wait()
}

const clinicQuery = `{"query":"{ clinic { name } }"}`

// testSilentConnection: the connection to the partner goes silent, and new ones
// would pass.
func testSilentConnection(t *testing.T, binary string) {
	partner, authority := secureSandbox(t)
	var silenced atomic.Int64 // connections up to this one
	var accepted atomic.Int64
	relay := accept(t, func(conn net.Conn) {
		n := accepted.Add(1)
		join(t, conn, partner, func() bool { return n > silenced.Load() })
	})
	p := launchIn(t, binary, []string{"SSL_CERT_FILE=" + authority}, "--upstream", "https://"+relay+"/api", "--call-timeout", "2s")
	answered := func() bool {
		status, text, err := exchange(http.DefaultClient, t, http.MethodPost, p.address+"/graphql", clinicQuery)
		return err == nil && status == http.StatusOK && strings.Contains(text, `{"data":{"clinic":{"name":"`)
	}
	if !answered() {
		t.Fatal("it does not answer")
	}
	silenced.Store(accepted.Load())
	for range 10 { // two are enough
		if answered() {
			return
		}
	}
	t.Errorf("it does not recover; connections: %d", accepted.Load())
}

// testUnsolicitedBytes: what the partner sends after an answer, or in place of one,
// is in nothing that the program writes.
func testUnsolicitedBytes(t *testing.T, binary string) {
	const canary = "Jane-Canary-1980-01-02"
	body := `{"clinic":{"id":"c1","name":"A clinic"}}`
	whole := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	for name, answer := range map[string]string{
		"AfterAnswer":  whole + canary + "\r\n",
		"SecondAnswer": whole + "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"" + canary + "\"",
		"NoHTTP":       canary + "\r\n\r\n",
		"BadHeader":    "HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n",
		"BadStatus":    "HTTP/1.1 " + canary + "\r\n\r\n",
		"BadLength":    "HTTP/1.1 200 OK\r\nContent-Length: " + canary + "\r\n\r\n",
		"BadChunk":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + canary + "\r\n",
		"BadCoding":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + canary + "\r\n\r\n",
		"Truncated":    strings.Replace(whole, "A clinic", canary, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			partner := accept(t, func(conn net.Conn) {
				requests := bufio.NewReader(conn)
				for {
					req, err := http.ReadRequest(requests)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if _, err := io.WriteString(conn, answer); err != nil {
						return
					}
					if !strings.HasPrefix(answer, whole) {
						return
					}
				}
			})
			p := launch(t, binary, "--upstream", "http://"+partner+"/api", "--drain-delay", "0s", "--log-level", "trace")
			for range 3 {
				if _, text, err := exchange(http.DefaultClient, t, http.MethodPost, p.address+"/graphql", clinicQuery); err != nil || strings.Contains(text, canary) && name != "Truncated" {
					t.Errorf("%s %v", text, err)
				}
			}
			p.signal(os.Interrupt)
			p.ends(0)
			if strings.Contains(p.out.String(), "Canary") {
				t.Errorf("it wrote\n%s", p.out.String())
			}
		})
	}
}

// testProxy: the partner is reached through the proxy of the environment, and
// trusted by the authorities of the environment.
func testProxy(t *testing.T, binary string) {
	partner, authority := secureSandbox(t)
	var asked atomic.Value
	proxy := accept(t, func(conn net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		asked.Store(req.Method + " " + req.Host)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		join(t, conn, partner, func() bool { return true })
	})
	environment := []string{"SSL_CERT_FILE=" + authority, "HTTPS_PROXY=http://" + proxy, "NO_PROXY=elsewhere.example"}
	p := launchIn(t, binary, environment, "--upstream", "https://example.com/api")
	status, text, err := exchange(http.DefaultClient, t, http.MethodPost, p.address+"/graphql", clinicQuery)
	if err != nil || status != http.StatusOK || !strings.Contains(text, `{"data":{"clinic":{"name":"`) {
		t.Errorf("%d %s %v", status, text, err)
	}
	if got := asked.Load(); got != "CONNECT example.com:443" {
		t.Errorf("the proxy was asked %v", got)
	}
	if p.health() != 0 {
		t.Error("the health check goes through the proxy")
	}
}
