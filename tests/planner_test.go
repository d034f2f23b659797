package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// manyBrands is an upstream with n brands, b0 to b<n-1>, and nothing else. It
// counts singles and pages.
type manyBrands struct {
	n              int
	refuse         bool // the list
	singles, pages atomic.Int64
}

func (m *manyBrands) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	type brand struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Status string `json:"status"`
	}
	w.Header().Set("Content-Type", "application/json")
	if id, single := strings.CutPrefix(r.URL.Path, "/api/catalog/brands/"); single {
		m.singles.Add(1)
		i, err := strconv.Atoi(strings.TrimPrefix(id, "b"))
		if err != nil || i >= m.n {
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": "not found"})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]brand{"brand": {id, "Brand " + id, "available"}})
		return
	}
	m.pages.Add(1)
	if m.refuse {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	number, _ := strconv.Atoi(r.URL.Query().Get("page[number]"))
	size, _ := strconv.Atoi(r.URL.Query().Get("page[size]"))
	rows := []brand{}
	for i := (number - 1) * size; i < min(number*size, m.n); i++ {
		id := fmt.Sprintf("b%d", i)
		rows = append(rows, brand{id, "Brand " + id, "available"})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"brands": rows, "meta": map[string]any{
		"current_page": number, "next_page": nil, "prev_page": nil, "total_pages": (m.n + size - 1) / size, "total_count": m.n,
	}})
}

// TestPlanner asks for records of a resource whose list holds full records, and
// counts singles and pages: first by a caller who has not seen the list, then
// again when its length is known.
func TestPlanner(t *testing.T) {
	t.Parallel()
	type calls struct{ singles, pages int64 }
	for _, c := range []struct {
		name        string
		n           int
		ids         []int
		first, then calls
	}{
		{"OneKeyIsASingle", 350, []int{7}, calls{1, 0}, calls{1, 0}},
		{"TwoKeysOfAShortListAreOnePage", 60, []int{7, 8}, calls{0, 1}, calls{0, 1}},
		{"TwoKeysOfALongListTurnToSingles", 350, []int{120, 340}, calls{2, 1}, calls{2, 0}},
		{"TwoKeysOnTheFirstPageAreDone", 350, []int{7, 8}, calls{0, 1}, calls{2, 0}},
		{"ManyKeysPageTheWholeList", 350, []int{5, 105, 205, 305, 306}, calls{0, 4}, calls{0, 4}},
		{"AsManyPagesAsKeysIsNoDearer", 350, []int{105, 205, 305}, calls{0, 4}, calls{3, 0}},
		{"WhatTheListLacksIsASingle", 60, []int{7, 99}, calls{1, 1}, calls{1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			up := &manyBrands{n: c.n}
			h := before(t, up)
			for i, want := range []calls{c.first, c.then} {
				up.singles.Store(0)
				up.pages.Store(0)
				data := h.query(brandsByID(c.ids))
				for j, id := range c.ids {
					got := list(t, data, "nodes")[j]
					if id >= c.n {
						if got != nil {
							t.Errorf("brand %d is %v and does not exist", id, got)
						}
					} else if at(t, got, "name") != fmt.Sprintf("Brand b%d", id) {
						t.Errorf("brand %d is %v", id, got)
					}
				}
				if got := (calls{up.singles.Load(), up.pages.Load()}); got != want {
					t.Errorf("time %d: %+v, want %+v", i+1, got, want)
				}
			}
		})
	}
	t.Run("ARefusedListIsNotTriedOneByOne", func(t *testing.T) {
		t.Parallel()
		up := &manyBrands{n: 60, refuse: true}
		a := before(t, up).as("a-token", brandsByID([]int{1, 2, 3}))
		if up.singles.Load() != 0 || up.pages.Load() != 1 {
			t.Errorf("%d singles, %d pages", up.singles.Load(), up.pages.Load())
		}
		if len(a.Errors) != 3 || a.Errors[0].Extensions["code"] != "FORBIDDEN" {
			t.Errorf("errors: %+v", a.Errors)
		}
	})
}

func brandsByID(ids []int) string {
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = fmt.Sprintf(`"Brand:b%d"`, id)
	}
	return `{ nodes(ids: [` + strings.Join(quoted, ", ") + `]) { ... on Brand { name status } } }`
}

// before puts a gateway before an upstream that is not the sandbox.
func before(t *testing.T, upstream http.Handler) *harness {
	t.Helper()
	return startRemote(t, config(), upstream)
}

// professions is an upstream whose practitioners, x0 to x<n-1>, each have the
// profession of their number. Professions cannot be fetched one by one.
type professions struct {
	n, cap       int
	form         metaForm
	pages        atomic.Int64
	ignoresPages bool
}

func (p *professions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if id, single := strings.CutPrefix(r.URL.Path, "/api/clinic/practitioners/x"); single {
		_, _ = fmt.Fprintf(w, `{"practitioner":{"id":"x%s","practitioner_type_id":"t%s"}}`, id, id)
		return
	}
	p.pages.Add(1)
	number, _ := strconv.Atoi(r.URL.Query().Get("page[number]"))
	size, _ := strconv.Atoi(r.URL.Query().Get("page[size]"))
	if p.cap > 0 {
		size = min(size, p.cap)
	}
	if p.ignoresPages {
		number, size = 1, p.n
	}
	rows := []map[string]any{}
	for i := (number - 1) * size; i < min(number*size, p.n); i++ {
		rows = append(rows, map[string]any{"id": fmt.Sprintf("t%d", i), "code": fmt.Sprintf("C%d", i)})
	}
	pages := (p.n + size - 1) / size
	var next any
	if number < pages {
		next = number + 1
	}
	answer := map[string]any{"practitioner_types": rows}
	if m := p.form(map[string]any{"current_page": number, "next_page": next, "total_pages": pages, "total_count": p.n}); m != nil {
		answer["meta"] = m
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// TestRowsSurvivePlanning: a record that only a list holds is found on whichever
// page it is, whatever the list says of its length.
func TestRowsSurvivePlanning(t *testing.T) {
	t.Parallel()
	for name, form := range metaForms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				n, cap, of int
				ignores    bool
				pages      int64
			}{
				{n: 3, of: 2, pages: 1}, {n: 100, of: 99, pages: 1}, {n: 150, of: 149, pages: 2}, {n: 250, of: 120}, {n: 150, cap: 50, of: 149, pages: 3}, {n: 40, ignores: true, of: 39, pages: 1},
			} {
				up := &professions{n: c.n, cap: c.cap, form: form, ignoresPages: c.ignores}
				h := before(t, up)
				data := h.query(fmt.Sprintf(`{ practitioner(id: "x%d") { type { code } } }`, c.of))
				if got := at(t, data, "practitioner.type"); got == nil || at(t, got, "code") != fmt.Sprintf("C%d", c.of) {
					t.Errorf("%+v: type %v", c, got)
				}
				if got := up.pages.Load(); c.pages > 0 && got != c.pages {
					t.Errorf("%+v: %d pages", c, got)
				}
			}
		})
	}
}
