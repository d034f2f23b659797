package fsclient_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	type list = func(context.Context, *fsclient.EventListOptions) (*fsclient.Page[fsclient.Event], error)
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		for category, test := range map[string]struct {
			list list
			data string
		}{
			"clinic_key":     {c.Events.ListClinicKeyEvents, "*fsclient.UnknownEventData"},
			"order":          {c.Events.ListOrderEvents, "*fsclient.OrderEventData"},
			"patient":        {c.Events.ListPatientEvents, "*fsclient.PatientEventData"},
			"product":        {c.Events.ListProductEvents, "*fsclient.ProductEventData"},
			"treatment_plan": {c.Events.ListTreatmentPlanEvents, "*fsclient.TreatmentPlanEventData"},
			"lab_order":      {c.Events.ListLabOrderEvents, "*fsclient.LabOrderEventData"},
		} {
			page := must(test.list(background, nil))(t)
			again := must(fsclient.EventCategories[category](c.Events, background, nil))(t)
			same(t, "rows of "+category, len(again.Items), len(page.Items))
			if len(page.Items) == 0 {
				t.Errorf("no event of %s", category)
			}
			kinds := map[fsclient.EventType]bool{}
			for i := range page.Items {
				item := &page.Items[i]
				if !strings.HasPrefix(string(item.Type), category+".") {
					t.Errorf("a %s among those of %s", item.Type, category)
				}
				if item.Held()&fsclient.FieldOf(eventStruct, "Data") != 0 {
					t.Errorf("a list item holds its data")
				}
				if kinds[item.Type] {
					continue
				}
				kinds[item.Type] = true
				one := must(c.Events.Get(background, item.FullscriptID()))(t)
				whole(t, one)
				same(t, "type", one.TypeRaw(), item.TypeRaw())
				same(t, "data of "+string(item.Type), fmt.Sprintf("%T", one.Data), test.data)
				same(t, "category", item.Type.Category(), category)
				_, body, err := c.Events.GetBody(background, item.FullscriptID())
				if err != nil {
					t.Fatal(err)
				}
				sent := must(fsclient.ParseEvent(body))(t)
				same(t, "event", sent.ID, one.ID)
				same(t, "clinic", sent.Clinic(), one.Clinic())
				same(t, "data of "+string(item.Type), fmt.Sprintf("%T", sent.Data), test.data)
			}
		}
		_, err := c.Events.Get(background, "0e")
		if !fsclient.IsNotFound(err) {
			t.Errorf("an event that is none: %v", err)
		}
		if _, _, err := c.Events.GetBody(background, "0e"); !fsclient.IsNotFound(err) {
			t.Errorf("the body of one: %v", err)
		}
	})
	t.Run("Parameters", func(t *testing.T) {
		t.Parallel()
		c, last := scripted(t, `{"events":[]}`)
		must(c.Events.ListOrderEvents(background, &fsclient.EventListOptions{
			CreatedAt: &fsclient.DateFilter{After: new(fsclient.Date("2026-03-01"))}, EventType: new(fsclient.EventType("order.placed")),
			OrderBy: fsclient.EventSort{Field: "created_at", Direction: "DESC"},
		}))(t)
		same(t, "request", last.request, "GET /events/orders?created_at=%3E2026-03-01&event_type=order.placed&order_by=DESC&sort_by=created_at")
	})
}

func TestWebhookDeliveries(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		kinds := map[fsclient.EventType]string{}
		for d, err := range fsclient.Each(background, c.WebhookDeliveries.List, fsclient.WebhookDeliveryListOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			if d.Event == nil || d.Event.Data == nil || value(d.AttemptNumber) < 1 || d.FullscriptID() == nil {
				t.Fatalf("the delivery lacks something: %+v", d)
			}
			whole(t, d.Event) // so that nothing of it is fetched again
			same(t, "payload", d.Payload == nil && d.Event.RawData == nil, true)
			kinds[d.Event.Type] = fmt.Sprintf("%T", d.Event.Data)
		}
		same(t, "data of a shipment", kinds["fulfillment.shipment.shipped"], "*fsclient.FulfillmentShipmentEventData")
		same(t, "data of a plan", kinds["treatment_plan.updated"], "*fsclient.TreatmentPlanEventData")

		failed := must(c.WebhookDeliveries.List(background, &fsclient.WebhookDeliveryListOptions{SuccessfullyDelivered: new(false)}))(t)
		if len(failed.Items) == 0 {
			t.Fatal("no failed delivery")
		}
		first := &failed.Items[0]
		same(t, "delivered", first.SuccessfullyDelivered, new(false))
		attempts := must(c.WebhookDeliveries.List(background, &fsclient.WebhookDeliveryListOptions{
			EventID: &first.Event.ID, OrderBy: fsclient.WebhookDeliverySort{Field: "attempted_at", Direction: "ASC"},
		}))(t)
		for i := range attempts.Items {
			same(t, "attempt", attempts.Items[i].AttemptNumber, new(i+1))
		}
	})
	t.Run("BodyInBody", func(t *testing.T) {
		t.Parallel()
		c, last := scripted(t, `{"webhook_deliveries":[
			{"id":"de","response_header":{"a":"b"},"event_payload":{"event_payload":{"event":{"id":"0e","type":"patient.created"}}}},
			{"id":"df","event_payload":null},
			{"id":"dg","event_payload":{"event":{"type":"without.id"}}}]}`)
		page := must(c.WebhookDeliveries.List(background, &fsclient.WebhookDeliveryListOptions{
			AttemptedAt: &fsclient.DateFilter{Between: &fsclient.DateRange{From: "2026-03-01", To: "2026-03-02"}},
		}))(t)
		same(t, "request", last.request, "GET /webhooks/deliveries?attempted_at=2026-03-01..2026-03-02")
		same(t, "event", page.Items[0].Event.ID, fsclient.EventID("0e"))
		holds(t, &page.Items[0], "ID", "ResponseHeader", "Payload", "Event")
		same(t, "event of none", page.Items[1].Event, (*fsclient.Event)(nil))
		same(t, "data without id", page.Items[2].Event.Data, fsclient.EventData(&fsclient.UnknownEventData{Raw: `{"event":{"type":"without.id"}}`}))
	})
}

func TestEventsForbidden(t *testing.T) {
	t.Parallel()
	c, server := setup(t)
	server.AddFault(sandbox.Fault{Operation: "getEvent", Status: 403, Body: `{"error":"Must have patients:read scope enabled"}`})
	refused(c.Events.Get(background, "0e"))(t, fsclient.KindForbidden)
}
