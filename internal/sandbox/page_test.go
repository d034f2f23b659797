package sandbox

import (
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var itoa = strconv.Itoa

// TestPagesPartitionTheList: pages of any size hold each record once, in one order, and their meta agrees.
func TestPagesPartitionTheList(t *testing.T) {
	t.Parallel()
	s := New(Options{RateLimit: -1})
	lists := []string{
		"/clinic/patients/" + PatientWithManyPlans + "/treatment_plans?sort_by=updated_at", "/clinic/practitioners?", "/catalog/brands?",
		"/clinic/patients?patient_type=dependent", "/clinic/patients/" + PatientWithNoPlans + "/treatment_plans?", "/clinic/orders?type=labs",
		"/events/products?order_by=DESC", "/catalog/ingredients?", "/clinic/categories/" + CategoryID + "/products?",
	}
	rapid.Check(t, func(rt *rapid.T) {
		path := rapid.SampledFrom(lists).Draw(rt, "list")
		size := rapid.IntRange(1, 100).Draw(rt, "size")
		whole := wholeList(t, s, TokenPractitioner, strings.TrimSuffix(path, "?"))
		var together []any
		pages := (len(whole) + size - 1) / size
		for number := 1; number <= pages+1; number++ {
			body := call(t, s, "GET", path+"&page[size]="+itoa(size)+"&page[number]="+itoa(number), "").want(http.StatusOK).object()
			meta := body["meta"].(map[string]any)
			want := map[string]any{
				"current_page": float64(number), "total_pages": float64(pages), "total_count": float64(len(whole)), "next_page": nil, "prev_page": nil,
			}
			if number < pages {
				want["next_page"] = float64(number + 1)
			}
			if number > 1 && number <= pages {
				want["prev_page"] = float64(number - 1)
			}
			if !reflect.DeepEqual(meta, want) {
				rt.Fatalf("%s: meta %v, want %v", path, meta, want)
			}
			delete(body, "meta")
			for _, items := range body {
				together = append(together, items.([]any)...)
			}
		}
		if len(whole) > 0 && !reflect.DeepEqual(together, whole) {
			rt.Fatalf("%s in pages of %d is another list", path, size)
		}
	})
}

func TestPageDefaultsAndLimits(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	if got := len(call(t, s, "GET", "/clinic/patients", "").object()["patients"].([]any)); got != defaultPageSize {
		t.Errorf("%d patients by default, want %d", got, defaultPageSize)
	}
	for _, query := range []string{"page[size]=101", "page[size]=0", "page[size]=ten", "page[size]=", "page[number]=0", "page[number]=-1", "page%5Bsize%5D=1000"} {
		call(t, s, "GET", "/clinic/patients?"+query, "").want(http.StatusUnprocessableEntity)
	}
	body := call(t, s, "GET", "/clinic/patients?page[number]=99", "").want(http.StatusOK).object()
	if items := body["patients"].([]any); len(items) != 0 {
		t.Errorf("%d patients beyond the end", len(items))
	}
}

func TestSortingAndFilters(t *testing.T) {
	t.Parallel()
	s := New(Options{RateLimit: -1})
	texts := func(path, key string) []string {
		t.Helper()
		var out []string
		for _, item := range wholeList(t, s, TokenPractitioner, path) {
			text, _ := item.(map[string]any)[key].(string)
			out = append(out, text)
		}
		return out
	}
	plans := "/clinic/patients/" + PatientWithManyPlans + "/treatment_plans?sort_by=created_at"
	up, down := texts(plans, "created_at"), texts(plans+"&order_by=DESC", "created_at")
	for i := range up {
		if i > 0 && up[i-1] > up[i] || up[i] != down[len(down)-1-i] {
			t.Fatalf("plan %d is out of order", i)
		}
	}
	days := func(filter string) []string {
		return texts("/clinic/orders?completed_at="+url.QueryEscape(filter), "completed_at")
	}
	before, on, after := days("<2026-01-15"), days("2026-01-15"), days(">2026-01-15")
	within := days("2026-01-01..2026-01-31")
	all := len(keep(seedData().orders.seed.byGroup[ClinicID], func(o *order) bool { return o.CompletedAt != nil }))
	if len(before)+len(on)+len(after) != all || len(before) == 0 || len(after) == 0 {
		t.Errorf("%d before, %d on, %d after the day; %d in all", len(before), len(on), len(after), all)
	}
	for _, at := range within {
		if at[:7] != "2026-01" {
			t.Errorf("%s is not within January", at)
		}
	}
	for _, bad := range []string{
		"/clinic/orders?completed_at=yesterday", "/clinic/orders?sort_by=patient", "/clinic/orders?type=supplements", "/events/orders?order_by=asc",
		"/clinic/patients?patient_type=child", "/catalog/brands?available=yes",
	} {
		call(t, s, "GET", bad, "").want(http.StatusUnprocessableEntity)
	}
	dependents, guardians := len(texts("/clinic/patients?patient_type=dependent", "id")), len(texts("/clinic/patients?patient_type=guardian", "id"))
	if dependents == 0 || dependents+guardians != 800 {
		t.Errorf("%d dependents and %d guardians, want 800 together", dependents, guardians)
	}
	number := call(t, s, "GET", "/clinic/orders/"+OrderWithLabs, "").object()["order"].(map[string]any)["order_number"].(string)
	for filter, want := range map[string]string{
		"order_number=" + number: OrderWithLabs, "type=labs&treatment_plan_id=" + PlanWithLabs: OrderWithLabs,
	} {
		if ids := texts("/clinic/orders?"+filter, "id"); len(ids) == 0 || ids[0] != want {
			t.Errorf("%s finds %v", filter, ids)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	found := func(path, key string) (names []string, n int) {
		body := call(t, s, "GET", path, "").want(http.StatusOK).object()
		for _, item := range body[key].([]any) {
			m := item.(map[string]any)
			name, _ := m["name"].(string)
			if name == "" {
				name = m["first_name"].(string) + " " + m["last_name"].(string)
			}
			names = append(names, name)
		}
		return names, int(body["meta"].(map[string]any)["total_count"].(float64))
	}
	for _, c := range []struct {
		path, key, says string
	}{
		{"/clinic/search/patients?query=VALENTINA+vander", "patients", "Valentina Vandermeer"},
		{"/clinic/search/patients?email=vandermeer1@", "patients", "Valentina Vandermeer"},
		{"/clinic/search/patients?first_name=ada&last_name=night", "patients", "Ada Nightingale"},
		{"/catalog/search/products?query=turmeric", "products", "Turmeric"},
		{"/catalog/search/products?ingredient_ids[]=" + IngredientID, "products", ""},
		{"/labs/search/tests?query=ferritin", "labs", "Iron Studies"},
	} {
		names, n := found(c.path, c.key)
		if n == 0 {
			t.Errorf("%s finds nothing", c.path)
		}
		for _, name := range names {
			if !strings.Contains(name, c.says) {
				t.Errorf("%s finds %s", c.path, name)
			}
		}
	}
	_, one := found("/catalog/search/products?query=vitamin&allergen_ids[]="+AllergenID, "products")
	_, two := found("/catalog/search/products?query=vitamin&allergen_ids[]="+AllergenID+"&allergen_ids[]="+id(kindAllergen, 1), "products")
	_, both := found("/catalog/search/products?query=vitamin&allergen_ids[]="+AllergenID+"&supplement_type_ids[]="+SupplementTypeID, "products")
	if !(both < one && one < two) {
		t.Errorf("a second facet should narrow (%d < %d) and a second value widen (%d > %d)", both, one, two, one)
	}
	hidden := id(kindBrand, 57)
	if _, n := found("/catalog/search/products?brand_id="+hidden, "products"); n != 0 {
		t.Errorf("search shows %d products of a brand the clinic may not see", n)
	}
}
