package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestVariantsGet(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		v := must(c.Variants.Get(t.Context(), sandbox.VariantID))(t)
		whole(t, v)
		same(t, "id", v.FullscriptID(), sandbox.VariantID)
		same(t, "primary", v.Primary, new(true))
		same(t, "product", v.Product.ID, fsclient.ProductID(sandbox.ProductID))
		same(t, "brand", v.Product.Brand.ID, fsclient.BrandID(sandbox.BrandID))
		holds(t, v.Product, "ID", "Name", "Brand")
		holds(t, v.Product.Brand, "ID", "Name", "Prefix")
		if v.SKU == nil || v.Status == nil {
			t.Errorf("variant %+v", v)
		}
	})
	c, _ := setup(t)
	refused(c.Variants.Get(t.Context(), "none"))(t, fsclient.KindNotFound)
}

func TestVariantsOddAnswers(t *testing.T) {
	t.Parallel()
	c, _ := scripted(t, `{"variant":{"id":"v","units":"225.5","msrp":24.50,"status":"vendor backorder","upc":12345,
		"image_url_small":"/assets/placeholder.png","image_url_medium":"https://pictures.example/m.jpg","image_url_large":null,
		"product":[{"id":"p","name":"P"}]}}`)
	v := must(c.Variants.Get(t.Context(), "v"))(t)
	same(t, "units", v.Units, new(225.5))
	same(t, "msrp", v.MSRP, new(fsclient.Decimal("24.50")))
	same(t, "upc", v.UPC, new("12345"))
	same(t, "status", graphql(v.Status), `"VENDOR_BACKORDER"`)
	same(t, "text of the status", v.StatusRaw(), new("vendor backorder"))
	same(t, "placeholder", must(v.ImageURL.URL("small"))(t), (*string)(nil))
	same(t, "picture", must(v.ImageURL.URL("medium"))(t), new("https://pictures.example/m.jpg"))
	same(t, "no picture", must(v.ImageURL.URL("large"))(t), (*string)(nil))
}
