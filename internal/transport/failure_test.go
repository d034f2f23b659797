package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"fsgateway/internal/transport"
)

// TestFailure names what net/http met, with real connections where one can be had.
func TestFailure(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = nil
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	raw := func(serve func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				serve(conn)
				conn.Close()
			}
		}()
		return l.Addr().String()
	}
	asks := func(conn net.Conn) { _, _ = conn.Read(make([]byte, 4096)) }
	gone := raw(asks)
	broken := raw(func(conn net.Conn) {
		asks(conn)
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	noTLS := raw(func(conn net.Conn) {
		asks(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	noHTTP := raw(func(conn net.Conn) {
		asks(conn)
		_, _ = io.WriteString(conn, "SSH-2.0-something\r\n\r\n")
	})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, c := range []struct {
		name, url, want string
		tls             *tls.Config
	}{
		{"Refused", "http://" + closed.Addr().String(), "refused", nil},
		{"Authority", secure.URL, "tls_authority", nil},
		{"Name", secure.URL, "tls_name", &tls.Config{RootCAs: roots, ServerName: "other.example"}},
		{"Alert", secure.URL, "tls", &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}}, //nolint:gosec // what an old client would do
		{"NoTLS", "https://" + noTLS, "tls", nil},
		{"Gone", "http://" + gone, "reset", nil},
		{"Reset", "http://" + broken, "reset", nil},
		{"NoHTTP", "http://" + noHTTP, "connection", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			network := transport.NewNetwork(transport.NetworkOptions{Dial: (&net.Dialer{}).DialContext, TLS: c.tls, CallTimeout: 1e11})
			defer network.CloseIdleConnections()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := network.RoundTrip(req)
			if err == nil {
				res.Body.Close()
			}
			if got := transport.Failure(err); got != c.want {
				t.Errorf("%q, want %q: %v", got, c.want, err)
			}
		})
	}
	for want, err := range map[string]error{
		"":            nil,
		"dns":         &net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}},
		"timeout":     fmt.Errorf("call: %w", context.DeadlineExceeded),
		"canceled":    context.Canceled,
		"tls_expired": &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}},
		"proxy":       &net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED},
		"unreachable": &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH},
		"reset":       errors.New("http2: client connection lost"),
		"connection":  errors.New("Jane Doe"),
	} {
		if got := transport.Failure(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}
