package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// frame is the address that the partner's browser SDK loads, with a fresh grant.
func frame(t *testing.T, s *Server, token, path string, more url.Values) string {
	t.Helper()
	grant := callAs(t, s, token, "POST", "/clinic/embeddable/session_grants", "").want(200).object()
	q := url.Values{
		"secret_token": {grant["secret_token"].(string)}, "public_key": {DefaultClientID}, "frame_id": {"f"}, "target_origin": {"https://app.example"},
	}
	for name, values := range more {
		q[name] = values
	}
	return s.opts.BaseURL + "/api/embeddable/session/" + path + "?" + q.Encode()
}

func TestEmbedTool(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"Plans": "treatment_plans/new", "Platform": "embed/entry"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b, e := site(t, Options{})
			address := frame(t, s, TokenPractitioner, path, nil)
			parsed, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			secret := parsed.Query().Get("secret_token")
			b.open(address).want(200)
			checkFramed := func() {
				t.Helper()
				if got, want := b.header.Get("Content-Security-Policy"), framedPolicy+"; form-action 'self'"; got != want || strings.Contains(got, "ancestors") {
					t.Errorf("policy is %s, want %s", got, want)
				}
				if strings.Contains(b.page, "<script") || strings.Contains(b.page, secret) {
					t.Errorf("page is %s", b.page)
				}
			}
			checkFramed()
			again := *b
			again.open(address).want(401)

			// The page goes on working, though its grant is used.
			b.press("Create the draft", "first_name", "<script>", "last_name", "B", "email", "nonsense").want(422)
			checkFramed()
			b.press("Create the draft", "email", "a@example.org").want(200)
			checkFramed()
			who := arrives(t, s, e, "patient.created")
			if who["first_name"] != "<script>" {
				t.Errorf("told %v", who)
			}
			b.press("Activate").want(200)
			told := arrives(t, s, e, "treatment_plan.created")
			plan := planNow(t, s, told["id"].(string))
			if told["patient"].(map[string]any)["id"] != who["id"] || plan["source"] != "embed" || plan["state"] != "active" {
				t.Errorf("told %v, and the plan is %v", told, plan)
			}
			b.press("Place the order").want(200)
			arrives(t, s, e, "order.placed")

			another, err := b.at.Parse(strings.Split(strings.Split(b.page, `<a href="`)[1], `"`)[0])
			if err != nil {
				t.Fatal(err)
			}
			b.open(another.String()).press("Create the draft", "patient_id", PatientWithNoPlans).want(200).press("Activate").want(200)
			arrives(t, s, e, "treatment_plan.created")
			s.Reset()
			b.open(another.String()).want(404)
		})
	}
}

// TestEmbedToolKeepsToItsUser opens it for staff, who name a practitioner of their clinic and see its patients alone.
func TestEmbedToolKeepsToItsUser(t *testing.T) {
	t.Parallel()
	s, b, e := site(t, Options{})
	b.open(frame(t, s, TokenStaff, "embed/entry", url.Values{"entrypoint": {"labs"}})).want(200)
	if !strings.Contains(b.page, "Platform: labs") || !strings.Contains(b.page, StaffID) || strings.Contains(b.page, OtherClinicPatient) {
		t.Errorf("page is %s", b.page)
	}
	b.press("Create the draft", "patient_id", OtherClinicPatient).want(422)
	b.press("Create the draft", "patient_id", PatientWithNoPlans, "practitioner_id", OtherClinicPractitionerID).want(422)
	quiet(t, s, e)
	b.press("Create the draft", "patient_id", PatientWithNoPlans, "practitioner_id", ColleagueID).want(200)
	strange, _ := b.at.Parse(OtherClinicPlan + "?" + b.at.RawQuery)
	b.press("Activate").want(200)
	if told := arrives(t, s, e, "treatment_plan.created"); told["practitioner"].(map[string]any)["id"] != ColleagueID {
		t.Errorf("told %v", told)
	}
	b.open(strange.String()).want(404)
}

// TestEmbedToolIsFilledIn with what the app told of the patient before.
func TestEmbedToolIsFilledIn(t *testing.T) {
	t.Parallel()
	s, b, _ := site(t, Options{})
	for _, c := range []struct {
		name, token, data     string
		patient, first, email string
	}{
		{"ByID", TokenPractitioner, `{"id":"` + PatientWithNoPlans + `","first_name":"X"}`, PatientWithNoPlans, "", ""},
		{"ByEmail", TokenPractitioner, `{"email":"VALENTINA.vandermeer1@example.net"}`, PatientWithManyPlans, "", ""},
		{"OfAnotherClinic", TokenOtherClinic, `{"id":"` + PatientWithNoPlans + `","first_name":"X"}`, "", "X", ""},
		{"New", TokenPractitioner, `{"first_name":"\"Ada","email":"ada@example.org","last_name":7}`, "", `"Ada`, "ada@example.org"},
	} {
		data := callAs(t, s, "", "POST", "/embeddable/tokenize", `{"data":`+c.data+`}`).want(200).object()["data_token"].(string)
		got := fieldsIn(b.open(frame(t, s, c.token, "treatment_plans/new", url.Values{"data_token": {data}})).want(200).page)
		if !slices.Equal([]string{got.Get("patient_id"), got.Get("first_name"), got.Get("email")}, []string{c.patient, c.first, c.email}) {
			t.Errorf("%s: filled in %v", c.name, got)
		}
	}
}

// TestTokenizeFromAPage: the SDK sends JSON from the app's page, so a browser asks first whether it may.
func TestTokenizeFromAPage(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for name, h := range map[string]http.Handler{"Alone": s, "InAGateway": s.ControlHandler()} {
		for method, status := range map[string]int{"OPTIONS": 204, "POST": 200} {
			r := newRequest(t, method, "/embeddable/tokenize", `{"data":{"first_name":"Ada"}}`)
			got := serve(t, h, r).want(status).Header()
			if got.Get("Access-Control-Allow-Origin") != "*" || got.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: %s: %v", name, method, got)
			}
			if method == "OPTIONS" && (got.Get("Access-Control-Allow-Methods") != "POST" || got.Get("Access-Control-Allow-Headers") != "Content-Type") {
				t.Errorf("%s: %v", name, got)
			}
		}
		serve(t, h, newRequest(t, "OPTIONS", "/embeddable/session/embed/entry", "")).want(404)
	}
}
