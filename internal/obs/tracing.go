package obs

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Tracer makes spans and sends them to a collector.
type Tracer struct {
	trace.Tracer
	provider *sdk.TracerProvider // nil for one that makes none
}

// TracerOptions say where spans go.
type TracerOptions struct {
	// Endpoint is the collector's address for OTLP over HTTP, such as
	// http://127.0.0.1:4318; "" for no spans.
	Endpoint string
	// Ratio is the fraction of operations to trace, from 0 to 1. A request's traceparent
	// takes precedence.
	Ratio float64
	// Version is the program's.
	Version string
	// Failed is told when spans cannot be sent.
	Failed func(error)
}

// NewTracer makes a tracer. The exporter's own variables, such as OTEL_EXPORTER_OTLP_HEADERS and
// OTEL_RESOURCE_ATTRIBUTES, apply.
func NewTracer(o TracerOptions) (*Tracer, error) {
	if o.Endpoint == "" {
		return &Tracer{Tracer: noop.NewTracerProvider().Tracer("")}, nil
	}
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.Endpoint+"/v1/traces"), otlptracehttp.WithTimeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("spans cannot be sent there: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "fsgateway"), attribute.String("service.version", o.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(o.Failed))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Ratio))))
	return &Tracer{provider.Tracer("fsgateway"), provider}, nil
}

// On reports whether the tracer makes spans.
func (t *Tracer) On() bool { return t.provider != nil }

// Close sends what is left.
func (t *Tracer) Close() error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what cannot be sent was reported
	return nil
}

// w3c reads and writes the header traceparent.
// https://www.w3.org/TR/trace-context/
var w3c propagation.TraceContext

// Received returns ctx as part of the trace that a request says it is part of. The header
// tracestate is not read: it is text of the client's, which would be in every span and be told
// the partner.
func Received(ctx context.Context, h http.Header) context.Context {
	parent := h["Traceparent"]
	if len(parent) == 0 {
		return ctx
	}
	return w3c.Extract(ctx, propagation.MapCarrier{"traceparent": parent[0]})
}

// Send says in the headers of a request which trace and span it is part of.
func Send(ctx context.Context, h http.Header) { w3c.Inject(ctx, propagation.HeaderCarrier(h)) }
