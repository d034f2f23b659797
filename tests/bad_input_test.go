package tests

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/sandbox"
)

// TestArguments: what a client got wrong is named, and nothing is asked of the
// partner for it.
func TestArguments(t *testing.T) {
	t.Parallel()
	many := strings.TrimSuffix(strings.Repeat(`"Patient:`+sandbox.PatientWithManyPlans+`",`, 101), ",")
	type vars = []any
	for _, c := range []struct {
		name, query string
		variables   vars
		path, code  string // path "" for what is refused before anything runs
		says        string
	}{
		{"IDOfAnotherType", `{ patient(id: "Variant:x") { firstName } }`, nil, "patient", "BAD_USER_INPUT", "the id of a Patient"},
		{"IDOfAnotherTypeInAVariable", `query($id: ID!) { patient(id: $id) { firstName } }`, vars{"id", "Variant:x"}, "patient", "BAD_USER_INPUT", "the id of a Patient"},
		{"IDOfAnotherTypeAsAFilter", `{ orders(patientId: "Variant:x") { nodes { id } } }`, nil, "orders", "BAD_USER_INPUT", "patientId"},
		{"IDOfAnotherTypeInAListOfFilters", `{ searchProducts(ingredientIds: ["Ingredient:a", "Brand:b"]) { nodes { id } } }`, nil, "searchProducts", "BAD_USER_INPUT", "ingredientIds"},
		{"IDOfAnotherTypeInAnInput", `mutation { updatePatient(input: {id: "Variant:x"}) { userErrors { message } } }`, nil, "", "BAD_USER_INPUT", "the id of a Patient"},
		{"IDOfAnotherTypeDeepInAnInput", planOf(`{variantId: "Product:x", unitsToPurchase: 1}`), nil, "", "BAD_USER_INPUT", "the id of a Variant"},
		{"IDOfNeitherKind", `mutation { createSessionGrant(input: {userId: "Patient:x"}) { userErrors { message } } }`, nil, "", "BAD_USER_INPUT", "Practitioner or of a Staff"},
		{"IDWithoutTheID", `{ patient(id: "Patient:") { firstName } }`, nil, "patient", "BAD_USER_INPUT", "empty"},
		{"EmptyID", `{ patient(id: "") { firstName } }`, nil, "patient", "BAD_USER_INPUT", "empty"},

		{"NodeByRawID", `{ node(id: "` + sandbox.PatientWithManyPlans + `") { id } }`, nil, "node", "BAD_USER_INPUT", "global id"},
		{"NodeOfUnknownType", `{ node(id: "Nurse:x") { id } }`, nil, "node", "BAD_USER_INPUT", "global id"},
		{"NodeOfATypeWithoutFetch", `{ node(id: "Address:x") { id } }`, nil, "node", "BAD_USER_INPUT", "global id"},
		{"NodeOfATypeThatIsOnlyListed", `{ node(id: "Address:x") { id } }`, nil, "node", "BAD_USER_INPUT", "global id"},
		{"NodesWithTooMany", `{ nodes(ids: [` + many + `]) { id } }`, nil, "nodes", "BAD_USER_INPUT", "100"},

		{"FirstNegative", `{ patients(first: -1) { nodes { id } } }`, nil, "patients", "BAD_USER_INPUT", "first must not be negative"},
		{"FirstTooLarge", `{ patients(first: 501) { nodes { id } } }`, nil, "patients", "BAD_USER_INPUT", "first must be at most 500"},
		{"FirstTooLargeInAVariable", `query($n: Int) { patients(first: $n) { nodes { id } } }`, vars{"n", 501}, "patients", "BAD_USER_INPUT", "first must be at most 500"},
		{"FirstBeyondAnyInt", `{ patients(first: 99999999999999999999) { nodes { id } } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "32-bit"},
		{"LastNegative", `{ patients(last: -1) { nodes { id } } }`, nil, "patients", "BAD_USER_INPUT", "last must not be negative"},
		{"LastTooLarge", `{ patients(last: 501) { nodes { id } } }`, nil, "patients", "BAD_USER_INPUT", "last must be at most 500"},
		{"OffsetNegative", `{ patients(offset: -1) { nodes { id } } }`, nil, "patients", "BAD_USER_INPUT", "offset must not be negative"},
		{"OffsetWithAfter", `{ patients(offset: 1, after: "AQ") { nodes { id } } }`, nil, "patients", "BAD_USER_INPUT", "offset can be used with first"},
		{"OffsetWithLast", `{ patients(offset: 1, last: 1) { nodes { id } } }`, nil, "patients", "BAD_USER_INPUT", "offset can be used with first"},
		{"OffsetWithBefore", `{ patients(offset: 1, before: "AQ") { nodes { id } } }`, nil, "patients", "BAD_USER_INPUT", "offset can be used with first"},

		{"Date", `{ orders(completedAt: {on: "2026-13-01"}) { nodes { id } } }`, nil, "", "BAD_USER_INPUT", "2026-01-31"},
		{"DateWithATime", `{ orders(completedAt: {on: "2026-01-01T00:00:00Z"}) { nodes { id } } }`, nil, "", "BAD_USER_INPUT", "2026-01-31"},
		{"DateInAVariable", `query($d: Date!) { orders(completedAt: {on: $d}) { nodes { id } } }`, vars{"d", "yesterday"}, "", "BAD_USER_INPUT", "2026-01-31"},
		{"DateInAVariableOfObjectType", `query($f: DateFilter) { orders(completedAt: $f) { nodes { id } } }`, vars{"f", map[string]any{"before": "2026-02-30"}}, "", "BAD_USER_INPUT", "2026-01-31"},
		{"DateInARange", `{ orders(completedAt: {between: {from: "2026-01-01", to: ""}}) { nodes { id } } }`, nil, "", "BAD_USER_INPUT", "2026-01-31"},
		{"DateInAnInput", `mutation { updatePatient(input: {id: "x", dateOfBirth: "31.12.1980"}) { userErrors { message } } }`, nil, "", "BAD_USER_INPUT", "2026-01-31"},
		{"DateThatInjects", `{ orders(completedAt: {on: "2026-01-01&page[size]=1"}) { nodes { id } } }`, nil, "", "BAD_USER_INPUT", "2026-01-31"},
		{"Decimal", `mutation { updatePatient(input: {id: "x", discount: "1e3"}) { userErrors { message } } }`, nil, "", "BAD_USER_INPUT", "24.50"},
		{"DecimalThatIsABoolean", `mutation { updatePatient(input: {id: "x", discount: true}) { userErrors { message } } }`, nil, "", "BAD_USER_INPUT", "24.50"},
		{"DecimalThatIsAnObject", `mutation($d: Decimal) { updatePatient(input: {id: "x", discount: $d}) { userErrors { message } } }`, vars{"d", map[string]any{"a": 1}}, "", "BAD_USER_INPUT", "Decimal"},

		{"DateFilterWithTwoFields", `{ orders(completedAt: {on: "2026-01-01", before: "2026-01-02"}) { nodes { id } } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "exactly one"},
		{"DateFilterWithNone", `{ orders(completedAt: {}) { nodes { id } } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "exactly one"},
		{"DateFilterWithNull", `{ orders(completedAt: {on: null}) { nodes { id } } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "non-null"},
		{"DateFilterWithANullableVariable", `query($d: Date) { orders(completedAt: {on: $d}) { nodes { id } } }`, vars{"d", "2026-01-01"}, "", "GRAPHQL_VALIDATION_FAILED", "non-nullable"},
		{"DateFilterVariableWithTwoFields", `query($f: DateFilter) { orders(completedAt: $f) { nodes { id } } }`, vars{"f", map[string]any{"on": "2026-01-01", "before": "2026-01-02"}}, "", "BAD_USER_INPUT", "exactly one field of DateFilter"},
		{"DateFilterVariableWithNone", `query($f: DateFilter) { orders(completedAt: $f) { nodes { id } } }`, vars{"f", map[string]any{}}, "", "BAD_USER_INPUT", "exactly one field of DateFilter"},
		{"DateFilterVariableWithNull", `query($f: DateFilter!) { orders(completedAt: $f) { nodes { id } } }`, vars{"f", map[string]any{"on": nil}}, "", "BAD_USER_INPUT", "exactly one field of DateFilter"},
		{"DateFilterVariableWithAValueAndNull", `query($f: DateFilter!) { orders(completedAt: $f) { nodes { id } } }`, vars{"f", map[string]any{"on": "2026-01-01", "after": nil}}, "", "BAD_USER_INPUT", "exactly one field of DateFilter"},

		{"UnknownSorting", `{ orders(orderBy: {field: PRICE, direction: ASC}) { nodes { id } } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "OrderSortField"},
		{"UnknownSortingInAVariable", `query($s: OrderSortField!) { orders(orderBy: {field: $s, direction: ASC}) { nodes { id } } }`, vars{"s", "PRICE"}, "", "BAD_USER_INPUT", "OrderSortField"},
		{"SortingAsThePartnerSpellsIt", `query($s: OrderSortField!) { orders(orderBy: {field: $s, direction: ASC}) { nodes { id } } }`, vars{"s", "completed_at"}, "", "BAD_USER_INPUT", "OrderSortField"},
		{"UnknownAsAFilter", `{ recordsByExternalId(type: UNKNOWN) { nodes { id } } }`, nil, "", "BAD_USER_INPUT", "UNKNOWN"},
		{"UnknownInAnInput", `mutation { updatePatient(input: {id: "x", gender: UNKNOWN}) { userErrors { message } } }`, nil, "", "BAD_USER_INPUT", "UNKNOWN"},
		{"UnknownInAVariable", `mutation($g: Gender) { updatePatient(input: {id: "x", gender: $g}) { userErrors { message } } }`, vars{"g", "UNKNOWN"}, "", "BAD_USER_INPUT", "UNKNOWN"},
		{"UnknownInAList", planOf(`{variantId: "v", unitsToPurchase: 1, dosage: {timeOfDay: [MORNING, UNKNOWN]}}`), nil, "", "BAD_USER_INPUT", "UNKNOWN"},

		{"VariableOfAnotherType", `query($n: Int) { patients(first: $n) { nodes { id } } }`, vars{"n", "ten"}, "", "BAD_USER_INPUT", "Int"},
		{"VariableThatIsAFraction", `query($n: Int) { patients(first: $n) { nodes { id } } }`, vars{"n", 1.5}, "", "BAD_USER_INPUT", "Int"},
		{"VariableThatIsAnObject", `query($q: String) { searchPatients(query: $q) { nodes { id } } }`, vars{"q", map[string]any{"a": 1}}, "", "BAD_USER_INPUT", "String"},
		{"VariableMissing", `query($id: ID!) { patient(id: $id) { firstName } }`, nil, "", "BAD_USER_INPUT", "must be given"},
		{"VariableNull", `query($id: ID!) { patient(id: $id) { firstName } }`, vars{"id", nil}, "", "BAD_USER_INPUT", "null"},
		{"VariableWithAnUnknownField", `mutation($i: UpdateStaffInput!) { updateStaff(input: $i) { userErrors { message } } }`, vars{"i", map[string]any{"id": "x", "salary": 1}}, "", "BAD_USER_INPUT", "no field salary"},
		{"VariableWithAMissingField", `mutation($i: CreateStaffInput!) { createStaff(input: $i) { userErrors { message } } }`, vars{"i", map[string]any{"email": "a@example.org", "firstName": "A"}}, "", "BAD_USER_INPUT", "must be given"},
		{"VariableBesideOthersThatAreFine", `query($n: Int) { clinic { name } patients(first: $n) { nodes { id } } }`, vars{"n", "ten"}, "", "BAD_USER_INPUT", "Int"},

		{"Syntax", `{ patients {`, nil, "", "GRAPHQL_PARSE_FAILED", "Expected Name"},
		{"SyntaxAfterTheEnd", `{ clinic { name } } }`, nil, "", "GRAPHQL_PARSE_FAILED", "Unexpected"},
		{"UnknownField", `{ clinic { name salary } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "salary"},
		{"UnknownArgument", `{ patients(limit: 1) { nodes { id } } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "limit"},
		{"LiteralOfAnotherType", `{ patients(first: "1") { nodes { id } } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "Int"},
		{"NoSelection", `{ clinic }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "selection"},
		{"UnknownFragment", `{ clinic { ...nothing } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "nothing"},
		{"NoOperation", `fragment f on Clinic { name }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "operation"},
		{"NothingButSpace", ` `, nil, "", "GRAPHQL_PARSE_FAILED", "Unexpected <EOF>"},
		{"OperationToBeChosen", `query A { clinic { name } } query B { clinic { name } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "operation"},
		{"Subscription", `subscription { clinic { name } }`, nil, "", "GRAPHQL_VALIDATION_FAILED", "ubscription"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, unlimited(), sandbox.Options{}, func(v *virtual) {
				r := v.query(c.query, c.variables...)
				if c.path == "" {
					if r.status(v, http.StatusBadRequest); r.hasData(v) {
						v.Errorf("there is a data entry: %s", r.text)
					}
				} else {
					r.status(v, http.StatusOK)
					equal(v, "data", r.Data, `{"`+c.path+`":null}`)
				}
				if len(r.Errors) > 0 { // the validator may find several things about one mistake
					first := r.Errors[0]
					r.Errors = r.Errors[:1]
					r.fails(v, failed{c.path, c.code})
					if !strings.Contains(first.Message, c.says) {
						v.Errorf("message %q does not say %q", first.Message, c.says)
					}
				} else {
					v.Errorf("no error: %s", r.text)
				}
				if n := v.sandbox.Count(""); n != 0 {
					v.Errorf("%d calls:\n%s", n, routes(v.sandbox))
				}
			})
		})
	}
	t.Run("ErrorNamesTheArgument", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			for query, want := range map[string]string{
				`{ orders(completedAt: {between: {from: "2026-01-01", to: "x"}}) { nodes { id } } }`:         `["completedAt","between","to"]`,
				`mutation { updatePatient(input: {id: "x", gender: UNKNOWN}) { userErrors { message } } }`:   `["input","gender"]`,
				planOf(`{variantId: "v", unitsToPurchase: 1}, {variantId: "Patient:x", unitsToPurchase: 1}`): `["input","recommendations",1,"variantId"]`,
			} {
				r := v.query(query)
				if len(r.Errors) != 1 || r.Errors[0].Path != nil {
					v.Fatal(r.text)
				}
				equal(v, "argument", r.Errors[0].Extensions["argument"], want)
			}
		})
	})
	t.Run("OthersRunBesideABadArgument", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			r := v.query(`{ clinic { fullscriptId } orders(first: -1) { nodes { id } } }`)
			r.fails(v, failed{"orders", "BAD_USER_INPUT"})
			equal(v, "data", r.Data, `{"clinic":{"fullscriptId":"`+sandbox.ClinicID+`"},"orders":null}`)
			if n := v.sandbox.Count(""); n != 1 {
				v.Errorf("%d calls:\n%s", n, routes(v.sandbox))
			}
		})
	})
}

// TestCursors: a cursor is good for the list it came from, sorted and filtered
// as it was, and for nothing else.
func TestCursors(t *testing.T) {
	t.Parallel()
	many, none := sandbox.PatientWithManyPlans, sandbox.PatientWithNoPlans
	cursors := func(v *virtual) (plain, sorted string) {
		v.Helper()
		plans := func(list string) string {
			return at(v, v.query(`{ patient(id: "`+many+`") { treatmentPlans(first: 2`+list+`) { pageInfo { endCursor } } } }`).Data, "patient.treatmentPlans.pageInfo.endCursor").(string)
		}
		plain, sorted = plans(""), plans(", orderBy: {field: UPDATED_AT, direction: DESC}")
		v.sandbox.ResetCalls()
		return plain, sorted
	}
	of := func(id, more string) string {
		return `{ patient(id: "` + id + `") { treatmentPlans(first: 2, ` + more + `) { nodes { id } } } }`
	}
	t.Run("OfItsOwnList", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			plain, sorted := cursors(v)
			for _, query := range []string{
				of(many, `after: "`+plain+`"`), of("Patient:"+many, `before: "`+plain+`"`), of(many, `orderBy: {field: UPDATED_AT, direction: DESC}, after: "`+sorted+`"`),
				`query($after: String) { patient(id: "` + many + `") { treatmentPlans(after: $after, first: 3) { nodes { id } } } }`,
			} {
				v.query(query, "after", plain).fails(v)
			}
		})
	})
	t.Run("OfAnother", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			plain, sorted := cursors(v)
			for name, c := range map[string]struct{ query, path string }{
				"parent":          {of(none, `after: "`+plain+`"`), "patient.treatmentPlans"},
				"list":            {`{ patients(after: "` + plain + `") { nodes { id } } }`, "patients"},
				"sorting":         {of(many, `orderBy: {field: UPDATED_AT, direction: DESC}, after: "`+plain+`"`), "patient.treatmentPlans"},
				"direction":       {of(many, `orderBy: {field: UPDATED_AT, direction: ASC}, after: "`+sorted+`"`), "patient.treatmentPlans"},
				"none":            {of(many, `after: "`+sorted+`"`), "patient.treatmentPlans"},
				"before":          {of(many, `before: "`+sorted+`"`), "patient.treatmentPlans"},
				"last":            {`{ patient(id: "` + many + `") { treatmentPlans(last: 2, before: "` + sorted + `") { nodes { id } } } }`, "patient.treatmentPlans"},
				"orders":          {`{ patient(id: "` + many + `") { orders(after: "` + plain + `") { nodes { id } } } }`, "patient.orders"},
				"ordersOfAClient": {`{ orders(patientId: "` + many + `", after: "` + plain + `") { nodes { id } } }`, "orders"},
			} {
				r := v.query(c.query)
				r.fails(v, failed{c.path, "BAD_USER_INPUT"})
				if !strings.Contains(r.text, "cursor of another list") {
					v.Errorf("%s: %s", name, r.text)
				}
			}
			if n := v.sandbox.Count(""); n != 0 {
				v.Errorf("%d calls:\n%s", n, routes(v.sandbox))
			}
		})
	})
	t.Run("OfOtherFilters", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			cursor := at(v, v.query(`{ patients(first: 2, patientType: GUARDIAN) { edges { cursor node { id } } } }`).Data, "patients.edges.1.cursor").(string)
			v.sandbox.ResetCalls()
			for _, filter := range []string{"", "patientType: DEPENDENT, ", "patientType: ALL, "} {
				r := v.query(`{ patients(` + filter + `after: "` + cursor + `") { nodes { id } } }`)
				r.fails(v, failed{"patients", "BAD_USER_INPUT"})
				if !strings.Contains(r.text, "other filters") {
					v.Errorf("%q: %s", filter, r.text)
				}
			}
			if n := v.sandbox.Count(""); n != 0 {
				v.Errorf("%d calls:\n%s", n, routes(v.sandbox))
			}
			v.query(`{ patients(patientType: GUARDIAN, after: "` + cursor + `") { nodes { id } } }`).fails(v)
		})
	})
	t.Run("WithoutItsRow", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			r := v.query(`{ patients(first: 3, offset: 4) { edges { cursor } pageInfo { startCursor endCursor } } }`)
			r.fails(v)
			edges := list(v, r.Data, "patients.edges")
			if len(edges) != 3 || at(v, edges[0], "cursor") != at(v, r.Data, "patients.pageInfo.startCursor") || at(v, edges[2], "cursor") != at(v, r.Data, "patients.pageInfo.endCursor") {
				v.Errorf("3 cursors are wanted: %s", r.text)
			}
		})
	})
	t.Run("Garbage", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			plain, _ := cursors(v)
			raw, err := base64.RawURLEncoding.DecodeString(plain)
			if err != nil {
				v.Fatal(err)
			}
			encoded := base64.RawURLEncoding.EncodeToString
			for _, cursor := range []string{
				"", "x", "2", "AQ", canary, "\u00e4", plain + "=", plain + "A", plain[:len(plain)-1], encoded(raw[:5]),
				encoded(append([]byte{raw[0] + 1}, raw[1:]...)),                            // another version
				encoded(append(slices.Clone(raw[:5]), 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)), // an offset beyond reason
				encoded(append(slices.Clone(raw), 0)),                                      // something behind the offset
				base64.StdEncoding.EncodeToString([]byte("cursor:1")),
			} {
				for _, argument := range []string{"after", "before"} {
					r := v.query(`query($c: String) { patient(id: "`+many+`") { treatmentPlans(`+argument+`: $c) { nodes { id } } } }`, "c", cursor)
					r.fails(v, failed{"patient.treatmentPlans", "BAD_USER_INPUT"})
					if !strings.Contains(r.text, argument+" is not a cursor of this API") {
						v.Errorf("%q: %s", cursor, r.text)
					}
					silent(v, "the answer", r.text, canary)
				}
			}
			if n := v.sandbox.Count(""); n != 0 {
				v.Errorf("%d calls:\n%s", n, routes(v.sandbox))
			}
		})
	})
}

// TestBodies sends what is no GraphQL request at all.
func TestBodies(t *testing.T) {
	t.Parallel()
	query := `{"query":"{ clinic { fullscriptId } }"`
	padded := func(size int64) string { return query + strings.Repeat(" ", int(size)-len(query)-1) + "}" }
	limit := config().MaxBody
	for _, c := range []struct {
		name, body string
		status     int
		says       string
		headers    []string
	}{
		{"Empty", ``, 400, "JSON object", nil},
		{"Null", `null`, 400, "JSON object", nil},
		{"Array", `[` + query + `}]`, 400, "JSON object", nil},
		{"EmptyArray", `[]`, 400, "JSON object", nil},
		{"Number", `7`, 400, "JSON object", nil},
		{"Text", `"{ clinic { name } }"`, 400, "JSON object", nil},
		{"EmptyObject", `{}`, 400, "query", nil},
		{"EmptyQuery", `{"query":""}`, 400, "query", nil},
		{"NullQuery", `{"query":null}`, 400, "query", nil},
		{"QueryOfAnotherType", `{"query":{"a":"` + canary + `"}}`, 400, "query", nil},
		{"VariablesOfAnotherType", query + `,"variables":["` + canary + `"]}`, 400, "JSON object", nil},
		{"OperationNameOfAnotherType", query + `,"operationName":7}`, 400, `"operationName" must be a string`, nil},
		{"Cut", `{"query":"{ clinic { name } }","variables":{"a":"` + canary, 400, "JSON object", nil},
		{"Malformed", `{"query":"{ clinic }" "` + canary + `"}`, 400, "JSON object", nil},
		{"SomethingBehind", query + `}{"` + canary + `":1}`, 400, "JSON object", nil},
		{"RubbishBehind", query + `}` + canary, 400, "JSON object", nil},
		{"Form", `query=` + canary, 415, "Content-Type: application/json", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"TextType", query + `}`, 415, "Content-Type: application/json", []string{"Content-Type", "text/plain"}},
		{"NoType", query + `}`, 415, "Content-Type: application/json", []string{"Content-Type", ""}},
		{"MalformedType", query + `}`, 415, "Content-Type: application/json", []string{"Content-Type", "application/json; " + canary}},
		{"OverTheLimit", padded(limit + 1), 413, fmt.Sprint(limit), nil},
		{"FarOverTheLimit", strings.Repeat(canary, 1<<20), 413, fmt.Sprint(limit), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				r := v.post(c.body, c.headers...)
				r.status(v, c.status)
				r.fails(v, failed{"", "BAD_USER_INPUT"})
				if !strings.Contains(r.Errors[0].Message, c.says) {
					v.Errorf("message %q does not say %q", r.Errors[0].Message, c.says)
				}
				if r.hasData(v) {
					v.Errorf("there is a data entry: %s", r.text)
				}
				if got := r.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
					v.Errorf("Content-Type %q", got)
				}
				silent(v, "answer and log", r.text+v.log.String(), canary)
				if n := v.sandbox.Count(""); n != 0 {
					v.Errorf("%d calls", n)
				}
			})
		})
	}
	t.Run("AtTheLimit", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) { v.post(padded(limit)).fails(v) })
	})
	t.Run("WithWhatIsNotKnown", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.post(" \n" + query + `,"variables":null,"operationName":null,"extensions":{},"id":"7"}` + "\n").fails(v)
		})
	})
	t.Run("OtherMethods", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
				req := httptest.NewRequestWithContext(v.Context(), method, "/graphql", strings.NewReader(query+"}"))
				req.Header.Set("Content-Type", "application/json")
				res := httptest.NewRecorder()
				v.handler.ServeHTTP(res, req)
				r := readReply(v, res.Code, res.Result().Header, res.Body.Bytes())
				r.status(v, http.StatusMethodNotAllowed)
				r.fails(v, failed{"", "BAD_USER_INPUT"})
				if !strings.Contains(r.Header.Get("Allow"), http.MethodPost) {
					v.Errorf("Allow is %q", r.Header.Get("Allow"))
				}
			}
		})
	})
}

// TestAuthorizationHeader speaks plain TCP: no client library would send these.
func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	const bearer = "Authorization: Bearer "
	for _, c := range []struct {
		name, header string // as on the wire, the last line break left out
		status       int
	}{
		{"AsItShouldBe", bearer + sandbox.TokenPractitioner, 200},
		{"SchemeInSmallLetters", "authorization: bearer " + sandbox.TokenPractitioner, 200},
		{"OtherScheme", "Authorization: Basic " + canary, 401},
		{"NoScheme", "Authorization: " + canary, 401},
		{"SchemeAlone", "Authorization: Bearer", 401},
		{"SchemeAndSpace", "Authorization: Bearer ", 401},
		{"EmptyHeader", "Authorization: ", 401},
		{"TwoHeaders", bearer + sandbox.TokenPractitioner + "\r\n" + bearer + canary, 401},
		{"TwoHeadersAlike", bearer + sandbox.TokenPractitioner + "\r\n" + bearer + sandbox.TokenPractitioner, 401},
		{"TwoTokens", bearer + sandbox.TokenPractitioner + " " + canary, 401},
		{"TwoTokensByComma", bearer + sandbox.TokenPractitioner + ", Bearer " + canary, 401},
		{"TwoSpaces", "Authorization: Bearer  " + sandbox.TokenPractitioner, 200},
		{"TabForSpace", "Authorization: Bearer\t" + sandbox.TokenPractitioner, 401},
		{"LineBreakWithin", bearer + sandbox.TokenPractitioner + "\r\n " + canary, 401},
		{"CarriageReturnWithin", bearer + sandbox.TokenPractitioner + "\r" + canary, 400},
		{"NullByteWithin", bearer + "a\x00" + canary, 400},
		{"NotASCII", bearer + "t\u00f6ken-" + canary, 401},
		{"TooLong", bearer + strings.Repeat("a", 4097), 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(h.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			body := `{"query":"{ clinic { fullscriptId } }"}`
			fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n\r\n%s", len(body), c.header, body)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.status {
				t.Errorf("status %d, want %d: %s", res.StatusCode, c.status, text)
			}
			calls := 0
			switch c.status {
			case http.StatusOK:
				calls = 1
			case http.StatusUnauthorized:
				r := readReply(t, res.StatusCode, res.Header, text)
				r.fails(t, failed{"", "UNAUTHENTICATED"})
				if r.hasData(t) || !strings.Contains(r.text, "Authorization") || res.Header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("%v %s", res.Header, text)
				}
			}
			silent(t, "the answer", string(text)+fmt.Sprint(res.Header), canary, sandbox.TokenPractitioner)
			if n := h.sandbox.Count(""); n != calls {
				t.Errorf("%d calls, want %d", n, calls)
			}
		})
	}
}

// TestLog: a line for each request says what it was and how it went, and holds
// nothing of what was asked or answered.
func TestLog(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		line := func(send func()) map[string]any {
			v.Helper()
			v.log.Reset()
			send()
			var entry map[string]any
			if err := json.Unmarshal([]byte(v.log.info()), &entry); err != nil {
				v.Fatalf("%v in %q: one line for each request is wanted", err, v.log.String())
			}
			for name, value := range entry {
				if !slices.Contains([]string{"level", "message", "requestId", "method", "client", "caller", "type", "estimatedCalls", "route", "status", "durationMs", "upstreamCalls", "operation", "codes", "upstreamFailures"}, name) {
					v.Errorf("%s: %v is in the log", name, value)
				}
			}
			return entry
		}
		has := func(entry map[string]any, want string) {
			v.Helper()
			some := map[string]any{}
			for _, name := range []string{"status", "upstreamCalls", "operation", "codes", "upstreamFailures"} {
				if value, there := entry[name]; there {
					some[name] = value
				}
			}
			equal(v, "the line", some, want)
			if _, isNumber := entry["durationMs"].(float64); !isNumber || entry["requestId"] == "" || entry["message"] != "request" {
				v.Errorf("line %v", entry)
			}
		}
		secret := map[string]string{
			"token": sandbox.TokenPractitioner, "variable": "canary-variable", "literal": "canary-literal", "header": "canary-header", "query string": "canary-query", "path": "canary-path", "body": "canary-body",
		}
		everything := ""
		keep := func(entry map[string]any) map[string]any { everything += v.log.String(); return entry }

		has(keep(line(func() {
			v.post(requestBody(v, `query FindPatients($q: String) { searchPatients(query: $q, email: "canary-literal") { nodes { id } } clinic { name } }`, "q", secret["variable"]),
				"User-Agent", secret["header"], "Cookie", "s="+secret["header"], "X-Forwarded-For", secret["header"], "Referer", "https://"+secret["header"]+"/")
		})), `{"status":200,"upstreamCalls":2,"operation":"FindPatients"}`)
		has(keep(line(func() { v.query(`{ __typename }`) })), `{"status":200,"upstreamCalls":0}`)
		has(keep(line(func() { v.as("canary-token", `query Mine { clinic { name } }`) })), `{"status":401,"upstreamCalls":1,"operation":"Mine","codes":["UNAUTHENTICATED"]}`)
		has(keep(line(func() { v.as("", `query Mine { clinic { name } }`) })), `{"status":401,"upstreamCalls":0,"operation":"Mine","codes":["UNAUTHENTICATED"]}`)
		has(keep(line(func() {
			v.post(requestBody(v, `{ clinic { name } }`), "Authorization", "Basic "+secret["header"])
		})), `{"status":401,"upstreamCalls":0,"codes":["UNAUTHENTICATED"]}`)
		has(keep(line(func() { v.post(`{"query":"canary-body`) })), `{"status":400,"upstreamCalls":0,"codes":["BAD_USER_INPUT"]}`)
		has(keep(line(func() { v.query(`{ patients(query: "canary-literal") { nodes { id } } }`) })), `{"status":400,"upstreamCalls":0,"codes":["GRAPHQL_VALIDATION_FAILED"]}`)
		has(keep(line(func() { v.query(`query($n: Int) { patients(first: $n) { nodes { id } } }`, "n", secret["variable"]) })), `{"status":400,"upstreamCalls":0,"codes":["BAD_USER_INPUT"]}`)
		has(keep(line(func() {
			v.query(`query Two { patient(id: "Variant:canary-literal") { firstName } patients(after: "canary-literal") { nodes { id } } }`)
		})), `{"status":200,"upstreamCalls":0,"operation":"Two","codes":["BAD_USER_INPUT"]}`)
		has(keep(line(func() {
			v.query(`mutation Add($email: EmailAddress!) { createPatient(input: {email: $email, firstName: "canary-literal", lastName: "canary-literal"}) { patient { id } userErrors { message } } }`, "email", "canary-variable")
		})), `{"status":200,"upstreamCalls":1,"operation":"Add"}`)

		v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Status: 500, Body: "canary-body", Header: http.Header{"X-Debug": {"canary-header"}}})
		has(keep(line(func() { v.query(`query Fails { patient(id: "canary-literal") { dateOfBirth } }`) })), `{"status":200,"upstreamCalls":1,"operation":"Fails","codes":["UPSTREAM_ERROR"],"upstreamFailures":["500"]}`)
		v.sandbox.ClearFaults()

		for _, target := range []string{"/graphql?query=canary-query&token=canary-query", "/canary-path?a=canary-query"} {
			keep(line(func() {
				req := httptest.NewRequestWithContext(v.Context(), http.MethodGet, target, nil)
				req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
				v.handler.ServeHTTP(httptest.NewRecorder(), req)
				synctest.Wait()
			}))
		}

		var people *reply
		keep(line(func() {
			people = v.query(`query People { patients(first: 5) { nodes { id fullscriptId firstName lastName email dateOfBirth mobileNumber } } }`)
		}))
		for _, row := range list(v, people.Data, "patients.nodes") {
			for _, value := range row.(map[string]any) {
				if text, ok := value.(string); ok {
					silent(v, "the log", everything, text)
				}
			}
		}
		for _, text := range secret {
			silent(v, "the log", everything, text)
		}
		silent(v, "the log", everything, "canary")
	})
}

// TestSettings starts the program with settings that cannot be: each stops it
// with one line that names the setting.
func TestSettings(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "fsgateway")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	inUse := taken.Addr().String()

	flags := func(args ...string) []string { return args }
	for _, c := range []struct {
		name        string
		args        []string
		environment string
		says        []string
		never       string
	}{
		{"UpstreamUnknown", flags("--upstream", "mars"), "", flags("--upstream", `"mars"`, "us-sandbox", "ca", "embedded"), ""},
		{"UpstreamInEnvironment", nil, "FULLSCRIPT_UPSTREAM=mars", flags("--upstream", `"mars"`), ""},
		{"UpstreamOfAnotherScheme", flags("--upstream", "ftp://partner.example/api"), "", flags("--upstream"), ""},
		{"UpstreamWithoutHost", flags("--upstream", "https://"), "", flags("--upstream"), ""},
		{"UpstreamWithAQuery", flags("--upstream", "https://partner.example/api?key=1"), "", flags("--upstream"), ""},
		{"UpstreamWithAPassword", flags("--upstream", "https://user:"+canary+"@partner.example/api"), "", flags("--upstream"), canary},
		{"PublicURL", flags("--public-url", "graphql.example.com"), "", flags("--public-url", "graphql.example.com"), ""},
		{"PublicURLInEnvironment", nil, "GATEWAY_PUBLIC_URL=ftp://x", flags("--public-url", "ftp://x"), ""},
		{"PublicURLWithAQuery", flags("--public-url", "https://example.com?a=1"), "", flags("--public-url"), ""},
		{"MaxBodyNoNumber", flags("--max-body", "big"), "", flags("--max-body", "big"), ""},
		{"MaxBodyWithAUnit", flags("--max-body", "256KiB"), "", flags("--max-body", "256KiB"), ""},
		{"MaxBodyZero", flags("--max-body", "0"), "", flags("--max-body", "less than 1"), ""},
		{"MaxBodyNegative", flags("--max-body=-1"), "", flags("--max-body", "less than 1"), ""},
		{"MaxBodyTooLarge", flags("--max-body", "99999999999999999999"), "", flags("--max-body"), ""},
		{"MaxBodyInEnvironment", nil, "GATEWAY_MAX_BODY=big", flags("--max-body", "big"), ""},
		{"MaxConcurrencyZero", flags("--max-concurrency", "0"), "", flags("--max-concurrency", "less than 1"), ""},
		{"MaxConcurrencyFraction", flags("--max-concurrency", "1.5"), "", flags("--max-concurrency", "1.5"), ""},
		{"MaxConcurrencyInEnvironment", nil, "GATEWAY_MAX_CONCURRENCY=many", flags("--max-concurrency", "many"), ""},
		{"TimeoutWithoutUnit", flags("--operation-timeout", "15"), "", flags("--operation-timeout", "15"), ""},
		{"TimeoutNoDuration", flags("--call-timeout", "soon"), "", flags("--call-timeout", "soon"), ""},
		{"TimeoutZero", flags("--dial-timeout", "0s"), "", flags("--dial-timeout", "greater than zero"), ""},
		{"TimeoutNegative", flags("--operation-timeout=-1s"), "", flags("--operation-timeout", "greater than zero"), ""},
		{"TimeoutInEnvironment", nil, "GATEWAY_CALL_TIMEOUT=5", flags("--call-timeout", "5"), ""},
		{"LogLevel", flags("--log-level", "loud"), "", flags("--log-level", "loud"), ""},
		{"LogLevelInEnvironment", nil, "LOG_LEVEL=loud", flags("--log-level", "loud"), ""},
		{"LogFormat", flags("--log-format", "xml"), "", flags("--log-format", "xml"), ""},
		{"AddrWithoutPort", flags("--addr", "localhost"), "", flags("--addr", "localhost"), ""},
		{"AddrWithAPortThatIsNone", flags("--addr", "127.0.0.1:http-ish"), "", flags("--addr", "http-ish"), ""},
		{"AddrBeyondThePorts", flags("--addr", "127.0.0.1:99999"), "", flags("--addr", "99999"), ""},
		{"AddrInEnvironment", nil, "GATEWAY_ADDR=localhost", flags("--addr", "localhost"), ""},
		{"AddrInUse", flags("--addr", inUse), "", flags("--addr", inUse, "in use"), ""},
		{"AddrInUseForTheSandbox", flags("sandbox", "--addr", inUse), "", flags("--addr", inUse, "in use"), ""},
		{"ClientWithoutSecret", flags("--client-id", "app", "--upstream=us"), "", flags("--client-id", "--client-secret"), ""},
		{"SecretWithoutClient", flags("--upstream=us"), "FULLSCRIPT_CLIENT_SECRET=" + canary, flags("--client-id", "--client-secret"), canary},
		{"SecretFileMissing", flags("--client-id", "app"), "FULLSCRIPT_CLIENT_SECRET_FILE=/nowhere/at/all", flags("FULLSCRIPT_CLIENT_SECRET_FILE", "/nowhere/at/all"), ""},
		{"SignInWithoutTLS", flags("--client-id=app", "--client-secret=app-secret", "--upstream=us", "--public-url=http://graphql.example.com"), "", flags("--public-url", "https"), ""},
		{"RedirectURL", flags("--redirect-url", "/oauth/callback"), "", flags("--redirect-url"), ""},
		{"AuthorizeURL", flags("--authorize-url", "ftp://x"), "", flags("--authorize-url"), ""},
		{"SessionLifetime", flags("--session-lifetime=0s"), "", flags("--session-lifetime", "greater than zero"), ""},
		{"EncryptionKeyShort", nil, "GATEWAY_ENCRYPTION_KEY=" + canary, flags("--encryption-key", "32"), canary},
		{"RedisWithoutKey", nil, "REDIS_URL=redis://127.0.0.1:1", flags("--redis-url", "--encryption-key"), ""},
		{"RedisURL", flags("--redis-url", "http://"+canary), "", flags("--redis-url"), canary},
		{"RedisAway", flags("--encryption-key", strings.Repeat("k", 32)), "REDIS_URL=redis://user:" + canary + "@127.0.0.1:1", flags("--redis-url", "reached"), canary},
		{"UnknownFlag", flags("--max-dept", "7"), "", flags("--max-dept"), ""},
		{"UnknownCommand", flags("server"), "", flags("the commands are serve,"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// What starts all the same is ended, and fails by its exit code.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, binary, c.args...)
			cmd.Env = []string{c.environment}
			if !slices.Contains(c.args, "--addr") && !strings.HasPrefix(c.environment, "GATEWAY_ADDR") {
				cmd.Env = append(cmd.Env, "GATEWAY_ADDR=127.0.0.1:0")
			}
			var out, complaint bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &complaint
			err := cmd.Run()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
				t.Errorf("it ended with %v, want exit code 1", err)
			}
			text := complaint.String()
			if out.Len() > 0 || strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
				t.Errorf("want one line of complaint and nothing else, got %q and %q", text, out.String())
			}
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("%q does not say %q", text, want)
				}
			}
			if c.never != "" {
				silent(t, "the complaint", text, c.never)
			}
		})
	}
}

// planOf creates a plan with these recommendations.
func planOf(recommendations string) string {
	return `mutation { createTreatmentPlan(input: {patientId: "x", state: DRAFT, recommendations: [` + recommendations + `]}) { userErrors { message } } }`
}
