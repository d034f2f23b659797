package tests

import (
	"fmt"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestUpstreamCalls counts exactly what each query costs.
func TestUpstreamCalls(t *testing.T) {
	t.Parallel()
	many := sandbox.PatientWithManyPlans
	for _, c := range []struct {
		name, query string
		calls       int
	}{
		{"SummaryFields", `{ patients(first: 50) { nodes { id firstName lastName email archived } } }`, 1},
		{"OneDetailField", `{ patients(first: 50) { nodes { firstName dateOfBirth } } }`, 51},
		{"DetailFieldInEdges", `{ patients(first: 50) { edges { cursor node { firstName dateOfBirth } } } }`, 51},
		{"NodesAndEdges", `{ patients(first: 50) { nodes { gender } edges { node { dateOfBirth } } } }`, 51},
		{"TotalCountAlone", `{ patients { totalCount } }`, 1},
		{"TotalCountBesideRows", `{ patients(first: 50) { totalCount nodes { id } } }`, 1},
		{"PlansWithPractitionerNames", `{ patient(id: "` + many + `") { treatmentPlans(first: 50) { nodes { practitioner { firstName lastName } } } } }`, 2},
		{"PlansWithPractitionerIDs", `{ patient(id: "` + many + `") { treatmentPlans(first: 50) { nodes { practitioner { id } } } } }`, 1},
		{"PlansWithPractitionerNamesInEdges", `{ patient(id: "` + many + `") { treatmentPlans(first: 50) { edges { node { practitioner { firstName } } } } } }`, 2},
		{"PlansWithPractitionerIDsInEdges", `{ patient(id: "` + many + `") { treatmentPlans(first: 50) { edges { node { practitioner { id } } } } } }`, 1},
		{"FragmentsAndAliases", `{ a: patient(id: "` + many + `") { ...plans } } fragment plans on Patient { one: treatmentPlans(first: 50) { nodes { ... on TreatmentPlan { who: practitioner { n: firstName } } } } }`, 2},
		{"Skipped", `{ patients(first: 50) { nodes { firstName dateOfBirth @skip(if: true) } } }`, 1},
		{"LookUpOfIDOnly", `{ patient(id: "` + many + `") { id } }`, 1},
		{"LookUpByTwoFormsOfID", `{ a: patient(id: "` + many + `") { firstName } b: patient(id: "Patient:` + many + `") { lastName } }`, 1},
		{"ListRowsServeLinks", `{ patients(first: 100) { nodes { firstName } } }`, 1},
		{"TwoWindowsOnePage", `{ a: patients(first: 10) { nodes { id } } b: patients(first: 10) { nodes { email } } }`, 1},
		{"250Rows", `{ patients(first: 250) { nodes { id } } }`, 3},
		{"PractitionerTypes", `{ practitioners(first: 3) { nodes { type { description } } } }`, 2},
		{"NodesOfManyTypes", `{ nodes(ids: ["Patient:` + many + `", "Variant:` + sandbox.VariantID + `", "Patient:` + many + `"]) { id ... on Patient { firstName } ... on Variant { sku } } }`, 2},
		{"VariantsOfAProductLoadedEarlier", `{ variant(id: "` + sandbox.VariantID + `") { product { variants { sku product { name brand { name } } } } } }`, 2},
		{"PicturesInThreeSizes", `{ variant(id: "` + sandbox.VariantID + `") { s: imageUrl(size: SMALL) m: imageUrl l: imageUrl(size: LARGE) } }`, 1},
		{"ProductListWithPrimaryVariant", `{ products(first: 100) { nodes { name status brand { name } primaryVariant { sku imageUrl(size: SMALL) product { name } } } } }`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			h.query(c.query)
			if got := h.sandbox.Count(""); got != c.calls {
				t.Errorf("%d calls, want %d:\n%s", got, c.calls, routes(h.sandbox))
			}
		})
	}
}

// routes lists what reached the sandbox, for messages.
func routes(s *sandbox.Server) (out string) {
	counts := map[string]int{}
	var order []string
	for _, c := range s.Calls() {
		if counts[c.Operation] == 0 {
			order = append(order, c.Operation)
		}
		counts[c.Operation]++
	}
	for _, op := range order {
		out += fmt.Sprintf("  %d × %s\n", counts[op], op)
	}
	return out
}

func TestDeepQuery(t *testing.T) {
	t.Parallel()
	h := start(t)
	data := h.query(`{ patients(first: 10) { nodes { treatmentPlans { nodes { recommendations { variant { sku product { name brand { name } } } } } } } } }`)
	plans, variants := 0, map[any]bool{}
	for i := range list(t, data, "patients.nodes") {
		for _, plan := range list(t, data, fmt.Sprintf("patients.nodes.%d.treatmentPlans.nodes", i)) {
			plans++
			for _, r := range list(t, plan, "recommendations") {
				variants[at(t, r, "variant.sku")] = true
			}
		}
	}
	if plans == 0 || len(variants) == 0 {
		t.Fatalf("%d plans, %d variants: nothing to count", plans, len(variants))
	}
	if got, want := h.sandbox.Count(""), 1+10+plans+len(variants); got != want {
		t.Errorf("%d calls, want 1 + 10 + %d plans + %d variants = %d:\n%s", got, plans, len(variants), want, routes(h.sandbox))
	}
}

func TestOnePatientByFiveRoutes(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.query(`query($id: ID!, $node: ID!, $plan: ID!, $order: ID!) {
		patient(id: $id) { dateOfBirth }
		node(id: $node) { ... on Patient { gender } }
		treatmentPlan(id: $plan) { patient { discount } }
		order(id: $order) { patient { mobileNumber } }
		recordsByExternalId(externalId: "emr-shared") { nodes { record { ... on Patient { isDependent } } } }
	}`, "id", sandbox.PatientWithManyPlans, "node", "Patient:"+sandbox.PatientWithManyPlans, "plan", sandbox.PlanWithLabs, "order", sandbox.OrderWithLabs)
	if got := h.sandbox.Count("getPatient"); got != 1 {
		t.Errorf("the patient was fetched %d times:\n%s", got, routes(h.sandbox))
	}
}
