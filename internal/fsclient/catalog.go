package fsclient

import "context"

// The reference lists by which products are searched: what is in a product,
// what it is free of, what kind it is, and who checked it. They are small, and
// their items equal the single fetch.

// IngredientsService reads the ingredients of the catalogue.
type IngredientsService service

// Ingredient is a substance that products are made of.
type Ingredient struct {
	Record
	ID   IngredientID `json:"id"`
	Name *string      `json:"name"`
}

// FullscriptID is the partner's own id.
func (i *Ingredient) FullscriptID() string { return string(i.ID) }

// IngredientListOptions choose a page of ingredients.
type IngredientListOptions struct {
	PageOptions
}

// List returns the ingredients, a page at a time, whole.
//
// op: GET /catalog/ingredients
func (s *IngredientsService) List(ctx context.Context, o *IngredientListOptions) (*Page[Ingredient], error) {
	return getPage[Ingredient](ctx, s.client, get("/catalog/ingredients"), o, "ingredients")
}

// Get returns one ingredient.
//
// op: GET /catalog/ingredients/{id}
func (s *IngredientsService) Get(ctx context.Context, id string) (*Ingredient, error) {
	return getOne[Ingredient](ctx, s.client, get("/catalog/ingredients/{id}", id), nil, "ingredient")
}

// AllergensService reads the allergens of the catalogue.
type AllergensService service

// Allergen is a claim of the maker that a product is free of something.
type Allergen struct {
	Record
	ID   AllergenID `json:"id"`
	Name *string    `json:"name"`
}

// FullscriptID is the partner's own id.
func (a *Allergen) FullscriptID() string { return string(a.ID) }

// AllergenListOptions choose a page of allergens.
type AllergenListOptions struct {
	PageOptions
}

// List returns the allergens, a page at a time, whole.
//
// op: GET /catalog/allergens
func (s *AllergensService) List(ctx context.Context, o *AllergenListOptions) (*Page[Allergen], error) {
	return getPage[Allergen](ctx, s.client, get("/catalog/allergens"), o, "allergens")
}

// Get returns one allergen.
//
// op: GET /catalog/allergens/{id}
func (s *AllergensService) Get(ctx context.Context, id string) (*Allergen, error) {
	return getOne[Allergen](ctx, s.client, get("/catalog/allergens/{id}", id), nil, "allergen")
}

// SupplementTypesService reads the supplement types of the catalogue.
type SupplementTypesService service

// SupplementType is a group of like products.
type SupplementType struct {
	Record
	ID   SupplementTypeID `json:"id"`
	Name *string          `json:"name"`
}

// FullscriptID is the partner's own id.
func (s *SupplementType) FullscriptID() string { return string(s.ID) }

// SupplementTypeListOptions choose a page of supplement types.
type SupplementTypeListOptions struct {
	PageOptions
}

// List returns the supplement types, a page at a time, whole.
//
// op: GET /catalog/supplement_types
func (s *SupplementTypesService) List(ctx context.Context, o *SupplementTypeListOptions) (*Page[SupplementType], error) {
	return getPage[SupplementType](ctx, s.client, get("/catalog/supplement_types"), o, "supplement_types")
}

// Get returns one supplement type.
//
// op: GET /catalog/supplement_types/{id}
func (s *SupplementTypesService) Get(ctx context.Context, id string) (*SupplementType, error) {
	return getOne[SupplementType](ctx, s.client, get("/catalog/supplement_types/{id}", id), nil, "supplement_type")
}

// ThirdPartyCertificationsService reads the third-party certifications of the catalogue.
type ThirdPartyCertificationsService service

// ThirdPartyCertification is a claim about a product that an outside body checked.
type ThirdPartyCertification struct {
	Record
	ID   ThirdPartyCertificationID `json:"id"`
	Name *string                   `json:"name"`
}

// FullscriptID is the partner's own id.
func (t *ThirdPartyCertification) FullscriptID() string { return string(t.ID) }

// ThirdPartyCertificationListOptions choose a page of third-party certifications.
type ThirdPartyCertificationListOptions struct {
	PageOptions
}

// List returns the third-party certifications, a page at a time, whole.
//
// op: GET /catalog/third_party_certifications
func (s *ThirdPartyCertificationsService) List(ctx context.Context, o *ThirdPartyCertificationListOptions) (*Page[ThirdPartyCertification], error) {
	return getPage[ThirdPartyCertification](ctx, s.client, get("/catalog/third_party_certifications"), o, "third_party_certifications")
}

// Get returns one third-party certification.
//
// op: GET /catalog/third_party_certifications/{id}
func (s *ThirdPartyCertificationsService) Get(ctx context.Context, id string) (*ThirdPartyCertification, error) {
	return getOne[ThirdPartyCertification](ctx, s.client, get("/catalog/third_party_certifications/{id}", id), nil, "third_party_certification")
}
