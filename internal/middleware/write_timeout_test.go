package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/middleware"
)

const writeTimeout = 10 * time.Second

// pipes is a network within a bubble. Its connections hold nothing: what one end
// writes waits until the other reads.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, open := <-p; open {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }
func (p pipes) Close() error   { close(p); return nil } // by the server, once

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p <- theirs
	return ours, nil
}

// slowRead is a server in a bubble and a client that takes its time.
type slowRead struct {
	*testing.T
	network pipes
	client  *http.Client
	over    chan time.Duration // how long the handler took
}

// bothProtocols runs a test in a bubble over HTTP/1 and over HTTP/2, against a
// server with one handler.
func bothProtocols(t *testing.T, handler http.HandlerFunc, test func(s *slowRead)) {
	t.Helper()
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP2=%t", h2), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				protocols := &http.Protocols{}
				protocols.SetHTTP1(!h2)
				protocols.SetUnencryptedHTTP2(h2)
				s := &slowRead{T: t, network: make(pipes), over: make(chan time.Duration, 1)}
				outside := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					begin := time.Now()
					defer func() { s.over <- time.Since(begin) }()
					handler(w, r)
				})
				server := &http.Server{Handler: middleware.WriteTimeout(writeTimeout)(outside), Protocols: protocols}
				go func() { _ = server.Serve(s.network) }()
				transport := &http.Transport{
					DialContext: s.network.dial, Protocols: protocols, ReadBufferSize: 4 << 10,
					HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
				}
				s.client = &http.Client{Transport: transport}
				test(s)
				transport.CloseIdleConnections()
				_ = server.Close()
				synctest.Wait()
			})
		})
	}
}

func (s *slowRead) get() *http.Response {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://server/", nil)
	if err != nil {
		s.Fatal(err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	return res
}

// read reads n bytes at a time, and waits in between.
func (s *slowRead) read(n int64, pause time.Duration) (total int64, err error) {
	s.Helper()
	res := s.get()
	defer res.Body.Close()
	for {
		m, err := io.CopyN(io.Discard, res.Body, n)
		total += m
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		time.Sleep(pause)
	}
}

const answerSize = 8 * middleware.WritePiece

var (
	inOneGo  = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, answerSize)) }
	inPieces = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(zeros{}, answerSize), make([]byte, 4<<10))
	}
)

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestWriteTimeout(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{"InOneGo": inOneGo, "InPieces": inPieces} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				name  string
				n     int64
				pause time.Duration
				whole bool
			}{
				{"Fast", 1 << 20, 0, true},
				{"Steady", middleware.WritePiece / 4, writeTimeout / 5, true},
				{"Trickle", 1 << 10, writeTimeout / 5, false},
			} {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					bothProtocols(t, handler, func(s *slowRead) {
						total, err := s.read(c.n, c.pause)
						if (err == nil && total == answerSize) != c.whole {
							s.Errorf("%d bytes of %d, %v", total, answerSize, err)
						}
					})
				})
			}
			t.Run("Nothing", func(t *testing.T) {
				t.Parallel()
				bothProtocols(t, handler, func(s *slowRead) {
					res := s.get()
					defer res.Body.Close()
					if took := <-s.over; took < writeTimeout || took > 2*writeTimeout {
						s.Errorf("the handler is over after %v", took)
					}
				})
			})
		})
	}
	// Time in which nothing is written is the handler's own.
	t.Run("LongSilence", func(t *testing.T) {
		t.Parallel()
		bothProtocols(t, func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				time.Sleep(time.Hour)
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
			}
			time.Sleep(time.Hour)
		}, func(s *slowRead) {
			res := s.get()
			defer res.Body.Close()
			if text, err := io.ReadAll(res.Body); string(text) != "xxx" || err != nil {
				s.Errorf("%q %v", text, err)
			}
		})
	})
	// The time for one answer is not that for the next, of which the server writes
	// something before the handler does.
	t.Run("NextRequest", func(t *testing.T) {
		t.Parallel()
		onePipe(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		}, func(t *testing.T, conn net.Conn, _ <-chan time.Time) {
			answers := bufio.NewReader(conn)
			for range 2 {
				if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				if res, err := http.ReadResponse(answers, nil); err != nil || res.StatusCode != http.StatusContinue {
					t.Fatalf("%v %v", res, err)
				}
				if _, err := io.WriteString(conn, "body"); err != nil {
					t.Fatal(err)
				}
				res, err := http.ReadResponse(answers, nil)
				if err != nil {
					t.Fatal(err)
				}
				if text, err := io.ReadAll(res.Body); string(text) != "body" || err != nil {
					t.Errorf("%q %v", text, err)
				}
				_ = res.Body.Close()
				time.Sleep(time.Hour)
			}
		})
	})
	// A small answer leaves after its handler.
	t.Run("SmallAnswer", func(t *testing.T) {
		t.Parallel()
		onePipe(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "x")
		}, func(t *testing.T, conn net.Conn, closed <-chan time.Time) {
			begin := time.Now()
			if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: server\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if took := (<-closed).Sub(begin); took != writeTimeout {
				t.Errorf("the connection is closed after %v", took)
			}
		})
	})
}

// onePipe runs a test in a bubble on a connection of HTTP/1 to a server with one
// handler; closed tells when the server closes it.
func onePipe(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, conn net.Conn, closed <-chan time.Time)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network, closed := make(pipes), make(chan time.Time, 1)
		server := &http.Server{
			Handler: middleware.WriteTimeout(writeTimeout)(handler),
			ConnState: func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					closed <- time.Now()
				}
			},
		}
		go func() { _ = server.Serve(network) }()
		conn, err := network.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = conn.Close()
			_ = server.Close()
			synctest.Wait()
		}()
		test(t, conn, closed)
	})
}
