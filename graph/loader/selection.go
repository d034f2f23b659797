package loader

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/fsclient"
)

// binding is how the fields of an SDL type are found on a Go type. It is
// worked out once for each pair.
type binding struct {
	def       *ast.Definition
	satisfies []string // the type and its interfaces, for fragments
	fields    map[string]boundField
	record    *recordOp // nil for plain objects and for records without a fetch
	isRecord  bool
}

type boundField struct {
	index  int             // of the struct field, -1 for none
	method int             // of the method, -1 for none
	bit    fsclient.Fields // of the struct field whose value is needed, 0 for none
	detail bool            // list items lack it
	walks  bool            // its value can need more
	call   callOp          // nil for fields that read the value
	parent string          // parameter of the call that takes the object's id
}

type bindingKey struct {
	def *ast.Definition
	typ reflect.Type
}

func (o *Operations) binding(def *ast.Definition, t reflect.Type) *binding {
	k := bindingKey{def, t}
	if b, ok := o.bindings.Load(k); ok {
		return b.(*binding)
	}
	b := &binding{def: def, satisfies: append([]string{def.Name}, def.Interfaces...), fields: map[string]boundField{}, record: o.records[t]}
	for name, types := range o.schema.PossibleTypes {
		if u := o.schema.Types[name]; u.Kind == ast.Union && slices.Contains(types, def) {
			b.satisfies = append(b.satisfies, name)
		}
	}
	b.isRecord = reflect.PointerTo(t).Implements(reflect.TypeFor[fsclient.Recorder]())
	for _, f := range def.Fields {
		if !strings.HasPrefix(f.Name, "__") {
			b.fields[f.Name] = o.bind(def, f, t)
		}
	}
	actual, _ := o.bindings.LoadOrStore(k, b)
	return actual.(*binding)
}

// bind finds a field as gqlgen does: a struct field or a method of the same
// name. A Raw twin reads the field it is the twin of, fullscriptId the id.
func (o *Operations) bind(def *ast.Definition, f *ast.FieldDefinition, t reflect.Type) boundField {
	b := boundField{index: -1, method: -1, detail: f.Directives.ForName("detail") != nil}
	b.walks = o.schema.Types[f.Type.Name()].IsCompositeType()
	same := func(name string) func(string) bool {
		return func(s string) bool { return strings.EqualFold(s, name) }
	}
	find := func(is func(string) bool) int {
		for i := range t.NumField() {
			if sf := t.Field(i); sf.IsExported() && !sf.Anonymous && is(sf.Name) {
				return i
			}
		}
		return -1
	}
	if b.index = find(same(f.Name)); b.index < 0 {
		read := strings.TrimSuffix(f.Name, "Raw")
		if f.Name == "fullscriptId" {
			read = "id"
		}
		if i := find(same(read)); i >= 0 {
			b.bit = fsclient.FieldAt(i)
		}
		for i := range reflect.PointerTo(t).NumMethod() {
			m := reflect.PointerTo(t).Method(i)
			if strings.EqualFold(m.Name, f.Name) && m.Type.NumIn() == 1 && m.Type.NumOut() == 1 {
				b.method = i
			}
		}
	} else {
		b.bit = fsclient.FieldAt(b.index)
	}
	b.call = o.byField[def.Name+"."+f.Name]
	rest := f.Directives.ForName("rest")
	if rest == nil {
		return b
	}
	if b.call == nil && b.index < 0 {
		b.call = o.byField[rest.Arguments.ForName("operation").Value.Raw]
	}
	if p := rest.Arguments.ForName("parent"); p != nil {
		b.parent = p.Value.Raw
	}
	return b
}

// subtree is what is selected below some field: the selection sets of all
// places in the document that read the same value.
type subtree struct {
	session *Session
	typ     *ast.Definition
	sets    []ast.SelectionSet

	mu    sync.Mutex
	nodes map[reflect.Type]*node
}

func (s *Session) subtree(typ *ast.Definition, sets ...ast.SelectionSet) *subtree {
	return &subtree{session: s, typ: typ, sets: sets}
}

// node is what an operation selects of one type of object: the compiled form
// of its selection sets, fragments, aliases and conditions resolved.
type node struct {
	binding  *binding
	mask     fsclient.Fields // struct fields that are read
	detail   fsclient.Fields // those of them that list items lack
	children []*child
	calls    []*fieldCall
}

// child is a field whose value may need more.
type child struct {
	boundField
	sub *subtree
}

// fieldCall is a field that performs an operation of its own.
type fieldCall struct {
	boundField
	field *ast.Field
	args  map[string]any
	sub   *subtree
}

// node compiles the subtree for values of Go type t.
func (t *subtree) node(typ reflect.Type) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.nodes[typ]; n != nil {
		return n
	}
	def := t.typ
	if def.IsAbstractType() {
		def = t.session.ops.schema.Types[typ.Name()]
		if def == nil {
			return nil
		}
	}
	n := t.session.compile(t.session.ops.binding(def, typ), t.sets)
	if t.nodes == nil {
		t.nodes = map[reflect.Type]*node{}
	}
	t.nodes[typ] = n
	return n
}

func (s *Session) compile(b *binding, sets []ast.SelectionSet) *node {
	n := &node{binding: b}
	for _, set := range sets {
		for _, f := range graphql.CollectFields(s.op, set, b.satisfies) {
			bound, known := b.fields[f.Name]
			if !known {
				continue // __typename and introspection
			}
			below := s.ops.schema.Types[f.Definition.Type.Name()]
			args := f.ArgumentMap(s.op.Variables)
			if bound.calls(args) {
				n.addCall(&fieldCall{boundField: bound, field: f.Field, args: args, sub: s.subtree(below, f.Selections)})
				continue
			}
			n.mask |= bound.bit
			if bound.detail {
				n.detail |= bound.bit
			}
			if bound.walks && (bound.index >= 0 || bound.method >= 0) {
				n.addChild(&child{bound, s.subtree(below, f.Selections)})
			}
		}
	}
	return n
}

// calls reports whether the field performs an operation of its own rather than
// reads the value.
func (b *boundField) calls(args map[string]any) bool {
	return b.call != nil && (b.index < 0 || given(args))
}

func given(args map[string]any) bool {
	for _, v := range args {
		if v != nil {
			return true
		}
	}
	return false
}

// addChild merges selections that read the same value.
func (n *node) addChild(c *child) {
	for _, have := range n.children {
		if have.index == c.index && have.method == c.method {
			have.sub.sets = append(have.sub.sets, c.sub.sets...)
			return
		}
	}
	n.children = append(n.children, c)
}

func (n *node) addCall(c *fieldCall) {
	for _, have := range n.calls {
		if have.field == c.field {
			have.sub.sets = append(have.sub.sets, c.sub.sets...)
			return
		}
	}
	n.calls = append(n.calls, c)
}

// idle says that no value of this selection can need a call.
func (n *node) idle() bool {
	return n.binding.record == nil && len(n.children) == 0 && len(n.calls) == 0
}

// linkedTypes are the record types that an operation reaches by something
// other than their list, so that knowing parts of them early can save a call.
func (o *Operations) linkedTypes(doc *ast.QueryDocument) map[string]bool {
	linked := map[string]bool{}
	var visit func(ast.SelectionSet)
	visit = func(set ast.SelectionSet) {
		for _, sel := range set {
			switch sel := sel.(type) {
			case *ast.Field:
				o.noteLinks(linked, sel)
				visit(sel.SelectionSet)
			case *ast.InlineFragment:
				visit(sel.SelectionSet)
			}
		}
	}
	for _, op := range doc.Operations {
		visit(op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		visit(f.SelectionSet)
	}
	return linked
}

func (o *Operations) noteLinks(linked map[string]bool, f *ast.Field) {
	if f.Definition == nil || f.ObjectDefinition == nil || isList(f.ObjectDefinition) {
		return
	}
	for _, def := range o.possible(f.Definition.Type.Name()) {
		if o.byName[def.Name] != nil {
			linked[def.Name] = true
		}
	}
}

func isList(def *ast.Definition) bool {
	return strings.HasSuffix(def.Name, "Connection") || strings.HasSuffix(def.Name, "Edge")
}

func (o *Operations) possible(name string) []*ast.Definition {
	def := o.schema.Types[name]
	if def == nil || !def.IsCompositeType() {
		return nil
	}
	return o.schema.GetPossibleTypes(def)
}
