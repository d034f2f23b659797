package tests

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"fsgateway/internal/sandbox"
)

// eventForms are the ways in which an event, of which the members are given, lies in a
// webhook's body or in the payload of a delivery.
var eventForms = map[string]string{
	"Event":          `{"event":{%s}}`,
	"Payload":        `{"event_payload":{"event":{%s}}}`,
	"FlatPayload":    `{"event_payload":{%s}}`,
	"Bare":           `{%s}`,
	"Twice":          `{"event_payload":{"event_payload":{"event":{%s}}}}`,
	"Delivery":       `{"id":"d1","attempt_number":1,"event_payload":{%s}}`,
	"InADelivery":    `{"webhook_delivery":{"id":"d1","event_payload":{"event":{%s}}}}`,
	"Data":           `{"data":{"event":{%s}}}`,
	"ListOfOne":      `[{"event":{%s}}]`,
	"ByteOrderMark":  "\ufeff" + `{"event":{%s}}`,
	"WithOtherThing": `{"event":null,"id":"d1","event_payload":{%s},"type":"webhook"}`,
}

// webhook sends a signed body to the address for webhooks.
func (h *harness) webhook(body string) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodPost, h.url+"/webhooks/fullscript", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Fullscript-Signature", sandbox.Sign(sandbox.DefaultWebhookSecret, time.Now(), []byte(body)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		h.t.Fatalf("%d %s", res.StatusCode, answer)
	}
}

// TestEventForms: in whichever of the known forms an event comes, it is read, by
// webhook and in the list of deliveries.
func TestEventForms(t *testing.T) {
	t.Parallel()
	h := start(t)
	const watch = `subscription { events { fullscriptId type data { __typename ... on PatientEventData { patient { firstName discount } } } } }`
	s := h.subscribe(sandbox.TokenPractitioner, watch)
	n := 0
	for name, form := range eventForms {
		for where, data := range map[string]string{"": `{"patient":{"id":"p1","first_name":"Ada","last_name":"A","email":"a@example.org","discount":0}}`, "Flat": `{"id":"p1","first_name":"Ada","last_name":"A","email":"a@example.org","discount":0}`} {
			n++
			id := "form-" + strconv.Itoa(n)
			body := fmt.Sprintf(form, `"id":"`+id+`","type":"patient.updated","created_at":"2026-03-04T09:00:00.000Z","clinic_id":"`+sandbox.ClinicID+`","data":`+data)
			h.webhook(body)
			equal(t, name+where, at(t, s.value(), "events"), `{"fullscriptId":"`+id+`","type":"PATIENT_UPDATED","data":{"__typename":"PatientEventData","patient":{"firstName":"Ada","discount":"0"}}}`)

			if strings.HasPrefix(body, "\ufeff") {
				continue // nothing within an answer begins with one
			}
			h.sandbox.AddFault(sandbox.Fault{Operation: "listWebhookDeliveries", Status: http.StatusOK, Body: `{"webhook_deliveries":[{"id":"d1","event_payload":` + body + `}],"meta":{"current_page":1,"total_pages":1,"total_count":1}}`})
			r := h.as(sandbox.TokenPractitioner, `{ webhookDeliveries { nodes { event { fullscriptId type data { __typename ... on PatientEventData { patient { firstName discount } } } } } } }`)
			equal(t, name+where+" in the list", at(t, r.Data, "webhookDeliveries.nodes.0.event"), `{"fullscriptId":"`+id+`","type":"PATIENT_UPDATED","data":{"__typename":"PatientEventData","patient":{"firstName":"Ada","discount":"0"}}}`)
			h.sandbox.ClearFaults()
		}
	}
}

// TestUnreadableEvents: what is signed and cannot be read is acknowledged, counted
// and passed on as it came, to those who may see all events of the clinic that it
// names.
func TestUnreadableEvents(t *testing.T) {
	t.Parallel()
	h := start(t)
	const watch = `subscription { events { id type clinicId data { __typename ... on UnknownEventData { raw } } } }`
	own, other := h.subscribe(sandbox.TokenPractitioner, watch), h.subscribe(sandbox.TokenOtherClinic, watch)
	h.sandbox.AddFault(sandbox.Fault{Operation: "listPatientEvents", Status: http.StatusForbidden})
	scopeless := h.subscribe(sandbox.TokenReadonly, watch)
	h.sandbox.ClearFaults()
	h.sandbox.ResetCalls()
	bodies := []string{
		`{"event":{"type":"patient.updated","clinic_id":"` + sandbox.ClinicID + `","data":{"patient":{"id":"p1","first_name":"CANARY"}}}}`,
		`{"event":{"type":"moon.rose","clinic_id":"` + sandbox.ClinicID + `","data":{"patient":"CANARY"}}}`,
		`{"event_payload":{"id":null,"type":null,"clinic_id":"` + sandbox.ClinicID + `","data":["CANARY"]}}`,
	}
	for _, body := range bodies {
		h.webhook(body)
		h.webhook(body) // a repetition is one
		e := at(t, own.value(), "events")
		if at(t, e, "data.raw") != body || !strings.HasPrefix(at(t, e, "id").(string), "Event:unreadable-") {
			t.Errorf("%s: %v", body, e)
		}
	}
	if n := h.sandbox.Count("getEvent"); n != 0 {
		t.Errorf("%d calls for ids that the partner does not know", n)
	}
	// Nobody's, but kept and counted.
	h.webhook(`{"hello":"CANARY"}`)
	h.webhook(`{"event":`)
	h.webhook("\xff\xfe")
	last := h.emit(sandbox.Emission{Type: "product.created", Clinic: "none"})[0]
	for name, s := range map[string]*streamed{"other": other, "scopeless": scopeless, "own": own} {
		if v := s.value(); at(t, v, "events.id") != "Event:"+last {
			t.Errorf("%s got %v", name, v)
		}
	}
}
