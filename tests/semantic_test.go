package tests

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// TestSemanticNonNull: where a field with @semanticNonNull is null, there is an error at its
// path or above, whatever is asked and whichever calls fail.
func TestSemanticNonNull(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: gateway.SemanticSDL()})
	marked := 0
	for _, def := range schema.Types {
		for _, f := range def.Fields {
			marked += len(f.Directives.ForNames("semanticNonNull"))
		}
	}
	if marked < 50 || schema.Types["Patient"].Fields.ForName("orders").Directives.ForName("semanticNonNull") == nil ||
		schema.Query.Fields.ForName("patient").Directives.ForName("semanticNonNull") != nil {
		t.Errorf("%d fields are marked", marked)
	}
	c := unlimited()
	c.Retries = 0
	h := startWith(t, c, sandbox.Options{RateLimit: -1})
	g := newDocuments(t)
	nulls := 0
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 3))
		h.sandbox.ClearFaults()
		for _, operation := range []string{"listPatientTreatmentPlans", "listPatientOrders", "listDependents", "listSimilarProducts", "listPatients", "listBrands", "getPatient", "listProducts"} {
			if r.IntN(3) == 0 {
				h.sandbox.AddFault(sandbox.Fault{Operation: operation, Status: 503})
			}
		}
		query := g.random(r)
		a := h.as(sandbox.TokenPractitioner, query)
		failed := map[string]bool{}
		for _, e := range a.Errors {
			failed[fmt.Sprint(e.Path)] = true
		}
		doc, errs := gqlparser.LoadQueryWithRules(schema, query, nil)
		if errs != nil {
			t.Fatal(errs)
		}
		var walk func(v any, set ast.SelectionSet, path []any)
		walk = func(v any, set ast.SelectionSet, path []any) {
			if rows, ok := v.([]any); ok {
				for i, row := range rows {
					walk(row, set, append(slices.Clip(path), float64(i)))
				}
				return
			}
			object, ok := v.(map[string]any)
			if !ok {
				return
			}
			for _, s := range set {
				f, ok := s.(*ast.Field)
				if !ok {
					continue
				}
				at := append(slices.Clip(path), f.Alias)
				value, there := object[f.Alias]
				if there && value == nil && f.Definition.Directives.ForName("semanticNonNull") != nil {
					if nulls++; !failed[fmt.Sprint(at)] {
						t.Errorf("seed %d: %v is null without an error: %s", seed, at, query)
					}
				}
				walk(value, f.SelectionSet, at)
			}
		}
		walk(a.Data, doc.Operations[0].SelectionSet, nil)
	}
	t.Logf("%d fields are marked, and %d were null", marked, nulls)
	if nulls < 20 {
		t.Error("too few calls failed to tell")
	}
	if strings.Contains(gateway.SDL(), "semanticNonNull") {
		t.Error("the schema itself has the directive")
	}
}
