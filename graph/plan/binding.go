package plan

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/fsclient"
)

// Operations says how types and fields are fetched. The values that it returns are opaque
// to this package.
type Operations interface {
	// Record returns how records of a Go type are fetched by id, nil if they are not.
	Record(t reflect.Type) any
	// TypeOf returns the Go type of the records of a type of the schema that are fetched by
	// id, nil for others.
	TypeOf(name string) reflect.Type
	// Call returns the call behind a field, "Type.field", or else behind an operation of
	// the API; nil for none.
	Call(name string) any
}

// Schema compiles operations of a GraphQL schema.
type Schema struct {
	*ast.Schema
	ops      Operations
	computed map[string]Computed
	bindings sync.Map // bindingKey -> *Binding
}

// Computed is a field that the gateway works out from the object, without a call.
type Computed func(object any, args map[string]any) (any, error)

// NewSchema returns a schema whose fields are performed by ops. computed are the
// fields that are worked out, by "Type.field".
func NewSchema(schema *ast.Schema, ops Operations, computed map[string]Computed) *Schema {
	return &Schema{Schema: schema, ops: ops, computed: computed}
}

// Binding is how the fields of an SDL type are found on a Go type. It is
// worked out once for each pair.
type Binding struct {
	Record    any      // how records of the type are fetched, nil for plain objects
	Satisfies []string // the type and its interfaces, for fragments
	def       *ast.Definition
	typ       reflect.Type
	fields    map[string]Field
	isRecord  bool
	faulty    bool // values can have fields that could not be read
}

// Field is how a field of the SDL is found on a Go type.
type Field struct {
	Name   string
	Bit    fsclient.Fields // of the struct field whose value is needed, 0 for none
	Detail bool            // list items lack it
	Call   any             // the call behind it, nil for fields that read the value
	Parent string          // parameter of the call that takes the object's id
	Size   float64         // how many values there are, as the schema assumes; 1 unless it is a list
	Embeds []string        // what the value is known to hold of the record, by name

	index  int  // of the struct field, -1 for none
	method int  // of the method, -1 for none
	walks  bool // its value can need more
	twin   int  // the struct field whose text it is, -1 for none
}

type bindingKey struct {
	def *ast.Definition
	typ reflect.Type
}

// Binding returns the binding of an SDL type to a struct type.
func (s *Schema) Binding(def *ast.Definition, t reflect.Type) *Binding {
	k := bindingKey{def, t}
	if b, ok := s.bindings.Load(k); ok {
		return b.(*Binding)
	}
	b := &Binding{
		def: def, typ: t, Satisfies: append([]string{def.Name}, def.Interfaces...), fields: map[string]Field{}, Record: s.ops.Record(t),
		isRecord: reflect.PointerTo(t).Implements(reflect.TypeFor[fsclient.Recorder]()),
		faulty:   reflect.PointerTo(t).Implements(reflect.TypeFor[unreadable]()),
	}
	for name, types := range s.PossibleTypes {
		if u := s.Types[name]; u.Kind == ast.Union && slices.Contains(types, def) {
			b.Satisfies = append(b.Satisfies, name)
		}
	}
	for _, f := range def.Fields {
		if !strings.HasPrefix(f.Name, "__") {
			b.fields[f.Name] = s.bind(def, f, t)
		}
	}
	actual, _ := s.bindings.LoadOrStore(k, b)
	return actual.(*Binding)
}

// Field returns how a field of the SDL type is found; the zero value for one that is
// not.
func (b *Binding) Field(name string) Field { return b.fields[name] }

// Type returns the Go type that the binding is to.
func (b *Binding) Type() reflect.Type { return b.typ }

// Names returns the fields of the SDL that read one of the struct fields, in order.
func (b *Binding) Names(fields fsclient.Fields) (names []string) {
	for _, f := range b.def.Fields {
		if b.fields[f.Name].Bit.Has(fields) {
			names = append(names, f.Name)
		}
	}
	return names
}

// Value returns the struct field behind a field of the SDL type, or an invalid value.
func (b *Binding) Value(object reflect.Value, name string) reflect.Value {
	f, ok := b.fields[name]
	if !ok || f.index < 0 {
		return reflect.Value{}
	}
	return object.Field(f.index)
}

// bind finds a field as gqlgen does: a struct field or a method of the same
// name. A Raw twin reads the field it is the twin of, fullscriptId the id.
func (s *Schema) bind(def *ast.Definition, f *ast.FieldDefinition, t reflect.Type) Field {
	b := Field{Name: f.Name, Size: sizeOf(f), index: fieldNamed(t, f.Name), method: -1, twin: -1, Detail: f.Directives.ForName("detail") != nil}
	if e := f.Directives.ForName("embeds"); e != nil {
		b.Embeds = strings.Fields(e.Arguments.ForName("fields").Value.Raw)
	}
	b.walks = s.Types[f.Type.Name()].IsCompositeType()
	if b.index >= 0 {
		b.Bit = fsclient.FieldAt(b.index)
	} else {
		b.method = methodNamed(t, f.Name)
		read := strings.TrimSuffix(f.Name, "Raw")
		if f.Name == "fullscriptId" {
			read = "id"
		}
		if i := fieldNamed(t, read); i >= 0 {
			b.Bit = fsclient.FieldAt(i)
			if b.method >= 0 && isText(t.Field(i).Type) && isText(reflect.PointerTo(t).Method(b.method).Type.Out(0)) {
				b.twin = i
			}
		}
	}
	b.Call = s.ops.Call(def.Name + "." + f.Name)
	rest := f.Directives.ForName("rest")
	if rest == nil {
		return b
	}
	if b.Call == nil && b.index < 0 {
		b.Call = s.ops.Call(rest.Arguments.ForName("operation").Value.Raw)
	}
	if p := rest.Arguments.ForName("parent"); p != nil {
		b.Parent = p.Value.Raw
	}
	return b
}

// assumedSize is how long a list is taken to be of which the schema says nothing.
const assumedSize = 10

// sizeOf returns how many values a field is assumed to have: @listSize says it of lists.
func sizeOf(f *ast.FieldDefinition) float64 {
	size := f.Directives.ForName("listSize")
	switch {
	case size != nil:
		n, _ := strconv.ParseFloat(size.Arguments.ForName("assumedSize").Value.Raw, 64) // validated with the schema
		return n
	case f.Type.Elem != nil, strings.HasSuffix(f.Type.Name(), "Connection"):
		return assumedSize
	}
	return 1
}

func fieldNamed(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && !f.Anonymous && strings.EqualFold(f.Name, name) {
			return i
		}
	}
	return -1
}

// methodNamed finds a method without parameters and with one result.
func methodNamed(t reflect.Type, name string) int {
	p := reflect.PointerTo(t)
	for i := range p.NumMethod() {
		if m := p.Method(i); strings.EqualFold(m.Name, name) && m.Type.NumIn() == 1 && m.Type.NumOut() == 1 {
			return i
		}
	}
	return -1
}

// isText reports whether a type is a string or a pointer to one.
func isText(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.String
}

// Calls reports whether the field performs an operation of its own rather than
// reads the value.
func (f *Field) Calls(args map[string]any) bool {
	return f.Call != nil && (f.index < 0 || given(args))
}

func given(args map[string]any) bool {
	for _, v := range args {
		if v != nil {
			return true
		}
	}
	return false
}
