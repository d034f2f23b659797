package fsclient

import "io"

// CreateTreatmentPlanInput is a plan to write. State is always sent: the API
// would take a plan without one for active, and send it.
type CreateTreatmentPlanInput struct {
	PatientID             PatientID                  `json:"-"`
	PractitionerID        Opt[*PractitionerID]       `json:"practitioner_id,omitzero"`
	PersonalMessage       Opt[*string]               `json:"personal_message,omitzero"`
	State                 TreatmentPlanInputState    `json:"state"`
	Recommendations       Opt[[]RecommendationInput] `json:"recommendations,omitzero"`
	Labs                  Opt[[]LabInput]            `json:"labs,omitzero"`
	ExternalID            Opt[ExternalIDInput]       `json:"metadata,omitzero"`
	SendToPatient         Opt[*bool]                 `json:"send_to_patient,omitzero"`
	SkipEmailNotification Opt[*bool]                 `json:"skip_email_notification,omitzero"`
	PartnerOrderID        Opt[*string]               `json:"partner_order_id,omitzero"`
	IdempotencyKey        *string                    `json:"-"`
}

// UpdateTreatmentPlanInput changes a plan. The API wants the recommendations
// with every change; those of the plan are replaced.
type UpdateTreatmentPlanInput struct {
	ID              TreatmentPlanID       `json:"-"`
	PersonalMessage Opt[*string]          `json:"personal_message,omitzero"`
	Recommendations []RecommendationInput `json:"recommendations"`
	ExternalID      Opt[ExternalIDInput]  `json:"metadata,omitzero"`
}

// ActivateTreatmentPlanInput names the draft to send.
type ActivateTreatmentPlanInput struct {
	ID TreatmentPlanID
}

// CancelTreatmentPlanInput names the plan to withdraw.
type CancelTreatmentPlanInput struct {
	ID TreatmentPlanID
}

// CreateInOfficeCheckoutInput names the plan to check out.
type CreateInOfficeCheckoutInput struct {
	TreatmentPlanID TreatmentPlanID
}

// RecommendationInput is one line of a plan to write. The API wants its number
// and its yes or no as text.
type RecommendationInput struct {
	VariantID       VariantID         `json:"variant_id"`
	UnitsToPurchase int               `json:"units_to_purchase,string"`
	Refill          Opt[*Flag]        `json:"refill,omitzero"`
	TakeWith        Opt[*string]      `json:"take_with,omitzero"`
	Dosage          Opt[*DosageInput] `json:"dosage,omitzero"`
}

// LabInput is a lab to put on a plan.
type LabInput struct {
	LabTestID        LabTestID    `json:"lab_test_id"`
	Quantity         Opt[*Count]  `json:"quantity,omitzero"`
	SampleCollection Opt[*string] `json:"sample_collection,omitzero"`
}

// TreatmentPlanInputState is a state a plan can be written in.
type TreatmentPlanInputState string

var treatmentPlanInputStates = []string{"draft", "active"}

func (e TreatmentPlanInputState) MarshalGQL(w io.Writer) {
	marshalEnum(w, treatmentPlanInputStates, string(e))
}

func (e *TreatmentPlanInputState) UnmarshalGQL(v any) error {
	return unmarshalEnum(treatmentPlanInputStates, v, (*string)(e))
}
