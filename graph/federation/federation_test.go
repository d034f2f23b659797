package federation

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"fsgateway/graph/gen"
)

// FuzzRewrite: whatever is sent, what is asked next can be read if what was sent could, and asks
// for no entities by a name that the schema does not have.
func FuzzRewrite(f *testing.F) {
	f.Add(`query($r: [_Any!]!) { _entities(representations: $r) { __typename } }`, `{"r":[{"__typename":"Patient","id":"1"}]}`)
	f.Add(`{ _service { sdl } }`, `{}`)
	f.Add(`{ a: _entities(representations: [{__typename: "Patient", id: "\u00e9\""}]) { ...F @skip(if: $x) } } fragment F on Patient { id }`, `null`)
	f.Add(`query($r: [_Any!]! = [{__typename: "P", id: """x"""}]) { _entities(representations: $r) { id } }`, `{"r":{"a":[1,null]}}`)
	f.Add(`subscription { _entities(representations: [1, $x, {a: [{}]}]) { id } }`, `{"r":7}`)
	e := New(gen.NewExecutableSchema(gen.Config{}).Schema())
	f.Fuzz(func(t *testing.T, query, variables string) {
		var values map[string]any
		d := json.NewDecoder(strings.NewReader(variables))
		d.UseNumber()
		_ = d.Decode(&values)
		p := &graphql.RawParams{Query: query, Variables: values}
		if err := e.MutateOperationParameters(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		_, before := parser.ParseQuery(&ast.Source{Input: query})
		_, after := parser.ParseQuery(&ast.Source{Input: p.Query})
		if before == nil && after != nil {
			t.Errorf("%q became %q, which cannot be read: %v", query, p.Query, after)
		}
		if before != nil && p.Query != query {
			t.Errorf("%q cannot be read, and became %q", query, p.Query)
		}
	})
}

// TestSDL: the subgraph's schema is a schema, but for what the composer adds, and every entity
// has both keys.
func TestSDL(t *testing.T) {
	t.Parallel()
	sdl := SDL(gen.NewExecutableSchema(gen.Config{}).Schema())
	without, found := strings.CutPrefix(sdl, link)
	if !found {
		t.Fatalf("it begins %.200q", sdl)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: "directive @key(fields: String!) repeatable on OBJECT\ndirective @shareable on OBJECT\n" + without})
	if err != nil {
		t.Fatal(err)
	}
	entities := 0
	for _, def := range schema.Types {
		keys := def.Directives.ForNames("key")
		if len(keys) == 2 {
			entities++
		} else if len(keys) != 0 {
			t.Errorf("%s has %d keys", def.Name, len(keys))
		}
	}
	if want := len(schema.PossibleTypes["Node"]); entities != want || want == 0 {
		t.Errorf("%d entities, %d nodes", entities, want)
	}
	for name := range schema.Directives {
		switch name {
		case "key", "shareable", "include", "skip", "deprecated", "specifiedBy", "defer", "oneOf":
		default:
			t.Errorf("a directive of our own is left: %s", name)
		}
	}
}
