package sandbox

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// browser visits the pages of a sandbox over HTTP, as far as it takes to press their buttons.
type browser struct {
	t      *testing.T
	status int
	header http.Header
	at     *url.URL
	page   string
}

// site is a sandbox that sends its events to an endpoint, and a browser of its pages, which come from the control handler as they do in
// the gateway.
func site(t *testing.T, o Options) (*Server, *browser, *endpoint) {
	t.Helper()
	e := listen(t, take)
	front := httptest.NewUnstartedServer(nil)
	o.BaseURL, o.WebhookURL = "http://"+front.Listener.Addr().String(), e.URL
	s := sending(t, o)
	front.Config.Handler = s.ControlHandler()
	front.Start()
	t.Cleanup(front.Close)
	return s, &browser{t: t}, e
}

func (b *browser) load(method, address, body string) *browser {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req) // goes where it is sent
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.status, b.header, b.at, b.page = res.StatusCode, res.Header, res.Request.URL, string(raw)
	return b
}

func (b *browser) open(address any) *browser {
	b.t.Helper()
	return b.load("GET", address.(string), "")
}

func (b *browser) want(status int) *browser {
	b.t.Helper()
	if b.status != status {
		b.t.Fatalf("status %d, want %d: %s", b.status, status, b.page)
	}
	return b
}

var (
	formShape   = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">(.*?)</form>`)
	buttonShape = regexp.MustCompile(`<button(?: name="(\w+)" value="(\w+)")?>([^<]*)</button>`)
	inputShape  = regexp.MustCompile(`<input[^>]*name="(\w+)"[^>]*value="([^"]*)"`)
	selectShape = regexp.MustCompile(`(?s)<select name="(\w+)">(.*?)</select>`)
	optionShape = regexp.MustCompile(`<option value="([^"]*)"( selected)?>([^<]*)</option>`)
)

// buttons are those of the page.
func (b *browser) buttons() []string {
	var out []string
	for _, m := range buttonShape.FindAllStringSubmatch(b.page, -1) {
		out = append(out, m[3])
	}
	return out
}

// press sends the form of the first button of that name, filled in with names and values in turn.
func (b *browser) press(button string, fields ...string) *browser {
	b.t.Helper()
	for _, form := range formShape.FindAllStringSubmatch(b.page, -1) {
		for _, m := range buttonShape.FindAllStringSubmatch(form[2], -1) {
			if m[3] != button {
				continue
			}
			values := fieldsIn(form[2])
			if m[1] != "" {
				values.Set(m[1], m[2])
			}
			for i := 0; i < len(fields); i += 2 {
				values.Set(fields[i], fields[i+1])
			}
			to, err := b.at.Parse(html.UnescapeString(form[1]))
			if err != nil {
				b.t.Fatal(err)
			}
			return b.load("POST", to.String(), values.Encode())
		}
	}
	b.t.Fatalf("no button %q on %s", button, b.page)
	return nil
}

// fieldsIn are the values that a form is sent with when nobody changes them.
func fieldsIn(form string) url.Values {
	values := url.Values{}
	for _, m := range inputShape.FindAllStringSubmatch(form, -1) {
		values.Set(m[1], html.UnescapeString(m[2]))
	}
	for _, m := range selectShape.FindAllStringSubmatch(form, -1) {
		for i, o := range optionShape.FindAllStringSubmatch(m[2], -1) {
			if i == 0 || o[2] != "" {
				values.Set(m[1], html.UnescapeString(o[1]))
			}
		}
	}
	return values
}

// linkTo is a dynamic link to a plan; to a blank one for "".
func linkTo(t *testing.T, s *Server, token, planID string) string {
	t.Helper()
	if planID == "" {
		return callAs(t, s, token, "GET", "/clinic/dynamic_links/treatment_plans", "").want(200).object()["redirect_url"].(string)
	}
	got := callAs(t, s, token, "GET", "/clinic/dynamic_links/treatment_plans/"+planID, "").want(200).object()
	return got["dynamic_links"].(map[string]any)["redirect_url"].(string)
}

func planNow(t *testing.T, s *Server, planID string) map[string]any {
	t.Helper()
	return call(t, s, "GET", "/clinic/treatment_plans/"+planID, "").want(200).object()["treatment_plan"].(map[string]any)
}

// dataKeys are those of the events that pages make, and the name their data is under.
var dataKeys = map[string]struct {
	under  string
	schema string
	keys   []string
}{
	"patient.created": {"patient", "PatientEventData", []string{
		"date_of_birth", "discount", "email", "first_name", "gender", "id", "last_name", "mobile_number", "text_message_notification", "total_discount",
	}},
	"treatment_plan.created":                {"treatment_plan", "TreatmentPlanEventData", planDataKeys},
	"treatment_plan.updated":                {"treatment_plan", "TreatmentPlanEventData", planDataKeys},
	"treatment_plan.recommendation.updated": {"treatment_plan", "TreatmentPlanEventData", planDataKeys},
	"order.placed": {"", "OrderEventData", []string{
		"completed_at", "id", "line_items", "order_number", "patient_id", "practitioner_ids", "treatment_plan_ids",
	}},
}

var planDataKeys = []string{"active", "available_at", "id", "lab_recommendations", "patient", "practitioner", "recommendations", "resources"}

// arrives takes the one event that a page made, checks that it is signed, of the first clinic, shaped as the partner's and shown by the
// API, and returns its data.
func arrives(t *testing.T, s *Server, e *endpoint, kind string) map[string]any {
	t.Helper()
	a := <-e.got
	s.settle()
	if len(e.got) > 0 {
		t.Errorf("more than one event: %s", (<-e.got).body)
	}
	return checkEvent(t, s, a, kind)
}

func checkEvent(t *testing.T, s *Server, a arrival, kind string) map[string]any {
	t.Helper()
	got := a.event(t)
	if got.Type != kind || got.ClinicID != ClinicID || got.IntegrationID == nil {
		t.Errorf("event is %+v, want %s", got.eventSummary, kind)
	}
	at, err := strconv.ParseInt(strings.TrimPrefix(strings.Split(a.signature, ",")[0], "t="), 10, 64)
	if err != nil || a.signature != Sign(DefaultWebhookSecret, time.Unix(at, 0), a.body) {
		t.Errorf("%s does not sign %s", a.signature, a.body)
	}
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	want := dataKeys[kind]
	data := got.Data.(map[string]any)
	if err := doc.Components.Schemas[want.schema].Value.VisitJSON(data); err != nil {
		t.Errorf("%s: %v", kind, err)
	}
	if want.under != "" {
		if len(data) != 1 {
			t.Errorf("data is %v", data)
		}
		data = data[want.under].(map[string]any)
	}
	var keys []string
	for key := range data {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	if !slices.Equal(keys, want.keys) {
		t.Errorf("%s tells %v, want %v", kind, keys, want.keys)
	}

	category := eventCategories[kind].list
	if !slices.ContainsFunc(wholeList(t, s, TokenPractitioner, "/events/"+category), func(e any) bool { return e.(map[string]any)["id"] == got.ID }) {
		t.Errorf("/events/%s does not show %s", category, got.ID)
	}
	call(t, s, "GET", "/events/"+got.ID, "").want(200)
	callAs(t, s, TokenOtherClinic, "GET", "/events/"+got.ID, "").want(404)
	if rows := deliveries(t, s, got.ID); len(rows) != 1 || rows[0]["successfully_delivered"] != true {
		t.Errorf("deliveries are %v", rows)
	}
	return data
}

// quiet checks that nothing was told.
func quiet(t *testing.T, s *Server, e *endpoint) {
	t.Helper()
	s.settle()
	if n := len(s.state.events.added.list); n > 0 || len(e.got) > 0 {
		t.Errorf("%d events were made and %d arrived", n, len(e.got))
	}
}

func TestButtonsOfAPlan(t *testing.T) {
	t.Parallel()
	t.Run("Activate", func(t *testing.T) {
		t.Parallel()
		s, b, e := site(t, Options{})
		b.open(linkTo(t, s, TokenPractitioner, DraftPlan)).want(200)
		if got := b.buttons(); !slices.Equal(got, []string{"Change the quantity", "Change the quantity", "Add the product", "Activate"}) {
			t.Errorf("buttons are %v", got)
		}
		b.press("Activate").want(200)
		data := arrives(t, s, e, "treatment_plan.created")
		now := planNow(t, s, DraftPlan)
		if data["id"] != DraftPlan || data["active"] != "true" || now["state"] != "active" || data["available_at"] != now["available_at"] {
			t.Errorf("told %v, and the plan is %v", data, now)
		}
		if got := b.buttons(); !slices.Contains(got, "Cancel the plan") || slices.Contains(got, "Activate") {
			t.Errorf("buttons are %v", got)
		}
		if !strings.Contains(b.page, "<code>treatment_plan.created</code>") {
			t.Errorf("the page does not tell: %s", b.page)
		}
		b.open(b.at.String()).want(200) // loading it again does nothing again
		s.settle()
		if len(e.got) > 0 {
			t.Error("another event")
		}
	})
	t.Run("Cancel", func(t *testing.T) {
		t.Parallel()
		s, b, e := site(t, Options{})
		b.open(linkTo(t, s, TokenPractitioner, ActivePlan)).want(200).press("Cancel the plan").want(200)
		data := arrives(t, s, e, "treatment_plan.updated")
		if data["id"] != ActivePlan || data["active"] != "false" || planNow(t, s, ActivePlan)["state"] != "cancelled" {
			t.Errorf("told %v", data)
		}
		if got := b.buttons(); len(got) > 0 {
			t.Errorf("buttons of a cancelled plan: %v", got)
		}
	})
	t.Run("Quantity", func(t *testing.T) {
		t.Parallel()
		s, b, e := site(t, Options{})
		before := planNow(t, s, ActivePlan)["recommendations"].([]any)
		b.open(linkTo(t, s, TokenPractitioner, ActivePlan)).want(200).press("Change the quantity", "units_to_purchase", "17").want(200)
		data := arrives(t, s, e, "treatment_plan.recommendation.updated")
		after := planNow(t, s, ActivePlan)["recommendations"].([]any)
		changed, told := after[0].(map[string]any), data["recommendations"].([]any)[0].(map[string]any)
		if changed["units_to_purchase"] != 17.0 || told["units_to_purchase"] != 17.0 || len(after) != 3 {
			t.Errorf("told %v, and there are %v", told, after)
		}
		was := before[0].(map[string]any)
		was["units_to_purchase"] = 17.0
		checkSame(t, changed, was)
		checkSame(t, after[1:], before[1:])

		b.press("Add the product", "variant_id", VariantID, "units_to_purchase", "2").want(200)
		data = arrives(t, s, e, "treatment_plan.recommendation.updated")
		if added := data["recommendations"].([]any)[3].(map[string]any); added["variant_id"] != VariantID || added["units_to_purchase"] != 2.0 {
			t.Errorf("added %v", added)
		}
	})
	t.Run("Order", func(t *testing.T) {
		t.Parallel()
		s, b, e := site(t, Options{})
		call(t, s, "POST", "/clinic/treatment_plans/"+PlanWithLabs+"/in_office_checkout", "").want(201)
		b.open(linkTo(t, s, TokenPractitioner, PlanWithLabs)).want(200).press("Place the order").want(200)
		data := arrives(t, s, e, "order.placed")
		if !slices.Equal(data["treatment_plan_ids"].([]any), []any{PlanWithLabs}) || data["patient_id"] != PatientWithManyPlans ||
			!slices.Equal(data["practitioner_ids"].([]any), []any{planNow(t, s, PlanWithLabs)["practitioner"].(map[string]any)["id"]}) {
			t.Errorf("told %v", data)
		}
		listed := wholeList(t, s, TokenPractitioner, "/clinic/orders?order_number="+data["order_number"].(string))
		if len(listed) != 1 || listed[0].(map[string]any)["id"] != data["id"] {
			t.Errorf("orders are %v", listed)
		}
		if n := len(wholeList(t, s, TokenPractitioner, "/clinic/orders?type=labs&treatment_plan_id="+PlanWithLabs)); n < 2 {
			t.Errorf("%d orders of the plan with labs", n)
		}
		route := describedRoutes(t)["getOrder"]
		path := with("id", data["id"].(string))
		r := sample{}.request(t, s, route, path)
		got := serve(t, s, r).want(200)
		checkAnswer(t, route, r, path, got, true)
		checkKeys(t, route, got)
		full := got.object()["order"].(map[string]any)
		checkSame(t, full["line_items"], data["line_items"])
		if len(full["line_items"].([]any)) != 7 || full["payment_total"] == "0.00" {
			t.Errorf("order is %v", full)
		}
		if cart := control(t, s, "GET", "/_sandbox/carts/"+PatientWithManyPlans, "").object()["cart"].([]any); len(cart) > 0 {
			t.Errorf("the cart still holds %v", cart)
		}
		first := data["order_number"]
		b.press("Place the order").want(200)
		if again := arrives(t, s, e, "order.placed")["order_number"]; again == first {
			t.Errorf("two orders have the number %v", again)
		}
	})
	t.Run("OfADraft", func(t *testing.T) { // nobody is told of what is not sent yet
		t.Parallel()
		s, b, e := site(t, Options{})
		b.open(linkTo(t, s, TokenPractitioner, DraftPlan)).press("Change the quantity", "units_to_purchase", "9").want(200)
		if got := planNow(t, s, DraftPlan)["recommendations"].([]any)[0].(map[string]any)["units_to_purchase"]; got != 9.0 {
			t.Errorf("%v units", got)
		}
		quiet(t, s, e)
	})
	t.Run("ThroughTheAPI", func(t *testing.T) { // which tells nobody either
		t.Parallel()
		s, _, e := site(t, Options{})
		call(t, s, "PATCH", "/clinic/treatment_plans/"+DraftPlan+"/activate", "").want(200)
		call(t, s, "PATCH", "/clinic/treatment_plans/"+ActivePlan+"/cancel", "").want(200)
		call(t, s, "POST", "/clinic/patients", `{"email":"a@example.org","first_name":"A","last_name":"B"}`).want(201)
		quiet(t, s, e)
	})
}

func checkSame(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestRefusedButtons presses what a page does not offer, or with what cannot be.
func TestRefusedButtons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, plan, form, says string }{
		{"ActivateActive", ActivePlan, "do=activate", "can&#39;t be activated"},
		{"CancelDraft", DraftPlan, "do=cancel", "can&#39;t be cancelled"},
		{"OrderFromDraft", DraftPlan, "do=order", "nothing can be ordered"},
		{"OrderNothing", EmptyPlan, "do=order", "no recommendations"},
		{"NoUnits", ActivePlan, "do=quantity&variant_id=" + VariantID + "&units_to_purchase=0", "whole number"},
		{"NoNumber", ActivePlan, "do=quantity&variant_id=" + VariantID + "&units_to_purchase=%3Cb%3E", "whole number"},
		{"NoVariant", ActivePlan, "do=quantity&variant_id=unknown&units_to_purchase=1", "does not exist"},
		{"NothingNamed", ActivePlan, "do=quantity", "can&#39;t be blank"},
		{"AnotherPatient", DraftPlan, "do=patient&patient_id=" + PatientWithNoPlans, "can&#39;t be changed"},
		{"NoButton", ActivePlan, "do=nothing", "no such button"},
		{"Nothing", ActivePlan, "x=", "no such button"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, b, e := site(t, Options{})
			before := planNow(t, s, c.plan)
			b.load("POST", linkTo(t, s, TokenPractitioner, c.plan), c.form).want(422)
			if !strings.Contains(b.page, c.says) || !strings.Contains(b.page, `role="alert"`) {
				t.Errorf("does not say %q: %s", c.says, b.page)
			}
			checkSame(t, planNow(t, s, c.plan), before)
			quiet(t, s, e)
		})
	}
	t.Run("Unchanged", func(t *testing.T) {
		t.Parallel()
		s, b, e := site(t, Options{})
		b.open(linkTo(t, s, TokenPractitioner, ActivePlan)).press("Change the quantity").want(422)
		quiet(t, s, e)
	})
	t.Run("Cancelled", func(t *testing.T) {
		t.Parallel()
		s, b, e := site(t, Options{})
		link := linkTo(t, s, TokenPractitioner, ActivePlan)
		call(t, s, "PATCH", "/clinic/treatment_plans/"+ActivePlan+"/cancel", "").want(200)
		for _, form := range []string{"do=activate", "do=cancel", "do=order", "do=quantity&variant_id=" + VariantID + "&units_to_purchase=1"} {
			b.load("POST", link, form).want(422)
		}
		quiet(t, s, e)
	})
}

func TestBlankLink(t *testing.T) {
	t.Parallel()
	s, b, e := site(t, Options{})
	b.open(linkTo(t, s, TokenPractitioner, "")).want(200)
	const name = `<script>alert("x")</script>`
	b.press("Create the draft", "first_name", name, "last_name", "O'Sample", "email", "new@example.org",
		"variant_id", VariantID, "units_to_purchase", "3").want(200)
	who := arrives(t, s, e, "patient.created")
	if who["first_name"] != name || who["email"] != "new@example.org" || who["total_discount"] == nil {
		t.Errorf("told %v", who)
	}
	if patientNow(t, s, who["id"].(string))["first_name"] != name {
		t.Error("the API does not know the patient")
	}
	if strings.Contains(b.page, "<script") || !strings.Contains(b.page, "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; O&#39;Sample") {
		t.Errorf("the name is not escaped: %s", b.page)
	}
	plans := wholeList(t, s, TokenPractitioner, "/clinic/patients/"+who["id"].(string)+"/treatment_plans")
	if len(plans) != 1 {
		t.Fatalf("plans are %v", plans)
	}
	planID := plans[0].(map[string]any)["id"].(string)
	if got := planNow(t, s, planID); got["state"] != "draft" || got["source"] != "dynamic_link" || got["practitioner"].(map[string]any)["id"] != PractitionerID {
		t.Errorf("plan is %v", got)
	}
	b.press("Activate").want(200)
	told := arrives(t, s, e, "treatment_plan.created")
	first := told["recommendations"].([]any)[0].(map[string]any)
	if told["id"] != planID || told["patient"].(map[string]any)["id"] != who["id"] || first["units_to_purchase"] != 3.0 {
		t.Errorf("told %v", told)
	}

	// For a patient of the clinic nothing is told before the plan is activated.
	b.open(linkTo(t, s, TokenPractitioner, "")).press("Create the draft", "patient_id", PatientWithNoPlans).want(200).press("Activate").want(200)
	if told := arrives(t, s, e, "treatment_plan.created"); told["patient"].(map[string]any)["id"] != PatientWithNoPlans {
		t.Errorf("told %v", told)
	}

	// The name is everywhere else, too.
	b.open(linkTo(t, s, TokenPractitioner, "")).want(200)
	if strings.Contains(b.page, "<script") || !strings.Contains(b.page, "&lt;script&gt;") {
		t.Error("the name is not escaped in the list")
	}
}

func TestRefusedDrafts(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string][]string{
		"Nobody":        {},
		"NoName":        {"email", "a@example.org"},
		"EmailTaken":    {"first_name", `"><b>`, "last_name", "B", "email", "valentina.vandermeer1@example.net"},
		"EmailNone":     {"first_name", "A", "last_name", "B", "email", "nonsense"},
		"UnknownOne":    {"patient_id", "unknown"},
		"OtherClinics":  {"patient_id", OtherClinicPatient},
		"NoVariant":     {"patient_id", PatientWithNoPlans, "variant_id", "unknown"},
		"NewNoVariant":  {"first_name", "A", "last_name", "B", "email", "a@example.org", "variant_id", ""},
		"NoUnits":       {"patient_id", PatientWithNoPlans, "units_to_purchase", "none"},
		"StrangeDoctor": {"patient_id", PatientWithNoPlans, "practitioner_id", OtherClinicPractitionerID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b, e := site(t, Options{})
			b.open(linkTo(t, s, TokenPractitioner, "")).press("Create the draft", fields...).want(422)
			if strings.Contains(b.page, "<b>") || name == "EmailTaken" && !strings.Contains(b.page, `value="&#34;&gt;&lt;b&gt;"`) {
				t.Errorf("what was filled in is not kept, or not escaped: %s", b.page)
			}
			if n, m := len(s.state.patients.added.list), len(s.state.plans.added.list); n+m > 0 {
				t.Errorf("%d patients and %d plans were made", n, m)
			}
			quiet(t, s, e)
			b.press("Create the draft", "patient_id", PatientWithNoPlans, "variant_id", VariantID, "units_to_purchase", "1").want(200)
		})
	}
}

// TestLinksKeepToTheirClinic takes the link of one clinic to what belongs to the other.
func TestLinksKeepToTheirClinic(t *testing.T) {
	t.Parallel()
	s, b, e := site(t, Options{})
	own, other := linkTo(t, s, TokenPractitioner, ActivePlan), linkTo(t, s, TokenOtherClinic, OtherClinicPlan)
	b.open(other).want(200)
	swapped := strings.Replace(own, ActivePlan, OtherClinicPlan, 1)
	b.open(swapped).want(404)
	for _, form := range []string{
		"do=activate", "do=cancel", "do=order", "do=quantity&variant_id=" + VariantID + "&units_to_purchase=1", "do=patient&patient_id=" + PatientWithNoPlans,
	} {
		b.load("POST", swapped, form).want(404)
		b.load("POST", strings.Replace(other, OtherClinicPlan, ActivePlan, 1), form).want(404)
	}
	if b.open(linkTo(t, s, TokenOtherClinic, "")).want(200); strings.Contains(b.page, PatientWithNoPlans) {
		t.Error("the other clinic may choose a patient of this one")
	}
	quiet(t, s, e)

	b.open(own).press("Cancel the plan").want(200)
	id := b.at.Query().Get("event")
	arrives(t, s, e, "treatment_plan.updated")
	if b.open(other + "&event=" + id).want(200); strings.Contains(b.page, id) {
		t.Error("the page tells of the other clinic's event")
	}
	b.open(other).press("Cancel the plan").want(200)
	if got := (<-e.got).event(t); got.ClinicID != OtherClinicID {
		t.Errorf("the event is of %s", got.ClinicID)
	}
}

func TestDeadLinks(t *testing.T) {
	t.Parallel()
	s, b, _ := site(t, Options{})
	base := s.opts.BaseURL + sitePath
	link := linkTo(t, s, TokenPractitioner, ActivePlan)
	for _, address := range []string{
		base + "treatment_plans/" + ActivePlan, base + "treatment_plans/" + ActivePlan + "?link=unknown", base + "treatment_plans/new", base + "gateway/catalog",
		base + "in_office_checkout/" + ActivePlan, base + "treatment_plans/" + ActivePlan + "/nothing", base + "treatment_plans/unknown/checkout",
		strings.Replace(link, ActivePlan, "unknown", 1),
	} {
		b.open(address).want(404)
		b.load("POST", address, "do=cancel").want(404)
	}
	b.open(link).want(200)
	s.Reset()
	b.open(link).want(404)
	if again := linkTo(t, s, TokenPractitioner, ActivePlan); again == link {
		t.Error("a link came again after a reset")
	}
}

func TestPatientsPages(t *testing.T) {
	t.Parallel()
	s, b, e := site(t, Options{})
	plan := planNow(t, s, PlanWithLabs)
	office := call(t, s, "POST", "/clinic/treatment_plans/"+PlanWithLabs+"/in_office_checkout", "").object()["in_office_checkout"].(map[string]any)
	for _, address := range []any{plan["invitation_url"], plan["checkout_url"], office["url"], s.link("treatment_plans", PlanWithLabs, "practitioner_pay")} {
		b.open(address).want(200)
		if got := b.buttons(); !slices.Equal(got, []string{"Place the order"}) {
			t.Errorf("%s has the buttons %v", address, got)
		}
		for _, form := range []string{"do=cancel", "do=activate", "do=quantity&variant_id=" + VariantID + "&units_to_purchase=1", "do=patient"} {
			b.load("POST", address.(string), form).want(422)
		}
		b.open(address).press("Place the order").want(200)
		if got := arrives(t, s, e, "order.placed"); got["patient_id"] != PatientWithManyPlans {
			t.Errorf("told %v", got)
		}
	}
	// The key of a patient's page opens no page of a practitioner.
	_, key, _ := strings.Cut(office["url"].(string), "?")
	b.open(s.link("treatment_plans", "new") + "?" + key).want(404)
	b.load("POST", s.link("treatment_plans", PlanWithLabs)+"?"+key, "do=cancel").want(422)
	s.settle()
	if len(e.got) > 0 {
		t.Error("another event")
	}
}

// TestDraftWithoutAPatient gets one on the page, as a link may lead to a draft for nobody.
func TestDraftWithoutAPatient(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fields []string
		isNew  bool
	}{
		{"Known", []string{"patient_id", PatientWithNoPlans}, false},
		{"New", []string{"first_name", "A", "last_name", "B", "email", "a@example.org"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, b, e := site(t, Options{})
			link := call(t, s, "POST", "/clinic/dynamic_links/treatment_plans", `{"treatment_plan":{"practitioner_id":"`+ColleagueID+`"}}`).
				want(200).object()["dynamic_links"].(map[string]any)
			id := link["treatment_plan"].(map[string]any)["id"].(string)
			b.open(link["redirect_url"]).want(200)
			if slices.Contains(b.buttons(), "Activate") {
				t.Error("may be activated for nobody")
			}
			b.load("POST", link["redirect_url"].(string), "do=activate").want(422)
			b.open(link["redirect_url"]).press("Set the patient", "patient_id", "unknown").want(422)
			quiet(t, s, e)

			b.press("Set the patient", c.fields...).want(200)
			patientID := PatientWithNoPlans
			if c.isNew {
				patientID = arrives(t, s, e, "patient.created")["id"].(string)
			} else {
				quiet(t, s, e)
			}
			if got := wholeList(t, s, TokenPractitioner, "/clinic/patients/"+patientID+"/treatment_plans"); len(got) != 1 || got[0].(map[string]any)["id"] != id {
				t.Errorf("plans of the patient are %v", got)
			}
			b.press("Add the product", "variant_id", VariantID, "units_to_purchase", "2").want(200).press("Activate").want(200)
			told := arrives(t, s, e, "treatment_plan.created")
			if told["id"] != id || told["patient"].(map[string]any)["id"] != patientID || told["practitioner"].(map[string]any)["id"] != ColleagueID {
				t.Errorf("told %v", told)
			}
			if plans := wholeList(t, s, TokenPractitioner, "/clinic/patients/"+patientID+"/treatment_plans"); plans[0].(map[string]any)["state"] != "active" {
				t.Errorf("plans of the patient are %v", plans)
			}
		})
	}
}

// TestStaffNamePractitioners has staff choose, since they prescribe nothing themselves.
func TestStaffNamePractitioners(t *testing.T) {
	t.Parallel()
	s, b, e := site(t, Options{})
	b.open(linkTo(t, s, TokenStaff, "")).want(200)
	if !strings.Contains(b.page, `<option value="`+ColleagueID+`">`) || strings.Contains(b.page, OtherClinicPractitionerID) {
		t.Errorf("practitioners are not those of the clinic: %s", b.page)
	}
	b.press("Create the draft", "patient_id", PatientWithNoPlans, "practitioner_id", ColleagueID).want(200).press("Activate").want(200)
	if told := arrives(t, s, e, "treatment_plan.created"); told["practitioner"].(map[string]any)["id"] != ColleagueID {
		t.Errorf("told %v", told)
	}
}

func TestGatewayLinkIsFilledIn(t *testing.T) {
	t.Parallel()
	s, b, e := site(t, Options{})
	open := func(token, body string) url.Values {
		t.Helper()
		link := callAs(t, s, token, "POST", "/clinic/dynamic_links/gateway/treatment_plans", body).want(200).object()["redirect_url"]
		return fieldsIn(b.open(link).want(200).page)
	}
	if got := open(TokenPractitioner, `{"patient":{"id":"`+PatientWithNoPlans+`"}}`).Get("patient_id"); got != PatientWithNoPlans {
		t.Errorf("patient is %q", got)
	}
	got := open(TokenPractitioner, `{"patient":{"first_name":"Ada","last_name":"\"Sample\""}}`)
	if got.Get("patient_id") != "" || got.Get("first_name") != "Ada" || got.Get("last_name") != `"Sample"` {
		t.Errorf("filled in: %v", got)
	}
	got = open(TokenStaff, `{"patient":{"id":"`+PatientWithNoPlans+`"},"treatment_plan":{"practitioner_id":"`+ColleagueID+`"},"entrypoint":"labs"}`)
	if got.Has("practitioner_id") {
		t.Error("the practitioner may be chosen though one was named")
	}
	b.press("Create the draft").want(200).press("Activate").want(200)
	told := arrives(t, s, e, "treatment_plan.created")
	if told["practitioner"].(map[string]any)["id"] != ColleagueID || told["patient"].(map[string]any)["id"] != PatientWithNoPlans {
		t.Errorf("told %v", told)
	}
}

// TestPagesDoNotWait has a receiver that does not answer; the browser gets its page all the same, and the next event waits its turn.
func TestPagesDoNotWait(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	let := sync.OnceFunc(func() { close(release) })
	defer let() // the endpoint cannot end before
	e := listen(t, func(w http.ResponseWriter, n int) {
		<-release
		take(w, n)
	})
	s, b, _ := site(t, Options{})
	s.SetWebhookURL(e.URL)
	b.open(linkTo(t, s, TokenPractitioner, DraftPlan)).press("Activate").want(200).press("Place the order").want(200).press("Cancel the plan").want(200)
	if planNow(t, s, DraftPlan)["state"] != "cancelled" {
		t.Error("what was done is not seen")
	}
	let()
	for _, kind := range []string{"treatment_plan.created", "order.placed", "treatment_plan.updated"} {
		a := <-e.got
		if got := a.event(t).Type; got != kind {
			t.Errorf("%s arrived, want %s", got, kind)
		}
	}
	s.settle()
}

func TestPagePolicy(t *testing.T) {
	t.Parallel()
	s, b, _ := site(t, Options{})
	for _, address := range []string{
		linkTo(t, s, TokenPractitioner, ""), linkTo(t, s, TokenPractitioner, ActivePlan), s.link("treatment_plans", PlanWithLabs, "checkout"),
		s.link("treatment_plans", "new"),
	} {
		b.open(address)
		if got, want := b.header.Get("Content-Security-Policy"), pagePolicy+"; form-action 'self'"; got != want {
			t.Errorf("policy is %s, want %s", got, want)
		}
		if b.header.Get("Cache-Control") != "no-store" || b.header.Get("Referrer-Policy") != "no-referrer" || strings.Contains(b.page, "<script") {
			t.Errorf("%v %s", b.header, b.page)
		}
	}
}

func TestVisitsAreBounded(t *testing.T) {
	t.Parallel()
	v := &visits{byKey: map[string]*visit{}}
	var keys []string
	for n := range keptVisits + 3 {
		keys = append(keys, v.add(n, &visit{}))
	}
	if len(v.byKey) != keptVisits || v.get(keys[2]) != nil || v.get(keys[3]) == nil {
		t.Errorf("%d visits are kept", len(v.byKey))
	}
}

func TestRelative(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"/_sandbox/web/treatment_plans/new", "/_sandbox/web/treatment_plans/x"},
		{"/_sandbox/web/embed", "/_sandbox/web/treatment_plans/x"},
		{"/api/embeddable/session/embed/entry", "/_sandbox/web/embed"},
	} {
		for _, prefix := range []string{"", "/behind/a/proxy"} {
			from, _ := url.Parse("http://127.0.0.1:7070" + prefix + c[0])
			if to, err := from.Parse(relative(c[0], c[1])); err != nil || to.Path != prefix+c[1] {
				t.Errorf("from %s to %v", from, to)
			}
		}
	}
}
