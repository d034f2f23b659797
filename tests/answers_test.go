package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// twice has gqlgen's executor answer each query that a plan has answered, from the same
// calls, and compares the two: for all queries of all tests that use the harness.
func twice(t testing.TB) gateway.Option {
	return gateway.WithAnswerCheck(func(query string, written []byte, executed *graphql.Response) { differ(t, query, written, executed) })
}

// differ reports a plan and the executor that answer differently.
func differ(t testing.TB, query string, written []byte, executed *graphql.Response) {
	t.Helper()
	if len(executed.Errors) > 0 || !bytes.Equal(written, executed.Data) {
		t.Errorf("the plan and the executor answer differently:\n%s\n%s\n%s\n%v", query, written, executed.Data, executed.Errors)
	}
}

// TestAnsweredBy: a plan writes each answer in which nothing is wrong, and gives up for
// the reason that the metric names. The executor then fetches nothing again.
func TestAnsweredBy(t *testing.T) {
	t.Parallel()
	answer := func(operation, body string) []sandbox.Fault {
		return []sandbox.Fault{{Operation: operation, Status: 200, Body: body}}
	}
	const patient = sandbox.PatientWithManyPlans
	for _, c := range []struct {
		name, query string
		faults      []sandbox.Fault
		calls       int
		by          string
	}{
		{"Rows", `{ patients(first: 3) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { id } } nodes { firstName } } }`, nil, 1, "plan"},
		{"Completed", `{ patients(first: 3) { nodes { dateOfBirth gender genderRaw } } }`, nil, 4, "plan"},
		{"Linked", `{ patient(id: "` + patient + `") { treatmentPlans(first: 2) { nodes { state practitioner { lastName } recommendations { variant { sku product { name } } } } } } }`, nil, 11, "plan"},
		{"Nodes", `{ nodes(ids: ["Patient:` + patient + `", "Brand:` + sandbox.BrandID + `", "Brand:none"]) { __typename id ... on Patient { firstName } ... on Brand { name } } }`, nil, 3, "plan"},
		{"NotFound", `{ patient(id: "none") { firstName } }`, nil, 1, "plan"},
		{"Computed", `{ variant(id: "` + sandbox.VariantID + `") { currency imageUrl(size: SMALL) } treatmentPlan(id: "` + sandbox.PlanWithLabs + `") { resources { downloadUrl } } }`, nil, 2, "plan"},
		{"Union", `{ patientEvents(first: 3) { nodes { data { __typename ... on PatientEventData { patient { id } } } } } }`, nil, 4, "plan"},
		{"UnionMerged", `query($no: Boolean = false) { patientEvents(first: 3) { nodes { data {
			__typename name: __typename
			... on PatientEventData { __typename name: __typename patient { id } ... on EventData { __typename } }
			... on PatientEventData @include(if: $no) { left: __typename }
			...Data @skip(if: $no)
		} } } } fragment Data on PatientEventData { name: __typename __typename patient { __typename firstName } }`, nil, 4, "plan"},
		{"UnionOfNodes", `{ recordsByExternalId(externalId: "` + sandbox.SharedExternalID + `") { nodes { record { __typename ... on Node { id __typename } ... on Patient { __typename id firstName } ... on Staff { id __typename } } } } }`, nil, 1, "plan"},
		{"Conditions", `{ patients(first: 3) { nodes { id @skip(if: true) email @include(if: true) ... @include(if: false) { dateOfBirth } } } }`, nil, 1, "plan"},
		{"NothingSelected", `{ patients(first: 3) { nodes { id @skip(if: true) } } }`, nil, 1, "plan"},
		{"CustomDosage", `query($p: ID) { product(id: "` + sandbox.ProductID + `") { customDosage(practitionerId: $p) { amount } } }`, nil, 1, "plan"},
		{"Introspection", `{ __type(name: "Patient") { name } clinic { name } }`, nil, 1, "field"},
		{"Failure", `{ patients(first: 3) { nodes { dateOfBirth } } }`, []sandbox.Fault{{Operation: "getPatient", Status: 500, Times: 1}}, 4, "error"},
		{"Forbidden", `{ clinic { name } patients { totalCount } }`, []sandbox.Fault{{Operation: "listPatients", Status: 403}}, 2, "error"},
		{"BrokenRow", `{ patients { nodes { firstName } } }`, answer("listPatients", `{"patients":[{"id":"p1"},{"first_name":"Ada"}],"meta":{"total_count":2}}`), 1, "null"},
		{"Unreadable", `{ patients { nodes { firstName archived } } }`, answer("listPatients", `{"patients":[{"id":"p1","archived":"perhaps"}],"meta":{"total_count":1}}`), 1, "unreadable"},
		{"UnreadableAndNotSelected", `{ patients { nodes { firstName } } }`, answer("listPatients", `{"patients":[{"id":"p1","archived":"perhaps"}],"meta":{"total_count":1}}`), 1, "plan"},
		{"UnreadableTotal", `{ patients { totalCount } }`, answer("listPatients", `{"patients":[],"meta":{"total_count":"many"}}`), 1, "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := watch(t, config())
			for _, f := range c.faults {
				w.sandbox.AddFault(f)
			}
			w.as(sandbox.TokenPractitioner, c.query)
			if got := w.sandbox.Count(""); got != c.calls {
				t.Errorf("%d calls, want %d:\n%s", got, c.calls, routes(w.sandbox))
			}
			if figures, _ := w.metrics(); figures[`fsgateway_query_answers_total{by="`+c.by+`"}`] != "1" {
				for name, value := range figures {
					if strings.Contains(name, "query_answers") {
						t.Errorf("%s %s, want %s", name, value, c.by)
					}
				}
			}
		})
	}
}

// TestPlansOfConditions asks one document with each choice of its conditions, more than
// are kept, and a condition that is no boolean: whether an argument is given.
func TestPlansOfConditions(t *testing.T) {
	t.Parallel()
	h := start(t)
	names := []string{"id", "firstName", "lastName", "email", "archived"}
	query := "query("
	for i := range names {
		query += fmt.Sprintf("$c%d: Boolean!, ", i)
	}
	query += "$n: Int) { patients(first: $n) { nodes { __typename"
	for i, name := range names {
		query += fmt.Sprintf(" %s @include(if: $c%d)", name, i)
	}
	query += " } } }"
	for choice := range 1 << len(names) {
		variables := []any{"n", 1 + choice%3}
		for i := range names {
			variables = append(variables, fmt.Sprintf("c%d", i), choice>>i&1 == 1)
		}
		rows := list(t, h.query(query, variables...), "patients.nodes")
		if len(rows) != 1+choice%3 {
			t.Fatalf("%d rows of choice %d", len(rows), choice)
		}
		for i, name := range names {
			if _, has := rows[0].(map[string]any)[name]; has != (choice>>i&1 == 1) {
				t.Errorf("choice %05b: %s is there: %t", choice, name, has)
			}
		}
	}
	const dosage = `query($p: ID) { product(id: "` + sandbox.ProductID + `") { customDosage(practitionerId: $p) { amount } } }`
	for _, c := range []struct {
		practitioner any
		calls        int
	}{{nil, 1}, {sandbox.PractitionerID, 1}, {sandbox.ColleagueID, 1}, {nil, 1}} {
		h.sandbox.ResetCalls()
		h.query(dosage, "p", c.practitioner)
		if got := h.sandbox.Count(""); got != c.calls {
			t.Errorf("%v takes %d calls, want %d", c.practitioner, got, c.calls)
		}
	}
}

// TestPlanIsShared: what is kept of a document holds nothing of the requests that it came
// with, whoever sends it and however many at once.
func TestPlanIsShared(t *testing.T) {
	t.Parallel()
	h := start(t)
	const query = `query($id: ID!, $more: Boolean!) { patient(id: $id) { fullscriptId firstName dateOfBirth @include(if: $more) } clinic { fullscriptId } }`
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			token, patient, clinic := sandbox.TokenPractitioner, sandbox.PatientWithManyPlans, sandbox.ClinicID
			switch i % 3 {
			case 1:
				patient = sandbox.PatientWithNoPlans
			case 2:
				token, patient, clinic = sandbox.TokenOtherClinic, sandbox.OtherClinicPatient, sandbox.OtherClinicID
			}
			data := h.as(token, query, "id", patient, "more", i%2 == 0).Data
			if got := at(t, data, "patient.fullscriptId"); got != patient {
				t.Errorf("%v, want %s", got, patient)
			}
			if got := at(t, data, "clinic.fullscriptId"); got != clinic {
				t.Errorf("%v, want %s", got, clinic)
			}
		})
	}
	wg.Wait()
}

// FuzzAnswers: whatever a document asks for, whatever the variables are and however odd
// the partner's answers, what a plan writes is what the executor writes.
func FuzzAnswers(f *testing.F) {
	for i, r := range generated(f) {
		f.Add(r.Query, string(r.Variables), byte(i))
	}
	for seed := range uint64(50) {
		f.Add(newDocuments(f).random(rand.New(rand.NewPCG(seed, 5))), "", byte(0))
	}
	operations := []string{"", "getPatient", "listPatients", "getTreatmentPlan", "getVariant", "listPractitioners", "getProduct", "listOrders"}
	faults := []sandbox.Fault{
		{},
		{Status: 500},
		{Status: 404, Body: `{"error":"Not found"}`},
		{Status: 200, Body: `{}`},
		{Truncate: true},
		{Status: 429},
		{Status: 200, Body: `{"patient":{"id":"x","first_name":7,"archived":"perhaps"}}`},
		{Status: 200, Body: `{"patients":[{"id":"x"},{"first_name":"\u0000\\"}]}`},
	}
	var current *testing.T
	handlers := map[bool]http.Handler{}
	sandboxes := map[bool]*sandbox.Server{}
	for _, odd := range []bool{false, true} {
		s := sandbox.New(sandbox.Options{RateLimit: -1, Oddities: odd})
		g, err := gateway.New(config(), zerolog.Nop(), gateway.WithSandbox(s), gateway.WithAnswerCheck(func(query string, written []byte, executed *graphql.Response) {
			differ(current, query, written, executed)
		}))
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { _ = g.Close() })
		handlers[odd], sandboxes[odd] = g.Handler(), s
	}
	f.Fuzz(func(t *testing.T, query, variables string, kind byte) {
		current = t
		odd := kind&1 == 1
		fault := faults[kind>>1&7]
		if fault.Operation = operations[kind>>4&7]; fault.Operation != "" && (fault.Status != 0 || fault.Truncate) {
			fault.Times = 1 + int(kind>>7)
			sandboxes[odd].AddFault(fault)
			defer sandboxes[odd].ClearFaults()
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(fuzzed(query, variables)))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
		res := httptest.NewRecorder()
		handlers[odd].ServeHTTP(res, req)
		if res.Code == http.StatusOK && !json.Valid(res.Body.Bytes()) {
			t.Errorf("%s is answered by %q", query, res.Body)
		}
	})
}
