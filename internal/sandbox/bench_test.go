package sandbox

import (
	"net/http/httptest"
	"testing"
)

// The sandbox shares a machine with what is measured against it, so what it costs itself has to be known.
func BenchmarkCall(b *testing.B) {
	for _, c := range []struct{ name, path string }{
		{"Variant", "/catalog/variants/" + VariantID},
		{"Plan", "/clinic/treatment_plans/" + PlanWithLabs},
		{"Patients100", "/clinic/patients?page[size]=100"},
		{"Products100", "/catalog/products?page[size]=100"},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := New(Options{RateLimit: -1})
			b.ReportAllocs()
			for b.Loop() {
				if w := call(b, s, "GET", c.path, ""); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		serve(b, New(Options{}), httptest.NewRequest("GET", "http://127.0.0.1:7070/_sandbox/tokens", nil))
	}
}
