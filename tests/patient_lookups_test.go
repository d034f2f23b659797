package tests

import (
	"net/http"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// manyRows repeats a row of a list, for pages that are full.
func manyRows(n int, row string) string {
	return strings.TrimSuffix(strings.Repeat(row+",", n), ",")
}

// TestPatientLookUps: the partner's looser answers are compared exactly.
func TestPatientLookUps(t *testing.T) {
	t.Parallel()
	const (
		byEmail    = `{ found: patientByEmail(email: "ada@example.org") { fullscriptId firstName email } }`
		byExternal = `{ found: patientByExternalId(externalId: "emr-7") { fullscriptId firstName externalId } }`
		ada        = `{"fullscriptId":"p1","firstName":"Ada","email":"ada@example.org"}`

		adaRow  = `{"id":"p1","first_name":"Ada","last_name":"A","email":"ada@example.org","archived":false}`
		adamRow = `{"id":"p2","first_name":"Adam","last_name":"B","email":"ada@example.org.example","archived":false}`
		bobRow  = `{"id":"p3","first_name":"Bob","last_name":"ada@example.org","email":null,"archived":false}`
		adaEMR  = `{"data":{"id":"p1","first_name":"Ada","last_name":"A","email":"ada@example.org","metadata":{"id":"emr-7"}},"type":"patient","id":"emr-7"}`
		adamEMR = `{"data":{"id":"p2","first_name":"Adam","last_name":"B","email":"b@example.org","metadata":{"id":"emr-70"}},"type":"patient","id":"emr-70"}`
		planEMR = `{"data":{"id":"t1","state":"draft"},"type":"treatment_plan","id":"emr-7"}`
	)
	for _, c := range []struct {
		name, query string
		pages       []string // rows of the partner's pages
		want        string   // the patient as JSON
		code, said  string   // the error, if any
	}{
		{"EmailAmongLooser", byEmail, []string{adamRow + "," + bobRow + "," + adaRow}, ada, "", ""},
		{"EmailOfNone", byEmail, []string{adamRow + "," + bobRow}, "null", "", ""},
		{"NoRows", byEmail, []string{""}, "null", "", ""},
		{"EmailInOtherCase", byEmail, []string{strings.Replace(adaRow, "ada@", "Ada@", 1)}, strings.Replace(ada, "ada@", "Ada@", 1), "", ""},
		{"EmailOnTheSecondPage", byEmail, []string{manyRows(100, adamRow), adaRow}, ada, "", ""},
		{"EmailOfSeveral", byEmail, []string{adaRow + "," + strings.Replace(adaRow, "p1", "p4", 1)}, "null", "BAD_USER_INPUT", "several patients have this email address"},
		{"EmailOfSeveralOnTwoPages", byEmail, []string{adaRow + "," + manyRows(99, adamRow), strings.Replace(adaRow, "p1", "p4", 1)}, "null", "BAD_USER_INPUT", "several patients have this email address"},
		{"EmailLikeTooMany", byEmail, []string{manyRows(100, adamRow), adaRow + "," + manyRows(99, adamRow), manyRows(100, bobRow), manyRows(100, adamRow), manyRows(100, bobRow)}, "null", "BAD_USER_INPUT", "too many records"},
		{"ExternalIDLikeTooMany", byExternal, []string{manyRows(100, adamEMR), manyRows(100, planEMR), manyRows(100, adamEMR), manyRows(100, planEMR), manyRows(100, adamEMR)}, "null", "BAD_USER_INPUT", "too many records"},
		{"EmailThatCannotBeRead", byEmail, []string{strings.Replace(adaRow, `"ada@example.org"`, `{"address":"a"}`, 1)}, "null", "UPSTREAM_ERROR", "could not be read"},
		{"OneOfThemCannotBeRead", byEmail, []string{strings.Replace(adaRow, `"ada@example.org"`, `{"address":"a"}`, 1) + "," + adaRow}, ada, "", ""},
		{"WithoutID", byEmail, []string{strings.Replace(adaRow, `"id":"p1",`, "", 1)}, "null", "UPSTREAM_ERROR", "could not be read"},
		{"ExternalIDOfAnUnreadableRecord", byExternal, []string{`{"data":"p1","type":"patient","id":"emr-7"}`}, "null", "UPSTREAM_ERROR", "could not be read"},
		{"ExternalIDThatCannotBeRead", byExternal, []string{strings.Replace(adaEMR, `"patient","id":"emr-7"`, `"patient","id":{}`, 1)}, "null", "UPSTREAM_ERROR", "could not be read"},
		{"MovedToTheNextPage", byEmail, []string{manyRows(99, adamRow) + "," + adaRow, adaRow}, ada, "", ""},
		{"ExternalIDAmongOthers", byExternal, []string{adamEMR + "," + planEMR + "," + adaEMR}, `{"fullscriptId":"p1","firstName":"Ada","externalId":"emr-7"}`, "", ""},
		{"ExternalIDOfNone", byExternal, []string{adamEMR + "," + planEMR}, "null", "", ""},
		{"ExternalIDInTheRecordAlone", byExternal, []string{strings.Replace(adaEMR, `,"id":"emr-7"}`, `}`, 1)}, `{"fullscriptId":"p1","firstName":"Ada","externalId":"emr-7"}`, "", ""},
		{"ExternalIDOfSeveral", byExternal, []string{adaEMR + "," + strings.Replace(adaEMR, "p1", "p4", 1)}, "null", "BAD_USER_INPUT", "several patients have this external id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			operation, key := "searchPatients", "patients"
			if c.query == byExternal {
				operation, key = "findByMetadata", "metadata"
			}
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				for _, page := range c.pages {
					v.sandbox.AddFault(sandbox.Fault{Operation: operation, Status: http.StatusOK, Times: 1, Body: `{"` + key + `":[` + page + `]}`})
				}
				r := v.query(c.query)
				if c.code == "" {
					r.fails(v)
				} else {
					r.fails(v, failed{"found", c.code})
					if !strings.Contains(r.text, c.said) {
						v.Errorf("%s", r.text)
					}
				}
				equal(v, "found", at(v, r.Data, "found"), c.want)
				if n := v.sandbox.Count(""); n != len(c.pages) {
					v.Errorf("%d calls, want %d", n, len(c.pages))
				}
			})
		})
	}
}

// TestPatientLookUpCalls counts what look-ups cost on the sandbox, and what
// becomes of those that fail.
func TestPatientLookUpCalls(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		const email = sandbox.PatientEmail
		const whole = `{"fullscriptId":"` + sandbox.PatientWithManyPlans + `","isDependent":false,"externalId":"` + sandbox.SharedExternalID + `"}`
		for _, c := range []struct {
			name, query, want string
			calls             int
		}{
			{"Email", `{ patientByEmail(email: "` + email + `") { fullscriptId } }`, `{"patientByEmail":{"fullscriptId":"` + sandbox.PatientWithManyPlans + `"}}`, 1},
			{"EmailAndTheRest", `{ patientByEmail(email: "` + email + `") { fullscriptId isDependent externalId } }`, `{"patientByEmail":` + whole + `}`, 2},
			{"Twice", `{ a: patientByEmail(email: "` + email + `") { fullscriptId } b: patientByEmail(email: "` + email + `") { email } }`, `{"a":{"fullscriptId":"` + sandbox.PatientWithManyPlans + `"},"b":{"email":"` + email + `"}}`, 1},
			{"ExternalID", `{ patientByExternalId(externalId: "` + sandbox.SharedExternalID + `") { fullscriptId isDependent externalId } }`, `{"patientByExternalId":` + whole + `}`, 1},
			{"Nobody", `{ a: patientByEmail(email: "nobody@example.org") { email } b: patientByExternalId(externalId: 404) { email } }`, `{"a":null,"b":null}`, 2},
		} {
			v.sandbox.ResetCalls()
			r := v.query(c.query)
			r.fails(v)
			equal(v, c.name, r.Data, c.want)
			if n := v.sandbox.Count(""); n != c.calls {
				v.Errorf("%s: %d calls, want %d", c.name, n, c.calls)
			}
		}

		v.sandbox.ResetCalls()
		v.query(`{ a: patientByEmail(email: "") { id } b: patientByExternalId(externalId: " ") { id } }`).fails(v, failed{"a", "BAD_USER_INPUT"}, failed{"b", "BAD_USER_INPUT"})
		if n := v.sandbox.Count(""); n != 0 {
			v.Errorf("%d calls for nothing", n)
		}
		for _, email := range []string{"e", "@", "ada@", "@example.org", "ada@example@org"} {
			v.query(`{ a: patientByEmail(email: "`+email+`") { id } }`).fails(v, failed{"a", "BAD_USER_INPUT"})
		}
		if n := v.sandbox.Count(""); n != 0 {
			v.Errorf("%d calls for what is no address", n)
		}
		for _, operation := range []string{"searchPatients", "findByMetadata"} {
			v.sandbox.AddFault(sandbox.Fault{Operation: operation, Status: http.StatusNotFound, Body: `{"error":"Not found"}`})
		}
		v.query(`{ a: patientByEmail(email: "a@example.org") { id } b: patientByExternalId(externalId: "e") { id } }`).fails(v, failed{"a", "UPSTREAM_ERROR"}, failed{"b", "UPSTREAM_ERROR"})
	})
}
