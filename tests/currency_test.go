package tests

import (
	"testing"

	"fsgateway/internal/sandbox"
)

// TestCurrency: prices are in the environment's currency, where it has one, and
// to know it takes no call.
func TestCurrency(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		r := v.query(`{ orders(first: 1) { nodes { currency } } variant(id: "` + sandbox.VariantID + `") { currency product { primaryVariant { currency } } } }`)
		r.fails(v)
		equal(v, "data", r.Data, `{"orders":{"nodes":[{"currency":"USD"}]},"variant":{"currency":"USD","product":{"primaryVariant":{"currency":"USD"}}}}`)
		if n := v.sandbox.Count(""); n != 3 {
			v.Errorf("%d calls, want 3", n)
		}
		equal(v, "clinic", v.query(`{ clinic { currency } }`).Data, `{"clinic":{"currency":"USD"}}`)
	})
}
