package tests

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/docs/examples"
	"fsgateway/internal/sandbox"
)

// TestExamples runs what docs/examples and the page offer to run: an operation for every
// field at the root, named after it.
func TestExamples(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, e := range examples.All() {
		seen[e.Name] = true
		t.Run(e.Area+"/"+e.Name, func(t *testing.T) {
			t.Parallel()
			runExample(t, e)
		})
	}
	sdl := loadSDL(t)
	for _, def := range []*ast.Definition{sdl.Query, sdl.Mutation, sdl.Subscription} {
		for _, f := range def.Fields {
			if !strings.HasPrefix(f.Name, "__") && !seen[f.Name] {
				t.Errorf("docs/examples has no %s.graphql", f.Name)
			}
		}
	}
}

// happened are the events that subscriptions wait for, others than patient.updated.
var happened = map[string]string{
	"treatmentPlanCreated": "treatment_plan.created", "treatmentPlanUpdated": "treatment_plan.updated", "patientCreated": "patient.created",
	"orderPlaced": "order.placed", "labOrderUpdated": "lab_order.updated", "productCreated": "product.created", "productUpdated": "product.updated",
}

func runExample(t *testing.T, e examples.Example) {
	t.Helper()
	var values map[string]any
	if e.Variables != "" {
		if err := json.Unmarshal([]byte(e.Variables), &values); err != nil {
			t.Fatal(err)
		}
	}
	var variables []any
	for name, value := range values {
		variables = append(variables, name, value)
	}
	h := start(t)
	var data map[string]any
	if strings.Contains(e.Query, "\nsubscription ") {
		s := h.subscribe(sandbox.TokenPractitioner, e.Query, variables...)
		h.emit(sandbox.Emission{Type: cmp.Or(happened[e.Name], "patient.updated")})
		data = s.value()
	} else {
		a := h.as(sandbox.TokenPractitioner, e.Query, variables...)
		if len(a.Errors) > 0 {
			t.Fatal(a.Errors)
		}
		data = a.Data
	}
	if e.Area != examples.Start && data[e.Name] == nil {
		t.Errorf("%s is not there: %v", e.Name, data)
	}
	for name, value := range data {
		object, _ := value.(map[string]any)
		switch {
		case value == nil:
			t.Errorf("%s: nothing there", name)
		case object["userErrors"] != nil && len(object["userErrors"].([]any)) > 0:
			t.Errorf("%s: %v", name, object["userErrors"])
		case object["nodes"] != nil && len(object["nodes"].([]any)) == 0:
			t.Errorf("%s: an empty list", name)
		}
		for field, v := range object { // what happened, and to what
			if strings.Contains(e.Query, "\nsubscription ") && v == nil {
				t.Errorf("%s.%s: nothing there", name, field)
			}
		}
	}
}

// TestGraphiQLSwitch: without the page nothing of it is served, and everything else is.
func TestGraphiQLSwitch(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		c := config()
		c.GraphiQL = on
		w := watch(t, c)
		for path, served := range map[string]bool{"/": on, "/graphiql/THIRD_PARTY_LICENSES.txt": on, "/llms.txt": true, "/schema.graphql": true, "/graphql?query={__typename}": true} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if (res.StatusCode == http.StatusOK) != served || !served && res.StatusCode != http.StatusNotFound {
				t.Errorf("on: %t, %s: %d", on, path, res.StatusCode)
			}
		}
	}
}
