package sandbox

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for _, c := range []struct {
		name, token, method, path string
		status                    int
		says                      string
	}{
		{"NoToken", "", "GET", "/clinic", 401, "missing"},
		{"UnknownToken", "nonsense", "GET", "/clinic", 401, "invalid"},
		{"Expired", TokenExpired, "GET", "/clinic", 401, "The access token expired"},
		{"Practitioner", TokenPractitioner, "GET", "/clinic", 200, ClinicID},
		{"Staff", TokenStaff, "GET", "/clinic", 200, ClinicID},
		{"OtherClinic", TokenOtherClinic, "GET", "/clinic", 200, OtherClinicID},
		{"ReadonlyReads", TokenReadonly, "GET", "/clinic/patients", 200, "patients"},
		{"ReadonlyMayNotWrite", TokenReadonly, "POST", "/clinic/patients", 403, "Must have patients:write scope enabled"},
		{"ReadonlyMayUseRestrictedReads", TokenReadonly, "GET", "/labs", 200, "labs"},
		{"UnapprovedReads", TokenUnapproved, "GET", "/catalog/products", 200, "products"},
		{"UnapprovedIsRestricted", TokenUnapproved, "GET", "/catalog/search/products", 403, "commercial approval"},
		{"ScopeBeforeExistence", TokenReadonly, "PATCH", "/clinic/patients/unknown", 403, "patients:write"},
		{"UnknownPath", TokenPractitioner, "GET", "/nowhere", 404, "No route"},
		{"WrongMethod", TokenPractitioner, "DELETE", "/clinic/patients/" + PatientWithNoPlans, 404, "No route"},
		{"PutLikePatch", TokenPractitioner, "PUT", "/clinic/patients/" + PatientWithNoPlans, 200, PatientWithNoPlans},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := callAs(t, s, c.token, c.method, c.path, "").want(c.status)
			if !strings.Contains(a.Body.String(), c.says) {
				t.Errorf("%s does not say %q", a.Body, c.says)
			}
			if a.Header().Get("X-Request-Id") == "" {
				t.Error("no X-Request-Id")
			}
			if c.status == http.StatusUnauthorized && !strings.HasPrefix(a.Header().Get("WWW-Authenticate"), "Bearer") {
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
}

func TestTokensAreListedInOrder(t *testing.T) {
	t.Parallel()
	for i, want := range []string{TokenPractitioner, TokenStaff, TokenReadonly, TokenUnapproved, TokenOtherClinic, TokenExpired} {
		if got := Tokens()[i].Name; got != want {
			t.Errorf("token %d is %s, want %s", i, got, want)
		}
	}
}

func TestGetEventNeedsTheScopeOfItsCategory(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	s.state.oauth.access["catalog-only"] = &oauthToken{
		user: identity{clinicID: ClinicID, scopes: needs(scopeCatalogRead)}, created: s.opts.Now(), life: time.Hour,
	}
	for _, e := range seedData().events.seed.list {
		if e.owner == OtherClinicID {
			continue
		}
		want := http.StatusForbidden
		if scope := eventCategories[e.kind].scope; scope == "" || scope == scopeCatalogRead {
			want = http.StatusOK
		}
		callAs(t, s, "catalog-only", "GET", "/events/"+e.id, "").want(want)
	}
}

// TestClinicsDoNotSeeEachOther asks with the token of each clinic for every record of the other, and looks through every list.
func TestClinicsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	d := seedData()
	for _, c := range []struct{ name, token, stranger string }{
		{"First", TokenPractitioner, OtherClinicID},
		{"Second", TokenOtherClinic, ClinicID},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := New(Options{RateLimit: -1})
			hidden := func(method, path string, ids []string, suffix string) {
				t.Helper()
				for _, id := range ids {
					if got := callAs(t, s, c.token, method, path+id+suffix, `{"first_name":"X"}`).Code; got != http.StatusNotFound {
						t.Errorf("%s %s%s%s answers %d, want 404", method, path, id, suffix, got)
					}
				}
			}
			patients, plans := idsIn(d.patients.seed.byGroup[c.stranger], 7), idsIn(d.plans.seed.byGroup[c.stranger], 23)
			hidden("GET", "/clinic/patients/", patients, "")
			hidden("PATCH", "/clinic/patients/", patients, "")
			for _, suffix := range []string{"/dependents", "/addresses", "/orders", "/treatment_plans"} {
				hidden("GET", "/clinic/patients/", patients, suffix)
			}
			hidden("POST", "/clinic/patients/", patients, "/treatment_plans")
			hidden("GET", "/clinic/treatment_plans/", plans, "")
			hidden("PATCH", "/clinic/treatment_plans/", plans, "")
			hidden("PATCH", "/clinic/treatment_plans/", plans, "/activate")
			hidden("PATCH", "/clinic/treatment_plans/", plans, "/cancel")
			hidden("POST", "/clinic/treatment_plans/", plans, "/in_office_checkout")
			hidden("GET", "/clinic/dynamic_links/treatment_plans/", plans, "")
			practitioners, staff := idsIn(d.practitioners.seed.byGroup[c.stranger], 1), idsIn(d.staff.seed.byGroup[c.stranger], 1)
			hidden("GET", "/clinic/practitioners/", practitioners, "")
			hidden("PATCH", "/clinic/practitioners/", practitioners, "")
			hidden("GET", "/clinic/practitioners/", practitioners, "/protocols")
			hidden("GET", "/clinic/practitioners/", practitioners, "/templates")
			hidden("GET", "/catalog/products/"+ProductID+"?practitioner_id=", practitioners, "")
			hidden("GET", "/clinic/staff/", staff, "")
			hidden("PATCH", "/clinic/staff/", staff, "")
			hidden("GET", "/clinic/orders/", idsIn(d.orders.seed.byGroup[c.stranger], 7), "")
			hidden("GET", "/clinic/labs/orders/", idsIn(d.labOrders.seed.byGroup[c.stranger], 1), "")
			hidden("GET", "/clinic/labs/tests/", idsIn(d.orderedTests.seed.byGroup[c.stranger], 5), "")
			hidden("GET", "/clinic/resources/", idsIn(d.resources.seed.byGroup[c.stranger], 1), "/download")
			hidden("GET", "/clinic/protocols/", idsIn(d.protocols.seed.byGroup[c.stranger], 1), "")
			hidden("GET", "/clinic/categories/", idsIn(d.categories.seed.byGroup[c.stranger], 1), "")
			hidden("GET", "/clinic/categories/", idsIn(d.categories.seed.byGroup[c.stranger], 1), "/products")
			hidden("GET", "/events/", idsIn(keep(d.events.seed.list, func(e *event) bool { return e.owner == c.stranger }), 3), "")

			strange := map[string]bool{}
			for _, ids := range [][]string{
				idsIn(d.patients.seed.byGroup[c.stranger], 1), idsIn(d.plans.seed.byGroup[c.stranger], 1), practitioners, staff,
				idsIn(d.orders.seed.byGroup[c.stranger], 1), idsIn(d.labOrders.seed.byGroup[c.stranger], 1),
				{c.stranger},
			} {
				for _, id := range ids {
					strange[id] = true
				}
			}
			for _, path := range []string{
				"/clinic/patients", "/clinic/search/patients", "/clinic/practitioners", "/clinic/staff", "/clinic/orders", "/clinic/labs/orders",
				"/clinic/metadata", "/events/orders", "/events/patients", "/events/treatment_plans", "/events/lab_orders", "/events/clinic_keys",
				"/webhooks/deliveries", "/clinic/orders?patient_id=" + patients[0], "/clinic/labs/orders?patient_id=" + patients[0],
			} {
				for _, item := range wholeList(t, s, c.token, path) {
					lookForIDs(t, path, item, strange)
				}
			}
		})
	}
}

func lookForIDs(t *testing.T, path string, value any, strange map[string]bool) {
	t.Helper()
	switch v := value.(type) {
	case string:
		if strange[v] {
			t.Errorf("%s shows %s of the other clinic", path, v)
		}
	case []any:
		for _, inner := range v {
			lookForIDs(t, path, inner, strange)
		}
	case map[string]any:
		for _, inner := range v {
			lookForIDs(t, path, inner, strange)
		}
	}
}

// wholeList pages through a list, 100 at a time.
func wholeList(t *testing.T, s *Server, token, path string) []any {
	t.Helper()
	var out []any
	sign := "?"
	if strings.Contains(path, "?") {
		sign = "&"
	}
	for number := 1; number > 0; {
		body := callAs(t, s, token, "GET", path+sign+"page[size]=100&page[number]="+itoa(number), "").want(http.StatusOK).object()
		number = 0
		for key, value := range body {
			if key == "meta" {
				if next, more := value.(map[string]any)["next_page"].(float64); more {
					number = int(next)
				}
				continue
			}
			out = append(out, value.([]any)...)
		}
	}
	return out
}
