package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

const fileSize = 2560 << 10

// largeFiles is a partner with attachments of that size, and with patients.
func largeFiles(t *testing.T) string {
	t.Helper()
	file := make([]byte, fileSize)
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/download") {
			_, _ = w.Write(file)
			return
		}
		_, _ = io.WriteString(w, `{"patient":{"id":"p1","first_name":"Ada","date_of_birth":"2000-01-01"}}`)
	}))
	t.Cleanup(partner.Close)
	return partner.URL + "/api"
}

// slowReaders are clients of a gateway who do not read what they ask for.
type slowReaders struct {
	*harness
	admin http.Handler
	ask   func(path string) // and reads nothing of the answer
}

// narrow dials connections with a small receive buffer.
func narrow(t *testing.T) func(ctx context.Context, network, address string) (net.Conn, error) {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		return errors.Join(c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
		}), err)
	}}
	return dialer.DialContext
}

// deaf is a connection whose owner reads nothing until the test is over.
type deaf struct {
	net.Conn
	over <-chan struct{}
}

func (d *deaf) Read([]byte) (int, error) {
	<-d.over
	return 0, net.ErrClosed
}

// slowly makes the clients of one protocol: those of HTTP/1.1 with a connection
// each, those of HTTP/2 with a stream each whose window stays closed.
func slowly(t *testing.T, protocol string, c gateway.Config) *slowReaders {
	t.Helper()
	c.Upstream = largeFiles(t)
	c.H2C = true
	address, running := serving(t, c)
	dial := narrow(t)
	over, leave := context.WithCancel(t.Context())
	transport := &http.Transport{
		Protocols: &http.Protocols{}, DialContext: dial, ReadBufferSize: 4 << 10,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
	}
	s := &slowReaders{harness: &harness{t: t, url: address}, admin: running.Servers[1].Handler}
	switch protocol {
	case "HTTP1":
		transport.Protocols.SetHTTP1(true)
	case "TLS":
		server := httptest.NewUnstartedServer(running.Servers[0].Handler)
		server.EnableHTTP2 = true
		server.StartTLS()
		t.Cleanup(server.Close)
		s.url, s.client = server.URL, server.Client()
		transport.Protocols.SetHTTP2(true)
		transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	default:
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	if protocol == "H2CDeaf" {
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &deaf{conn, over.Done()}, nil
		}
	}
	s.ask = func(path string) {
		req, err := http.NewRequestWithContext(over, http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
		go func() {
			res, err := transport.RoundTrip(req)
			if err == nil {
				<-over.Done()
				_ = res.Body.Close()
			}
		}()
	}
	t.Cleanup(func() {
		leave()
		transport.CloseIdleConnections()
	})
	return s
}

// figure is a metric of the gateway, with its labels.
func (s *slowReaders) figure(name string) int {
	s.t.Helper()
	res := httptest.NewRecorder()
	s.admin.ServeHTTP(res, httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://127.0.0.1/metrics", nil))
	_, rest, _ := strings.Cut(res.Body.String(), "\nfsgateway_"+name+" ")
	value, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		s.t.Fatalf("%s: %v in %s", name, err, res.Body)
	}
	return int(n)
}

// file downloads an attachment as another caller.
func (s *slowReaders) file() {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/resources/r1/download", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer another")
	res, err := s.http().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); n != fileSize || err != nil || res.StatusCode != http.StatusOK {
		s.t.Errorf("%d, %d bytes, %v", res.StatusCode, n, err)
	}
}

var protocols = []string{"HTTP1", "H2C", "H2CDeaf", "TLS"}

// TestSlowReaders: 64 downloads whose reader has stopped take nothing that other
// callers need, and are given up.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	const downloads = 64
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			t.Run("OthersGoOn", func(t *testing.T) {
				t.Parallel()
				c := config()
				c.OperationTimeout, c.CallTimeout, c.WriteTimeout = time.Hour, time.Hour, time.Hour
				c.MaxConcurrency, c.MaxDownloads, c.MaxDownloadsPerCaller = 2, 4, 3
				s := slowly(t, protocol, c)
				s.as(sandbox.TokenPractitioner, `{ patient(id: "p1") { firstName } }`) // now the partner knows who reads
				for range downloads {
					s.ask("/resources/r1/download")
				}
				eventually(t, func() bool {
					return s.figure("requests_in_flight") == downloads && s.figure("upstream_calls_in_flight") == c.MaxDownloadsPerCaller
				}, "the downloads do not begin")
				for _, token := range []string{"another", sandbox.TokenPractitioner} {
					if a := s.as(token, `{ patient(id: "p1") { firstName dateOfBirth } }`); len(a.Errors) > 0 || at(t, a.Data, "patient.firstName") != "Ada" {
						t.Errorf("%+v", a)
					}
				}
				s.file()
			})
			t.Run("GivenUp", func(t *testing.T) {
				t.Parallel()
				c := config()
				c.OperationTimeout, c.CallTimeout, c.WriteTimeout = time.Hour, time.Hour, 100*time.Millisecond
				s := slowly(t, protocol, c)
				for range downloads {
					s.ask("/resources/r1/download")
				}
				eventually(t, func() bool { return s.figure("requests_in_flight") > 0 }, "the downloads do not begin")
				eventually(t, func() bool {
					return s.figure("requests_in_flight") == 0 && s.figure("upstream_calls_in_flight") == 0
				}, "the downloads are not given up")
			})
		})
	}
}

// TestTooManyDownloads: who waits for too long for a place is told when to come
// back.
func TestTooManyDownloads(t *testing.T) {
	t.Parallel()
	c := config()
	c.OperationTimeout, c.CallTimeout, c.WriteTimeout = 50*time.Millisecond, time.Hour, time.Hour
	c.MaxDownloads = 1
	s := slowly(t, "HTTP1", c)
	s.ask("/resources/r1/download")
	eventually(t, func() bool { return s.figure("upstream_calls_in_flight") == 1 }, "the download does not begin")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/resources/r1/download", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer another")
	res, err := s.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" || !strings.Contains(string(body), `"RATE_LIMITED"`) {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}

// TestSlowReadersAnywhere: a client who asks for one thing after another and reads
// nothing is cut off, whatever it asks for.
func TestSlowReadersAnywhere(t *testing.T) {
	t.Parallel()
	c := config()
	c.WriteTimeout = 100 * time.Millisecond
	address, running := serving(t, c)
	front, admin := strings.TrimPrefix(address, "http://"), running.Servers[1].Listener.Addr().String()
	for path, address := range map[string]string{
		"/":               front,
		"/schema.graphql": front,
		"/llms.txt":       front,
		"/nothing":        front,
		"/_sandbox/calls": front,
		"/graphql?query={clinic{name,address1,createdAt}}": front,
		"/graphql?query={": front,
		"/oauth/session":   front,
		"/metrics":         admin,
		"/livez":           admin,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			conn, err := narrow(t)(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, address, sandbox.TokenPractitioner)
			eventually(t, func() bool {
				_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
				for range 20 {
					if _, err := io.WriteString(conn, request); err != nil {
						return !errors.Is(err, os.ErrDeadlineExceeded)
					}
				}
				return false
			}, "it is not cut off")
		})
	}
}
