package sandbox

import (
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"
)

func patientNow(t *testing.T, s *Server, id string) map[string]any {
	t.Helper()
	return call(t, s, "GET", "/clinic/patients/"+id, "").want(http.StatusOK).object()["patient"].(map[string]any)
}

// TestPatchKeepsClearsAndSets: absent keeps, null clears, a value sets.
func TestPatchKeepsClearsAndSets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body    string
		status  int
		changes map[string]any
	}{
		"NothingGiven":   {`{}`, 200, map[string]any{}},
		"NoBody":         {``, 200, map[string]any{}},
		"Set":            {`{"last_name":"New","gender":"x"}`, 200, map[string]any{"last_name": "New", "gender": "x"}},
		"Clear":          {`{"date_of_birth":null,"gender":null,"mobile_number":null}`, 200, map[string]any{"date_of_birth": nil, "gender": nil, "mobile_number": nil}},
		"EmptyTextToo":   {`{"date_of_birth":""}`, 200, map[string]any{"date_of_birth": nil}},
		"DiscountText":   {`{"discount":"20"}`, 200, map[string]any{"discount": 20.0, "total_discount": 30.0}},
		"DiscountNumber": {`{"discount":7.5}`, 200, map[string]any{"discount": 7.5, "total_discount": 17.5}},
		"DiscountNull":   {`{"discount":null}`, 200, map[string]any{"discount": 0.0, "total_discount": 10.0}},
		"Metadata":       {`{"metadata":{"id":"x"}}`, 200, map[string]any{"metadata": map[string]any{"id": "x"}}},
		"MetadataKept":   {`{"metadata":{}}`, 200, map[string]any{}},
		"MetadataNull":   {`{"metadata":null}`, 200, map[string]any{"metadata": map[string]any{"id": nil}}},
		"MetadataIDNull": {`{"metadata":{"id":null}}`, 200, map[string]any{"metadata": map[string]any{"id": nil}}},
		"NameNull":       {`{"first_name":null,"last_name":"New"}`, 422, nil},
		"EmailNull":      {`{"email":null}`, 422, nil},
		"BadDate":        {`{"date_of_birth":"31.12.1980"}`, 422, nil},
		"BadDiscount":    {`{"discount":"lots"}`, 422, nil},
		"NotANumber":     {`{"discount":"NaN"}`, 422, nil},
		"NotAnObject":    {`[]`, 422, nil},
		"Null":           {`null`, 422, nil},
		"NotJSON":        {`{`, 422, nil},
		"Trailing":       {`{} {}`, 422, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(Options{})
			want := patientNow(t, s, PatientWithManyPlans)
			for key, value := range c.changes {
				want[key] = value
			}
			a := call(t, s, "PATCH", "/clinic/patients/"+PatientWithManyPlans, c.body).want(c.status)
			got := patientNow(t, s, PatientWithManyPlans)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("is\n%v, want\n%v", got, want)
			}
			if c.status == 200 && !reflect.DeepEqual(a.object()["patient"], any(want)) {
				t.Errorf("answered %v", a.Body)
			}
		})
	}
}

func TestAWriteStaysInItsServer(t *testing.T) {
	t.Parallel()
	one, two := New(Options{}), New(Options{})
	call(t, one, "PATCH", "/clinic/patients/"+PatientWithManyPlans, `{"first_name":"Changed"}`).want(200)
	call(t, one, "POST", "/clinic/patients", `{"email":"a@example.org","first_name":"A","last_name":"B"}`).want(201)
	if name := patientNow(t, two, PatientWithManyPlans)["first_name"]; name == "Changed" {
		t.Error("the seed was written to")
	}
	count := func(s *Server) any {
		return call(t, s, "GET", "/clinic", "").object()["clinic"].(map[string]any)["patient_count"]
	}
	if count(one) != 801.0 || count(two) != 800.0 {
		t.Errorf("%v and %v patients, want 801 and 800", count(one), count(two))
	}
	one.Reset()
	if count(one) != 800.0 || patientNow(t, one, PatientWithManyPlans)["first_name"] == "Changed" {
		t.Error("reset does not take back")
	}
}

func TestUniqueEmails(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	const body = `{"email":"%s","first_name":"A","last_name":"B","practitioner_type_id":"` + PractitionerTypeID + `"}`
	patient := fmt.Sprintf(body, patientNow(t, s, PatientWithManyPlans)["email"])
	a := call(t, s, "POST", "/clinic/patients", patient).want(422)
	if got := a.object()["errors"].(map[string]any)["email"].([]any)[0]; got != "has already been taken" {
		t.Errorf("says %v", got)
	}
	callAs(t, s, TokenOtherClinic, "POST", "/clinic/patients", patient).want(201) // a person may be a patient of two clinics
	stranger := fmt.Sprintf(body, seedData().practitioners.seed.byID[OtherClinicPractitionerID].Email)
	call(t, s, "POST", "/clinic/staff", stranger).want(422) // users' addresses are unique everywhere
	call(t, s, "POST", "/clinic/practitioners", stranger).want(422)
}

func TestPlanLife(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s := New(Options{Now: func() time.Time { return now }})
	events := s.Count("listTreatmentPlanEvents")
	list := "/clinic/patients/" + PatientWithNoPlans + "/treatment_plans"
	recommendation := `"recommendations":[{"variant_id":"` + VariantID + `","units_to_purchase":2,"refill":false}]`
	plan := func(a answer) map[string]any { return a.object()["treatment_plan"].(map[string]any) }

	draft := plan(call(t, s, "POST", list, `{"state":"draft",`+recommendation+`}`).want(201))
	at := "/clinic/treatment_plans/" + draft["id"].(string)
	if draft["state"] != "draft" || draft["available_at"] != nil || draft["practitioner"].(map[string]any)["id"] != PractitionerID {
		t.Errorf("draft is %v", draft)
	}
	call(t, s, "PATCH", at+"/cancel", "").want(422)
	active := plan(call(t, s, "PATCH", at+"/activate", "").want(200))
	if active["state"] != "active" || active["available_at"] != "2026-04-01" || active["invitation_url"] == nil {
		t.Errorf("activated is %v", active)
	}
	call(t, s, "PATCH", at+"/activate", "").want(422)
	call(t, s, "PATCH", at, `{"personal_message":"hello","recommendations":[]}`).want(200)
	if got := plan(call(t, s, "GET", at, "")); got["personal_message"] != "hello" || len(got["recommendations"].([]any)) != 0 {
		t.Errorf("updated is %v", got)
	}
	call(t, s, "POST", at+"/in_office_checkout", "").want(422) // nothing to buy
	call(t, s, "PATCH", at+"/cancel", "").want(200)
	call(t, s, "PATCH", at+"/activate", "").want(422)
	call(t, s, "PATCH", at, `{`+recommendation+`}`).want(422)
	call(t, s, "GET", "/clinic/dynamic_links/treatment_plans/"+draft["id"].(string), "").want(404)

	for name, body := range map[string]string{"Absent": `{` + recommendation + `}`, "Null": `{"state":null,` + recommendation + `}`} {
		if got := plan(call(t, s, "POST", list, body).want(201)); got["state"] != "active" {
			t.Errorf("%s state makes a plan %v, want active", name, got["state"])
		}
	}
	callAs(t, s, TokenStaff, "POST", list, `{`+recommendation+`}`).want(422)
	staffs := plan(callAs(t, s, TokenStaff, "POST", list, `{"practitioner_id":"`+ColleagueID+`",`+recommendation+`}`).want(201))
	if staffs["practitioner"].(map[string]any)["id"] != ColleagueID {
		t.Errorf("the staff's plan is %v", staffs["practitioner"])
	}
	call(t, s, "POST", list, `{"practitioner_id":"`+OtherClinicPractitionerID+`",`+recommendation+`}`).want(422)
	if got := len(wholeList(t, s, TokenPractitioner, list)); got != 4 {
		t.Errorf("%d plans, want 4", got)
	}
	if got := call(t, s, "GET", "/events/treatment_plans?created_at=2026-04-01", "").object()["meta"].(map[string]any)["total_count"]; got != 0.0 || events != 0 {
		t.Errorf("writing through the API made %v events", got)
	}
}

func TestPlansWithLabsNeedTheirScope(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	s.state.oauth.access["no-labs"] = &oauthToken{created: time.Now(), life: time.Hour, user: identity{
		ownerID: PractitionerID, ownerType: ownerPractitioner, clinicID: ClinicID, scopes: needs(scopeClinicWrite), approved: true,
	}}
	path, body := "/clinic/patients/"+PatientWithNulls+"/treatment_plans", `{"labs":[{"lab_test_id":"`+LabTestID+`"}]}`
	callAs(t, s, "no-labs", "POST", path, body).want(403)
	plan := call(t, s, "POST", path, body).want(201).object()["treatment_plan"].(map[string]any)
	if len(plan["lab_recommendations"].([]any)) != 1 || plan["checkout_url"] == nil || len(plan["patient_lab_fields_needed"].([]any)) != 3 {
		t.Errorf("plan with labs is %v", plan)
	}
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	send := func(token, key, path, body string) answer {
		r := newRequest(t, "POST", path, body)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Idempotency-Key", key)
		return serve(t, s, r)
	}
	path := "/clinic/patients/" + PatientWithNoPlans + "/treatment_plans"
	body := `{"state":"draft","recommendations":[{"variant_id":"` + VariantID + `","units_to_purchase":"1"}]}`
	first := send(TokenPractitioner, "k1", path, body).want(201)

	// Twenty at once: each gets the first answer, none makes another plan.
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if again := send(TokenPractitioner, "k1", path, " "+body+" "); again.Code != 201 || again.Body.String() != first.Body.String() {
				t.Errorf("repeating answers %d %s", again.Code, again.Body)
			}
		})
	}
	all.Wait()
	send(TokenPractitioner, "k1", path, `{"state":"active","recommendations":[{"variant_id":"`+VariantID+`","units_to_purchase":"1"}]}`).want(422)
	send(TokenPractitioner, "k1", "/clinic/patients/"+PatientWithNulls+"/treatment_plans", body).want(422)
	if n := len(wholeList(t, s, TokenPractitioner, path)); n != 1 {
		t.Errorf("%d plans, want 1", n)
	}
	send(TokenPractitioner, "k2", path, `{}`).want(422)
	send(TokenPractitioner, "k2", path, body).want(201) // a refused request does not spend its key
	send(TokenPractitioner, "k1", "/fulfillment/orders", shipBody).want(201)
	order := send(TokenPractitioner, "k3", "/fulfillment/orders", shipBody).want(201)
	if again := send(TokenPractitioner, "k3", "/fulfillment/orders", shipBody); again.Body.String() != order.Body.String() {
		t.Errorf("repeated order is %s, want %s", again.Body, order.Body)
	}
	callAs(t, s, TokenOtherClinic, "GET", "/clinic", "").want(200)
	send(TokenOtherClinic, "k3", "/fulfillment/orders", shipBody).want(201)
	if n := len(s.state.fulfillments); n != 3 {
		t.Errorf("%d orders, want 3", n)
	}
}

func TestDynamicLinks(t *testing.T) {
	t.Parallel()
	s := New(Options{BaseURL: "http://elsewhere.test"})
	const path = "/clinic/dynamic_links/treatment_plans"
	body := `{"treatment_plan":{"practitioner_id":"` + PractitionerID + `"},"patient":{"email":"linked@example.org","first_name":"L","last_name":"P"}}`
	link := func(a answer) map[string]any { return a.want(200).object()["dynamic_links"].(map[string]any) }
	first, second := link(call(t, s, "POST", path, body)), link(call(t, s, "POST", path, body))
	one, two := first["patient"].(map[string]any), second["patient"].(map[string]any)
	if one["id"] != two["id"] {
		t.Error("the second link made a second patient")
	}
	if one["mobile_number"] != "" || one["text_message_notification"] != 0.0 {
		t.Errorf("the two odd encodings are missing: %v", one)
	}
	planID := first["treatment_plan"].(map[string]any)["id"].(string)
	if planID == second["treatment_plan"].(map[string]any)["id"] {
		t.Error("the second link is to the first draft")
	}
	if got := call(t, s, "GET", "/clinic/treatment_plans/"+planID, "").want(200).object()["treatment_plan"].(map[string]any)["state"]; got != "draft" {
		t.Errorf("the plan is %v", got)
	}
	if again := link(call(t, s, "GET", path+"/"+planID, "")); again["redirect_url"] == first["redirect_url"] {
		t.Error("the same link twice")
	}
	known := `{"treatment_plan":{"practitioner_id":"` + PractitionerID + `"},"patient":{"email":"VALENTINA.vandermeer1@example.net","first_name":"Other"}}`
	if got := link(call(t, s, "POST", path, known))["patient"].(map[string]any)["id"]; got != PatientWithManyPlans {
		t.Errorf("found %v by email", got)
	}
	call(t, s, "POST", path, `{"treatment_plan":{"practitioner_id":"`+PractitionerID+`"},"patient":{"email":"nameless@example.org"}}`).want(422)
	nobodys := link(call(t, s, "POST", path, `{"treatment_plan":{"practitioner_id":"`+PractitionerID+`"}}`))["treatment_plan"].(map[string]any)["id"].(string)
	call(t, s, "PATCH", "/clinic/treatment_plans/"+nobodys+"/activate", "").want(422) // there is nobody to send it to

	const gateway = "/clinic/dynamic_links/gateway/treatment_plans"
	call(t, s, "POST", gateway, `{"patient":{"id":"unknown"}}`).want(422)
	call(t, s, "POST", gateway, `{"patient":{"external_id":"`+SharedExternalID+`"}}`).want(200)
	if got := call(t, s, "POST", gateway, `{}`).want(200).object()["redirect_url"].(string); got[:21] != "http://elsewhere.test" {
		t.Errorf("link is %s", got)
	}
}

func TestSessionGrant(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s := New(Options{Now: func() time.Time { return now }})
	grant := callAs(t, s, TokenStaff, "POST", "/clinic/embeddable/session_grants", "").want(200).object()
	want := map[string]any{"type": "Staff", "id": StaffID}
	if !reflect.DeepEqual(grant["user"], any(want)) || grant["claimed_at"] != nil || grant["expires_at"] != "2026-04-01T10:02:00.000Z" {
		t.Errorf("grant is %v", grant)
	}
	open := func(secret any) int {
		return callAs(t, s, "", "GET", fmt.Sprintf("/embeddable/session/embed/entry?secret_token=%v", secret), "").Code
	}
	if open(grant["secret_token"]) != 200 || open(grant["secret_token"]) != 401 {
		t.Error("a grant is good for one use")
	}
	late := callAs(t, s, TokenStaff, "POST", "/clinic/embeddable/session_grants", "").object()
	now = now.Add(grantLife)
	if open(late["secret_token"]) != 401 {
		t.Error("a grant outlives its 120 seconds")
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	s := New(Options{BaseURL: "http://127.0.0.1:7070"})
	plan := call(t, s, "GET", "/clinic/treatment_plans/"+PlanWithLabs, "").object()["treatment_plan"].(map[string]any)
	at := plan["resources"].([]any)[0].(map[string]any)["attachment_url"].(string)
	if want := "http://127.0.0.1:7070/api/clinic/resources/" + ResourceID + "/download?type=practitioner_resource"; at != want {
		t.Fatalf("attachment_url is %s, want %s", at, want)
	}
	a := call(t, s, "GET", at[len("http://127.0.0.1:7070/api"):], "").want(200)
	if a.Header().Get("Content-Type") != "application/pdf" || a.Header().Get("Content-Disposition") != `attachment; filename="sleep-hygiene-guide.pdf"` || a.Body.String()[:5] != "%PDF-" {
		t.Errorf("download is %v %.20s", a.Header(), a.Body)
	}
	call(t, s, "GET", "/clinic/resources/"+ResourceID+"/download?type=other", "").want(404)
}
