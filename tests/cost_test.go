package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

func askingCost() http.Header { return http.Header{"X-Gateway-Cost": {"1"}} }
func dryRun() http.Header     { return http.Header{"X-Gateway-Dry-Run": {"1"}} }

// costOf returns a figure of extensions.cost.
func costOf(t testing.TB, a *answer, name string) int {
	t.Helper()
	n, ok := at(t, a.Extensions, "cost."+name).(float64)
	if !ok {
		t.Fatalf("no cost.%s in %v, errors %v", name, a.Extensions, a.Errors)
	}
	return int(n)
}

// TestCost: what is estimated, what is the most, and what was counted.
func TestCost(t *testing.T) {
	t.Parallel()
	many := sandbox.PatientWithManyPlans
	for _, c := range []struct {
		name, query                     string
		estimate, bound, actual, rounds int
	}{
		{"List", `{ patients(first: 50) { nodes { id firstName } } }`, 1, 1, 1, 1},
		{"Details", `{ patients(first: 50) { nodes { dateOfBirth } } }`, 51, 51, 51, 2},
		{"Pages", `{ patients(first: 250) { nodes { id } } }`, 3, 3, 3, 2},
		{"TotalAlone", `{ patients { totalCount } }`, 1, 1, 1, 1},
		{"TotalOfTheLast", `{ patients(last: 500) { totalCount } }`, 1, 1, 1, 1},
		{"Last", `{ patients(last: 1) { nodes { id } } }`, 2, 2, 2, 2},
		{"PageInfoAlone", `{ patients(first: 500) { pageInfo { hasNextPage } } }`, 1, 1, 1, 1},
		{"TotalsBelow", `{ patients(first: 20) { nodes { orders(last: 1) { totalCount } } } }`, 21, 21, 21, 2},
		{"ListsBelow", `{ patients(first: 5) { nodes { treatmentPlans(first: 2) { nodes { state } } } } }`, 6, 6, 6, 2},
		{"AsLongAsAssumed", `{ patients(first: 2) { nodes { treatmentPlans(first: 100) { nodes { personalMessage } } } } }`, 13, 203, 0, 0},
		{"LookUp", `{ patient(id: "` + many + `") { firstName } }`, 1, 1, 1, 1},
		{"LookUpAndList", `{ patient(id: "` + many + `") { firstName treatmentPlans(first: 5) { nodes { id } } } }`, 2, 2, 2, 1},
		{"Planned", `{ patient(id: "` + many + `") { treatmentPlans(first: 5) { nodes { practitioner { lastName } } } } }`, 2, 7, 2, 2},
		{"Embedded", `{ variant(id: "` + sandbox.VariantID + `") { product { name brand { name } } } }`, 1, 1, 1, 1},
		{"NotEmbedded", `{ variant(id: "` + sandbox.VariantID + `") { product { descriptionHtml } } }`, 2, 2, 2, 2},
		{"Products", `{ products(first: 100) { nodes { name brand { name } primaryVariant { sku } } } }`, 1, 1, 1, 1},
		{"Nodes", `{ nodes(ids: ["Patient:` + many + `", "Variant:` + sandbox.VariantID + `"]) { ... on Patient { firstName } ... on Variant { sku } } }`, 2, 2, 2, 1},
		{"LookUpByEmail", `{ patientByEmail(email: "` + sandbox.PatientEmail + `") { firstName } }`, 1, 5, 1, 1},
		{"LookUpByExternalID", `{ patientByExternalId(externalId: "` + sandbox.SharedExternalID + `") { firstName } }`, 1, 5, 1, 1},
		{"Clinic", `{ clinic { name } viewer { clinic { name } } }`, 2, 2, 1, 1},
		{"Nothing", `{ __typename }`, 0, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			plan := h.with(dryRun(), sandbox.TokenPractitioner, c.query)
			if got := costOf(t, plan, "estimatedCalls"); got != c.estimate {
				t.Errorf("estimate %d, want %d: %v", got, c.estimate, plan.Extensions["plan"])
			}
			if got := costOf(t, plan, "maximumCalls"); got != c.bound {
				t.Errorf("at most %d, want %d: %v", got, c.bound, plan.Extensions["plan"])
			}
			if n := h.sandbox.Count(""); n != 0 {
				t.Fatalf("a dry run made %d calls", n)
			}
			if c.name == "AsLongAsAssumed" {
				return
			}
			a := h.with(askingCost(), sandbox.TokenPractitioner, c.query)
			if got := costOf(t, a, "upstreamCalls"); got != c.actual || got != h.sandbox.Count("") {
				t.Errorf("%d calls are said, want %d, and %d were made", got, c.actual, h.sandbox.Count(""))
			}
			if got := costOf(t, a, "roundTrips"); got != c.rounds {
				t.Errorf("%d round trips, want %d", got, c.rounds)
			}
		})
	}
}

// TestCostOfOtherPages: once it is known which pages the partner gives, a list counts as
// many of them as it takes.
func TestCostOfOtherPages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, query string
		answer      func(h http.Handler, w http.ResponseWriter, r *http.Request)
		most        int
	}{
		{"Smaller", `{ patients(first: 100) { nodes { id } } }`, func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			smallPages(h, 25).ServeHTTP(w, r)
		}, 4},
		{"WithoutTotal", `{ patients(first: 250) { pageInfo { hasNextPage } } }`, func(h http.Handler, w http.ResponseWriter, r *http.Request) {
			res := httptest.NewRecorder()
			h.ServeHTTP(res, r)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(regexp.MustCompile(`"(total_count|total_pages)": *\d+`).ReplaceAll(res.Body.Bytes(), []byte(`"$1":null`)))
		}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := sandbox.New(sandbox.Options{})
			h := startRemote(t, config(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.answer(s, w, r) }))
			for range 2 {
				a := h.with(askingCost(), sandbox.TokenPractitioner, c.query)
				if len(a.Errors) > 0 {
					t.Fatal(a.Errors)
				}
				if calls, most := costOf(t, a, "upstreamCalls"), costOf(t, a, "maximumCalls"); most == c.most {
					if calls > most {
						t.Errorf("%d calls, at most %d", calls, most)
					}
					return
				}
			}
			t.Errorf("not said to take at most %d calls", c.most)
		})
	}
}

// smallPages is a partner that gives pages of a few rows, whatever is asked for.
func smallPages(h http.Handler, rows int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if size, err := strconv.Atoi(q.Get("page[size]")); err == nil {
			q.Set("page[size]", strconv.Itoa(min(size, rows)))
		}
		r.URL.RawQuery = q.Encode()
		h.ServeHTTP(w, r)
	})
}

// TestCostOfAbsentRecords: records that are not in the list of their resource are asked for
// one by one after it, and are counted so.
func TestCostOfAbsentRecords(t *testing.T) {
	t.Parallel()
	header := askingCost()
	header.Set("Cache-Control", "no-cache")
	for _, typ := range []string{"Practitioner", "Staff", "Brand", "Ingredient", "PractitionerType"} {
		for _, rows := range []int{100, 1} {
			t.Run(fmt.Sprintf("%s/%d", typ, rows), func(t *testing.T) {
				t.Parallel()
				for _, n := range []int{1, 2, 3, 6, 100} {
					h := startRemote(t, unlimited(), smallPages(sandbox.New(sandbox.Options{RateLimit: -1}), rows))
					var ids []string
					for i := range n {
						ids = append(ids, fmt.Sprintf("%s:00000000-0000-4000-8000-%012d", typ, i))
					}
					const query = `query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Practitioner { lastName } } }`
					for _, known := range []bool{false, true} {
						if known { // how long the list is: two of them are looked for there
							h.with(header, sandbox.TokenPractitioner, query, "ids", []string{ids[0], typ + ":b"})
						}
						a := h.with(header, sandbox.TokenPractitioner, query, "ids", ids)
						calls, estimate, most := costOf(t, a, "upstreamCalls"), costOf(t, a, "estimatedCalls"), costOf(t, a, "maximumCalls")
						if calls > most && (known || typ != "PractitionerType") || known && most > calls {
							t.Errorf("%d calls for %d records, at most %d; known %t", calls, n, most, known)
						}
						if typ != "PractitionerType" && estimate != n {
							t.Errorf("%d are estimated for %d records", estimate, n)
						}
					}
				}
			})
		}
	}
}

// TestCostOfUnions: what is selected of one type of a union takes nothing from what is
// selected of another.
func TestCostOfUnions(t *testing.T) {
	t.Parallel()
	h := startWith(t, unlimited(), sandbox.Options{RateLimit: -1})
	header := askingCost()
	header.Set("Cache-Control", "no-cache")
	ask := func(header http.Header, fragments string) *answer {
		return h.with(header, sandbox.TokenPractitioner, `{ clinicKeyEvents(first: 100) { nodes { data { __typename `+fragments+` } } } }`)
	}
	for _, pair := range [][2]string{
		{
			`... on PatientEventData { patient { labOrders(first: 100) { nodes { name } } orders(first: 1) { totalCount } dependents(first: 1) { totalCount } } }`,
			`... on LabOrderEventData { labOrder { practitioner { templates(first: 500) { nodes { name } } } } }`,
		},
		{
			`... on PatientEventData { patient { labOrders(first: 100) { nodes { name } } } }`,
			`... on OrderEventData { order { lineItems { variant { product { descriptionHtml } } } patient { dateOfBirth } } }`,
		},
	} {
		one, two, both := ask(dryRun(), pair[0]), ask(dryRun(), pair[1]), ask(dryRun(), pair[0]+" "+pair[1])
		for _, figure := range []string{"estimatedCalls", "maximumCalls"} {
			if got, want := costOf(t, both, figure), max(costOf(t, one, figure), costOf(t, two, figure)); got != want {
				t.Errorf("%s %d, want %d: %s", figure, got, want, pair)
			}
			sum := 0
			for i := range list(t, both.Extensions, "plan") {
				for _, calls := range list(t, both.Extensions, fmt.Sprintf("plan.%d", i)) {
					sum += int(at(t, calls, figure).(float64))
				}
			}
			if got := costOf(t, both, figure); sum != got {
				t.Errorf("%s %d, %d in the plan: %s", figure, got, sum, pair)
			}
		}
	}
	mixed := `... on OrderEventData { practitioners { externalId } } ... on ProductEventData { product { brand { prefix } } }
		... on LabOrderEventData { labOrder { practitioner { externalId } } } ... on TreatmentPlanEventData { treatmentPlan { practitioner { externalId } } }`
	for range 2 {
		a := ask(header, mixed)
		if calls, most := costOf(t, a, "upstreamCalls"), costOf(t, a, "maximumCalls"); calls > most || len(a.Errors) > 0 {
			t.Errorf("%d calls, at most %d: %v", calls, most, a.Errors)
		}
	}
}

// TestCostOfUnionsBesideLists: records whose list is too long to be read for them count, whichever
// of the types refers to them.
func TestCostOfUnionsBesideLists(t *testing.T) {
	t.Parallel()
	h := startRemote(t, unlimited(), smallPages(sandbox.New(sandbox.Options{RateLimit: -1}), 1))
	h.with(askingCost(), sandbox.TokenPractitioner, `{ nodes(ids: ["Practitioner:a", "Practitioner:b"]) { id } }`) // of how many pages the list is
	most := func(fragments string) int {
		a := h.with(dryRun(), sandbox.TokenPractitioner, `{ clinicKeyEvents(first: 2) { nodes { data { __typename `+fragments+` } } } }`)
		return costOf(t, a, "maximumCalls")
	}
	var totals strings.Builder // nine calls, which are more than what is likely of a lab order
	for i := range 9 {
		fmt.Fprintf(&totals, " a%d: orders(first: %d) { totalCount }", i, i+1)
	}
	patient := `... on PatientEventData { patient {` + totals.String() + ` } }`
	labOrder := `... on LabOrderEventData { labOrder { practitioner { externalId } patient { treatmentPlans(first: 20) { nodes { personalMessage } } } } }`
	if got, want := most(patient+labOrder), most(labOrder); got != want {
		t.Errorf("at most %d, want %d", got, want)
	}
}

// TestDryRun: the plan says which calls follow each other, and what they are for.
func TestDryRun(t *testing.T) {
	t.Parallel()
	h := start(t)
	a := h.with(dryRun(), sandbox.TokenPractitioner, `{ patients(first: 3) { nodes { dateOfBirth treatmentPlans(first: 2) { nodes { recommendations { variant { sku } } } } } } }`)
	want := [][]string{
		{"1 listPatients patients"},
		{"3 listPatientTreatmentPlans patients.treatmentPlans", "3 getPatient patients dateOfBirth"},
		{"6 getTreatmentPlan patients.treatmentPlans recommendations"},
		{"30 getVariant patients.treatmentPlans.recommendations.variant"},
	}
	var got [][]string
	for i := range list(t, a.Extensions, "plan") {
		var wave []string
		for _, calls := range list(t, a.Extensions, fmt.Sprintf("plan.%d", i)) {
			line := fmt.Sprintf("%v %v", at(t, calls, "estimatedCalls"), at(t, calls, "operation"))
			for _, name := range []string{"fields", "becauseListsLack"} {
				texts, _ := calls.(map[string]any)[name].([]any)
				for _, text := range texts {
					line += fmt.Sprintf(" %v", text)
				}
			}
			wave = append(wave, line)
		}
		got = append(got, wave)
	}
	if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if a.Data != nil || h.sandbox.Count("") != 0 {
		t.Errorf("data %v, %d calls", a.Data, h.sandbox.Count(""))
	}
}

// TestDryRunOfAWrite: whatever is not explained is not run either.
func TestDryRunOfAWrite(t *testing.T) {
	t.Parallel()
	h := start(t)
	a := h.with(dryRun(), sandbox.TokenPractitioner, `mutation { createPatient(input: {firstName: "A", lastName: "B", email: "a@example.org"}) { patient { id orders { nodes { id } } } } }`)
	if a.Status != http.StatusOK || a.Data != nil || len(a.Errors) > 0 || costOf(t, a, "estimatedCalls") != 2 {
		t.Errorf("%d %v %v", a.Status, a.Extensions, a.Errors)
	}
	for i, want := range []string{"createPatient", "listPatientOrders"} {
		if got := at(t, a.Extensions, fmt.Sprintf("plan.%d.0.operation", i)); got != want {
			t.Errorf("wave %d: %v, want %s", i, got, want)
		}
	}
	header := dryRun()
	header.Set("Accept", "application/graphql-response+json, text/event-stream")
	a = h.with(header, sandbox.TokenPractitioner, `subscription { events { id } }`)
	if a.Status != http.StatusBadRequest || a.Data != nil || a.Errors[0].Extensions["code"] != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, "Nothing was run") {
		t.Errorf("%d %v %v", a.Status, a.Data, a.Errors)
	}
	if n := h.sandbox.Count(""); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// TestCostOfWrites: fields of a mutation run one after the other, each with the calls that
// its payload takes beyond the answer to the write.
func TestCostOfWrites(t *testing.T) {
	t.Parallel()
	id := sandbox.PatientWithManyPlans
	for _, c := range []struct {
		name, mutation          string
		estimate, bound, rounds int
	}{
		{"Alone", `updatePatient(input: {id: "` + id + `", firstName: "Ada"}) { patient { id firstName dateOfBirth } }`, 1, 1, 1},
		{"NothingOfIt", `updatePatient(input: {id: "` + id + `", firstName: "Ada"}) { __typename }`, 1, 1, 1},
		{"Below", `updatePatient(input: {id: "` + id + `", firstName: "Ada"}) { patient { treatmentPlans(first: 2) { nodes { personalMessage } } } }`, 4, 4, 3},
		{"Two", `__typename
			one: updatePatient(input: {id: "` + id + `", firstName: "Ada"}) { patient { orders(first: 1) { totalCount } } }
			two: updatePatient(input: {id: "` + id + `", lastName: "Sample"}) { patient { orders(first: 1) { totalCount } } }`, 4, 4, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			a := h.with(askingCost(), sandbox.TokenPractitioner, "mutation { "+c.mutation+" }")
			if len(a.Errors) > 0 {
				t.Fatal(a.Errors)
			}
			for name, want := range map[string]int{"estimatedCalls": c.estimate, "maximumCalls": c.bound, "upstreamCalls": h.sandbox.Count(""), "roundTrips": c.rounds} {
				if got := costOf(t, a, name); got != want {
					t.Errorf("%s is %d, want %d", name, got, want)
				}
			}
			if n := h.sandbox.Count(""); n != c.bound {
				t.Errorf("%d calls, want %d", n, c.bound)
			}
		})
	}
}

// TestDearWrites: a mutation that takes too many calls, or more than its caller has left, is
// refused whole, before anything is written.
func TestDearWrites(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 6 {
		fmt.Fprintf(&b, "m%d: updatePatient(input: {id: %q, firstName: \"Ada\"}) { patient { orders(first: 1) { totalCount } } }\n", i, sandbox.PatientWithManyPlans)
	}
	mutation := "mutation { " + b.String() + "}"
	for _, c := range []struct {
		name, code, setting string
		limit               func(*gateway.Config)
		before              int // calls that the caller has made already
	}{
		{"Limit", "QUERY_TOO_EXPENSIVE", "(--max-upstream-calls)", func(c *gateway.Config) { c.MaxUpstreamCalls = 11 }, 0},
		{"Budget", "RATE_LIMITED", "", func(c *gateway.Config) { c.Budget = 23 }, 12},
		{"MoreThanTheBudget", "QUERY_TOO_EXPENSIVE", "(--budget)", func(c *gateway.Config) { c.Budget = 11 }, 0},
		{"MoreThanTheBudgetAlone", "QUERY_TOO_EXPENSIVE", "(--budget)", func(c *gateway.Config) { c.Budget, c.MaxUpstreamCalls = 11, 0 }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := config()
			c.limit(&config)
			h := startWith(t, config, sandbox.Options{})
			if c.before > 0 {
				h.query(mutation)
			}
			a := h.as(sandbox.TokenPractitioner, mutation)
			if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != c.code || a.Data != nil || !strings.Contains(a.Errors[0].Message, c.setting) {
				t.Errorf("%v %v", a.Data, a.Errors)
			}
			if n := h.sandbox.Count(""); n != c.before {
				t.Errorf("%d calls, want %d", n, c.before)
			}
		})
	}
}

// TestDearEvents: a subscription is refused at its start if each event would take too many
// calls.
func TestDearEvents(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxUpstreamCalls = 5
	h := startWith(t, c, sandbox.Options{})
	header := http.Header{"Accept": {"application/graphql-response+json, text/event-stream"}}
	a := h.with(header, sandbox.TokenPractitioner, `subscription { patientUpdated { patient { treatmentPlans(first: 20) { nodes { personalMessage } } } } }`)
	if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "QUERY_TOO_EXPENSIVE" || a.Errors[0].Extensions["field"] != "patientUpdated.patient.treatmentPlans" {
		t.Errorf("%v", a.Errors)
	}
	if n := h.sandbox.Count(""); n != 0 {
		t.Errorf("%d calls", n)
	}
	for _, query := range []string{
		`subscription { patientUpdated { event { id type createdAt data { __typename } } patient { id firstName orders(first: 1) { totalCount } } } }`,
		`subscription { events(types: [PATIENT_UPDATED]) { id type data { __typename ... on PatientEventData { patient { id lastName } } ... on OrderEventData { order { id } } } } }`,
	} {
		s := h.subscribe(sandbox.TokenPractitioner, query)
		h.emit(sandbox.Emission{Type: "patient.updated"})
		s.value()
	}
}

// TestLimitOfEachEvent: what one operation may take is what each event of a subscription may,
// however long that runs, and not what watching for events takes.
func TestLimitOfEachEvent(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxUpstreamCalls = 8
	t.Run("Sent", func(t *testing.T) {
		t.Parallel()
		h := startWith(t, c, sandbox.Options{})
		s := h.subscribe(sandbox.TokenPractitioner, `subscription { patientUpdated { patient { id orders(first: 1) { totalCount } } } }`)
		for range 12 {
			h.emit(sandbox.Emission{Type: "patient.updated"})
			s.value()
		}
	})
	t.Run("Polled", func(t *testing.T) {
		t.Parallel()
		polled(t, func(v *virtual, h *harness) {
			s := h.begun("sse", sandbox.TokenPractitioner, watchAll)
			defer s.close()
			for range 3 {
				time.Sleep(5 * time.Minute)
				ids := h.happen(sandbox.Emission{Type: "patient.updated"}, sandbox.Emission{Type: "order.placed"})
				time.Sleep(time.Minute)
				s.sees(ids...)
			}
		})
	})
}

// TestTooExpensive: what would take too many calls is refused before the first one, and
// what turns out to ends at the limit.
func TestTooExpensive(t *testing.T) {
	t.Parallel()
	t.Run("Estimated", func(t *testing.T) {
		t.Parallel()
		h := start(t)
		a := h.as(sandbox.TokenPractitioner, `{ patients(first: 500) { nodes { dateOfBirth treatmentPlans(first: 100) { nodes { personalMessage } } orders { nodes { id } } dependents { nodes { id } } addresses { nodes { id } } } } }`)
		if len(a.Errors) != 1 || a.Data != nil || a.Status != http.StatusBadRequest {
			t.Fatalf("%d: %v %v", a.Status, a.Data, a.Errors)
		}
		e := a.Errors[0]
		if e.Extensions["code"] != "QUERY_TOO_EXPENSIVE" || e.Extensions["field"] != "patients.treatmentPlans" || e.Extensions["maximum"] != 1000.0 ||
			e.Extensions["estimatedCalls"] != 5005.0 || !strings.Contains(e.Message, "patients.treatmentPlans") {
			t.Errorf("%s %v", e.Message, e.Extensions)
		}
		if n := h.sandbox.Count(""); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
	t.Run("Dearest", func(t *testing.T) {
		t.Parallel()
		h := start(t)
		a := h.as(sandbox.TokenPractitioner, `{ orders(first: 1) { nodes { patient { gender } } } few: labOrders(first: 400) { nodes { patient { gender } } } many: labOrders(first: 500) { nodes { patient { gender } } } more: labOrders(first: 400) { nodes { patient { gender } } } }`)
		if len(a.Errors) != 1 || a.Errors[0].Extensions["field"] != "many.patient" {
			t.Errorf("%v", a.Errors)
		}
	})
	t.Run("Counted", func(t *testing.T) {
		t.Parallel()
		c := config()
		c.MaxUpstreamCalls = 20
		h := startWith(t, c, sandbox.Options{})
		// One patient has more plans than lists are assumed to have rows.
		a := h.as(sandbox.TokenPractitioner, `query($id: ID!) { patient(id: $id) { treatmentPlans(first: 50) { nodes { state personalMessage } } } }`, "id", sandbox.PatientWithManyPlans)
		if n := h.sandbox.Count(""); n != 20 {
			t.Errorf("%d calls, want the limit", n)
		}
		whole, missing := 0, 0
		for i := range list(t, a.Data, "patient.treatmentPlans.nodes") {
			if at(t, a.Data, fmt.Sprintf("patient.treatmentPlans.nodes.%d.state", i)) != nil {
				whole++
			}
		}
		for _, e := range a.Errors {
			if e.Extensions["code"] == "QUERY_TOO_EXPENSIVE" {
				missing++
			}
		}
		if whole != 50 || missing != 50-19 {
			t.Errorf("%d rows, %d errors", whole, missing)
		}
	})
	t.Run("Deep", func(t *testing.T) { // the benchmark's query
		t.Parallel()
		h := start(t)
		h.query(`{ patients(first: 10) { nodes { treatmentPlans { nodes { recommendations { variant { sku product { name brand { name } } } } } } } } }`)
	})
}

// TestCostIsBounded: whatever is asked for, no more calls are made than were said to be the
// most, and at least half as many if lists are as long as was asked and no record is met
// twice.
func TestCostIsBounded(t *testing.T) {
	t.Parallel()
	h := startWith(t, unlimited(), sandbox.Options{RateLimit: -1})
	g := newDocuments(t)
	n, exact := 0, 0
	for seed := range uint64(400) {
		query := g.random(rand.New(rand.NewPCG(seed, 7)))
		header := askingCost()
		header.Set("Cache-Control", "no-cache")
		a := h.with(header, sandbox.TokenPractitioner, query)
		if a.Data == nil || longer(a.Data, 5) {
			continue
		}
		n++
		calls, most := costOf(t, a, "upstreamCalls"), costOf(t, a, "maximumCalls")
		if g.asAsked(a.Data, map[string]bool{}) {
			if exact++; most > 2*calls {
				plan := h.with(dryRun(), sandbox.TokenPractitioner, query)
				t.Errorf("seed %d: %d calls, said to be at most %d: %s\n%v", seed, calls, most, query, plan.Extensions["plan"])
			}
		}
		if calls > most {
			plan := h.with(dryRun(), sandbox.TokenPractitioner, query)
			t.Errorf("seed %d: %d calls, at most %d: %s\n%v", seed, calls, most, query, plan.Extensions["plan"])
		}
	}
	t.Logf("%d documents, %d of them with lists as long as asked", n, exact)
	if n < 200 || exact < 30 {
		t.Errorf("only %d documents could be compared", n)
	}
}

// TestCostOfWritesIsBounded is the same for mutations, whatever is selected of what they
// answer.
func TestCostOfWritesIsBounded(t *testing.T) {
	t.Parallel()
	g, n := newDocuments(t), 0
	for _, m := range loadMutations(t) {
		h := startWith(t, unlimited(), sandbox.Options{RateLimit: -1})
		for seed := range uint64(20) {
			selection := g.selection(rand.New(rand.NewPCG(seed, 11)), g.schema.Mutation.Fields.ForName(m.field).Type.Name(), 4)
			query := "mutation Run($input: " + m.typeName() + "Input!) { " + m.field + "(input: $input) " + selection + " }"
			a := h.with(askingCost(), sandbox.TokenPractitioner, query, "input", json.RawMessage(filled(t, string(m.Input))))
			if a.Data == nil || longer(a.Data, 5) {
				continue
			}
			n++
			if calls, most := costOf(t, a, "upstreamCalls"), costOf(t, a, "maximumCalls"); calls > most {
				t.Errorf("%s, seed %d: %d calls, at most %d: %s", m.field, seed, calls, most, query)
			}
		}
	}
	t.Logf("%d mutations", n)
	if n < 150 {
		t.Errorf("only %d mutations could be compared", n)
	}
}

// longer reports whether a list that was asked for without a length has more than n
// values.
func longer(v any, n int) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if values, isList := inner.([]any); isList && name != "nodes" && len(values) > n || longer(inner, n) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(inner any) bool { return longer(inner, n) })
	}
	return false
}

// asAsked reports whether lists are as long as was asked, there is nothing in them that was
// null or can be of several types, and no record comes twice.
func (d documents) asAsked(v any, seen map[string]bool) bool {
	object, isObject := v.(map[string]any)
	if !isObject {
		values, _ := v.([]any)
		return !slices.ContainsFunc(values, func(inner any) bool { return !d.asAsked(inner, seen) })
	}
	name, _ := object["__typename"].(string)
	if id, has := object["id"].(string); has {
		if seen[name+id] {
			return false
		}
		seen[name+id] = true
	}
	for key, inner := range object {
		if of, isConnection := strings.CutPrefix(key, "first"); isConnection {
			want, _, _ := strings.Cut(of, "_")
			page, _ := inner.(map[string]any)
			rows, _ := page["nodes"].([]any)
			if fmt.Sprint(len(rows)) != want {
				return false
			}
		} else if rows, isList := inner.([]any); isList && key != "nodes" && (len(rows) == 0 || isRecord(rows[0])) {
			return false // of the length that was assumed, which it has by chance at most
		} else if def := d.schema.Types[name]; def != nil {
			f := def.Fields.ForName(key)
			if inner == nil && (f == nil || d.schema.Types[f.Type.Name()].IsCompositeType()) || f != nil && d.schema.Types[f.Type.Name()].IsAbstractType() {
				return false
			}
		}
		if !d.asAsked(inner, seen) {
			return false
		}
	}
	return true
}

func isRecord(v any) bool {
	_, is := v.(map[string]any)
	return is
}

// documents makes queries of a schema.
type documents struct{ schema *ast.Schema }

func newDocuments(t testing.TB) documents {
	t.Helper()
	files, err := filepath.Glob("../schema/*.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	var sources []*ast.Source
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &ast.Source{Name: name, Input: string(text)})
	}
	return documents{gqlparser.MustLoadSchema(sources...)}
}

var lookedUp = map[string]string{
	"patient": sandbox.PatientWithManyPlans, "variant": sandbox.VariantID, "node": "Patient:" + sandbox.PatientWithManyPlans,
}

// random returns a query of one or two fields, some of whose lists are within others.
func (d documents) random(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range 1 + r.IntN(2) {
		var f *ast.FieldDefinition
		for f == nil || strings.HasPrefix(f.Name, "__") || lookedUp[f.Name] == "" && !strings.HasSuffix(f.Type.Name(), "Connection") || needs(f) && lookedUp[f.Name] == "" && f.Name != "recordsByExternalId" {
			f = d.schema.Query.Fields[r.IntN(len(d.schema.Query.Fields))]
		}
		b.WriteString(" ")
		if id := lookedUp[f.Name]; id != "" {
			fmt.Fprintf(&b, "f%d: %s(id: %q) ", i, f.Name, id)
			b.WriteString(d.selection(r, f.Type.Name(), 4))
			continue
		}
		d.field(r, &b, f, 4)
	}
	b.WriteString(" }")
	return b.String()
}

// needs reports whether a field has an argument that has to be given.
func needs(f *ast.FieldDefinition) bool {
	return slices.ContainsFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull && a.DefaultValue == nil })
}

func (d documents) field(r *rand.Rand, b *strings.Builder, f *ast.FieldDefinition, depth int) {
	if strings.HasSuffix(f.Type.Name(), "Connection") {
		node, n := d.schema.Types[f.Type.Name()].Fields.ForName("nodes").Type.Name(), 1+r.IntN(4)
		args := fmt.Sprintf("first: %d", n)
		if f.Arguments.ForName("last") != nil && r.IntN(4) == 0 {
			args = fmt.Sprintf("last: %d", n)
		}
		if f.Name == "recordsByExternalId" {
			args += fmt.Sprintf(", externalId: %q", sandbox.SharedExternalID)
		}
		if r.IntN(6) == 0 {
			fmt.Fprintf(b, "none_%d: %s(%s) { totalCount pageInfo { hasNextPage } }", r.IntN(1_000_000), f.Name, args)
			return
		}
		fmt.Fprintf(b, "first%d_%d: %s(%s) { totalCount nodes %s }", n, r.IntN(1_000_000), f.Name, args, d.selection(r, node, depth-1))
		return
	}
	b.WriteString(f.Name)
	if d.schema.Types[f.Type.Name()].IsCompositeType() {
		b.WriteString(" " + d.selection(r, f.Type.Name(), depth-1))
	}
}

func (d documents) selection(r *rand.Rand, name string, depth int) string {
	var b strings.Builder
	b.WriteString("{ __typename")
	def := d.schema.Types[name]
	if def.Fields.ForName("id") != nil {
		b.WriteString(" id")
	}
	if def.IsAbstractType() {
		types := d.schema.GetPossibleTypes(def)
		for range 1 + r.IntN(4) {
			on := types[r.IntN(len(types))].Name
			fmt.Fprintf(&b, " ... on %s @include(if: %t) %s", on, r.IntN(4) > 0, d.selection(r, on, depth))
		}
		b.WriteString(" }")
		return b.String()
	}
	for range 1 + r.IntN(4) {
		f := def.Fields[r.IntN(len(def.Fields))]
		composite := d.schema.Types[f.Type.Name()].IsCompositeType()
		if strings.HasPrefix(f.Name, "__") || needs(f) || composite && depth == 0 || strings.Contains(b.String(), " "+f.Name+"(") || f.Name == "dynamicLink" {
			continue
		}
		b.WriteString(" ")
		if composite && strings.Contains(b.String(), " "+f.Name+" {") && !strings.HasSuffix(f.Type.Name(), "Connection") { // another length would conflict
			fmt.Fprintf(&b, "again%d: ", r.IntN(1000))
		}
		d.field(r, &b, f, depth)
	}
	b.WriteString(" }")
	return b.String()
}

// TestCostsAreDescribed: the schema that is served says of each field that takes calls what
// it costs.
func TestCostsAreDescribed(t *testing.T) {
	t.Parallel()
	h := start(t)
	text := func(typ, field string) string {
		fields := list(t, h.query(`query($name: String!) { __type(name: $name) { fields { name description } } }`, "name", typ), "__type.fields")
		for _, f := range fields {
			if at(t, f, "name") == field {
				return at(t, f, "description").(string)
			}
		}
		t.Fatalf("%s has no %s", typ, field)
		return ""
	}
	for _, c := range []struct{ typ, field, want string }{
		{"Patient", "dateOfBirth", "In lists it takes one call for each row."},
		{"LabOrder", "patient", "Its id is free; anything else that did not come with it takes one call for each different record."},
		{"Mutation", "updatePatient", "Takes one call."},
		{"Query", "patients", "one call for each 100 rows"},
	} {
		if got := text(c.typ, c.field); !strings.Contains(got, c.want) {
			t.Errorf("%s.%s: %q", c.typ, c.field, got)
		}
	}
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: gateway.SDL()})
	for _, def := range schema.Types {
		for _, f := range def.Fields {
			if (f.Directives.ForName("detail") != nil || f.Directives.ForName("rest") != nil) && !strings.Contains(f.Description, "call") {
				t.Errorf("%s.%s does not say what it costs: %q", def.Name, f.Name, f.Description)
			}
		}
	}
}

// TestMaxAnswer: an answer that is too large is none, whoever writes it.
func TestMaxAnswer(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxAnswer = 20_000
	h := startWith(t, c, sandbox.Options{})
	h.query(`{ patients(first: 10) { nodes { firstName } } }`)
	rows := `{ patients(first: 500) { nodes { id firstName lastName email archived } }`
	for name, query := range map[string]string{
		"Plan":     rows + ` }`,
		"Executor": rows + ` product(id: "x/y") { id } }`, // an error, of which a plan writes none
	} {
		a := h.as(sandbox.TokenPractitioner, query)
		if a.Status != http.StatusBadRequest || a.Data != nil || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "QUERY_TOO_COMPLEX" || a.Errors[0].Extensions["limit"] != "answer" {
			t.Errorf("%s: %d %v", name, a.Status, a.Errors)
		}
	}
}
