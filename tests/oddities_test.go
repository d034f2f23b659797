package tests

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// TestOddities: whatever form the partner gives its values, they are the same.
// The query is everything the schema has, three objects deep.
func TestOddities(t *testing.T) {
	t.Parallel()
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: gateway.SDL()})
	if err != nil {
		t.Fatal(err)
	}
	arguments := map[string]string{
		"patient": sandbox.PatientWithManyPlans, "treatmentPlan": sandbox.PlanWithLabs, "practitioner": sandbox.PractitionerID, "staffMember": sandbox.StaffID,
		"protocol": sandbox.ProtocolID, "template": sandbox.TemplateID, "order": sandbox.OrderWithLabs, "labOrder": sandbox.LabOrderID, "orderedLabTest": sandbox.OrderedLabTestID,
		"labTest": sandbox.LabTestID, "product": sandbox.ProductID, "variant": sandbox.VariantID, "brand": sandbox.BrandID, "ingredient": sandbox.IngredientID,
		"allergen": sandbox.AllergenID, "supplementType": sandbox.SupplementTypeID, "thirdPartyCertification": sandbox.CertificationID, "category": sandbox.CategoryID,
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	fields := 0
	for _, f := range schema.Query.Fields {
		if strings.HasPrefix(f.Name, "__") || slices.Contains([]string{"node", "nodes", "newTreatmentPlanLink"}, f.Name) {
			continue
		}
		call := f.Name
		switch {
		case f.Arguments.ForName("first") != nil:
			call += "(first: 3, " + alsoNeeded[f.Name] + ")"
		case alsoNeeded[f.Name] != "":
			call += "(" + alsoNeeded[f.Name] + ")"
		case arguments[f.Name] != "":
			call += `(id: "` + arguments[f.Name] + `")`
		case len(f.Arguments) > 0:
			continue // event: below, by a list
		}
		fields++
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			query := "{ " + call + everyField(schema, schema.Types[f.Type.Name()], 3) + " }"
			var answers []map[string]any
			for _, odd := range []bool{false, true} {
				virtually(t, unlimited(), sandbox.Options{Oddities: odd, Now: func() time.Time { return now }}, func(v *virtual) {
					r := v.query(query)
					withdrawn(v, r.answer)
					answers = append(answers, r.Data)
				})
			}
			if where := difference(answers[0], answers[1]); where != "" {
				t.Errorf("with oddities %s", where)
			}
			if answers[0][f.Name] == nil {
				t.Error("nothing to compare")
			}
		})
	}
	if fields < 30 {
		t.Errorf("only %d fields", fields)
	}
}

// everyField selects all fields of a type, objects down to a depth. Left out are
// one-time links and the texts that are the partner's own, where these are
// the oddities.
func everyField(schema *ast.Schema, def *ast.Definition, depth int) string {
	var b strings.Builder
	b.WriteString(" { __typename")
	switch def.Kind {
	case ast.Union, ast.Interface:
		for i, p := range schema.GetPossibleTypes(def) {
			sub := everyField(schema, p, depth)
			b.WriteString(" ... on " + p.Name + prefixed(fmt.Sprintf("m%d_", i), sub))
		}
	default:
		for _, f := range def.Fields {
			below := schema.Types[f.Type.Name()]
			switch {
			case def.Name == "Product" && strings.HasPrefix(f.Name, "status"): // only lists carry it
			case strings.HasPrefix(f.Name, "__") || f.Name == "dynamicLink" || f.Name == "formatRaw" || f.Name == "raw":
			case !below.IsCompositeType():
				b.WriteString(" " + f.Name)
			case f.Name == "nodes" || f.Name == "pageInfo": // part of their connection
				b.WriteString(" " + f.Name + everyField(schema, below, depth))
			case f.Name == "edges" || depth == 0:
			case f.Arguments.ForName("first") != nil:
				b.WriteString(" " + f.Name + "(first: 2)" + everyField(schema, below, depth-1))
			default:
				b.WriteString(" " + f.Name + everyField(schema, below, depth-1))
			}
		}
	}
	return b.String() + " }"
}

// prefixed gives the fields of a selection aliases of their own, since members
// of a union may give one name to different types.
func prefixed(prefix, selection string) string {
	var b strings.Builder
	depth := 0
	words := strings.Fields(selection)
	for i, w := range words {
		switch {
		case w == "{":
			depth++
		case w == "}":
			depth--
		case depth == 1 && w != "..." && w != "on" && !(i > 0 && words[i-1] == "on") && !strings.HasSuffix(w, ")"):
			w = prefix + strings.TrimSuffix(strings.Split(w, "(")[0], ":") + ": " + w
		}
		b.WriteString(" " + w)
	}
	return b.String()
}

// difference names the first place where two answers differ.
func difference(a, b any) string {
	switch a := a.(type) {
	case map[string]any:
		other, _ := b.(map[string]any)
		for k, v := range a {
			if d := difference(v, other[k]); d != "" {
				return k + "." + d
			}
		}
		if len(a) == len(other) {
			return ""
		}
	case []any:
		other, _ := b.([]any)
		if len(a) == len(other) {
			for i := range a {
				if d := difference(a[i], other[i]); d != "" {
					return fmt.Sprint(i) + "." + d
				}
			}
			return ""
		}
	}
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return fmt.Sprintf(": %v became %v", a, b)
}
