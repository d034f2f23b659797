package fsclient

import (
	"context"
	"io"
)

// DynamicLinksService makes links into the partner's web pages. Links change:
// they are asked for each time and never stored.
// https://fullscript.dev/technical-reference/dynamic-link
type DynamicLinksService service

// DynamicLink sends a practitioner's browser to a treatment plan. Plan and
// patient are what the answer says of them, which is part of their records.
type DynamicLink struct {
	Faults
	RedirectURL   *string        `json:"redirect_url"`
	TreatmentPlan *TreatmentPlan `json:"treatment_plan"`
	Patient       *Patient       `json:"patient"`
}

// linked refuses the link to another plan than the one asked for.
func linked(r route, l *DynamicLink, err error) (*DynamicLink, error) {
	if err != nil || l.TreatmentPlan == nil {
		return l, err
	}
	if err := r.answeredBy(l.TreatmentPlan); err != nil {
		return nil, &Error{Op: r.String(), Kind: KindUpstream, Unknown: r.isWrite(), cause: err}
	}
	return l, nil
}

// New returns a link to a blank plan. Its answer has no envelope.
//
// op: GET /clinic/dynamic_links/treatment_plans
func (s *DynamicLinksService) New(ctx context.Context) (*DynamicLink, error) {
	r := getOwn("/clinic/dynamic_links/treatment_plans")
	return getOne[DynamicLink](ctx, s.client, r, nil, "dynamic_link")
}

// Get returns a link to a draft or an active plan.
//
// op: GET /clinic/dynamic_links/treatment_plans/{id}
func (s *DynamicLinksService) Get(ctx context.Context, planID string) (*DynamicLink, error) {
	r := getOwn("/clinic/dynamic_links/treatment_plans/{id}", planID)
	l, err := getOne[DynamicLink](wantingAll(ctx), s.client, r, nil, "dynamic_link") // linked looks at it
	return linked(r, l, err)
}

// CreateDraftTreatmentPlanLinkInput says for whom a draft is made.
type CreateDraftTreatmentPlanLinkInput struct {
	TreatmentPlan DraftLinkTreatmentPlanInput `json:"treatment_plan"`
	Patient       Opt[*DraftLinkPatientInput] `json:"patient,omitzero"`
}

// DraftLinkTreatmentPlanInput is the plan of a draft link.
type DraftLinkTreatmentPlanInput struct {
	PractitionerID PractitionerID `json:"practitioner_id"`
}

// DraftLinkPatientInput finds the patient by the email, or adds it.
type DraftLinkPatientInput struct {
	Email            string        `json:"email"`
	FirstName        Opt[*string]  `json:"first_name,omitzero"`
	LastName         Opt[*string]  `json:"last_name,omitzero"`
	DateOfBirth      Opt[*Date]    `json:"date_of_birth,omitzero"`
	Gender           Opt[*Gender]  `json:"gender,omitzero"`
	MobileNumber     Opt[*string]  `json:"mobile_number,omitzero"`
	Discount         Opt[*Decimal] `json:"discount,omitzero"`
	SendWelcomeEmail Opt[*Flag]    `json:"send_welcome_email,omitzero"`
}

// CreateDraft makes a draft of a plan, and the patient if there is none, and
// gives the link to it.
//
// op: POST /clinic/dynamic_links/treatment_plans
func (s *DynamicLinksService) CreateDraft(ctx context.Context, in *CreateDraftTreatmentPlanLinkInput) (*DynamicLink, error) {
	r := post("/clinic/dynamic_links/treatment_plans")
	return send[DynamicLink](ctx, s.client, r, in, "dynamic_link")
}

// LinkEntrypoint is the page a gateway link opens first.
type LinkEntrypoint string

var linkEntrypoints = []string{"catalog", "labs"}

func (e LinkEntrypoint) MarshalGQL(w io.Writer) { marshalEnum(w, linkEntrypoints, string(e)) }
func (e *LinkEntrypoint) UnmarshalGQL(v any) error {
	return unmarshalEnum(linkEntrypoints, v, (*string)(e))
}

// CreateGatewayTreatmentPlanLinkInput says for whom a plan is opened, and where.
type CreateGatewayTreatmentPlanLinkInput struct {
	TreatmentPlan Opt[*GatewayLinkTreatmentPlanInput] `json:"treatment_plan,omitzero"`
	Patient       Opt[*GatewayLinkPatientInput]       `json:"patient,omitzero"`
	Entrypoint    Opt[*LinkEntrypoint]                `json:"entrypoint,omitzero"`
}

// GatewayLinkTreatmentPlanInput is the plan of a gateway link.
type GatewayLinkTreatmentPlanInput struct {
	PractitionerID Opt[*PractitionerID] `json:"practitioner_id,omitzero"`
}

// GatewayLinkPatientInput finds the patient by the id, by the integrator's
// identifier, or by the details.
type GatewayLinkPatientInput struct {
	ID               Opt[*PatientID] `json:"id,omitzero"`
	ExternalID       Opt[*string]    `json:"external_id,omitzero"`
	Email            Opt[*string]    `json:"email,omitzero"`
	FirstName        Opt[*string]    `json:"first_name,omitzero"`
	LastName         Opt[*string]    `json:"last_name,omitzero"`
	DateOfBirth      Opt[*Date]      `json:"date_of_birth,omitzero"`
	Gender           Opt[*Gender]    `json:"gender,omitzero"`
	MobileNumber     Opt[*string]    `json:"mobile_number,omitzero"`
	Discount         Opt[*Decimal]   `json:"discount,omitzero"`
	SendWelcomeEmail Opt[*Flag]      `json:"send_welcome_email,omitzero"`
}

// CreateGateway returns a link behind which the practitioner settles unclear
// matches of the patient. Whether its answer has an envelope is not published.
//
// op: POST /clinic/dynamic_links/gateway/treatment_plans
func (s *DynamicLinksService) CreateGateway(ctx context.Context, in *CreateGatewayTreatmentPlanLinkInput) (*DynamicLink, error) {
	r := post("/clinic/dynamic_links/gateway/treatment_plans")
	return send[DynamicLink](ctx, s.client, r, in, "dynamic_link")
}
