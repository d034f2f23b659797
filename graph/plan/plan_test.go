package plan

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// nothing performs no operations.
type nothing struct{}

func (nothing) Record(reflect.Type) any    { return nil }
func (nothing) TypeOf(string) reflect.Type { return nil }
func (nothing) Call(string) any            { return nil }

// TestPlansAreBounded: a document keeps a bounded number of compiled fields, however many
// choices of its conditions are asked for, and no value of a request.
func TestPlansAreBounded(t *testing.T) {
	t.Parallel()
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: `type Query { a: Int b: Int }`})
	const conditions = 14
	for name, field := range map[string]string{"Selected": "a", "Nothing": "a @include(if: $c0) @skip(if: $c0)"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			query := "query("
			for i := range conditions {
				query += fmt.Sprintf("$c%d: Boolean! ", i)
			}
			query += ") { " + field
			for i := range conditions {
				query += fmt.Sprintf(" b%d: b @include(if: $c%d) @skip(if: $c%d)", i, i, i)
			}
			doc, errs := gqlparser.LoadQueryWithRules(schema, query+" }", rules.NewDefaultRules())
			if errs != nil {
				t.Fatal(errs)
			}
			d := NewSchema(schema, nothing{}, nil).NewDocument(doc)
			most := 0
			for choice := range 1 << conditions {
				variables := map[string]any{"secret": "ada"}
				for i := range conditions {
					variables[fmt.Sprintf("c%d", i)] = choice>>i&1 == 1
				}
				p := d.Plan(doc.Operations[0], variables)
				if choice == 0 && p != d.Plan(doc.Operations[0], variables) {
					t.Fatal("a plan is made twice")
				}
				most = max(most, len(d.plans))
				if kept := fmt.Sprint(p.root.op.Variables); strings.Contains(kept, "ada") {
					t.Fatalf("the plan keeps %s", kept)
				}
			}
			if most > maxCompiled+1 || most < 100 {
				t.Errorf("%d plans were kept at once", most)
			}
		})
	}
}
