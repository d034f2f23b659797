package tests

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// canary is text that must not leave by any way but the one it came by.
const canary = "canary-4711"

const patientQuery = `{ patient(id: "` + sandbox.PatientWithManyPlans + `") { dateOfBirth } }`

// TestFailedCall goes through everything that can become of a call, alone and
// beside one that succeeds.
func TestFailedCall(t *testing.T) {
	t.Parallel()
	answered := func(status int, body string, header ...string) sandbox.Fault {
		return sandbox.Fault{Status: status, Body: body, Header: chatty(header...)}
	}
	text := `{"error":"` + canary + `"}`
	for _, c := range []struct {
		name    string
		fault   sandbox.Fault
		code    string
		status  int // where nothing else came
		message string
	}{
		{"Status400", answered(400, text), "BAD_USER_INPUT", 200, "rejected the arguments"},
		{"Status401", answered(401, text), "UNAUTHENTICATED", 401, "rejected the token"},
		{"Status403", answered(403, text), "FORBIDDEN", 200, "requiredScopes"},
		{"Status409", answered(409, text), "BAD_USER_INPUT", 200, "rejected the arguments"},
		{"Status422", answered(422, `{"errors":{"id":["`+canary+`"]}}`), "BAD_USER_INPUT", 200, "rejected the arguments"},
		{"Status429", answered(429, text, "Retry-After", "7"), "RATE_LIMITED", 429, "rate limit"},
		{"Status500", answered(500, text), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"Status502", answered(502, "<h1>"+canary+"</h1>"), "UPSTREAM_UNAVAILABLE", 200, "answered with 502 "},
		{"Status503", answered(503, text, "Retry-After", canary), "UPSTREAM_UNAVAILABLE", 200, "answered with 503 "},
		{"Status504", answered(504, text), "UPSTREAM_UNAVAILABLE", 200, "answered with 504 "},
		{"Status418", answered(418, text), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"Redirect", answered(302, text, "Location", "https://"+canary+".example/"), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"Hang", sandbox.Fault{Hang: true}, "UPSTREAM_TIMEOUT", 200, "did not answer in time"},
		{"Reset", sandbox.Fault{Reset: true}, "UPSTREAM_UNAVAILABLE", 200, "cannot be reached"},
		{"Truncated", sandbox.Fault{Truncate: true}, "UPSTREAM_ERROR", 200, "cannot be used"},
		{"BadJSON", answered(200, `{"patient":{"id":"`+canary+`",`), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"HTML", answered(200, `<html>`+canary+`</html>`), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"EmptyObject", answered(200, `{}`), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"ErrorWithStatus200", answered(200, text), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"Null", answered(200, `null`), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"Array", answered(200, `["`+canary+`"]`), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"NullInEnvelope", answered(200, `{"patient":null}`), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"RecordWithoutID", answered(200, `{"patient":{"first_name":"`+canary+`"}}`), "UPSTREAM_ERROR", 200, "cannot be used"},
		{"BlankBody", answered(200, ` `), "UPSTREAM_ERROR", 200, "cannot be used"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				c.fault.Operation = "getPatient"
				if c.status != http.StatusOK { // it ends the caller's other calls that have not left by then
					c.fault.Latency = time.Second
				}
				v.sandbox.AddFault(c.fault)
				r := v.query(patientQuery)
				r.fails(v, failed{"patient", c.code})
				r.status(v, c.status)
				equal(v, "data", r.Data, `{"patient":null}`)
				if !strings.Contains(r.Errors[0].Message, c.message) {
					v.Errorf("message %q does not say %q", r.Errors[0].Message, c.message)
				}
				if id := r.extension(v, "patient", "upstreamRequestId"); c.fault.Status != 0 && id != last(v.sandbox.Calls()).RequestID {
					v.Errorf("upstreamRequestId is %v, want that of %+v", id, last(v.sandbox.Calls()))
				}
				if _, has := r.Errors[0].Extensions["outcome"]; has {
					v.Error("a read has an outcome")
				}

				time.Sleep(10 * time.Second) // after 401 and 429 no call leaves for a while
				beside := v.query(`{ clinic { fullscriptId } ` + patientQuery[1:])
				beside.fails(v, failed{"patient", c.code})
				beside.status(v, http.StatusOK)
				equal(v, "data", beside.Data, `{"clinic":{"fullscriptId":"`+sandbox.ClinicID+`"},"patient":null}`)
				if beside.Header.Get("Retry-After") != "" || beside.Header.Get("WWW-Authenticate") != "" {
					v.Errorf("headers of a refusal beside data: %v", beside.Header)
				}
				for _, r := range []*reply{r, beside} {
					silent(v, "the answer", r.text+fmt.Sprint(r.Header), fromPartner...)
				}
				silent(v, "the log", withoutRoutes(v.log.String()), append(fromPartner, sandbox.PatientWithManyPlans)...)
			})
		})
	}
}

func last[T any](all []T) T { return all[len(all)-1] }

// TestFailedList: what is no list is an error, and never one of no rows or of
// one that is none.
func TestFailedList(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"EmptyObject": `{}`, "Error": `{"error":"` + canary + `"}`, "HTML": `<html>`, "Null": `null`, "OtherKey": `{"people":[]}`, "Text": `"patients"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: "listPatients", Status: 200, Body: body})
				for _, selected := range []string{`totalCount`, `nodes { id }`, `edges { node { id } }`, `pageInfo { hasNextPage }`} {
					r := v.query(`{ patients(first: 10) { ` + selected + ` } }`)
					r.fails(v, failed{"patients", "UPSTREAM_ERROR"})
					equal(v, "data", r.Data, `{"patients":null}`)
				}
			})
		})
	}
}

func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	t.Run("NoToken", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			for _, query := range []string{patientQuery, `{ __typename ` + patientQuery[1:], `mutation { createPatient(input: {email: "a@example.org", firstName: "A", lastName: "B"}) { patient { id } } }`} {
				r := v.as("", query)
				r.status(v, http.StatusUnauthorized)
				r.fails(v, failed{"", "UNAUTHENTICATED"})
				if r.hasData(v) {
					v.Errorf("there is a data entry: %s", r.text)
				}
				if got := r.Header.Get("WWW-Authenticate"); got != "Bearer" {
					v.Errorf("WWW-Authenticate is %q", got)
				}
			}
			if n := v.sandbox.Count(""); n != 0 {
				v.Errorf("%d calls", n)
			}
		})
	})
	t.Run("NothingButTypename", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			r := v.as("", `{ __typename }`)
			r.status(v, http.StatusOK)
			equal(v, "data", r.Data, `{"__typename":"Query"}`)
		})
	})
	t.Run("Expired", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			r := v.as(sandbox.TokenExpired, `{ `+patientQuery[1:len(patientQuery)-1]+` clinic { name } patients { nodes { id } } }`)
			r.status(v, http.StatusUnauthorized)
			r.fails(v, failed{"patient", "UNAUTHENTICATED"}, failed{"clinic", "UNAUTHENTICATED"}, failed{"patients", "UNAUTHENTICATED"})
			if got := r.Header.Get("WWW-Authenticate"); got != "Bearer" {
				v.Errorf("WWW-Authenticate is %q", got)
			}
			silent(v, "answer and log", r.text+v.log.String(), sandbox.TokenExpired)
		})
	})
	t.Run("ExpiredInAMutation", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			r := v.as(sandbox.TokenExpired, `mutation { cancelTreatmentPlan(input: {id: "x"}) { userErrors { message } } }`)
			r.status(v, http.StatusUnauthorized)
			r.fails(v, failed{"cancelTreatmentPlan", "UNAUTHENTICATED"})
			if r.extension(v, "cancelTreatmentPlan", "outcome") != nil {
				v.Error("a write that was refused has an outcome")
			}
		})
	})
	t.Run("ExpiredBesideAnotherError", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			r := v.as(sandbox.TokenExpired, `{ clinic { name } patients(first: -1) { nodes { id } } }`)
			r.status(v, http.StatusOK)
			r.fails(v, failed{"clinic", "UNAUTHENTICATED"}, failed{"patients", "BAD_USER_INPUT"})
		})
	})
}

func TestForbidden(t *testing.T) {
	t.Parallel()
	forbidden := sandbox.Fault{Status: 403, Body: `{"error":"Must have ` + canary + ` scope enabled"}`}
	on := func(operation string) *sandbox.Fault {
		f := forbidden
		f.Operation = operation
		return &f
	}
	for _, c := range []struct {
		name, query, path string
		fault             *sandbox.Fault // nil for what the sandbox refuses by itself
		scopes            string
		restricted        bool
	}{
		{"LookUp", patientQuery, "patient", on("getPatient"), `[["patients:read"]]`, false},
		{"List", `{ orders { nodes { id } } }`, "orders", on("listOrders"), `[["patients:order_history"]]`, false},
		{"Restricted", `{ searchProducts(query: "a") { nodes { id } } }`, "searchProducts", nil, `[["catalog:read"]]`, true},
		{"RestrictedLabs", `{ labTests { nodes { id } } }`, "labTests", nil, `[["catalog:read"]]`, true},
		{"Link", `{ treatmentPlan(id: "` + sandbox.ActivePlan + `") { patient { firstName } } }`, "treatmentPlan.patient.firstName", on("getPatient"), `[["patients:read"]]`, false},
		{"PlannedLink", `{ treatmentPlan(id: "` + sandbox.ActivePlan + `") { practitioner { firstName } } }`, "treatmentPlan.practitioner.firstName", on("getPractitioner"), `[["clinic:read"]]`, false},
		{"ConnectionOfARecord", `{ patient(id: "` + sandbox.PatientWithManyPlans + `") { treatmentPlans { nodes { id } } } }`, "patient.treatmentPlans", on("listPatientTreatmentPlans"), `[["patients:treatment_plan_history"]]`, false},
		{"DetailOfAListItem", `{ patients(first: 1) { nodes { firstName dateOfBirth } } }`, "patients.nodes.0.dateOfBirth", on("getPatient"), `[["patients:read"]]`, false},
		{"DetailInEdges", `{ patients(first: 1) { edges { node { firstName dateOfBirth } } } }`, "patients.edges.0.node.dateOfBirth", on("getPatient"), `[["patients:read"]]`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				token := sandbox.TokenUnapproved
				if c.fault != nil {
					token = sandbox.TokenPractitioner
					v.sandbox.AddFault(*c.fault)
				}
				r := v.as(token, c.query)
				r.fails(v, failed{c.path, "FORBIDDEN"})
				r.status(v, http.StatusOK)
				equal(v, "requiredScopes", r.extension(v, c.path, "requiredScopes"), c.scopes)
				if restricted, _ := r.extension(v, c.path, "restricted").(bool); restricted != c.restricted {
					v.Errorf("restricted is %t", restricted)
				}
				if approval := strings.Contains(r.Errors[0].Message, "approval"); approval != c.restricted {
					v.Errorf("message %q", r.Errors[0].Message)
				}
				silent(v, "the answer", r.text, fromPartner...)
			})
		})
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	gone := func(operation, path string) sandbox.Fault {
		return sandbox.Fault{Operation: operation, PathContains: path, Status: 404, Body: `{"error":"` + canary + `"}`}
	}
	for _, c := range []struct {
		name, query string
		fault       sandbox.Fault
		data        string
	}{
		{"LookUp", `{ patient(id: "nobody") { firstName } }`, sandbox.Fault{}, `{"patient":null}`},
		{"LookUpOfIDOnly", `{ patient(id: "nobody") { id } }`, sandbox.Fault{}, `{"patient":null}`},
		{"LookUpOfAnotherClinic", `{ patient(id: "` + sandbox.OtherClinicPatient + `") { firstName } }`, sandbox.Fault{}, `{"patient":null}`},
		{"Node", `{ node(id: "Variant:nothing") { id ... on Variant { sku } } }`, sandbox.Fault{}, `{"node":null}`},
		{"Nodes", `{ nodes(ids: ["Variant:nothing", "Patient:` + sandbox.PatientWithManyPlans + `"]) { __typename } }`, gone("getVariant", ""), `{"nodes":[null,{"__typename":"Patient"}]}`},
		{"Planned", `{ a: practitioner(id: "nobody") { firstName } b: practitioner(id: "neither") { firstName } }`, sandbox.Fault{}, `{"a":null,"b":null}`},
		{"IDOfALink", `{ treatmentPlan(id: "` + sandbox.ActivePlan + `") { patient { fullscriptId } } }`, gone("getPatient", ""), `{"treatmentPlan":{"patient":{"fullscriptId":"` + sandbox.PatientWithManyPlans + `"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				if c.fault.Status != 0 {
					v.sandbox.AddFault(c.fault)
				}
				r := v.query(c.query)
				r.fails(v)
				r.status(v, http.StatusOK)
				equal(v, "data", r.Data, c.data)
			})
		})
	}
	// What hangs on a record that is gone is not empty: there is nothing to list.
	for name, below := range map[string]string{"ListBelow": "treatmentPlans { nodes { id } }", "TotalBelow": "orders { totalCount }"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				field, _, _ := strings.Cut(below, " ")
				r := v.query(`{ patient(id: "nobody") { ` + below + ` } }`)
				r.fails(v, failed{"patient." + field, "NOT_FOUND"})
				equal(v, "data", r.Data, `{"patient":{"`+field+`":null}}`)
			})
		})
	}
	t.Run("InAListHydration", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			const query = `{ patients(first: 3) { nodes { fullscriptId firstName dateOfBirth externalId } } }`
			before := v.query(query)
			row := at(v, before.Data, "patients.nodes.1").(map[string]any)
			v.sandbox.AddFault(gone("getPatient", row["fullscriptId"].(string)))
			after := v.query(query)
			after.fails(v, failed{"patients.nodes.1.dateOfBirth", "NOT_FOUND"}, failed{"patients.nodes.1.externalId", "NOT_FOUND"})
			row["dateOfBirth"], row["externalId"] = nil, nil
			if !reflect.DeepEqual(before.Data, after.Data) {
				v.Errorf("got %v, want %v", after.Data, before.Data)
			}
		})
	})
}

func TestRateLimited(t *testing.T) {
	t.Parallel()
	limited := func(t *testing.T, header string, test func(v *virtual)) {
		t.Helper()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			h := http.Header{}
			switch header {
			case "":
			case "date": // the bubble's clock begins on a full second
				h.Set("Retry-After", time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
			default:
				h.Set("Retry-After", header)
			}
			v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Status: 429, Header: h})
			test(v)
		})
	}
	for _, c := range []struct {
		name, header string
		want         int
	}{
		{"Seconds", "17", 17},
		{"Date", "date", 90},
		{"Absent", "", 1},
		{"Zero", "0", 1},
		{"Negative", "-5", 1},
		{"Nonsense", canary, 300},
		{"Past", "Mon, 02 Jan 1995 15:04:05 GMT", 1},
		{"BeyondAnyClock", "99999999999999", 3600},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			limited(t, c.header, func(v *virtual) {
				r := v.query(patientQuery)
				r.fails(v, failed{"patient", "RATE_LIMITED"})
				r.status(v, http.StatusTooManyRequests)
				if got := r.extension(v, "patient", "retryAfter"); got != float64(c.want) {
					v.Errorf("retryAfter is %v, want %d", got, c.want)
				}
				if got := r.Header.Get("Retry-After"); got != fmt.Sprint(c.want) {
					v.Errorf("Retry-After is %q, want %d", got, c.want)
				}
			})
		})
	}
	t.Run("PartOfASecond", func(t *testing.T) {
		t.Parallel()
		limited(t, "date", func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Latency: 0})
			time.Sleep(400 * time.Millisecond) // of the bubble
			if got := v.query(patientQuery).extension(v, "patient", "retryAfter"); got != 90.0 {
				v.Errorf("retryAfter is %v with 89.6 seconds to go: too early", got)
			}
		})
	})
	t.Run("LongestOfSeveral", func(t *testing.T) {
		t.Parallel()
		limited(t, "30", func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Status: 429, Header: http.Header{"Retry-After": {"4"}}})
			r := v.query(patientQuery[:len(patientQuery)-1] + ` clinic { name } }`)
			r.status(v, http.StatusTooManyRequests)
			if got := r.Header.Get("Retry-After"); got != "30" {
				v.Errorf("Retry-After is %q, want 30", got)
			}
		})
	})
	t.Run("SandboxsOwn", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{RateLimit: 1}, func(v *virtual) {
			v.query(patientQuery).fails(v)
			r := v.query(patientQuery)
			r.status(v, http.StatusTooManyRequests)
			r.fails(v, failed{"patient", "RATE_LIMITED"})
			time.Sleep(time.Duration(r.extension(v, "patient", "retryAfter").(float64)) * time.Second) // of the bubble
			v.query(patientQuery).fails(v)
		})
	})
	t.Run("Write", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "cancelTreatmentPlan", Status: 429, Header: http.Header{"Retry-After": {"3"}}})
			r := v.query(`mutation { cancelTreatmentPlan(input: {id: "` + sandbox.ActivePlan + `"}) { userErrors { message } } }`)
			r.status(v, http.StatusTooManyRequests)
			r.fails(v, failed{"cancelTreatmentPlan", "RATE_LIMITED"})
			if r.extension(v, "cancelTreatmentPlan", "outcome") != nil {
				v.Error("a write that was refused has an outcome")
			}
		})
	})
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	c := config()
	c.OperationTimeout, c.CallTimeout = 3*time.Second, time.Second
	patients := func(v *virtual) []any {
		r := v.query(`{ patients(first: 4) { nodes { fullscriptId firstName dateOfBirth } } }`)
		r.fails(v)
		return list(v, r.Data, "patients.nodes")
	}
	t.Run("OfACall", func(t *testing.T) {
		t.Parallel()
		virtually(t, c, sandbox.Options{}, func(v *virtual) {
			want := patients(v)
			slow := want[2].(map[string]any)
			v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", PathContains: slow["fullscriptId"].(string), Hang: true})
			begin := time.Now()
			r := v.query(`{ patients(first: 4) { nodes { fullscriptId firstName dateOfBirth } } }`)
			if took := time.Since(begin); took != c.CallTimeout {
				v.Errorf("took %v, want the timeout of a call, %v", took, c.CallTimeout)
			}
			r.fails(v, failed{"patients.nodes.2.dateOfBirth", "UPSTREAM_TIMEOUT"})
			slow["dateOfBirth"] = nil
			if got := list(v, r.Data, "patients.nodes"); !reflect.DeepEqual(got, want) {
				v.Errorf("got %v, want %v", got, want)
			}
		})
	})
	t.Run("OfAnOperation", func(t *testing.T) {
		t.Parallel()
		c := c
		c.CallTimeout = time.Minute
		virtually(t, c, sandbox.Options{}, func(v *virtual) {
			want := patients(v)
			for _, i := range []int{1, 3} {
				slow := want[i].(map[string]any)
				v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", PathContains: slow["fullscriptId"].(string), Hang: true})
				slow["dateOfBirth"] = nil
			}
			v.sandbox.AddFault(sandbox.Fault{Operation: "listBrands", Latency: 10 * time.Second})
			begin := time.Now()
			r := v.query(`{ brands { totalCount } patients(first: 4) { nodes { fullscriptId firstName dateOfBirth } } clinic { fullscriptId } }`)
			if took := time.Since(begin); took != c.OperationTimeout {
				v.Errorf("took %v, want the timeout of an operation, %v", took, c.OperationTimeout)
			}
			r.status(v, http.StatusOK)
			r.fails(v, failed{"brands", "UPSTREAM_TIMEOUT"}, failed{"patients.nodes.1.dateOfBirth", "UPSTREAM_TIMEOUT"}, failed{"patients.nodes.3.dateOfBirth", "UPSTREAM_TIMEOUT"})
			if got := list(v, r.Data, "patients.nodes"); !reflect.DeepEqual(got, want) {
				v.Errorf("got %v, want %v", got, want)
			}
			if got := at(v, r.Data, "clinic.fullscriptId"); got != sandbox.ClinicID {
				v.Errorf("the clinic is %v", got)
			}
		})
	})
	t.Run("OverBeforeAnythingRan", func(t *testing.T) {
		t.Parallel()
		c := c
		c.OperationTimeout = time.Nanosecond
		h := startWith(t, c, sandbox.Options{}) // on the real clock: in a bubble a nanosecond does not pass
		a := h.as(sandbox.TokenPractitioner, patientQuery)
		if len(a.Errors) == 0 || a.Errors[0].Extensions["code"] != "UPSTREAM_TIMEOUT" {
			t.Errorf("%d %+v", a.Status, a.Errors)
		}
	})
	t.Run("OfABody", func(t *testing.T) {
		t.Parallel()
		c := c
		c.CallTimeout = 50 * time.Millisecond // passes in any case: the body never comes
		begun := make(chan struct{}, 1)
		h := startRemote(t, c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"patient":`)
			_ = http.NewResponseController(w).Flush()
			begun <- struct{}{}
			<-r.Context().Done()
		}))
		a := h.as(sandbox.TokenPractitioner, patientQuery)
		<-begun
		if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "UPSTREAM_TIMEOUT" {
			t.Errorf("%d %+v", a.Status, a.Errors)
		}
	})
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close() // its port is free now
	c := config()
	c.Upstream = nobody.URL + "/api"
	g, err := gateway.New(c, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	t.Cleanup(server.Close)
	h := &harness{t: t, url: server.URL}
	a := h.as(sandbox.TokenPractitioner, patientQuery)
	if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" {
		t.Errorf("%+v", a.Errors)
	}
	a = h.as(sandbox.TokenPractitioner, `mutation { cancelTreatmentPlan(input: {id: "x"}) { userErrors { message } } }`)
	if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" || a.Errors[0].Extensions["outcome"] != nil {
		t.Errorf("a write that never left: %+v", a.Errors)
	}
}

// TestRedirect: the token goes to the partner's address and to no other.
func TestRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			var strayed, asked atomic.Int32
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				strayed.Add(1)
				_, _ = io.WriteString(w, `{"patient":{"id":"b1","date_of_birth":"2000-01-01"}}`)
			}))
			t.Cleanup(other.Close)
			h := startRemote(t, config(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "Bearer "+sandbox.TokenPractitioner {
					asked.Add(1)
				}
				http.Redirect(w, r, other.URL+r.URL.Path, status)
			}))
			a := h.as(sandbox.TokenPractitioner, patientQuery)
			if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "UPSTREAM_ERROR" {
				t.Errorf("%+v", a.Errors)
			}
			a = h.as(sandbox.TokenPractitioner, `mutation { createStaff(input: {email: "a@example.org", firstName: "A", lastName: "B"}) { staff { id } } }`)
			if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "UPSTREAM_ERROR" || a.Errors[0].Extensions["outcome"] != "unknown" {
				t.Errorf("%+v", a.Errors)
			}
			if asked.Load() != 2 || strayed.Load() != 0 {
				t.Errorf("%d calls to the partner and %d elsewhere", asked.Load(), strayed.Load())
			}
		})
	}
}

func TestBrokenRows(t *testing.T) {
	t.Parallel()
	const people = `{"patients":[{"id":"b1","first_name":"Ada"},{"first_name":"` + canary + `"},{"id":"","first_name":"` + canary + `"},{"id":"b4","first_name":"Bob"}],` +
		`"meta":{"current_page":1,"next_page":null,"prev_page":null,"total_pages":1,"total_count":4}}`
	const orders = `{"orders":[{"id":"d1","order_number":"R1"},{"id":"d2"},{"id":"d3","order_number":""},{"id":"d4","order_number":"R4"}],"meta":{"total_count":4,"current_page":1,"total_pages":1}}`
	for _, c := range []struct {
		name, operation, body, query, data string
		errors                             []failed
	}{
		{
			"NodesLeavesThemOut", "listPatients", people, `{ patients { nodes { fullscriptId firstName } totalCount } }`,
			`{"patients":{"nodes":[{"fullscriptId":"b1","firstName":"Ada"},{"fullscriptId":"b4","firstName":"Bob"}],"totalCount":4}}`,
			[]failed{{"patients.nodes", "UPSTREAM_ERROR"}},
		},
		{
			"EdgesHaveNull", "listPatients", people, `{ patients { edges { cursor node { fullscriptId firstName } } } }`,
			`{"patients":{"edges":[{"cursor":"*","node":{"fullscriptId":"b1","firstName":"Ada"}},{"cursor":"*","node":null},{"cursor":"*","node":null},{"cursor":"*","node":{"fullscriptId":"b4","firstName":"Bob"}}]}}`,
			[]failed{{"patients.edges.1.node", "UPSTREAM_ERROR"}, {"patients.edges.2.node", "UPSTREAM_ERROR"}},
		},
		{
			"Aliases", "listPatients", people, `{ all: patients { rows: edges { it: node { fullscriptId } } } }`,
			`{"all":{"rows":[{"it":{"fullscriptId":"b1"}},{"it":null},{"it":null},{"it":{"fullscriptId":"b4"}}]}}`,
			[]failed{{"all.rows.1.it", "UPSTREAM_ERROR"}, {"all.rows.2.it", "UPSTREAM_ERROR"}},
		},
		{
			"WithoutAText", "listOrders", orders, `{ orders { nodes { orderNumber } edges { node { fullscriptId } } } }`,
			`{"orders":{"nodes":[{"orderNumber":"R1"},{"orderNumber":null},{"orderNumber":""},{"orderNumber":"R4"}],"edges":[{"node":{"fullscriptId":"d1"}},{"node":{"fullscriptId":"d2"}},{"node":{"fullscriptId":"d3"}},{"node":{"fullscriptId":"d4"}}]}}`,
			nil,
		},
		{
			"NotSelected", "listPatients", people, `{ patients { totalCount pageInfo { hasNextPage } } }`,
			`{"patients":{"totalCount":4,"pageInfo":{"hasNextPage":false}}}`, nil,
		},
		{
			"RowsOfTheWrongShape", "listPatients", `{"patients":{"id":"b1","first_name":"Ada"},"meta":{"total_count":1}}`, `{ patients { nodes { firstName } } }`,
			`{"patients":{"nodes":[{"firstName":"Ada"}]}}`, nil,
		},
		{
			"MentionWithoutID", "getTreatmentPlan", `{"treatment_plan":{"id":"a1","state":"active","patient":{"id":""},"practitioner":{},"recommendations":[{"variant_id":"","units_to_purchase":2}]}}`,
			`{ treatmentPlan(id: "a1") { state patient { firstName } practitioner { firstName } recommendations { variant { sku } unitsToPurchase } } }`,
			`{"treatmentPlan":{"state":"ACTIVE","patient":null,"practitioner":null,"recommendations":[{"variant":null,"unitsToPurchase":2}]}}`, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: c.operation, Status: 200, Body: c.body})
				r := v.query(c.query)
				r.fails(v, c.errors...)
				r.status(v, http.StatusOK)
				equal(v, "data", r.Data, c.data)
				silent(v, "answer and log", r.text+v.log.String(), canary)
				if n := v.sandbox.Count(""); n != 1 {
					v.Errorf("%d calls:\n%s", n, routes(v.sandbox))
				}
			})
		})
	}
}

// TestOneVariantFails: a failing call takes the fields with it that need it and
// nothing else, and what the partner said of it stays here.
func TestOneVariantFails(t *testing.T) {
	t.Parallel()
	const query = `{ treatmentPlan(id: "` + sandbox.PlanWithLabs + `") { state recommendations { unitsToPurchase variant { fullscriptId sku product { name } } } patient { firstName } } }`
	for name, fault := range map[string]sandbox.Fault{
		"Status500": {Status: 500, Body: `{"error":"` + canary + `"}`, Header: chatty()},
		"HTML":      {Status: 200, Body: canary, Header: chatty()},
		"Redirect":  {Status: 307, Body: canary, Header: chatty("Location", "https://"+canary+"/")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				want := v.query(query)
				want.fails(v)
				lines := list(v, want.Data, "treatmentPlan.recommendations")
				id := at(v, lines[1], "variant.fullscriptId").(string)
				var fails []failed
				for i := range lines {
					if at(v, lines[i], "variant.fullscriptId") == id {
						for _, field := range []string{"sku", "product"} {
							fails = append(fails, failed{fmt.Sprintf("treatmentPlan.recommendations.%d.variant.%s", i, field), "UPSTREAM_ERROR"})
						}
					}
				}
				fault.Operation, fault.PathContains = "getVariant", id
				v.sandbox.AddFault(fault)
				v.sandbox.ResetCalls()
				r := v.query(query)
				r.fails(v, fails...)
				r.status(v, http.StatusOK)
				for _, f := range fails {
					var upstream string
					for _, call := range v.sandbox.Calls() {
						if strings.HasSuffix(call.Path, id) {
							upstream = call.RequestID
						}
					}
					if got := r.extension(v, f.path, "upstreamRequestId"); got != upstream {
						v.Errorf("upstreamRequestId is %v, want %s", got, upstream)
					}
				}
				for _, line := range lines {
					if at(v, line, "variant.fullscriptId") == id {
						line.(map[string]any)["variant"] = map[string]any{"fullscriptId": id, "sku": nil, "product": nil}
					}
				}
				if !reflect.DeepEqual(r.Data, want.Data) {
					v.Errorf("got %v, want %v", r.Data, want.Data)
				}
				silent(v, "the answer", r.text+fmt.Sprint(r.Header), fromPartner...)
				silent(v, "the log", withoutRoutes(v.log.String()), append(fromPartner, id, sandbox.PlanWithLabs)...)
			})
		})
	}
}

func TestUnknownValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, operation, body, query, data string }{
		{
			"Gender", "getPatient", `{"patient":{"id":"b1","gender":"flu\"id\n"}}`,
			`{ patient(id: "b1") { gender genderRaw } }`, `{"patient":{"gender":"UNKNOWN","genderRaw":"flu\"id\n"}}`,
		},
		{
			"StateThatIsNeverNull", "getTreatmentPlan", `{"treatment_plan":{"id":"a1","state":"on hold"}}`,
			`{ treatmentPlan(id: "a1") { state stateRaw } }`, `{"treatmentPlan":{"state":"UNKNOWN","stateRaw":"on hold"}}`,
		},
		{
			"Dosage", "getTreatmentPlan", `{"treatment_plan":{"id":"a1","state":"active","recommendations":[{"variant_id":"f1","dosage":{"frequency":"hourly","format":"drop","time_of_day":["noon","morning"]}}]}}`,
			`{ treatmentPlan(id: "a1") { recommendations { dosage { frequency frequencyRaw format formatRaw timeOfDay timeOfDayRaw } } } }`,
			`{"treatmentPlan":{"recommendations":[{"dosage":{"frequency":"UNKNOWN","frequencyRaw":"hourly","format":"DROPS","formatRaw":"drop","timeOfDay":["UNKNOWN","MORNING"],"timeOfDayRaw":["noon","morning"]}}]}}`,
		},
		{
			"TheWordUnknownItself", "getPatient", `{"patient":{"id":"b1","gender":"UNKNOWN"}}`,
			`{ patient(id: "b1") { gender genderRaw } }`, `{"patient":{"gender":"UNKNOWN","genderRaw":"UNKNOWN"}}`,
		},
		{
			"NoValue", "getPatient", `{"patient":{"id":"b1","gender":null}}`,
			`{ patient(id: "b1") { gender genderRaw } }`, `{"patient":{"gender":null,"genderRaw":null}}`,
		},
		{
			"RecordType", "findByMetadata", `{"metadata":[{"id":"x","type":"spaceship","data":{"id":"s1"}}]}`,
			`{ recordsByExternalId(externalId: "x") { nodes { id type typeRaw record { __typename } } } }`,
			`{"recordsByExternalId":{"nodes":[{"id":"s1","type":"UNKNOWN","typeRaw":"spaceship","record":null}]}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: c.operation, Status: 200, Body: c.body})
				r := v.query(c.query)
				r.fails(v)
				equal(v, "data", r.Data, c.data)
			})
		})
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		seen := map[string]bool{}
		for name, body := range map[string]string{
			"Run": requestBody(v, `{ patients(first: -1) { nodes { id } } }`), "Invalid": requestBody(v, `{ nope }`), "Unreadable": `{`,
		} {
			r := v.post(body)
			r.fails(v, failed{map[string]string{"Run": "patients"}[name], map[string]string{"Run": "BAD_USER_INPUT", "Invalid": "GRAPHQL_VALIDATION_FAILED", "Unreadable": "BAD_USER_INPUT"}[name]})
			id := r.Header.Get("X-Request-Id")
			if seen[id] {
				v.Errorf("%s has the id of another", name)
			}
			seen[id] = true
			if !strings.Contains(v.log.String(), `"requestId":"`+id+`"`) {
				v.Errorf("%s is not in the log", name)
			}
		}
		r := v.post(requestBody(v, `{ nope }`), "X-Request-Id", requestID)
		if got := r.Header.Get("X-Request-Id"); got != requestID {
			v.Errorf("a plain id is not kept: %q", got)
		}
		r.fails(v, failed{"", "GRAPHQL_VALIDATION_FAILED"})
		for _, bad := range []string{"a b", `"><script>`, strings.Repeat("a", 65), "a\u00e4"} {
			if got := v.post(requestBody(v, `{ nope }`), "X-Request-Id", bad).Header.Get("X-Request-Id"); got == bad {
				v.Errorf("%q is taken over", bad)
			}
		}
	})
}
