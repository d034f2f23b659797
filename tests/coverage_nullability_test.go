package tests

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/gen"
	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// bound are the Go types that the SDL's are bound to.
type bound struct {
	types     map[string]reflect.Type // SDL name in small letters -> type
	resolvers map[string]reflect.Type // SDL name -> interface of its resolvers
}

// goTypes finds the types reachable from the resolvers, which gqlgen wrote from
// the SDL.
var goTypes = sync.OnceValue(func() *bound {
	b := &bound{types: map[string]reflect.Type{}, resolvers: map[string]reflect.Type{}}
	root := reflect.TypeFor[gen.ResolverRoot]()
	for i := range root.NumMethod() {
		m := root.Method(i)
		b.resolvers[m.Name] = m.Type.Out(0)
		for j := range m.Type.Out(0).NumMethod() {
			b.signature(m.Type.Out(0).Method(j).Type)
		}
	}
	// The client says what it gives and takes, and behind an interface may be
	// anything, so the members of unions are named.
	services := reflect.TypeFor[fsclient.Client]()
	for i := range services.NumField() {
		if f := services.Field(i); f.IsExported() {
			for j := range f.Type.NumMethod() {
				b.signature(f.Type.Method(j).Type)
			}
		}
	}
	for _, v := range []fsclient.EventData{
		&fsclient.OrderEventData{}, &fsclient.LabOrderEventData{}, &fsclient.TreatmentPlanEventData{}, &fsclient.PatientEventData{},
		&fsclient.ProductEventData{}, &fsclient.FulfillmentShipmentEventData{}, &fsclient.UnknownEventData{},
	} {
		b.add(reflect.TypeOf(v))
	}
	return b
})

func (b *bound) signature(f reflect.Type) {
	for i := range f.NumIn() {
		b.add(f.In(i))
	}
	for i := range f.NumOut() {
		b.add(f.Out(i))
	}
}

func (b *bound) add(t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Chan {
		t = t.Elem()
	}
	if inner, ok := omittable(t); ok {
		b.add(inner)
		return
	}
	if t.Name() == "" || !strings.HasPrefix(t.PkgPath(), "fsgateway/") || t.Kind() == reflect.Interface {
		return
	}
	name := strings.ToLower(sdlName(t))
	if b.types[name] != nil {
		return
	}
	b.types[name] = t
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			b.add(f.Type)
		}
	}
	for i := range reflect.PointerTo(t).NumMethod() {
		m := reflect.PointerTo(t).Method(i).Type
		for j := range m.NumOut() {
			b.add(m.Out(j))
		}
	}
}

// sdlName of Connection[…fsclient.Patient] is PatientConnection, and of
// Sort[…fsclient.EventSortField] EventSort.
func sdlName(t reflect.Type) string {
	base, arg, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return base
	}
	of := strings.TrimSuffix(arg[strings.LastIndexByte(arg, '.')+1:], "]")
	return strings.TrimSuffix(of, base+"Field") + base
}

// omittable tells what is inside an Opt.
func omittable(t reflect.Type) (reflect.Type, bool) {
	like := reflect.TypeFor[graphql.Omittable[int]]()
	if t.Kind() != reflect.Struct || t.PkgPath() != like.PkgPath() || !strings.HasPrefix(t.Name(), "Omittable[") {
		return nil, false
	}
	value, _ := reflect.PointerTo(t).MethodByName("Value")
	return value.Type.Out(0), true
}

// of is the Go type of a field: of its resolver, of the method or of the struct
// field of its name, in the generator's order.
func (b *bound) of(def *ast.Definition, t reflect.Type, field string) reflect.Type {
	same := func(name string) bool { return strings.EqualFold(name, field) }
	if r := b.resolvers[def.Name]; r != nil {
		for i := range r.NumMethod() {
			if same(r.Method(i).Name) {
				return r.Method(i).Type.Out(0)
			}
		}
	}
	p := reflect.PointerTo(t)
	for i := range p.NumMethod() {
		m := p.Method(i)
		takesNothing := m.Type.NumIn() == 1 || m.Type.NumIn() == 2 && m.Type.In(1) == reflect.TypeFor[context.Context]()
		if same(m.Name) && takesNothing && m.Type.NumOut() > 0 {
			return m.Type.Out(0)
		}
	}
	if f, ok := t.FieldByNameFunc(same); ok {
		return f.Type
	}
	return nil
}

func mayBeNil(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Interface
}

// fits says what is wrong with the Go type of an output.
func fits(s *ast.Type, t reflect.Type, element bool) string {
	switch {
	case s.Elem != nil && t.Kind() != reflect.Slice:
		return "a list is a slice"
	case s.Elem != nil:
		return fits(s.Elem, t.Elem(), true)
	case !s.NonNull && !mayBeNil(t):
		return "what may be null is a pointer or an interface"
	case element && t.Kind() == reflect.Pointer: // who makes the list leaves out what is nil
	case s.NonNull && mayBeNil(t):
		return "what is never null is a plain value"
	}
	return ""
}

func TestNullability(t *testing.T) {
	t.Parallel()
	schema, types := loadSDL(t), goTypes()
	for _, def := range ownTypes(schema) {
		if def.Kind != ast.Object && def.Kind != ast.InputObject {
			continue
		}
		t.Run(def.Name, func(t *testing.T) {
			t.Parallel()
			typ := types.types[strings.ToLower(def.Name)]
			if r := types.resolvers[def.Name]; typ == nil && r != nil {
				typ = r // a root
			}
			if typ == nil {
				t.Fatalf("no Go type stands for %s", def.Name)
			}
			for _, f := range fieldsOf(def) {
				coordinate := def.Name + "." + f.Name
				got := types.of(def, typ, f.Name)
				switch {
				case got == nil:
					t.Errorf("%s: %s has no such field or method", coordinate, typ)
				case def.Kind == ast.InputObject:
					checkInput(t, coordinate, def, f, got)
				case isConnection(def) && f.Name == "pageInfo" && got == reflect.TypeFor[*model.PageInfo]():
					// Built with each connection, by the one function that does.
				default:
					if wrong := fits(f.Type, got, false); wrong != "" {
						t.Errorf("%s is a %s and bound to %s: %s", coordinate, f.Type, got, wrong)
					}
				}
			}
		})
	}
}

func checkInput(t *testing.T, coordinate string, def *ast.Definition, f *ast.FieldDefinition, got reflect.Type) {
	t.Helper()
	inner, opt := omittable(got)
	switch {
	case f.Type.NonNull && (opt || got.Kind() == reflect.Pointer || f.Type.Elem == nil && got.Kind() == reflect.Slice):
		t.Errorf("%s is a %s and bound to %s: what is required is a plain value", coordinate, f.Type, got)
	case !f.Type.NonNull && !opt && !mayBeNil(got):
		t.Errorf("%s is a %s and bound to %s: what is optional is a pointer, a slice or an Opt", coordinate, f.Type, got)
	case !f.Type.NonNull && strings.HasPrefix(def.Name, "Update") && (!opt || !mayBeNil(inner) && inner != reflect.TypeFor[fsclient.ExternalIDInput]()):
		t.Errorf("%s is a %s and bound to %s: a change tells absent from null with Opt[*T]", coordinate, f.Type, got)
	}
	if opt {
		got = inner
	}
	if got.Kind() == reflect.Pointer {
		got = got.Elem()
	}
	if (f.Type.Elem != nil) != (got.Kind() == reflect.Slice) {
		t.Errorf("%s is a %s and bound to %s: a list is a slice", coordinate, f.Type, got)
	}
}

func TestNullabilityOfCalls(t *testing.T) {
	t.Parallel()
	schema, ops := loadSDL(t), operations(t)
	for _, def := range objects(schema) {
		for _, f := range fieldsOf(def) {
			coordinate := def.Name + "." + f.Name
			root := def == schema.Query || def == schema.Mutation
			fetches := root || f.Directives.ForName("rest") != nil || f.Directives.ForName("detail") != nil || isConnection(schema.Types[f.Type.Name()])
			if fetches && f.Type.NonNull {
				t.Errorf("%s is a %s: a field that takes a call may fail, and its siblings must not fall with it", coordinate, f.Type)
			}
		}
	}
	t.Run("EachOfManyIDs", func(t *testing.T) {
		t.Parallel()
		// Where an answer has ids only, each element takes a call of its own.
		c := placement{schema: schema}
		for _, p := range performers(schema) {
			op := ops[p.operation]
			if op == nil || p.field.Type.Elem == nil {
				continue
			}
			if p.field.Type.Elem.NonNull && idsBehind(t, &c, p) {
				t.Errorf("%s is a %s: each of its elements takes a call", p.coordinate, p.field.Type)
			}
		}
	})
	t.Run("WrappersHaveTheirForm", func(t *testing.T) {
		t.Parallel()
		for _, def := range objects(schema) {
			base, wanted := "", map[string]string(nil)
			switch {
			case isConnection(def):
				base = strings.TrimSuffix(def.Name, "Connection")
				wanted = map[string]string{"edges": "[" + base + "Edge!]!", "nodes": "[" + base + "!]!", "pageInfo": "PageInfo!", "totalCount": "Int"}
			case isEdge(def):
				base = strings.TrimSuffix(def.Name, "Edge")
				wanted = map[string]string{"cursor": "String!", "node": base}
			case isPayload(def):
				wanted = map[string]string{"userErrors": "[UserError!]!"}
				for _, f := range fieldsOf(def) {
					if f.Name != "userErrors" {
						wanted[f.Name] = f.Type.Name()
					}
				}
				if len(wanted) != 2 {
					t.Errorf("%s has %d fields, want the record and userErrors", def.Name, len(wanted))
				}
			default:
				continue
			}
			if len(fieldsOf(def)) != len(wanted) {
				t.Errorf("%s has %d fields, want %d", def.Name, len(fieldsOf(def)), len(wanted))
			}
			for name, typ := range wanted {
				if f := def.Fields.ForName(name); f == nil || f.Type.String() != typ {
					t.Errorf("%s.%s is no %s", def.Name, name, typ)
				}
			}
		}
	})
}

// idsBehind reports whether a list stands for a property that is a list of ids.
func idsBehind(t *testing.T, c *placement, p performer) bool {
	t.Helper()
	ops := operations(t)
	for _, record := range performers(c.schema) {
		if record.result(c.schema) != p.on || ops[record.operation] == nil {
			continue
		}
		for _, s := range ops[record.operation].answers() {
			envelope, _ := shape(s)
			for name := range envelope {
				properties, _ := shape(items(envelope[name]))
				for property := range properties {
					if way := c.place(p.on, property); strings.HasSuffix(property, "_ids") && way != nil && way[0] == p.field {
						return true
					}
				}
			}
		}
	}
	return false
}
