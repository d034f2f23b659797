package obs

import (
	"strings"
	"testing"
)

// TestUnreadableVariables: one of the exporter's variables that cannot be read stops the start,
// and what it holds is not repeated.
func TestUnreadableVariables(t *testing.T) {
	const secret = "s3cr3t"
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_HEADERS":        "Bearer " + secret,
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=Bearer%zz" + secret,
		"OTEL_EXPORTER_OTLP_TIMEOUT":        secret,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			tracer, err := NewTracer(TracerOptions{Endpoint: "http://127.0.0.1:1", Ratio: 1, Failed: func(error) {}})
			if err == nil {
				_ = tracer.Close()
				t.Fatal("it is taken")
			}
			if !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_") || strings.Contains(err.Error(), secret) {
				t.Error(err)
			}
		})
	}
}
