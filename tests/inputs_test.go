package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph"
	"fsgateway/internal/sandbox"
)

// TestAbsentIsNotNull sends each optional property of each mutation's input, at
// every depth, as absent, as null and as a value, in the document and in
// variables, and compares what the partner gets.
func TestAbsentIsNotNull(t *testing.T) {
	t.Parallel()
	schema := graph.Schema(&graph.Resolver{}).Schema()
	seen := 0
	for _, field := range schema.Mutation.Fields {
		in := inputs{schema}
		typ := field.Arguments.ForName("input").Type
		for _, at := range in.optional(schema.Types[typ.Name()], nil) {
			if at[len(at)-1] == "idempotencyKey" { // a header, and no part of the body
				continue
			}
			seen++
			t.Run(field.Name+"/"+strings.Join(at, "."), func(t *testing.T) {
				t.Parallel()
				virtually(t, config(), sandbox.Options{}, func(v *virtual) {
					whole := in.value(typ)
					for way, send := range map[string]func(any) map[string]string{
						"variable": func(input any) map[string]string {
							return v.bodyOf(`mutation($i: `+typ.String()+`) { `+field.Name+`(input: $i) { __typename } }`, "i", input)
						},
						"literal": func(input any) map[string]string {
							return v.bodyOf(`mutation { ` + field.Name + `(input: ` + in.literal(typ, input) + `) { __typename } }`)
						},
						"variable within": func(input any) map[string]string {
							inner := lookUp(input, at)
							query := `mutation($v: ` + strings.TrimSuffix(in.typeAt(typ, at).String(), "!") + `) { ` + field.Name + `(input: ` + in.literal(typ, having(input, at, variable{})) + `) { __typename } }`
							if inner == (absent{}) {
								return v.bodyOf(query)
							}
							return v.bodyOf(query, "v", inner)
						},
					} {
						value, none, null := send(whole), send(having(whole, at, absent{})), send(having(whole, at, nil))
						added := maps.Clone(null)
						maps.DeleteFunc(added, func(path, text string) bool { return none[path] == text })
						if len(added) != 1 || len(null) != len(none)+1 {
							v.Fatalf("%s: null adds %v to\n%v", way, added, none)
						}
						for path, text := range added {
							inside := slices.ContainsFunc(slices.Collect(maps.Keys(value)), func(p string) bool { return strings.HasPrefix(p, path) })
							if text != "null" || !inside || value[path] == "null" {
								v.Errorf("%s: null is %s at %s, a value is %v", way, text, path, value)
							}
						}
					}
				})
			})
		}
	}
	if seen < 60 {
		t.Errorf("only %d properties", seen)
	}
}

// TestExternalIDStays: an external id outlives updates that do not name it, and
// null clears it.
func TestExternalIDStays(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		const id = `id: "` + sandbox.PatientWithManyPlans + `"`
		for _, c := range []struct {
			query     string
			variables []any
			want      any
		}{
			{`mutation { updatePatient(input: {` + id + `, externalId: "emr-1"}) { patient { externalId } } }`, nil, "emr-1"},
			{`mutation { updatePatient(input: {` + id + `}) { patient { externalId } } }`, nil, "emr-1"},
			{`mutation($e: ID) { updatePatient(input: {` + id + `, externalId: $e}) { patient { externalId } } }`, nil, "emr-1"},
			{`mutation { updatePatient(input: {` + id + `, externalId: 12345678901234567890}) { patient { externalId } } }`, nil, "12345678901234567890"},
			{`mutation($e: ID) { updatePatient(input: {` + id + `, externalId: $e}) { patient { externalId } } }`, []any{"e", 77}, "77"},
			{`mutation($e: ID) { updatePatient(input: {` + id + `, externalId: $e}) { patient { externalId } } }`, []any{"e", nil}, nil},
		} {
			if got := at(v, v.query(c.query, c.variables...).Data, "updatePatient.patient.externalId"); got != c.want {
				v.Errorf("%s: the external id is %v, want %v", c.query, got, c.want)
			}
		}
	})
}

// bodyOf is what the partner gets of a mutation, its leaves by their paths.
func (v *virtual) bodyOf(query string, variables ...any) map[string]string {
	v.Helper()
	v.sandbox.ResetCalls()
	r := v.query(query, variables...)
	for _, c := range v.sandbox.Calls() {
		if c.Method == "GET" {
			continue
		}
		var body any
		if err := json.Unmarshal(c.Body, &body); err != nil {
			v.Fatalf("%v in %s", err, c.Body)
		}
		leaves := map[string]string{}
		flatten(body, "", leaves)
		return leaves
	}
	v.Fatalf("nothing was written: %s\n%s", query, r.text)
	return nil
}

func flatten(value any, path string, into map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			flatten(v, path+"/"+name, into)
		}
	case []any:
		for i, v := range value {
			flatten(v, fmt.Sprint(path, "/", i), into)
		}
	default:
		text, _ := json.Marshal(value)
		into[path] = string(text)
	}
}

// absent stands for a property that is left out, variable for one that is $v.
type (
	absent   struct{}
	variable struct{}
)

// having is a value with another at a path, "0" for the item of a list.
func having(value any, path []string, put any) any {
	if len(path) == 0 {
		return put
	}
	if list, ok := value.([]any); ok {
		return []any{having(list[0], path[1:], put)}
	}
	object := maps.Clone(value.(map[string]any))
	inner := having(object[path[0]], path[1:], put)
	if object[path[0]] = inner; inner == (absent{}) {
		delete(object, path[0])
	}
	return object
}

func lookUp(value any, path []string) any {
	for _, name := range path {
		if list, ok := value.([]any); ok {
			value = list[0]
			continue
		}
		inner, has := value.(map[string]any)[name]
		if !has {
			return absent{}
		}
		value = inner
	}
	return value
}

// inputs makes input values of a schema.
type inputs struct{ schema *ast.Schema }

// optional are the paths of all properties that may be left out.
func (in inputs) optional(def *ast.Definition, path []string) (paths [][]string) {
	for _, f := range def.Fields {
		at := append(slices.Clone(path), f.Name)
		if !f.Type.NonNull {
			paths = append(paths, at)
		}
		if inner := in.schema.Types[f.Type.Name()]; inner.Kind == ast.InputObject {
			if f.Type.Elem != nil {
				at = append(slices.Clone(at), "0")
			}
			paths = append(paths, in.optional(inner, at)...)
		}
	}
	return paths
}

func (in inputs) typeAt(t *ast.Type, path []string) *ast.Type {
	for _, name := range path {
		if t.Elem != nil {
			t = t.Elem
			continue
		}
		t = in.schema.Types[t.Name()].Fields.ForName(name).Type
	}
	return t
}

// value has every property there is.
func (in inputs) value(t *ast.Type) any {
	if t.Elem != nil {
		return []any{in.value(t.Elem)}
	}
	switch def := in.schema.Types[t.Name()]; def.Kind {
	case ast.InputObject:
		object := map[string]any{}
		for _, f := range def.Fields {
			if f.Name != "idempotencyKey" {
				object[f.Name] = in.value(f.Type)
			}
		}
		return object
	case ast.Enum:
		return def.EnumValues[0].Name
	default:
		return map[string]any{
			"ID": "e1", "String": "text", "EmailAddress": "a@example.org", "Date": "2000-01-31", "Decimal": "5", "Int": 1, "Boolean": true,
		}[def.Name]
	}
}

// literal writes a value into a document.
func (in inputs) literal(t *ast.Type, value any) string {
	switch value := value.(type) {
	case variable:
		return "$v"
	case map[string]any:
		var fields []string
		for name, v := range value {
			fields = append(fields, name+": "+in.literal(in.schema.Types[t.Name()].Fields.ForName(name).Type, v))
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case []any:
		return "[" + in.literal(t.Elem, value[0]) + "]"
	case string:
		if in.schema.Types[t.Name()].Kind == ast.Enum {
			return value
		}
	}
	text, _ := json.Marshal(value)
	return string(text)
}
