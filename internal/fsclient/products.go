package fsclient

import (
	"context"
	"io"
	"reflect"
	"slices"
)

// ProductsService reads and searches the products of the catalogue.
// https://fullscript.dev/technical-reference/product-search
type ProductsService service

// Product is a product of the catalogue. List items hold the brand, the
// primary variant, the number of variants and the status; the single fetch
// holds the description, all variants and the dosages instead. A mention in a
// variant holds id, name and brand.
type Product struct {
	Record
	ID              ProductID      `json:"id"`
	Name            *string        `json:"name"`
	Brand           *Brand         `json:"brand"`
	PrimaryVariant  *Variant       `json:"primary_variant"`
	VariantCount    *int           `json:"variant_count"`
	Status          *ProductStatus `json:"status"`
	DescriptionHTML *string        `json:"description_html"`
	Variants        []*Variant     `json:"variants"`
	Dosage          *Dosage        `json:"dosage"`
	CustomDosage    *Dosage        `json:"custom_dosage"` // of the practitioner asked for
}

// FullscriptID is the partner's own id.
func (p *Product) FullscriptID() string { return string(p.ID) }

// StatusRaw is the partner's text of the status.
func (p *Product) StatusRaw() *string { return raw(p.Status) }

var (
	productMentioned = FieldOf(reflect.TypeFor[Product](), "ID") |
		FieldOf(reflect.TypeFor[Product](), "Name") |
		FieldOf(reflect.TypeFor[Product](), "Brand")
	productPrimary  = FieldOf(reflect.TypeFor[Product](), "PrimaryVariant")
	productCount    = FieldOf(reflect.TypeFor[Product](), "VariantCount")
	productVariants = FieldOf(reflect.TypeFor[Product](), "Variants")
	variantProduct  = FieldOf(reflect.TypeFor[Variant](), "Product")
)

// decoded tells the variants whose they are, and works out from them what only
// list items carry.
func (p *Product) decoded() {
	for _, v := range p.Variants {
		p.own(v)
	}
	p.own(p.PrimaryVariant)
	if p.held&productVariants == 0 {
		return
	}
	some := p.unreadable&productVariants != 0 // there are more than could be read
	if p.held&productCount == 0 {
		p.derived(productCount, some)
		if n := len(p.Variants); !some {
			p.VariantCount = &n
		}
	}
	if p.held&productPrimary == 0 {
		i := slices.IndexFunc(p.Variants, func(v *Variant) bool { return v.Primary != nil && *v.Primary })
		if i >= 0 {
			p.PrimaryVariant = Clone(p.Variants[i])
		}
		if i >= 0 || some {
			p.derived(productPrimary, i < 0)
		}
	}
}

// needs: the count and the primary variant may come from the variants, and each variant gets
// what is known of the product.
func (*Product) needs(wanted Fields) (more Fields) {
	if wanted.Has(productCount | productPrimary) {
		more = productVariants
	}
	if (wanted | more).Has(productVariants | productPrimary) {
		more |= productMentioned
	}
	return more
}

// own gives a variant inside p the mention of its product that it has where it
// is fetched alone.
func (p *Product) own(v *Variant) {
	if v == nil || v.held&variantProduct != 0 || p.ID == "" {
		return
	}
	v.Product = &Product{ID: p.ID, Name: p.Name}
	v.Product.held = p.held & productMentioned
	v.Product.unreadable = p.unreadable & productMentioned
	if p.Brand != nil {
		v.Product.Brand = Clone(p.Brand)
	}
	v.Hold(variantProduct)
}

// ProductStatus reports whether a product can be ordered.
type ProductStatus string

var productStatuses = []string{"available", "backordered", "unavailable"}

func (e ProductStatus) MarshalGQL(w io.Writer) { marshalEnum(w, productStatuses, string(e)) }
func (e *ProductStatus) UnmarshalGQL(v any) error {
	return unmarshalEnum(productStatuses, v, (*string)(e))
}

// ProductListOptions choose a page of products: these lists have no filters.
type ProductListOptions struct {
	PageOptions
}

// List returns the products of the catalogue, a page at a time, as list items.
//
// op: GET /catalog/products
func (s *ProductsService) List(ctx context.Context, o *ProductListOptions) (*Page[Product], error) {
	return getPage[Product](ctx, s.client, get("/catalog/products"), o, "products")
}

// ListSimilar returns the products like another one, a page at a time, as list
// items.
//
// op: GET /catalog/products/{product_id}/similar
func (s *ProductsService) ListSimilar(ctx context.Context, productID string, o *ProductListOptions) (*Page[Product], error) {
	return getPage[Product](ctx, s.client, get("/catalog/products/{product_id}/similar", productID), o, "products")
}

// ListByCategory returns the products of a category of the clinic, a page at a
// time, as list items.
//
// op: GET /clinic/categories/{category_id}/products
func (s *ProductsService) ListByCategory(ctx context.Context, categoryID string, o *ProductListOptions) (*Page[Product], error) {
	return getPage[Product](ctx, s.client, get("/clinic/categories/{category_id}/products", categoryID), o, "products")
}

// ProductSearchOptions say what to search for. The lists of ids filter; they
// are no way to fetch products.
type ProductSearchOptions struct {
	Query                      *string                     `url:"query"`
	AllergenIDs                []AllergenID                `url:"allergen_ids[]"`
	BrandID                    *BrandID                    `url:"brand_id"`
	IngredientIDs              []IngredientID              `url:"ingredient_ids[]"`
	SupplementTypeIDs          []SupplementTypeID          `url:"supplement_type_ids[]"`
	ThirdPartyCertificationIDs []ThirdPartyCertificationID `url:"third_party_certification_ids[]"`
	PageOptions
}

// Search finds products among the brands the clinic may see, a page at a time,
// as list items. It needs commercial approval.
// https://fullscript.dev/technical-reference/product-search
//
// op: GET /catalog/search/products
func (s *ProductsService) Search(ctx context.Context, o *ProductSearchOptions) (*Page[Product], error) {
	return getPage[Product](ctx, s.client, get("/catalog/search/products"), o, "products")
}

// Get returns one product with all its variants. Its custom dosage is that of the
// token's practitioner.
//
// op: GET /catalog/products/{id}
func (s *ProductsService) Get(ctx context.Context, id string) (*Product, error) {
	return s.GetForPractitioner(ctx, id, "")
}

// GetForPractitioner is [ProductsService.Get] with the custom dosage of the
// practitioner named, "" for the token's own.
//
// op: GET /catalog/products/{id}
func (s *ProductsService) GetForPractitioner(ctx context.Context, id, practitionerID string) (*Product, error) {
	query := struct {
		PractitionerID string `url:"practitioner_id"`
	}{practitionerID}
	return getOne[Product](ctx, s.client, get("/catalog/products/{id}", id), &query, "product")
}
