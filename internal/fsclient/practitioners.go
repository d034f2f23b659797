package fsclient

import "context"

// PractitionersService reads and writes the clinic's practitioners.
type PractitionersService service

// Practitioner is someone who writes treatment plans. List items are whole.
type Practitioner struct {
	Record
	ID             PractitionerID    `json:"id"`
	FirstName      *string           `json:"first_name"`
	LastName       *string           `json:"last_name"`
	Email          *string           `json:"email"`
	Type           *PractitionerType `json:"practitioner_type"`
	InviteAccepted *bool             `json:"invite_accepted"`
	ExternalID     *ExternalID       `json:"metadata"`
}

// FullscriptID is the partner's own id.
func (p *Practitioner) FullscriptID() string { return string(p.ID) }

// PractitionerListOptions choose a page of practitioners.
type PractitionerListOptions struct {
	PageOptions
}

// List returns the clinic's practitioners, whole.
//
// op: GET /clinic/practitioners
func (s *PractitionersService) List(ctx context.Context, o *PractitionerListOptions) (*Page[Practitioner], error) {
	return getPage[Practitioner](ctx, s.client, get("/clinic/practitioners"), o, "practitioners")
}

// Get returns one practitioner.
//
// op: GET /clinic/practitioners/{id}
func (s *PractitionersService) Get(ctx context.Context, id string) (*Practitioner, error) {
	return getOne[Practitioner](ctx, s.client, get("/clinic/practitioners/{id}", id), nil, "practitioner")
}

// CreatePractitionerInput is a new practitioner.
type CreatePractitionerInput struct {
	PractitionerTypeID PractitionerTypeID   `json:"practitioner_type_id"`
	Email              string               `json:"email"`
	FirstName          string               `json:"first_name"`
	LastName           string               `json:"last_name"`
	ExternalID         Opt[ExternalIDInput] `json:"metadata,omitzero"`
}

// Create adds a practitioner to the clinic.
//
// op: POST /clinic/practitioners
func (s *PractitionersService) Create(ctx context.Context, in *CreatePractitionerInput) (*Practitioner, error) {
	return send[Practitioner](ctx, s.client, post("/clinic/practitioners"), in, "practitioner")
}

// UpdatePractitionerInput changes a practitioner: what is absent stays as it
// is, null clears.
type UpdatePractitionerInput struct {
	ID         PractitionerID       `json:"-"`
	Email      Opt[*string]         `json:"email,omitzero"`
	FirstName  Opt[*string]         `json:"first_name,omitzero"`
	LastName   Opt[*string]         `json:"last_name,omitzero"`
	ExternalID Opt[ExternalIDInput] `json:"metadata,omitzero"`
}

// Update changes a practitioner. The profession cannot be changed.
//
// op: PATCH /clinic/practitioners/{id}
func (s *PractitionersService) Update(ctx context.Context, in *UpdatePractitionerInput) (*Practitioner, error) {
	return send[Practitioner](ctx, s.client, patch("/clinic/practitioners/{id}", string(in.ID)), in, "practitioner")
}
