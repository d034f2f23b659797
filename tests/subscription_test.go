package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// emit makes events happen in the sandbox, and expects them to be taken.
func (h *harness) emit(m sandbox.Emission) (ids []string) {
	h.t.Helper()
	sent, err := h.sandbox.Emit(m)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range sent {
		if !s.Delivered && !m.Silent {
			h.t.Fatalf("the event was answered with %d", s.Status)
		}
		ids = append(ids, s.EventID)
	}
	return ids
}

const watchAll = `subscription($after: ID) { events(after: $after) { id fullscriptId type typeRaw clinicId data { __typename ... on UnknownEventData { raw } } } }`

// TestEveryEventType has an event of each type arrive as what it is.
func TestEveryEventType(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(sandbox.TokenPractitioner, watchAll)
	if s.status != http.StatusOK || !strings.HasPrefix(s.header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%d %v", s.status, s.header)
	}
	if got := s.header.Get("Cache-Control"); got != "private, no-store" {
		t.Errorf("Cache-Control: %s", got)
	}
	for _, test := range []struct{ kind, typ, data string }{
		{"order.placed", "ORDER_PLACED", "OrderEventData"},
		{"lab_order.updated", "LAB_ORDER_UPDATED", "LabOrderEventData"},
		{"treatment_plan.created", "TREATMENT_PLAN_CREATED", "TreatmentPlanEventData"},
		{"treatment_plan.updated", "TREATMENT_PLAN_UPDATED", "TreatmentPlanEventData"},
		{"treatment_plan.recommendation.updated", "TREATMENT_PLAN_RECOMMENDATION_UPDATED", "TreatmentPlanEventData"},
		{"patient.created", "PATIENT_CREATED", "PatientEventData"},
		{"patient.updated", "PATIENT_UPDATED", "PatientEventData"},
		{"patient.emancipated", "PATIENT_EMANCIPATED", "PatientEventData"},
		{"product.created", "PRODUCT_CREATED", "ProductEventData"},
		{"product.updated", "PRODUCT_UPDATED", "ProductEventData"},
		{"product.description.updated", "PRODUCT_DESCRIPTION_UPDATED", "ProductEventData"},
		{"clinic_key.activated", "CLINIC_KEY_ACTIVATED", "UnknownEventData"},
		{"clinic_key.revoked", "CLINIC_KEY_REVOKED", "UnknownEventData"},
	} {
		for _, wrapped := range []bool{false, true} {
			ids := h.emit(sandbox.Emission{Type: test.kind, Wrapped: wrapped})
			e := at(t, s.value(), "events")
			if at(t, e, "fullscriptId") != ids[0] || at(t, e, "type") != test.typ || at(t, e, "typeRaw") != test.kind || at(t, e, "data.__typename") != test.data {
				t.Errorf("%s: %v", test.kind, e)
			}
		}
	}
	// Of a type in no category the partner is asked whether the caller may see it.
	before := h.sandbox.Count("getEvent")
	h.emit(sandbox.Emission{Type: "clinic.moved", Data: json.RawMessage(`{"to":"Rome"}`)})
	if e := at(t, s.value(), "events"); at(t, e, "type") != "UNKNOWN" || at(t, e, "data.raw") != `{"to":"Rome"}` {
		t.Errorf("unknown: %v", e)
	}
	if n := h.sandbox.Count("getEvent") - before; n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestWhoSeesWhat has events of all kinds happen in two clinics; each subscriber
// gets theirs and nothing else, whichever way they are told.
func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			whoSeesWhat(t, way)
		})
	}
}

func whoSeesWhat(t *testing.T, way string) {
	h := start(t)
	before, begun := h.mark()
	const query = `subscription($after: ID) { events(after: $after) { fullscriptId data { __typename
		... on PatientEventData { patient { id firstName } } ... on UnknownEventData { raw } } } }`
	open := func(token string) *streamed {
		s := h.stream(way, token, query, "after", before)
		if v := s.value(); at(t, v, "events.fullscriptId") != begun {
			t.Errorf("%v", v)
		}
		return s
	}
	own, other := open(sandbox.TokenPractitioner), open(sandbox.TokenOtherClinic)
	h.sandbox.AddFault(sandbox.Fault{Operation: "listTreatmentPlanEvents", Status: http.StatusForbidden})
	scopeless := open(sandbox.TokenReadonly)
	h.sandbox.ClearFaults()
	const canary = "CANARY-OF-THE-FIRST-CLINIC"
	data := func(kind string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{%q:{"id":"b1","first_name":%q}}`, kind, canary))
	}
	var first []string
	for _, kind := range []string{"patient", "treatment_plan", "lab_order"} {
		first = append(first, h.emit(sandbox.Emission{Type: kind + ".updated", Data: data(kind)})...)
	}
	// Nobody's: a shipment names no clinic, nor does a patient without one.
	h.emit(sandbox.Emission{Type: "fulfillment.shipment.shipped", Clinic: "none"})
	h.emit(sandbox.Emission{Type: "patient.updated", Clinic: "none", Data: data("patient")})
	// Of a type that nobody knows the partner says who sees it.
	unknown := h.emit(sandbox.Emission{Type: "clinic.moved", Data: json.RawMessage(`{"to":"` + canary + `"}`)})
	second := h.emit(sandbox.Emission{Type: "patient.updated", Clinic: "other"})
	last := h.emit(sandbox.Emission{Type: "product.created", Clinic: "none"})

	for _, c := range []struct {
		name string
		*streamed
		sees []string
	}{
		{"own", own, slices.Concat(first, unknown, last)},
		{"other", other, slices.Concat(second, last)},
		{"scopeless", scopeless, slices.Concat([]string{first[0], first[2]}, unknown, last)},
	} {
		told := ""
		for _, id := range c.sees {
			a, _ := c.read()
			if a == nil || at(t, a.Data, "events.fullscriptId") != id {
				t.Fatalf("%s got %+v, want %s", c.name, a, id)
			}
			told += fmt.Sprint(a)
		}
		if strings.Contains(told, canary) != (c.name != "other") {
			t.Errorf("%s got %s", c.name, told)
		}
	}
}

// TestSubscribeErrors are told before a stream begins, with a status.
func TestSubscribeErrors(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, test := range []struct {
		name, token, query, code string
		status                   int
	}{
		{"Expired", sandbox.TokenExpired, watchAll, "UNAUTHENTICATED", 401},
		{"AfterOfAnotherType", sandbox.TokenPractitioner, `subscription { events(after: "Patient:1") { id } }`, "BAD_USER_INPUT", 400},
		{"AfterUnknown", sandbox.TokenPractitioner, `subscription { events(after: "Event:nobody-knows") { id } }`, "BAD_USER_INPUT", 400},
		{"TwoFields", sandbox.TokenPractitioner, `subscription { events { id } orderPlaced { event { id } } }`, "GRAPHQL_VALIDATION_FAILED", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := h.subscribe(test.token, test.query)
			raw, _ := io.ReadAll(s.body)
			if s.status != test.status || !strings.Contains(string(raw), `"`+test.code+`"`) {
				t.Errorf("%d %s", s.status, raw)
			}
		})
	}
	h2 := start(t)
	h2.sandbox.AddFault(sandbox.Fault{Operation: "listLabOrderEvents", Status: http.StatusForbidden})
	s := h2.subscribe(sandbox.TokenReadonly, `subscription { labOrderUpdated { event { id } } }`)
	if raw, _ := io.ReadAll(s.body); s.status != http.StatusForbidden || !strings.Contains(string(raw), `"patients:order_history"`) {
		t.Errorf("%d %s", s.status, raw)
	}
	a := h.as(sandbox.TokenPractitioner, watchAll)
	if a.Status != http.StatusNotAcceptable || !strings.Contains(a.Errors[0].Message, "text/event-stream") {
		t.Errorf("%d %v", a.Status, a.Errors)
	}
}

// TestTypedFields carry the record, complete it with the caller's token, and
// cost what their selection needs.
func TestTypedFields(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(sandbox.TokenPractitioner, `subscription {
		treatmentPlanUpdated { event { id } treatmentPlan { id availableAt recommendations { unitsToPurchase } state patient { firstName } } } }`)
	h.sandbox.ResetCalls()
	h.emit(sandbox.Emission{Type: "patient.updated"}) // is none of its business
	h.emit(sandbox.Emission{Type: "treatment_plan.created"})
	v := s.value()
	if at(t, v, "treatmentPlanUpdated.treatmentPlan.state") == nil || at(t, v, "treatmentPlanUpdated.treatmentPlan.patient.firstName") == nil {
		t.Errorf("%v", v)
	}
	if n := h.sandbox.Count(""); n != 1 || h.sandbox.Count("getPatient") != 1 { // for the name: the event tells the rest
		t.Errorf("%d calls, want 1", n)
	}
	patient := h.subscribe(sandbox.TokenPractitioner, `subscription($id: ID) { patientUpdated(id: $id) { patient { id firstName } } }`, "id", sandbox.PatientWithNoPlans)
	data := func(id string) json.RawMessage {
		return json.RawMessage(`{"patient":{"id":"` + id + `","first_name":"Ada","last_name":"Sample"}}`)
	}
	h.sandbox.ResetCalls()
	h.emit(sandbox.Emission{Type: "patient.updated", Data: data(sandbox.PatientWithManyPlans)})
	h.emit(sandbox.Emission{Type: "patient.updated", Data: data(sandbox.PatientWithNoPlans)})
	if v := patient.value(); at(t, v, "patientUpdated.patient.id") != "Patient:"+sandbox.PatientWithNoPlans {
		t.Errorf("%v", v)
	}
	if n := h.sandbox.Count(""); n != 0 {
		t.Errorf("%d calls for what the event tells", n)
	}
}

// TestCreatedFields tell of what is new and of nothing else, and those of updates
// tell of it, too.
func TestCreatedFields(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, c := range []struct{ field, selection, other, kind string }{
		{"treatmentPlanCreated", "treatmentPlan { state }", "treatmentPlanUpdated", "treatment_plan."},
		{"patientCreated", "patient { firstName }", "patientUpdated", "patient."},
		{"productCreated", "product { name }", "productUpdated", "product."},
	} {
		own, both := h.subscribe(sandbox.TokenPractitioner, `subscription { `+c.field+` { event { fullscriptId } `+c.selection+` } }`),
			h.subscribe(sandbox.TokenPractitioner, `subscription { `+c.other+` { event { fullscriptId } } }`)
		changed, made := h.emit(sandbox.Emission{Type: c.kind + "updated"})[0], h.emit(sandbox.Emission{Type: c.kind + "created"})[0]
		v := own.value()
		if at(t, v, c.field+".event.fullscriptId") != made || at(t, v, c.field+"."+strings.NewReplacer(" { ", ".", " }", "").Replace(c.selection)) == nil {
			t.Errorf("%s: %v, want the event %s", c.field, v, made)
		}
		for _, want := range []string{changed, made} {
			if got := at(t, both.value(), c.other+".event.fullscriptId"); got != want {
				t.Errorf("%s: event %v, want %s", c.other, got, want)
			}
		}
	}

	s := h.subscribe(sandbox.TokenPractitioner, `subscription($p: ID) { treatmentPlanCreated(patientId: $p) { treatmentPlan { id } } }`, "p", "Patient:"+sandbox.PatientWithNoPlans)
	plan := func(id, patient string) json.RawMessage {
		return json.RawMessage(`{"treatment_plan":{"id":"` + id + `","patient":{"id":"` + patient + `"}}}`)
	}
	h.emit(sandbox.Emission{Type: "treatment_plan.created", Data: plan("t1", sandbox.PatientWithManyPlans)})
	h.emit(sandbox.Emission{Type: "treatment_plan.created", Data: json.RawMessage(`{"treatment_plan":{"id":"t2"}}`)})
	h.emit(sandbox.Emission{Type: "treatment_plan.created", Data: plan("t3", sandbox.PatientWithNoPlans)})
	if v := s.value(); at(t, v, "treatmentPlanCreated.treatmentPlan.id") != "TreatmentPlan:t3" {
		t.Errorf("%v", v)
	}
	for _, wrong := range []string{`treatmentPlanCreated(patientId: "Order:o") { event { id } }`, `patientCreated(after: "Patient:p") { event { id } }`} {
		a := h.as(sandbox.TokenPractitioner, "subscription { "+wrong+" }")
		if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "BAD_USER_INPUT" {
			t.Errorf("%s: %+v", wrong, a)
		}
	}
}

// TestResume cuts a stream after every event in turn. Whatever the bus still
// holds and whatever only the partner does, each event arrives once, in order.
func TestResume(t *testing.T) {
	t.Parallel()
	c := config()
	c.EventsKept = 5
	h := startWith(t, c, sandbox.Options{})
	types := []string{"patient.updated", "order.placed", "treatment_plan.created"}
	var ids []string
	for i := range 12 {
		ids = append(ids, h.emit(sandbox.Emission{Type: types[i%len(types)], Duplicate: true})[0])
	}
	for i := range ids {
		s := h.subscribe(sandbox.TokenPractitioner, watchAll, "after", ids[i])
		last := h.emit(sandbox.Emission{Type: "patient.created"})[0]
		for _, want := range append(slices.Clone(ids[i+1:]), last) {
			v := s.value()
			got := at(t, v, "events.fullscriptId").(string)
			for got != want && !slices.Contains(ids, got) { // those of the rounds before
				got = at(t, s.value(), "events.fullscriptId").(string)
			}
			if got != want {
				t.Fatalf("after %d: got %s, want %s", i, got, want)
			}
		}
		s.close()
	}
}

// TestLastEventID: a stream that its client opens again says in a header what
// after says otherwise.
func TestLastEventID(t *testing.T) {
	t.Parallel()
	h := start(t)
	ids := h.emit(sandbox.Emission{Type: "patient.updated", Count: 3})
	open := func(header string, variables ...any) *streamed {
		return h.open(sandbox.TokenPractitioner, requestBody(t, watchAll, variables...), "Accept", "text/event-stream", "Last-Event-ID", header)
	}
	s := open(ids[0])
	for _, id := range ids[1:] {
		var told string
		for !strings.HasPrefix(told, "id: ") {
			line, err := s.body.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			told = line
		}
		if v := s.value(); told != "id: "+id+"\n" || at(t, v, "events.fullscriptId") != id {
			t.Errorf("%q %v, want %s", told, v, id)
		}
	}
	if v := open("Event:"+ids[0], "after", ids[1]).value(); at(t, v, "events.fullscriptId") != ids[2] {
		t.Errorf("after and the header: %v", v)
	}
	for _, wrong := range []string{"Patient:1", "nobody-knows"} {
		r := open(wrong).rest()
		r.status(t, http.StatusBadRequest)
		r.fails(t, failed{"events", "BAD_USER_INPUT"})
	}
}

// TestQueryAsAStream is for clients that send every operation this way. Parts of
// it that may come later cannot.
func TestQueryAsAStream(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(sandbox.TokenPractitioner, `{ clinic { fullscriptId ... @defer { name } } }`)
	if v := s.value(); at(t, v, "clinic.fullscriptId") != sandbox.ClinicID || at(t, v, "clinic.name") == nil {
		t.Errorf("%v", v)
	}
	if a, complete := s.read(); a != nil || !complete {
		t.Errorf("%+v", a)
	}
}

// TestMultipartSubscription: what Apollo Client and others accept.
func TestMultipartSubscription(t *testing.T) {
	t.Parallel()
	h := start(t)
	const typ = `multipart/mixed; boundary="graphql"; subscriptionSpec=1.0`
	for _, c := range []struct{ name, accept, typ string }{
		{"Alone", multipartEvents, typ},
		{"Apollo", "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9", typ},
		{"WithEverything", multipartEvents + ", */*", typ},
		{"OtherVersion", "multipart/mixed;subscriptionSpec=2.0, */*", "text/event-stream; charset=utf-8"},
		{"ForDefer", "multipart/mixed;deferSpec=20220824, */*", "text/event-stream; charset=utf-8"},
		{"Refused", multipartEvents + ";q=0, */*", "text/event-stream; charset=utf-8"},
		{"EventsRather", multipartEvents + ";q=0.5, text/event-stream", "text/event-stream; charset=utf-8"},
		{"NotAtAll", multipartEvents + ";q=0, application/json", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := &harness{t: t, url: h.url}
			s := h.open(sandbox.TokenPractitioner, requestBody(t, watchAll), "Accept", c.accept)
			if c.typ == "" {
				s.rest().status(t, http.StatusNotAcceptable)
				return
			}
			if s.status != http.StatusOK || s.header.Get("Content-Type") != c.typ || s.header.Get("Cache-Control") != "private, no-store" || s.header.Get("X-Accel-Buffering") != "no" {
				t.Errorf("%d %v", s.status, s.header)
			}
		})
	}
	for _, c := range []struct {
		name, query, accept string
		status              int
		failed              failed
	}{
		{"QueryAlone", `{ clinic { name } }`, multipartEvents, 406, failed{"", "BAD_USER_INPUT"}},
		{"MutationAlone", `mutation { __typename }`, multipartEvents, 406, failed{"", "BAD_USER_INPUT"}},
		{"Query", `{ nope }`, multipartEvents, 400, failed{"", "GRAPHQL_VALIDATION_FAILED"}},
		{"Subscription", `subscription { events(after: "x") { id } }`, multipartEvents + ",application/graphql-response+json", 400, failed{"events", "BAD_USER_INPUT"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := &harness{t: t, url: h.url}
			r := h.open(sandbox.TokenPractitioner, requestBody(t, c.query), "Accept", c.accept).rest()
			r.status(t, c.status)
			r.fails(t, c.failed)
		})
	}
}

// TestStreamEndsWithTheGateway has streams end so that their clients come back.
// Apollo's do not by themselves, and are told that it is over.
func TestStreamEndsWithTheGateway(t *testing.T) {
	t.Parallel()
	h := start(t)
	events, parts := h.stream("sse", sandbox.TokenPractitioner, watchAll), h.stream("multipart", sandbox.TokenPractitioner, watchAll)
	h.emit(sandbox.Emission{Type: "patient.updated"})
	events.value()
	parts.value()
	h.drain()
	events.fails("SUBSCRIPTION_CLOSED")
	if a, complete := events.read(); a != nil || complete {
		t.Error("a complete stream is not opened again by its client")
	}
	parts.fails("SUBSCRIPTION_CLOSED")
	if a, complete := parts.read(); a != nil || !complete {
		t.Error("a client takes the end for a broken connection")
	}
}

// TestTooManyStreams: a caller has so many streams and no more, until one ends.
func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxStreams = 2
	h := startWith(t, c, sandbox.Options{})
	running := func(token string) *streamed {
		s := h.subscribe(token, watchAll)
		if s.status != http.StatusOK {
			t.Errorf("%d %v", s.status, s.header)
		}
		return s
	}
	one := running(sandbox.TokenPractitioner)
	running(sandbox.TokenPractitioner)
	running(sandbox.TokenOtherClinic) // is somebody else
	calls := h.sandbox.Count("")
	r := h.subscribe(sandbox.TokenPractitioner, watchAll).rest()
	r.status(t, http.StatusTooManyRequests)
	r.fails(t, failed{"", "TOO_MANY_STREAMS"})
	if got := r.extension(t, "", "maximum"); got != 2.0 {
		t.Errorf("maximum is %v", got)
	}
	if n := h.sandbox.Count("") - calls; n != 0 {
		t.Errorf("%d calls for one that was refused", n)
	}
	h.query(`{ clinic { name } }`) // is no stream
	one.close()
	eventually(t, func() bool { return h.subscribe(sandbox.TokenPractitioner, watchAll).status == http.StatusOK }, "the place is not free again")
}
