package tests

import (
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestArgumentsThatMeanNothing: what would have to be guessed is refused, names
// what to do, and costs no call for the list.
func TestArgumentsThatMeanNothing(t *testing.T) {
	t.Parallel()
	h := start(t)
	const list = `{ nodes { id } totalCount }`
	for _, c := range []struct {
		name, query string
		variables   []any
		says        string // of the refusal, "" where the query is answered
	}{
		{"FirstAndLast", `{ list: patients(first: 10, last: 3) ` + list + ` }`, nil, "first and last cannot be used together"},
		{"FirstAndLastOfNothing", `{ list: products(first: 0, last: 0) ` + list + ` }`, nil, "first and last cannot be used together"},
		{"FirstAndLastAsVariables", `query($f: Int, $l: Int = 2) { list: brands(first: $f, last: $l) ` + list + ` }`, []any{"f", 1}, "first and last cannot be used together"},
		{"FirstAndLastInALink", `{ patient(id: "` + sandbox.PatientWithManyPlans + `") { list: treatmentPlans(first: 1, last: 1) ` + list + ` } }`, nil, "first and last cannot be used together"},
		{"FirstAndLastOfTheCountAlone", `{ list: orders(first: 1, last: 1) { totalCount } }`, nil, "first and last cannot be used together"},
		{"FirstAndLastThatIsNull", `{ list: patients(first: 1, last: null) ` + list + ` }`, nil, ""},
		{"LastAndFirstThatIsNotGiven", `query($f: Int) { list: patients(first: $f, last: 1) ` + list + ` }`, nil, ""},
		{"ExternalIDAndTypeMissing", `{ list: recordsByExternalId ` + list + ` }`, nil, "give externalId, type or both"},
		{"ExternalIDAndTypeNull", `{ list: recordsByExternalId(externalId: null, type: null) ` + list + ` }`, nil, "give externalId, type or both"},
		{"ExternalIDNotGiven", `query($e: ID) { list: recordsByExternalId(externalId: $e, first: 2) ` + list + ` }`, nil, "give externalId, type or both"},
		{"ExternalIDEmpty", `{ list: recordsByExternalId(externalId: "") ` + list + ` }`, nil, "externalId is empty"},
		{"ExternalIDBlank", `{ list: recordsByExternalId(externalId: "  ", type: PATIENT) ` + list + ` }`, nil, "externalId is empty"},
		{"ExternalID", `{ list: recordsByExternalId(externalId: "` + sandbox.SharedExternalID + `") ` + list + ` }`, nil, ""},
		{"ExternalIDType", `{ list: recordsByExternalId(type: PATIENT) ` + list + ` }`, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.sandbox.ResetCalls()
			a := h.as(sandbox.TokenPractitioner, c.query, c.variables...)
			if c.says == "" {
				if len(a.Errors) > 0 || h.sandbox.Count("") != 1 && !strings.Contains(c.query, "last: 1") {
					t.Errorf("%+v with %d calls", a.Errors, h.sandbox.Count(""))
				}
				return
			}
			if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, c.says) {
				t.Fatalf("%+v", a)
			}
			if path := a.Errors[0].Path; len(path) == 0 || path[len(path)-1] != "list" {
				t.Errorf("the path is %v", path)
			}
			if h.sandbox.Count("") != 0 {
				t.Errorf("%d calls", h.sandbox.Count(""))
			}
		})
	}
}

// TestUnknownInputField: the message names the field that was mistyped and its
// type, and nothing of its value.
func TestUnknownInputField(t *testing.T) {
	t.Parallel()
	h := start(t)
	const create = `mutation($input: CreatePatientInput!) { createPatient(input: $input) { patient { id } } }`
	patient := func(more string, value any) map[string]any {
		return map[string]any{"firstName": "Ada", "lastName": "Sample", "email": "ada@example.org", more: value}
	}
	for _, c := range []struct {
		name, query string
		variables   []any
		field, of   string
	}{
		{"Variable", create, []any{"input", patient("fristName", canary)}, "fristName", "CreatePatientInput"},
		{"VariableOfNull", create, []any{"input", patient("dob", nil)}, "dob", "CreatePatientInput"},
		{
			"InAVariable", `mutation($input: CreateGatewayTreatmentPlanLinkInput!) { createGatewayTreatmentPlanLink(input: $input) { __typename } }`,
			[]any{"input", map[string]any{"patient": map[string]any{"town": canary}}},
			"town", "GatewayLinkPatientInput",
		},
		{"Literal", `mutation { createPatient(input: {firstName: "Ada", lastName: "S", email: "a@example.org", fristName: "` + canary + `"}) { patient { id } } }`, nil, "fristName", "CreatePatientInput"},
		{"InALiteral", `mutation { createGatewayTreatmentPlanLink(input: {patient: {town: "` + canary + `"}}) { __typename } }`, nil, "town", "GatewayLinkPatientInput"},
		{"InADefault", `mutation($patient: GatewayLinkPatientInput = {town: "` + canary + `"}) { createGatewayTreatmentPlanLink(input: {patient: $patient}) { __typename } }`, nil, "town", "GatewayLinkPatientInput"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.sandbox.ResetCalls()
			a := h.as(sandbox.TokenPractitioner, c.query, c.variables...)
			if len(a.Errors) == 0 || a.Data != nil || h.sandbox.Count("") != 0 {
				t.Fatalf("%+v with %d calls", a, h.sandbox.Count(""))
			}
			said := a.Errors[0].Message
			if !strings.Contains(said, c.field) || !strings.Contains(said, c.of) || strings.Contains(said, canary) {
				t.Errorf("%s", said)
			}
		})
	}
}
