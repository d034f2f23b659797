package tests

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// streamed is a subscription over server-sent events.
type streamed struct {
	t      testing.TB
	status int
	header http.Header
	body   *bufio.Reader
	close  func()
}

// subscribe opens a stream; it has begun when this returns.
func (h *harness) subscribe(token, query string, variables ...any) *streamed {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	body, err := json.Marshal(map[string]any{"query": query, "variables": pairs(variables)})
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := h.http().Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	s := &streamed{h.t, res.StatusCode, res.Header, bufio.NewReader(res.Body), func() { cancel(); _ = res.Body.Close() }}
	h.t.Cleanup(s.close)
	return s
}

// next reads the next answer; nil at the end, which says whether it was a
// complete one.
func (s *streamed) next() (got *answer, complete bool) {
	s.t.Helper()
	event := ""
	for {
		line, err := s.body.ReadString('\n')
		switch name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": "); {
		case err != nil:
			return nil, false
		case name == "event":
			event = value
		case name == "data" && event == "complete":
			return nil, true
		case name == "data":
			a := new(answer)
			if err := json.Unmarshal([]byte(value), a); err != nil {
				s.t.Fatalf("%v in %s", err, value)
			}
			return a, false
		}
	}
}

// value is [streamed.next] without errors.
func (s *streamed) value() map[string]any {
	s.t.Helper()
	a, _ := s.next()
	if a == nil {
		s.t.Fatal("the stream is over")
	}
	for _, e := range a.Errors {
		s.t.Fatalf("%v: %s %v", e.Path, e.Message, e.Extensions)
	}
	return a.Data
}

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
// gets theirs and nothing else.
func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	h := start(t)
	own := h.subscribe(sandbox.TokenPractitioner, watchAll)
	other := h.subscribe(sandbox.TokenOtherClinic, watchAll)
	h.sandbox.AddFault(sandbox.Fault{Operation: "listTreatmentPlanEvents", Status: http.StatusForbidden})
	scopeless := h.subscribe(sandbox.TokenReadonly, watchAll)
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
	second := h.emit(sandbox.Emission{Type: "patient.updated", Clinic: "other"})
	last := h.emit(sandbox.Emission{Type: "product.created", Clinic: "none"})

	see := func(s *streamed, want ...string) {
		t.Helper()
		for _, id := range want {
			v := s.value()
			if got := at(t, v, "events.fullscriptId"); got != id {
				t.Errorf("got %v, want %s", v, id)
			}
		}
	}
	see(own, append(slices.Clone(first), last...)...)
	see(other, append(slices.Clone(second), last...)...)
	see(scopeless, first[0], first[2], last[0])
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

// TestQueryAsAStream is for clients that send every operation this way.
func TestQueryAsAStream(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(sandbox.TokenPractitioner, `{ clinic { fullscriptId } }`)
	if v := s.value(); at(t, v, "clinic.fullscriptId") != sandbox.ClinicID {
		t.Errorf("%v", v)
	}
	if a, complete := s.next(); a != nil || !complete {
		t.Errorf("%+v", a)
	}
}

// TestStreamEndsWithTheGateway has a stream end so that its client comes back.
func TestStreamEndsWithTheGateway(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(sandbox.TokenPractitioner, watchAll)
	h.emit(sandbox.Emission{Type: "patient.updated"})
	s.value()
	h.drain()
	a, _ := s.next()
	if a == nil || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "SUBSCRIPTION_CLOSED" {
		t.Fatalf("%+v", a)
	}
	if a, complete := s.next(); a != nil || complete {
		t.Error("a complete stream is not opened again by its client")
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
	over := h.subscribe(sandbox.TokenPractitioner, watchAll)
	raw, _ := io.ReadAll(over.body)
	r := readReply(t, over.status, over.header, raw)
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
