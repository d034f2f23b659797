package spec_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"

	"fsgateway/internal/spec"
	"fsgateway/schema"
)

func read(t testing.TB, text []byte) map[string]*spec.Operation {
	t.Helper()
	ops, err := spec.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// inJSON is the description as JSON.
var inJSON = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(schema.OpenAPI) })

// tree is the description as a tree that tests may change.
func tree(t testing.TB) (root map[string]any) {
	t.Helper()
	text, err := inJSON()
	if err == nil {
		err = json.Unmarshal(text, &root)
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func asJSON(t testing.TB, root any) []byte {
	t.Helper()
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestSame: a document does not differ from itself, nor from itself as JSON.
func TestSame(t *testing.T) {
	t.Parallel()
	known := read(t, schema.OpenAPI)
	if len(known) != 78 {
		t.Errorf("%d operations", len(known))
	}
	for name, other := range map[string][]byte{"YAML": schema.OpenAPI, "JSON": asJSON(t, tree(t))} {
		for _, d := range spec.Compare(known, read(t, other), nil) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// at is a value within a tree.
func at(root any, path ...string) map[string]any {
	for _, name := range path {
		root = root.(map[string]any)[name]
	}
	return root.(map[string]any)
}

// TestDifferences: what is changed in a copy is found, as what it is.
func TestDifferences(t *testing.T) {
	t.Parallel()
	component := func(root map[string]any, name string) map[string]any { return at(root, "components", "schemas", name) }
	for _, c := range []struct {
		name   string
		change func(root map[string]any)
		want   string // kind, whether it breaks, subject, what
	}{
		{"OperationGone", func(r map[string]any) { delete(at(r, "paths"), "/clinic") }, "gone true GET /clinic "},
		{"OperationNew", func(r map[string]any) {
			at(r, "paths")["/clinic/new"] = map[string]any{"get": map[string]any{"operationId": "getNew"}}
		}, "new false GET /clinic/new "},
		{"PathParameterRenamed", func(r map[string]any) {
			paths := at(r, "paths")
			item := at(r, "paths", "/clinic/patients/{id}")
			delete(paths, "/clinic/patients/{id}")
			text := strings.ReplaceAll(string(asJSON(t, item)), `"name":"id"`, `"name":"key"`)
			var renamed map[string]any
			if err := json.Unmarshal([]byte(text), &renamed); err != nil {
				t.Fatal(err)
			}
			paths["/clinic/patients/{key}"] = renamed
		}, ""},
		{"PropertyNew", func(r map[string]any) {
			at(component(r, "Patient"), "properties")["nickname"] = map[string]any{"type": "string"}
		}, "new false Patient.nickname "},
		{"PropertyGone", func(r map[string]any) { delete(at(component(r, "Clinic"), "properties"), "name") }, "gone true Clinic.name "},
		{"PropertyType", func(r map[string]any) { at(component(r, "Clinic"), "properties", "name")["type"] = "integer" }, "changed true Clinic.name its type is integer; it was string"},
		{"PropertyNullable", func(r map[string]any) {
			p := at(component(r, "Clinic"), "properties", "id")
			p["nullable"] = p["nullable"] != true
		}, "changed true Clinic.id it can be null"},
		{"TypeOfVersion31", func(r map[string]any) {
			at(component(r, "Clinic"), "properties", "id")["type"] = []any{"string", "null"}
		}, "changed true Clinic.id it can be null"},
		{"BodyRequires", func(r map[string]any) {
			body := component(r, "PatientUpdate")
			at(body, "properties")["shoe_size"] = map[string]any{"type": "integer"}
			body["required"] = []any{"shoe_size"}
		}, "new true PatientUpdate.shoe_size "},
		{"ParameterRequired", func(r map[string]any) {
			at(r, "paths", "/clinic/metadata", "get")["parameters"].([]any)[0].(map[string]any)["required"] = true
		}, "changed true GET /clinic/metadata, parameter id it is required"},
		{"HeaderRequired", func(r map[string]any) {
			op := at(r, "paths", "/clinic", "get")
			op["parameters"] = []any{map[string]any{"in": "header", "name": "X-Clinic", "required": true, "schema": map[string]any{"type": "string"}}, map[string]any{"in": "header", "name": "Authorization"}}
		}, "new true GET /clinic, parameter header X-Clinic "},
		{"EnumValueNew", func(r map[string]any) {
			p := at(r, "paths", "/clinic/metadata", "get")["parameters"].([]any)[1].(map[string]any)
			at(p, "schema")["enum"] = append(at(p, "schema")["enum"].([]any), "robot")
		}, `changed false GET /clinic/metadata, parameter type it can be "robot"`},
		{"EnumValueGone", func(r map[string]any) {
			p := at(r, "paths", "/clinic/metadata", "get")["parameters"].([]any)[1].(map[string]any)
			at(p, "schema")["enum"] = at(p, "schema")["enum"].([]any)[1:]
		}, `changed true GET /clinic/metadata, parameter type it is no longer "patient"`},
		{"Approval", func(r map[string]any) { at(r, "paths", "/clinic", "get")["x-requires-commercial-approval"] = true }, "changed true GET /clinic it needs commercial approval"},
		{"Scopes", func(r map[string]any) {
			at(r, "paths", "/clinic", "get")["security"] = []any{map[string]any{"oauth2": []any{"clinic:admin"}}}
		}, "changed false GET /clinic its scopes are clinic:admin; they were clinic:read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := tree(t)
			c.change(root)
			nonNull := func(component, property string) bool { return component == "Clinic" && property == "id" }
			var got []string
			for _, d := range spec.Compare(read(t, schema.OpenAPI), read(t, asJSON(t, root)), nonNull) {
				got = append(got, fmt.Sprintf("%s %t %s %s", d.Kind, d.Breaking, d.Subject, d.What))
				if len(d.Operations) == 0 {
					t.Errorf("%+v is of no operation", d)
				}
			}
			if c.want == "" && len(got) > 0 || c.want != "" && !slices.Equal(got, []string{c.want}) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestEveryPropertyCounts: whichever property is renamed, that is found.
func TestEveryPropertyCounts(t *testing.T) {
	t.Parallel()
	known := read(t, schema.OpenAPI)
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		root := tree(t)
		schemas := at(root, "components", "schemas")
		var names []string
		for name := range schemas {
			if p, ok := schemas[name].(map[string]any)["properties"].(map[string]any); ok && len(p) > 0 {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		name := names[r.IntN(len(names))]
		properties := at(schemas[name], "properties")
		var keys []string
		for key := range properties {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		key := keys[r.IntN(len(keys))]
		properties["renamed_"+key] = properties[key]
		delete(properties, key)
		if !strings.Contains(string(asJSON(t, root)), `"$ref":"#/components/schemas/`+name+`"`) || name == "Error" || strings.Contains(name, "Error") || strings.Contains(name, "Webhook") || strings.HasSuffix(name, "Event") {
			continue // in no body and no answer of success
		}
		found := spec.Compare(known, read(t, asJSON(t, root)), nil)
		gone := slices.ContainsFunc(found, func(d *spec.Difference) bool { return d.Kind == spec.Gone && strings.HasSuffix(d.Subject, "."+key) })
		fresh := slices.ContainsFunc(found, func(d *spec.Difference) bool {
			return d.Kind == spec.New && strings.HasSuffix(d.Subject, ".renamed_"+key)
		})
		if len(found) > 0 && (!gone || !fresh) {
			t.Errorf("%s.%s: gone %t, new %t", name, key, gone, fresh)
		}
	}
}

var hostile = map[string]string{
	"Empty":        "",
	"Text":         "hello",
	"List":         "[1, 2]",
	"NoVersion":    "paths: {/a: {get: {}}}",
	"OldVersion":   "swagger: '2.0'\npaths: {/a: {get: {}}}",
	"NoPaths":      "openapi: 3.0.3",
	"PathsOfText":  "openapi: 3.0.3\npaths: hello",
	"BrokenJSON":   `{"openapi": "3.0.3", "paths": {`,
	"BrokenYAML":   "openapi: 3.0.3\npaths: {/a: [",
	"Laughs":       "openapi: 3.0.3\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\npaths: {/a: {get: {x: *c}}}",
	"Deep":         "openapi: 3.0.3\npaths: " + strings.Repeat("{a: ", 10_000) + "x" + strings.Repeat("}", 10_000),
	"DeepLists":    "openapi: 3.0.3\npaths: " + strings.Repeat("[", 100_000),
	"DeepJSON":     `{"openapi":"3.0.3","paths":` + strings.Repeat(`{"a":`, 5_000) + "1" + strings.Repeat("}", 5_000) + "}",
	"DeepIndented": "openapi: 3.0.3\npaths:\n" + indented(2_000),
}

func indented(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i+1) + "a:\n")
	}
	return b.String()
}

// TestHostile: a document that is none is refused, in words of our own.
func TestHostile(t *testing.T) {
	t.Parallel()
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := spec.Read([]byte(text)); err == nil || len(err.Error()) > 200 {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestOddities: what is not as it should be counts as left out, and nothing goes on for ever.
func TestOddities(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"Circle":       `{"openapi":"3.0.3","paths":{"/a":{"get":{"responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}}},"components":{"schemas":{"A":{"properties":{"b":{"$ref":"#/components/schemas/B"}}},"B":{"properties":{"a":{"$ref":"#/components/schemas/A"}}}}}}`,
		"ItsOwnRef":    `{"openapi":"3.0.3","paths":{"/a":{"$ref":"#/paths/~1a"}}}`,
		"RefElsewhere": `{"openapi":"3.0.3","paths":{"/a":{"get":{"responses":{"200":{"$ref":"file:///etc/passwd"}}}}}}`,
		"WrongTypes":   `{"openapi":"3.0.3","paths":{"/a":{"get":{"parameters":[1,"x",{"in":1,"name":[]}],"responses":[1],"requestBody":"x","security":{"a":1}},"post":7}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ops := read(t, []byte(text))
			if d := spec.Compare(ops, ops, nil); len(d) > 0 {
				t.Errorf("%+v", d[0])
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range hostile {
		if len(text) < 1000 {
			f.Add([]byte(text))
		}
	}
	f.Add([]byte("openapi: 3.0.3\npaths:\n  /a:\n    get:\n      parameters:\n      - {name: a, in: query, schema: {type: string, enum: [x, y]}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ops, err := spec.Read(text)
		if err != nil {
			return
		}
		if d := spec.Compare(ops, ops, nil); len(d) > 0 {
			t.Errorf("%+v", d[0])
		}
	})
}
