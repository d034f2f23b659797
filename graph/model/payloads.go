package model

import "fsgateway/internal/fsclient"

// The payloads of mutations: what was written, or what is wrong with the input.
type (
	ActivateTreatmentPlanPayload struct {
		TreatmentPlan *fsclient.TreatmentPlan
		UserErrors    []UserError
	}
	CancelTreatmentPlanPayload struct {
		TreatmentPlan *fsclient.TreatmentPlan
		UserErrors    []UserError
	}
	CreateDraftTreatmentPlanLinkPayload struct {
		DynamicLink *fsclient.DynamicLink
		UserErrors  []UserError
	}
	CreateFulfillmentOrderPayload struct {
		FulfillmentOrder *fsclient.FulfillmentOrder
		UserErrors       []UserError
	}
	CreateGatewayTreatmentPlanLinkPayload struct {
		DynamicLink *fsclient.DynamicLink
		UserErrors  []UserError
	}
	CreateInOfficeCheckoutPayload struct {
		InOfficeCheckout *fsclient.InOfficeCheckout
		UserErrors       []UserError
	}
	CreatePatientPayload struct {
		Patient    *fsclient.Patient
		UserErrors []UserError
	}
	CreatePractitionerPayload struct {
		Practitioner *fsclient.Practitioner
		UserErrors   []UserError
	}
	CreateSessionGrantPayload struct {
		SessionGrant *fsclient.SessionGrant
		UserErrors   []UserError
	}
	CreateStaffPayload struct {
		Staff      *fsclient.Staff
		UserErrors []UserError
	}
	CreateTreatmentPlanPayload struct {
		TreatmentPlan *fsclient.TreatmentPlan
		UserErrors    []UserError
	}
	UpdatePatientPayload struct {
		Patient    *fsclient.Patient
		UserErrors []UserError
	}
	UpdatePractitionerPayload struct {
		Practitioner *fsclient.Practitioner
		UserErrors   []UserError
	}
	UpdateStaffPayload struct {
		Staff      *fsclient.Staff
		UserErrors []UserError
	}
	UpdateTreatmentPlanPayload struct {
		TreatmentPlan *fsclient.TreatmentPlan
		UserErrors    []UserError
	}
)
