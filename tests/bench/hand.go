package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"

	"fsgateway/internal/sandbox"
)

// byHand has a handler for each query, written for that query alone: net/http,
// encoding/json, a struct for what is needed, and the same calls.
func byHand(upstream string) http.Handler {
	a := api{upstream, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}}}
	handlers := map[string]func(ctx context.Context, c caller, body []byte) (any, error){
		"q1": patients, "q2": plans, "q3": recommendations, "rows": products, "mutation": update,
		"q4": func(context.Context, caller, []byte) (any, error) {
			return map[string]string{"__typename": "Query"}, nil
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var asked struct {
			Query     string
			Variables json.RawMessage
		}
		if err == nil {
			err = json.Unmarshal(body, &asked)
		}
		var data any
		if err == nil {
			data, err = handlers[r.URL.RawQuery](r.Context(), caller{a, r.Header.Get("Authorization")}, asked.Variables)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	})
}

type api struct {
	base   string
	client *http.Client
}

type caller struct {
	api
	authorization string
}

func (c caller) do(ctx context.Context, method, path string, body io.Reader, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", c.authorization)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(into)
}

func (c caller) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, nil, into)
}

type object = map[string]any

type patient struct {
	ID        string  `json:"id"`
	FirstName *string `json:"first_name"`
	LastName  *string `json:"last_name"`
	Email     *string `json:"email"`
	Archived  *bool   `json:"archived"`
}

func patients(ctx context.Context, c caller, _ []byte) (any, error) {
	type node struct {
		ID        string  `json:"fullscriptId"`
		FirstName *string `json:"firstName"`
		LastName  *string `json:"lastName"`
		Email     *string `json:"email"`
		Archived  *bool   `json:"archived"`
	}
	var page struct{ Patients []patient }
	if err := c.get(ctx, "/clinic/patients?page[number]=1&page[size]=50", &page); err != nil {
		return nil, err
	}
	nodes := make([]node, len(page.Patients))
	for i, p := range page.Patients {
		nodes[i] = node(p)
	}
	return object{"patients": object{"nodes": nodes}}, nil
}

func plans(ctx context.Context, c caller, _ []byte) (any, error) {
	type practitioner struct {
		ID        string  `json:"fullscriptId"`
		FirstName *string `json:"firstName"`
		LastName  *string `json:"lastName"`
	}
	type node struct {
		ID           string       `json:"fullscriptId"`
		State        string       `json:"state"`
		Practitioner practitioner `json:"practitioner"`
	}
	var page struct {
		Plans []struct {
			ID           string
			State        string
			Practitioner struct{ ID string }
		} `json:"treatment_plans"`
	}
	if err := c.get(ctx, "/clinic/patients/"+sandbox.PatientWithManyPlans+"/treatment_plans?page[number]=1&page[size]=50", &page); err != nil {
		return nil, err
	}
	var people struct{ Practitioners []patient }
	if err := c.get(ctx, "/clinic/practitioners?page[number]=1&page[size]=100", &people); err != nil {
		return nil, err
	}
	byID := map[string]practitioner{}
	for _, p := range people.Practitioners {
		byID[p.ID] = practitioner{p.ID, p.FirstName, p.LastName}
	}
	nodes := make([]node, len(page.Plans))
	for i, p := range page.Plans {
		nodes[i] = node{p.ID, enum(p.State), byID[p.Practitioner.ID]}
	}
	return object{"patient": object{"treatmentPlans": object{"nodes": nodes}}}, nil
}

func enum(s string) string { return string(bytes.ToUpper([]byte(s))) }

type named struct {
	Name string `json:"name"`
}

type variant struct {
	SKU     string `json:"sku"`
	Product struct {
		Name  string `json:"name"`
		Brand named  `json:"brand"`
	} `json:"product"`
}

type recommendation struct {
	Units   int      `json:"unitsToPurchase"`
	Variant *variant `json:"variant"`
}

type plan struct {
	ID              string           `json:"fullscriptId"`
	Recommendations []recommendation `json:"recommendations"`
}

// recommendations goes three hops down, each variant once.
func recommendations(ctx context.Context, c caller, _ []byte) (any, error) {
	type node struct {
		ID    string `json:"fullscriptId"`
		Plans object `json:"treatmentPlans"`
	}
	var page struct{ Patients []struct{ ID string } }
	if err := c.get(ctx, "/clinic/patients?page[number]=1&page[size]=4", &page); err != nil {
		return nil, err
	}
	nodes := make([]node, len(page.Patients))
	v := variants{caller: c, got: map[string]*pending{}}
	err := each(len(nodes), func(i int) error {
		var list struct {
			Plans []struct{ ID string } `json:"treatment_plans"`
		}
		id := page.Patients[i].ID
		if err := c.get(ctx, "/clinic/patients/"+id+"/treatment_plans?page[number]=1&page[size]=25", &list); err != nil {
			return err
		}
		plans := make([]plan, len(list.Plans))
		nodes[i] = node{id, object{"nodes": plans}}
		return each(len(plans), func(j int) error {
			plans[j].ID = list.Plans[j].ID
			return v.plan(ctx, &plans[j])
		})
	})
	return object{"patients": object{"nodes": nodes}}, err
}

// each runs f for 0 to n-1 at once.
func each(n int, f func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// variants fetches each variant once.
type variants struct {
	caller
	mu  sync.Mutex
	got map[string]*pending
}

type pending struct {
	once    sync.Once
	variant variant
	err     error
}

func (v *variants) plan(ctx context.Context, p *plan) error {
	var one struct {
		Plan struct {
			Recommendations []struct {
				VariantID string `json:"variant_id"`
				Units     int    `json:"units_to_purchase"`
			}
		} `json:"treatment_plan"`
	}
	if err := v.get(ctx, "/clinic/treatment_plans/"+p.ID, &one); err != nil {
		return err
	}
	p.Recommendations = make([]recommendation, len(one.Plan.Recommendations))
	return each(len(p.Recommendations), func(i int) error {
		r := one.Plan.Recommendations[i]
		got, err := v.variant(ctx, r.VariantID)
		p.Recommendations[i] = recommendation{r.Units, got}
		return err
	})
}

func (v *variants) variant(ctx context.Context, id string) (*variant, error) {
	v.mu.Lock()
	p := v.got[id]
	if p == nil {
		p = &pending{}
		v.got[id] = p
	}
	v.mu.Unlock()
	p.once.Do(func() {
		var one struct{ Variant *variant }
		one.Variant = &p.variant
		p.err = v.get(ctx, "/catalog/variants/"+id, &one)
	})
	return &p.variant, p.err
}

func products(ctx context.Context, c caller, _ []byte) (any, error) {
	type variant struct {
		ID   string  `json:"fullscriptId"`
		SKU  string  `json:"sku"`
		Unit *string `json:"unitOfMeasure"`
		MSRP *string `json:"msrp"`
	}
	type brand struct {
		ID   string `json:"fullscriptId"`
		Name string `json:"name"`
	}
	type node struct {
		GlobalID string  `json:"id"`
		ID       string  `json:"fullscriptId"`
		Name     string  `json:"name"`
		Status   string  `json:"status"`
		Brand    brand   `json:"brand"`
		Variant  variant `json:"primaryVariant"`
	}
	nodes := make([]node, 500)
	err := each(5, func(i int) error {
		var page struct {
			Products []struct {
				ID, Name, Status string
				Brand            struct{ ID, Name string }
				PrimaryVariant   struct {
					ID, SKU string
					Unit    *string `json:"unit_of_measure"`
					MSRP    *string
				} `json:"primary_variant"`
			}
		}
		if err := c.get(ctx, fmt.Sprintf("/catalog/products?page[number]=%d&page[size]=100", i+1), &page); err != nil {
			return err
		}
		for n, p := range page.Products {
			v := p.PrimaryVariant
			nodes[100*i+n] = node{"Product:" + p.ID, p.ID, p.Name, enum(p.Status), brand(p.Brand), variant{v.ID, v.SKU, v.Unit, v.MSRP}}
		}
		return nil
	})
	return object{"products": object{"nodes": nodes}}, err
}

func update(ctx context.Context, c caller, variables []byte) (any, error) {
	var in struct {
		Input struct{ ID, FirstName, LastName string }
	}
	if err := json.Unmarshal(variables, &in); err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"first_name": in.Input.FirstName, "last_name": in.Input.LastName})
	if err != nil {
		return nil, err
	}
	var one struct{ Patient patient }
	if err := c.do(ctx, http.MethodPatch, "/clinic/patients/"+in.Input.ID, bytes.NewReader(body), &one); err != nil {
		return nil, err
	}
	type written struct {
		ID        string  `json:"fullscriptId"`
		FirstName *string `json:"firstName"`
		LastName  *string `json:"lastName"`
	}
	type payload struct {
		Patient    written  `json:"patient"`
		UserErrors []string `json:"userErrors"`
	}
	return object{"updatePatient": payload{written{one.Patient.ID, one.Patient.FirstName, one.Patient.LastName}, []string{}}}, nil
}
