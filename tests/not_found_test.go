package tests

import (
	"net/http"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestNotFoundIsTheAPIsOwn: a 404 says that a record is not there only if the
// API itself says so of a call that names one. An ingress, a proxy or a wrong
// base URL answers 404 as well.
func TestNotFoundIsTheAPIsOwn(t *testing.T) {
	t.Parallel()
	answers := map[string]sandbox.Fault{
		"Ingress":    {Body: "default backend - 404", Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}},
		"HTML":       {Body: "<html><body>Not Found</body></html>", Header: http.Header{"Content-Type": {"text/html"}}},
		"Mislabeled": {Body: "<html></html>"},
		"JSONAsHTML": {Body: `{"error":"x"}`, Header: http.Header{"Content-Type": {"text/html"}}},
		"Blank":      {Body: "\n", Header: http.Header{"Content-Type": {"application/json"}}},
		"NoReason":   {Body: `{}`},
		"JSONText":   {Body: `"not found"`},
		"Cut":        {Body: `{"error":"not fo`},
		"Gone":       {Status: http.StatusGone, Body: "gone"},
	}
	fields := map[string]struct{ operation, query, path string }{
		"LookUp":       {"getPatient", `{ patient(id: "p") { firstName } }`, "patient"},
		"LookUpOfID":   {"getOrder", `{ order(id: "o") { id } }`, "order"},
		"Node":         {"getVariant", `{ node(id: "Variant:v") { ... on Variant { sku } } }`, "node"},
		"List":         {"listPatients", `{ patients { nodes { id } } }`, "patients"},
		"Planned":      {"listPractitioners", `{ a: practitioner(id: "x") { lastName } practitioner(id: "y") { lastName } }`, "practitioner"},
		"Below":        {"listPatientTreatmentPlans", `{ patient(id: "p") { treatmentPlans { totalCount } } }`, "patient.treatmentPlans"},
		"Clinic":       {"getClinic", `{ clinic { name } }`, "clinic"},
		"Write":        {"createPatient", `mutation { createPatient(input: {email: "a@example.org", firstName: "A", lastName: "B"}) { userErrors { code } } }`, "createPatient"},
		"WriteByID":    {"cancelTreatmentPlan", `mutation { cancelTreatmentPlan(input: {id: "x"}) { userErrors { code } } }`, "cancelTreatmentPlan"},
		"WriteBelowID": {"createTreatmentPlan", `mutation { createTreatmentPlan(input: {patientId: "x", state: DRAFT}) { userErrors { code } } }`, "createTreatmentPlan"},
	}
	for name, answer := range answers {
		for field, f := range fields {
			t.Run(name+"/"+field, func(t *testing.T) {
				t.Parallel()
				virtually(t, config(), sandbox.Options{}, func(v *virtual) {
					fault := answer
					fault.Operation = f.operation
					if fault.Status == 0 {
						fault.Status = http.StatusNotFound
					}
					v.sandbox.AddFault(fault)
					r := v.query(f.query)
					for _, e := range r.Errors {
						if e.Extensions["code"] != "UPSTREAM_ERROR" || e.Extensions["outcome"] != nil {
							v.Errorf("%s", r.text)
						}
					}
					if len(r.Errors) == 0 || !strings.Contains(r.text, `"path":["`+strings.ReplaceAll(f.path, ".", `","`)+`"]`) {
						v.Errorf("no error at %s: %s", f.path, r.text)
					}
				})
			})
		}
	}
	// The API's own forms, in which a record is not there.
	for name, body := range map[string]string{
		"Text": `{"error":"Patient not found"}`, "Code": `{"errors":[{"code":"not_found","message":"No such patient"}]}`, "Message": `{"message":"Not found"}`,
	} {
		t.Run("Own/"+name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				for _, operation := range []string{"getPatient", "listPatients", "getClinic", "cancelTreatmentPlan", "createPatient"} {
					v.sandbox.AddFault(sandbox.Fault{Operation: operation, Status: http.StatusNotFound, Body: body})
				}
				r := v.query(`{ patient(id: "p") { firstName } patients { totalCount } clinic { name } }`)
				r.fails(v, failed{"patients", "UPSTREAM_ERROR"}, failed{"clinic", "UPSTREAM_ERROR"})
				equal(v, "data", r.Data, `{"patient":null,"patients":null,"clinic":null}`)
				r = v.query(`mutation { a: cancelTreatmentPlan(input: {id: "x"}) { userErrors { code } } b: createPatient(input: {email: "a@example.org", firstName: "A", lastName: "B"}) { userErrors { code } } }`)
				r.fails(v, failed{"b", "UPSTREAM_ERROR"})
				equal(v, "data", r.Data, `{"a":{"userErrors":[{"code":"NOT_FOUND"}]},"b":null}`)
			})
		})
	}
}
