package plan

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/fsclient"
)

// Plan is an operation compiled for one choice of its conditions.
type Plan struct {
	Root *Node // of the fields at the root
	// Linked are the record types that the operation reaches by something other than
	// their list, so that knowing parts of them early can save a call.
	Linked map[string]bool
	// Wanted returns the fields of a struct type that may be read; nil for all.
	Wanted func(reflect.Type) fsclient.Fields
	root   *Selection
	below  sync.Map                 // *ast.Field -> *Selection, see Below
	op     *ast.OperationDefinition // of a cached document, else nil
	size   atomic.Int64             // of the last answer, in bytes
}

// Root stands for the object that the fields of a query are on.
type Root struct{}

// extension is where the plans of an operation's document lie in its Stats.
const extension = "plan"

// Attach keeps the plans of its document with an operation.
func (d *Document) Attach(op *graphql.OperationContext) { op.Stats.SetExtension(extension, d) }

// Of returns the plan of an operation: that of its document, or a new one if the document
// was made for this request, as those with @defer are.
func (s *Schema) Of(op *graphql.OperationContext) *Plan {
	if d, ok := op.Stats.GetExtension(extension).(*Document); ok && d.doc == op.Doc {
		return d.Plan(op.Operation, op.Variables)
	}
	return s.compile(op, s.linkedTypes(op.Doc), new(progress))
}

// IsOf reports whether the plan was made for an operation of a cached document, this one.
func (p *Plan) IsOf(op *ast.OperationDefinition) bool { return p.op == op }

func (s *Schema) compile(op *graphql.OperationContext, linked map[string]bool, p *progress) *Plan {
	def := map[ast.Operation]*ast.Definition{ast.Query: s.Query, ast.Mutation: s.Mutation, ast.Subscription: s.Subscription}[op.Operation.Operation]
	root := s.newSelection(op, p, def, op.Operation.SelectionSet)
	return &Plan{Linked: linked, Root: root.Node(reflect.TypeFor[Root]()), root: root}
}

// Below returns the selection below a field at the root whose value a resolver makes: the
// payload of a mutation, or what a subscription says.
func (p *Plan) Below(f graphql.CollectedField) *Selection {
	if s, ok := p.below.Load(f.Field); ok {
		return s.(*Selection)
	}
	s, _ := p.below.LoadOrStore(f.Field, p.root.below(p.root.schema.Types[f.Definition.Type.Name()], f.Selections))
	return s.(*Selection)
}

// Document holds the plans of a document's operations. It is kept as long as the
// document.
type Document struct {
	schema     *Schema
	doc        *ast.QueryDocument
	linked     map[string]bool
	selected   map[string]map[string]bool // by type and field
	wanted     sync.Map                   // reflect.Type -> fsclient.Fields
	conditions []string                   // variables that decide what is selected, or whether a field takes a call

	mu    sync.Mutex
	plans map[choice]*Plan
	progress
}

// progress is what the plans of a document have in common while they are compiled.
type progress struct {
	compiled atomic.Int64 // fields
	alone    map[*ast.Field]bool
}

// choice is an operation with what each of the document's conditions is: true, false, or
// absent.
type choice struct {
	op         *ast.OperationDefinition
	conditions string
}

// maxCompiled bounds the plans of a document, in fields, which take 150 to 600 bytes each:
// clients choose how many conditions and fragments it has. Beyond it all are made anew.
const maxCompiled = 1000

// NewDocument returns the plans of a valid document, which are made when they are asked for.
func (s *Schema) NewDocument(doc *ast.QueryDocument) *Document {
	d := &Document{schema: s, doc: doc, linked: s.linkedTypes(doc), plans: map[choice]*Plan{}}
	d.conditions, d.selected, d.alone = s.conditionsOf(doc), s.selectedIn(doc), s.aloneIn(doc)
	return d
}

// aloneIn reports for each connection field of a document whether its rows are shown nowhere
// else: it is the only field of its type, and is below no list.
func (s *Schema) aloneIn(doc *ast.QueryDocument) map[*ast.Field]bool {
	alone, lists := map[*ast.Field]bool{}, map[string]int{}
	s.visit(doc, func(_ ast.DirectiveList, f *ast.Field, many bool) {
		if f != nil && f.Definition != nil && strings.HasSuffix(f.Definition.Type.Name(), "Connection") {
			alone[f] = !many
			lists[f.Definition.Type.Name()]++
		}
	})
	for f := range alone {
		alone[f] = alone[f] && lists[f.Definition.Type.Name()] == 1
	}
	return alone
}

// Plan returns the plan of an operation of the document, with its variables.
func (d *Document) Plan(op *ast.OperationDefinition, variables map[string]any) *Plan {
	// What is kept holds no value of a request: one that is no boolean only counts as given.
	state, own := make([]byte, len(d.conditions)), make(map[string]any, len(d.conditions))
	for i, name := range d.conditions {
		if v := variables[name]; v != nil {
			own[name], state[i] = v != false, 't'
			if v == false {
				state[i] = 'f'
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.compiled.Load() > maxCompiled {
		clear(d.plans)
		d.compiled.Store(0)
	}
	p := d.plans[choice{op, string(state)}]
	if p == nil {
		p = d.schema.compile(&graphql.OperationContext{Doc: d.doc, Operation: op, Variables: own}, d.linked, &d.progress)
		p.op, p.Wanted = op, d.Wanted
		d.plans[choice{op, string(state)}] = p
		d.compiled.Add(1) // one that selects nothing counts, too
	}
	return p
}

// conditionsOf returns the variables of @skip and @include, and those of arguments that
// decide whether a field reads its object or performs a call.
func (s *Schema) conditionsOf(doc *ast.QueryDocument) (names []string) {
	seen := map[string]bool{}
	note := func(args ast.ArgumentList) {
		for _, a := range args {
			if a.Value.Kind == ast.Variable && !seen[a.Value.Raw] {
				seen[a.Value.Raw] = true
				names = append(names, a.Value.Raw)
			}
		}
	}
	s.visit(doc, func(directives ast.DirectiveList, f *ast.Field, _ bool) {
		for _, d := range directives {
			note(d.Arguments)
		}
		if f != nil && f.ObjectDefinition != nil && s.ops.Call(f.ObjectDefinition.Name+"."+f.Name) != nil {
			note(f.Arguments)
		}
	})
	return names
}

// linkedTypes are the [Plan.Linked] of all operations of a document.
func (s *Schema) linkedTypes(doc *ast.QueryDocument) map[string]bool {
	linked := map[string]bool{}
	s.visit(doc, func(_ ast.DirectiveList, f *ast.Field, _ bool) {
		if f == nil || f.Definition == nil || f.ObjectDefinition == nil || isList(f.ObjectDefinition) {
			return
		}
		for _, def := range s.possible(f.Definition.Type.Name()) {
			if s.ops.TypeOf(def.Name) != nil {
				linked[def.Name] = true
			}
		}
	})
	return linked
}

// visit calls f for each selection of a document; the field is nil for fragments. many says
// that there can be several objects with the field: below a list, or in a fragment.
func (s *Schema) visit(doc *ast.QueryDocument, f func(_ ast.DirectiveList, _ *ast.Field, many bool)) {
	var visit func(ast.SelectionSet, bool)
	visit = func(set ast.SelectionSet, many bool) {
		for _, sel := range set {
			switch sel := sel.(type) {
			case *ast.Field:
				f(sel.Directives, sel, many)
				visit(sel.SelectionSet, many || sel.Definition != nil && (sel.Definition.Type.Elem != nil || isList(s.Types[sel.Definition.Type.Name()])))
			case *ast.InlineFragment:
				f(sel.Directives, nil, many)
				visit(sel.SelectionSet, many)
			case *ast.FragmentSpread:
				f(sel.Directives, nil, many)
			}
		}
	}
	for _, op := range doc.Operations {
		visit(op.SelectionSet, false)
	}
	for _, fragment := range doc.Fragments {
		visit(fragment.SelectionSet, true)
	}
}

func isList(def *ast.Definition) bool {
	return strings.HasSuffix(def.Name, "Connection") || strings.HasSuffix(def.Name, "Edge")
}

func (s *Schema) possible(name string) []*ast.Definition {
	def := s.Types[name]
	if def == nil || !def.IsCompositeType() {
		return nil
	}
	return s.GetPossibleTypes(def)
}

// Write writes the answer of a query, if nothing in it is wrong and it is not much longer
// than most bytes, 0 for any length. Otherwise it says why it gave up, and what it has waited
// for is there for an executor.
func (p *Plan) Write(ctx context.Context, source Source, most int) (data []byte, why string) {
	defer func() {
		if recover() != nil { // the executor meets it again, and says where
			data, why = nil, Panicked
		}
	}()
	o := &output{ctx: ctx, source: source, most: most, buf: make([]byte, 0, p.size.Load())}
	if !o.object(p.Root, reflect.Value{}) {
		return nil, o.why
	}
	p.size.Store(int64(len(o.buf)))
	return o.buf, ""
}
