package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSeedIsTheSameEverywhere pins the seed: documentation, goldens and benchmarks of the whole house hang on it. A change here is
// deliberate or a mistake, never a side effect.
func TestSeedIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	const want = "67c8640779aa448dda7819b09cfa79147305de39bf1f5d94e271cf98db4b8336"
	s := New(Options{Now: func() time.Time { return time.Unix(0, 0) }})
	sum := sha256.New()
	for _, token := range []string{TokenPractitioner, TokenOtherClinic} {
		for _, path := range []string{
			"/clinic", "/clinic/practitioners", "/clinic/staff", "/clinic/patients?page[size]=100&page[number]=2", "/clinic/orders?page[size]=100",
			"/clinic/metadata?page[size]=100", "/clinic/labs/orders?page[size]=100", "/catalog/products?page[size]=100&page[number]=2",
			"/clinic/fullscript_protocols?page[size]=100", "/webhooks/deliveries?page[size]=100", "/clinic/categories", "/labs",
			"/clinic/treatment_plans/" + PlanWithLabs, "/catalog/products/" + ProductID, "/clinic/labs/orders/" + LabOrderID,
		} {
			sum.Write(callAs(t, s, token, "GET", path, "").Body.Bytes())
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("the seed has changed: %s", got)
	}
}

func TestSeedSize(t *testing.T) {
	t.Parallel()
	d := seedData()
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"clinics", len(d.clinics.seed.list), 2},
		{"practitioners", len(d.practitioners.seed.list), 12},
		{"practitioners of clinic 1", len(d.practitioners.seed.byGroup[ClinicID]), 8},
		{"staff", len(d.staff.seed.list), 6},
		{"patients", len(d.patients.seed.list), 1000},
		{"patients of clinic 1", len(d.patients.seed.byGroup[ClinicID]), 800},
		{"plans", len(d.plans.seed.list), 3000},
		{"orders", len(d.orders.seed.list), 1200},
		{"products", len(d.products.seed.list), 2000},
		{"brands", len(d.brands.seed.list), 60},
	} {
		if c.got != c.want {
			t.Errorf("%d %s, want %d", c.got, c.what, c.want)
		}
	}
	if n := len(d.variants.seed.list); n < 3800 || n > 4200 {
		t.Errorf("%d variants, want about 4,000", n)
	}
	unique := map[string]bool{}
	for _, v := range d.variants.seed.list {
		if unique[v.SKU] {
			t.Errorf("SKU %s twice", v.SKU)
		}
		unique[v.SKU] = true
	}
	for _, p := range d.patients.seed.list {
		if p.Email != nil && unique[*p.Email] {
			t.Errorf("email %s twice", *p.Email)
		}
		if p.Email != nil {
			unique[*p.Email] = true
			if !slices.ContainsFunc([]string{".com", ".org", ".net"}, func(end string) bool { return strings.HasSuffix(*p.Email, "@example"+end) }) {
				t.Errorf("email %s could be somebody's", *p.Email)
			}
		}
	}
}

func TestKnownRecordsAreWhatTheirNamesSay(t *testing.T) {
	t.Parallel()
	d := seedData()
	for name, is := range map[string]bool{
		"PatientWithManyPlans":   len(d.plans.seed.byGroup[PatientWithManyPlans]) >= 50,
		"PatientWithNoPlans":     d.patients.seed.byID[PatientWithNoPlans] != nil && len(d.plans.seed.byGroup[PatientWithNoPlans]) == 0 && len(d.orders.seed.byGroup[PatientWithNoPlans]) == 0 && len(d.addresses.seed.byGroup[PatientWithNoPlans]) == 0,
		"PatientWithDependents":  len(d.patients.seed.byGroup[PatientWithDependents]) == 2,
		"DependentPatient":       *d.patients.seed.byID[DependentPatient].GuardianID == PatientWithDependents && d.patients.seed.byID[DependentPatient].Email == nil,
		"SecondDependentPatient": *d.patients.seed.byID[SecondDependentPatient].GuardianID == PatientWithDependents,
		"ArchivedPatient":        d.patients.seed.byID[ArchivedPatient].Archived,
		"PatientWithNulls":       d.patients.seed.byID[PatientWithNulls].DateOfBirth == nil && d.patients.seed.byID[PatientWithNulls].GuardianID == nil,
		"OtherClinicPatient":     d.patients.seed.byID[OtherClinicPatient].clinicID == OtherClinicID,
		"PlanWithLabs":           len(d.plans.seed.byID[PlanWithLabs].labs) == 2 && len(d.plans.seed.byID[PlanWithLabs].resources) == 2 && len(d.plans.seed.byID[PlanWithLabs].Recommendations) == 5,
		"DraftPlan":              d.plans.seed.byID[DraftPlan].State == stateDraft && d.plans.seed.byID[DraftPlan].AvailableAt == nil,
		"CancelledPlan":          d.plans.seed.byID[CancelledPlan].State == stateCancelled,
		"EmptyPlan":              d.plans.seed.byID[EmptyPlan].State == stateActive && len(d.plans.seed.byID[EmptyPlan].Recommendations) == 0,
		"ActivePlan":             d.plans.seed.byID[ActivePlan].State == stateActive && len(d.plans.seed.byID[ActivePlan].Recommendations) == 3,
		"OtherClinicPlan":        d.plans.seed.byID[OtherClinicPlan].clinicID == OtherClinicID,
		"OrderWithLabs":          d.orders.seed.byID[OrderWithLabs].hasLabs() && d.orders.seed.byID[OrderWithLabs].TreatmentPlanIDs[0] == PlanWithLabs,
		"OtherClinicOrder":       d.orders.seed.byID[OtherClinicOrder].clinicID == OtherClinicID,
		"LabOrderID":             *d.labOrders.seed.byID[LabOrderID].TreatmentPlanID == PlanWithLabs && d.labOrders.seed.byID[LabOrderID].State == "results_ready",
		"OtherClinicLabOrder":    d.labOrders.seed.byID[OtherClinicLabOrder].clinicID == OtherClinicID,
		"OrderedLabTestID":       d.labOrders.seed.byID[LabOrderID].tests[0].ID == OrderedLabTestID,
		"LabTestID":              d.labs.seed.byID[LabTestID].active,
		"ResourceID":             d.plans.seed.byID[PlanWithLabs].resources[0].ID == ResourceID,
		"OtherClinicResource":    d.resources.seed.byID[OtherClinicResource].clinicID == OtherClinicID,
		"ProtocolID":             d.protocols.seed.byID[ProtocolID].PractitionerID == PractitionerID,
		"FullscriptProtocolID":   d.protocols.seed.byID[FullscriptProtocolID].clinicID == "",
		"TemplateID":             d.templates.seed.byID[TemplateID].PractitionerID == PractitionerID,
		"ProductID":              len(d.products.seed.byID[ProductID].variants) == 3,
		"VariantID":              d.products.seed.byID[ProductID].variants[0].ID == VariantID,
		"SKU":                    d.variants.seed.byID[VariantID].SKU == SKU,
		"BrandID":                d.products.seed.byID[ProductID].brand.ID == BrandID,
		"ColleagueID":            d.practitioners.seed.byID[ColleagueID].clinicID == ClinicID,
		"PractitionerID":         d.practitioners.seed.byID[PractitionerID].clinicID == ClinicID,
		"StaffID":                d.staff.seed.byID[StaffID].clinicID == ClinicID,
		"OtherClinicStaffID":     d.staff.seed.byID[OtherClinicStaffID].clinicID == OtherClinicID,
		"CategoryID":             d.categories.seed.byID[CategoryID].clinicID == ClinicID && len(d.categories.seed.byID[CategoryID].products) > 0,
		"OtherClinicCategory":    d.categories.seed.byID[OtherClinicCategory].clinicID == OtherClinicID,
		"PatientEmail":           *d.patients.seed.byID[PatientWithManyPlans].Email == PatientEmail,
		"SharedExternalID":       *d.patients.seed.byID[PatientWithManyPlans].Metadata.ID == SharedExternalID && *d.plans.seed.byID[PlanWithLabs].Metadata.ID == SharedExternalID,
	} {
		if !is {
			t.Errorf("%s is not what its name says", name)
		}
	}
	practitioners := map[string]bool{}
	for _, p := range d.plans.seed.byGroup[PatientWithManyPlans] {
		practitioners[p.PractitionerID] = true
	}
	if len(practitioners) != 8 {
		t.Errorf("PatientWithManyPlans has plans by %d practitioners, want 8", len(practitioners))
	}
}

func TestSeedHasEveryStateAndType(t *testing.T) {
	t.Parallel()
	d := seedData()
	states, types, labStates := map[string]int{}, map[string]int{}, map[string]int{}
	empty, withLabs, withResources := 0, 0, 0
	for _, p := range d.plans.seed.list {
		states[p.State]++
		if len(p.Recommendations) == 0 {
			empty++
		}
		if len(p.labs) > 0 {
			withLabs++
		}
		if len(p.resources) > 0 {
			withResources++
		}
		seen := map[string]bool{}
		for _, r := range p.Recommendations {
			if seen[r.VariantID] {
				t.Errorf("plan %s names variant %s twice", p.ID, r.VariantID)
			}
			seen[r.VariantID] = true
		}
	}
	if len(states) != 3 || empty < 50 || withLabs < 100 || withResources < 300 {
		t.Errorf("plans: states %v, %d empty, %d with labs, %d with resources", states, empty, withLabs, withResources)
	}
	for _, o := range d.labOrders.seed.list {
		labStates[o.State]++
	}
	for _, state := range labOrderStates {
		if labStates[state] == 0 {
			t.Errorf("no lab order is %s", state)
		}
	}
	for _, e := range d.events.seed.list {
		types[e.kind]++
		if day := e.createdAt[:10]; day < "2026-02-13" || day > "2026-03-15" {
			t.Errorf("event %s is of %s, outside the 30 days", e.id, day)
		}
	}
	for kind := range eventCategories {
		if types[kind] == 0 {
			t.Errorf("no event is %s", kind)
		}
	}
}

// TestSeedFitsTheDescription validates far more records than the samples do: oddities hide in the few with nulls.
func TestSeedFitsTheDescription(t *testing.T) {
	t.Parallel()
	described := describedRoutes(t)
	d := seedData()
	s := New(Options{RateLimit: -1})
	check := func(op string, path map[string]string, query string) answer {
		t.Helper()
		route := described[op]
		r := sample{query: query}.request(t, s, route, path)
		got := serve(t, s, r).want(http.StatusOK)
		checkAnswer(t, route, r, path, got, true)
		checkKeys(t, route, got)
		return got
	}
	for op, route := range described {
		if !strings.HasPrefix(op, "list") && !strings.HasPrefix(op, "search") || strings.Contains(route.Path, "{") {
			continue
		}
		for _, number := range []string{"1", "2", "999"} {
			check(op, nil, "page%5Bsize%5D=100&page%5Bnumber%5D="+number)
		}
	}
	check("findByMetadata", nil, "page%5Bsize%5D=100&page%5Bnumber%5D=2")
	singles := map[string][]string{
		"getPatient": idsIn(d.patients.seed.byGroup[ClinicID], 9), "getTreatmentPlan": idsIn(d.plans.seed.byGroup[ClinicID], 17),
		"getOrder": idsIn(d.orders.seed.byGroup[ClinicID], 17), "getProduct": idsIn(d.products.seed.list, 29), "getVariant": idsIn(d.variants.seed.list, 61),
		"getLabOrder": idsIn(d.labOrders.seed.byGroup[ClinicID], 3), "getProtocol": idsIn(d.protocols.seed.byGroup[ClinicID], 3),
		"getEvent": idsIn(keep(d.events.seed.list, func(e *event) bool { return e.owner != OtherClinicID }), 3),
	}
	for op, ids := range singles {
		for _, id := range ids {
			check(op, with("id", id), "")
		}
	}
}

// idsIn takes every n-th.
func idsIn[T row](list []T, n int) []string {
	var out []string
	for i := 0; i < len(list); i += n {
		out = append(out, list[i].rowID())
	}
	return out
}
