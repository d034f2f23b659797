package obs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
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
// OTEL_RESOURCE_ATTRIBUTES, apply; one that cannot be read is an error that does not repeat it.
func NewTracer(o TracerOptions) (*Tracer, error) {
	if o.Endpoint == "" {
		return &Tracer{Tracer: noop.NewTracerProvider().Tracer("")}, nil
	}
	ctx, wrong := context.Background(), new(complaints)
	otel.SetLogger(logr.New(wrong))
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.Endpoint+"/v1/traces"), otlptracehttp.WithTimeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("spans cannot be sent there: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "fsgateway"), attribute.String("service.version", o.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetLogger(logr.Discard()) // what else fails is told Failed
	if err := wrong.err(); err != nil {
		return nil, errors.Join(err, exporter.Shutdown(ctx))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(o.Failed))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Ratio))))
	return &Tracer{provider.Tracer("fsgateway"), provider}, nil
}

// complaints are what OpenTelemetry would write to standard error about its variables. The text
// beside each is the variable's, which may be a token, and is kept nowhere.
type complaints struct {
	mu  sync.Mutex
	all []string
}

func (c *complaints) Error(_ error, message string, _ ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, message)
}

func (*complaints) Init(logr.RuntimeInfo)            {}
func (*complaints) Enabled(int) bool                 { return false }
func (*complaints) Info(int, string, ...any)         {}
func (c *complaints) WithValues(...any) logr.LogSink { return c }
func (c *complaints) WithName(string) logr.LogSink   { return c }

func (c *complaints) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) == 0 {
		return nil
	}
	return fmt.Errorf("a variable OTEL_EXPORTER_OTLP_... cannot be read: %s", strings.Join(c.all, ", "))
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
