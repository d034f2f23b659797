package sandbox

import (
	"slices"
	"strings"
)

const (
	statusAvailable   = "available"
	statusBackordered = "backordered"
	statusUnavailable = "unavailable"
)

type product struct {
	ID              string
	Name            string
	DescriptionHTML *string
	Status          string
	Dosage          productDosage

	brand    *brand
	variants []*variant // the primary one first

	ingredients, allergens, supplementTypes, certifications []string // ids, for search
	number                                                  int
}

func (p *product) rowID() string       { return p.ID }
func (p *product) rowGroups() []string { return p.supplementTypes }

// productDosage has other keys than the dosage of a plan.
type productDosage struct {
	RecommendedAmount    *string `json:"recommended_amount"`
	RecommendedFrequency *string `json:"recommended_frequency"`
	RecommendedDuration  *string `json:"recommended_duration"`
	Format               *string `json:"format"`
	AdditionalInfo       *string `json:"additional_info"`
}

type productSummary struct {
	ID             string            `json:"id"`
	Name           string            `json:"name"`
	Brand          brandRef          `json:"brand"`
	PrimaryVariant variantWithImages `json:"primary_variant"`
	VariantCount   int               `json:"variant_count"`
	Status         string            `json:"status"`
}

func (p *product) summary() productSummary {
	return productSummary{p.ID, p.Name, p.brand.brandRef, p.variants[0].withImages(), len(p.variants), p.Status}
}

type productFull struct {
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	DescriptionHTML *string        `json:"description_html"`
	Brand           brandRef       `json:"brand"`
	Variants        []variantBase  `json:"variants"`
	Dosage          productDosage  `json:"dosage"`
	CustomDosage    *productDosage `json:"custom_dosage"`
}

func (p *product) full(custom *productDosage) productFull {
	variants := make([]variantBase, len(p.variants))
	for i, v := range p.variants {
		variants[i] = v.variantBase
	}
	return productFull{p.ID, p.Name, p.DescriptionHTML, p.brand.brandRef, variants, p.Dosage, custom}
}

// variantBase is a variant inside a product: without images.
type variantBase struct {
	ID            string   `json:"id"`
	SKU           string   `json:"sku"`
	Primary       bool     `json:"primary"`
	Units         *float64 `json:"units"`
	UnitOfMeasure *string  `json:"unit_of_measure"`
	Availability  string   `json:"availability"`
	Status        string   `json:"status"`
	UPC           *string  `json:"upc"`
	MSRP          *string  `json:"msrp"`
	SupplierSKU   *string  `json:"supplier_sku"`
}

type variantWithImages struct {
	variantBase
	ImageURLSmall  string `json:"image_url_small"`
	ImageURLMedium string `json:"image_url_medium"`
	ImageURLLarge  string `json:"image_url_large"`
}

type variantFull struct {
	variantWithImages
	Product variantProduct `json:"product"`
}

type variantProduct struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Brand brandRef `json:"brand"`
}

type variant struct {
	variantBase
	product    *product
	priceCents int // what an order is charged, even if the catalogue shows no price
	pictured   bool
}

func (v *variant) rowID() string       { return v.ID }
func (v *variant) rowGroups() []string { return nil }

func (v *variant) withImages() variantWithImages {
	if !v.pictured {
		// The placeholder is a relative path, a trap for clients that declare these as URLs.
		return variantWithImages{v.variantBase, "/assets/placeholder/small.png", "/assets/placeholder/medium.png", "/assets/placeholder/large.png"}
	}
	at := "https://assets.fullscript.example/variants/" + strings.ToLower(v.SKU)
	return variantWithImages{v.variantBase, at + "/small.jpg", at + "/medium.jpg", at + "/large.jpg"}
}

func getVariant(req *request) reply {
	v, found := req.state().variants.get(req.path("id"))
	if !found {
		return notFound("Variant")
	}
	p := v.product
	return ok(object{"variant": variantFull{v.withImages(), variantProduct{p.ID, p.Name, p.brand.brandRef}}})
}

func listProducts(req *request) reply {
	return page(req, "products", req.state().products.all(), (*product).summary)
}

func getProduct(req *request) reply {
	p, found := req.state().products.get(req.path("id"))
	if !found {
		return notFound("Product")
	}
	who := req.caller.practitionerID()
	if req.params().Has("practitioner_id") {
		who = req.param("practitioner_id")
		if _, known := req.practitioner(who); !known {
			return notFound("Practitioner")
		}
	}
	return ok(object{"product": p.full(req.customDosage(p, who))})
}

// customDosage is set for every seventh pair of product and practitioner, so that practitioners see different wording.
func (r *request) customDosage(p *product, practitionerID string) *productDosage {
	who, found := r.practitioner(practitionerID)
	if !found || who.number < 0 || (p.number+3*who.number)%7 != 0 {
		return nil
	}
	custom := p.Dosage
	custom.RecommendedAmount = new("2")
	custom.RecommendedFrequency = new(frequencies[(p.number+who.number)%len(frequencies)])
	custom.AdditionalInfo = new("as directed by " + who.FirstName + " " + who.LastName)
	return &custom
}

// listSimilarProducts takes products of the same supplement types to be similar.
func listSimilarProducts(req *request) reply {
	p, found := req.state().products.get(req.path("product_id"))
	if !found {
		return notFound("Product")
	}
	var similar []*product
	for _, other := range req.state().products.group(p.supplementTypes[0]) {
		if other != p && len(similar) < 40 {
			similar = append(similar, other)
		}
	}
	return page(req, "products", similar, (*product).summary)
}

// searchProducts takes any of the values within a facet, and needs all facets. It shows only brands the clinic may see.
func searchProducts(req *request) reply {
	c, _ := req.state().clinics.get(req.clinic())
	words := strings.Fields(req.param("query"))
	brandID := req.param("brand_id")
	facets := []struct {
		wanted []string
		of     func(*product) []string
	}{
		{req.params()["allergen_ids[]"], func(p *product) []string { return p.allergens }},
		{req.params()["ingredient_ids[]"], func(p *product) []string { return p.ingredients }},
		{req.params()["supplement_type_ids[]"], func(p *product) []string { return p.supplementTypes }},
		{req.params()["third_party_certification_ids[]"], func(p *product) []string { return p.certifications }},
	}
	return page(req, "products", keep(req.state().products.all(), func(p *product) bool {
		if c.hiddenBrands[p.brand.ID] || brandID != "" && p.brand.ID != brandID {
			return false
		}
		for _, word := range words {
			if !contains(p.Name, word) && !contains(p.brand.Name, word) {
				return false
			}
		}
		for _, f := range facets {
			has := f.of(p)
			if len(f.wanted) > 0 && !slices.ContainsFunc(f.wanted, func(id string) bool { return slices.Contains(has, id) }) {
				return false
			}
		}
		return true
	}), (*product).summary)
}
