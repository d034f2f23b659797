package gateway

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"fsgateway/graph/apierror"
	"fsgateway/graph/wire/socket"
	"fsgateway/internal/middleware"
	"fsgateway/internal/quota"
)

// clients are what clients hold before they are known: connections, sockets and bodies that
// they have not sent to the end, each bounded for a network and in total.
type clients struct {
	proxies     middleware.Proxies
	connections *quota.Quota
	requests    *quota.Quota // on connections that carry those of many
	sockets     *quota.Quota
	bodies      *quota.Quota
	answers     *quota.Quota // bytes of large ones that are being sent

	open    sync.Map // net.Conn -> netip.Prefix, of the connections that count
	refused func(what string)

	// overloaded is told of connections that were refused, at most once a second, for a
	// flood of them must not be one of the log: from whom the last was, and how many there
	// were since it was told.
	overloaded func(from netip.Addr, n int)
	mu         sync.Mutex
	told       time.Time
	turnedAway int
}

// What can be refused, which labels a metric.
const (
	ofConnections = "connection"
	ofRequests    = "request"
	ofSockets     = "socket"
	ofBodies      = "body"
	ofAnswers     = "answer"
)

// refusable are those, so that there is a figure before the first one.
var refusable = []string{ofConnections, ofRequests, ofSockets, ofBodies, ofAnswers}

func newClients(c *Config, refused func(what string), overloaded func(from netip.Addr, n int)) *clients {
	return &clients{
		proxies:     middleware.Proxies{Trusted: c.proxies(), Header: c.ForwardedHeader},
		connections: quota.New(c.MaxConnections, c.MaxConnectionsPerClient),
		requests:    quota.New(c.MaxConnections, c.MaxConnectionsPerClient),
		sockets:     quota.New(c.MaxSockets, c.MaxSocketsPerClient),
		bodies:      quota.New(c.MaxLargeBodies, c.MaxLargeBodiesPerClient),
		answers:     quota.New(c.MaxSending, c.MaxSendingPerClient),
		refused:     refused,
		overloaded:  overloaded,
	}
}

// networkOf returns the network of the client of the request in ctx.
func networkOf(ctx context.Context) netip.Prefix {
	return quota.Network(middleware.EntryFrom(ctx).Client)
}

// tooMany is what a connection is told that is one too many, before it has asked for
// anything.
const tooMany = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" +
	`{"errors":[{"message":"Too many connections; try again.","extensions":{"code":"` + apierror.CodeOverloaded + `"}}]}`

// connState counts the connections of a server. One too many is closed. Those of a proxy
// are bounded by the total alone, being those of many clients; those that become sockets
// count as such.
func (c *clients) connState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		peer := middleware.Peer(conn.RemoteAddr().String())
		of := quota.Network(peer)
		if c.proxies.Trusts(peer) {
			of = netip.Prefix{}
		}
		if c.connections.Take(of) != nil {
			c.turnAway(peer)
			if encrypted, ok := conn.(*tls.Conn); ok {
				conn = encrypted.NetConn() // there is no time for a handshake: it is told nothing
			} else {
				_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
				_, _ = conn.Write([]byte(tooMany)) // there is room for it in what the kernel keeps
			}
			conn.Close()
			return
		}
		c.open.Store(conn, of)
	case http.StateClosed, http.StateHijacked:
		if of, counted := c.open.LoadAndDelete(conn); counted {
			c.connections.Give(of.(netip.Prefix))
		}
	}
}

// turnAway notes a connection that is refused.
func (c *clients) turnAway(from netip.Addr) {
	c.refused(ofConnections)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turnedAway++
	if now := time.Now(); now.Sub(c.told) >= time.Second {
		c.overloaded(from, c.turnedAway)
		c.told, c.turnedAway = now, 0
	}
}

// refused counts what was refused. Of a connection nothing else does, there being no request.
func (g *Gateway) refused(what string) {
	g.metrics.refused.WithLabelValues(what).Inc()
	if what == ofConnections {
		g.metrics.codes([]string{apierror.CodeOverloaded})
	}
}

// overloaded logs connections that were refused.
func (g *Gateway) overloaded(from netip.Addr, n int) {
	g.log.Warn().Str("client", from.String()).Int("refused", n).Strs("codes", []string{apierror.CodeOverloaded}).Msg("connections are refused")
}

// countRequests bounds requests as connections are where a connection is not one of a client with
// one request at a time: one of HTTP/2 carries a hundred, and those of a proxy are of many clients.
// One too many goes to refuse. What becomes a socket counts as such.
func (c *clients) countRequests(next, refuse http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := r.ProtoMajor < 2 && !c.proxies.Trusts(middleware.Peer(r.RemoteAddr))
		if own || socket.IsUpgrade(r) && strings.HasSuffix(r.URL.Path, graphqlRoute) {
			next.ServeHTTP(w, r)
			return
		}
		of := networkOf(r.Context())
		if c.requests.Take(of) != nil {
			c.refused(ofRequests)
			refuse.ServeHTTP(w, r)
			return
		}
		defer c.requests.Give(of)
		next.ServeHTTP(w, r)
	})
}

// freeBody is how much of a body is read without being counted, in bytes. Most requests
// have less.
const freeBody = 16 << 10

// countBodies bounds the large bodies that are being read.
func (c *clients) countBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 || r.ContentLength > freeBody {
			body := quota.Body(r.Body, c.bodies, networkOf(r.Context()), freeBody, func() {
				c.refused(ofBodies)
				w.Header().Set("Connection", "close") // else net/http reads the rest before it answers
			})
			r.Body = body
			defer body.Leave() // closing it would wait for the rest
		}
		next.ServeHTTP(w, r)
	})
}

// countMessage is countBodies for a message of a socket.
func (c *clients) countMessage(ctx context.Context, message io.Reader) (counted io.Reader, leave func()) {
	body := quota.Body(io.NopCloser(message), c.bodies, networkOf(ctx), freeBody, func() { c.refused(ofBodies) })
	return body, body.Leave
}

// holdAnswer counts the bytes of an answer until leave is called; ok is false if there are too many.
func (c *clients) holdAnswer(ctx context.Context, bytes int) (leave func(), ok bool) {
	of := networkOf(ctx)
	if c.answers.TakeAll(of, bytes) != nil {
		c.refused(ofAnswers)
		return nil, false
	}
	return func() { c.answers.GiveAll(of, bytes) }, true
}

// takeSocket counts a socket until release is called; it returns false if it is one too many.
func (c *clients) takeSocket(ctx context.Context) (release func(), ok bool) {
	of := networkOf(ctx)
	if c.sockets.Take(of) != nil {
		c.refused(ofSockets)
		return nil, false
	}
	return func() { c.sockets.Give(of) }, true
}
