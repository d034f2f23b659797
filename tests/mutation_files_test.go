package tests

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/sandbox"
)

var update = flag.Bool("update", false, "rewrite the expected values in testdata/mutations, where \"*\" stays, and docs/migration.md")

// constants are the records of the sandbox that the files name, as ${Name}.
var constants = map[string]string{
	"ActivePlan":                sandbox.ActivePlan,
	"ColleagueID":               sandbox.ColleagueID,
	"DraftPlan":                 sandbox.DraftPlan,
	"EmptyPlan":                 sandbox.EmptyPlan,
	"LabTestID":                 sandbox.LabTestID,
	"OtherClinicPatient":        sandbox.OtherClinicPatient,
	"OtherClinicPlan":           sandbox.OtherClinicPlan,
	"OtherClinicPractitionerID": sandbox.OtherClinicPractitionerID,
	"PatientEmail":              sandbox.PatientEmail,
	"PatientWithManyPlans":      sandbox.PatientWithManyPlans,
	"PatientWithNoPlans":        sandbox.PatientWithNoPlans,
	"PractitionerID":            sandbox.PractitionerID,
	"PractitionerTypeID":        sandbox.PractitionerTypeID,
	"SKU":                       sandbox.SKU,
	"StaffID":                   sandbox.StaffID,
	"VariantID":                 sandbox.VariantID,
}

// mutation is a file of testdata/mutations: an input that works, what the
// partner gets for it, and what is answered.
type mutation struct {
	field string // the file's name

	Selection string          `json:"selection"` // of the payload, without userErrors
	Input     json.RawMessage `json:"input"`
	Call      string          `json:"call"`
	Body      json.RawMessage `json:"body,omitempty"` // absent when the call has none
	Payload   json.RawMessage `json:"payload"`

	Refused struct { // an input that the partner refuses
		Input      json.RawMessage `json:"input"`
		UserErrors json.RawMessage `json:"userErrors"`
	} `json:"refused"`
	Missing json.RawMessage `json:"missing,omitempty"` // an input that names no record, where an id is part of the path

	Scopes     json.RawMessage `json:"scopes,omitempty"` // the error's requiredScopes
	Restricted bool            `json:"restricted,omitempty"`
	Readonly   bool            `json:"readonly,omitempty"` // refused to sandbox-readonly; else to sandbox-unapproved
}

// loadMutations reads the files, in the order of their names.
func loadMutations(t testing.TB) (all []*mutation) {
	t.Helper()
	files, err := filepath.Glob("testdata/mutations/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no mutations: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := &mutation{field: strings.TrimSuffix(filepath.Base(file), ".json")}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(m); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, m)
	}
	return all
}

// mutationOf returns the file of one mutation.
func mutationOf(t testing.TB, field string) *mutation {
	t.Helper()
	for _, m := range loadMutations(t) {
		if m.field == field {
			return m
		}
	}
	t.Fatalf("testdata/mutations has no %s.json", field)
	return nil
}

// filled returns a text of a file with the ids that it names.
func filled(t testing.TB, text string) string {
	t.Helper()
	return os.Expand(text, func(name string) string {
		if constants[name] == "" {
			t.Fatalf("no record of the sandbox is called %s", name)
		}
		return constants[name]
	})
}

// literal writes a JSON value of a type as GraphQL does: keys and the values of
// enums have no quotes.
func literal(t testing.TB, s *ast.Schema, typ *ast.Type, value json.RawMessage) string {
	t.Helper()
	var list []json.RawMessage
	if typ.Elem != nil && json.Unmarshal(value, &list) == nil {
		items := make([]string, len(list))
		for i, item := range list {
			items[i] = literal(t, s, typ.Elem, item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	def := s.Types[typ.Name()]
	var object map[string]json.RawMessage
	switch {
	case def.Kind == ast.Enum:
		return strings.Trim(string(value), `"`)
	case def.Kind == ast.InputObject && json.Unmarshal(value, &object) == nil:
		var fields []string
		for _, name := range slices.Sorted(maps.Keys(object)) {
			fields = append(fields, name+": "+literal(t, s, def.Fields.ForName(name).Type, object[name]))
		}
		return "{" + strings.Join(fields, ", ") + "}"
	}
	return string(value)
}

// typeName is createPatient's CreatePatient.
func (m *mutation) typeName() string { return strings.ToUpper(m.field[:1]) + m.field[1:] }

// run carries the mutation out as a client does, its input a variable.
func (m *mutation) run(v *virtual, token string, input json.RawMessage) *reply {
	v.Helper()
	v.sandbox.ResetCalls()
	return v.as(token, `mutation Run($input: `+m.typeName()+`Input!) { `+m.field+`(input: $input) { `+m.Selection+` userErrors { field code message } } }`,
		"input", json.RawMessage(filled(v, string(input))))
}

// expect compares a value with that of the file, or stores it there with -update.
func (m *mutation) expect(t testing.TB, what string, got any, want *json.RawMessage) {
	t.Helper()
	if !*update {
		equal(t, what, got, filled(t, string(*want)))
		return
	}
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for name, value := range constants {
		text = strings.ReplaceAll(text, value, "${"+name+"}")
	}
	var before, now any
	if json.Unmarshal(*want, &before) != nil {
		before = nil
	}
	if err := json.Unmarshal([]byte(text), &now); err != nil {
		t.Fatal(err)
	}
	if !alike(now, before) {
		*want = json.RawMessage(text)
	}
}

// rewrite stores the file, if it is to be updated.
func (m *mutation) rewrite(t testing.TB) {
	t.Helper()
	if !*update {
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/mutations/"+m.field+".json", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
