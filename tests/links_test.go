package tests

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fsgateway/internal/sandbox"
)

// withdrawn expects no errors but those of the variants that the sandbox's
// orders name and its catalogue no longer has.
func withdrawn(t testing.TB, a *answer) {
	t.Helper()
	for _, e := range a.Errors {
		link := slices.ContainsFunc(e.Path, func(part any) bool { return part == "variant" || part == "variants" })
		if code := e.Extensions["code"]; code != "TOO_MANY_ERRORS" && (code != "NOT_FOUND" || !link) {
			t.Errorf("%v: %s %v", e.Path, e.Message, e.Extensions)
		}
	}
}

// TestLinks: what is held of a record is answered, whatever becomes of the call
// that would complete it. Each other field is null, with an error at its path.
func TestLinks(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"/orders/o":                  `{"order":{"id":"o","order_number":"R1","patient_id":"gone","treatment_plan_ids":["a1","gone"],"line_items":[{"quantity":2,"variant_id":"gone"},{"quantity":1,"variant_id":"f1"}]}}`,
		"/treatment_plans/a1":        `{"treatment_plan":{"id":"a1","state":"active"}}`,
		"/catalog/variants/f1":       `{"variant":{"id":"f1","sku":"S1"}}`,
		"/practitioners/x":           `{"practitioner":{"id":"x","practitioner_type_id":"gone"}}`,
		"/practitioner_types":        `{"practitioner_types":[{"id":"t1","code":"ND"}],"meta":{"total_count":1,"total_pages":1,"next_page":null}}`,
		"/webhooks/deliveries":       `{"webhook_deliveries":[{"id":"d1","event_payload":{"event":{"id":"e1","type":"patient.updated","data":{"patient":{"id":"gone","first_name":"Ada","discount":0}}}}}],"meta":{"total_count":1}}`,
		"/labs/orders/l":             `{"lab_order":{"id":"l","state":"processing","treatment_plan_id":"gone"}}`,
		"/clinic/patients/b1":        `{"patient":{"id":"b1","first_name":"Ben","guardian_patient_id":"gone"}}`,
		"/catalog/products":          `{"products":[{"id":"gone","name":"Zinc","primary_variant":{"id":"f1"}}],"meta":{"total_count":1}}`,
		"/clinic/patients/b1/orders": `{"orders":[{"id":"gone","order_number":"R9"}],"meta":{"total_count":1}}`,
	}
	type fault struct {
		status int
		body   string
		code   string
	}
	faults := map[string]fault{
		"Gone":      {404, `{"error":"not found"}`, "NOT_FOUND"},
		"Forbidden": {403, `{"error":"no"}`, "FORBIDDEN"},
		"Failed":    {500, `{"error":"oops"}`, "UPSTREAM_ERROR"},
		"NoJSON":    {200, `<html>`, "UPSTREAM_ERROR"},
	}
	for _, c := range []struct {
		name, query, data string
		paths             []string
		calls             int64
		listOnly          bool // the list answers, and lacks it
	}{
		{
			"Aliases", `{ order(id: "o") { lineItems { quantity ref: variant { fullscriptId } item: variant { fullscriptId number: sku } } } }`,
			`{"order":{"lineItems":[{"quantity":2,"ref":{"fullscriptId":"gone"},"item":{"fullscriptId":"gone","number":null}},{"quantity":1,"ref":{"fullscriptId":"f1"},"item":{"fullscriptId":"f1","number":"S1"}}]}}`,
			[]string{"order.lineItems.0.item.number"},
			3, false,
		},
		{
			"ManyLinks", `{ order(id: "o") { plans: treatmentPlans { __typename id personalMessage } } }`,
			`{"order":{"plans":[{"__typename":"TreatmentPlan","id":"TreatmentPlan:a1","personalMessage":null},{"__typename":"TreatmentPlan","id":"TreatmentPlan:gone","personalMessage":null}]}}`,
			[]string{"order.plans.1.personalMessage"},
			3, false,
		},
		{
			"Fragments", `query($yes: Boolean = true) { order(id: "o") { patient { ...P ... on Node { id } lastName @skip(if: $yes) } } } fragment P on Patient { a: firstName b: firstName externalId }`,
			`{"order":{"patient":{"a":null,"b":null,"externalId":null,"id":"Patient:gone"}}}`,
			[]string{"order.patient.a", "order.patient.b", "order.patient.externalId"},
			2, false,
		},
		{
			"ListsBelow", `{ patient(id: "b1") { guardian { id firstName } } }`,
			`{"patient":{"guardian":{"id":"Patient:gone","firstName":null}}}`,
			[]string{"patient.guardian.firstName"},
			2, false,
		},
		{
			"SnapshotOfAnEvent", `{ webhookDeliveries { nodes { event { data { ... on PatientEventData { patient { firstName discount archived } } } } } } }`,
			`{"webhookDeliveries":{"nodes":[{"event":{"data":{"patient":{"firstName":"Ada","discount":"0","archived":null}}}}]}}`,
			[]string{"webhookDeliveries.nodes.0.event.data.patient.archived"},
			2, false,
		},
		{
			"DetailOfARow", `{ products { nodes { name descriptionHtml } } }`,
			`{"products":{"nodes":[{"name":"Zinc","descriptionHtml":null}]}}`,
			[]string{"products.nodes.0.descriptionHtml"},
			2, false,
		},
		{
			"DetailOfALink", `{ order(id: "o") { treatmentPlans { id recommendations { unitsToPurchase } } } }`,
			`{"order":{"treatmentPlans":[{"id":"TreatmentPlan:a1","recommendations":null},{"id":"TreatmentPlan:gone","recommendations":null}]}}`,
			[]string{"order.treatmentPlans.1.recommendations"},
			3, false,
		},
		{
			"StateThatIsNeverNull", `{ labOrder(id: "l") { treatmentPlan { fullscriptId state } } }`,
			`{"labOrder":{"treatmentPlan":{"fullscriptId":"gone","state":"UNKNOWN"}}}`,
			[]string{"labOrder.treatmentPlan.state"},
			2, false,
		},
		{
			"OfAList", `{ practitioner(id: "x") { type { fullscriptId description } } }`,
			`{"practitioner":{"type":{"fullscriptId":"gone","description":null}}}`,
			[]string{"practitioner.type.description"},
			2, true,
		},
		{
			"NothingMissing", `{ order(id: "o") { patient { id } treatmentPlans { fullscriptId } lineItems { variant { __typename } } } }`,
			`{"order":{"patient":{"id":"Patient:gone"},"treatmentPlans":[{"fullscriptId":"a1"},{"fullscriptId":"gone"}],"lineItems":[{"variant":{"__typename":"Variant"}},{"variant":{"__typename":"Variant"}}]}}`,
			nil, 1, false,
		},
	} {
		for name, f := range faults {
			if c.listOnly && f.status != 404 {
				continue
			}
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				var calls atomic.Int64
				h := before(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					calls.Add(1)
					w.Header().Set("Content-Type", "application/json")
					longest := ""
					for suffix := range answers {
						if strings.HasSuffix(r.URL.Path, suffix) && len(suffix) > len(longest) {
							longest = suffix
						}
					}
					if longest == "" {
						w.WriteHeader(f.status)
						_, _ = fmt.Fprint(w, f.body)
						return
					}
					_, _ = fmt.Fprint(w, answers[longest])
				}))
				a := h.as("a-token", c.query)
				equal(t, "data", a.Data, c.data)
				var paths []string
				for _, e := range a.Errors {
					paths = append(paths, dotted(e.Path))
					if e.Extensions["code"] != f.code || e.Extensions["argument"] != nil {
						t.Errorf("%v: %v", e.Path, e.Extensions)
					}
				}
				slices.Sort(paths)
				if !slices.Equal(paths, c.paths) {
					t.Errorf("errors at %v, want %v", paths, c.paths)
				}
				if calls.Load() != c.calls {
					t.Errorf("%d calls, want %d", calls.Load(), c.calls)
				}
			})
		}
	}
	t.Run("LookUpsAreSilent", func(t *testing.T) {
		t.Parallel()
		h := start(t)
		data := h.query(`{ patient(id: "nobody") { firstName } node(id: "Variant:nothing") { id } nodes(ids: ["Brand:nothing", "Patient:` + sandbox.PatientWithManyPlans + `"]) { id } }`)
		equal(t, "data", data, `{"patient":null,"node":null,"nodes":[null,{"id":"Patient:`+sandbox.PatientWithManyPlans+`"}]}`)
	})
}

// TestLinksInParts: a part of an answer waits for no more than it shows, and the
// errors of what comes later come with it.
func TestLinksInParts(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sandbox.Fault{"Slow": {}, "SlowAndGone": {Status: 404, Body: `{"error":"not found"}`}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				fault.Operation, fault.Latency = "getPatient", 3*time.Second
				v.sandbox.AddFault(fault)
				parts := v.parts(`{ treatmentPlan(id: "` + sandbox.ActivePlan + `") { state patient { fullscriptId ... @defer { firstName } } } }`)
				equal(v, "first", parts[0].Data, `{"treatmentPlan":{"state":"ACTIVE","patient":{"fullscriptId":"`+sandbox.PatientWithManyPlans+`"}}}`)
				if parts[0].at > time.Second || len(parts[0].Errors) > 0 {
					v.Errorf("the first part came after %s, with %v", parts[0].at, parts[0].Errors)
				}
				later := parts[1].Incremental[0]
				if fault.Status == 0 {
					equal(v, "later", later.Data, `{"firstName":"*"}`)
					return
				}
				equal(v, "later", later.Data, `{"firstName":null}`)
				if len(later.Errors) != 1 || dotted(later.Errors[0].Path) != "treatmentPlan.patient.firstName" || later.Errors[0].Extensions["code"] != "NOT_FOUND" {
					v.Errorf("errors %+v", later.Errors)
				}
			})
		})
	}
}
