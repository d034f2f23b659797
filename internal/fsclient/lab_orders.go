package fsclient

import (
	"context"
	"io"
	"reflect"
)

// LabOrdersService reads lab orders.
// https://fullscript.dev/technical-reference/labs
type LabOrdersService service

// LabOrder is the progress of the labs of a plan, from purchase to results.
// List items are known to hold the state and the ids of the plan, the patient
// and the practitioner; the rest comes with the single fetch.
type LabOrder struct {
	Record
	ID                     LabOrderID           `json:"id"`
	State                  LabOrderState        `json:"state" also:"status"` // webhooks say status
	TreatmentPlan          *TreatmentPlan       `json:"treatment_plan"`
	Patient                *Patient             `json:"patient"`
	Practitioner           *Practitioner        `json:"practitioner"`
	Name                   *string              `json:"name"`
	CollectionMethod       *string              `json:"collection_method"`
	Tests                  []*OrderedLabTest    `json:"tests"`
	Results                []LabResult          `json:"results"`
	LatestAggregatedResult *LabAggregatedResult `json:"latest_aggregated_result"`
}

// LabResult is a result of a lab order. Results and tests do not correspond
// one to one.
type LabResult struct {
	Faults
	ID     *LabResultID `json:"id"`
	Name   *string      `json:"name"`
	State  *string      `json:"state"`
	PDFURL *string      `json:"pdf_url"` // lives for a short time
}

// LabAggregatedResult is the report on all results of a lab order.
type LabAggregatedResult struct {
	Faults
	ID         *LabAggregatedResultID `json:"id"`
	ArtifactID *string                `json:"artifact_id"`
	PDFURL     *string                `json:"pdf_url"`
	Status     *string                `json:"status"`
}

// FullscriptID is the partner's own id.
func (l *LabOrder) FullscriptID() string { return string(l.ID) }

// StateRaw is the partner's text of the state.
func (l *LabOrder) StateRaw() *string { return rawText(l.State) }

// FullscriptID is the partner's own id; these records may lack one.
func (r *LabResult) FullscriptID() *string { return raw(r.ID) }

// FullscriptID is the partner's own id; these records may lack one.
func (r *LabAggregatedResult) FullscriptID() *string { return raw(r.ID) }

var labOrderPatient = FieldOf(reflect.TypeFor[LabOrder](), "Patient")

// LabOrderState is where a lab order stands.
type LabOrderState string

var labOrderStates = []string{
	"not_purchased", "purchased", "schedule_appointment", "upcoming_appointment", "processing", "partial_results",
	"results_ready", "results_amended", "interpretation_ready", "interpretation_shared",
	"results_received", "all_results_received", // webhooks' names of partial_results and results_ready
}

func (e LabOrderState) MarshalGQL(w io.Writer) { marshalEnum(w, labOrderStates, string(e)) }
func (e *LabOrderState) UnmarshalGQL(v any) error {
	return unmarshalEnum(labOrderStates, v, (*string)(e))
}

// LabOrderListOptions choose the lab orders to list.
type LabOrderListOptions struct {
	PatientID *PatientID `url:"patient_id"`
	PageOptions
}

// List returns the clinic's lab orders, a page at a time, as summaries.
// https://fullscript.dev/technical-reference/labs
//
// op: GET /clinic/labs/orders
func (s *LabOrdersService) List(ctx context.Context, o *LabOrderListOptions) (*Page[LabOrder], error) {
	page, err := getPage[LabOrder](ctx, s.client, get("/clinic/labs/orders"), o, "orders", "lab_orders")
	if err != nil || o == nil || o.PatientID == nil {
		return page, err
	}
	for i := range page.Items {
		// That list items name the patient is only assumed.
		if order := &page.Items[i]; order.held&labOrderPatient == 0 {
			order.Patient = Reference[Patient](string(*o.PatientID))
			order.Hold(labOrderPatient)
		}
	}
	return page, nil
}

// Get returns one lab order, whole. Most changes of state are announced nowhere,
// so a client that waits for one asks again.
//
// op: GET /clinic/labs/orders/{id}
func (s *LabOrdersService) Get(ctx context.Context, id string) (*LabOrder, error) {
	return getOne[LabOrder](ctx, s.client, get("/clinic/labs/orders/{id}", id), nil, "order", "lab_order")
}
