package tests

import (
	"fmt"
	"strings"
	"testing"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

func federated(t testing.TB) *harness {
	t.Helper()
	c := config()
	c.Federation = true
	return startWith(t, c, sandbox.Options{})
}

func representation(typ, key, id string) map[string]any {
	return map[string]any{"__typename": typ, key: id}
}

// TestEntities: what a router asks takes the calls that nodes would, and each representation
// has its own place and its own error.
func TestEntities(t *testing.T) {
	t.Parallel()
	h := federated(t)
	const query = `query Route__calendar__0($representations: [_Any!]!) { _entities(representations: $representations) { __typename ... on Patient { firstName } ... on Practitioner { lastName } } }`
	a := h.as(sandbox.TokenPractitioner, query, "representations", []any{
		representation("Patient", "id", "Patient:"+sandbox.PatientWithManyPlans),
		representation("Patient", "fullscriptId", sandbox.PatientWithManyPlans), // the same
		representation("Practitioner", "fullscriptId", sandbox.PractitionerID),
		representation("Practitioner", "fullscriptId", sandbox.ColleagueID),
		representation("Patient", "id", "Variant:"+sandbox.VariantID), // of another type
		representation("Patient", "fullscriptId", sandbox.OtherClinicPatient),
		map[string]any{"__typename": "Patient"},
		map[string]any{"id": "1"},
		representation("Nothing", "id", "1"),
	})
	equal(t, "entities", a.Data["_entities"], `[{"__typename":"Patient","firstName":"Valentina"},{"__typename":"Patient","firstName":"Valentina"},`+
		`{"__typename":"Practitioner","lastName":"Achterberg"},{"__typename":"Practitioner","lastName":"Yamamoto"},null,null,null,null,null]`)
	var at []string
	for _, e := range a.Errors {
		at = append(at, fmt.Sprint(e.Path, e.Extensions["code"]))
	}
	want := "[_entities 4]BAD_USER_INPUT [_entities 6]BAD_USER_INPUT [_entities 7]BAD_USER_INPUT [_entities 8]BAD_USER_INPUT"
	if got := strings.Join(at, " "); got != want {
		t.Errorf("errors are\n%s\nwant\n%s", got, want)
	}
	// Two patients, one of whom is another clinic's, and the list that both practitioners are in.
	if n := h.sandbox.Count(""); n != 3 {
		t.Errorf("%d calls:\n%s", n, routes(h.sandbox))
	}
}

// TestEntitiesWithoutVariables: literals, aliases and several fields.
func TestEntitiesWithoutVariables(t *testing.T) {
	t.Parallel()
	h := federated(t)
	data := h.query(`{
		_entities(representations: [{__typename: "Patient", id: "` + sandbox.PatientWithManyPlans + `"}]) { ... on Patient { firstName } }
		more: _entities(representations: [{__typename: "Variant", fullscriptId: "` + sandbox.VariantID + `"}]) { ... on Variant { sku } }
	}`)
	equal(t, "answer", data, `{"_entities":[{"firstName":"Valentina"}],"more":[{"sku":"`+sandbox.SKU+`"}]}`)
	// Two fields may have one variable.
	equal(t, "answer", h.query(`query($r: [_Any!]!) {
		_entities(representations: $r) { ... on Patient { firstName } }
		again: _entities(representations: $r) { ... on Patient { lastName } }
	}`, "r", []any{representation("Patient", "fullscriptId", sandbox.PatientWithManyPlans)}),
		`{"_entities":[{"firstName":"Valentina"}],"again":[{"lastName":"Vandermeer"}]}`)
	// What else is in the document stays what it is.
	data = h.query(`query($no: Boolean = false) {
		_entities(representations: []) { __typename }
		... on Query @skip(if: $no) { searchPatients(query: "caf\u00e9 \"x\" \\ 🎉") { ...Count } }
		odd: searchPatients(query: """a "block" \""" of text""", first: 1) { ...Count @include(if: true) }
	}
	fragment Count on PatientConnection { totalCount }`)
	equal(t, "answer", data, `{"_entities":[],"searchPatients":{"totalCount":0},"odd":{"totalCount":0}}`)
	if asked := h.sandbox.Calls(); !strings.Contains(asked[len(asked)-2].Query+asked[len(asked)-1].Query, "%F0%9F%8E%89") {
		t.Errorf("the partner was asked %v", asked)
	}
	for _, query := range []string{
		`{ _entities { __typename } }`,
		`query($r: [ID!]!) { _entities(representations: $r) { __typename } }`,
		`{ _entities(representations: $nothing) { __typename } }`,
		`mutation { _entities(representations: []) { __typename } }`,
		`{ _service { nothing } more: _service { sdl } }`,
	} {
		if a := h.as(sandbox.TokenPractitioner, query, "r", []any{}); len(a.Errors) == 0 || a.Data != nil {
			t.Errorf("%s: %v", query, a.Data)
		}
	}
}

// TestService: the SDL is told to those who may introspect, and to nobody without --federation.
func TestService(t *testing.T) {
	t.Parallel()
	const query = `query __ApolloGetServiceDefinition__ { _service { sdl } }`
	if got := at(t, federated(t).query(query), "_service.sdl"); got != gateway.SubgraphSDL() {
		t.Errorf("%v", got)
	}
	c := config()
	c.Federation, c.Introspection = true, "off"
	if a := startWith(t, c, sandbox.Options{}).as(sandbox.TokenPractitioner, query); a.Data != nil || a.Errors[0].Extensions["code"] != "FORBIDDEN" {
		t.Errorf("%v %v", a.Data, a.Errors)
	}
	if a := start(t).as(sandbox.TokenPractitioner, query); a.Data != nil || a.Errors[0].Extensions["code"] != "GRAPHQL_VALIDATION_FAILED" {
		t.Errorf("%v %v", a.Data, a.Errors)
	}
	if a := federated(t).as("", `{ _entities(representations: []) { __typename } }`); a.Errors[0].Extensions["code"] != "UNAUTHENTICATED" {
		t.Errorf("%v %v", a.Data, a.Errors)
	}
}
