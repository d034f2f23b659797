package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/sandbox"
)

const planPage = `query($id: ID!) { patient(id: $id) { firstName treatmentPlans(first: 5) { nodes { state practitioner { lastName } recommendations { variant { sku product { name brand { name } } } } } } } }`

// kept sends a query of the first practitioner that may be answered with what was kept.
func (v *virtual) kept(query string, variables ...any) *reply {
	v.Helper()
	return v.post(requestBody(v, query, variables...), "Cache-Control", "")
}

// TestCache: what belongs to no patient is kept for its caller, for as long as it is said to
// be, and everything else is asked for anew.
func TestCache(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		calls := func(r *reply) int {
			v.Helper()
			r.fails(v)
			n := v.sandbox.Count("")
			v.sandbox.ResetCalls()
			return n
		}
		page := func() int { return calls(v.kept(planPage, "id", sandbox.PatientWithManyPlans)) }
		first := page()
		again := page()
		if again != 7 { // the patient, the list of plans, five plans
			v.Errorf("%d calls at first, then %d", first, again)
		}
		if n := calls(v.query(planPage, "id", sandbox.PatientWithManyPlans)); n != first {
			v.Errorf("no-cache takes %d calls, want %d", n, first)
		}
		time.Sleep(61 * time.Second) // practitioners
		if n := page(); n != 8 {
			v.Errorf("%d calls after a minute, want one more", n)
		}
		time.Sleep(5 * time.Minute) // variants
		if n := page(); n != first {
			v.Errorf("%d calls after 5 minutes, want %d", n, first)
		}
		const patients = `{ patients(first: 3) { nodes { dateOfBirth } } clinic { name } orders(first: 2) { nodes { id } } }`
		if one, two := calls(v.kept(patients)), calls(v.kept(patients)); one != two {
			v.Errorf("patient data is kept: %d calls, then %d", one, two)
		}
	})
}

// TestPrimed: what an answer holds of products, variants and brands spares their calls in
// later operations of that caller, as long as an answer of their own would.
func TestPrimed(t *testing.T) {
	t.Parallel()
	const (
		product = `query($id: ID!) { product(id: $id) { name brand { name } variants { id sku msrp } } }`
		written = `query($id: ID!) { treatmentPlan(id: $id) { recommendations { variant { fullscriptId sku } } } }`
		again   = `query($id: ID!) { variant(id: $id) { product { name } } }`
	)
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		calls := func(r *reply) int {
			v.Helper()
			r.fails(v)
			n := v.sandbox.Count("")
			v.sandbox.ResetCalls()
			return n
		}
		// A plan of the product's own variants, so that all of them are known.
		ids := []string{}
		for _, id := range list(v, v.query(product, "id", sandbox.ProductID).Data, "product.variants") {
			ids = append(ids, at(v, id, "id").(string))
		}
		recommendations := []any{}
		for _, id := range ids {
			recommendations = append(recommendations, map[string]any{"variantId": id, "unitsToPurchase": 1})
		}
		plan := at(v, v.query(`mutation($input: CreateTreatmentPlanInput!) { createTreatmentPlan(input: $input) { treatmentPlan { id } } }`, "input", map[string]any{
			"patientId": sandbox.PatientWithManyPlans, "state": "DRAFT", "recommendations": recommendations,
		}).Data, "createTreatmentPlan.treatmentPlan.id")
		v.sandbox.ResetCalls()
		other := func(query string, variables ...any) *reply {
			v.Helper()
			return v.post(requestBody(v, query, variables...), "Cache-Control", "", "Authorization", "Bearer "+sandbox.TokenStaff)
		}
		want := v.query(written, "id", plan).Data // without anything that is kept
		alone := calls(v.query(written, "id", plan))
		if alone/2 != 1+len(ids) {
			v.Fatalf("%d calls, want the plan and %d variants, twice", alone, len(ids))
		}
		alone /= 2
		time.Sleep(6 * time.Minute)

		if n := calls(v.kept(product, "id", sandbox.ProductID)); n != 1 {
			v.Errorf("the product takes %d calls", n)
		}
		r := v.kept(written, "id", plan)
		if n := calls(r); n != 1 {
			v.Errorf("its variants are known, and %d calls were made", n)
		}
		if !reflect.DeepEqual(r.Data, want) {
			v.Errorf("the answer is\n%v\nwant\n%v", r.Data, want)
		}
		if n := calls(other(written, "id", plan)); n != alone {
			v.Errorf("another caller makes %d calls, want %d", n, alone)
		}
		if n := calls(v.query(written, "id", plan)); n != alone {
			v.Errorf("with no-cache %d calls were made, want %d", n, alone)
		}
		time.Sleep(6 * time.Minute)
		if n := calls(v.kept(product, "id", sandbox.ProductID)); n != 1 {
			v.Errorf("the product takes %d calls later", n)
		}
		time.Sleep(3 * time.Minute)
		calls(v.query(`{ clinic { name } }`)) // proves the token
		if n := calls(v.kept(product, "id", sandbox.ProductID)); n != 0 {
			v.Errorf("the product takes %d calls within 5 minutes", n)
		}
		time.Sleep(2*time.Minute + time.Second)
		if n := calls(v.kept(written, "id", plan)); n != alone {
			v.Errorf("%d calls 5 minutes after the product came, want %d", n, alone)
		}
		if n := calls(v.kept(again, "id", sandbox.VariantID)); n > 1 {
			v.Errorf("%d calls for a variant and its product", n)
		}
	})
}

// TestPrimedIsNoOlder: once no-cache has brought what came inside another record, nothing older is
// served, whichever record it comes by.
func TestPrimedIsNoOlder(t *testing.T) {
	t.Parallel()
	const product, variant = `{ product(id: "p1") { variants { sku } } }`, `{ variant(id: "v1") { sku } }`
	for _, fresh := range []string{product, variant} {
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.answerWith("before")
			v.kept(product).fails(v)
			v.answerWith("after")
			time.Sleep(time.Second)
			v.query(fresh).fails(v)
			for range 10 {
				if r := v.kept(variant); at(v, r.Data, "variant.sku") != "after" {
					v.Errorf("after %s: %s", fresh, r.text)
				}
				time.Sleep(20 * time.Second)
			}
		})
	}
}

// answerWith has the partner answer for a product and for its variant.
func (v *virtual) answerWith(sku string) {
	v.sandbox.ClearFaults()
	for operation, body := range map[string]string{
		"getProduct": `{"product":{"id":"p1","name":"P","variants":[{"id":"v1","sku":"` + sku + `"}]}}`, "getVariant": `{"variant":{"id":"v1","sku":"` + sku + `"}}`,
	} {
		v.sandbox.AddFault(sandbox.Fault{Operation: operation, Status: http.StatusOK, Body: body, Header: http.Header{"Content-Type": {asJSON}}})
	}
}

// TestPrimedBehind: a record that was asked for itself is not answered from what came inside another
// before, whenever that one is read again.
func TestPrimedBehind(t *testing.T) {
	t.Parallel()
	const named, product, variant = `{ product(id: "p1") { name } }`, `{ product(id: "p1") { variants { sku } } }`, `{ variant(id: "v1") { sku } }`
	for _, share := range []bool{false, true} {
		c := config()
		c.ShareCatalog = share
		for _, first := range []string{named, product} {
			virtually(t, c, sandbox.Options{}, func(v *virtual) {
				v.answerWith("before")
				v.kept(first).fails(v)
				time.Sleep(10 * time.Second)
				v.answerWith("after")
				v.query(variant).fails(v)
				for range 10 {
					if r := v.kept(variant); at(v, r.Data, "variant.sku") != "after" {
						v.Errorf("after %s: %s", first, r.text)
					}
					v.kept(product).fails(v)
					time.Sleep(20 * time.Second)
				}
			})
		}
	}
}

// TestPrimedAhead: what came inside another is served if it is newer than the record's own answer.
func TestPrimedAhead(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		const product, variant = `{ product(id: "p1") { variants { sku } } }`, `{ variant(id: "v1") { sku } }`
		v.answerWith("before")
		v.kept(variant).fails(v)
		time.Sleep(10 * time.Second)
		v.answerWith("after")
		v.query(product).fails(v)
		v.sandbox.ResetCalls()
		if r := v.kept(variant); at(v, r.Data, "variant.sku") != "after" || v.sandbox.Count("") != 0 {
			v.Errorf("%d calls, %s", v.sandbox.Count(""), r.text)
		}
	})
}

// TestPrimedOfWhatIsGone: a record that is gone or forbidden is not answered from what came inside
// another before.
func TestPrimedOfWhatIsGone(t *testing.T) {
	t.Parallel()
	const product, variant = `{ product(id: "p1") { variants { sku } } }`, `{ variant(id: "v1") { sku } }`
	for _, share := range []bool{false, true} {
		for _, status := range []int{http.StatusNotFound, http.StatusForbidden} {
			c := config()
			c.ShareCatalog = share
			virtually(t, c, sandbox.Options{}, func(v *virtual) {
				v.answerWith("before")
				v.kept(product).fails(v)
				time.Sleep(time.Second)
				v.sandbox.ClearFaults()
				v.sandbox.AddFault(sandbox.Fault{Operation: "getVariant", Status: status, Body: `{"error":"no"}`, Header: http.Header{"Content-Type": {asJSON}}})
				want := v.query(variant).Data
				v.kept(product)
				if r := v.kept(variant); !reflect.DeepEqual(r.Data, want) {
					v.Errorf("sharing %t, after %d: %s", share, status, r.text)
				}
			})
		}
	}
}

// TestPrimedAgain: what an event has made old is no reason to keep nothing new.
func TestPrimedAgain(t *testing.T) {
	t.Parallel()
	c := config()
	c.OperationTimeout, c.CallTimeout = 200*time.Millisecond, 100*time.Millisecond
	h := startWith(t, c, sandbox.Options{})
	read := func(query, id string) int { return h.calls(query, "id", id) }
	const product, variant = `query($id: ID!) { product(id: $id) { variants { sku } } }`, `query($id: ID!) { variant(id: $id) { sku } }`
	read(product, sandbox.ProductID)
	eventually(t, func() bool {
		h.emit(sandbox.Emission{Type: "product.updated"})
		time.Sleep(2 * c.OperationTimeout)
		return read(product, sandbox.ProductID) == 1 && read(variant, sandbox.VariantID) == 0
	}, "the variant is not known again")
}

// TestPrimedInVain: a call that is made all the same counts as none that was spared.
func TestPrimedInVain(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{RateLimit: -1}, func(v *virtual) {
		v.kept(`{ product(id: "` + sandbox.ProductID + `") { name variants { sku } } }`)
		v.sandbox.ResetCalls()
		r := v.post(requestBody(v, `{ variant(id: "`+sandbox.VariantID+`") { sku product { name } } }`), "Cache-Control", "", "X-Gateway-Cost", "1")
		made, hits := at(v, r.Extensions, "cost.upstreamCalls"), at(v, r.Extensions, "cost.cacheHits")
		if made != float64(v.sandbox.Count("")) || made != 1.0 || hits != 0.0 {
			v.Errorf("%v calls, %v spared", made, hits)
		}
	})
}

// TestCachesChangeNothing: whatever a caller has asked before, an answer made with what was kept
// is the one that the partner gives.
func TestCachesChangeNothing(t *testing.T) {
	t.Parallel()
	g, spared := newDocuments(t), 0
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 7))
		virtually(t, config(), sandbox.Options{RateLimit: -1}, func(v *virtual) {
			roots := [][2]string{
				{"product", sandbox.ProductID},
				{"variant", sandbox.VariantID},
				{"product", sandbox.ProductID},
				{"variant", sandbox.VariantID},
				{"brand", sandbox.BrandID},
				{"category", sandbox.CategoryID},
				{"treatmentPlan", sandbox.PlanWithLabs},
				{"patient", sandbox.PatientWithManyPlans},
				{"practitioner", sandbox.PractitionerID},
				{"protocol", sandbox.ProtocolID},
			}
			for range 40 {
				root := roots[r.IntN(len(roots))]
				query := fmt.Sprintf("{ %s(id: %q) %s }", root[0], root[1], g.selection(r, g.schema.Query.Fields.ForName(root[0]).Type.Name(), 3))
				v.sandbox.ResetCalls()
				got := v.kept(query)
				few := v.sandbox.Count("")
				want := v.query(query)
				if few < v.sandbox.Count("")-few {
					spared++
				}
				if !reflect.DeepEqual(got.Data, want.Data) || len(got.Errors) != len(want.Errors) {
					v.Errorf("seed %d: %s\nis answered with\n%v %v\nwant\n%v %v", seed, query, got.Data, got.Errors, want.Data, want.Errors)
				}
				time.Sleep(time.Duration(r.IntN(90)) * time.Second)
			}
		})
	}
	t.Logf("%d queries took fewer calls", spared)
	if spared < 50 {
		t.Errorf("only %d queries took fewer calls", spared)
	}
}

// TestCacheApart: nobody is answered with what another caller has got.
func TestCacheApart(t *testing.T) {
	t.Parallel()
	h := start(t)
	const query = `{ practitioners(first: 1) { nodes { fullscriptId } } }`
	seen := map[string]any{}
	for _, token := range []string{sandbox.TokenPractitioner, sandbox.TokenOtherClinic, sandbox.TokenPractitioner, sandbox.TokenOtherClinic} {
		id := at(t, h.with(http.Header{}, token, query).Data, "practitioners.nodes.0.fullscriptId")
		if before, ok := seen[token]; ok && before != id || id == nil {
			t.Errorf("%s has %v, then %v", token, before, id)
		}
		seen[token] = id
	}
	if seen[sandbox.TokenPractitioner] == seen[sandbox.TokenOtherClinic] {
		t.Error("the clinics have one practitioner")
	}
	if n := h.sandbox.Count(""); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	for _, token := range []string{"made-up", sandbox.TokenExpired, ""} {
		if a := h.with(http.Header{}, token, query); a.Data != nil && a.Data["practitioners"] != nil {
			t.Errorf("%q has %v", token, a.Data)
		}
	}
}

// TestCacheNeedsProof: a token that the partner has not accepted lately is sent to it, though
// the answer is kept.
func TestCacheNeedsProof(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		const query = `{ brands(first: 3) { nodes { name } } }`
		v.kept(query).fails(v)
		v.kept(query).fails(v)
		if n := v.sandbox.Count(""); n != 1 {
			v.Errorf("%d calls, want 1", n)
		}
		time.Sleep(config().ProofAge + time.Second)
		v.sandbox.AddFault(sandbox.Fault{Status: 401}) // the token has been revoked
		v.kept(query).fails(v, failed{"brands", "UNAUTHENTICATED"})
		v.kept(query).fails(v, failed{"brands", "UNAUTHENTICATED"})
		if n := v.sandbox.Count(""); n != 2 {
			v.Errorf("%d calls, want 2", n)
		}
	})
}

// TestCacheOfPages: a window whose first page was kept and whose second is new has every row
// if the list became shorter meanwhile. One that became longer has no row twice, and lacks the
// new one until the page is asked for again.
func TestCacheOfPages(t *testing.T) {
	t.Parallel()
	for _, change := range []int{-1, 1} {
		var mu sync.Mutex
		first, last := 0, 250
		h := startRemote(t, config(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			number, _ := strconv.Atoi(r.URL.Query().Get("page[number]"))
			size, _ := strconv.Atoi(r.URL.Query().Get("page[size]"))
			rows := []map[string]any{}
			for i := first + (number-1)*size; i < min(first+number*size, last); i++ {
				rows = append(rows, map[string]any{"id": fmt.Sprint("s", i), "last_name": fmt.Sprint(i)})
			}
			total := last - first
			w.Header().Set("Content-Type", asJSON)
			_ = json.NewEncoder(w).Encode(map[string]any{"staff": rows, "meta": map[string]any{"current_page": number, "total_count": total, "total_pages": (total + size - 1) / size}})
		}))
		h.with(http.Header{}, "token", `{ staff(first: 100) { nodes { lastName } } }`)
		mu.Lock()
		first -= change // a row in front is gone, or new
		mu.Unlock()
		a := h.with(http.Header{}, "token", `{ staff(first: 200) { nodes { lastName } } }`)
		if len(a.Errors) > 0 {
			t.Fatal(a.Errors)
		}
		from := max(0, first)
		rows := list(t, a.Data, "staff.nodes")
		if len(rows) < 199 {
			t.Errorf("%+d: %d rows", change, len(rows))
		}
		for i, row := range rows {
			if got := at(t, row, "lastName"); got != fmt.Sprint(from+i) {
				t.Fatalf("%+d: row %d is %v, want %d", change, i, got, from+i)
			}
		}
	}
}

// TestCacheOfWhatCannotBeRead: an answer that is none is asked for again, and proves no token, for
// whoever stands in for the partner does not know it.
func TestCacheOfWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	c := config()
	c.ShareCatalog = true
	for _, body := range []string{"<html>maintenance</html>", `{"brands":`, `{"error":"try again"}`, `{}`, `{"brands":7}`} {
		virtually(t, c, sandbox.Options{}, func(v *virtual) {
			const query, other = `{ brands(first: 1) { nodes { name } } }`, `{ brands(first: 2) { nodes { name } } }`
			ask := func(token, query string) (calls int, ok bool) {
				v.sandbox.ResetCalls()
				r := v.post(requestBody(v, query), "Cache-Control", "", "Authorization", "Bearer "+token)
				return v.sandbox.Count(""), len(r.Errors) == 0
			}
			fault := sandbox.Fault{Operation: "listBrands", Status: 200, Body: body, Header: http.Header{"Content-Type": {asJSON}}, Times: 1}
			ask(sandbox.TokenPractitioner, other)
			for i, token := range []string{"made-up", sandbox.TokenPractitioner} {
				v.sandbox.AddFault(fault)
				if calls, ok := ask(token, query); calls != 1 || ok {
					v.Errorf("%s: %d calls, %t", body, calls, ok)
				}
				if calls, ok := ask(token, query); calls != 1 || ok != (i == 1) {
					v.Errorf("%s: then %d calls, %t", body, calls, ok)
				}
			}
			v.sandbox.AddFault(fault)
			ask("made-up-too", query)
			if calls, ok := ask("made-up-too", other); calls != 1 || ok {
				v.Errorf("%s: a made-up token is answered with what others have got: %d calls, %t", body, calls, ok)
			}
		})
	}
}

// TestCacheOfWhatIsGone: once the partner has said that a record is not there, or not for the
// caller, what was kept is not there either.
func TestCacheOfWhatIsGone(t *testing.T) {
	t.Parallel()
	for status, want := range map[int][]failed{http.StatusNotFound: nil, http.StatusForbidden: {{"brand", "FORBIDDEN"}}} {
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			const query = `{ brand(id: "` + sandbox.BrandID + `") { name } }`
			v.kept(query).fails(v)
			v.sandbox.AddFault(sandbox.Fault{Operation: "getBrand", Status: status, Body: `{"error":"no"}`, Header: http.Header{"Content-Type": {asJSON}}})
			for range 2 {
				if r := v.query(query); at(v, r.Data, "brand") != nil {
					v.Errorf("%s", r.text)
				}
				v.kept(query).fails(v, want...)
			}
		})
	}
}

// TestCacheOfWhatIsGoneMeanwhile: nor is it once an answer comes that was asked for before.
func TestCacheOfWhatIsGoneMeanwhile(t *testing.T) {
	t.Parallel()
	for status, want := range map[int][]failed{http.StatusNotFound: nil, http.StatusForbidden: {{"brand", "FORBIDDEN"}}} {
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			const query = `{ brand(id: "` + sandbox.BrandID + `") { name } }`
			v.sandbox.AddFault(sandbox.Fault{Operation: "getBrand", Latency: 2 * time.Second, Times: 1})
			var under sync.WaitGroup
			under.Go(func() { v.raw(v.Context(), sandbox.TokenPractitioner, query) })
			time.Sleep(time.Second)
			v.sandbox.AddFault(sandbox.Fault{Operation: "getBrand", Status: status, Body: `{"error":"no"}`, Header: http.Header{"Content-Type": {asJSON}}})
			v.query(`mutation { updateStaff(input: {id: "none", lastName: "A"}) { staff { id } } }`) // has what follows share nothing from before it
			v.query(query).fails(v, want...)
			under.Wait()
			r := v.kept(query)
			if r.fails(v, want...); at(v, r.Data, "brand") != nil {
				v.Errorf("after %d: %s", status, r.text)
			}
		})
	}
}

// TestCacheAfterRevocation: a token that was revoked here is sent to the partner, whatever is kept.
func TestCacheAfterRevocation(t *testing.T) {
	t.Parallel()
	h := start(t)
	const read = `{ staff(first: 1) { nodes { lastName } } }`
	h.with(http.Header{}, sandbox.TokenPractitioner, read)
	h.send(http.MethodPost, "/oauth/revoke", "token="+sandbox.TokenPractitioner, "Content-Type", "application/x-www-form-urlencoded")
	h.sandbox.ResetCalls()
	h.with(http.Header{}, sandbox.TokenPractitioner, read)
	if n := h.sandbox.Count("listStaff"); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

// TestCacheAfterRevocationMeanwhile: a call that began before its token was revoked or rejected does
// not make it a good one again.
func TestCacheAfterRevocationMeanwhile(t *testing.T) {
	t.Parallel()
	const read = `{ staff(first: 1) { nodes { lastName } } }`
	ends := map[string]func(v *virtual){
		"Revoked": func(v *virtual) {
			r := httptest.NewRequestWithContext(v.Context(), http.MethodPost, "/oauth/revoke", strings.NewReader("token="+sandbox.TokenPractitioner))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			v.handler.ServeHTTP(httptest.NewRecorder(), r)
		},
		"Rejected": func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "listOrders", Status: http.StatusUnauthorized})
			v.query(`{ orders(first: 1) { nodes { id } } }`).fails(v, failed{"orders", "UNAUTHENTICATED"})
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				v.kept(read).fails(v)
				v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: 2 * time.Second})
				var under sync.WaitGroup
				under.Go(func() { v.query(`{ clinic { name } }`) })
				time.Sleep(time.Second)
				end(v)
				under.Wait()
				time.Sleep(6 * time.Second) // for 5 nothing is asked with a token that was rejected
				v.sandbox.ResetCalls()
				r := v.kept(read)
				if n := v.sandbox.Count("listStaff"); n != 1 {
					v.Errorf("%d calls, want 1: %s", n, r.text)
				}
			})
		})
	}
}

// TestCacheOnSocket: browsers open sockets with no-cache, which is not meant for the operations there.
func TestCacheOnSocket(t *testing.T) {
	t.Parallel()
	h := start(t)
	const query = `{ staff(first: 1) { nodes { lastName } } }`
	s := h.dial(subprotocol, "Cache-Control", "no-cache")
	s.init(sandbox.TokenPractitioner)
	for _, id := range []string{"1", "2"} {
		s.subscribe(id, query)
		s.hears("next", id)
		s.hears("complete", id)
	}
	if n := h.sandbox.Count("listStaff"); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

// TestNoCacheApart: a query with no-cache, in whichever line of its header, shares none without it.
func TestNoCacheApart(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		v.kept(`{ staff(first: 1) { nodes { lastName } } }`).fails(v)
		v.sandbox.ResetCalls()
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: time.Second})
		var wg sync.WaitGroup
		for _, lines := range [][]string{{"max-stale"}, {"max-stale", "no-cache"}} {
			wg.Go(func() {
				req := v.request(v.Context(), sandbox.TokenPractitioner, `{ clinic { name } staff(first: 1) { nodes { lastName } } }`)
				req.Header["Cache-Control"] = lines
				v.handler.ServeHTTP(httptest.NewRecorder(), req)
			})
			synctest.Wait()
		}
		wg.Wait()
		if n := v.sandbox.Count("listStaff"); n != 1 {
			v.Errorf("%d calls for the staff, want that of no-cache", n)
		}
	})
}

// TestCacheAfterWrite: a caller reads what they have written.
func TestCacheAfterWrite(t *testing.T) {
	t.Parallel()
	h := start(t)
	read := func() string {
		a := h.with(http.Header{}, sandbox.TokenPractitioner, `{ staff(first: 1) { nodes { fullscriptId lastName } } }`)
		return fmt.Sprint(at(t, a.Data, "staff.nodes.0"))
	}
	before := read()
	if read() != before || h.sandbox.Count("") != 1 {
		t.Fatalf("%d calls", h.sandbox.Count(""))
	}
	id := at(t, h.with(http.Header{}, sandbox.TokenPractitioner, `{ staff(first: 1) { nodes { fullscriptId } } }`).Data, "staff.nodes.0.fullscriptId")
	a := h.with(http.Header{}, sandbox.TokenPractitioner, `mutation($i: UpdateStaffInput!) { updateStaff(input: $i) { staff { lastName } userErrors { message } } }`, "i", map[string]any{"id": id, "lastName": "Renamed"})
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	if after := read(); after == before {
		t.Errorf("still %s", after)
	}
}

// TestCacheAfterDoubt: a write whose answer does not come may be carried out later; for a minute
// nothing is kept that it may change.
func TestCacheAfterDoubt(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		const read = `{ staff(first: 1) { nodes { fullscriptId } } brands(first: 1) { nodes { id } } }`
		calls := func() int {
			v.Helper()
			v.sandbox.ResetCalls()
			v.kept(read).fails(v)
			return v.sandbox.Count("")
		}
		id := at(v, v.kept(read).Data, "staff.nodes.0.fullscriptId")
		v.sandbox.AddFault(sandbox.Fault{Operation: "updateStaff", Hang: true})
		r := v.query(`mutation($i: UpdateStaffInput!) { updateStaff(input: $i) { staff { lastName } } }`, "i", map[string]any{"id": id, "lastName": "Renamed"})
		r.fails(v, failed{"updateStaff", "UPSTREAM_TIMEOUT"})
		for range 3 {
			if n := calls(); n != 1 {
				v.Errorf("%d calls, want that for the staff", n)
			}
			time.Sleep(20 * time.Second)
		}
		if first, again := calls(), calls(); first != 1 || again != 0 {
			v.Errorf("a minute later %d calls, then %d", first, again)
		}
	})
}

// TestCacheOfStrangers: whatever callers whom the partner does not know ask or write, what is kept for
// those whom it knows stays.
func TestCacheOfStrangers(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{RateLimit: -1}, func(v *virtual) {
		const read = `{ staff(first: 1) { nodes { lastName } } }`
		v.kept(read).fails(v)
		for i := range 11_000 {
			query := `{ __typename }`
			if i%10 == 0 { // refused
				query = `mutation { updateStaff(input: {id: "s1", lastName: "Renamed"}) { staff { lastName } } }`
			}
			v.handler.ServeHTTP(httptest.NewRecorder(), v.request(v.Context(), fmt.Sprint("made-up-", i), query))
		}
		v.sandbox.ResetCalls()
		v.kept(read).fails(v)
		if n := v.sandbox.Count(""); n != 0 {
			v.Errorf("%d calls", n)
		}
	})
}

// TestCacheAfterEvent: a product that has changed is asked for again.
func TestCacheAfterEvent(t *testing.T) {
	t.Parallel()
	h := start(t)
	read := func() int { return h.calls(`{ products(first: 2) { nodes { name } } }`) }
	if first, again := read(), read(); first != 1 || again != 0 {
		t.Errorf("%d calls, then %d", first, again)
	}
	h.emit(sandbox.Emission{Type: "patient.updated"})
	if n := read(); n != 0 {
		t.Errorf("%d calls after an event of a patient", n)
	}
	h.emit(sandbox.Emission{Type: "product.updated"})
	if n := read(); n != 1 {
		t.Errorf("%d calls after an event of a product", n)
	}
	h.webhook(`{"product":{"id":"p1"}}`)
	if n := read(); n != 1 {
		t.Errorf("%d calls after an event that does not say what it is of", n)
	}
}

// TestPrimedAfterEvent: what came inside others is dropped with them when a product changes.
func TestPrimedAfterEvent(t *testing.T) {
	t.Parallel()
	h := start(t)
	plan := at(t, h.query(`mutation($input: CreateTreatmentPlanInput!) { createTreatmentPlan(input: $input) { treatmentPlan { id } } }`, "input", map[string]any{
		"patientId": sandbox.PatientWithManyPlans, "state": "DRAFT", "recommendations": []any{map[string]any{"variantId": sandbox.VariantID, "unitsToPurchase": 1}},
	}), "createTreatmentPlan.treatmentPlan.id")
	read := func(query, id string) int { return h.calls(query, "id", id) }
	const written = `query($id: ID!) { treatmentPlan(id: $id) { recommendations { variant { sku } } } }`
	read(`query($id: ID!) { product(id: $id) { variants { sku } } }`, sandbox.ProductID)
	if n := read(written, plan.(string)); n != 1 {
		t.Errorf("%d calls, want that for the plan", n)
	}
	h.emit(sandbox.Emission{Type: "product.updated"})
	if n := read(written, plan.(string)); n != 2 {
		t.Errorf("%d calls after an event of a product, want the variant's, too", n)
	}
}

// TestPrimedDuringEvent: an answer that was under way when a product changed may not have the
// change, and primes nothing.
func TestPrimedDuringEvent(t *testing.T) {
	t.Parallel()
	h := start(t)
	plan := at(t, h.query(`mutation($input: CreateTreatmentPlanInput!) { createTreatmentPlan(input: $input) { treatmentPlan { id } } }`, "input", map[string]any{
		"patientId": sandbox.PatientWithManyPlans, "state": "DRAFT", "recommendations": []any{map[string]any{"variantId": sandbox.VariantID, "unitsToPurchase": 1}},
	}), "createTreatmentPlan.treatmentPlan.id")
	h.sandbox.AddFault(sandbox.Fault{Operation: "getProduct", Latency: time.Second})
	done := make(chan *answer)
	go func() {
		done <- h.with(http.Header{}, sandbox.TokenPractitioner, `query($id: ID!) { product(id: $id) { variants { sku } } }`, "id", sandbox.ProductID)
	}()
	eventually(t, func() bool { return h.sandbox.Count("getProduct") > 0 }, "the product is not asked for")
	h.emit(sandbox.Emission{Type: "product.updated"})
	if a := <-done; len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	h.sandbox.ResetCalls()
	if a := h.with(http.Header{}, sandbox.TokenPractitioner, `query($id: ID!) { treatmentPlan(id: $id) { recommendations { variant { sku } } } }`, "id", plan); len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	if n := h.sandbox.Count("getVariant"); n != 1 {
		t.Errorf("%d calls for the variant, want 1", n)
	}
}

// TestCacheAge: the age of the oldest answer is in the cost.
func TestCacheAge(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		cost := func() any {
			r := v.post(requestBody(v, `{ brands(first: 3) { nodes { name } } clinic { name } }`), "Cache-Control", "", "X-Gateway-Cost", "1")
			return at(v, r.Extensions, "cost.age")
		}
		if age := cost(); age != 0.0 {
			v.Errorf("%v", age)
		}
		time.Sleep(59 * time.Second) // --proof-age is a minute
		cost()
		time.Sleep(41 * time.Second)
		if age := cost(); age != 100.0 {
			v.Errorf("%v", age)
		}
	})
}

// TestETag: an answer with an ETag is not sent again while it is the same.
func TestETag(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		tagged := func(status int, tag, body string) {
			v.sandbox.ResetCalls()
			v.sandbox.ClearFaults()
			v.sandbox.AddFault(sandbox.Fault{Operation: "getBrand", Status: status, Body: body, Header: http.Header{"Etag": {tag}, "Content-Type": {asJSON}}})
		}
		read := func(name, asked string) {
			v.Helper()
			r := v.kept(`{ brand(id: "b1") { name } }`)
			if got := at(v, r.Data, "brand.name"); got != name {
				v.Errorf("%v, want %s: %s", got, name, r.text)
			}
			if calls := v.sandbox.Calls(); asked == "none" && len(calls) > 0 || asked != "none" && (len(calls) != 1 || calls[0].Header.Get("If-None-Match") != asked) {
				v.Errorf("%d calls, want one for what is not %q", len(calls), asked)
			}
			v.sandbox.ResetCalls()
		}
		const one, two = `"v1"`, `"v2"`
		tagged(http.StatusOK, one, `{"brand":{"id":"b1","name":"One"}}`)
		read("One", "")
		read("One", "none")
		time.Sleep(time.Hour + time.Second)
		tagged(http.StatusNotModified, one, " ")
		read("One", one)
		read("One", "none")
		time.Sleep(time.Hour + time.Second)
		tagged(http.StatusOK, two, `{"brand":{"id":"b1","name":"Two"}}`)
		read("Two", one)
		time.Sleep(26 * time.Hour)
		read("Two", "") // it is not kept for ever
	})
}

// TestShareCatalog: of the catalogue a caller gets what another has got, once the partner has
// answered them itself on the same route, and nobody else does.
func TestShareCatalog(t *testing.T) {
	t.Parallel()
	c := config()
	c.ShareCatalog = true
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		ask := func(token, query string) (calls int, ok bool) {
			v.sandbox.ResetCalls()
			r := v.post(requestBody(v, query), "Cache-Control", "", "Authorization", "Bearer "+token)
			return v.sandbox.Count(""), len(r.Errors) == 0
		}
		const brands, products = `{ brands(first: 3) { nodes { name } } }`, `{ products(first: 3) { nodes { name } } }`
		for _, step := range []struct {
			token, query string
			calls        int
			ok           bool
		}{
			{sandbox.TokenPractitioner, brands, 1, true},
			{sandbox.TokenPractitioner, products, 1, true},
			{sandbox.TokenOtherClinic, brands, 1, true},   // may they read it?
			{sandbox.TokenOtherClinic, products, 1, true}, // and that?
			{sandbox.TokenOtherClinic, `{ products(first: 4) { nodes { name } } }`, 1, true},
			{sandbox.TokenPractitioner, `{ products(first: 4) { nodes { name } } }`, 0, true}, // they may
			{"made-up", brands, 1, false},
			{"made-up", products, 0, false}, // it was just rejected
			{sandbox.TokenPractitioner, `{ practitioners(first: 1) { nodes { id } } }`, 1, true},
			{sandbox.TokenOtherClinic, `{ practitioners(first: 1) { nodes { id } } }`, 1, true}, // is no catalogue
		} {
			if calls, ok := ask(step.token, step.query); calls != step.calls || ok != step.ok {
				v.Errorf("%s %s: %d calls, %t", step.token, step.query, calls, ok)
			}
		}
		time.Sleep(16 * time.Minute)
		if calls, ok := ask(sandbox.TokenOtherClinic, brands); calls != 1 || !ok {
			v.Errorf("after 16 minutes %d calls", calls)
		}
	})
}

// TestShareCatalogRefused: whom the partner refuses a route gets nothing more that others have got by
// it, though an answer comes that was asked for before.
func TestShareCatalogRefused(t *testing.T) {
	t.Parallel()
	c := config()
	c.ShareCatalog = true
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		const others, first, second = `{ brands(first: 3) { nodes { name } } }`, `{ brands(first: 1) { nodes { name } } }`, `{ brands(first: 2) { nodes { name } } }`
		v.as(sandbox.TokenOtherClinic, others).fails(v)
		v.sandbox.AddFault(sandbox.Fault{Operation: "listBrands", Latency: 2 * time.Second, Times: 1})
		var under sync.WaitGroup
		under.Go(func() { v.raw(v.Context(), sandbox.TokenPractitioner, first) })
		time.Sleep(time.Second)
		v.sandbox.AddFault(sandbox.Fault{Operation: "listBrands", Status: http.StatusForbidden})
		v.query(second).fails(v, failed{"brands", "FORBIDDEN"})
		under.Wait()
		v.kept(others).fails(v, failed{"brands", "FORBIDDEN"})
	})
}

// TestShareCatalogApart: what depends on the caller is not shared: the dosage of a practitioner, and
// which brands a clinic may see.
func TestShareCatalogApart(t *testing.T) {
	t.Parallel()
	c := config()
	c.ShareCatalog = true
	virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
		as := func(token, query, cacheControl string) *reply {
			return v.post(requestBody(v, query), "Cache-Control", cacheControl, "Authorization", "Bearer "+token)
		}
		queries := []string{`{ brands(first: 1, clinicPermitted: true) { totalCount } }`, `{ searchProducts(query: "a", first: 1) { totalCount } }`}
		for _, n := range list(v, v.query(`{ products(first: 20) { nodes { fullscriptId } } }`).Data, "products.nodes") {
			queries = append(queries, fmt.Sprintf(`{ product(id: %q) { customDosage { additionalInfo } } }`, at(v, n, "fullscriptId")))
		}
		as(sandbox.TokenOtherClinic, `{ brands(first: 3) { nodes { id } } }`, "")
		differ := 0
		for _, query := range queries {
			first := as(sandbox.TokenPractitioner, query, "").text
			got, want := as(sandbox.TokenOtherClinic, query, "").text, as(sandbox.TokenOtherClinic, query, "no-cache").text
			if got != want {
				v.Errorf("%s: %s, want %s", query, got, want)
			}
			if first != want {
				differ++
			}
		}
		if differ < 3 {
			v.Errorf("%d answers depend on the caller", differ)
		}
		search := queries[1]
		as(sandbox.TokenUnapproved, `{ brands(first: 3) { nodes { id } } }`, "").fails(v)
		as(sandbox.TokenUnapproved, search, "").fails(v, failed{"searchProducts", "FORBIDDEN"})
	})
}
