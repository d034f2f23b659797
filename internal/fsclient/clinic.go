package fsclient

import "context"

// ClinicService reads the clinic of the caller's token.
// https://fullscript.dev/technical-reference/clinic
type ClinicService service

// Clinic is the clinic the caller's token belongs to, the tenant of everything
// else. There is no way to another one.
type Clinic struct {
	Record
	ID                     ClinicID  `json:"id"`
	Name                   *string   `json:"name"`
	PatientCount           *int      `json:"patient_count"`
	PractitionerCount      *int      `json:"practitioner_count"`
	Discount               *Decimal  `json:"discount"`
	DispensaryURL          *string   `json:"dispensary_url"`
	IntegrationID          *string   `json:"integration_id"`
	IntegrationActivatedAt *DateTime `json:"integration_activated_at"`
	MarginType             *string   `json:"margin_type"`
}

// FullscriptID is the partner's own id.
func (c *Clinic) FullscriptID() string { return string(c.ID) }

// Get returns the clinic of the caller's token.
// https://fullscript.dev/technical-reference/clinic
//
// op: GET /clinic
func (s *ClinicService) Get(ctx context.Context) (*Clinic, error) {
	return getOne[Clinic](ctx, s.client, get("/clinic"), nil, "clinic")
}
