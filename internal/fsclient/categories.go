package fsclient

import "context"

// CategoriesService reads the categories a clinic sorts products into. Their
// products are listed by [ProductsService.ListByCategory].
type CategoriesService service

// Category is a category of products. List items lack the count.
type Category struct {
	Record
	ID           CategoryID `json:"id"`
	Name         *string    `json:"name"`
	ProductCount *int       `json:"product_count"`
}

// FullscriptID is the partner's own id.
func (c *Category) FullscriptID() string { return string(c.ID) }

// CategoryListOptions choose a page of categories.
type CategoryListOptions struct {
	PageOptions
}

// List returns the clinic's categories, a page at a time, as summaries.
//
// op: GET /clinic/categories
func (s *CategoriesService) List(ctx context.Context, o *CategoryListOptions) (*Page[Category], error) {
	return getPage[Category](ctx, s.client, get("/clinic/categories"), o, "categories")
}

// Get returns one category, whole.
//
// op: GET /clinic/categories/{id}
func (s *CategoriesService) Get(ctx context.Context, id string) (*Category, error) {
	return getOne[Category](ctx, s.client, get("/clinic/categories/{id}", id), nil, "category")
}
