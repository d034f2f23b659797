package tests

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestAnotherRecord: what comes for an id must be the record of that id, in
// whichever way it was asked for.
func TestAnotherRecord(t *testing.T) {
	t.Parallel()
	const upper, lower = "B1000000-0000-4000-8000-00000000ABCD", "b1000000-0000-4000-8000-00000000abcd"
	patient := func(id string) sandbox.Fault {
		return sandbox.Fault{Operation: "getPatient", Status: http.StatusOK, Body: `{"patient":{"id":"` + id + `","first_name":"Bob","last_name":"B","email":"b@example.org"}}`}
	}
	plan := sandbox.Fault{Operation: "getTreatmentPlan", Status: http.StatusOK, Body: `{"treatment_plan":{"id":"` + sandbox.ActivePlan + `","state":"active","patient":{"id":"p1"}}}`}
	written := func(operation string) sandbox.Fault {
		return sandbox.Fault{Operation: operation, Status: http.StatusOK, Body: `{"treatment_plan":{"id":"t2","state":"active"},"patient":{"id":"p2","first_name":"B","last_name":"B","email":"b@example.org"}}`}
	}
	for _, c := range []struct {
		name, query string
		faults      []sandbox.Fault
		at          string // of the UPSTREAM_ERROR, "" for none
		data        string
	}{
		{"LookUp", `{ patient(id: "p1") { id firstName } }`, []sandbox.Fault{patient("p2")}, "patient", `{"patient":null}`},
		{"LookUpOfID", `{ patient(id: "p1") { id } }`, []sandbox.Fault{patient("p2")}, "patient", `{"patient":null}`},
		{"Node", `{ node(id: "Patient:p1") { ... on Patient { firstName } } }`, []sandbox.Fault{patient("p2")}, "node", `{"node":null}`},
		{"Nodes", `{ nodes(ids: ["Patient:p2", "Patient:p1"]) { ... on Patient { firstName } } }`, []sandbox.Fault{patient("p2")}, "nodes.1", `{"nodes":[{"firstName":"Bob"},null]}`},
		{"CaseOfAnotherID", `{ patient(id: "p1") { firstName } }`, []sandbox.Fault{patient("P1")}, "patient", `{"patient":null}`},
		{"Variant", `{ variant(id: "v1") { sku } }`, []sandbox.Fault{{Operation: "getVariant", Status: 200, Body: `{"variant":{"id":"v2","sku":"S"}}`}}, "variant", `{"variant":null}`},
		{"Event", `{ event(id: "e1") { type } }`, []sandbox.Fault{{Operation: "getEvent", Status: 200, Body: `{"event":{"id":"e2","type":"order.placed"}}`}}, "event", `{"event":null}`},
		{
			"DynamicLink", `{ treatmentPlan(id: "` + sandbox.ActivePlan + `") { dynamicLink { redirectUrl } } }`,
			[]sandbox.Fault{{Operation: "getTreatmentPlanLink", Status: 200, Body: `{"dynamic_links":{"redirect_url":"https://x.example/","treatment_plan":{"id":"t2"}}}`}},
			"treatmentPlan.dynamicLink", `{"treatmentPlan":{"dynamicLink":null}}`,
		},
		{"Write", `mutation { updatePatient(input: {id: "p1", firstName: "B"}) { patient { firstName } } }`, []sandbox.Fault{written("updatePatient")}, "updatePatient", `{"updatePatient":null}`},
		{"Cancel", `mutation { cancelTreatmentPlan(input: {id: "t1"}) { treatmentPlan { state } } }`, []sandbox.Fault{written("cancelTreatmentPlan")}, "cancelTreatmentPlan", `{"cancelTreatmentPlan":null}`},

		{"UpperAsked", `{ patient(id: "` + upper + `") { id firstName } }`, []sandbox.Fault{patient(lower)}, "", `{"patient":{"id":"Patient:` + lower + `","firstName":"Bob"}}`},
		{"LowerAsked", `{ patient(id: "` + lower + `") { id } }`, []sandbox.Fault{patient(upper)}, "", `{"patient":{"id":"Patient:` + upper + `"}}`},
		{
			"BothAsked", `{ a: patient(id: "` + upper + `") { id firstName } b: node(id: "Patient:` + lower + `") { id } nodes(ids: ["Patient:` + upper + `"]) { id } }`,
			[]sandbox.Fault{patient(lower)},
			"",
			`{"a":{"id":"Patient:` + lower + `","firstName":"Bob"},"b":{"id":"Patient:` + lower + `"},"nodes":[{"id":"Patient:` + lower + `"}]}`,
		},
		{
			"Planned", `{
				a: practitioner(id: "` + strings.ToUpper(sandbox.PractitionerID) + `") { fullscriptId }
				b: practitioner(id: "` + sandbox.PractitionerID + `") { fullscriptId }
				staffMember(id: "` + strings.ToUpper(sandbox.StaffID) + `") { fullscriptId }
			}`, nil, "",
			`{"a":{"fullscriptId":"` + sandbox.PractitionerID + `"},"b":{"fullscriptId":"` + sandbox.PractitionerID + `"},"staffMember":{"fullscriptId":"` + sandbox.StaffID + `"}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				for _, f := range c.faults {
					v.sandbox.AddFault(f)
				}
				r := v.query(c.query)
				if c.at == "" {
					r.fails(v)
				} else {
					r.fails(v, failed{c.at, "UPSTREAM_ERROR"})
				}
				equal(v, "data", r.Data, c.data)
				if c.name == "BothAsked" && v.sandbox.Count("getPatient") != 1 {
					v.Errorf("%d calls for one record", v.sandbox.Count("getPatient"))
				}
				if strings.HasPrefix(c.query, "mutation") && r.extension(v, c.at, "outcome") != "unknown" {
					v.Error("no outcome")
				}
			})
		})
	}
	t.Run("Link", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(plan)
			v.sandbox.AddFault(patient("p2"))
			r := v.query(`{ treatmentPlan(id: "` + sandbox.ActivePlan + `") { state patient { firstName } } }`)
			if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "UPSTREAM_ERROR" || strings.Contains(r.text, "Bob") {
				v.Error(r.text)
			}
		})
	})
}

// TestIDsAreChecked: an id is a part of a path, so what means something in a
// path is refused wherever ids are taken, and nothing is called.
func TestIDsAreChecked(t *testing.T) {
	t.Parallel()
	const long = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	bad := map[string]string{
		"Parent": "..", "Self": ".", "ParentPath": "../orders", "Encoded": "..%2f..%2forders", "NUL": "x\x00y", "EncodedNUL": "x%00y", "Slash": "a/b",
		"Backslash": `a\b`, "Query": "a?b=c", "Fragment": "a#b", "Space": "a b", "LineBreak": "a\nb", "Semicolon": "a;b", "Letter": "é", "Wide": "．．", "TooLong": long,
	}
	queries := map[string]string{
		"LookUp":     `query($id: ID!) { patient(id: $id) { firstName } }`,
		"LookUpOfID": `query($id: ID!) { order(id: $id) { id } }`,
		"LinkOnly":   `query($id: ID!) { patient(id: $id) { treatmentPlans { totalCount } } }`,
		"Planned":    `query($id: ID!) { practitioner(id: $id) { lastName } }`,
		"Filter":     `query($id: ID!) { orders(patientId: $id) { totalCount } }`,
		"List":       `query($id: ID!) { searchProducts(query: "x", allergenIds: ["a", $id]) { totalCount } }`,
		"Argument":   `query($id: ID!) { product(id: "` + sandbox.ProductID + `") { customDosage(practitionerId: $id) { amount } } }`,
		"Write":      `mutation($id: ID!) { cancelTreatmentPlan(input: {id: $id}) { userErrors { code } } }`,
		"WriteBelow": `mutation($id: ID!) { createTreatmentPlan(input: {patientId: $id, state: DRAFT}) { userErrors { code } } }`,
		"WriteBody":  `mutation($id: ID!) { createSessionGrant(input: {userId: $id, userType: STAFF}) { userErrors { code } } }`,
		"InAList":    `mutation($id: ID!) { createTreatmentPlan(input: {patientId: "x", state: DRAFT, recommendations: [{variantId: $id, unitsToPurchase: 1}]}) { userErrors { code } } }`,
		"Node":       `query($id: ID!) { node(id: $id) { id } }`,
		"Nodes":      `query($id: ID!) { nodes(ids: [$id]) { id } }`,
	}
	for name, id := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				for field, query := range queries {
					if strings.HasPrefix(field, "Node") {
						id = "Patient:" + strings.TrimPrefix(id, "Patient:")
					} else {
						id = strings.TrimPrefix(id, "Patient:")
					}
					v.sandbox.ResetCalls()
					r := v.query(query, "id", id)
					if len(r.Errors) == 0 || r.Errors[0].Extensions["code"] != "BAD_USER_INPUT" {
						v.Errorf("%s: %s", field, r.text)
					}
					if n := v.sandbox.Count("") - v.sandbox.Count("getProduct"); n != 0 {
						v.Errorf("%s: %d calls:\n%s", field, n, routes(v.sandbox))
					}
				}
				req := httptest.NewRequest(http.MethodGet, "/resources/"+url.PathEscape(strings.TrimPrefix(id, "Patient:"))+"/download", nil)
				req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
				res := httptest.NewRecorder()
				v.sandbox.ResetCalls()
				v.handler.ServeHTTP(res, req)
				if res.Code/100 == 2 || res.Code/100 == 5 || v.sandbox.Count("") != 0 {
					v.Errorf("the download answers %d, with %d calls", res.Code, v.sandbox.Count(""))
				}
			})
		})
	}
	for _, good := range []string{"a", "7", "A_b.c:d-9", sandbox.PatientWithManyPlans, long[:128], "...", "-"} {
		t.Run("Good", func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				r := v.query(`query($id: ID!) { patient(id: $id) { firstName } }`, "id", "Patient:"+good)
				r.fails(v)
				if v.sandbox.Count("getPatient") != 1 {
					v.Error("no call")
				}
			})
		})
	}
	// An id that the partner sends takes no other call with it either.
	t.Run("OfThePartner", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "getTreatmentPlan", Status: 200, Body: `{"treatment_plan":{"id":"t","state":"active","patient":{"id":"../orders"},"practitioner":{"id":"a/b"}}}`})
			r := v.query(`{ treatmentPlan(id: "t") { state patient { firstName } } }`)
			if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "UPSTREAM_ERROR" || at(v, r.Data, "treatmentPlan.state") != "ACTIVE" {
				v.Error(r.text)
			}
			if v.sandbox.Count("") != 1 {
				v.Errorf("calls:\n%s", routes(v.sandbox))
			}
		})
	})
}
