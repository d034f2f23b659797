package graph

import (
	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// The types behind the fields that are about one kind of record.
var (
	treatmentPlanTypes = []fsclient.EventType{"treatment_plan.created", "treatment_plan.updated", "treatment_plan.recommendation.updated"}
	patientTypes       = []fsclient.EventType{"patient.created", "patient.updated", "patient.emancipated"}
	orderTypes         = []fsclient.EventType{"order.placed"}
	labOrderTypes      = []fsclient.EventType{"lab_order.updated"}
	productTypes       = []fsclient.EventType{"product.created", "product.updated", "product.description.updated"}
)

// The functions below make of an event what such a field gives, nil of one of
// another kind. Each subscriber has records of their own.

func treatmentPlanUpdate(e *fsclient.Event) *model.TreatmentPlanUpdate {
	d, ok := e.Data.(*fsclient.TreatmentPlanEventData)
	if !ok {
		return nil
	}
	return &model.TreatmentPlanUpdate{Event: *e, TreatmentPlan: fsclient.Clone(d.TreatmentPlan)}
}

func patientUpdate(e *fsclient.Event) *model.PatientUpdate {
	d, ok := e.Data.(*fsclient.PatientEventData)
	if !ok {
		return nil
	}
	return &model.PatientUpdate{Event: *e, Patient: fsclient.Clone(d.Patient)}
}

func productUpdate(e *fsclient.Event) *model.ProductUpdate {
	d, ok := e.Data.(*fsclient.ProductEventData)
	if !ok {
		return nil
	}
	return &model.ProductUpdate{Event: *e, Product: fsclient.Clone(d.Product)}
}

// about makes a filter of an argument that names a record; without one all pass.
func about(kind string, id *string) (func(string) bool, error) {
	if id == nil {
		return func(string) bool { return true }, nil
	}
	only, err := fsclient.ParseID(kind, *id)
	return func(id string) bool { return id == only }, err
}
