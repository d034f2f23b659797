package model

import "fsgateway/internal/fsclient"

// What subscriptions to one kind of record carry: the event, and the record as the
// event describes it.
type (
	TreatmentPlanUpdate struct {
		Event         fsclient.Event
		TreatmentPlan *fsclient.TreatmentPlan
	}
	PatientUpdate struct {
		Event   fsclient.Event
		Patient *fsclient.Patient
	}
	OrderUpdate struct {
		Event fsclient.Event
		Order *fsclient.Order
	}
	LabOrderUpdate struct {
		Event    fsclient.Event
		LabOrder *fsclient.LabOrder
	}
	ProductUpdate struct {
		Event   fsclient.Event
		Product *fsclient.ProductSnapshot
	}
)
