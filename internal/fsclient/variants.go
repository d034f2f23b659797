package fsclient

import (
	"context"
	"io"
	"strings"
)

// VariantsService reads variants. The API has no list of them, and no way to
// fetch several.
type VariantsService service

// Variant is a product in one size, the thing that plans recommend and orders
// hold. Inside its product's single fetch it comes without images, everywhere
// else with them.
type Variant struct {
	Record
	ID             VariantID      `json:"id"`
	SKU            *string        `json:"sku"`
	Primary        *bool          `json:"primary"`
	Units          *float64       `json:"units"`
	UnitOfMeasure  *string        `json:"unit_of_measure"`
	Availability   *string        `json:"availability"`
	Status         *VariantStatus `json:"status"`
	UPC            *string        `json:"upc"`
	MSRP           *Decimal       `json:"msrp"`
	SupplierSKU    *string        `json:"supplier_sku"`
	ImageURLSmall  *string        `json:"image_url_small"`
	ImageURLMedium *string        `json:"image_url_medium"`
	ImageURLLarge  *string        `json:"image_url_large"`
	Product        *Product       `json:"product"` // id, name and brand
}

// FullscriptID is the partner's own id.
func (v *Variant) FullscriptID() string { return string(v.ID) }

// StatusRaw is the partner's text of the status.
func (v *Variant) StatusRaw() *string { return raw(v.Status) }

// decoded drops the partner's placeholder picture, a path relative to a host
// of its own, which is nothing an address field can hold.
func (v *Variant) decoded() {
	for _, u := range [...]**string{&v.ImageURLSmall, &v.ImageURLMedium, &v.ImageURLLarge} {
		if *u != nil && !strings.HasPrefix(**u, "https://") && !strings.HasPrefix(**u, "http://") {
			*u = nil
		}
	}
}

// VariantStatus says whether a variant can be ordered.
type VariantStatus string

var variantStatuses = []string{"available", "discontinued", "backordered", "unavailable", "vendor backorder"}

func (e VariantStatus) MarshalGQL(w io.Writer) { marshalEnum(w, variantStatuses, string(e)) }
func (e *VariantStatus) UnmarshalGQL(v any) error {
	return unmarshalEnum(variantStatuses, v, (*string)(e))
}

// Get gives one variant, with a mention of its product and brand.
//
// op: GET /catalog/variants/{id}
func (s *VariantsService) Get(ctx context.Context, id string) (*Variant, error) {
	return getOne[Variant](ctx, s.client, get("/catalog/variants/{id}", id), nil, "variant")
}
