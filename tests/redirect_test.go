package tests

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// sitePage is one of the partner's site, as far as a browser without scripts gets
// with it.
type sitePage struct {
	browser *browser
	status  int
	header  http.Header
	where   *url.URL
	text    string
}

func (b *browser) visit(address any) *sitePage {
	b.t.Helper()
	link, ok := address.(string)
	if !ok {
		b.t.Fatalf("%v is no address", address)
	}
	return b.load(http.MethodGet, link, nil)
}

func (b *browser) load(method, address string, form url.Values) *sitePage {
	b.t.Helper()
	header := http.Header{}
	if form != nil {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res := b.exchange(method, address, form.Encode(), header) // goes where it is sent
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return &sitePage{b, res.StatusCode, res.Header, res.Request.URL, string(text)}
}

func (p *sitePage) want(status int) *sitePage {
	p.browser.t.Helper()
	if p.status != status {
		p.browser.t.Fatalf("%d at %s, want %d: %s", p.status, p.where, status, p.text)
	}
	return p
}

var (
	formShape   = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">(.*?)</form>`)
	buttonShape = regexp.MustCompile(`<button(?: name="(\w+)" value="(\w+)")?>([^<]*)</button>`)
	inputShape  = regexp.MustCompile(`<input[^>]*name="(\w+)"[^>]*value="([^"]*)"`)
	selectShape = regexp.MustCompile(`(?s)<select name="(\w+)">(.*?)</select>`)
	optionShape = regexp.MustCompile(`<option value="([^"]*)"( selected)?>`)
)

// form finds the first one that has a button of that name: where it is sent to,
// and with what when nobody changes it. There is none for a nil form.
func (p *sitePage) form(button string) (to string, form url.Values) {
	for _, f := range formShape.FindAllStringSubmatch(p.text, -1) {
		for _, b := range buttonShape.FindAllStringSubmatch(f[2], -1) {
			if b[3] != button {
				continue
			}
			form = url.Values{}
			if b[1] != "" {
				form.Set(b[1], b[2])
			}
			for _, m := range inputShape.FindAllStringSubmatch(f[2], -1) {
				form.Set(m[1], html.UnescapeString(m[2]))
			}
			for _, m := range selectShape.FindAllStringSubmatch(f[2], -1) {
				for i, o := range optionShape.FindAllStringSubmatch(m[2], -1) {
					if i == 0 || o[2] != "" {
						form.Set(m[1], html.UnescapeString(o[1]))
					}
				}
			}
			return html.UnescapeString(f[1]), form
		}
	}
	return "", nil
}

func (p *sitePage) has(button string) bool {
	_, form := p.form(button)
	return form != nil
}

// press sends a button's form, filled in with names and values in turn.
func (p *sitePage) press(button string, fields ...string) *sitePage {
	p.browser.t.Helper()
	action, form := p.form(button)
	if form == nil {
		p.browser.t.Fatalf("no button %q on %s", button, p.text)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	to, err := p.where.Parse(action)
	if err != nil {
		p.browser.t.Fatal(err)
	}
	return p.browser.load(http.MethodPost, to.String(), form)
}

// event is the id of the event that the last button made, "" for none.
func (p *sitePage) event() string { return p.where.Query().Get("event") }

// plan is the plan that a page is about.
func (p *sitePage) plan() string {
	p.browser.t.Helper()
	_, id, is := strings.Cut(p.where.Path, "/treatment_plans/")
	if !is || id == "new" {
		p.browser.t.Fatalf("%s is about no plan", p.where)
	}
	return id
}

const (
	watchPlans = `subscription { treatmentPlanUpdated { event { fullscriptId type } treatmentPlan {
		fullscriptId state availableAt patient { fullscriptId } practitioner { fullscriptId } recommendations { unitsToPurchase } } } }`
	watchPatients = `subscription { patientUpdated { event { fullscriptId type } patient { fullscriptId firstName email } } }`
	watchOrders   = `subscription { orderPlaced { event { fullscriptId type } order {
		fullscriptId orderNumber paymentTotal patient { fullscriptId } treatmentPlans { fullscriptId } } } }`
	readPlan = `query($id: ID!) { treatmentPlan(id: $id) { state availableAt source personalMessage patient { fullscriptId } practitioner { fullscriptId }
		recommendations { unitsToPurchase } } }`
)

// told takes the next event of a stream, which must be the one the page's button
// made, and no other before it.
func told(t *testing.T, s *streamed, p *sitePage, kind string) any {
	t.Helper()
	if p.event() == "" {
		t.Fatalf("nothing happened at %s: %s", p.where, p.text)
	}
	update, event := nextOf(s)
	if at(t, event, "fullscriptId") != p.event() || at(t, event, "type") != kind {
		t.Fatalf("got %v, want %s %s", event, kind, p.event())
	}
	return update
}

// nextOf is what a stream tells next, of whatever field, and its event.
func nextOf(s *streamed) (update, event any) {
	s.t.Helper()
	for _, update = range s.value() { // a subscription has one field
		if of, is := update.(map[string]any)["event"]; is {
			return update, of
		}
	}
	return update, update
}

// nothingElse says that nothing else was told: what happens now is what comes next. A
// page's event leaves by and by, so the last of them must have arrived before.
func nothingElse(t *testing.T, h *harness, s *streamed, m sandbox.Emission) {
	t.Helper()
	want := h.emit(m)[0]
	if _, event := nextOf(s); at(t, event, "fullscriptId") != want {
		t.Errorf("told of %v", event)
	}
}

// TestRedirectLinks follows each form of a link as a practitioner's browser does, up
// to the active plan, and has those told who should be.
func TestRedirectLinks(t *testing.T) {
	t.Parallel()
	const (
		gateway  = "createGatewayTreatmentPlanLink"
		someone  = "Ada Redirect"
		newEmail = "ada.redirect@example.org"
	)
	toGateway := func(input string) string {
		return `mutation { link: createGatewayTreatmentPlanLink(input: {` + input + `}) { dynamicLink { redirectUrl } userErrors { field message } } }`
	}
	fillIn := []string{"first_name", "Ada", "last_name", "Redirect", "email", newEmail}
	for _, c := range []struct {
		name, operation string
		token           string // the practitioner's unless told; "session" for signed in with a cookie
		ask, link       string // the document, and where the link is in its answer
		opens           string // the path it leads to
		filledIn        []string
		choose          []string // what the practitioner fills in
		patient         string   // whom the plan is for; someone for who is new
		addedThere      bool     // the patient is added on the page
		practitioner    string   // the token's owner unless told
	}{
		{
			name: "Blank", operation: "getNewTreatmentPlanLink", ask: `{ newTreatmentPlanLink { redirectUrl } }`, link: "newTreatmentPlanLink.redirectUrl",
			opens: "treatment_plans/new", filledIn: []string{"patient_id", ""},
			choose: fillIn, patient: someone, addedThere: true,
		},
		{
			name: "BlankBySession", operation: "getNewTreatmentPlanLink", token: "session", ask: `{ newTreatmentPlanLink { redirectUrl } }`, link: "newTreatmentPlanLink.redirectUrl",
			opens: "treatment_plans/new", choose: []string{"patient_id", sandbox.PatientWithNoPlans}, patient: sandbox.PatientWithNoPlans,
		},
		{
			name: "DraftForAnEmail", operation: "createDraftTreatmentPlanLink",
			ask: `mutation { link: createDraftTreatmentPlanLink(input: {treatmentPlan: {practitionerId: "` + sandbox.ColleagueID + `"}, patient: {email: "` + newEmail + `", firstName: "Ada", lastName: "Redirect"}}) {
				dynamicLink { redirectUrl treatmentPlan { state } patient { firstName } } userErrors { field message } } }`,
			link: "link.dynamicLink.redirectUrl", opens: "treatment_plans/", patient: someone, practitioner: sandbox.ColleagueID,
		},
		{
			name: "DraftForNobody", operation: "createDraftTreatmentPlanLink",
			ask: `mutation { link: createDraftTreatmentPlanLink(input: {treatmentPlan: {practitionerId: "Practitioner:` + sandbox.ColleagueID + `"}}) {
				dynamicLink { redirectUrl treatmentPlan { state } patient { firstName } } userErrors { field message } } }`,
			link: "link.dynamicLink.redirectUrl", opens: "treatment_plans/", choose: fillIn, patient: someone, addedThere: true, practitioner: sandbox.ColleagueID,
		},
		{
			name: "OfAPlan", operation: "getTreatmentPlanLink", token: sandbox.TokenStaff,
			ask:  `{ treatmentPlan(id: "` + sandbox.DraftPlan + `") { dynamicLink { redirectUrl treatmentPlan { state } patient { email } } } }`,
			link: "treatmentPlan.dynamicLink.redirectUrl", opens: "treatment_plans/" + sandbox.DraftPlan, patient: sandbox.PatientWithManyPlans,
		},
		{
			name: "PatientByID", operation: gateway, ask: toGateway(`patient: {id: "Patient:` + sandbox.PatientWithNoPlans + `"}, entrypoint: CATALOG`),
			link: "link.dynamicLink.redirectUrl", opens: "gateway/catalog", filledIn: []string{"patient_id", sandbox.PatientWithNoPlans}, patient: sandbox.PatientWithNoPlans,
		},
		{
			name: "PatientByExternalID", operation: gateway, ask: toGateway(`patient: {externalId: "` + sandbox.SharedExternalID + `", firstName: "Another"}, entrypoint: LABS`),
			link: "link.dynamicLink.redirectUrl", opens: "gateway/labs", filledIn: []string{"patient_id", sandbox.PatientWithManyPlans}, patient: sandbox.PatientWithManyPlans,
		},
		{
			name: "PatientByDetails", operation: gateway, ask: toGateway(`patient: {email: "Valentina.Vandermeer1@example.net", firstName: "V"}`),
			link: "link.dynamicLink.redirectUrl", opens: "gateway/catalog", filledIn: []string{"patient_id", sandbox.PatientWithManyPlans}, patient: sandbox.PatientWithManyPlans,
		},
		{
			name: "NewPatientByDetails", operation: gateway, ask: toGateway(`patient: {email: "` + newEmail + `", firstName: "Ada", lastName: "Redirect"}`),
			link: "link.dynamicLink.redirectUrl", opens: "gateway/catalog", patient: someone,
		},
		{
			name: "Dependent", operation: gateway, token: sandbox.TokenStaff,
			ask:  toGateway(`patient: {id: "` + sandbox.DependentPatient + `"}, treatmentPlan: {practitionerId: "Practitioner:` + sandbox.ColleagueID + `"}, entrypoint: LABS`),
			link: "link.dynamicLink.redirectUrl", opens: "gateway/labs", filledIn: []string{"patient_id", sandbox.DependentPatient},
			patient: sandbox.DependentPatient, practitioner: sandbox.ColleagueID,
		},
		{ // without an email nobody can be found: it is left to the practitioner, who adds a patient …
			name: "MatchedByHand", operation: gateway, ask: toGateway(`patient: {firstName: "Ada", lastName: "\"Redirect\" <b>"}`),
			link: "link.dynamicLink.redirectUrl", opens: "gateway/catalog", filledIn: []string{"patient_id", "", "first_name", "Ada", "last_name", `"Redirect" <b>`},
			choose: []string{"email", newEmail}, patient: someone, addedThere: true,
		},
		{ // … or knows better
			name: "MatchedToAnother", operation: gateway, ask: toGateway(`patient: {externalId: "nobody's", firstName: "Ada"}`),
			link: "link.dynamicLink.redirectUrl", opens: "gateway/catalog", filledIn: []string{"patient_id", "", "first_name", "Ada"},
			choose: []string{"patient_id", sandbox.SecondDependentPatient}, patient: sandbox.SecondDependentPatient,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			ask := func() map[string]any { return h.query(c.ask) }
			switch c.token {
			case "":
			case "session":
				b := h.signIn(sandbox.PractitionerID)
				ask = func() map[string]any { return b.query(c.ask) }
			default:
				ask = func() map[string]any { return h.as(c.token, c.ask).Data }
			}
			plans, patients := h.subscribe(sandbox.TokenPractitioner, watchPlans), h.subscribe(sandbox.TokenPractitioner, watchPatients)
			other := h.subscribe(sandbox.TokenOtherClinic, watchAll)
			h.sandbox.ResetCalls()

			link, again := at(t, ask(), c.link), at(t, ask(), c.link)
			if link == again || h.sandbox.Count(c.operation) != 2 {
				t.Errorf("%v and %v, by %d calls", link, again, h.sandbox.Count(c.operation))
			}
			p := h.browser().visit(link).want(http.StatusOK) // the link alone lets in, whoever's browser it is
			if p.where.Host != strings.TrimPrefix(h.url, "http://") || !strings.HasPrefix(p.where.Path, "/_sandbox/web/"+c.opens) {
				t.Errorf("it leads to %s", p.where)
			}

			const create, set = "Create the draft", "Set the patient"
			button := set
			if p.has(create) {
				button = create
			}
			if _, form := p.form(button); form != nil {
				for i := 0; i+1 < len(c.filledIn); i += 2 {
					if got := form.Get(c.filledIn[i]); got != c.filledIn[i+1] {
						t.Errorf("%s is filled in with %q", c.filledIn[i], got)
					}
				}
				p = p.press(button, c.choose...).want(http.StatusOK)
			}
			patient := c.patient
			if c.addedThere {
				update := told(t, patients, p, "PATIENT_CREATED")
				patient, _ = at(t, update, "patient.fullscriptId").(string)
				if at(t, update, "patient.email") != newEmail || at(t, update, "patient.firstName") != "Ada" {
					t.Errorf("told %v", update)
				}
			} else if p.event() != "" {
				t.Errorf("%s tells of %s", p.where, p.event())
			}
			if c.patient == someone { // one whom the call for the link added is told of nowhere, like all that the API does
				found := h.query(`query($email: EmailAddress) { searchPatients(email: $email) { nodes { fullscriptId } } }`, "email", newEmail)
				if n := len(list(t, found, "searchPatients.nodes")); n != 1 {
					t.Fatalf("%d patients have the email", n)
				}
				if id, _ := at(t, found, "searchPatients.nodes.0.fullscriptId").(string); c.addedThere && id != patient {
					t.Errorf("the clinic has %s, and %s was told of", id, patient)
				} else {
					patient = id
				}
			}
			if p.has("Add the product") && !p.has("Change the quantity") { // a draft made by a call is empty
				p = p.press("Add the product", "units_to_purchase", "2").want(http.StatusOK)
			}
			if v := h.query(readPlan, "id", p.plan()); at(t, v, "treatmentPlan.state") != "DRAFT" || at(t, v, "treatmentPlan.availableAt") != nil {
				t.Errorf("%v", v)
			}

			p = p.press("Activate").want(http.StatusOK)
			update := told(t, plans, p, "TREATMENT_PLAN_CREATED")
			practitioner := c.practitioner
			if practitioner == "" && c.token != sandbox.TokenStaff {
				practitioner = sandbox.PractitionerID
			}
			v := h.query(readPlan, "id", p.plan())
			for _, of := range []any{at(t, update, "treatmentPlan"), at(t, v, "treatmentPlan")} {
				if at(t, of, "state") != "ACTIVE" || at(t, of, "availableAt") == nil || at(t, of, "patient.fullscriptId") != patient ||
					practitioner != "" && at(t, of, "practitioner.fullscriptId") != practitioner || len(list(t, of, "recommendations")) == 0 {
					t.Errorf("%v for %s by %s", of, patient, practitioner)
				}
			}
			if at(t, update, "treatmentPlan.fullscriptId") != p.plan() {
				t.Errorf("told %v", update)
			}

			// Loading a page does nothing, so the next button makes the next event.
			p = p.browser.visit(p.where.String()).want(http.StatusOK).press("Cancel the plan").want(http.StatusOK)
			if update := told(t, plans, p, "TREATMENT_PLAN_UPDATED"); at(t, update, "treatmentPlan.state") != "CANCELLED" {
				t.Errorf("told %v", update)
			}
			nothingElse(t, h, patients, sandbox.Emission{Type: "patient.updated"})
			nothingElse(t, h, plans, sandbox.Emission{Type: "treatment_plan.updated"})
			nothingElse(t, h, other, sandbox.Emission{Type: "treatment_plan.updated", Clinic: "other"})
		})
	}
}

// TestRedirectToAnActivePlan changes it, orders from it and cancels it on the
// partner's page. The same by the API is told to nobody.
func TestRedirectToAnActivePlan(t *testing.T) {
	t.Parallel()
	h := start(t)
	all, orders := h.subscribe(sandbox.TokenPractitioner, watchAll), h.subscribe(sandbox.TokenStaff, watchOrders)
	other := h.subscribe(sandbox.TokenOtherClinic, watchAll)

	const linkTo = `query($id: ID!) { treatmentPlan(id: $id) { dynamicLink { redirectUrl treatmentPlan { fullscriptId state } patient { fullscriptId } } } }`
	v := h.query(linkTo, "id", sandbox.ActivePlan)
	if at(t, v, "treatmentPlan.dynamicLink.treatmentPlan.state") != "ACTIVE" || at(t, v, "treatmentPlan.dynamicLink.patient.fullscriptId") != sandbox.PatientWithManyPlans {
		t.Errorf("%v", v)
	}
	p := h.browser().visit(at(t, v, "treatmentPlan.dynamicLink.redirectUrl")).want(http.StatusOK)

	written := h.query(`mutation {
		updateTreatmentPlan(input: {id: "` + sandbox.ActivePlan + `", personalMessage: "By the API.", recommendations: [{variantId: "` + sandbox.VariantID + `", unitsToPurchase: 3}]}) {
			treatmentPlan { personalMessage } userErrors { message } }
		activateTreatmentPlan(input: {id: "` + sandbox.DraftPlan + `"}) { treatmentPlan { state } userErrors { message } }
		createPatient(input: {firstName: "Ada", lastName: "Sample", email: "ada.by.the.api@example.org"}) { patient { id } userErrors { message } }
	}`)
	if at(t, written, "updateTreatmentPlan.treatmentPlan.personalMessage") != "By the API." ||
		at(t, written, "activateTreatmentPlan.treatmentPlan.state") != "ACTIVE" || at(t, written, "createPatient.patient.id") == nil {
		t.Fatalf("%v", written)
	}
	if p = p.browser.visit(p.where.String()); !strings.Contains(p.text, "By the API.") {
		t.Errorf("the page does not know what was written: %s", p.text)
	}

	p = p.press("Change the quantity", "units_to_purchase", "17").want(http.StatusOK)
	told(t, all, p, "TREATMENT_PLAN_RECOMMENDATION_UPDATED")
	p = p.press("Add the product", "units_to_purchase", "2").want(http.StatusOK)
	told(t, all, p, "TREATMENT_PLAN_RECOMMENDATION_UPDATED")
	v = h.query(readPlan, "id", sandbox.ActivePlan)
	if n := len(list(t, v, "treatmentPlan.recommendations")); n != 2 || at(t, v, "treatmentPlan.recommendations.0.unitsToPurchase") != 17.0 {
		t.Errorf("%v", v)
	}

	const count = `query($plan: ID!) { treatmentPlan(id: $plan) { orders { totalCount } } }`
	before := at(t, h.query(count, "plan", sandbox.ActivePlan), "treatmentPlan.orders.totalCount").(float64)
	p = p.press("Place the order").want(http.StatusOK)
	told(t, all, p, "ORDER_PLACED")
	order := at(t, told(t, orders, p, "ORDER_PLACED"), "order")
	if at(t, order, "patient.fullscriptId") != sandbox.PatientWithManyPlans || at(t, order, "treatmentPlans.0.fullscriptId") != sandbox.ActivePlan ||
		at(t, order, "paymentTotal") == nil {
		t.Errorf("told %v", order)
	}
	v = h.query(`query($number: String, $plan: ID!) {
		orders(orderNumber: $number) { nodes { fullscriptId patient { fullscriptId } } }
		treatmentPlan(id: $plan) { orders(orderNumber: $number) { totalCount } } }`, "number", at(t, order, "orderNumber"), "plan", sandbox.ActivePlan)
	if len(list(t, v, "orders.nodes")) != 1 || at(t, v, "orders.nodes.0.fullscriptId") != at(t, order, "fullscriptId") || at(t, v, "treatmentPlan.orders.totalCount") != 1.0 {
		t.Errorf("%v", v)
	}
	if after := at(t, h.query(count, "plan", sandbox.ActivePlan), "treatmentPlan.orders.totalCount"); after != before+1 {
		t.Errorf("%v orders, and there were %v", after, before)
	}

	p = p.press("Cancel the plan").want(http.StatusOK)
	told(t, all, p, "TREATMENT_PLAN_UPDATED")
	if v := h.query(readPlan, "id", sandbox.ActivePlan); at(t, v, "treatmentPlan.state") != "CANCELLED" {
		t.Errorf("%v", v)
	}
	if v := h.query(linkTo, "id", sandbox.ActivePlan); at(t, v, "treatmentPlan.dynamicLink") != nil {
		t.Errorf("a link to a cancelled plan: %v", v)
	}
	nothingElse(t, h, all, sandbox.Emission{Type: "patient.updated"})
	nothingElse(t, h, orders, sandbox.Emission{Type: "order.placed"})
	nothingElse(t, h, other, sandbox.Emission{Type: "order.placed", Clinic: "other"})
}

// TestRedirectOfAnotherClinic gets no link to a plan of the first, and cannot
// turn a link of its own into one.
func TestRedirectOfAnotherClinic(t *testing.T) {
	t.Parallel()
	h := start(t)
	own := h.subscribe(sandbox.TokenPractitioner, watchAll)
	const linkTo = `query($id: ID!) { treatmentPlan(id: $id) { dynamicLink { redirectUrl } } }`
	for _, id := range []string{sandbox.ActivePlan, "TreatmentPlan:" + sandbox.DraftPlan} {
		if a := h.as(sandbox.TokenOtherClinic, linkTo, "id", id); len(a.Errors) > 0 || at(t, a.Data, "treatmentPlan.dynamicLink") != nil {
			t.Errorf("%s: %v %v", id, a.Data, a.Errors)
		}
	}
	link, _ := at(t, h.as(sandbox.TokenOtherClinic, linkTo, "id", sandbox.OtherClinicPlan).Data, "treatmentPlan.dynamicLink.redirectUrl").(string)
	b := h.browser()
	p := b.visit(link).want(http.StatusOK)
	turned := strings.Replace(link, sandbox.OtherClinicPlan, sandbox.ActivePlan, 1)
	b.visit(turned).want(http.StatusNotFound)
	for _, does := range []string{"activate", "cancel", "order"} {
		b.load(http.MethodPost, turned, url.Values{"do": {does}}).want(http.StatusNotFound)
	}
	b.visit(strings.Split(turned, "?")[0]).want(http.StatusNotFound)
	p.press("Cancel the plan").want(http.StatusOK) // its event is on its way before the next
	if v := h.query(readPlan, "id", sandbox.ActivePlan); at(t, v, "treatmentPlan.state") != "ACTIVE" {
		t.Errorf("%v", v)
	}
	nothingElse(t, h, own, sandbox.Emission{Type: "patient.updated"})
}
