package sandbox

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/routers"
)

// sample is how to call an operation so that it succeeds.
type sample struct {
	op     string
	path   map[string]string
	query  string
	body   string
	form   bool
	header http.Header
	token  string                                      // sandbox-practitioner when empty
	status int                                         // 200 when zero
	before func(*testing.T, *Server) map[string]string // makes what the call needs and gives values for {{name}} in query and body
}

func with(name, value string) map[string]string { return map[string]string{name: value} }

const planBody = `{"state":"draft","recommendations":[{"variant_id":"` + VariantID + `","units_to_purchase":"2","refill":"true","take_with":"food",
	"dosage":{"amount":"1-2","frequency":"twice per day","duration":"60","format":"capsule","additional_info":"after meals","time_of_day":["morning"]}}],
	"labs":[{"lab_test_id":"` + LabTestID + `","quantity":"1"}],"metadata":{"id":"visit-1"}}`

const shipBody = `{"shipping_method":"Standard","line_items":[{"sku":"` + SKU + `","quantity":"2"}],"shipping_address":{"firstname":"Ada","phone":"+15550000000"}}`

var samples = []sample{
	{op: "authorize", query: "client_id=sandbox-client&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&response_type=code&state=s", status: 302},
	{op: "createToken", body: `{"grant_type":"authorization_code","client_id":"sandbox-client","client_secret":"sandbox-secret","code":"{{code}}","redirect_uri":"http://127.0.0.1:9/cb"}`, before: makeCode},
	{op: "createToken", form: true, body: "grant_type=authorization_code&client_id=sandbox-client&client_secret=sandbox-secret&code={{code}}&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcb", before: makeCode},
	{op: "revokeToken", body: `{"client_id":"sandbox-client","client_secret":"sandbox-secret","token":"unknown"}`},

	{op: "getClinic"},
	{op: "findByMetadata"},
	{op: "findByMetadata", query: "id=" + SharedExternalID + "&type=treatment_plan"},
	{op: "listStaff"},
	{op: "createStaff", body: `{"email":"new.staff@example.org","first_name":"New","last_name":"Staff","metadata":{"id":"s-1"}}`, status: 201},
	{op: "getStaff", path: with("id", StaffID)},
	{op: "updateStaff", path: with("id", StaffID), body: `{"first_name":"Other"}`},
	{op: "listPractitioners"},
	{op: "createPractitioner", body: `{"practitioner_type_id":"` + PractitionerTypeID + `","email":"new.nd@example.org","first_name":"New","last_name":"Doctor"}`, status: 201},
	{op: "getPractitioner", path: with("id", PractitionerID)},
	{op: "updatePractitioner", path: with("id", PractitionerID), body: `{"last_name":"Other"}`},
	{op: "listPractitionerTypes"},
	{op: "listFullscriptProtocols", query: "sort_by=name&order_by=DESC"},
	{op: "listPractitionerProtocols", path: with("practitioner_id", PractitionerID), query: "ownership_type=all&sort_by=current_state"},
	{op: "getProtocol", path: with("id", ProtocolID)},
	{op: "getProtocol", path: with("id", FullscriptProtocolID)},
	{op: "listPractitionerTemplates", path: with("practitioner_id", PractitionerID)},
	{op: "getTemplate", path: with("id", TemplateID)},

	{op: "listPatients", query: "patient_type=guardian&page%5Bsize%5D=100&page%5Bnumber%5D=2"},
	{op: "createPatient", body: `{"email":"new@example.org","first_name":"New","last_name":"Patient","date_of_birth":"1980-12-31","gender":"x","mobile_number":"+15550000000","discount":"12.5","send_welcome_email":"false","metadata":{"id":"p-1"}}`, status: 201},
	{op: "getPatient", path: with("id", PatientWithManyPlans)},
	{op: "getPatient", path: with("id", PatientWithNulls)},
	{op: "getPatient", path: with("id", DependentPatient)},
	{op: "updatePatient", path: with("id", PatientWithManyPlans), body: `{"discount":"10"}`},
	{op: "listDependents", path: with("patient_id", PatientWithDependents)},
	{op: "searchPatients", query: "query=valentina"},
	{op: "listPatientAddresses", path: with("patient_id", PatientWithManyPlans)},

	{op: "listOrders", query: "completed_at=%3E2026-01-31&type=labs&sort_by=completed_at"},
	{op: "getOrder", path: with("id", OrderWithLabs)},
	{op: "listPatientOrders", path: with("patient_id", PatientWithManyPlans)},

	{op: "listPatientTreatmentPlans", path: with("patient_id", PatientWithManyPlans), query: "sort_by=created_at&order_by=DESC&page%5Bsize%5D=100"},
	{op: "createTreatmentPlan", path: with("patient_id", PatientWithNoPlans), body: planBody, status: 201, header: http.Header{"Idempotency-Key": {"k"}}},
	{op: "getTreatmentPlan", path: with("id", PlanWithLabs)},
	{op: "getTreatmentPlan", path: with("id", EmptyPlan)},
	{op: "updateTreatmentPlan", path: with("id", ActivePlan), body: `{"recommendations":[{"variant_id":"` + VariantID + `","units_to_purchase":"1"}],"personal_message":"new"}`},
	{op: "activateTreatmentPlan", path: with("treatment_plan_id", DraftPlan)},
	{op: "cancelTreatmentPlan", path: with("treatment_plan_id", ActivePlan)},
	{op: "createInOfficeCheckout", path: with("treatment_plan_id", ActivePlan), status: 201},
	{op: "downloadResource", path: with("id", ResourceID), query: "type=practitioner_resource"},

	{op: "listLabOrders", query: "patient_id=" + PatientWithManyPlans},
	{op: "getLabOrder", path: with("id", LabOrderID)},
	{op: "getOrderedLabTest", path: with("id", OrderedLabTestID)},
	{op: "listLabTests"},
	{op: "getLabTest", path: with("id", LabTestID)},
	{op: "searchLabTests", query: "query=vitamin"},

	{op: "listProducts", query: "page%5Bsize%5D=100"},
	{op: "getProduct", path: with("id", ProductID)},
	{op: "getProduct", path: with("id", ProductID), query: "practitioner_id=" + ColleagueID},
	{op: "listSimilarProducts", path: with("product_id", ProductID)},
	{op: "searchProducts", query: "query=vitamin&ingredient_ids%5B%5D=" + IngredientID + "&allergen_ids%5B%5D=" + AllergenID},
	{op: "getVariant", path: with("id", VariantID)},
	{op: "listBrands", query: "available=true&clinic_permitted=true"},
	{op: "getBrand", path: with("id", BrandID)},
	{op: "listIngredients"},
	{op: "getIngredient", path: with("id", IngredientID)},
	{op: "listAllergens"},
	{op: "getAllergen", path: with("id", AllergenID)},
	{op: "listSupplementTypes"},
	{op: "getSupplementType", path: with("id", SupplementTypeID)},
	{op: "listThirdPartyCertifications"},
	{op: "getThirdPartyCertification", path: with("id", CertificationID)},
	{op: "listCategories"},
	{op: "getCategory", path: with("id", CategoryID)},
	{op: "listCategoryProducts", path: with("category_id", CategoryID)},

	{op: "getNewTreatmentPlanLink"},
	{op: "createDraftTreatmentPlanLink", body: `{"treatment_plan":{"practitioner_id":"` + ColleagueID + `"},"patient":{"email":"linked@example.org","first_name":"Linked","last_name":"Patient"}}`},
	{op: "createDraftTreatmentPlanLink", body: `{"treatment_plan":{"practitioner_id":"` + ColleagueID + `"}}`},
	{op: "getTreatmentPlanLink", path: with("id", DraftPlan)},
	{op: "createGatewayTreatmentPlanLink", body: `{"patient":{"id":"` + PatientWithNoPlans + `"},"entrypoint":"labs"}`},

	{op: "createSessionGrant"},
	{op: "tokenizeEmbedPatient", body: `{"data":{"first_name":"Ada"}}`},
	{op: "openEmbedTreatmentPlan", query: "secret_token={{grant}}&public_key=k&frame_id=f&target_origin=o", before: makeGrant},
	{op: "openEmbedPlatform", query: "secret_token={{grant}}&public_key=k&frame_id=f&target_origin=o&entrypoint=labs", before: makeGrant},

	{op: "listClinicKeyEvents"},
	{op: "listOrderEvents", query: "created_at=2026-02-01..2026-03-31&sort_by=event_type"},
	{op: "listPatientEvents", query: "event_type=patient.emancipated"},
	{op: "listProductEvents"},
	{op: "listTreatmentPlanEvents"},
	{op: "listLabOrderEvents"},
	{op: "getEvent", path: with("id", id(kindEvent, 0))},
	{op: "listWebhookDeliveries", query: "successfully_delivered=false&sort_by=attempted_at"},
	{op: "listWebhookDeliveries", query: "page%5Bsize%5D=100"},
	{op: "createFulfillmentOrder", body: shipBody, status: 201},
}

func makeCode(t *testing.T, s *Server) map[string]string {
	code, known := s.newCode(DefaultClientID, "http://127.0.0.1:9/cb", StaffID)
	if !known {
		t.Fatal("no code")
	}
	return with("code", code)
}

func makeGrant(t *testing.T, s *Server) map[string]string {
	var grant struct {
		SecretToken string `json:"secret_token"`
	}
	call(t, s, "POST", "/clinic/embeddable/session_grants", "").into(&grant)
	return with("grant", grant.SecretToken)
}

// request builds the call of a sample; other path values may be given.
func (c sample) request(t *testing.T, s *Server, route *routers.Route, path map[string]string) *http.Request {
	t.Helper()
	target, query, body := route.Path, c.query, c.body
	for name, value := range path {
		target = strings.ReplaceAll(target, "{"+name+"}", value)
	}
	if c.before != nil {
		for name, value := range c.before(t, s) {
			query = strings.ReplaceAll(query, "{{"+name+"}}", value)
			body = strings.ReplaceAll(body, "{{"+name+"}}", value)
		}
	}
	r := newRequest(t, route.Method, target, body)
	r.URL.RawQuery = query
	for name, values := range c.header {
		r.Header[name] = values
	}
	if c.form {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if describedAccess(route.Operation) != public {
		token := c.token
		if token == "" {
			token = TokenPractitioner
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

var unprocessableSamples = map[string]sample{
	"createStaff":                    {body: `{}`},
	"updateStaff":                    {body: `{"email":"not an address"}`},
	"createPractitioner":             {body: `{"practitioner_type_id":"unknown","email":"a@example.org","first_name":"A","last_name":"B"}`},
	"updatePractitioner":             {body: `{"first_name":null}`},
	"createPatient":                  {body: `{"email":"valentina.vandermeer1@example.net","first_name":"A","last_name":"B"}`},
	"updatePatient":                  {body: `{"gender":"other"}`},
	"createTreatmentPlan":            {body: `{"recommendations":[{"variant_id":"unknown","units_to_purchase":"1"}]}`},
	"updateTreatmentPlan":            {body: `{"personal_message":"without recommendations"}`},
	"activateTreatmentPlan":          {path: with("treatment_plan_id", CancelledPlan)},
	"cancelTreatmentPlan":            {path: with("treatment_plan_id", DraftPlan)},
	"createInOfficeCheckout":         {path: with("treatment_plan_id", CancelledPlan)},
	"createDraftTreatmentPlanLink":   {body: `{"treatment_plan":{}}`},
	"createGatewayTreatmentPlanLink": {body: `{"entrypoint":"kitchen"}`},
	"createSessionGrant":             {body: `{"user_id":"` + ColleagueID + `"}`},
	"createFulfillmentOrder":         {body: `{"line_items":[{"sku":"unknown","quantity":"none"}]}`},
}
