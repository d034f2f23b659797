package fsclient_test

import (
	"slices"
	"strings"
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestProductsGet(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		p := must(c.Products.Get(t.Context(), sandbox.ProductID))(t)
		whole(t, p)
		same(t, "id", p.FullscriptID(), sandbox.ProductID)
		same(t, "brand", p.Brand.ID, fsclient.BrandID(sandbox.BrandID))
		same(t, "variant count", p.VariantCount, new(3))
		same(t, "status, which only lists have", p.StatusRaw(), (*string)(nil))
		if p.Name == nil || p.Dosage == nil || p.CustomDosage == nil {
			t.Errorf("product %+v", p)
		}
		for _, v := range p.Variants {
			if value(v.MSRP) == "" && v.MSRP != nil || v.Primary == nil {
				t.Errorf("variant %+v", v)
			}
			holds(t, v, "ID", "SKU", "Primary", "Units", "UnitOfMeasure", "Availability", "Status", "UPC", "MSRP", "SupplierSKU", "Product")
			same(t, "product of a variant", v.Product.Name, p.Name)
			holds(t, v.Product, "ID", "Name", "Brand")
			if v.Product.Brand == p.Brand || v.Product.Brand.ID != p.Brand.ID {
				t.Error("the brand is not a copy of the product's")
			}
		}
		// The primary variant is worked out, and shares nothing with the list.
		same(t, "primary variant", p.PrimaryVariant.ID, fsclient.VariantID(sandbox.VariantID))
		if slices.Contains(p.Variants, p.PrimaryVariant) || p.PrimaryVariant.Product == p.Variants[0].Product {
			t.Error("the primary variant shares a record with the variants")
		}
	})
	c, _ := setup(t)
	refused(c.Products.Get(t.Context(), "none"))(t, fsclient.KindNotFound)
}

// Whose custom dosage it is depends on who asks, or is asked for.
func TestProductsGetForPractitioner(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	own := must(c.Products.GetForPractitioner(t.Context(), sandbox.ProductID, sandbox.PractitionerID))(t)
	other := must(c.Products.GetForPractitioner(t.Context(), sandbox.ProductID, sandbox.ColleagueID))(t)
	if own.CustomDosage == nil || value(own.CustomDosage.AdditionalInfo) == value(value(other.CustomDosage).AdditionalInfo) {
		t.Errorf("own %+v, colleague's %+v", own.CustomDosage, other.CustomDosage)
	}
	scripted, sent := scripted(t, `{"product":{"id":"p","name":"P"}}`)
	must(scripted.Products.GetForPractitioner(t.Context(), "p", "q"))(t)
	same(t, "request", sent.request, "GET /catalog/products/p?practitioner_id=q")
	must(scripted.Products.Get(t.Context(), "p"))(t)
	same(t, "request", sent.request, "GET /catalog/products/p")
}

func TestProductsLists(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		o := &fsclient.ProductListOptions{PageOptions: fsclient.PageOptions{Number: 1, Size: 20}}
		for _, tt := range []struct {
			name string
			list func() (*fsclient.Page[fsclient.Product], error)
		}{
			{"All", func() (*fsclient.Page[fsclient.Product], error) { return c.Products.List(t.Context(), o) }},
			{"Similar", func() (*fsclient.Page[fsclient.Product], error) {
				return c.Products.ListSimilar(t.Context(), sandbox.ProductID, o)
			}},
			{"OfCategory", func() (*fsclient.Page[fsclient.Product], error) {
				return c.Products.ListByCategory(t.Context(), sandbox.CategoryID, o)
			}},
			{"Search", func() (*fsclient.Page[fsclient.Product], error) {
				return c.Products.Search(t.Context(), &fsclient.ProductSearchOptions{
					BrandID: new(fsclient.BrandID(sandbox.BrandID)), PageOptions: o.PageOptions,
				})
			}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				page := must(tt.list())(t)
				if len(page.Items) == 0 || len(page.Items) > 20 {
					t.Fatalf("%d products", len(page.Items))
				}
				for i := range page.Items {
					p := &page.Items[i]
					holds(t, p, "ID", "Name", "Brand", "PrimaryVariant", "VariantCount", "Status")
					v := p.PrimaryVariant
					holds(t, v, "ID", "SKU", "Primary", "Units", "UnitOfMeasure", "Availability", "Status", "UPC", "MSRP", "SupplierSKU",
						"ImageURL", "Product")
					same(t, "product of the variant", v.Product.ID, p.ID)
					picture := must(v.ImageURL.URL("small"))(t)
					if p.Status == nil || value(p.VariantCount) == 0 || picture != nil && !strings.HasPrefix(*picture, "https://") {
						t.Errorf("product %+v", p)
					}
				}
			})
		}
	})
}

func TestProductsSearchRequest(t *testing.T) {
	t.Parallel()
	c, sent := scripted(t, `{"products":[],"meta":{"total_count":0}}`)
	must(c.Products.Search(t.Context(), &fsclient.ProductSearchOptions{
		Query: new("vitamin d"), AllergenIDs: []fsclient.AllergenID{"a", "b"}, BrandID: new(fsclient.BrandID("c")),
		IngredientIDs: []fsclient.IngredientID{"d"}, SupplementTypeIDs: []fsclient.SupplementTypeID{"e"},
		ThirdPartyCertificationIDs: []fsclient.ThirdPartyCertificationID{"f"}, PageOptions: fsclient.PageOptions{Number: 2, Size: 50},
	}))(t)
	same(t, "request", sent.request, "GET /catalog/search/products?allergen_ids%5B%5D=a&allergen_ids%5B%5D=b&brand_id=c&ingredient_ids%5B%5D=d"+
		"&page%5Bnumber%5D=2&page%5Bsize%5D=50&query=vitamin+d&supplement_type_ids%5B%5D=e&third_party_certification_ids%5B%5D=f")
	unapproved, _ := setupWith(t, sandbox.TokenUnapproved, sandbox.Options{})
	refused(unapproved.Products.Search(t.Context(), nil))(t, fsclient.KindForbidden)
}

func TestProductsOddAnswers(t *testing.T) {
	t.Parallel()
	get := func(t *testing.T, product string) *fsclient.Product {
		t.Helper()
		c, _ := scripted(t, `{"product":`+product+`}`)
		return must(c.Products.Get(t.Context(), "p"))(t)
	}
	t.Run("NoPrimaryVariant", func(t *testing.T) {
		t.Parallel()
		p := get(t, `{"id":"p","name":"P","variants":[{"id":"v"},{"id":"w","primary":false}]}`)
		same(t, "primary variant", p.PrimaryVariant, (*fsclient.Variant)(nil))
		same(t, "variant count", p.VariantCount, new(2))
	})
	t.Run("CountOfTheAnswerStays", func(t *testing.T) {
		t.Parallel()
		p := get(t, `{"id":"p","name":"P","variant_count":"7","primary_variant":{"id":"w"},"variants":[{"id":"v","primary":1}]}`)
		same(t, "variant count", p.VariantCount, new(7))
		same(t, "primary variant", p.PrimaryVariant.ID, fsclient.VariantID("w"))
	})
	t.Run("KeysAfterTheVariants", func(t *testing.T) {
		t.Parallel()
		p := get(t, `{"variants":[{"id":"v"}],"brand":{"id":"b","name":"B"},"name":"P","id":"p"}`)
		same(t, "product of the variant", []string{string(p.Variants[0].Product.ID), *p.Variants[0].Product.Name, *p.Variants[0].Product.Brand.Name}, []string{"p", "P", "B"})
	})
	t.Run("NewStatus", func(t *testing.T) {
		t.Parallel()
		p := get(t, `{"id":"p","name":"P","status":"retired"}`)
		same(t, "status", graphql(p.Status), `"UNKNOWN"`)
		same(t, "text of the status", p.StatusRaw(), new("retired"))
	})
	t.Run("NoName", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"products":[{"id":"p","name":""},{"id":"q","name":"Q"}]}`)
		page := must(c.Products.List(t.Context(), nil))(t)
		same(t, "broken", []bool{page.Items[0].Broken(), page.Items[1].Broken()}, []bool{false, false})
	})
}
