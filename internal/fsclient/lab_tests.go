package fsclient

import "context"

// LabTestsService reads the catalogue of lab tests. All of it needs commercial
// approval.
// https://fullscript.dev/technical-reference/labs
type LabTestsService service

// LabTest is a lab test that can be put on a plan. The partner publishes no
// attributes; these are the ones it shows where a plan recommends a lab.
type LabTest struct {
	Record
	ID              LabTestID `json:"id"`
	Name            *string   `json:"name"`
	RequiresFasting *bool     `json:"requires_fasting"`
	Instructions    *string   `json:"instructions"`
}

// FullscriptID is the partner's own id.
func (t *LabTest) FullscriptID() string { return string(t.ID) }

// LabTestListOptions choose a page of lab tests.
type LabTestListOptions struct {
	PageOptions
}

// List returns the lab tests that can be ordered, a page at a time.
//
// op: GET /labs
func (s *LabTestsService) List(ctx context.Context, o *LabTestListOptions) (*Page[LabTest], error) {
	return getPage[LabTest](ctx, s.client, get("/labs"), o, "labs", "lab_tests", "tests")
}

// LabTestSearchOptions say what to search for.
type LabTestSearchOptions struct {
	Query *string `url:"query"`
	PageOptions
}

// Search finds lab tests, a page at a time.
//
// op: GET /labs/search/tests
func (s *LabTestsService) Search(ctx context.Context, o *LabTestSearchOptions) (*Page[LabTest], error) {
	return getPage[LabTest](ctx, s.client, get("/labs/search/tests"), o, "labs", "lab_tests", "tests")
}

// Get returns one lab test.
//
// op: GET /labs/{id}
func (s *LabTestsService) Get(ctx context.Context, id string) (*LabTest, error) {
	return getOne[LabTest](ctx, s.client, get("/labs/{id}", id), nil, "lab", "lab_test", "test")
}

// OrderedLabTestsService reads lab tests that were ordered.
// https://fullscript.dev/technical-reference/labs
type OrderedLabTestsService service

// OrderedLabTest is a test of a lab order. It is no [LabTest]: the two have
// addresses of their own, and nothing says that they share ids. In a lab order
// it is known to hold id and name.
type OrderedLabTest struct {
	Record
	ID              OrderedLabTestID `json:"id"`
	Name            *string          `json:"name"`
	RequiresFasting *bool            `json:"requires_fasting"`
	Instructions    *string          `json:"instructions"`
}

// FullscriptID is the partner's own id.
func (t *OrderedLabTest) FullscriptID() string { return string(t.ID) }

// Get returns one test of a lab order.
//
// op: GET /clinic/labs/tests/{id}
func (s *OrderedLabTestsService) Get(ctx context.Context, id string) (*OrderedLabTest, error) {
	return getOne[OrderedLabTest](ctx, s.client, get("/clinic/labs/tests/{id}", id), nil, "test", "lab_test")
}
