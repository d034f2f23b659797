package tests

import (
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestUserErrors reads every form in which the partner may put a complaint, and
// what frameworks and proxies make of one.
func TestUserErrors(t *testing.T) {
	t.Parallel()
	// want is field: message, one a line.
	for _, c := range []struct{ name, mutation, body, want string }{
		{"Text", "createPatient", `{"error":"No good"}`, `: No good`},
		{"Message", "createPatient", `{"message":"No good"}`, `: No good`},
		{"List", "createPatient", `{"errors":[{"code":"a","message":"First"},{"code":"b","message":"Second"}]}`, ": First\n: Second"},
		{"ListOfTexts", "createPatient", `{"errors":["First","Second"]}`, ": First\n: Second"},
		{"BareList", "createPatient", `[{"message":"First"},"Second"]`, ": First\n: Second"},
		{"CodeAlone", "createPatient", `{"errors":[{"code":"taken","field":"first_name"}]}`, `firstName: The partner rejected the input: taken.`},
		{"ByField", "createPatient", `{"errors":{"mobile_number":["is short","is odd"],"base":["Too much"]}}`, "mobileNumber: mobileNumber is short\nmobileNumber: mobileNumber is odd\n: Too much"},
		{"Nested", "createPatient", `{"errors":{"metadata":{"id":["is taken"]}}}`, `externalId: externalId is taken`},
		{"Indexed", "createTreatmentPlan", `{"errors":{"recommendations[0].units_to_purchase":["is low"],"/labs/3/lab_test_id":"is gone"}}`, "recommendations.0.unitsToPurchase: unitsToPurchase is low\nlabs.3.labTestId: labTestId is gone"},
		{
			"IndexedByPlace", "createTreatmentPlan", `{"errors":{"recommendations":[{},{"units_to_purchase":["is low"]},{"dosage":{"format":["is odd"]}}]}}`,
			"recommendations.1.unitsToPurchase: unitsToPurchase is low\nrecommendations.2.dosage.format: format is odd",
		},
		{"NamesWithoutUnderscore", "createFulfillmentOrder", `{"errors":{"shipping_address.firstname":["is long"]}}`, `shippingAddress.firstName: firstName is long`},
		{"CamelCase", "createPatient", `{"errors":{"firstName":["is long"]}}`, `firstName: firstName is long`},
		{"NoJSON", "createPatient", `<html>`, ""},
		{"Nothing", "createPatient", `{}`, ""},
		{"Empty", "createPatient", `{"errors":{}}`, ""},
		{"HalfJSON", "createPatient", `{"errors":{"email":["is taken"],"first_name":[`, `email: email is taken`},

		{"RailsDetails", "createPatient", `{"errors":{"email":[{"error":"taken","value":"a@b"}]}}`, `email: The partner rejected the input: taken.`},
		{
			"RailsDetailsWithCount", "createPatient", `{"errors":{"first_name":[{"error":"too_long","count":40}],"gender":[{"error":"inclusion","value":"q","allowed":["male","x"]}]}}`,
			"firstName: The partner rejected the input: too_long.\ngender: The partner rejected the input: inclusion.",
		},
		{"RailsWithoutEnvelope", "createPatient", `{"email":["has already been taken"]}`, `email: email has already been taken`},
		{"RailsFullMessages", "createPatient", `{"errors":{"full_messages":["Email has already been taken"]}}`, `: Email has already been taken`},
		{"OfTheRecord", "createPatient", `{"errors":{"patient":{"email":["is taken"]}}}`, `email: email is taken`},
		{"OfTheRecordInAPath", "createTreatmentPlan", `{"errors":{"treatment_plan.recommendations[1].variant":["must exist"]}}`, `recommendations.1.variantId: variantId must exist`},
		{"OfAnotherRecord", "createPatient", `{"errors":{"guardian":{"email":["is taken"]}}}`, `: email is taken`},
		{"NoSuchField", "createPatient", `{"errors":{"shoe_size":["is odd"]}}`, `: shoe_size is odd`},
		{"BelowAField", "createPatient", `{"errors":{"discount.rounding.mode":["is odd"]}}`, `discount: mode is odd`},
		{"NoInputInTheList", "createPatient", `{"errors":{"email[3]":["is odd"]}}`, `email: email is odd`},
		{"Summary", "createPatient", `{"message":"Validation failed","errors":{"email":["is taken"]}}`, `email: email is taken`},
		{"SummaryAlone", "createPatient", `{"message":"Validation failed","errors":[]}`, `: Validation failed`},
		{"ErrorAndMessage", "createPatient", `{"error":"Unprocessable Entity","message":"Email is taken","status":422,"path":"/clinic/patients"}`, `: Email is taken`},
		{"OAuth", "createPatient", `{"error":"invalid_request","error_description":"Email is taken"}`, `: Email is taken`},
		{"ProblemDetails", "createPatient", `{"type":"https://example.org/probs/x","title":"Not valid","status":422,"detail":"Email is taken","instance":"/p/1"}`, `: Email is taken`},
		{"ProblemTitle", "createPatient", `{"type":"about:blank","title":"Not valid","status":422}`, `: Not valid`},
		{"ProblemErrors", "createPatient", `{"title":"Not valid","errors":[{"detail":"must be later","pointer":"#/date_of_birth"}]}`, `dateOfBirth: dateOfBirth must be later`},
		{"InvalidParams", "createPatient", `{"title":"Not valid","invalid-params":[{"name":"date_of_birth","reason":"must be later"}]}`, `dateOfBirth: dateOfBirth must be later`},
		{"JSONAPI", "createPatient", `{"errors":[{"status":"422","source":{"pointer":"/data/attributes/email"},"title":"Invalid","detail":"is taken"}]}`, `email: email is taken`},
		{"FastAPI", "createPatient", `{"detail":[{"loc":["body","metadata","id"],"msg":"Field required","type":"missing","input":"a@b"}]}`, `externalId: Field required`},
		{"Within", "createPatient", `{"error":{"code":422,"message":"Not valid","errors":[{"field":"email","issue":"is taken"}]}}`, `email: email is taken`},
		{"MessagesOfAField", "createPatient", `{"errors":[{"property":"email","messages":["is taken","is odd"]}]}`, "email: email is taken\nemail: email is odd"},
		{"Twice", "createPatient", `{"errors":["No good","No good"]}`, `: No good`},
		{"NamedAlready", "createPatient", `{"errors":{"first_name":["first name is blank"],"email":["email is taken"]}}`, "firstName: first name is blank\nemail: email is taken"},
		{"Echo", "createPatient", `{"patient":{"email":"a@b","first_name":"Ada"}}`, ""},
		{"ByteOrderMark", "createPatient", "\ufeff" + `{"error":"No good"}`, `: No good`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := mutationOf(t, c.mutation)
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: m.field, Status: 422, Body: c.body})
				r := m.run(v, sandbox.TokenPractitioner, m.Input)
				r.fails(v)
				var got []string
				for _, e := range at(v, r.Data, m.field+".userErrors").([]any) {
					e := e.(map[string]any)
					line := ": " + e["message"].(string)
					if path, ok := e["field"].([]any); ok {
						if path[0] != "input" {
							v.Errorf("field %v", path)
						}
						for i := len(path) - 1; i > 0; i-- {
							line = "." + path[i].(string) + line
						}
					}
					got = append(got, strings.TrimPrefix(line, "."))
				}
				want := c.want
				if want == "" {
					want = ": The partner rejected the input and did not say why."
				}
				if got := strings.Join(got, "\n"); got != want {
					v.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		})
	}
	t.Run("Conflict", func(t *testing.T) {
		t.Parallel()
		m := mutationOf(t, "createPatient")
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: m.field, Status: 409, Body: `{"error":"In use"}`})
			equal(v, "userErrors", at(v, m.run(v, sandbox.TokenPractitioner, m.Input).Data, m.field+".userErrors"), `[{"field":null,"code":"INVALID","message":"In use"}]`)
		})
	})
	t.Run("NotInTheLog", func(t *testing.T) {
		t.Parallel()
		m := mutationOf(t, "createPatient")
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: m.field, Status: 422, Body: `{"error":"` + canary + `"}`})
			m.run(v, sandbox.TokenPractitioner, m.Input)
			silent(v, "the log", v.log.String(), canary, "ada@example.org", "Sample")
		})
	})
}

// TestNeverHangs sends error bodies that are no JSON, for each status that has
// its body read. Each call must end, and at once.
func TestNeverHangs(t *testing.T) {
	t.Parallel()
	m := mutationOf(t, "createPatient")
	for name, body := range map[string]string{
		"CutText":       `{"errors":["Email`,
		"RawLineBreak":  "{\"errors\":[\"is\n taken\"]}",
		"CutKey":        `{"errors":{"ema`,
		"CutAfterKey":   `{"errors":{"email"`,
		"NoColon":       `{"errors" ["x"]}`,
		"NoComma":       `{"errors":["x" "y"]}`,
		"WrongBracket":  `{"errors":["x"}`,
		"Deep":          strings.Repeat(`{"errors":[`, 20000),
		"NUL":           "{\"errors\":[\x00]}",
		"ControlInKey":  "{\"err\nors\":[\"x\"]}",
		"BadEscape":     `{"errors":["\q"]}`,
		"BadNumber":     `{"errors":[0123]}`,
		"BadLiteral":    `{"errors":[nul]}`,
		"InvalidUTF8":   "{\"errors\":[\"\xff\xfe\"]}",
		"LargerThanAll": `{"errors":["` + strings.Repeat("x", 1<<20) + `"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				for _, status := range []int{400, 404, 409, 422, 429, 500, 503} {
					v.sandbox.ClearFaults()
					v.sandbox.AddFault(sandbox.Fault{Operation: m.field, Status: status, Body: body})
					v.sandbox.AddFault(sandbox.Fault{Operation: "listPatients", Status: status, Body: body})
					r := m.run(v, sandbox.TokenPractitioner, m.Input)
					if status == 400 || status == 409 || status == 422 {
						if n := len(at(v, r.Data, m.field+".userErrors").([]any)); n == 0 {
							v.Errorf("%d: no user error: %s", status, r.text)
						}
					} else if len(r.Errors) != 1 {
						v.Errorf("%d: %s", status, r.text)
					}
					if r := v.query(`{ patients(first: 1) { totalCount } }`); len(r.Errors) != 1 {
						v.Errorf("%d: %s", status, r.text)
					}
				}
			})
		})
	}
}
