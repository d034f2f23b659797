package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/sandbox"
)

// drift stands between the gateway and a sandbox that keeps to the description,
// and lets the answers of one operation drift away from it.
type drift struct {
	*harness
	mux *http.ServeMux

	mu        sync.Mutex
	operation string                                // that drifts, "" for none
	ask       func(query url.Values)                // changes what is asked of it; nil for nothing
	answer    func(status int, body any) (int, any) // changes its answer; nil for nothing
	calls     map[string]int                        // by operation
}

// startDrift runs a gateway whose partner can drift.
func startDrift(t *testing.T) *drift {
	t.Helper()
	d := &drift{harness: &harness{t: t, sandbox: sandbox.New(sandbox.Options{}), log: &logBuffer{}}, mux: http.NewServeMux(), calls: map[string]int{}}
	for _, op := range operations(t) {
		d.mux.HandleFunc(op.method+" /api"+op.path, d.serve(op.id))
	}
	upstream := httptest.NewServer(d.mux)
	t.Cleanup(upstream.Close)
	c := config()
	c.Upstream = upstream.URL + "/api"
	d.harness.serve(c)
	return d
}

func (d *drift) serve(operation string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		d.calls[operation]++
		ask, change := d.ask, d.answer
		if operation != d.operation {
			ask, change = nil, nil
		}
		d.mu.Unlock()
		if ask != nil {
			query := r.URL.Query()
			ask(query)
			r.URL.RawQuery = query.Encode()
		}
		if change == nil {
			d.sandbox.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		d.sandbox.ServeHTTP(answer, r)
		var body any
		if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
			d.t.Errorf("%s: %v in %s", operation, err, answer.Body)
		}
		status, body := change(answer.Code, body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
}

// during asks while an operation drifts, and returns what it cost besides.
func (d *drift) during(operation string, ask func(url.Values), change func(int, any) (int, any), query string) (a *answer, calls map[string]int) {
	d.mu.Lock()
	d.operation, d.ask, d.answer, d.calls = operation, ask, change, map[string]int{}
	d.mu.Unlock()
	a = d.as(sandbox.TokenPractitioner, query)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.operation = ""
	return a, d.calls
}

// place is where a field can be asked for: at the root, or on a record that is
// known by its id alone.
type place struct {
	performer
	path string // of its value in an answer
}

// query asks for the field with arguments and a selection.
func (p place) query(arguments, selection string) string {
	field := p.field.Name + arguments + " " + selection
	if p.on.Name == "Query" {
		return "{ " + field + " }"
	}
	return `{ node(id: "` + p.on.Name + ":" + knownIDs[p.on.Name][0] + `") { ... on ` + p.on.Name + " { " + field + " } } }"
}

// places are the fields that perform an operation and can be asked for.
func places(s *ast.Schema) (out []place) {
	for _, p := range performers(s) {
		switch {
		case p.on == s.Query:
			out = append(out, place{p, p.field.Name})
		case slices.Contains(p.on.Interfaces, "Node") && len(knownIDs[p.on.Name]) > 0:
			out = append(out, place{p, "node." + p.field.Name})
		}
	}
	return out
}

// unusable are the forms of meta whose total is there and cannot be read.
var unusable = []string{"ObjectTotal", "NegativeTotal", "WordTotal", "SmallTotal"}

// TestDriftOfLists takes every list through every form of meta and through pages
// that are cut: its rows survive, at no call more than they need, and what cannot
// be read is an error.
func TestDriftOfLists(t *testing.T) {
	t.Parallel()
	const selection = `{ totalCount pageInfo { hasNextPage endCursor } nodes { id } }`
	lists := 0
	for _, p := range places(loadSDL(t)) {
		if !strings.HasSuffix(p.field.Type.Name(), "Connection") {
			continue
		}
		lists++
		t.Run(p.coordinate, func(t *testing.T) {
			t.Parallel()
			d := startDrift(t)
			const first = 4
			query := p.query(fmt.Sprintf("(first: %d, %s)", first, alsoNeeded[p.field.Name]), selection)
			want, _ := d.during("", nil, nil, query)
			if len(want.Errors) > 0 {
				t.Fatalf("%+v", want.Errors)
			}
			nodes, total := list(t, want.Data, p.path+".nodes"), at(t, want.Data, p.path+".totalCount")
			for name, form := range metaForms {
				got, calls := d.during(p.operation, nil, func(status int, body any) (int, any) {
					envelope := body.(map[string]any)
					if m := form(wholeNumbers(envelope["meta"])); m != nil {
						envelope["meta"] = m
					} else {
						delete(envelope, "meta")
					}
					return status, envelope
				}, query)
				if rows := fmt.Sprint(list(t, got.Data, p.path+".nodes")); rows != fmt.Sprint(nodes) {
					t.Errorf("%s: rows %s", name, rows)
				}
				if n := at(t, got.Data, p.path+".totalCount"); n != nil && n != total {
					t.Errorf("%s: totalCount %v, want %v or null", name, n, total)
				}
				if next := at(t, got.Data, p.path+".pageInfo.hasNextPage"); next != (total.(float64) > first) && len(nodes) < first {
					t.Errorf("%s: hasNextPage %v of %v rows", name, next, total)
				}
				failed := slices.Contains(unusable, name) && (name != "SmallTotal" || len(nodes) > 0)
				if failed != (len(got.Errors) == 1) || failed && (dotted(got.Errors[0].Path) != p.path+".totalCount" || got.Errors[0].Extensions["code"] != "UPSTREAM_ERROR") {
					t.Errorf("%s: errors %+v", name, got.Errors)
				}
				if calls[p.operation] != 1 || len(calls) != 1 {
					t.Errorf("%s: calls %v", name, calls)
				}
			}
			for limit := first - 1; limit > 0; limit-- {
				got, calls := d.during(p.operation, func(q url.Values) {
					size, _ := strconv.Atoi(q.Get("page[size]"))
					q.Set("page[size]", strconv.Itoa(min(size, limit)))
				}, nil, query)
				if !alike(got.Data, want.Data) || len(got.Errors) > 0 {
					t.Errorf("pages of at most %d: %v %+v, want %v", limit, got.Data, got.Errors, want.Data)
				}
				if most := (len(nodes)+limit-1)/limit + 1; calls[p.operation] > most {
					t.Errorf("pages of at most %d: %d calls", limit, calls[p.operation])
				}
			}
		})
	}
	if lists < 28 {
		t.Errorf("%d lists", lists)
	}
}

// wholeNumbers are the numbers of a decoded object as ints.
func wholeNumbers(v any) map[string]any {
	m, _ := v.(map[string]any)
	for key, n := range m {
		if n, ok := n.(float64); ok {
			m[key] = int(n)
		}
	}
	return m
}

// TestDriftOfLinks lets the call behind every link fail: the records that it
// leads to keep their ids, and nothing else changes.
func TestDriftOfLinks(t *testing.T) {
	t.Parallel()
	schema := loadSDL(t)
	codes := map[int]string{http.StatusNotFound: "NOT_FOUND", http.StatusForbidden: "FORBIDDEN", http.StatusInternalServerError: "UPSTREAM_ERROR"}
	links := 0
	for _, p := range places(schema) {
		target := schema.Types[p.field.Type.Name()]
		text := plainField(target)
		if p.on == schema.Query || !slices.Contains(target.Interfaces, "Node") || text == "" || p.operation == lookUpOf(schema, p.on) {
			continue
		}
		links++
		t.Run(p.coordinate, func(t *testing.T) {
			t.Parallel()
			d := startDrift(t)
			query := p.query("", "{ __typename id rest: "+text+" }")
			want, cost := d.during("", nil, nil, query)
			if cost[p.operation] == 0 {
				t.Skip("what is asked of it is at hand")
			}
			for status, code := range codes {
				if status == http.StatusNotFound && strings.HasPrefix(p.operation, "list") {
					continue // a list is never not found
				}
				got, calls := d.during(p.operation, nil, func(int, any) (int, any) { return status, map[string]any{"error": "no"} }, query)
				if !maps.Equal(calls, cost) {
					t.Errorf("%d: calls %v, want %v", status, calls, cost)
				}
				lost := map[string]bool{}
				forget(at(t, want.Data, "node"), "node", lost)
				if !alike(got.Data, want.Data) {
					t.Errorf("%d: %v, want %v", status, got.Data, want.Data)
				}
				for _, e := range got.Errors {
					if !lost[dotted(e.Path)] || e.Extensions["code"] != code {
						t.Errorf("%d: %v %v", status, e.Path, e.Extensions)
					}
					delete(lost, dotted(e.Path))
				}
				if len(lost) > 0 {
					t.Errorf("%d: no error at %v", status, lost)
				}
			}
		})
	}
	if links < 15 {
		t.Errorf("%d links", links)
	}
}

// plainField is a field of a type that only the record itself has.
func plainField(def *ast.Definition) string {
	for _, name := range []string{"email", "lastName", "sku", "personalMessage", "descriptionHtml", "description", "currentState", "upc", "status", "name"} {
		if f := def.Fields.ForName(name); f != nil && !f.Type.NonNull {
			return name
		}
	}
	return ""
}

// forget makes the fields named rest null and notes their paths.
func forget(v any, path string, lost map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			if key == "rest" {
				v[key] = nil
				lost[path+".rest"] = true
				continue
			}
			forget(v[key], path+"."+key, lost)
		}
	case []any:
		for i := range v {
			forget(v[i], path+"."+strconv.Itoa(i), lost)
		}
	}
}
