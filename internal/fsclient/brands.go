package fsclient

import (
	"context"
	"io"
)

// BrandsService reads the brands of the catalogue.
type BrandsService service

// Brand is a maker of products. Lists and the single fetch hold all of it, a
// mention in a product or a variant all but the status.
type Brand struct {
	Record
	ID     BrandID      `json:"id"`
	Name   *string      `json:"name"`
	Prefix *string      `json:"prefix"`
	Status *BrandStatus `json:"status"`
}

// FullscriptID is the partner's own id.
func (b *Brand) FullscriptID() string { return string(b.ID) }

// StatusRaw is the partner's text of the status.
func (b *Brand) StatusRaw() *string { return raw(b.Status) }

// BrandStatus reports whether any product of a brand can be ordered.
type BrandStatus string

var brandStatuses = []string{"available", "unavailable"}

func (e BrandStatus) MarshalGQL(w io.Writer)    { marshalEnum(w, brandStatuses, string(e)) }
func (e *BrandStatus) UnmarshalGQL(v any) error { return unmarshalEnum(brandStatuses, v, (*string)(e)) }

// BrandListOptions choose the brands to list. The API takes only true for its
// filters; false is the same as leaving them out.
type BrandListOptions struct {
	Available       *bool `url:"available"`
	ClinicPermitted *bool `url:"clinic_permitted"`
	PageOptions
}

// List returns the brands, a page at a time, whole.
//
// op: GET /catalog/brands
func (s *BrandsService) List(ctx context.Context, o *BrandListOptions) (*Page[Brand], error) {
	if o != nil {
		o = &BrandListOptions{onlyTrue(o.Available), onlyTrue(o.ClinicPermitted), o.PageOptions}
	}
	return getPage[Brand](ctx, s.client, get("/catalog/brands"), o, "brands")
}

func onlyTrue(b *bool) *bool {
	if b != nil && !*b {
		return nil
	}
	return b
}

// Get returns one brand.
//
// op: GET /catalog/brands/{id}
func (s *BrandsService) Get(ctx context.Context, id string) (*Brand, error) {
	return getOne[Brand](ctx, s.client, get("/catalog/brands/{id}", id), nil, "brand")
}
