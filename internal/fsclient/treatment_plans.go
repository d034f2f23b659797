package fsclient

import (
	"context"
	"io"
	"reflect"
)

// TreatmentPlansService reads and writes treatment plans.
// https://fullscript.dev/technical-reference/treatment-plans
type TreatmentPlansService service

// TreatmentPlan is what a practitioner recommends to a patient. List items hold
// the state, the dates and the ids of the two; the rest comes with the single
// fetch.
type TreatmentPlan struct {
	Record
	ID                     TreatmentPlanID      `json:"id"`
	State                  TreatmentPlanState   `json:"state"`
	Patient                *Patient             `json:"patient"`
	Practitioner           *Practitioner        `json:"practitioner"`
	AvailableAt            *Date                `json:"available_at"`
	CreatedAt              *DateTime            `json:"created_at"`
	UpdatedAt              *DateTime            `json:"updated_at"`
	InvitationURL          *string              `json:"invitation_url"`
	Recommendations        []Recommendation     `json:"recommendations"`
	PersonalMessage        *string              `json:"personal_message"`
	ExternalID             *ExternalID          `json:"metadata"`
	LabRecommendations     []*LabRecommendation `json:"lab_recommendations"`
	Resources              []*Resource          `json:"resources"`
	Source                 *string              `json:"source"`
	CheckoutURL            *string              `json:"checkout_url"`
	PractitionerPayURL     *string              `json:"practitioner_pay_url"`
	TreatmentPlanText      *string              `json:"treatment_plan_text"`
	LabCheckoutStatus      *string              `json:"lab_checkout_status"`
	PatientLabFieldsNeeded []string             `json:"patient_lab_fields_needed"`
	IsActive               *bool                `json:"active"` // of webhooks, in place of the state
}

// Recommendation is one line of a plan.
type Recommendation struct {
	Faults
	Variant         *Variant `json:"variant"`
	UnitsToPurchase *int     `json:"units_to_purchase"`
	Refill          *bool    `json:"refill"`
	TakeWith        *string  `json:"take_with"`
	Dosage          *Dosage  `json:"dosage"`
}

// LabRecommendation is a lab that a plan recommends.
type LabRecommendation struct {
	Record
	ID              *LabRecommendationID     `json:"id"`
	Name            *string                  `json:"name"`
	RequiresFasting *bool                    `json:"requires_fasting"`
	Instructions    *string                  `json:"instructions"`
	Tests           []*LabRecommendationTest `json:"tests"`
}

// LabRecommendationTest is a test that a recommended lab consists of. Which of
// the API's two kinds of lab test its id names is not published.
type LabRecommendationTest struct {
	Record
	ID   *LabRecommendationTestID `json:"id"`
	Name *string                  `json:"name"`
}

// InOfficeCheckout is a checkout at the clinic.
type InOfficeCheckout struct {
	Faults
	URL *string `json:"url"`
}

// FullscriptID is the partner's own id.
func (t *TreatmentPlan) FullscriptID() string { return string(t.ID) }

// StateRaw is the partner's text of the state.
func (t *TreatmentPlan) StateRaw() *string { return rawText(t.State) }

// FullscriptID is the partner's own id.
func (l *LabRecommendation) FullscriptID() *string { return raw(l.ID) }

// FullscriptID is the partner's own id.
func (t *LabRecommendationTest) FullscriptID() *string { return raw(t.ID) }

var (
	planState    = FieldOf(reflect.TypeFor[TreatmentPlan](), "State")
	planIsActive = FieldOf(reflect.TypeFor[TreatmentPlan](), "IsActive")
)

// decoded works out the state where a webhook says `active` in its place. A
// plan that is not active may be in either of the other states.
func (t *TreatmentPlan) decoded() {
	if t.held&planState == 0 {
		faulty := t.unreadable&planIsActive != 0
		if t.IsActive != nil && *t.IsActive {
			t.State = "active"
		}
		if faulty || t.State != "" {
			t.derived(planState, faulty)
		}
	}
	t.IsActive = nil
	t.held = t.held.Without(planIsActive)
}

// needs: the state may come from whether the plan is active.
func (*TreatmentPlan) needs(wanted Fields) Fields {
	if wanted.Has(planState) {
		return planIsActive
	}
	return 0
}

// TreatmentPlanState is where a plan stands.
type TreatmentPlanState string

var treatmentPlanStates = []string{"draft", "active", "cancelled"}

func (e TreatmentPlanState) MarshalGQL(w io.Writer) { marshalEnum(w, treatmentPlanStates, string(e)) }

func (e *TreatmentPlanState) UnmarshalGQL(v any) error {
	return unmarshalEnum(treatmentPlanStates, v, (*string)(e))
}

// TreatmentPlanSort is how a patient's plans are sorted.
type TreatmentPlanSort = Sort[TreatmentPlanSortField]

// TreatmentPlanSortField is what a patient's plans are sorted by.
type TreatmentPlanSortField string

var treatmentPlanSorts = []string{"created_at", "updated_at"}

func (e TreatmentPlanSortField) MarshalGQL(w io.Writer) {
	marshalEnum(w, treatmentPlanSorts, string(e))
}

func (e *TreatmentPlanSortField) UnmarshalGQL(v any) error {
	return unmarshalEnum(treatmentPlanSorts, v, (*string)(e))
}

// TreatmentPlanListOptions choose the sequence of a patient's plans.
type TreatmentPlanListOptions struct {
	OrderBy TreatmentPlanSort
	PageOptions
}

// ListByPatient returns the plans of one patient, a page at a time, as
// summaries. There is no list of all plans of a clinic.
//
// op: GET /clinic/patients/{patient_id}/treatment_plans
func (s *TreatmentPlansService) ListByPatient(ctx context.Context, patientID string, o *TreatmentPlanListOptions) (*Page[TreatmentPlan], error) {
	return getPage[TreatmentPlan](ctx, s.client, get("/clinic/patients/{patient_id}/treatment_plans", patientID), o, "treatment_plans")
}

// Get returns one plan, whole.
//
// op: GET /clinic/treatment_plans/{id}
func (s *TreatmentPlansService) Get(ctx context.Context, id string) (*TreatmentPlan, error) {
	return getOne[TreatmentPlan](ctx, s.client, get("/clinic/treatment_plans/{id}", id), nil, "treatment_plan")
}

// Create writes a plan for a patient. An active one is sent to the patient.
// It needs commercial approval.
// https://fullscript.dev/technical-reference/treatment-plans
//
// op: POST /clinic/patients/{patient_id}/treatment_plans
func (s *TreatmentPlansService) Create(ctx context.Context, in *CreateTreatmentPlanInput) (*TreatmentPlan, error) {
	return sendOnce[TreatmentPlan](ctx, s.client, post("/clinic/patients/{patient_id}/treatment_plans", string(in.PatientID)), in, in.IdempotencyKey, "treatment_plan")
}

// Update changes a plan and replaces its recommendations.
//
// op: PATCH /clinic/treatment_plans/{id}
func (s *TreatmentPlansService) Update(ctx context.Context, in *UpdateTreatmentPlanInput) (*TreatmentPlan, error) {
	return send[TreatmentPlan](ctx, s.client, patch("/clinic/treatment_plans/{id}", string(in.ID)), in, "treatment_plan")
}

// Activate sends a draft to its patient. It needs commercial approval.
// https://fullscript.dev/technical-reference/treatment-plans
//
// op: PATCH /clinic/treatment_plans/{treatment_plan_id}/activate
func (s *TreatmentPlansService) Activate(ctx context.Context, in *ActivateTreatmentPlanInput) (*TreatmentPlan, error) {
	return send[TreatmentPlan](ctx, s.client, patch("/clinic/treatment_plans/{treatment_plan_id}/activate", string(in.ID)), nil, "treatment_plan")
}

// Cancel withdraws an active plan.
// https://fullscript.dev/technical-reference/treatment-plans
//
// op: PATCH /clinic/treatment_plans/{treatment_plan_id}/cancel
func (s *TreatmentPlansService) Cancel(ctx context.Context, in *CancelTreatmentPlanInput) (*TreatmentPlan, error) {
	return send[TreatmentPlan](ctx, s.client, patch("/clinic/treatment_plans/{treatment_plan_id}/cancel", string(in.ID)), nil, "treatment_plan")
}

// CreateInOfficeCheckout empties the patient's cart, fills it from the plan and
// gives the address at which the clinic's staff complete the order.
//
// op: POST /clinic/treatment_plans/{treatment_plan_id}/in_office_checkout
func (s *TreatmentPlansService) CreateInOfficeCheckout(ctx context.Context, in *CreateInOfficeCheckoutInput) (*InOfficeCheckout, error) {
	r := post("/clinic/treatment_plans/{treatment_plan_id}/in_office_checkout", string(in.TreatmentPlanID))
	return send[InOfficeCheckout](ctx, s.client, r, nil, "in_office_checkout")
}
