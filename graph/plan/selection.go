package plan

import (
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/fsclient"
)

// Selection is what is selected below some field: the selection sets of all
// places in the document that read the same value.
type Selection struct {
	schema *Schema
	// op is the document and the conditions that hold, for CollectFields.
	op   *graphql.OperationContext
	typ  *ast.Definition
	sets []ast.SelectionSet

	last  atomic.Pointer[Node] // the node asked for last: most places have values of one type
	mu    sync.Mutex
	nodes map[reflect.Type]*Node
	list  func() *List // what it selects of a connection

	*progress
}

func (s *Schema) newSelection(op *graphql.OperationContext, p *progress, typ *ast.Definition, sets ...ast.SelectionSet) *Selection {
	sel := &Selection{schema: s, op: op, typ: typ, sets: sets, progress: p}
	sel.list = sync.OnceValue(sel.compileList)
	return sel
}

func (s *Selection) below(typ *ast.Definition, sets ...ast.SelectionSet) *Selection {
	return s.schema.newSelection(s.op, s.progress, typ, sets...)
}

// Node is what an operation selects of one type of object: the compiled form
// of its selection sets, fragments, aliases and conditions resolved.
type Node struct {
	*Binding
	Mask     fsclient.Fields // struct fields that are read
	Details  fsclient.Fields // those of them that list items lack
	Children []*Child
	Calls    []*Call
	fields   []written // in the order of the answer; nil if one cannot be written
}

// Child is a field whose value may need more.
type Child struct {
	Field
	Key   string // in the answer; one of them, if several fields read the value
	Below *Selection
}

// Value returns what the field of an object holds.
func (c *Child) Value(object reflect.Value) reflect.Value {
	if c.index >= 0 {
		return object.Field(c.index)
	}
	return object.Addr().Method(c.method).Call(nil)[0]
}

// Type returns the struct or interface type of the field's value, or of the elements of
// its list, for an object of a type.
func (c *Child) Type(object reflect.Type) (t reflect.Type) {
	if c.index >= 0 {
		t = object.Field(c.index).Type
	} else {
		t = reflect.PointerTo(object).Method(c.method).Type.Out(0)
	}
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// Call is a field that performs an operation of its own.
type Call struct {
	Field
	AST   *ast.Field
	Below *Selection
	Alone bool // no other place of the answer can show rows of its list
}

// Node returns the selection compiled for values of a struct type, nil if the type is
// not one of the schema's.
func (s *Selection) Node(t reflect.Type) *Node {
	if n := s.last.Load(); n != nil && n.typ == t {
		return n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[t]
	if n == nil {
		def := s.typ
		if def.IsAbstractType() {
			if def = s.schema.Types[t.Name()]; def == nil {
				return nil
			}
		}
		n = s.compile(s.schema.Binding(def, t))
		if s.nodes == nil {
			s.nodes = map[reflect.Type]*Node{}
		}
		s.nodes[t] = n
	}
	s.last.Store(n)
	return n
}

func (s *Selection) compile(b *Binding) *Node {
	n := &Node{Binding: b, fields: []written{}}
	writable := len(s.sets) == 1 // sets of several places are walked together and written apart
	for _, set := range s.sets {
		for _, f := range graphql.CollectFields(s.op, set, b.Satisfies) {
			s.compiled.Add(1)
			w, key := s.compileField(n, f), keyOf(f)
			writable = writable && w != nil
			// A union's __typename and its member's are not collected as one field.
			if !slices.ContainsFunc(n.fields, func(have written) bool { return have.key == key }) {
				n.fields = append(n.fields, written{key, w})
			}
		}
	}
	if !writable {
		n.fields = nil
	}
	return n
}

// compileField adds a field to a node and returns its writer, nil if it cannot be
// written.
func (s *Selection) compileField(n *Node, f graphql.CollectedField) writer {
	bound, known := n.Binding.fields[f.Name]
	if !known {
		return typename(n.def, f)
	}
	below := s.below(s.schema.Types[f.Definition.Type.Name()], f.Selections)
	if bound.Calls(f.ArgumentMap(s.op.Variables)) {
		return writeCall(f, n.addCall(&Call{bound, f.Field, below, s.alone[f.Field]}), below)
	}
	n.Mask |= bound.Bit
	if bound.Detail {
		n.Details |= bound.Bit
	}
	if bound.walks && (bound.index >= 0 || bound.method >= 0) {
		n.addChild(&Child{bound, f.Alias, below})
	}
	return s.schema.writeField(n.Binding, f, bound, below)
}

// addChild merges selections that read the same value.
func (n *Node) addChild(c *Child) {
	for i, have := range n.Children {
		if have.index == c.index && have.method == c.method {
			sets := append(append([]ast.SelectionSet{}, have.Below.sets...), c.Below.sets...)
			n.Children[i] = &Child{c.Field, have.Key, c.Below.below(c.Below.typ, sets...)}
			return
		}
	}
	n.Children = append(n.Children, c)
}

// addCall returns the call of the same field, if there is one already.
func (n *Node) addCall(c *Call) *Call {
	for _, have := range n.Calls {
		if have.AST == c.AST {
			have.Below = c.Below.below(c.Below.typ, append(append([]ast.SelectionSet{}, have.Below.sets...), c.Below.sets...)...)
			return have
		}
	}
	n.Calls = append(n.Calls, c)
	return c
}

// Idle reports whether no value of this selection can need a call.
func (n *Node) Idle() bool {
	return n.Record == nil && len(n.Children) == 0 && len(n.Calls) == 0
}

// List is what is selected of a connection.
type List struct {
	Rows     *Selection // under nodes and edges { node } alike, nil for nothing
	Wanted   bool       // rows are, if only to be counted
	PageInfo bool

	fields []windowField // in the order of the answer; nil if one cannot be written
}

// List returns what the selection, one of a connection, selects of it.
func (s *Selection) List() *List { return s.list() }

func (s *Selection) compileList() *List {
	l := &List{}
	var typ *ast.Definition
	var sets []ast.SelectionSet
	var visit func(def *ast.Definition, within []ast.SelectionSet)
	visit = func(def *ast.Definition, within []ast.SelectionSet) {
		for _, set := range within {
			for _, f := range graphql.CollectFields(s.op, set, []string{def.Name}) {
				below := s.schema.Types[f.Definition.Type.Name()]
				switch f.Name {
				case "nodes", "node":
					l.Wanted, typ = true, below
					sets = append(sets, f.Selections)
				case "edges":
					l.Wanted = true // for their cursors alone: there are as many as rows
					visit(below, []ast.SelectionSet{f.Selections})
				case "pageInfo":
					l.PageInfo = true
				}
			}
		}
	}
	visit(s.typ, s.sets)
	if typ != nil {
		l.Rows = s.below(typ, sets...)
	}
	if len(s.sets) == 1 {
		l.fields = s.connection(l)
	}
	return l
}
