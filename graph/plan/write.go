package plan

import (
	"context"
	"math"
	"reflect"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/quote"
)

// Source is where values come from that are not in the object at hand. A session of
// the loader is one.
type Source interface {
	// Value waits for the value of a field that performs a call: a connection, nodes, a
	// pointer to a struct, or nil where null without an error is the answer. object is
	// nil at the root.
	Value(ctx context.Context, object any, c *Call) (any, error)
	// Complete waits until the given fields of a record are there.
	Complete(ctx context.Context, rec fsclient.Recorder, fields fsclient.Fields) error
	// Arguments returns the arguments of a field of this operation.
	Arguments(f *ast.Field) map[string]any
}

// Why the writer gave up.
const (
	CannotWrite = "field"      // a field that it does not know how to write
	Failed      = "error"      // a call that failed, or whose caller left
	Null        = "null"       // null where the schema forbids it, or a broken row
	Unreadable  = "unreadable" // a value that could not be read
	Panicked    = "panic"
	TooLarge    = "size" // the executor's answer would be, too
)

// output is an answer being written. A writer reports false to give up.
type output struct {
	ctx    context.Context
	source Source
	buf    []byte
	most   int // bytes, 0 for no limit
	why    string
}

func (o *output) giveUp(why string) bool {
	o.why = why
	return false
}

// writer writes the value of a field of an object.
type writer func(o *output, object reflect.Value) bool

// written is a field of an answer: its key with the colon, and its writer.
type written struct {
	key   string
	write writer
}

// keyOf returns the key of a field, with the colon.
func keyOf(f graphql.CollectedField) string {
	o := output{}
	o.quote(f.Alias)
	return string(o.buf) + ":"
}

// Write and WriteString make an io.Writer of the output, for scalars that write
// themselves.
func (o *output) Write(b []byte) (int, error) {
	o.buf = append(o.buf, b...)
	return len(b), nil
}

func (o *output) WriteString(s string) (int, error) {
	o.buf = append(o.buf, s...)
	return len(s), nil
}

// key writes the key of field i of an object.
func (o *output) key(i int, key string) {
	if i > 0 {
		o.buf = append(o.buf, ',')
	}
	o.buf = append(o.buf, key...)
}

// null writes null where the schema allows it.
func (o *output) null(nonNull bool) bool {
	if nonNull {
		return o.giveUp(Null)
	}
	o.buf = append(o.buf, "null"...)
	return true
}

// quote writes a string.
func (o *output) quote(s string) { o.buf = quote.Append(o.buf, s) }

// object writes the selected fields of an object.
func (o *output) object(n *Node, object reflect.Value) bool {
	if n == nil || n.fields == nil {
		return o.giveUp(CannotWrite)
	}
	if n.faulty && !o.intact(n, object) {
		return false
	}
	o.buf = append(o.buf, '{')
	for i := range n.fields {
		o.key(i, n.fields[i].key)
		if !n.fields[i].write(o, object) {
			return false
		}
	}
	o.buf = append(o.buf, '}')
	return true
}

type unreadable interface{ Unreadable() fsclient.Fields }

// intact waits until the selected fields of an object are there, and reports whether all
// could be read.
func (o *output) intact(n *Node, object reflect.Value) bool {
	v := object.Addr().Interface()
	if n.isRecord && o.source.Complete(o.ctx, v.(fsclient.Recorder), n.Mask) != nil {
		return o.giveUp(Failed)
	}
	if v.(unreadable).Unreadable().Has(n.Mask) {
		return o.giveUp(Unreadable)
	}
	return true
}

// list writes n elements.
func (o *output) list(n int, element func(i int) bool) bool {
	o.buf = append(o.buf, '[')
	for i := range n {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		if !element(i) {
			return false
		}
		if o.most > 0 && len(o.buf) > o.most {
			return o.giveUp(TooLarge)
		}
	}
	o.buf = append(o.buf, ']')
	return true
}

// selected writes an object, or what a pointer or an interface leads to.
func (o *output) selected(s *Selection, v reflect.Value, nonNull bool) bool {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return o.null(nonNull)
		}
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct || !v.CanAddr() {
		return o.giveUp(CannotWrite)
	}
	return o.object(s.Node(v.Type()), v)
}

// typename writes the name of a type; other fields that no binding knows are those of
// introspection.
func typename(def *ast.Definition, f graphql.CollectedField) writer {
	if f.Name != "__typename" {
		return nil
	}
	return func(o *output, _ reflect.Value) bool {
		o.quote(def.Name)
		return true
	}
}

// writeField returns the writer of a field that is read from the object.
func (s *Schema) writeField(b *Binding, f graphql.CollectedField, bound Field, below *Selection) writer {
	typ := f.Definition.Type
	if compute := s.computed[b.def.Name+"."+f.Name]; compute != nil {
		return writeComputed(f, compute)
	}
	switch {
	case bound.index >= 0:
		return writeAt(bound.index, writeValue(typ, b.typ.Field(bound.index).Type, below))
	case bound.twin >= 0:
		t := b.typ.Field(bound.twin).Type
		if t.Kind() == reflect.Pointer {
			return writeAt(bound.twin, writePointer(typ, writeText))
		}
		return writeAt(bound.twin, func(o *output, v reflect.Value) bool {
			if v.Len() == 0 && !typ.NonNull {
				return o.null(false)
			}
			return writeText(o, v)
		})
	case bound.method >= 0:
		write := writeValue(typ, reflect.PointerTo(b.typ).Method(bound.method).Type.Out(0), below)
		if write == nil {
			return nil
		}
		return func(o *output, object reflect.Value) bool {
			return write(o, object.Addr().Method(bound.method).Call(nil)[0])
		}
	}
	return nil
}

// writeAt writes field i of a struct.
func writeAt(i int, write writer) writer {
	if write == nil {
		return nil
	}
	return func(o *output, object reflect.Value) bool { return write(o, object.Field(i)) }
}

// writeComputed writes what the gateway works out of an object: a scalar or a pointer to
// one.
func writeComputed(f graphql.CollectedField, compute Computed) writer {
	return func(o *output, object reflect.Value) bool {
		got, err := compute(object.Addr().Interface(), o.source.Arguments(f.Field))
		if err != nil {
			return o.giveUp(Failed)
		}
		v := reflect.ValueOf(got)
		write := writeValue(f.Definition.Type, v.Type(), nil)
		return write(o, v)
	}
}

// writeCall writes what a call brings.
func writeCall(f graphql.CollectedField, c *Call, below *Selection) writer {
	nonNull := f.Definition.Type.NonNull
	return func(o *output, object reflect.Value) bool {
		var on any
		if object.IsValid() {
			on = object.Addr().Interface()
		}
		got, err := o.source.Value(o.ctx, on, c)
		if err != nil {
			return o.giveUp(Failed)
		}
		switch got := got.(type) {
		case nil:
			return o.null(nonNull)
		case model.Window:
			return o.window(below.List().fields, got, 0)
		case []model.Node:
			return o.nodes(below, got, f.Definition.Type)
		}
		return o.selected(below, reflect.ValueOf(got), nonNull)
	}
}

// nodes writes records of any type.
func (o *output) nodes(s *Selection, nodes []model.Node, typ *ast.Type) bool {
	return o.list(len(nodes), func(i int) bool {
		if nodes[i] == nil {
			return o.null(typ.Elem.NonNull)
		}
		return o.selected(s, reflect.ValueOf(nodes[i]), true)
	})
}

// writeValue returns the writer of values of a Go type as a type of the schema, nil if
// there is none.
func writeValue(typ *ast.Type, t reflect.Type, below *Selection) writer {
	switch {
	case t.Kind() == reflect.Slice && typ.Elem != nil:
		return writeList(typ, t, below)
	case typ.Elem != nil:
		return nil
	case below != nil && below.typ.IsCompositeType():
		return func(o *output, v reflect.Value) bool { return o.selected(below, v, typ.NonNull) }
	case t.Kind() == reflect.Pointer:
		if write := writeScalar(typ, t.Elem()); write != nil {
			return writePointer(typ, write)
		}
		return nil
	}
	return writeScalar(typ, t)
}

func writePointer(typ *ast.Type, write writer) writer {
	return func(o *output, v reflect.Value) bool {
		if v.IsNil() {
			return o.null(typ.NonNull)
		}
		return write(o, v.Elem())
	}
}

func writeList(typ *ast.Type, t reflect.Type, below *Selection) writer {
	write := writeValue(typ.Elem, t.Elem(), below)
	if write == nil {
		return nil
	}
	return func(o *output, v reflect.Value) bool {
		if v.IsNil() && !typ.NonNull {
			return o.null(false)
		}
		return o.list(v.Len(), func(i int) bool { return write(o, v.Index(i)) })
	}
}

// plainText are the scalars of the schema that gqlgen writes as strings.
var plainText = map[string]bool{"String": true, "ID": true, "URL": true, "HTML": true, "EmailAddress": true}

// writeScalar returns the writer of scalars of a Go type, nil if there is none.
func writeScalar(typ *ast.Type, t reflect.Type) writer {
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[graphql.Marshaler]()):
		return func(o *output, v reflect.Value) bool {
			if !v.CanAddr() {
				own := reflect.New(t).Elem()
				own.Set(v)
				v = own
			}
			v.Addr().Interface().(graphql.Marshaler).MarshalGQL(o)
			return true
		}
	case t.Kind() == reflect.String && plainText[typ.Name()]:
		return writeText
	case t.Kind() == reflect.Bool && typ.Name() == "Boolean":
		return func(o *output, v reflect.Value) bool {
			o.buf = strconv.AppendBool(o.buf, v.Bool())
			return true
		}
	case t.Kind() == reflect.Int && typ.Name() == "Int":
		return func(o *output, v reflect.Value) bool {
			o.buf = strconv.AppendInt(o.buf, v.Int(), 10)
			return true
		}
	case t.Kind() == reflect.Float64 && typ.Name() == "Float":
		return func(o *output, v reflect.Value) bool {
			f := v.Float()
			if math.IsInf(f, 0) || math.IsNaN(f) {
				return o.giveUp(Failed)
			}
			o.buf = strconv.AppendFloat(o.buf, f, 'g', -1, 64)
			return true
		}
	}
	return nil
}

func writeText(o *output, v reflect.Value) bool {
	o.quote(v.String())
	return true
}
