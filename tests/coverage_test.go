package tests

import (
	"bytes"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/model"
)

func TestOperations(t *testing.T) {
	t.Parallel()
	schema, ops, used := loadSDL(t), operations(t), &ledger{}
	performed := map[string]bool{}
	for _, p := range performers(schema) {
		performed[p.operation] = true
	}
	t.Run("EachHasAField", func(t *testing.T) {
		for id, op := range ops {
			switch outside := used.allows(outsideTheGraph, id); {
			case op.bearer && outside:
				t.Errorf("%s takes a token and must not be an exception", id)
			case op.bearer && !performed[id]:
				t.Errorf("%s: no field has @rest(operation: %q)", id, id)
			case !op.bearer && !outside:
				t.Errorf("%s takes no token: reach it by a route, and say so in outsideTheGraph", id)
			case !op.bearer && performed[id]:
				t.Errorf("%s takes no token, and a field has @rest(operation: %q)", id, id)
			}
		}
		unused(t, used, "outsideTheGraph", outsideTheGraph)
	})
	t.Run("EachFieldNamesOne", func(t *testing.T) {
		t.Parallel()
		for _, p := range performers(schema) {
			op := ops[p.operation]
			if op == nil {
				t.Errorf("%s: @rest names %s, which the description does not have", p.coordinate, p.operation)
				continue
			}
			if p.on != schema.Mutation && op.method != http.MethodGet {
				t.Errorf("%s reads and performs %s %s", p.coordinate, op.method, op.path)
			}
			if p.on == schema.Mutation && op.method == http.MethodGet {
				t.Errorf("%s writes and performs %s %s", p.coordinate, op.method, op.path)
			}
		}
	})
	t.Run("RootFieldsPerformOne", func(t *testing.T) {
		t.Parallel()
		others := exceptions{"Query.node": "the operation is the type's", "Query.nodes": "the operation is the type's", "Query.rateLimit": "what the gateway knows", "Query.viewer": "what the gateway knows"}
		for _, root := range []*ast.Definition{schema.Query, schema.Mutation} {
			for _, f := range fieldsOf(root) {
				if f.Directives.ForName("rest") == nil && others[root.Name+"."+f.Name] == "" {
					t.Errorf("%s.%s has no @rest", root.Name, f.Name)
				}
			}
		}
	})
	t.Run("ParentIsAParameter", func(t *testing.T) {
		t.Parallel()
		for _, p := range performers(schema) {
			op := ops[p.operation]
			if op == nil {
				continue
			}
			if p.parent != "" && op.parameters("query")[p.parent] == nil {
				t.Errorf("%s: @rest(parent: %q) is no query parameter of %s", p.coordinate, p.parent, p.operation)
			}
			// Below a record, a list has the record's id in its path or as parent.
			below := p.on != schema.Query && isConnection(schema.Types[p.field.Type.Name()])
			if below && p.parent == "" && len(op.parameters("path")) != 1 {
				t.Errorf("%s: neither the path of %s nor @rest(parent:) says whose list it is", p.coordinate, p.operation)
			}
		}
	})
}

func TestAccess(t *testing.T) {
	t.Parallel()
	schema, ops := loadSDL(t), operations(t)
	for _, def := range ownTypes(schema) {
		for _, f := range fieldsOf(def) {
			if def != schema.Subscription && f.Directives.ForName("rest") == nil && (f.Directives.ForName("requiresScopes") != nil || f.Directives.ForName("restricted") != nil) {
				t.Errorf("%s.%s performs nothing and says what it needs", def.Name, f.Name)
			}
		}
	}
	for _, p := range performers(schema) {
		op := ops[p.operation]
		if op == nil {
			continue
		}
		var want [][]string
		if len(op.scopes) > 0 {
			want = [][]string{op.scopes}
		}
		// A link to one of several types needs the scopes of whichever it is.
		if def := schema.Types[p.field.Type.Name()]; def.IsAbstractType() {
			want = nil
			for _, member := range schema.GetPossibleTypes(def) {
				if one := ops[lookUpOf(schema, member)]; one != nil {
					want = append(want, one.scopes)
				}
			}
		}
		t.Run(p.coordinate, func(t *testing.T) {
			t.Parallel()
			if got := scopesOf(p.field); !sameSets(got, want) {
				t.Errorf("%s: @requiresScopes says %v, %s needs %v", p.coordinate, got, p.operation, want)
			}
			approval := ""
			if d := p.field.Directives.ForName("restricted"); d != nil {
				approval = "documented"
				if a := d.Arguments.ForName("inferred"); a != nil && a.Value.Raw == "true" {
					approval = "inferred"
				}
			}
			if approval != op.approval {
				t.Errorf("%s: commercial approval is %q here and %q for %s", p.coordinate, approval, op.approval, p.operation)
			}
			for _, all := range want {
				for _, scope := range all {
					if !strings.Contains(p.field.Description, "`"+scope+"`") && len(want) == 1 {
						t.Errorf("%s: the description does not name the scope `%s`", p.coordinate, scope)
					}
				}
			}
		})
	}
}

func TestEnums(t *testing.T) {
	t.Parallel()
	schema, types := loadSDL(t), goTypes()
	for _, def := range ownTypes(schema) {
		if def.Kind != ast.Enum {
			continue
		}
		t.Run(def.Name, func(t *testing.T) {
			t.Parallel()
			typ := types.types[strings.ToLower(def.Name)]
			if typ == nil || typ.Kind() != reflect.String {
				t.Fatalf("no Go type stands for %s", def.Name)
			}
			write := func(v reflect.Value) string {
				var b bytes.Buffer
				v.Interface().(graphql.Marshaler).MarshalGQL(&b)
				text, err := strconv.Unquote(b.String())
				if err != nil {
					t.Errorf("%s: %s is no text", def.Name, &b)
				}
				return text
			}
			for _, value := range def.EnumValues {
				v := reflect.New(typ)
				err := v.Interface().(graphql.Unmarshaler).UnmarshalGQL(value.Name)
				switch {
				case value.Name == "UNKNOWN":
					if err == nil {
						t.Errorf("%s.UNKNOWN can be sent", def.Name)
					}
					v.Elem().SetString("something the partner made up yesterday")
				case typ == reflect.TypeFor[model.UserErrorCode](), typ == reflect.TypeFor[model.CurrencyCode](): // never an input
					v.Elem().SetString(value.Name)
				case err != nil:
					t.Errorf("%s.%s cannot be sent: %v", def.Name, value.Name, err)
				}
				if got := write(v.Elem()); got != value.Name {
					t.Errorf("%s.%s comes back as %s", def.Name, value.Name, got)
				}
			}
			for _, wrong := range []any{"", "something else", strings.ToLower(def.EnumValues[0].Name), 7, nil} {
				if reflect.New(typ).Interface().(graphql.Unmarshaler).UnmarshalGQL(wrong) == nil {
					t.Errorf("%s takes %#v", def.Name, wrong)
				}
			}
		})
	}
}

// TestIDs: each id says what it names, and takes no id of another type.
func TestIDs(t *testing.T) {
	t.Parallel()
	schema, types := loadSDL(t), goTypes()
	others := exceptions{
		"ExternalIdMatch":  "the id of the record found, of one of four types",
		"SessionGrantUser": "the id of a practitioner or of a member of the staff",
	}
	for _, def := range objects(schema) {
		f := def.Fields.ForName("id")
		if f == nil || f.Type.Name() != "ID" || others[def.Name] != "" {
			continue
		}
		t.Run(def.Name, func(t *testing.T) {
			t.Parallel()
			typ := types.of(def, types.types[strings.ToLower(def.Name)], "id")
			if typ != nil && typ.Kind() == reflect.Pointer {
				typ = typ.Elem()
			}
			if typ == nil || typ.Name() != def.Name+"ID" {
				t.Fatalf("%s.id is bound to %s, want %sID", def.Name, typ, def.Name)
			}
			for _, text := range []string{"7", def.Name + ":7"} {
				id := reflect.New(typ)
				if err := id.Interface().(graphql.Unmarshaler).UnmarshalGQL(text); err != nil {
					t.Errorf("%s is refused: %v", text, err)
				}
				var b bytes.Buffer
				id.Elem().Interface().(graphql.Marshaler).MarshalGQL(&b)
				if want := strconv.Quote(def.Name + ":7"); b.String() != want {
					t.Errorf("%s comes back as %s, want %s", text, &b, want)
				}
			}
			for _, wrong := range []any{"Other:7", "", def.Name + ":", nil, true} {
				if reflect.New(typ).Interface().(graphql.Unmarshaler).UnmarshalGQL(wrong) == nil {
					t.Errorf("%#v is taken for the id of a %s", wrong, def.Name)
				}
			}
		})
	}
}

func TestDescriptions(t *testing.T) {
	t.Parallel()
	schema := loadSDL(t)
	need := func(t *testing.T, coordinate, text string) {
		t.Helper()
		if strings.TrimSpace(text) == "" {
			t.Errorf("%s has no description", coordinate)
		}
	}
	for _, def := range ownTypes(schema) {
		t.Run(def.Name, func(t *testing.T) {
			t.Parallel()
			need(t, def.Name, def.Description)
			for _, f := range fieldsOf(def) {
				need(t, def.Name+"."+f.Name, f.Description)
				for _, a := range f.Arguments {
					need(t, def.Name+"."+f.Name+"("+a.Name+":)", a.Description)
				}
			}
			for _, v := range def.EnumValues {
				need(t, def.Name+"."+v.Name, v.Description)
			}
		})
	}
	for _, d := range schema.Directives {
		if d.Position != nil && d.Position.Src.BuiltIn {
			continue
		}
		t.Run("@"+d.Name, func(t *testing.T) {
			t.Parallel()
			need(t, "@"+d.Name, d.Description)
			for _, a := range d.Arguments {
				need(t, "@"+d.Name+"("+a.Name+":)", a.Description)
			}
		})
	}
}
