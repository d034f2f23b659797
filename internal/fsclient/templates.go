package fsclient

import "context"

// TemplatesService reads templates, which the partner announced as deprecated
// in favour of protocols.
type TemplatesService service

// Template is what a protocol was before protocols. Practitioner, message and
// recommendations come with the single fetch.
type Template struct {
	Record
	ID              TemplateID               `json:"id"`
	Name            *string                  `json:"name"`
	CurrentState    *ProtocolState           `json:"current_state"`
	Practitioner    *Practitioner            `json:"practitioner"`
	PersonalMessage *string                  `json:"personal_message"`
	Recommendations []ProtocolRecommendation `json:"recommendations"`
}

// FullscriptID is the partner's own id.
func (t *Template) FullscriptID() string { return string(t.ID) }

// CurrentStateRaw is the partner's text of the state.
func (t *Template) CurrentStateRaw() *string { return raw(t.CurrentState) }

// TemplateListOptions choose a page of templates.
type TemplateListOptions struct {
	PageOptions
}

// ListByPractitioner returns a practitioner's templates, as summaries.
//
// op: GET /clinic/practitioners/{practitioner_id}/templates
func (s *TemplatesService) ListByPractitioner(ctx context.Context, practitionerID string, o *TemplateListOptions) (*Page[Template], error) {
	return getPage[Template](ctx, s.client, get("/clinic/practitioners/{practitioner_id}/templates", practitionerID), o, "templates")
}

// Get returns one template with its recommendations.
//
// op: GET /clinic/templates/{id}
func (s *TemplatesService) Get(ctx context.Context, id string) (*Template, error) {
	return getOne[Template](ctx, s.client, get("/clinic/templates/{id}", id), nil, "template")
}
