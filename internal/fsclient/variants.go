package fsclient

import (
	"context"
	"io"
	"reflect"
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
	ID            VariantID      `json:"id"`
	SKU           *string        `json:"sku"`
	Primary       *bool          `json:"primary"`
	Units         *float64       `json:"units"`
	UnitOfMeasure *string        `json:"unit_of_measure"`
	Availability  *string        `json:"availability"`
	Status        *VariantStatus `json:"status"`
	UPC           *string        `json:"upc"`
	MSRP          *Decimal       `json:"msrp"`
	SupplierSKU   *string        `json:"supplier_sku"`
	ImageURL      *VariantImages `json:"image_url" inline:"image_url_"`
	Product       *Product       `json:"product"` // id, name and brand
}

// FullscriptID is the partner's own id.
func (v *Variant) FullscriptID() string { return string(v.ID) }

// StatusRaw is the partner's text of the status.
func (v *Variant) StatusRaw() *string { return raw(v.Status) }

// VariantImages are the addresses of a variant's picture, one per size.
type VariantImages struct {
	Faults
	Small  *string `json:"image_url_small"`
	Medium *string `json:"image_url_medium"`
	Large  *string `json:"image_url_large"`
}

// URL returns the picture's address in the given size, nil if there is none in
// it. The error is [ErrUnreadable] if the answer held something else there.
func (i *VariantImages) URL(size ImageSize) (*string, error) {
	if i == nil {
		return nil, nil
	}
	url, field := i.Medium, "Medium"
	switch size {
	case "small":
		url, field = i.Small, "Small"
	case "large":
		url, field = i.Large, "Large"
	}
	switch {
	case i.Unreadable().Has(FieldOf(reflect.TypeFor[VariantImages](), field)):
		return nil, ErrUnreadable
	case url != nil && !strings.HasPrefix(*url, "https://") && !strings.HasPrefix(*url, "http://"):
		// The partner's placeholder, a path relative to a host of its own.
		return nil, nil
	}
	return url, nil
}

// ImageSize is one of the sizes that pictures come in.
type ImageSize string

var imageSizes = []string{"small", "medium", "large"}

func (e ImageSize) MarshalGQL(w io.Writer)    { marshalEnum(w, imageSizes, string(e)) }
func (e *ImageSize) UnmarshalGQL(v any) error { return unmarshalEnum(imageSizes, v, (*string)(e)) }

// VariantStatus reports whether a variant can be ordered.
type VariantStatus string

var variantStatuses = []string{"available", "discontinued", "backordered", "unavailable", "vendor backorder"}

func (e VariantStatus) MarshalGQL(w io.Writer) { marshalEnum(w, variantStatuses, string(e)) }
func (e *VariantStatus) UnmarshalGQL(v any) error {
	return unmarshalEnum(variantStatuses, v, (*string)(e))
}

// Get returns one variant, with a mention of its product and brand.
//
// op: GET /catalog/variants/{id}
func (s *VariantsService) Get(ctx context.Context, id string) (*Variant, error) {
	return getOne[Variant](ctx, s.client, get("/catalog/variants/{id}", id), nil, "variant")
}
