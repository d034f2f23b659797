package sandbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func control(t *testing.T, h http.Handler, method, path, body string) answer {
	t.Helper()
	return serve(t, h, httptest.NewRequest(method, "http://127.0.0.1:7070"+path, strings.NewReader(body)))
}

func TestControlRoutes(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	h := s.ControlHandler()
	index := control(t, h, "GET", "/_sandbox/", "").want(200)
	if !strings.Contains(index.Body.String(), TokenReadonly) || !strings.Contains(index.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("index is %s", index.Body)
	}
	for _, route := range []string{"calls", "faults", "tokens", "oauth", "oauth/expire", "oauth/revoke", "webhooks", "reset"} {
		if !strings.Contains(index.Body.String(), "/_sandbox/"+route+"<") {
			t.Errorf("the index does not list %s", route)
		}
	}
	if got := control(t, h, "GET", "/_sandbox/tokens", "").want(200).object()["tokens"].([]any); len(got) != 6 {
		t.Errorf("%d tokens", len(got))
	}

	fault := `{"operation":"getClinic","status":429,"times":2,"latency_ms":0.5,"header":{"Retry-After":["3"]}}`
	control(t, h, "POST", "/_sandbox/faults", fault).want(201)
	if got := control(t, s, "GET", "/_sandbox/faults", "").want(200).Body.String(); !strings.Contains(got, `"latency_ms":0.5`) {
		t.Errorf("faults are %s", got)
	}
	if got := call(t, s, "GET", "/clinic", "").want(429).Header().Get("Retry-After"); got != "3" {
		t.Errorf("Retry-After is %s", got)
	}
	control(t, h, "DELETE", "/_sandbox/faults", "").want(200)
	call(t, s, "GET", "/clinic", "").want(200)
	for _, bad := range []string{`{}`, `{"status":99}`, `{"stauts":500}`, `{"operation":"getNothing","status":500}`, `{"latency_ms":-1}`, `nonsense`} {
		control(t, h, "POST", "/_sandbox/faults", bad).want(400)
	}

	calls := control(t, h, "GET", "/_sandbox/calls", "").want(200).object()
	if calls["count"] != 2.0 || calls["calls"].([]any)[0].(map[string]any)["operation"] != "getClinic" {
		t.Errorf("calls are %v", calls)
	}
	control(t, h, "DELETE", "/_sandbox/calls", "").want(200)
	if s.Count("") != 0 {
		t.Error("calls were kept")
	}

	call(t, s, "PATCH", "/clinic/patients/"+PatientWithNoPlans, `{"first_name":"Changed"}`).want(200)
	control(t, h, "POST", "/_sandbox/reset", "").want(200)
	if patientNow(t, s, PatientWithNoPlans)["first_name"] == "Changed" {
		t.Error("reset keeps writes")
	}
}

func TestWritesTheAPIDoesNotShow(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for range 2 { // the second checkout replaces the first
		call(t, s, "POST", "/clinic/treatment_plans/"+ActivePlan+"/in_office_checkout", "").want(201)
	}
	if cart := control(t, s, "GET", "/_sandbox/carts/"+PatientWithManyPlans, "").want(200).object()["cart"].([]any); len(cart) != 3 {
		t.Errorf("cart is %v", cart)
	}
	call(t, s, "POST", "/fulfillment/orders", shipBody).want(201)
	orders := control(t, s, "GET", "/_sandbox/fulfillment_orders", "").want(200).object()["fulfillment_orders"].([]any)
	if len(orders) != 1 || orders[0].(map[string]any)["lines"].(map[string]any)[SKU] != 2.0 {
		t.Errorf("orders are %v", orders)
	}
}

func TestControlHandlerServesNoAPI(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for _, path := range []string{"/api/clinic", "/api/oauth/token", "/", "/_sandbox/nothing"} {
		control(t, s.ControlHandler(), "GET", path, "").want(404)
	}
	if s.Count("") != 0 {
		t.Error("calls were counted")
	}
}

func TestLinksEndSomewhere(t *testing.T) {
	t.Parallel()
	s := New(Options{BaseURL: "http://127.0.0.1:7070"})
	plan := call(t, s, "GET", "/clinic/treatment_plans/"+PlanWithLabs, "").object()["treatment_plan"].(map[string]any)
	lab := call(t, s, "GET", "/clinic/labs/orders/"+LabOrderID, "").object()["order"].(map[string]any)
	checkout := call(t, s, "POST", "/clinic/treatment_plans/"+PlanWithLabs+"/in_office_checkout", "").object()["in_office_checkout"].(map[string]any)
	for _, link := range []any{
		plan["invitation_url"], plan["checkout_url"], checkout["url"],
		call(t, s, "GET", "/clinic/dynamic_links/treatment_plans", "").object()["redirect_url"],
		lab["latest_aggregated_result"].(map[string]any)["pdf_url"], lab["results"].([]any)[0].(map[string]any)["pdf_url"],
	} {
		control(t, s.ControlHandler(), "GET", strings.TrimPrefix(link.(string), "http://127.0.0.1:7070"), "").want(200)
	}
}

func TestOddities(t *testing.T) {
	t.Parallel()
	s := New(Options{Oddities: true})
	plan := call(t, s, "GET", "/clinic/treatment_plans/"+PlanWithLabs, "").want(200).object()["treatment_plan"].(map[string]any)
	first := plan["recommendations"].([]any)[0].(map[string]any)
	if _, isText := first["units_to_purchase"].(string); !isText {
		t.Errorf("units_to_purchase is %v", first["units_to_purchase"])
	}
	if refill := first["refill"]; refill != "true" && refill != "false" {
		t.Errorf("refill is %v", refill)
	}
	dosage := first["dosage"].(map[string]any)
	if _, other := dosage["recommended_amount"]; !other || dosage["amount"] != nil {
		t.Errorf("dosage is %v", dosage)
	}
	if plan["sandbox_unknown_key"] == nil {
		t.Error("no unknown key")
	}
	patient := patientNow(t, s, PatientWithManyPlans)
	if patient["archived"] != 0.0 || patient["discount"] != "5" {
		t.Errorf("patient is %v", patient)
	}
	product := call(t, s, "GET", "/catalog/products/"+ProductID, "").object()["product"].(map[string]any)
	variant := product["variants"].([]any)[0].(map[string]any)
	if _, isNumber := variant["msrp"].(float64); !isNumber || variant["primary"] != 1.0 {
		t.Errorf("variant is %v", variant)
	}
	if meta := call(t, s, "GET", "/clinic/patients", "").object()["meta"].(map[string]any); meta["total_count"] != 800.0 {
		t.Errorf("meta is %v", meta)
	}
	for _, a := range []answer{
		call(t, s, "GET", "/clinic/patients/unknown", "").want(404), call(t, s, "POST", "/clinic/patients", `{}`).want(422),
		call(t, s, "POST", "/clinic/embeddable/session_grants", `{"user_id":"x"}`).want(422), callAs(t, s, "", "GET", "/clinic", "").want(401),
	} {
		body := a.object()
		if body["error"] == nil || body["errors"] == nil {
			t.Errorf("error is %v", body)
		}
	}
	call(t, s, "GET", "/clinic/resources/"+ResourceID+"/download", "").want(200)
	if got := call(t, s, "POST", "/fulfillment/orders", shipBody).want(201).object(); got["id"] == nil {
		t.Errorf("order is %v", got)
	}
}
