package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/transport"
)

// call notes a call to the partner when it begins, and how it went when it is over:
// in the metrics, in the log line of the request that it is part of, and for health.
func (g *Gateway) call(r *http.Request) (end func(status int, err error)) {
	start, ctx := time.Now(), r.Context()
	route := fsclient.Route(ctx)
	if route == "" {
		route = "other"
	}
	entry := middleware.EntryFrom(ctx)
	g.metrics.callsInFlight.Inc()
	span := g.callSpan(r, route, entry)
	number(r.Header, entry)
	return func(status int, err error) {
		took := time.Since(start)
		how := outcome(ctx, status, err)
		g.metrics.callsInFlight.Dec()
		span.end(status, how)
		observe(g.metrics.callDuration.WithLabelValues(route), took.Seconds(), entry)
		g.metrics.calls.WithLabelValues(route, how).Inc()
		if status == http.StatusTooManyRequests {
			g.metrics.rateLimited.Inc()
		}
		if line := g.log.Debug(); line.Enabled() {
			line.Str("requestId", entry.RequestID).Str("call", route).Str("outcome", how).
				Float64("durationMs", float64(took.Microseconds())/1000).Msg("upstream call")
		}
		failure := ""
		if err != nil || unavailable(status) {
			failure = how
		}
		if failure != "" && failure != "canceled" {
			entry.CallFailed(failure)
		}
		if g.tells(ctx, start, err) {
			g.health.Upstream(failure)
		}
	}
}

// sharing has identical reads of one caller that are under way at once be one call, and
// keeps the answers of those that may be kept.
func (g *Gateway) sharing() fsclient.Sharing {
	return fsclient.Sharing{
		Caller: func(ctx context.Context) string {
			if ctx.Value(learningKey{}) != nil {
				return "" // what waits for it may be what it would share
			}
			return transport.CallerFrom(ctx).Key
		},
		Shared:   func(ctx context.Context) { g.coalesced(ctx, 1) },
		Accepted: g.accepted.accept,
		Cache:    g.kept,
	}
}

// coalesced notes calls that were not made, for those of another operation brought the answer.
func (g *Gateway) coalesced(ctx context.Context, calls int64) {
	middleware.EntryFrom(ctx).SharedCalls.Add(calls)
	g.metrics.shared.Add(float64(calls))
}

// bounded refuses the calls of an operation beyond those that one may make, whatever was
// estimated. Calls that are made again count like all others.
func (g *Gateway) bounded(base http.RoundTripper) http.RoundTripper {
	most := g.config.MaxUpstreamCalls
	if most == 0 {
		return base
	}
	return transport.Func(func(r *http.Request) (*http.Response, error) {
		if !transport.Begin(r.Context(), most) {
			if r.Body != nil {
				r.Body.Close()
			}
			return nil, &fsclient.Refused{Kind: fsclient.KindTooExpensive}
		}
		return base.RoundTrip(r)
	})
}

// unavailable reports whether a status is that of a partner who is down. One that
// fails at a single call, with a 500, is not: else a client who knows such a call
// could take the gateway away from all the others.
func unavailable(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// unusable notes an answer that is of no use in the log line of the request that it is for: by its
// status or, if that is good, by what is wrong with it.
func unusable(ctx context.Context, e *fsclient.Error) {
	how := outcome(ctx, e.Status, nil)
	switch {
	case errors.Is(e, fsclient.ErrTooLarge):
		how = "too_large"
	case e.Status >= 200 && e.Status <= 299:
		how = "unreadable"
	}
	middleware.EntryFrom(ctx).CallFailed(how)
}

// outcome is how a call ended: a status, or the kind of failure.
func outcome(ctx context.Context, status int, err error) string {
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(err, context.DeadlineExceeded):
		return "canceled"
	case err != nil:
		return transport.Failure(err)
	case http.StatusText(status) == "": // whatever number the partner makes up
		return "other"
	}
	return statusText(status)
}

// statusText returns the digits of a status. Nearly all are 200.
func statusText(status int) string {
	if status == http.StatusOK {
		return "200"
	}
	return strconv.Itoa(status)
}

// noteHTTP counts what net/http would have logged. That a connection could not be
// accepted is logged, since the machine is short of something.
func (g *Gateway) noteHTTP(kind string) {
	g.metrics.http.WithLabelValues(kind).Inc()
	line := g.log.Debug()
	if kind == "accept" {
		line = g.log.Warn()
	}
	line.Str("kind", kind).Msg("net/http reports an error")
}
