package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestBrands(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		one := must(c.Brands.Get(t.Context(), sandbox.BrandID))(t)
		whole(t, one)
		same(t, "id", one.FullscriptID(), sandbox.BrandID)
		if one.Name == nil || one.Status == nil {
			t.Errorf("brand %+v", one)
		}
		found := false
		for _, b := range gather(t, fsclient.Each(t.Context(), c.Brands.List, fsclient.BrandListOptions{})) {
			holds(t, b, "ID", "Name", "Prefix", "Status")
			found = found || b.ID == one.ID
		}
		same(t, "the brand is in the list", found, true)
	})
}

// The API takes nothing but the text true.
func TestBrandsListRequest(t *testing.T) {
	t.Parallel()
	c, sent := scripted(t, `{"brands":[]}`)
	for _, tt := range []struct {
		options *fsclient.BrandListOptions
		want    string
	}{
		{nil, "GET /catalog/brands"},
		{&fsclient.BrandListOptions{Available: new(true)}, "GET /catalog/brands?available=true"},
		{&fsclient.BrandListOptions{Available: new(false), ClinicPermitted: new(true), PageOptions: fsclient.PageOptions{Number: 2}}, "GET /catalog/brands?clinic_permitted=true&page%5Bnumber%5D=2"},
		{&fsclient.BrandListOptions{Available: new(false)}, "GET /catalog/brands"},
	} {
		must(c.Brands.List(t.Context(), tt.options))(t)
		same(t, "request", sent.request, tt.want)
	}
}

func TestBrandStatus(t *testing.T) {
	t.Parallel()
	c, _ := scripted(t, `{"brand":{"id":"b","name":"B","status":"sold"}}`)
	b := must(c.Brands.Get(t.Context(), "b"))(t)
	same(t, "status", graphql(b.Status), `"UNKNOWN"`)
	same(t, "text of the status", b.StatusRaw(), new("sold"))
	same(t, "text of none", new(fsclient.Brand).StatusRaw(), (*string)(nil))
}
