package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"fsgateway/internal/middleware"
	"fsgateway/internal/obs"
)

// Spans say what the log line and the metrics do, of one operation: how long each wave, each
// call and each command took. Names and attributes are the gateway's own but for the
// operation's name; paths are templates.

// openTracer has spans sent, if there is a collector.
func (g *Gateway) openTracer() (err error) {
	g.tracer, err = obs.NewTracer(obs.TracerOptions{
		Endpoint: g.config.OTLPEndpoint, Ratio: g.config.TraceRatio, Version: g.build.known().Version,
		Failed: func(error) { g.metrics.spansLost.Inc() },
	})
	if err != nil {
		return fmt.Errorf("%s: %w", g.config.name(&g.config.OTLPEndpoint), err)
	}
	g.close = append(g.close, g.tracer.Close)
	return nil
}

// traced makes a request part of the trace that it says it is part of, or of a new one.
func (g *Gateway) traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := obs.Received(r.Context(), r.Header)
		entry := middleware.EntryFrom(ctx)
		var span trace.Span
		if g.tracer.On() {
			ctx, span = g.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
			rec := &middleware.StatusRecorder{ResponseWriter: w, Status: http.StatusOK}
			w = rec
			defer func() { // the route is known by now
				span.SetName(entry.Method + " " + entry.Route)
				span.SetAttributes(attribute.String("http.route", entry.Route), attribute.String("http.request.method", entry.Method),
					attribute.Int("http.response.status_code", rec.Status))
				if rec.Status >= http.StatusInternalServerError {
					span.SetStatus(codes.Error, http.StatusText(rec.Status))
				}
				noteCodes(span, entry.Codes()) // of what was refused outside of GraphQL, too
				span.End()
			}()
		}
		if at := trace.SpanContextFromContext(ctx); at.IsValid() {
			entry.TraceID, entry.Sampled = at.TraceID().String(), span != nil && at.IsSampled()
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

// noteCodes notes the codes of the errors that left, of which one makes a span that of a
// failure.
func noteCodes(span trace.Span, of []string) {
	if len(of) > 0 {
		span.SetAttributes(attribute.StringSlice("fsgateway.codes", of))
		span.SetStatus(codes.Error, of[0])
	}
}

// operationSpan begins the span of an operation that is one of many in its request.
func (g *Gateway) operationSpan(ctx context.Context) context.Context {
	if g.tracer.On() {
		ctx, _ = g.tracer.Start(ctx, "operation", trace.WithSpanKind(trace.SpanKindServer))
	}
	return ctx
}

// operationDone notes in the span of an operation how it went, and ends it if it is one of
// many in its request.
func (g *Gateway) operationDone(ctx context.Context, e *middleware.Entry, part bool) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		attribute.String("graphql.operation.type", e.Operation.Type), attribute.String("graphql.operation.name", e.Operation.Name),
		attribute.String("fsgateway.caller", e.Caller), attribute.Int("fsgateway.estimated_calls", e.Estimated),
		attribute.Int64("fsgateway.upstream_calls", e.UpstreamCalls.Load()), attribute.Int64("fsgateway.cache_hits", e.CacheHits.Load()),
		attribute.Int64("fsgateway.shared_calls", e.SharedCalls.Load()))
	if part { // else it is the request's, which notes them with its status
		noteCodes(span, e.Codes())
		span.SetName(e.Operation.Type)
		span.End()
	}
}

// waveSpan observes the waves of calls; nil if nobody wants to know.
func (g *Gateway) waveSpan() func(ctx context.Context, n int) (end func()) {
	if !g.tracer.On() {
		return nil
	}
	return func(ctx context.Context, n int) func() {
		_, span := g.tracer.Start(ctx, "wave "+strconv.Itoa(n))
		return func() { span.End() }
	}
}

// callSpan is the span of a call to the partner; the zero one is none.
type callSpan struct{ span trace.Span }

// callSpan begins the span of a call, and tells the partner of it.
func (g *Gateway) callSpan(r *http.Request, route string, entry *middleware.Entry) callSpan {
	ctx := r.Context()
	if !g.tracer.On() {
		if entry.TraceID != "" {
			obs.Send(ctx, r.Header)
		}
		return callSpan{}
	}
	ctx, span := g.tracer.Start(ctx, route, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("http.request.method", r.Method)))
	obs.Send(ctx, r.Header)
	return callSpan{span}
}

// end notes how the call went.
func (c callSpan) end(status int, outcome string) {
	if c.span == nil {
		return
	}
	c.span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status == 0 || status >= http.StatusInternalServerError {
		c.span.SetStatus(codes.Error, outcome)
	}
	c.span.End()
}

// commandSpan begins the span of a command to Redis that is part of a trace. Those that the
// gateway sends by itself, all the time, are part of none.
func (g *Gateway) commandSpan(ctx context.Context, name string) (end func(error)) {
	if !g.tracer.On() || !trace.SpanContextFromContext(ctx).IsValid() {
		return func(error) {}
	}
	_, span := g.tracer.Start(ctx, "redis "+name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("db.system.name", "redis")))
	return func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "failed")
		}
		span.End()
	}
}

// sign says in the headers of a call who makes it.
func (g *Gateway) sign(_ context.Context, h http.Header) { h["User-Agent"] = g.userAgent }

// number says in the headers of a call which of a request's calls it is, attempts counted
// singly: the request's id and a number, since the partner may take it for its own.
func number(h http.Header, entry *middleware.Entry) {
	if id := entry.RequestID; id != "" {
		h["X-Request-Id"] = []string{id + "." + strconv.FormatInt(entry.NumberCall(), 10)}
	}
}
