package coerce

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Schema knows what may stand at each place where a schema takes input.
type Schema struct {
	schema    *ast.Schema
	arguments map[*ast.ArgumentDefinition]*place
	types     map[string]*place // by the name of an input type; the place of a variable
}

// place is an argument, a field of an input object, or a variable.
type place struct {
	def *ast.Definition // of the innermost type
	// check is how the gateway reads a leaf, beyond what the schema says of it;
	// nil for nothing beyond.
	check func(any) error
	// fields are those of an input object.
	fields map[string]*place
}

// New learns from a schema, and from the Go types that gqlgen bound it to, what
// each place takes. resolvers is gqlgen's ResolverRoot: the parameters of its
// methods are the Go types of the arguments. A place whose Go type reads values
// itself, such as the id of a patient, refuses before anything runs what that
// type would refuse later.
func New(schema *ast.Schema, resolvers reflect.Type) *Schema {
	s := &Schema{schema: schema, arguments: map[*ast.ArgumentDefinition]*place{}, types: map[string]*place{}}
	for i := range resolvers.NumMethod() {
		of := resolvers.Method(i)
		if def := schema.Types[of.Name]; def != nil {
			s.bind(def, of.Type.Out(0))
		}
	}
	for _, def := range schema.Types {
		if def.IsInputType() {
			s.named(def, nil)
		}
		for _, f := range def.Fields {
			s.unbound(f.Arguments)
		}
	}
	for _, d := range schema.Directives {
		s.unbound(d.Arguments)
	}
	return s
}

// bind finds the Go types of the arguments that the resolvers of a type take:
// the last parameters of a method are the field's arguments, in order.
func (s *Schema) bind(def *ast.Definition, resolver reflect.Type) {
	for i := range resolver.NumMethod() {
		method := resolver.Method(i)
		for _, f := range def.Fields {
			if !strings.EqualFold(f.Name, method.Name) {
				continue
			}
			first := method.Type.NumIn() - len(f.Arguments)
			for n, a := range f.Arguments {
				s.arguments[a] = s.place(a.Type, method.Type.In(first+n))
			}
		}
	}
}

// unbound makes the places of arguments without a resolver.
func (s *Schema) unbound(arguments ast.ArgumentDefinitionList) {
	for _, a := range arguments {
		if s.arguments[a] == nil {
			s.arguments[a] = s.place(a.Type, nil)
		}
	}
}

// place makes the place of a type that is bound to a Go type, nil for unknown.
func (s *Schema) place(t *ast.Type, bound reflect.Type) *place {
	def := s.schema.Types[t.Name()]
	bound = innermost(bound)
	if def.Name == "ID" { // has a Go type for each kind of record
		return &place{def: def, check: reader(bound)}
	}
	return s.named(def, bound)
}

// named makes the place of all types but ID, which are bound to one Go type each.
func (s *Schema) named(def *ast.Definition, bound reflect.Type) *place {
	p := s.types[def.Name]
	if p == nil {
		p = &place{def: def}
		s.types[def.Name] = p
	}
	if p.check == nil && !def.BuiltIn {
		p.check = reader(bound)
	}
	if def.Kind == ast.InputObject && (p.fields == nil || bound != nil) {
		s.object(p, bound)
	}
	return p
}

func (s *Schema) object(p *place, bound reflect.Type) {
	p.fields = make(map[string]*place, len(p.def.Fields))
	for _, f := range p.def.Fields {
		var of reflect.Type
		if bound != nil {
			field, found := bound.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, f.Name) })
			if !found {
				panic(fmt.Sprintf("coerce: %s has no field for %s.%s", bound, p.def.Name, f.Name))
			}
			of = field.Type
		}
		p.fields[f.Name] = s.place(f.Type, of)
	}
}

// innermost is a Go type without what stands for lists, null and absence.
func innermost(t reflect.Type) reflect.Type {
	for t != nil {
		value, optional := t.MethodByName("ValueOK") // graphql.Omittable
		switch {
		case optional:
			t = value.Type.Out(0)
		case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice:
			t = t.Elem()
		default:
			return t
		}
	}
	return nil
}

// reader is how a Go type reads a value, nil if it takes any.
func reader(t reflect.Type) func(any) error {
	if t == nil || !reflect.PointerTo(t).Implements(reflect.TypeFor[graphql.Unmarshaler]()) {
		return nil
	}
	return func(v any) error {
		return reflect.New(t).Interface().(graphql.Unmarshaler).UnmarshalGQL(v)
	}
}
