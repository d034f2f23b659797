package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// idleConnTimeout is less than the minute after which many load balancers drop an
// idle connection, so that none is used while it is being dropped.
const idleConnTimeout = 50 * time.Second

// NetworkOptions say how the partner is reached.
type NetworkOptions struct {
	Dial  func(ctx context.Context, network, address string) (net.Conn, error)
	Proxy func(*http.Request) (*url.URL, error) // nil for none
	TLS   *tls.Config                           // nil for the system's
	// Connections is how many idle ones are kept: net/http keeps two to a host by
	// default, and a fan-out would open the rest anew each time.
	Connections int
	// CallTimeout is how long one call may take, as [Timeout] has it. A connection
	// that is silent for as long is closed.
	CallTimeout time.Duration
}

// Network is net/http's transport, but for HTTP/2 connections that have gone bad.
// All calls to a host share one, so one that nobody answers on fails every call for
// as long as it is kept.
//
// A connection on which nothing at all arrives is found by a ping, and closed. One
// on which pings are answered but calls are not, as behind a proxy whose backend is
// gone, is given up when a call used its whole time and no other call was answered
// on it meanwhile: new calls go over new connections. Calls under way stay where
// they are, each with its own time.
type Network struct {
	mu      sync.Mutex
	current *http.Transport
}

// NewNetwork returns a Network without connections.
func NewNetwork(o NetworkOptions) *Network {
	return &Network{current: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := o.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		Proxy:               o.Proxy,
		TLSClientConfig:     o.TLS,
		TLSHandshakeTimeout: o.CallTimeout,
		MaxIdleConnsPerHost: o.Connections,
		IdleConnTimeout:     idleConnTimeout,
		ForceAttemptHTTP2:   true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  o.CallTimeout / 2,
			PingTimeout:      o.CallTimeout / 2,
			WriteByteTimeout: o.CallTimeout,
		},
	}}
}

// RoundTrip makes a call.
func (n *Network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	transport := n.current
	n.mu.Unlock()

	if r.URL.Scheme == "http" { // never HTTP/2
		return transport.RoundTrip(r)
	}
	var conn *countedConn // nil unless HTTP/2
	var answers int64
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if conn = http2Conn(info.Conn); conn != nil {
			answers = conn.answers.Load()
		}
	}})
	res, err := transport.RoundTrip(r.WithContext(ctx))
	switch {
	case conn == nil:
	case err == nil:
		conn.answers.Add(1)
	case errors.Is(context.Cause(ctx), errCallTimeout) && conn.answers.Load() == answers:
		n.giveUp(transport)
	}
	return res, err
}

// giveUp lets no new call use the connections of a transport.
func (n *Network) giveUp(transport *http.Transport) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.current == transport { // else another call was first
		n.current = transport.Clone()
		transport.CloseIdleConnections() // the others close when they have been idle for long enough
	}
}

// CloseIdleConnections closes the connections that no call is using.
func (n *Network) CloseIdleConnections() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.current.CloseIdleConnections()
}

// countedConn is a connection that knows how many calls were answered on it.
type countedConn struct {
	net.Conn
	answers atomic.Int64
}

// http2Conn returns what carries an HTTP/2 connection, nil for one of HTTP/1, which
// net/http closes with the call that timed out on it.
func http2Conn(conn net.Conn) *countedConn {
	secure, ok := conn.(*tls.Conn)
	if !ok || secure.ConnectionState().NegotiatedProtocol != "h2" {
		return nil
	}
	for ok { // TLS within TLS, with a proxy of https
		conn = secure.NetConn()
		secure, ok = conn.(*tls.Conn)
	}
	counted, _ := conn.(*countedConn)
	return counted
}
