package fsclient

import "context"

// AddressesService reads the addresses of patients.
type AddressesService service

// Address is a patient's postal address. It has no address of its
// own in the API, so nothing needs its id and it may lack one.
type Address struct {
	Record
	ID       *AddressID `json:"id"`
	Address1 *string    `json:"address1"`
	Address2 *string    `json:"address2"`
	Zipcode  *string    `json:"zipcode"`
	City     *string    `json:"city"`
	State    *string    `json:"state"`
	Country  *string    `json:"country"`
}

// FullscriptID is the partner's own id.
func (a *Address) FullscriptID() *string { return raw(a.ID) }

// AddressListOptions choose a page of addresses.
type AddressListOptions struct {
	PageOptions
}

// ListByPatient returns a patient's addresses, whole.
//
// op: GET /clinic/patients/{patient_id}/addresses
func (s *AddressesService) ListByPatient(ctx context.Context, patientID string, o *AddressListOptions) (*Page[Address], error) {
	return getPage[Address](ctx, s.client, get("/clinic/patients/{patient_id}/addresses", patientID), o, "addresses")
}
