package fsclient

import (
	"context"
	"io"
)

// ProtocolsService reads protocols, the reusable drafts of treatment plans.
// https://fullscript.dev/technical-reference/protocols
type ProtocolsService service

// ProtocolState is where a protocol or a template stands in its life.
type ProtocolState string

var protocolStates = []string{"draft", "active", "cancelled"}

func (e ProtocolState) MarshalGQL(w io.Writer) { marshalEnum(w, protocolStates, string(e)) }
func (e *ProtocolState) UnmarshalGQL(v any) error {
	return unmarshalEnum(protocolStates, v, (*string)(e))
}

// ProtocolOwnership says whose a protocol in a practitioner's list is.
type ProtocolOwnership string

var protocolOwnerships = []string{"owned", "shared"}

func (e ProtocolOwnership) MarshalGQL(w io.Writer) { marshalEnum(w, protocolOwnerships, string(e)) }
func (e *ProtocolOwnership) UnmarshalGQL(v any) error {
	return unmarshalEnum(protocolOwnerships, v, (*string)(e))
}

// ProtocolOwnershipFilter chooses protocols by whose they are.
type ProtocolOwnershipFilter string

var protocolOwnershipFilters = []string{"owned", "shared", "all"}

func (e ProtocolOwnershipFilter) MarshalGQL(w io.Writer) {
	marshalEnum(w, protocolOwnershipFilters, string(e))
}

func (e *ProtocolOwnershipFilter) UnmarshalGQL(v any) error {
	return unmarshalEnum(protocolOwnershipFilters, v, (*string)(e))
}

// ProtocolSort is how a practitioner's protocols are sorted.
type ProtocolSort = Sort[ProtocolSortField]

// ProtocolSortField is what a practitioner's protocols are sorted by.
type ProtocolSortField string

var protocolSorts = []string{"name", "current_state"}

func (e ProtocolSortField) MarshalGQL(w io.Writer) { marshalEnum(w, protocolSorts, string(e)) }
func (e *ProtocolSortField) UnmarshalGQL(v any) error {
	return unmarshalEnum(protocolSorts, v, (*string)(e))
}

// FullscriptProtocolSort is how the partner's own protocols are sorted.
type FullscriptProtocolSort = Sort[FullscriptProtocolSortField]

// FullscriptProtocolSortField is what the partner's own protocols are sorted by.
type FullscriptProtocolSortField string

var fullscriptProtocolSorts = []string{"name"}

func (e FullscriptProtocolSortField) MarshalGQL(w io.Writer) {
	marshalEnum(w, fullscriptProtocolSorts, string(e))
}

func (e *FullscriptProtocolSortField) UnmarshalGQL(v any) error {
	return unmarshalEnum(fullscriptProtocolSorts, v, (*string)(e))
}

// Protocol is a reusable draft of a treatment plan. Whose it is, only lists
// say; practitioner, message and recommendations come with the single fetch.
type Protocol struct {
	Record
	ID              ProtocolID               `json:"id"`
	Name            *string                  `json:"name"`
	CurrentState    *ProtocolState           `json:"current_state"`
	OwnershipType   *ProtocolOwnership       `json:"ownership_type"`
	Practitioner    *Practitioner            `json:"practitioner"`
	PersonalMessage *string                  `json:"personal_message"`
	Recommendations []ProtocolRecommendation `json:"recommendations"`
}

// FullscriptID is the partner's own id.
func (p *Protocol) FullscriptID() string { return string(p.ID) }

// CurrentStateRaw is the partner's text of the state.
func (p *Protocol) CurrentStateRaw() *string { return raw(p.CurrentState) }

// OwnershipTypeRaw is the partner's text of the ownership.
func (p *Protocol) OwnershipTypeRaw() *string { return raw(p.OwnershipType) }

// ProtocolRecommendation is a line of a protocol or of a template.
type ProtocolRecommendation struct {
	Faults
	Variant             *Variant `json:"variant"`
	QuantityRecommended *int     `json:"quantity_recommended"`
	Refill              *bool    `json:"refill"`
	// The API has the parts of the dosage flat beside the others, under names
	// of their own.
	Dosage *Dosage `json:"dosage" inline:"dosage_"`
}

// ProtocolListOptions choose and sort the protocols of a practitioner.
type ProtocolListOptions struct {
	CurrentState  *ProtocolState           `url:"current_state"`
	OwnershipType *ProtocolOwnershipFilter `url:"ownership_type"`
	OrderBy       ProtocolSort
	PageOptions
}

// ListByPractitioner returns a practitioner's protocols, as summaries.
// https://fullscript.dev/technical-reference/protocols
//
// op: GET /clinic/practitioners/{practitioner_id}/protocols
func (s *ProtocolsService) ListByPractitioner(ctx context.Context, practitionerID string, o *ProtocolListOptions) (*Page[Protocol], error) {
	return getPage[Protocol](ctx, s.client, get("/clinic/practitioners/{practitioner_id}/protocols", practitionerID), o, "protocols")
}

// FullscriptProtocolListOptions sort the partner's own protocols.
type FullscriptProtocolListOptions struct {
	OrderBy FullscriptProtocolSort
	PageOptions
}

// ListFullscript returns the protocols the partner offers to everyone, as
// summaries. The key of the answer is not published.
// https://fullscript.dev/technical-reference/protocols
//
// op: GET /clinic/fullscript_protocols
func (s *ProtocolsService) ListFullscript(ctx context.Context, o *FullscriptProtocolListOptions) (*Page[Protocol], error) {
	return getPage[Protocol](ctx, s.client, get("/clinic/fullscript_protocols"), o, "protocols", "fullscript_protocols")
}

// Get returns one protocol with its recommendations.
// https://fullscript.dev/technical-reference/protocols
//
// op: GET /clinic/protocols/{id}
func (s *ProtocolsService) Get(ctx context.Context, id string) (*Protocol, error) {
	return getOne[Protocol](ctx, s.client, get("/clinic/protocols/{id}", id), nil, "protocol")
}
