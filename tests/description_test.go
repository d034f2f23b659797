package tests

import (
	"cmp"
	"errors"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// description is the description of the partner's API, fit for validating what
// the sandbox says.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("../schema/fullscript.openapi.yaml")
	if err != nil {
		return nil, err
	}
	// kin-openapi checks date and date-time by itself; the other formats in use
	// are checked here.
	openapi3.DefineStringFormatValidator("email", openapi3.NewCallbackValidator(func(s string) error {
		_, err := mail.ParseAddress(s)
		return err
	}))
	openapi3.DefineStringFormatValidator("uri", openapi3.NewCallbackValidator(func(s string) error {
		u, err := url.Parse(s)
		if err == nil && !u.IsAbs() {
			err = errors.New("not an absolute address")
		}
		return err
	}))
	openapi3filter.RegisterBodyDecoder("application/pdf", openapi3filter.FileBodyDecoder)
	return doc, nil
})

// described is an operation of the description.
type described struct {
	*openapi3.Operation
	id, method, path string
	item             *openapi3.PathItem
	bearer           bool
	scopes           []string
	approval         string // "", "documented" or "inferred"
}

// operations are those of the description by their id.
func operations(t testing.TB) map[string]*described {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	ops := map[string]*described{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			d := &described{Operation: op, id: op.OperationID, method: method, path: path, item: item}
			d.bearer = op.Security == nil || len(*op.Security) > 0
			if op.Security != nil && d.bearer {
				d.scopes = (*op.Security)[0]["oauth2"]
			}
			if yes, _ := op.Extensions["x-requires-commercial-approval"].(bool); yes {
				d.approval = "documented"
			} else if yes, _ := op.Extensions["x-requires-commercial-approval-inferred"].(bool); yes {
				d.approval = "inferred"
			}
			ops[d.id] = d
		}
	}
	return ops
}

// answers are the schemas of an operation's successful JSON answers.
func (d *described) answers() []*openapi3.SchemaRef {
	var out []*openapi3.SchemaRef
	for _, status := range []int{http.StatusOK, http.StatusCreated} {
		if r := d.Responses.Status(status); r != nil {
			if media := r.Value.Content["application/json"]; media != nil {
				out = append(out, media.Schema)
			}
		}
	}
	return out
}

// parameters are the names of an operation's parameters in a place.
func (d *described) parameters(in string) map[string]*openapi3.Parameter {
	out := map[string]*openapi3.Parameter{}
	for _, list := range []openapi3.Parameters{d.item.Parameters, d.Parameters} {
		for _, p := range list {
			if p.Value.In == in && !strings.HasPrefix(p.Value.Name, "page[") {
				out[p.Value.Name] = p.Value
			}
		}
	}
	return out
}

// sdl is the schema as the files in schema/ have it.
var sdl = sync.OnceValues(func() (*ast.Schema, error) {
	files, err := filepath.Glob("../schema/*.graphqls")
	if err != nil {
		return nil, err
	}
	var sources []*ast.Source
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		sources = append(sources, &ast.Source{Name: f, Input: string(text)})
	}
	return gqlparser.LoadSchema(sources...)
})

func loadSDL(t testing.TB) *ast.Schema {
	t.Helper()
	s, err := sdl()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ownTypes are the types of the SDL in order, without those of GraphQL itself.
func ownTypes(s *ast.Schema) []*ast.Definition {
	var out []*ast.Definition
	for _, def := range s.Types {
		if !def.BuiltIn && !strings.HasPrefix(def.Name, "__") {
			out = append(out, def)
		}
	}
	slices.SortFunc(out, func(a, b *ast.Definition) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func objects(s *ast.Schema) []*ast.Definition {
	return slices.DeleteFunc(ownTypes(s), func(d *ast.Definition) bool { return d.Kind != ast.Object })
}

func fieldsOf(def *ast.Definition) []*ast.FieldDefinition {
	var out []*ast.FieldDefinition
	for _, f := range def.Fields {
		if !strings.HasPrefix(f.Name, "__") {
			out = append(out, f)
		}
	}
	return out
}

// performer is a field that performs an operation.
type performer struct {
	on         *ast.Definition
	field      *ast.FieldDefinition
	operation  string
	parent     string
	coordinate string
}

func performers(s *ast.Schema) []performer {
	var out []performer
	for _, def := range ownTypes(s) {
		for _, f := range fieldsOf(def) {
			d := f.Directives.ForName("rest")
			if d == nil || exactMatches[def.Name+"."+f.Name] != "" {
				continue
			}
			p := performer{on: def, field: f, operation: d.Arguments.ForName("operation").Value.Raw, coordinate: def.Name + "." + f.Name}
			if a := d.Arguments.ForName("parent"); a != nil {
				p.parent = a.Value.Raw
			}
			out = append(out, p)
		}
	}
	return out
}

func isConnection(def *ast.Definition) bool { return strings.HasSuffix(def.Name, "Connection") }

func isEdge(def *ast.Definition) bool { return strings.HasSuffix(def.Name, "Edge") }

func isPayload(def *ast.Definition) bool { return strings.HasSuffix(def.Name, "Payload") }

// result is the type of what an operation answers, without what the graph puts
// around it.
func (p performer) result(s *ast.Schema) *ast.Definition {
	def := s.Types[p.field.Type.Name()]
	switch {
	case isConnection(def):
		return s.Types[def.Fields.ForName("nodes").Type.Name()]
	case isPayload(def):
		for _, f := range fieldsOf(def) {
			if f.Name != "userErrors" {
				return s.Types[f.Type.Name()]
			}
		}
	}
	return def
}

// lookUpOf is the operation that fetches one record of a type.
func lookUpOf(s *ast.Schema, def *ast.Definition) string {
	for _, p := range performers(s) {
		if p.on == s.Query && p.field.Type.Name() == def.Name && p.field.Arguments.ForName("id") != nil {
			return p.operation
		}
	}
	return ""
}

// camel is the name of the field that a property would have.
func camel(property string) string {
	parts := strings.Split(strings.TrimSuffix(property, "[]"), "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

func snake(field string) string {
	var b strings.Builder
	for _, r := range field {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// enumValue is the value that stands for a partner's text.
func enumValue(text string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "_", ".", "_", "-", "_").Replace(text))
}

func scopesOf(f *ast.FieldDefinition) (out [][]string) {
	d := f.Directives.ForName("requiresScopes")
	if d == nil {
		return nil
	}
	for _, all := range d.Arguments.ForName("scopes").Value.Children {
		var one []string
		for _, s := range all.Value.Children {
			one = append(one, s.Value.Raw)
		}
		out = append(out, one)
	}
	return out
}

// sameSets compares alternatives of sets, whatever their order and however
// often one is there.
func sameSets(a, b [][]string) bool {
	key := func(sets [][]string) []string {
		var out []string
		for _, s := range sets {
			s = slices.Sorted(slices.Values(s))
			out = append(out, strings.Join(s, " "))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(key(a), key(b))
}
