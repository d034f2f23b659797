package gateway

import (
	"context"
	"errors"
	"net/url"

	"fsgateway/graph/wire"
	"fsgateway/internal/middleware"
	"fsgateway/internal/transport"
)

// authenticate makes the context of a caller whose Authorization came in a
// socket's first message.
func (g *Gateway) authenticate(ctx context.Context, authorization string) (context.Context, error) {
	token, ok := middleware.Token(authorization)
	if !ok {
		return nil, errors.New("no bearer token")
	}
	return g.withToken(ctx, token), nil
}

// operation makes the context of one operation of a socket: its calls and its
// errors are counted as if it had come alone.
func (g *Gateway) operation(ctx context.Context) context.Context {
	return g.operationSpan(as(middleware.Part(ctx), transport.CallerFrom(ctx)))
}

// described is what the log says of an operation.
func described(r wire.Result) middleware.Operation {
	o := middleware.Operation{Type: r.Type}
	if len(r.Operation) <= maxOperationName {
		o.Name = r.Operation
	}
	return o
}

// progress counts what a subscription that goes on has answered. Its end may be days away.
func (g *Gateway) progress(ctx context.Context, r wire.Result) {
	g.metrics.codes(r.Codes)
	middleware.EntryFrom(ctx).Stream(g.log, described(r), r.Codes, func(calls int64) {
		g.metrics.perOperation.WithLabelValues(r.Type).Observe(float64(calls))
	})
}

// done notes a GraphQL response.
func (g *Gateway) done(ctx context.Context, r wire.Result) {
	entry := middleware.EntryFrom(ctx)
	entry.Over()
	entry.Operation = described(r)
	entry.Operation.Codes, entry.Operation.Canceled = r.Codes, r.Canceled
	took, part := entry.Join()
	g.operationDone(ctx, entry, part) // before the line, which takes its figures away
	if part {
		g.metrics.failures(entry)
		g.metrics.operation(entry, r.Status, took)
		entry.Write(g.log.Info(), r.Status, took, "operation")
	}
}

// closed notes why a socket is closed, which no answer says.
func (g *Gateway) closed(ctx context.Context, status int, code string) {
	entry := middleware.EntryFrom(ctx)
	entry.Closed = status
	if code != "" {
		entry.Operation.Codes = []string{code}
		g.metrics.codes(entry.Operation.Codes)
	}
}

// origins are those of the pages that may use a cookie and open sockets. The
// gateway's own page is one behind a proxy, too, that calls the gateway by another
// name.
func (g *Gateway) origins() []string {
	origins := append([]string{}, g.config.CORSOrigins...)
	if u, err := url.Parse(g.config.publicURL()); err == nil {
		origins = append(origins, u.Scheme+"://"+u.Host)
	}
	return origins
}

// drainSockets lets sockets leave while the servers are shut down, which does
// not wait for them.
func (g *Gateway) drainSockets() {
	g.graphql.Sockets.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), g.config.DrainTimeout)
	g.leaving.Go(func() {
		defer cancel()
		g.graphql.Sockets.Shutdown(ctx)
	})
}

// closeSockets ends those that nobody asked to leave.
func (g *Gateway) closeSockets() {
	if g.graphql == nil { // it was never made whole
		return
	}
	g.leaving.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g.graphql.Sockets.Shutdown(ctx)
}
