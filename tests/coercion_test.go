package tests

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestRequestErrors: what is wrong with a document or with its variables is
// found before anything runs, without a token, and is said where it is.
func TestRequestErrors(t *testing.T) {
	t.Parallel()
	const (
		patient = `createPatient(input: {email: "a@example.org", firstName: "A", lastName: "B"}) { patient { id } }`
		bad     = `createPatient(input: {email: "a@example.org", firstName: "A", lastName: "B"`
		parse   = "GRAPHQL_PARSE_FAILED"
		invalid = "GRAPHQL_VALIDATION_FAILED"
		input   = "BAD_USER_INPUT"
	)
	for _, c := range []struct {
		name, query, variables string
		code, argument, at     string // argument and at as JSON, "" where they are not looked at
	}{
		{"NullInInclude", `query($f: Boolean = true) { patients(first: 1) @include(if: $f) { totalCount } }`, `{"f":null}`, input, `["variable","f"]`, `[{"line":1,"column":61}]`},
		{"NullInSkip", `query($f: Boolean = false) { clinic { name @skip(if: $f) } }`, `{"f":null}`, input, `["variable","f"]`, ``},
		{"NullAsADefaultInSkip", `query($f: Boolean = null) { clinic { name @skip(if: $f) } }`, ``, invalid, ``, ``},
		{"NullInAFragment", `query($f: Boolean = false) { clinic { ...C } } fragment C on Clinic { name @skip(if: $f) }`, `{"f":null}`, input, `["variable","f"]`, ``},
		{"NullOnAFragment", `query($f: Boolean = false) { clinic { ... @skip(if: $f) { name } } }`, `{"f":null}`, input, `["variable","f"]`, ``},
		{"NullInDefer", `query($f: Boolean = false) { clinic { ... @defer(if: $f) { name } } }`, `{"f":null}`, input, `["variable","f"]`, ``},
		{"NullInAnInput", `mutation($n: String = "A") { a: ` + patient + ` b: createStaff(input: {email: "a@example.org", firstName: $n, lastName: "B"}) { staff { id } } }`, `{"n":null}`, input, `["variable","n"]`, ``},
		{"NullInAList", `query($i: ID = "Patient:x") { nodes(ids: [$i]) { id } }`, `{"i":null}`, input, `["variable","i"]`, ``},
		{"NullAfterAWrite", `mutation($f: Boolean = true) { a: createPatient(input: {email: "a@example.org", firstName: "A", lastName: "B"}) { patient { id firstName @include(if: $f) } } b: ` + patient + `}`, `{"f":null}`, input, ``, ``},

		{"DateAfterAWrite", `mutation { a: ` + patient + ` b: ` + bad + `, dateOfBirth: "31/12/2000"}) { patient { id } } }`, ``, input, `["input","dateOfBirth"]`, ``},
		{"DateInAVariableAfterAWrite", `mutation($d: Date) { a: ` + patient + ` b: ` + bad + `, dateOfBirth: $d}) { patient { id } } }`, `{"d":"31/12/2000"}`, input, `["variable","d"]`, `[{"line":1,"column":10}]`},
		{"DateInADefaultAfterAWrite", `mutation($d: Date = "2000-13-01") { a: ` + patient + ` b: ` + bad + `, dateOfBirth: $d}) { patient { id } } }`, ``, input, `["variable","d"]`, `[{"line":1,"column":21}]`},
		{"DecimalAfterAWrite", `mutation { a: ` + patient + ` b: ` + bad + `, discount: "a lot"}) { patient { id } } }`, ``, input, `["input","discount"]`, ``},
		{"EnumInSmallLetters", `mutation($g: Gender) { a: ` + patient + ` b: ` + bad + `, gender: $g}) { patient { id } } }`, `{"g":"male"}`, input, `["variable","g"]`, ``},
		{"EnumInAnObject", `mutation($i: CreatePatientInput!) { a: ` + patient + ` b: createPatient(input: $i) { patient { id } } }`, `{"i":{"email":"a@example.org","firstName":"A","lastName":"B","gender":"male"}}`, input, `["variable","i","gender"]`, ``},
		{"EnumInQuotes", `mutation { a: ` + patient + ` b: ` + bad + `, gender: "MALE"}) { patient { id } } }`, ``, invalid, `["input","gender"]`, ``},
		{"UnknownAfterAWrite", `mutation { a: ` + patient + ` b: ` + bad + `, gender: UNKNOWN}) { patient { id } } }`, ``, input, `["input","gender"]`, ``},
		{"IntBeyond32Bits", `query($n: Int) { patients(first: $n) { totalCount } }`, `{"n":2147483648}`, input, `["variable","n"]`, ``},
		{"IntBeyond64Bits", `query($n: Int) { patients(first: $n) { totalCount } }`, `{"n":-99999999999999999999}`, input, `["variable","n"]`, ``},
		{"IntLiteralBeyond32Bits", `{ patients(first: 2147483648) { totalCount } }`, ``, invalid, `["first"]`, ``},
		{"IDOfAnotherTypeAfterAWrite", `mutation { a: ` + patient + ` b: updatePatient(input: {id: "Variant:x"}) { patient { id } } }`, ``, input, `["input","id"]`, ``},
		{"IDOfAnotherTypeInAVariable", `mutation($i: ID!) { a: ` + patient + ` b: updatePatient(input: {id: $i}) { patient { id } } }`, `{"i":"Variant:x"}`, input, `["variable","i"]`, ``},

		{"NumberAsText", `mutation($q: Int!) { createFulfillmentOrder(input: {shippingMethod: "x", lineItems: [{sku: "s", quantity: $q}], shippingAddress: {phone: "1"}}) { userErrors { message } } }`, `{"q":"2"}`, input, `["variable","q"]`, ``},
		{"TextAsANumber", `mutation($i: CreatePatientInput!) { createPatient(input: $i) { patient { id } } }`, `{"i":{"email":"a@example.org","firstName":1234567890123456789012,"lastName":"B"}}`, input, `["variable","i","firstName"]`, ``},
		{"TextAsABoolean", `query($q: String) { searchPatients(query: $q) { totalCount } }`, `{"q":true}`, input, ``, ``},
		{"BooleanAsText", `query($b: Boolean) { brands(available: $b) { totalCount } }`, `{"b":"true"}`, input, ``, ``},
		{"AddressAsANumber", `mutation($m: EmailAddress!) { createStaff(input: {email: $m, firstName: "A", lastName: "B"}) { staff { id } } }`, `{"m":7}`, input, ``, ``},
		{"IDAsAFraction", `query($i: ID!) { patient(id: $i) { id } }`, `{"i":1.5}`, input, ``, ``},
		{"IDAsABoolean", `query($i: ID!) { patient(id: $i) { id } }`, `{"i":true}`, input, ``, ``},
		{"ListInAList", `query($i: [ID!]!) { nodes(ids: $i) { id } }`, `{"i":[["Patient:x"]]}`, input, `["variable","i",0]`, ``},
		{"NullInTheList", `query($i: [ID!]!) { nodes(ids: $i) { id } }`, `{"i":["Patient:x",null]}`, input, `["variable","i",1]`, ``},
		{"TypenameAsAField", `mutation($i: CreateStaffInput!) { createStaff(input: $i) { staff { id } } }`, `{"i":{"__typename":"x","email":"a@example.org","firstName":"A","lastName":"B"}}`, input, ``, ``},

		{"SubscriptionSkipped", `subscription { events @skip(if: true) { id } }`, ``, invalid, ``, ``},
		{"SubscriptionSkippedByAVariable", `subscription($s: Boolean = true) { events @skip(if: $s) { id } }`, ``, invalid, ``, ``},
		{"SubscriptionNotIncluded", `subscription { ... @include(if: false) { events { id } } }`, ``, invalid, ``, ``},
		{"SubscriptionSkippedInAFragment", `subscription { ...F } fragment F on Subscription { events @skip(if: true) { id } }`, ``, invalid, ``, ``},
		{"SubscriptionWithAliases", `subscription { a: events { id } b: events { id } }`, ``, invalid, ``, `[{"line":1,"column":33}]`},
		{"SubscriptionWithFragments", `subscription { ...A ...B } fragment A on Subscription { a: events { id } } fragment B on Subscription { b: events { id } }`, ``, invalid, ``, ``},
		{"SubscriptionOfNothing", `subscription { __typename }`, ``, invalid, ``, ``},

		{"LoneSurrogate", `mutation { createStaff(input: {email: "a@example.org", firstName: "A\uD83D", lastName: "B"}) { staff { id } } }`, ``, parse, ``, `[{"line":1,"column":69}]`},
		{"LoneSurrogateBehind", `{ searchPatients(query: "\uDE00") { totalCount } }`, ``, parse, ``, ``},
		{"SurrogatesInTheWrongOrder", `{ searchPatients(query: "\uDE00\uD83D") { totalCount } }`, ``, parse, ``, ``},
		{"LoneSurrogateInBraces", `{ searchPatients(query: "\u{D83D}") { totalCount } }`, ``, parse, ``, ``},
		{"NameBehindANumber", `{ patients(first:10after:null) { totalCount } }`, ``, parse, ``, `[{"line":1,"column":20}]`},
		{"NameBehindAFloat", `{ patients(first:1.5e3after:null) { totalCount } }`, ``, parse, ``, ``},
		{"Hexadecimal", `{ patients(first:0xF) { totalCount } }`, ``, parse, ``, ``},
		{"BehindABlockWithAControlCharacter", "{ searchPatients(query: \"\"\"\n\a\n\"\"\", first:1x) { totalCount } }", ``, parse, ``, `[{"line":3,"column":13}]`},
		{"WrongBehindABlockWithAControlCharacter", "{ searchPatients(query: \"\"\"\n\a\n\"\"\", first: true) { totalCount } }", ``, invalid, `["first"]`, `[{"line":3,"column":13}]`},
		{"Blank", "\n \t, # nothing\n", ``, parse, ``, `[{"line":3,"column":1}]`},

		{"LabelInAVariable", `query($l: String) { clinic { ... @defer(label: $l) { name } } }`, `{"l":"x"}`, invalid, ``, ``},
		{"LabelTwice", `{ clinic { ... @defer(label: "x") { name } ... @defer(label: "x") { id } } }`, ``, invalid, ``, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				body := map[string]any{"query": c.query}
				if c.variables != "" {
					body["variables"] = json.RawMessage(c.variables)
				}
				text, _ := json.Marshal(body)
				for _, headers := range [][]string{
					nil, {"Authorization", ""}, {"Accept", deferAccept}, {"Accept", "text/event-stream"}, {"Accept", `multipart/mixed;subscriptionSpec="1.0"`},
				} {
					r := v.post(string(text), headers...)
					r.status(v, http.StatusBadRequest)
					r.fails(v, failed{"", c.code})
					if r.hasData(v) || strings.Contains(r.text, `"path"`) {
						v.Errorf("%v: %s", headers, r.text)
					}
					if len(r.Errors) != 1 {
						continue
					}
					if c.argument != "" {
						equal(v, "argument", r.Errors[0].Extensions["argument"], c.argument)
					}
					var places struct {
						Errors []struct{ Locations any }
					}
					if err := json.Unmarshal([]byte(r.text), &places); err != nil || places.Errors[0].Locations == nil {
						v.Fatalf("no locations: %s", r.text)
					}
					if c.at != "" {
						equal(v, "locations", places.Errors[0].Locations, c.at)
					}
				}
				if n := v.sandbox.Count(""); n != 0 {
					v.Errorf("%d calls:\n%s", n, routes(v.sandbox))
				}
				silent(v, "the log", v.log.String(), "internal error", "panic")
			})
		})
	}
}

// TestInputIsTaken: what the specification allows arrives as it was meant.
func TestInputIsTaken(t *testing.T) {
	t.Parallel()
	const member = `createStaff(input: {email: "a@example.org", firstName: "A", lastName: `
	for _, c := range []struct{ name, query, variables, want string }{
		{"OneForAListVariable", `query($i: [ID!]!) { nodes(ids: $i) { id } }`, `{"i":"Patient:` + sandbox.PatientWithManyPlans + `"}`, `{"nodes":[{"id":"Patient:` + sandbox.PatientWithManyPlans + `"}]}`},
		{"OneForAListDefault", `query($i: [ID!]! = "Patient:` + sandbox.PatientWithManyPlans + `") { nodes(ids: $i) { id } }`, ``, `{"nodes":[{"id":"Patient:` + sandbox.PatientWithManyPlans + `"}]}`},
		{"OneForAListLiteral", `{ nodes(ids: "Patient:` + sandbox.PatientWithManyPlans + `") { id } }`, ``, `{"nodes":[{"id":"Patient:` + sandbox.PatientWithManyPlans + `"}]}`},
		{"ControlCharacter", `{ ok: __typename # a bell ` + "\a" + `
			... @include(if: true) { __typename } }`, ``, `{"ok":"Query","__typename":"Query"}`},
		{"WholeNumberAsAFraction", `query($n: Int) { patients(first: $n) { nodes { __typename } } }`, `{"n":1.0}`, `{"patients":{"nodes":[{"__typename":"Patient"}]}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				r := v.query(c.query, given(c.variables)...)
				r.fails(v)
				equal(v, "data", r.Data, c.want)
			})
		})
	}
	for _, c := range []struct{ name, query, variables, operation, want string }{
		{"LongDecimalLiteral", `mutation { updatePatient(input: {id: "x", discount: 99.99999999999999999}) { userErrors { code } } }`, ``, "updatePatient", `{"discount":"99.99999999999999999"}`},
		{"LongDecimalInAVariable", `mutation($d: Decimal) { updatePatient(input: {id: "x", discount: $d}) { userErrors { code } } }`, `{"d":99.99999999999999999}`, "updatePatient", `{"discount":"99.99999999999999999"}`},
		{"LongDecimalInADefault", `mutation($d: Decimal = 123456789012345678901234567890) { updatePatient(input: {id: "x", discount: $d}) { userErrors { code } } }`, ``, "updatePatient", `{"discount":"123456789012345678901234567890"}`},
		{"DecimalWithZeros", `mutation { updatePatient(input: {id: "x", discount: 24.50}) { userErrors { code } } }`, ``, "updatePatient", `{"discount":"24.50"}`},
		{"LargeID", `mutation { updatePatient(input: {id: 123456789012345678901234567890, lastName: "B"}) { userErrors { code } } }`, ``, "updatePatient", `{"last_name":"B"}`},
		{"LargeIDInAVariable", `mutation($i: ID!) { updatePatient(input: {id: $i, lastName: "B"}) { userErrors { code } } }`, `{"i":123456789012345678901234567890}`, "updatePatient", `{"last_name":"B"}`},
		{"SurrogatePair", `mutation { ` + member + `"\uD83D\uDE00\u{1F600}"}) { userErrors { code } } }`, ``, "createStaff", `{"email":"a@example.org","first_name":"A","last_name":"😀😀"}`},
		{"ControlCharacterInAString", `mutation { ` + member + "\"a\ab\x1f\"" + `}) { userErrors { code } } }`, ``, "createStaff", `{"email":"a@example.org","first_name":"A","last_name":"a\u0007b\u001f"}`},
		{"ControlCharacterInABlock", `mutation { ` + member + "\"\"\"\n  a\a\\\"\"\"\r\n    b \\\\ c\n\"\"\"" + `}) { userErrors { code } } }`, ``, "createStaff", `{"email":"a@example.org","first_name":"A","last_name":"a\u0007\"\"\"\n  b \\\\ c"}`},
		{"BlockString", `mutation { ` + member + `"""B"""}) { userErrors { code } } }`, ``, "createStaff", `{"email":"a@example.org","first_name":"A","last_name":"B"}`},
		{"DefaultOfAnotherOperation", `query O($f: String = "other") { searchPatients(query: $f) { ...T } } fragment T on PatientConnection { totalCount }
			mutation Run($n: String) { updateStaff(input: {id: "x", firstName: $n, lastName: "B"}) { userErrors { code } } }`, ``, "updateStaff", `{"last_name":"B"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				body := map[string]any{"query": c.query}
				if c.variables != "" {
					body["variables"] = json.RawMessage(c.variables)
				}
				if strings.Contains(c.query, "mutation Run") {
					body["operationName"] = "Run"
				}
				text, _ := json.Marshal(body)
				v.post(string(text)).status(v, http.StatusOK)
				var got any
				if err := json.Unmarshal(v.written(c.operation).Body, &got); err != nil {
					v.Fatal(err)
				}
				equal(v, "the body", got, c.want)
			})
		})
	}
}

// given makes the pairs that query takes of variables in JSON.
func given(variables string) (pairs []any) {
	values := map[string]json.RawMessage{}
	if variables != "" && json.Unmarshal([]byte(variables), &values) != nil {
		panic(variables)
	}
	for name, value := range values {
		pairs = append(pairs, name, value)
	}
	return pairs
}
