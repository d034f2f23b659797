package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestLabOrdersGet(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		l := must(c.LabOrders.Get(t.Context(), sandbox.LabOrderID))(t)
		whole(t, l)
		same(t, "id", l.FullscriptID(), sandbox.LabOrderID)
		same(t, "state", l.StateRaw(), new("results_ready"))
		same(t, "plan", l.TreatmentPlan.ID, fsclient.TreatmentPlanID(sandbox.PlanWithLabs))
		holds(t, l.Patient, "ID")
		holds(t, l.Practitioner, "ID")
		if len(l.Tests) == 0 || len(l.Results) == 0 || l.LatestAggregatedResult == nil {
			t.Fatalf("lab order %+v", l)
		}
		holds(t, l.Tests[0], "ID", "Name")
		for i := range l.Results {
			if r := &l.Results[i]; r.PDFURL == nil || r.FullscriptID() == nil {
				t.Errorf("result %+v", r)
			}
		}
		if r := l.LatestAggregatedResult; r.ArtifactID == nil || r.PDFURL == nil || r.Status == nil || r.FullscriptID() == nil {
			t.Errorf("report %+v", r)
		}
		refused(c.LabOrders.Get(t.Context(), sandbox.OtherClinicLabOrder))(t, fsclient.KindNotFound)
	})
}

func TestLabOrdersList(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		all := must(c.LabOrders.List(t.Context(), nil))(t)
		patient := fsclient.PatientID(sandbox.PatientWithManyPlans)
		page := must(c.LabOrders.List(t.Context(), &fsclient.LabOrderListOptions{PatientID: &patient, PageOptions: fsclient.PageOptions{Number: 1, Size: 10}}))(t)
		if len(page.Items) == 0 || *page.Meta.TotalCount >= *all.Meta.TotalCount {
			t.Fatalf("%d of %d lab orders", *page.Meta.TotalCount, *all.Meta.TotalCount)
		}
		for i := range page.Items {
			holds(t, &page.Items[i], "ID", "State", "TreatmentPlan", "Patient", "Practitioner")
			same(t, "patient", page.Items[i].Patient.ID, patient)
		}
	})
}

func TestLabOrdersOddAnswers(t *testing.T) {
	t.Parallel()
	t.Run("StatusAndNoEnvelope", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"id":"l","status":"all_results_received","results":[{"name":"no id","pdf_url":"https://files.example/1"}],"latest_aggregated_result":null,
			"tests":[{"name":"no id"},{"id":"t","name":"T"}]}`)
		l := must(c.LabOrders.Get(t.Context(), "l"))(t)
		same(t, "state", graphql(l.State), `"ALL_RESULTS_RECEIVED"`)
		same(t, "results", len(l.Results), 1)
		same(t, "id of a result", l.Results[0].FullscriptID(), (*string)(nil))
		same(t, "tests", len(l.Tests), 1)
		same(t, "report", l.LatestAggregatedResult, (*fsclient.LabAggregatedResult)(nil))
	})
	t.Run("OtherEnvelope", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"lab_order":{"id":"l","state":"lost"}}`)
		l := must(c.LabOrders.Get(t.Context(), "l"))(t)
		same(t, "state", graphql(l.State), `"UNKNOWN"`)
		same(t, "text of the state", l.StateRaw(), new("lost"))
	})
	t.Run("NoState", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"order":{"id":"l"}}`)
		l := must(c.LabOrders.Get(t.Context(), "l"))(t)
		same(t, "state", graphql(l.State), `"UNKNOWN"`)
		same(t, "text of the state", l.StateRaw(), (*string)(nil))
	})
	t.Run("ListWithoutPatient", func(t *testing.T) {
		t.Parallel()
		c, sent := scripted(t, `{"orders":[{"id":"l","state":"processing"}]}`)
		page := must(c.LabOrders.List(t.Context(), &fsclient.LabOrderListOptions{PatientID: new(fsclient.PatientID("p"))}))(t)
		same(t, "request", sent.request, "GET /clinic/labs/orders?patient_id=p")
		same(t, "patient", page.Items[0].Patient.ID, fsclient.PatientID("p"))
		holds(t, &page.Items[0], "ID", "State", "Patient")
	})
}
