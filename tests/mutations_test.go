package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fsgateway/internal/sandbox"
)

// written is the one call of an operation that the sandbox received.
func (v *virtual) written(operation string) sandbox.Call {
	v.Helper()
	var found []sandbox.Call
	for _, c := range v.sandbox.Calls() {
		if c.Operation == operation {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		v.Fatalf("%d calls of %s, want 1:\n%s", len(found), operation, routes(v.sandbox))
	}
	return found[0]
}

// TestMutations carries out each mutation of testdata/mutations in every way that it can end.
func TestMutations(t *testing.T) {
	t.Parallel()
	all := loadMutations(t)
	for _, f := range loadSDL(t).Mutation.Fields {
		if !slices.ContainsFunc(all, func(m *mutation) bool { return m.field == f.Name }) {
			t.Errorf("testdata/mutations has no %s.json", f.Name)
		}
	}
	for _, m := range all {
		t.Run(m.field, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() { m.rewrite(t) })
			run := func(name string, test func(v *virtual)) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					virtually(t, config(), sandbox.Options{}, test)
				})
			}
			run("Succeeds", m.succeeds)
			run("InvalidInput", func(v *virtual) {
				m.expect(v, "userErrors", m.complaints(v, m.run(v, sandbox.TokenPractitioner, m.Refused.Input)), &m.Refused.UserErrors)
			})
			run("InvalidInputByField", func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: m.field, Status: 422, Body: `{"errors":[{"code":"taken","field":"email","message":"Email is taken"}]}`})
				field := "null"
				if email := regexp.MustCompile(`^(create|update)(Patient|Practitioner|Staff)$`); email.MatchString(m.field) {
					field = `["input","email"]` // which the others have not got
				}
				equal(v, "userErrors", m.complaints(v, m.run(v, sandbox.TokenPractitioner, m.Input)), `[{"field":`+field+`,"code":"INVALID","message":"Email is taken"}]`)
			})
			run("Forbidden", m.forbidden)
			run("OutcomeUnknown", func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: m.field, Reset: true, AfterHandling: true})
				r := m.run(v, sandbox.TokenPractitioner, m.Input)
				r.fails(v, failed{m.field, "UPSTREAM_UNAVAILABLE"})
				if got := r.extension(v, m.field, "outcome"); got != "unknown" {
					v.Errorf("outcome is %v", got)
				}
				v.written(m.field)
			})
			if m.Missing != nil {
				run("NotFound", func(v *virtual) {
					equal(v, "userErrors", m.complaints(v, m.run(v, sandbox.TokenPractitioner, m.Missing)),
						`[{"field":null,"code":"NOT_FOUND","message":"A record in the input does not exist or is not visible to this caller."}]`)
				})
			}
		})
	}
}

// succeeds checks the answer of an input that works, and the one call it makes.
func (m *mutation) succeeds(v *virtual) {
	r := m.run(v, sandbox.TokenPractitioner, m.Input)
	r.fails(v)
	r.status(v, http.StatusOK)
	payload := at(v, r.Data, m.field).(map[string]any)
	equal(v, "userErrors", payload["userErrors"], `[]`)
	delete(payload, "userErrors")
	m.expect(v, "payload", payload, &m.Payload)

	if n := v.sandbox.Count(""); n != 1 {
		v.Errorf("%d calls:\n%s", n, routes(v.sandbox))
	}
	call := v.written(m.field)
	if got, want := call.Method+" "+call.Path, filled(v, m.Call); got != want || call.Query != "" || call.Token != sandbox.TokenPractitioner {
		v.Errorf("%s?%s by %s, want %s", got, call.Query, call.Token, want)
	}
	if call.Header.Get("Idempotency-Key") != "" {
		v.Error("an Idempotency-Key that nobody gave")
	}
	if len(call.Body) == 0 && m.Body == nil {
		return
	}
	var body any
	if err := json.Unmarshal(call.Body, &body); err != nil {
		v.Fatalf("%v in %s", err, call.Body)
	}
	m.expect(v, "body", body, &m.Body) // fails, too, when the file has no body
	if got := call.Header.Get("Content-Type"); got != "application/json" {
		v.Errorf("Content-Type %q", got)
	}
}

// complaints returns the userErrors of a mutation that was refused after one
// call.
func (m *mutation) complaints(v *virtual, r *reply) any {
	v.Helper()
	r.fails(v)
	r.status(v, http.StatusOK)
	payload := at(v, r.Data, m.field).(map[string]any)
	if len(payload) != 2 {
		v.Errorf("payload %v", payload)
	}
	for name, value := range payload {
		if name != "userErrors" && value != nil {
			v.Errorf("%s is %v beside userErrors", name, value)
		}
	}
	if n := v.sandbox.Count(m.field); n != 1 {
		v.Errorf("%d calls", n)
	}
	return payload["userErrors"]
}

// forbidden checks what a token without the scope, or without approval, gets.
func (m *mutation) forbidden(v *virtual) {
	tokens := map[string]bool{sandbox.TokenReadonly: m.Readonly, sandbox.TokenUnapproved: m.Restricted}
	for token, refused := range tokens {
		if !refused {
			continue
		}
		r := m.run(v, token, m.Input)
		r.fails(v, failed{m.field, "FORBIDDEN"})
		equal(v, "data", r.Data, `{"`+m.field+`":null}`)
		if m.Scopes == nil {
			if got := r.extension(v, m.field, "requiredScopes"); got != nil {
				v.Errorf("requiredScopes is %v", got)
			}
		} else {
			equal(v, "requiredScopes", r.extension(v, m.field, "requiredScopes"), string(m.Scopes))
		}
		if got, _ := r.extension(v, m.field, "restricted").(bool); got != m.Restricted {
			v.Errorf("restricted is %t", got)
		}
		silent(v, "the answer", r.text, "Must have", "commercial approval to use", sandbox.TokenReadonly, sandbox.TokenUnapproved)
	}
}

// TestPatch: a field that is absent does not travel, null travels as null, and
// a value as the partner wants it.
func TestPatch(t *testing.T) {
	t.Parallel()
	text := `"New"`
	type field struct{ name, key, value, sent string } // value and sent as JSON
	people := []field{
		{"email", "email", `"n@example.org"`, `"n@example.org"`},
		{"firstName", "first_name", text, text},
		{"lastName", "last_name", text, text},
		{"externalId", "metadata", `"emr-3"`, `{"id":"emr-3"}`},
	}
	for _, m := range []struct {
		name, id string
		always   [2]string // what the input needs besides, and how it travels
		fields   []field
	}{
		{"updatePatient", sandbox.PatientWithManyPlans, [2]string{}, append([]field{
			{"dateOfBirth", "date_of_birth", `"2001-02-03"`, `"2001-02-03"`},
			{"gender", "gender", `"FEMALE"`, `"female"`},
			{"mobileNumber", "mobile_number", `"+15550100"`, `"+15550100"`},
			{"discount", "discount", `"7.50"`, `"7.50"`},
			{"discount", "discount", `7.5`, `"7.5"`},
			{"discount", "discount", `0`, `"0"`},
			{"mobileNumber", "mobile_number", `""`, `""`},
		}, people...)},
		{"updatePractitioner", sandbox.ColleagueID, [2]string{}, people},
		{"updateStaff", sandbox.StaffID, [2]string{}, people},
		{"updateTreatmentPlan", sandbox.ActivePlan, [2]string{`,"recommendations":[]`, `"recommendations":[]`}, []field{
			{"personalMessage", "personal_message", text, text}, {"externalId", "metadata", `"emr-3"`, `{"id":"emr-3"}`},
		}},
	} {
		sent := func(v *virtual, more string) any {
			v.Helper()
			var in any
			d := json.NewDecoder(strings.NewReader(`{"id":"` + m.id + `"` + m.always[0] + more + `}`))
			d.UseNumber()
			if err := d.Decode(&in); err != nil {
				v.Fatal(err)
			}
			v.sandbox.ResetCalls()
			v.query(`mutation($input: `+strings.ToUpper(m.name[:1])+m.name[1:]+`Input!) { `+m.name+`(input: $input) { userErrors { message } } }`, "input", in).fails(v)
			var body any
			if err := json.Unmarshal(v.written(m.name).Body, &body); err != nil {
				v.Fatal(err)
			}
			return body
		}
		body := func(part string) string {
			parts := []string{}
			for _, p := range []string{m.always[1], part} {
				if p != "" {
					parts = append(parts, p)
				}
			}
			return `{` + strings.Join(parts, ",") + `}`
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				equal(v, "absent", sent(v, ""), body(""))
				for _, f := range m.fields {
					equal(v, f.name+" as a value", sent(v, `,"`+f.name+`":`+f.value), body(`"`+f.key+`":`+f.sent))
					null := `null`
					if f.name == "externalId" {
						null = `{"id":null}`
					}
					equal(v, f.name+" as null", sent(v, `,"`+f.name+`":null`), body(`"`+f.key+`":`+null))
				}
			})
		})
	}
	t.Run("VariablesOfSingleFields", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			const query = `mutation($first: String, $phone: String) { updatePatient(input: {id: "` + sandbox.PatientWithManyPlans + `", firstName: $first, mobileNumber: $phone, gender: null, discount: 1.25}) { userErrors { message } } }`
			v.query(query, "phone", nil).fails(v)
			var body any
			if err := json.Unmarshal(v.written("updatePatient").Body, &body); err != nil {
				v.Fatal(err)
			}
			equal(v, "a variable that is absent, and one that is null", body, `{"mobile_number":null,"gender":null,"discount":"1.25"}`)
		})
	})
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	const plan = `mutation($key: String, $units: Int = 1) {
		createTreatmentPlan(input: {
			patientId: "` + sandbox.PatientWithNoPlans + `", state: DRAFT, idempotencyKey: $key,
			recommendations: [{variantId: "` + sandbox.VariantID + `", unitsToPurchase: $units}]
		}) { treatmentPlan { id } userErrors { code message } }
	}`
	const order = `mutation($key: String) {
		createFulfillmentOrder(input: {
			shippingMethod: "Standard", lineItems: [{sku: "` + sandbox.SKU + `", quantity: 1}], shippingAddress: {phone: "1"}, idempotencyKey: $key
		}) { fulfillmentOrder { id } userErrors { message } }
	}`
	plans := func(v *virtual) any {
		v.Helper()
		return at(v, v.query(`{ patient(id: "`+sandbox.PatientWithNoPlans+`") { treatmentPlans { totalCount } } }`).Data, "patient.treatmentPlans.totalCount")
	}
	bubble := func(name string, test func(v *virtual)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, test)
		})
	}
	bubble("OfAPlan", func(v *virtual) {
		first, again := v.query(plan, "key", "a key/1"), v.query(plan, "key", "a key/1")
		first.fails(v)
		again.fails(v)
		id := at(v, first.Data, "createTreatmentPlan.treatmentPlan.id")
		if id == nil || at(v, again.Data, "createTreatmentPlan.treatmentPlan.id") != id {
			v.Errorf("%s and %s", first.text, again.text)
		}
		if n := plans(v); n != 1.0 {
			v.Errorf("%v plans", n)
		}
		for _, call := range v.sandbox.Calls() {
			if got := call.Header.Get("Idempotency-Key"); (got == "a key/1") != (call.Operation == "createTreatmentPlan") {
				v.Errorf("%s with Idempotency-Key %q", call.Operation, got)
			}
			if strings.Contains(string(call.Body), "a key") {
				v.Errorf("the key is in the body: %s", call.Body)
			}
		}
		silent(v, "the log", v.log.String(), "a key")
	})
	bubble("OfAPlanWithOtherContent", func(v *virtual) {
		v.query(plan, "key", "k").fails(v)
		r := v.query(plan, "key", "k", "units", 2)
		r.fails(v)
		equal(v, "payload", at(v, r.Data, "createTreatmentPlan"), `{"treatmentPlan":null,"userErrors":[{"code":"INVALID","message":"Idempotency-Key was already used with another request"}]}`)
	})
	bubble("OfAnOrder", func(v *virtual) {
		query := order
		first, again := v.query(query, "key", "k"), v.query(query, "key", "k")
		id := at(v, first.Data, "createFulfillmentOrder.fulfillmentOrder.id")
		if id == nil || at(v, again.Data, "createFulfillmentOrder.fulfillmentOrder.id") != id {
			v.Errorf("%s and %s", first.text, again.text)
		}
		for _, call := range v.sandbox.Calls() {
			if got := call.Header.Get("Idempotency-Key"); call.Operation == "createFulfillmentOrder" && got != "k" {
				v.Errorf("Idempotency-Key %q", got)
			}
		}
	})
	bubble("NoneIsNone", func(v *virtual) {
		v.query(plan).fails(v)
		v.query(plan, "key", nil).fails(v)
		if n := plans(v); n != 2.0 {
			v.Errorf("%v plans", n)
		}
		for _, call := range v.sandbox.Calls() {
			if len(call.Header.Values("Idempotency-Key")) > 0 {
				v.Errorf("%s has one", call.Operation)
			}
		}
	})
	bubble("ThatCannotTravel", func(v *virtual) {
		for _, key := range []string{"a\nb", "a\r\nX-Other: b", "a\x00b", "a\tb", "", " ", " a", "a ", "schl\u00fcssel", strings.Repeat("k", 256)} {
			for field, query := range map[string]string{"createTreatmentPlan": plan, "createFulfillmentOrder": order} {
				v.sandbox.ResetCalls()
				r := v.query(query, "key", key)
				r.fails(v, failed{field, "BAD_USER_INPUT"})
				if !strings.Contains(r.Errors[0].Message, "idempotencyKey") {
					v.Errorf("message %q", r.Errors[0].Message)
				}
				if n := v.sandbox.Count(""); n != 0 {
					v.Errorf("%d calls with the key %q", n, key)
				}
			}
		}
	})
	bubble("LostAnswer", func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Operation: "createTreatmentPlan", Truncate: true, Times: 1})
		r := v.query(plan, "key", "k")
		r.fails(v, failed{"createTreatmentPlan", "UPSTREAM_ERROR"})
		if got := r.extension(v, "createTreatmentPlan", "outcome"); got != "unknown" {
			v.Errorf("outcome is %v", got)
		}
		v.query(plan, "key", "k").fails(v)
		if n := plans(v); n != 1.0 {
			v.Errorf("%v plans", n)
		}
	})
}

func TestStateOfANewPlanIsAskedFor(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		for query, code := range map[string]string{
			`mutation { a: createPatient(input: {email: "a@example.org", firstName: "A", lastName: "B"}) { patient { id } } createTreatmentPlan(input: {patientId: "x", recommendations: []}) { treatmentPlan { id } } }`: "GRAPHQL_VALIDATION_FAILED",
			`mutation { createTreatmentPlan(input: {patientId: "x", state: null}) { treatmentPlan { id } } }`:                                                                                                             "GRAPHQL_VALIDATION_FAILED",
			`mutation { createTreatmentPlan(input: {patientId: "x", state: CANCELLED}) { treatmentPlan { id } } }`:                                                                                                        "GRAPHQL_VALIDATION_FAILED",
		} {
			r := v.query(query)
			r.fails(v, failed{"", code})
			r.status(v, http.StatusBadRequest)
			if !strings.Contains(strings.ToLower(r.text), "state") {
				v.Errorf("it does not say what is missing: %s", r.text)
			}
			if r.hasData(v) {
				v.Errorf("there is data: %s", r.text)
			}
		}
		r := v.query(`mutation($input: CreateTreatmentPlanInput!) { createTreatmentPlan(input: $input) { treatmentPlan { id } } }`, "input", map[string]any{"patientId": sandbox.PatientWithNoPlans})
		r.status(v, http.StatusBadRequest)
		r.fails(v, failed{"", "BAD_USER_INPUT"})
		if n := v.sandbox.Count(""); n != 0 {
			v.Errorf("%d calls", n)
		}
	})
}

func TestSelectionOfAPayload(t *testing.T) {
	t.Parallel()
	bubble := func(name string, test func(v *virtual)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, test)
		})
	}
	bubble("NestedLinks", func(v *virtual) {
		variants := variantsOf(v, sandbox.PlanWithLabs)[:3]
		var lines []any
		for _, id := range append(variants, variants[0]) { // one of them twice
			lines = append(lines, map[string]any{"variantId": id, "unitsToPurchase": 1})
		}
		v.sandbox.ResetCalls()
		r := v.query(`mutation($input: CreateTreatmentPlanInput!) { createTreatmentPlan(input: $input) {
			treatmentPlan { recommendations { variant { product { name } } } patient { firstName } } userErrors { message } } }`,
			"input", map[string]any{"patientId": sandbox.PatientWithNoPlans, "state": "ACTIVE", "recommendations": lines})
		r.fails(v)
		equal(v, "payload", at(v, r.Data, "createTreatmentPlan"), `{"treatmentPlan":{"recommendations":[`+
			strings.Repeat(`{"variant":{"product":{"name":"*"}}},`, 3)+`{"variant":{"product":{"name":"*"}}}],"patient":{"firstName":"*"}},"userErrors":[]}`)
		if n := v.sandbox.Count(""); n != 1+3+1 || v.sandbox.Count("getVariant") != 3 || v.sandbox.Count("getPatient") != 1 {
			v.Errorf("%d calls, want the plan, 3 variants and the patient:\n%s", n, routes(v.sandbox))
		}
	})
	bubble("IdsOfLinksAreFree", func(v *virtual) {
		v.query(`mutation { cancelTreatmentPlan(input: {id: "` + sandbox.ActivePlan + `"}) { treatmentPlan { patient { id } practitioner { id } recommendations { variant { id } } } } }`).fails(v)
		if n := v.sandbox.Count(""); n != 1 {
			v.Errorf("%d calls:\n%s", n, routes(v.sandbox))
		}
	})
	bubble("ListsOfTheRecord", func(v *virtual) {
		r := v.query(`mutation { updatePatient(input: {id: "` + sandbox.PatientWithManyPlans + `", firstName: "Ada"}) { patient { treatmentPlans(first: 2) { nodes { id patient { firstName } } totalCount } } } }`)
		r.fails(v)
		equal(v, "plans", at(v, r.Data, "updatePatient.patient.treatmentPlans"), `{"nodes":[{"id":"*","patient":{"firstName":"Ada"}},{"id":"*","patient":{"firstName":"Ada"}}],"totalCount":60}`)
		if n := v.sandbox.Count(""); n != 2 {
			v.Errorf("%d calls, want the write and the list: what was written is known:\n%s", n, routes(v.sandbox))
		}
	})
	bubble("LinkOfADynamicLink", func(v *virtual) {
		r := v.query(`mutation { createDraftTreatmentPlanLink(input: {treatmentPlan: {practitionerId: "` + sandbox.PractitionerID + `"}, patient: {email: "zoe@example.org", firstName: "Zoe", lastName: "New"}}) {
			dynamicLink { treatmentPlan { state source } patient { firstName externalId } } } }`)
		r.fails(v)
		equal(v, "link", at(v, r.Data, "createDraftTreatmentPlanLink.dynamicLink"), `{"treatmentPlan":{"state":"DRAFT","source":"dynamic_link"},"patient":{"firstName":"Zoe","externalId":null}}`)
		if n := v.sandbox.Count(""); n != 3 {
			v.Errorf("%d calls, want the link, the plan and the patient:\n%s", n, routes(v.sandbox))
		}
	})
	bubble("FailureBelowAWriteThatWorked", func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Status: 500})
		r := v.query(`mutation { cancelTreatmentPlan(input: {id: "` + sandbox.ActivePlan + `"}) { treatmentPlan { state patient { firstName } } userErrors { message } } }`)
		r.fails(v, failed{"cancelTreatmentPlan.treatmentPlan.patient.firstName", "UPSTREAM_ERROR"})
		equal(v, "data", r.Data, `{"cancelTreatmentPlan":{"treatmentPlan":{"state":"CANCELLED","patient":{"firstName":null}},"userErrors":[]}}`)
		if r.extension(v, "cancelTreatmentPlan.treatmentPlan.patient.firstName", "outcome") != nil {
			v.Error("a read has an outcome")
		}
	})
	bubble("FragmentsAndAliases", func(v *virtual) {
		r := v.query(`mutation { gone: cancelTreatmentPlan(input: {id: "` + sandbox.ActivePlan + `"}) { ...p errors: userErrors { message } } }
			fragment p on CancelTreatmentPlanPayload { plan: treatmentPlan { ... on TreatmentPlan { who: practitioner { name: firstName } } } }`)
		r.fails(v)
		equal(v, "data", r.Data, `{"gone":{"plan":{"who":{"name":"*"}},"errors":[]}}`)
		if n := v.sandbox.Count(""); n != 2 {
			v.Errorf("%d calls:\n%s", n, routes(v.sandbox))
		}
	})
}

// variantsOf gives the distinct variants that a plan recommends.
func variantsOf(v *virtual, plan string) (out []string) {
	v.Helper()
	seen := map[string]bool{}
	for _, line := range list(v, v.query(`{ treatmentPlan(id: "`+plan+`") { recommendations { variant { fullscriptId } } } }`).Data, "treatmentPlan.recommendations") {
		if id := at(v, line, "variant.fullscriptId").(string); !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

func TestSeveralMutations(t *testing.T) {
	t.Parallel()
	bubble := func(name string, test func(v *virtual)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, test)
		})
	}
	const patient = sandbox.PatientWithManyPlans
	words := func(alias, plan, message string) string {
		return alias + `: updateTreatmentPlan(input: {id: "` + plan + `", personalMessage: "` + message + `", recommendations: []}) { treatmentPlan { personalMessage patient { firstName } } } `
	}
	rename := func(alias, name string) string {
		return alias + `: updatePatient(input: {id: "` + patient + `", firstName: "` + name + `"}) { patient { firstName treatmentPlans(first: 1) { nodes { patient { firstName } } } } userErrors { message } } `
	}
	bubble("RunInOrder", func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Operation: "updatePatient", Times: 1, Latency: time.Second}) // the first is the slowest
		v.query(`mutation { ` + rename("a", "Ada") + words("b", sandbox.ActivePlan, "b") + rename("c", "Cleo") + `}`).fails(v)
		var order []string
		for _, call := range v.sandbox.Calls() {
			if call.Method != http.MethodGet {
				order = append(order, call.Operation)
			}
		}
		if got := fmt.Sprint(order); got != "[updatePatient updateTreatmentPlan updatePatient]" {
			v.Errorf("order %s", got)
		}
	})
	bubble("TheSecondSeesTheFirst", func(v *virtual) {
		r := v.query(`mutation { ` + rename("a", "Ada") + words("b", sandbox.ActivePlan, "b") + `}`)
		r.fails(v)
		if got := at(v, r.Data, "b.treatmentPlan.patient.firstName"); got != "Ada" {
			v.Errorf("the second read %v", got)
		}
	})
	bubble("NothingIsServedStale", func(v *virtual) {
		before := at(v, v.query(`{ patient(id: "`+patient+`") { firstName } }`).Data, "patient.firstName")
		v.sandbox.ResetCalls()
		r := v.query(`mutation { ` + words("a", sandbox.ActivePlan, "a") + rename("b", "Ada") + words("c", sandbox.ActivePlan, "c") + rename("d", "Dora") + words("e", sandbox.DraftPlan, "e") + `}`)
		r.fails(v)
		for path, want := range map[string]any{
			"a.treatmentPlan.patient.firstName": before, "b.patient.firstName": "Ada", "b.patient.treatmentPlans.nodes.0.patient.firstName": "Ada",
			"c.treatmentPlan.patient.firstName": "Ada", "c.treatmentPlan.personalMessage": "c",
			"d.patient.firstName": "Dora", "d.patient.treatmentPlans.nodes.0.patient.firstName": "Dora", "e.treatmentPlan.patient.firstName": "Dora",
		} {
			if got := at(v, r.Data, path); got != want {
				v.Errorf("%s is %v, want %v", path, got, want)
			}
		}
		if n := v.sandbox.Count("getPatient"); n != 3 {
			v.Errorf("the patient was read %d times, want once for each of a, c and e", n)
		}
	})
	bubble("OneFailureLosesNoOther", func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Operation: "updateTreatmentPlan", Status: 500})
		v.sandbox.AddFault(sandbox.Fault{Operation: "createStaff", Status: 403})
		r := v.query(`mutation { ` + rename("a", "Ada") + words("b", sandbox.ActivePlan, "b") + `c: cancelTreatmentPlan(input: {id: "none"}) { treatmentPlan { id } userErrors { code } } ` +
			`d: createStaff(input: {email: "d@example.org", firstName: "D", lastName: "D"}) { staff { id } } ` + rename("e", "Eve") + `}`)
		r.status(v, http.StatusOK)
		r.fails(v, failed{"b", "UPSTREAM_ERROR"}, failed{"d", "FORBIDDEN"})
		equal(v, "c", r.Data["c"], `{"treatmentPlan":null,"userErrors":[{"code":"NOT_FOUND"}]}`)
		for path, want := range map[string]any{"a.patient.firstName": "Ada", "b": nil, "d": nil, "e.patient.firstName": "Eve"} {
			if got := at(v, r.Data, path); got != want {
				v.Errorf("%s is %v, want %v", path, got, want)
			}
		}
	})
	bubble("RefusedTogether", func(v *virtual) {
		r := v.as(sandbox.TokenReadonly, `mutation { `+rename("a", "Ada")+words("b", sandbox.ActivePlan, "b")+`}`)
		r.fails(v, failed{"a", "FORBIDDEN"}, failed{"b", "FORBIDDEN"})
		equal(v, "data", r.Data, `{"a":null,"b":null}`)
	})
}

// TestOutcomeUnknown: a write whose answer never came may have happened, says
// so, and is not sent again.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	const plan = `mutation {
		createTreatmentPlan(input: {
			patientId: "` + sandbox.PatientWithNoPlans + `", state: ACTIVE, recommendations: [{variantId: "` + sandbox.VariantID + `", unitsToPurchase: 1}]
		}) { treatmentPlan { id } userErrors { message } }
	}`
	const count = `{ patient(id: "` + sandbox.PatientWithNoPlans + `") { treatmentPlans { totalCount } } }`
	for _, c := range []struct {
		name  string
		fault sandbox.Fault
		code  string
		plans float64 // that there are afterwards
	}{
		{"HangAfterHandling", sandbox.Fault{Hang: true, AfterHandling: true}, "UPSTREAM_TIMEOUT", 1},
		{"HangBeforeHandling", sandbox.Fault{Hang: true}, "UPSTREAM_TIMEOUT", 0},
		{"ResetAfterHandling", sandbox.Fault{Reset: true, AfterHandling: true}, "UPSTREAM_UNAVAILABLE", 1},
		{"ResetBeforeHandling", sandbox.Fault{Reset: true}, "UPSTREAM_UNAVAILABLE", 0},
		{"Truncated", sandbox.Fault{Truncate: true}, "UPSTREAM_ERROR", 1},
		{"Status500", sandbox.Fault{Status: 500, AfterHandling: true}, "UPSTREAM_ERROR", 1},
		{"Status502", sandbox.Fault{Status: 502, AfterHandling: true}, "UPSTREAM_UNAVAILABLE", 1},
		{"Status503", sandbox.Fault{Status: 503}, "UPSTREAM_UNAVAILABLE", 0},
		{"Status504", sandbox.Fault{Status: 504, AfterHandling: true}, "UPSTREAM_UNAVAILABLE", 1},
		{"Redirect", sandbox.Fault{Status: 303, Header: http.Header{"Location": {"/api/clinic"}}, AfterHandling: true}, "UPSTREAM_ERROR", 1},
		{"BadJSON", sandbox.Fault{Status: 201, Body: `{"treatment_plan":`, AfterHandling: true}, "UPSTREAM_ERROR", 1},
		{"EmptyObject", sandbox.Fault{Status: 201, Body: `{}`, AfterHandling: true}, "UPSTREAM_ERROR", 1},
		{"HTML", sandbox.Fault{Status: 200, Body: `<html>`, AfterHandling: true}, "UPSTREAM_ERROR", 1},
	} {
		for _, warm := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/OnAWarmConnection=%t", c.name, warm), func(t *testing.T) {
				t.Parallel()
				virtually(t, config(), sandbox.Options{}, func(v *virtual) {
					if warm {
						v.query(count).fails(v)
						v.sandbox.ResetCalls()
					}
					fault := c.fault
					fault.Operation = "createTreatmentPlan"
					v.sandbox.AddFault(fault)
					begin := time.Now()
					r := v.query(plan)
					if took := time.Since(begin); c.fault.Hang && took != config().CallTimeout {
						v.Errorf("took %v", took)
					}
					r.status(v, http.StatusOK)
					r.fails(v, failed{"createTreatmentPlan", c.code})
					equal(v, "data", r.Data, `{"createTreatmentPlan":null}`)
					if got := r.extension(v, "createTreatmentPlan", "outcome"); got != "unknown" {
						v.Errorf("outcome is %v", got)
					}
					if !strings.Contains(r.Errors[0].Message, "may have been carried out") {
						v.Errorf("message %q", r.Errors[0].Message)
					}
					v.written("createTreatmentPlan")
					v.sandbox.ClearFaults()
					if n := at(v, v.query(count).Data, "patient.treatmentPlans.totalCount"); n != c.plans {
						v.Errorf("%v plans, want %v", n, c.plans)
					}
				})
			})
		}
	}
	known := map[string]sandbox.Fault{
		"Status401": {Status: 401}, "Status403": {Status: 403}, "Status429": {Status: 429}, "Status413": {Status: 413},
	}
	for name, fault := range known {
		t.Run(name+"IsKnown", func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				fault.Operation = "createTreatmentPlan"
				v.sandbox.AddFault(fault)
				if got := v.query(plan).extension(v, "createTreatmentPlan", "outcome"); got != nil {
					v.Errorf("outcome is %v", got)
				}
			})
		})
	}
	t.Run("TheOperationsTimeWasOver", func(t *testing.T) {
		t.Parallel()
		settings := config()
		settings.OperationTimeout = time.Second
		virtually(t, settings, sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "createTreatmentPlan", Hang: true, AfterHandling: true})
			r := v.query(plan[:len(plan)-1] + ` after: cancelTreatmentPlan(input: {id: "` + sandbox.ActivePlan + `"}) { userErrors { message } } }`)
			r.fails(v, failed{"createTreatmentPlan", "UPSTREAM_TIMEOUT"}, failed{"after", "UPSTREAM_TIMEOUT"})
			if got := r.extension(v, "createTreatmentPlan", "outcome"); got != "unknown" {
				v.Errorf("outcome is %v", got)
			}
			if got := r.extension(v, "after", "outcome"); got != nil || v.sandbox.Count("cancelTreatmentPlan") != 0 {
				v.Errorf("outcome is %v of a write that was never sent", got)
			}
		})
	})
	t.Run("TheClientLeft", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "createTreatmentPlan", Hang: true, AfterHandling: true})
			ctx, leave := context.WithTimeout(v.Context(), time.Second) // of the bubble
			defer leave()
			v.postAs(ctx, requestBody(v, plan))
			v.written("createTreatmentPlan")
			v.sandbox.ClearFaults()
			if n := at(v, v.query(count).Data, "patient.treatmentPlans.totalCount"); n != 1.0 {
				v.Errorf("%v plans", n)
			}
		})
	})
}
