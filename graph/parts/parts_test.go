package parts_test

import (
	"sync"
	"testing"

	"fsgateway/graph/parts"
	"fsgateway/internal/fsclient"
)

// TestParts: what has arrived of a record is put together, and nothing that was added changes.
func TestParts(t *testing.T) {
	t.Parallel()
	var p parts.Parts
	if p.Of("Brand", "b") != nil {
		t.Error("something is there before it has arrived")
	}
	sku, price := "S-1", fsclient.Decimal("9.50")
	one, other := fsclient.Reference[fsclient.Variant]("v"), fsclient.Reference[fsclient.Variant]("v")
	id := one.Held()
	one.SKU, other.MSRP = &sku, &price
	skuBit, msrpBit := fsclient.Fields(1)<<40, fsclient.Fields(1)<<41
	one.Hold(skuBit)
	other.Hold(msrpBit)
	for i, step := range []struct {
		add  *fsclient.Variant
		news bool
		held fsclient.Fields
	}{{one, true, id | skuBit}, {one, false, id | skuBit}, {other, true, id | skuBit | msrpBit}, {one, false, id | skuBit | msrpBit}} {
		if news := p.Add("Variant", "v", step.add); news != step.news {
			t.Errorf("step %d: news %t", i, news)
		}
		if held := p.Of("Variant", "v").Held(); held != step.held {
			t.Errorf("step %d: %b is held, want %b", i, held, step.held)
		}
	}
	if one.Held() != id|skuBit || other.Held() != id|msrpBit {
		t.Error("what was added has changed")
	}
	if p.With("Variant", "v", skuBit|msrpBit, 0) == nil || p.With("Variant", "v", msrpBit<<1, 0) != nil || p.Of("Product", "v") != nil {
		t.Error("what has arrived is not what is said to be there")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			p.Add("Variant", "v", fsclient.Reference[fsclient.Variant]("v"))
			p.Of("Variant", "v")
		})
	}
	wg.Wait()
}
