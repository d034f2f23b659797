package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fsgateway/internal/transport"
)

// TestGoAway: a partner that ends an HTTP/2 connection while calls are under way loses none
// of those that it says it has not seen.
func TestGoAway(t *testing.T) {
	t.Parallel()
	known := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer known.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: known.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var connections atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveHTTP2(conn, connections.Add(1) == 1)
		}
	}()
	network := transport.NewNetwork(transport.NetworkOptions{
		Dial: (&net.Dialer{}).DialContext, Connections: 4, CallTimeout: time.Minute,
		TLS: known.Client().Transport.(*http.Transport).TLSClientConfig,
	})
	defer network.CloseIdleConnections()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+l.Addr().String()+"/clinic", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := network.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "{}" {
		t.Errorf("%s %v", body, err)
	}
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// serveHTTP2 answers on a connection, or says that it goes away and has seen nothing.
func serveHTTP2(conn net.Conn, leaves bool) {
	defer conn.Close()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	f := http2.NewFramer(conn, bufio.NewReader(conn))
	_ = f.WriteSettings()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			if leaves {
				_ = f.WriteGoAway(0, http2.ErrCodeNo, nil)
				continue // until the client leaves
			}
			var block strings.Builder
			_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.StreamID, BlockFragment: []byte(block.String()), EndHeaders: true})
			_ = f.WriteData(frame.StreamID, true, []byte("{}"))
		}
	}
}
