package fsclient

import "context"

// StaffService reads and writes the clinic's staff.
type StaffService service

// Staff is a member of the clinic's staff. List items are whole.
type Staff struct {
	Record
	ID         StaffID     `json:"id"`
	FirstName  *string     `json:"first_name"`
	LastName   *string     `json:"last_name"`
	Email      *string     `json:"email"`
	ExternalID *ExternalID `json:"metadata"`
}

// FullscriptID is the partner's own id.
func (m *Staff) FullscriptID() string { return string(m.ID) }

// StaffListOptions choose a page of the staff.
type StaffListOptions struct {
	PageOptions
}

// List returns the clinic's staff, whole.
//
// op: GET /clinic/staff
func (s *StaffService) List(ctx context.Context, o *StaffListOptions) (*Page[Staff], error) {
	return getPage[Staff](ctx, s.client, get("/clinic/staff"), o, "staff")
}

// Get returns one member of the staff. The key of the single record is that of
// the list.
//
// op: GET /clinic/staff/{id}
func (s *StaffService) Get(ctx context.Context, id string) (*Staff, error) {
	return getOne[Staff](ctx, s.client, get("/clinic/staff/{id}", id), nil, "staff")
}

// CreateStaffInput is a new member of the staff.
type CreateStaffInput struct {
	Email      string               `json:"email"`
	FirstName  string               `json:"first_name"`
	LastName   string               `json:"last_name"`
	ExternalID Opt[ExternalIDInput] `json:"metadata,omitzero"`
}

// Create adds a member to the staff.
//
// op: POST /clinic/staff
func (s *StaffService) Create(ctx context.Context, in *CreateStaffInput) (*Staff, error) {
	return send[Staff](ctx, s.client, post("/clinic/staff"), in, "staff")
}

// UpdateStaffInput changes a member of the staff: what is absent stays as it
// is, null clears.
type UpdateStaffInput struct {
	ID         StaffID              `json:"-"`
	Email      Opt[*string]         `json:"email,omitzero"`
	FirstName  Opt[*string]         `json:"first_name,omitzero"`
	LastName   Opt[*string]         `json:"last_name,omitzero"`
	ExternalID Opt[ExternalIDInput] `json:"metadata,omitzero"`
}

// Update changes a member of the staff.
//
// op: PATCH /clinic/staff/{id}
func (s *StaffService) Update(ctx context.Context, in *UpdateStaffInput) (*Staff, error) {
	return send[Staff](ctx, s.client, patch("/clinic/staff/{id}", string(in.ID)), in, "staff")
}
