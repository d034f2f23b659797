package tests

import (
	"testing"

	"fsgateway/internal/sandbox"
)

// TestIntrospectionNulls: a type has null for what its kind does not have, by
// whichever way it is reached, and the empty list for what it could have.
func TestIntrospectionNulls(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		const all = `{ kind fields { __typename } interfaces { __typename } possibleTypes { __typename } enumValues { __typename } inputFields { __typename } isOneOf specifiedByURL ofType { kind fields { __typename } enumValues { __typename } } }`
		want := map[string][]string{
			"SCALAR": {}, "OBJECT": {"fields", "interfaces"}, "INTERFACE": {"fields", "interfaces", "possibleTypes"},
			"UNION": {"possibleTypes"}, "ENUM": {"enumValues"}, "INPUT_OBJECT": {"inputFields", "isOneOf"},
		}
		check := func(typ map[string]any) {
			has := map[string]bool{}
			for _, name := range want[typ["kind"].(string)] {
				has[name] = true
			}
			for _, name := range []string{"fields", "interfaces", "possibleTypes", "enumValues", "inputFields", "isOneOf"} {
				if (typ[name] != nil) != has[name] {
					v.Errorf("%s of %v is %v", name, typ["kind"], typ[name])
				}
			}
		}
		r := v.query(`{ __schema { types ` + all + ` queryType ` + all + ` } }`)
		r.fails(v)
		for _, typ := range list(v, r.Data, "__schema.types") {
			check(typ.(map[string]any))
		}
		check(at(v, r.Data, "__schema.queryType").(map[string]any))
		for _, name := range []string{"EventData", "Query", "Gender", "DateFilter", "Node", "Date", "PageInfo"} {
			check(at(v, v.query(`query($n: String!) { __type(name: $n) `+all+` }`, "n", name).Data, "__type").(map[string]any))
		}
		wrapped := v.query(`{ __type(name: "Query") { fields { name type { kind fields { name } interfaces { name } ofType { kind enumValues { name } } } } } }`)
		for _, field := range list(v, wrapped.Data, "__type.fields") {
			if typ := at(v, field, "type").(map[string]any); (typ["kind"] == "NON_NULL" || typ["kind"] == "LIST") && (typ["fields"] != nil || typ["interfaces"] != nil) {
				v.Errorf("%v", field)
			}
		}
	})
}
