package fsclient_test

import (
	"fmt"
	"reflect"
	"testing"

	"fsgateway/internal/fsclient"
)

var eventStruct = reflect.TypeFor[fsclient.Event]()

// dataOf reads an event of the given type with the given data.
func dataOf[T any](t *testing.T, kind, data string) *T {
	t.Helper()
	e, err := fsclient.ParseEvent([]byte(`{"event":{"id":"0e","type":"` + kind + `","data":` + data + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	d, ok := any(e.Data).(*T)
	if !ok {
		t.Fatalf("the data of %s is a %T", kind, e.Data)
	}
	return d
}

func TestOrderEventData(t *testing.T) {
	t.Parallel()
	d := dataOf[fsclient.OrderEventData](t, "order.placed", `{"id":"d1","order_number":"R123456789","completed_at":"2026-03-04T05:20:28.000-05:00",
		"treatment_plan_ids":["a1"],"practitioner_ids":["e1"],"patient_id":"b1","line_items":[{"variant_id":"f1","quantity":2,"type":"supplement"}]}`)
	same(t, "number", d.Order.OrderNumber, new("R123456789"))
	same(t, "patient", d.Order.Patient.ID, fsclient.PatientID("b1"))
	same(t, "plan", d.Order.TreatmentPlans[0].ID, fsclient.TreatmentPlanID("a1"))
	same(t, "practitioner", d.Practitioners[0].ID, fsclient.PractitionerID("e1"))
	same(t, "quantity", d.Order.LineItems[0].Quantity, new(2))
	if d.Order.Held()&fsclient.FieldOf(reflect.TypeFor[fsclient.Order](), "PaymentTotal") != 0 {
		t.Error("the order holds a total that the event does not tell")
	}
}

func TestLabOrderEventData(t *testing.T) {
	t.Parallel()
	d := dataOf[fsclient.LabOrderEventData](t, "lab_order.updated", `{"lab_order":{"id":"91","practitioner_id":"e1","patient_id":"b1",
		"first_name":"Ada","last_name":"Sample","email":"ada@example.org","status":"results_received"}}`)
	same(t, "lab order", d.LabOrder.ID, fsclient.LabOrderID("91"))
	same(t, "patient", d.LabOrder.Patient.ID, fsclient.PatientID("b1"))
	same(t, "status", d.StatusRaw(), new("results_received"))
	same(t, "name", []string{value(d.FirstName), value(d.LastName), value(d.Email)}, []string{"Ada", "Sample", "ada@example.org"})
}

func TestTreatmentPlanEventData(t *testing.T) {
	t.Parallel()
	for name, dosage := range map[string]string{
		"2026": `{"amount":"1-2","frequency":"twice per day","duration":"60","format":"capsule","additional_info":"after meals","time_of_day":["morning"]}`,
		"2021": `{"recommended_amount":"1-2","recommended_frequency":"twice per day","recommended_duration":60,"format":"capsule","additional_info":"after meals","time_of_day":"morning"}`,
	} {
		t.Run("Dosage"+name, func(t *testing.T) {
			t.Parallel()
			d := dataOf[fsclient.TreatmentPlanEventData](t, "treatment_plan.created", `{"treatment_plan":{"id":"a1","active":"true","available_at":"2026-03-04T09:00:00Z",
				"patient":{"id":"b1"},"practitioner":{"id":"e1"},"recommendations":[{"variant_id":"f1","refill":true,"units_to_purchase":1,"dosage":`+dosage+`}],
				"lab_recommendations":[{"id":"81","name":"Sample Panel","tests":[{"id":"82","name":"Sample Test"}]}]}}`)
			same(t, "active", d.Active, new(true))
			same(t, "available", d.TreatmentPlan.AvailableAt, new(fsclient.Date("2026-03-04")))
			same(t, "patient", d.TreatmentPlan.Patient.ID, fsclient.PatientID("b1"))
			same(t, "labs", len(d.TreatmentPlan.LabRecommendations), 1)
			same(t, "dosage", d.TreatmentPlan.Recommendations[0].Dosage, &fsclient.Dosage{
				Amount: new("1-2"), Frequency: new(fsclient.DosageFrequency("twice per day")), Duration: new("60"),
				Format: new(fsclient.DosageFormat("capsule")), AdditionalInfo: new("after meals"), TimeOfDay: []fsclient.TimeOfDay{"morning"},
			})
		})
	}
}

func TestPatientEventData(t *testing.T) {
	t.Parallel()
	d := dataOf[fsclient.PatientEventData](t, "patient.emancipated", `{"patient":{"id":"b2","first_name":"Ben","discount":5,"is_dependent":false,"guardian_patient_id":null}}`)
	holds(t, d.Patient, "ID", "FirstName", "Discount", "IsDependent", "Guardian")
	same(t, "dependent", d.Patient.IsDependent, new(false))
}

func TestProductEventData(t *testing.T) {
	t.Parallel()
	const product = `{"name":"Sample D3","description_html":"<p>Sample</p>","brand":{"id":"61","name":"SampleBrand","prefix":"SMP"},
		"variants":[{"id":"f1","sku":"SMP001","primary":true,"units":60,"msrp":"24.50"}],"dosage":{"recommended_amount":"1","format":"capsule"}}`
	for kind, data := range map[string]string{"product.updated": `{"product":` + product + `}`, "product.created": product} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := dataOf[fsclient.ProductEventData](t, kind, data).Product
			same(t, "name", p.Name, new("Sample D3"))
			same(t, "brand", p.Brand.ID, fsclient.BrandID("61"))
			same(t, "variant", p.Variants[0].ID, fsclient.VariantID("f1"))
			same(t, "dosage", p.Dosage.Amount, new("1"))
		})
	}
}

func TestFulfillmentShipmentEventData(t *testing.T) {
	t.Parallel()
	d := dataOf[fsclient.FulfillmentShipmentEventData](t, "fulfillment.shipment.shipped", `{"fulfillment_shipment":{"order_id":"51","number":"H100","state":"shipped",
		"shipped_at":"2026-03-08T00:00:00Z","delivered_at":null,"carrier":"UPS","shipped_skus":[{"sku":"SMP001","quantity":"1"}]}}`)
	same(t, "order", d.FulfillmentShipment.OrderID, new("51"))
	same(t, "shipped", d.FulfillmentShipment.ShippedSkus, []fsclient.ShippedSku{{Sku: new("SMP001"), Quantity: new(1)}})
}

func TestUnknownEventData(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ kind, data string }{
		"NewType":          {"invoice.paid", `{"invoice":{"id":"1"}}`},
		"ClinicKey":        {"clinic_key.revoked", `{}`},
		"WithoutRecord":    {"patient.created", `{"person":{}}`},
		"RecordWithoutID":  {"treatment_plan.created", `{"treatment_plan":{"active":"true"}}`},
		"OrderWithoutID":   {"order.placed", `{"order_number":"R1"}`},
		"LabOrderIsAList":  {"lab_order.updated", `{"lab_order":[]}`},
		"ProductOfNothing": {"product.updated", `{"product":{}}`},
		"NoObject":         {"fulfillment.shipment.shipped", `[1]`},
		"Text":             {"order.placed", `"order"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, "data", dataOf[fsclient.UnknownEventData](t, test.kind, test.data).Raw, test.data)
		})
	}
}

func TestParseEvent(t *testing.T) {
	t.Parallel()
	const event = `{"id":"0e","type":"patient.created","clinic_id":"c1","data":{"patient":{"id":"b1"}}}`
	for name, body := range map[string]string{
		"Event":              `{"event":` + event + `}`,
		"EventPayload":       `{"event_payload":{"event":` + event + `}}`,
		"WithUnknownBesides": `{"attempt":1,"event":` + event + `,"more":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := fsclient.ParseEvent([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			whole(t, e)
			same(t, "clinic", e.ClinicID, new(fsclient.ClinicID("c1")))
			same(t, "data", fmt.Sprintf("%T", e.Data), "*fsclient.PatientEventData")
		})
	}
	for name, body := range map[string]string{
		"Empty": ``, "NoObject": `[]`, "NoEvent": `{}`, "NoID": `{"event":{"type":"patient.created"}}`, "NoType": `{"event":{"id":"0e"}}`,
		"Broken": `{"event":{"id":"0e"`, "NoDataIsNoEvent": `{"event":"0e"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if e, err := fsclient.ParseEvent([]byte(body)); err == nil {
				t.Errorf("became %+v", e)
			}
		})
	}
	t.Run("NullData", func(t *testing.T) {
		t.Parallel()
		e, err := fsclient.ParseEvent([]byte(`{"event":{"id":"0e","type":"order.placed","data":null}}`))
		if err != nil || e.Data != nil {
			t.Errorf("became %+v, %v", e, err)
		}
	})
}

// The copies that answers are made of must not share the records in the data.
func TestEventCopies(t *testing.T) {
	t.Parallel()
	e, err := fsclient.ParseEvent([]byte(`{"event":{"id":"0e","type":"patient.created","data":{"patient":{"id":"b1"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	c := fsclient.Copy(e).(*fsclient.Event)
	if a, b := e.Data.(*fsclient.PatientEventData), c.Data.(*fsclient.PatientEventData); a == b || a.Patient == b.Patient {
		t.Error("a copy shares its data")
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"event":{"id":"0e","type":"patient.created","data":{"patient":{"id":"b1"}}}}`))
	f.Add([]byte(`{"event_payload":{"event":{"id":"0e","type":"order.placed","data":{"id":"d1","line_items":{"variant_id":1}}}}}`))
	f.Add([]byte(`{"event":{"id":"0e","type":"product.created","data":{"name":"N","variants":[null,1,"f1",{"id":"f2"}]}}}`))
	f.Add([]byte(`{"event":{"id":"0e","type":"lab_order.updated","data":{"lab_order":{"id":1e99,"status":{}}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := fsclient.ParseEvent(body)
		if (e == nil) == (err == nil) {
			t.Errorf("got %v and %v", e, err)
		}
		if err == nil && (e.ID == "" || e.Type == "") {
			t.Errorf("an event without id or type: %+v", e)
		}
	})
}
