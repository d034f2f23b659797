package fsclient_test

import (
	"slices"
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestOrdersGet(t *testing.T) {
	t.Parallel()
	everyMood(t, getOrder)
}

func getOrder(t *testing.T, c *fsclient.Client) {
	o, err := c.Orders.Get(t.Context(), sandbox.OrderWithLabs)
	if err != nil {
		t.Fatal(err)
	}
	if o.FullscriptID() != sandbox.OrderWithLabs || o.OrderNumber == nil || o.CompletedAt == nil || o.ItemTotal == nil || o.MSRPTotal == nil || o.PaymentTotal == nil {
		t.Errorf("got %+v", o)
	}
	if o.TreatmentPlans[0].ID != sandbox.PlanWithLabs || o.Patient.ID != sandbox.PatientWithManyPlans {
		t.Errorf("plans %+v, patient %+v", o.TreatmentPlans, o.Patient)
	}
	lab := slices.IndexFunc(o.LineItems, func(l fsclient.LineItem) bool { return value(l.Type) == "labs" })
	if lab < 0 || o.LineItems[lab].Variant == nil || value(o.LineItems[lab].Quantity) == 0 || value(o.LineItems[lab].TypeRaw()) != "labs" {
		t.Errorf("line items %+v", o.LineItems)
	}
	for _, l := range o.LineItems {
		i := slices.IndexFunc(o.Variants, func(v *fsclient.Variant) bool { return v.ID == l.Variant.ID })
		if i < 0 {
			t.Fatalf("variant %s is not among the order's", l.Variant.ID)
		}
		if o.Variants[i] == l.Variant {
			t.Error("the order and its line share a record")
		}
		holds(t, o.Variants[i], "ID")
	}
}

func TestOrdersList(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	for _, tt := range []struct {
		name    string
		options fsclient.OrderListOptions
		right   func(*fsclient.Order) bool
	}{
		{"All", fsclient.OrderListOptions{}, func(o *fsclient.Order) bool { return len(o.Variants) > 0 }},
		{"OfPatient", fsclient.OrderListOptions{PatientID: new(fsclient.PatientID(sandbox.PatientWithManyPlans))}, func(o *fsclient.Order) bool {
			return o.Patient.ID == sandbox.PatientWithManyPlans
		}},
		{"OfPlan", fsclient.OrderListOptions{TreatmentPlanID: new(fsclient.TreatmentPlanID(sandbox.PlanWithLabs))}, func(o *fsclient.Order) bool {
			return slices.ContainsFunc(o.TreatmentPlans, func(p *fsclient.TreatmentPlan) bool { return p.ID == sandbox.PlanWithLabs })
		}},
		{"WithLabsSorted", fsclient.OrderListOptions{
			Type: new(fsclient.OrderType("labs")), OrderBy: fsclient.OrderSort{Field: "completed_at", Direction: "DESC"},
			CompletedAt: &fsclient.DateFilter{After: new(fsclient.Date("2001-01-01"))}, PageOptions: fsclient.PageOptions{Number: 1, Size: 10},
		}, func(o *fsclient.Order) bool { return o.CompletedAt != nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			page, err := c.Orders.List(t.Context(), &tt.options)
			if err != nil || len(page.Items) == 0 {
				t.Fatalf("%d orders, %v", len(page.Items), err)
			}
			for i := range page.Items {
				if !tt.right(&page.Items[i]) {
					t.Errorf("order %+v", page.Items[i])
				}
				holds(t, &page.Items[i], "ID", "OrderNumber", "CompletedAt", "Patient", "TreatmentPlans", "Variants")
			}
		})
	}
}

// The list of one patient leaves out the patient.
func TestOrdersListByPatient(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	page, err := c.Orders.ListByPatient(t.Context(), sandbox.PatientWithManyPlans, &fsclient.PatientOrderListOptions{PageOptions: fsclient.PageOptions{Number: 1, Size: 5}})
	if err != nil || len(page.Items) == 0 {
		t.Fatalf("%+v, %v", page, err)
	}
	for i := range page.Items {
		if o := &page.Items[i]; value(o.Patient).ID != sandbox.PatientWithManyPlans {
			t.Errorf("order %+v", o)
		}
		holds(t, &page.Items[i], "ID", "OrderNumber", "CompletedAt", "Patient", "TreatmentPlans", "Variants")
	}
	refused(c.Orders.ListByPatient(t.Context(), sandbox.OtherClinicPatient, nil))(t, fsclient.KindNotFound)
}

func TestOrdersOddAnswers(t *testing.T) {
	t.Parallel()
	t.Run("EachVariantOnce", func(t *testing.T) {
		t.Parallel()
		c, sent := scripted(t, `{"orders":[{"id":"o","order_number":"R1","variant_ids":["v","w","v"],"treatment_plan_ids":[],"item_total":12.50}]}`)
		page, err := c.Orders.List(t.Context(), &fsclient.OrderListOptions{CompletedAt: &fsclient.DateFilter{Between: &fsclient.DateRange{From: "2026-01-01", To: "2026-01-31"}}})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "request", sent.request, "GET /clinic/orders?completed_at=2026-01-01..2026-01-31")
		if o := page.Items[0]; len(o.Variants) != 2 || *o.ItemTotal != "12.50" || page.Meta.TotalCount != nil {
			t.Errorf("order %+v", o)
		}
	})
	t.Run("LinesWithoutVariant", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"order":{"id":"o","order_number":1234,"line_items":[{"quantity":"2","type":"gift"},{"variant_id":"v"},{"variant_id":"v"}]}}`)
		o, err := c.Orders.Get(t.Context(), "o")
		if err != nil {
			t.Fatal(err)
		}
		if len(o.LineItems) != 3 || len(o.Variants) != 1 || value(o.OrderNumber) != "1234" || *o.LineItems[0].Quantity != 2 || graphql(o.LineItems[0].Type) != `"UNKNOWN"` {
			t.Errorf("order %+v", o)
		}
	})
}
