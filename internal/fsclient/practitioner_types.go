package fsclient

import "context"

// PractitionerTypesService reads the professions a practitioner can have.
type PractitionerTypesService service

// PractitionerType is a profession, such as naturopathic doctor.
type PractitionerType struct {
	Record
	ID          PractitionerTypeID `json:"id"`
	Code        *string            `json:"code"`
	Description *string            `json:"description"`
}

// FullscriptID is the partner's own id.
func (t *PractitionerType) FullscriptID() string { return string(t.ID) }

// PractitionerTypeListOptions choose a page of the professions.
type PractitionerTypeListOptions struct {
	PageOptions
}

// List returns the professions, whole. There is no single fetch.
//
// op: GET /catalog/practitioner_types
func (s *PractitionerTypesService) List(ctx context.Context, o *PractitionerTypeListOptions) (*Page[PractitionerType], error) {
	return getPage[PractitionerType](ctx, s.client, get("/catalog/practitioner_types"), o, "practitioner_types")
}
