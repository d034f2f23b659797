package fsclient

import "io"

// CreateTreatmentPlanInput is a plan to write. State is always sent: the API
// would take a plan without one for active, and send it.
type CreateTreatmentPlanInput struct {
	PatientID             PatientID               `json:"-"`
	PractitionerID        *PractitionerID         `json:"practitioner_id,omitempty"`
	PersonalMessage       *string                 `json:"personal_message,omitempty"`
	State                 TreatmentPlanInputState `json:"state"`
	Recommendations       []RecommendationInput   `json:"recommendations,omitempty"`
	Labs                  []LabInput              `json:"labs,omitempty"`
	Metadata              *ExternalIDInput        `json:"metadata,omitempty"`
	SendToPatient         *bool                   `json:"send_to_patient,omitempty"`
	SkipEmailNotification *bool                   `json:"skip_email_notification,omitempty"`
	PartnerOrderID        *string                 `json:"partner_order_id,omitempty"`
	IdempotencyKey        *string                 `json:"-"`
}

// UpdateTreatmentPlanInput changes a plan. The API wants the recommendations
// with every change; those of the plan are replaced.
type UpdateTreatmentPlanInput struct {
	ID              TreatmentPlanID       `json:"-"`
	PersonalMessage Opt[*string]          `json:"personal_message,omitzero"`
	Recommendations []RecommendationInput `json:"recommendations"`
	Metadata        Opt[*ExternalIDInput] `json:"metadata,omitzero"`
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
	VariantID       VariantID    `json:"variant_id"`
	UnitsToPurchase int          `json:"units_to_purchase,string"`
	Refill          *bool        `json:"refill,string,omitempty"`
	TakeWith        *string      `json:"take_with,omitempty"`
	Dosage          *DosageInput `json:"dosage,omitempty"`
}

// LabInput is a lab to put on a plan.
type LabInput struct {
	LabTestID        LabTestID `json:"lab_test_id"`
	Quantity         *int      `json:"quantity,string,omitempty"`
	SampleCollection *string   `json:"sample_collection,omitempty"`
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
