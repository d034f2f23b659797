package guard

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
)

// Bounds on what the validator does for a document within all Limits. They have
// no flag: none has come near them that was not made to.
const (
	maxOperations = 50
	// maxSteps bounds the nodes it walks, at about half a microsecond each.
	maxSteps = 20_000
	// maxPairs bounds the fields it collects and compares, at a quarter of that.
	maxPairs = 20_000
	// maxGuesses bounds what it compares to suggest a name, in pairs of letters,
	// at some nanoseconds each.
	maxGuesses = 4_000_000
	// perName is what one name costs beside its letters.
	perName = 8
	// maxRenamed bounds the aliases within introspection, those of __typename too: each can
	// have a part of the schema once more, and no tool gives any.
	maxRenamed = 2
)

// inspection is one document under the guard.
type inspection struct {
	limits Limits
	names  *nameLengths
	query  string // without its comments

	fragments                            map[string]*definition
	definitions                          []*definition
	fields, aliases, directives, spreads int // as written
	schemas, types                       int // __schema and __type at the root
	err                                  *gqlerror.Error

	// What the validator would do: the nodes it walks, the fields it collects and
	// compares, and the letters it compares to suggest a name.
	steps, pairs, guesses int

	// work counts tokens, nodes and fields that were looked at, for tests.
	work int
}

// definition is an operation or a fragment.
type definition struct {
	set  ast.SelectionSet
	on   *ast.Definition // nil where the schema has no such type
	size extent
	open bool // is being walked
	done bool

	spreads []*definition
	inline  []ast.SelectionSet // of its inline fragments

	// What a walk through it costs the validator, without what it spreads.
	steps, pairs, guesses int

	reached int // the number of the last root it was reached from
}

// guess counts that the validator measures a name against others.
func (d *definition) guess(name string, others int) {
	d.guesses = sum(d.guesses, (len(name)+perName)*others)
}

// extent is how much a selection set holds, with its fragments.
type extent struct {
	fields, renamed int
	// How deep it is: in plain fields, in introspection from where that begins,
	// and in all, for a set that is within introspection.
	plain, introspection, all int
}

func (e *extent) add(o extent) {
	e.fields = sum(e.fields, o.fields)
	e.renamed = sum(e.renamed, o.renamed)
	e.plain = max(e.plain, o.plain)
	e.introspection = max(e.introspection, o.introspection)
	e.all = max(e.all, o.all)
}

// refuse keeps the first error. The walk ends soon after it.
func (in *inspection) refuse(n int, l limit, maximum int) {
	if in.err == nil && over(n, maximum) {
		in.err = l.refuse(maximum)
	}
}

func (in *inspection) document(doc *ast.QueryDocument, operation string) *gqlerror.Error {
	in.refuse(len(doc.Operations), limitOperations, maxOperations)
	in.refuse(len(doc.Fragments), limitFragments, in.limits.FragmentSpreads)
	if in.err != nil {
		return in.err
	}
	in.fragments = make(map[string]*definition, len(doc.Fragments))
	in.definitions = make([]*definition, 0, len(doc.Operations)+len(doc.Fragments))
	operations := make([]*definition, len(doc.Operations))
	for i, o := range doc.Operations {
		d := &definition{set: o.SelectionSet, on: in.names.root(o.Operation)}
		operations[i] = d
		in.definitions = append(in.definitions, d)
		in.directivesOf(d, o.Directives)
		for _, v := range o.VariableDefinitions {
			d.steps++
			if v.DefaultValue != nil {
				in.value(d, v.DefaultValue, in.names.of(v.Type.Name()), 1)
			}
			in.directivesOf(d, v.Directives)
		}
	}
	for _, f := range doc.Fragments {
		d := &definition{set: f.SelectionSet, on: in.names.of(f.TypeCondition)}
		if d.on == nil {
			in.guesses = sum(in.guesses, (len(f.TypeCondition)+perName)*in.names.types)
		}
		in.definitions = append(in.definitions, d)
		if _, twice := in.fragments[f.Name]; !twice { // the first counts, as for the validator
			in.fragments[f.Name] = d
		}
		in.directivesOf(d, f.Directives)
	}
	// All operations together: each is validated, whichever runs.
	expanded := 0
	for i, d := range in.definitions {
		in.define(d)
		if in.err != nil {
			return in.err
		}
		if i < len(operations) {
			expanded = sum(expanded, d.size.fields)
			in.refuse(d.size.plain, limitDepth, in.limits.Depth)
			in.refuse(d.size.introspection, limitIntrospectionDepth, in.limits.IntrospectionDepth)
		} else { // may be spread within introspection, so its own depth says nothing
			expanded = max(expanded, d.size.fields)
		}
		in.refuse(expanded, limitFields, in.limits.Fields)
	}
	if o := doc.Operations.ForName(operation); o != nil && in.err == nil {
		names := map[string]bool{}
		in.rootFields(o.SelectionSet, names, map[*definition]bool{})
	}
	if in.err == nil {
		in.foresee()
	}
	return in.err
}

// define walks a definition, once, and those it spreads before it ends.
func (in *inspection) define(d *definition) {
	if d.done || in.err != nil {
		return
	}
	d.open = true
	d.size = in.set(d, d.set, d.on)
	d.open, d.done = false, true
}

// set walks a selection set of d as written. The parser has bounded how deep.
func (in *inspection) set(d *definition, set ast.SelectionSet, on *ast.Definition) (size extent) {
	for _, s := range set {
		if in.err != nil {
			return size
		}
		in.work++
		d.steps++
		switch s := s.(type) {
		case *ast.Field:
			size.add(in.field(d, s, on))
		case *ast.InlineFragment:
			in.directivesOf(d, s.Directives)
			d.inline = append(d.inline, s.SelectionSet)
			of := on
			if s.TypeCondition != "" {
				of = in.names.of(s.TypeCondition)
			}
			size.add(in.set(d, s.SelectionSet, of))
		case *ast.FragmentSpread:
			in.spreads++
			in.refuse(in.spreads, limitFragmentSpreads, in.limits.FragmentSpreads)
			in.directivesOf(d, s.Directives)
			f := in.fragments[s.Name]
			if f == nil {
				continue // the validator will say so
			}
			if f.open {
				in.cycle(s)
				return size
			}
			in.define(f)
			d.spreads = append(d.spreads, f)
			size.add(f.size)
		}
	}
	return size
}

func (in *inspection) cycle(s *ast.FragmentSpread) {
	if in.err == nil {
		in.err = gqlerror.ErrorPosf(s.Position, "Cannot spread fragment %q within itself.", s.Name)
		in.err.Extensions = map[string]any{"code": apierror.CodeValidationFailed}
	}
}

func (in *inspection) field(d *definition, f *ast.Field, on *ast.Definition) extent {
	in.fields++
	in.refuse(in.fields, limitFields, in.limits.Fields)
	if f.Alias != f.Name && f.Name != "__typename" {
		in.aliases++
		in.refuse(in.aliases, limitAliases, in.limits.Aliases)
	}
	in.directivesOf(d, f.Directives)
	var def *ast.FieldDefinition
	if on != nil && f.Name != "__typename" {
		if def = on.Fields.ForName(f.Name); def == nil {
			d.guess(f.Name, in.names.fields[on.Name])
		}
	}
	var arguments ast.ArgumentDefinitionList
	var next *ast.Definition
	if def != nil {
		arguments, next = def.Arguments, in.names.of(def.Type.Name())
	}
	in.arguments(d, f.Arguments, arguments)

	below := in.set(d, f.SelectionSet, next)
	size := extent{fields: sum(below.fields, 1), renamed: below.renamed, introspection: below.introspection, all: below.all + 1}
	if f.Alias != f.Name {
		size.renamed = sum(size.renamed, 1)
	}
	if f.Name == "__schema" || f.Name == "__type" {
		in.refuse(below.renamed, limitRenamed, maxRenamed)
		size.introspection = max(size.introspection, size.all)
	} else {
		size.plain = below.plain + 1
	}
	return size
}

func (in *inspection) directivesOf(d *definition, list ast.DirectiveList) {
	in.directives += len(list)
	in.refuse(in.directives, limitDirectives, in.limits.Directives)
	for _, dir := range list {
		if in.err != nil {
			return
		}
		in.work++
		d.steps++
		var arguments ast.ArgumentDefinitionList
		if def := in.names.directive(dir.Name); def != nil {
			arguments = def.Arguments
		}
		in.arguments(d, dir.Arguments, arguments)
	}
}

func (in *inspection) arguments(d *definition, list ast.ArgumentList, defs ast.ArgumentDefinitionList) {
	for _, a := range list {
		in.work++
		d.steps++
		var on *ast.Definition
		if def := defs.ForName(a.Name); def != nil {
			on = in.names.of(def.Type.Name())
		} else {
			for _, def := range defs {
				d.guess(a.Name, len(def.Name)+perName)
			}
		}
		in.value(d, a.Value, on, 1)
	}
}

// value walks a literal, of a type that may be unknown.
func (in *inspection) value(d *definition, v *ast.Value, on *ast.Definition, depth int) {
	if in.err != nil {
		return
	}
	in.work++
	d.steps = sum(d.steps, 1+len(v.Raw)/64) // it may be printed in an error
	switch v.Kind {
	case ast.ListValue, ast.ObjectValue:
		in.refuse(depth, limitValueDepth, in.limits.Depth)
		if v.Kind == ast.ListValue {
			in.refuse(len(v.Children), limitListItems, in.limits.ListItems)
		}
		for _, c := range v.Children {
			of := on
			if v.Kind == ast.ObjectValue && on != nil {
				of = nil
				if f := on.Fields.ForName(c.Name); f != nil {
					of = in.names.of(f.Type.Name())
				} else {
					d.guess(c.Name, in.names.fields[on.Name])
				}
			}
			in.value(d, c.Value, of, depth+1)
		}
	case ast.StringValue, ast.BlockValue, ast.EnumValue:
		if on != nil && on.Kind == ast.Enum && (v.Kind != ast.EnumValue || on.EnumValues.ForName(v.Raw) == nil) {
			d.guess(v.Raw, in.names.fields[on.Name])
		}
	}
}

// rootFields counts the names that an operation answers with, each fragment once
// as the executor does.
func (in *inspection) rootFields(set ast.SelectionSet, names map[string]bool, seen map[*definition]bool) {
	for _, s := range set {
		in.work++
		switch s := s.(type) {
		case *ast.Field:
			if s.Name != "__typename" && !names[s.Alias] {
				names[s.Alias] = true
				in.refuse(len(names), limitRootFields, in.limits.RootFields)
				in.introspects(s.Name)
			}
		case *ast.InlineFragment:
			in.rootFields(s.SelectionSet, names, seen)
		case *ast.FragmentSpread:
			if f := in.fragments[s.Name]; f != nil && !seen[f] {
				seen[f] = true
				in.rootFields(f.set, names, seen)
			}
		}
		if in.err != nil {
			return
		}
	}
}

// introspects counts a root field that reads the schema. All of the schema is some
// hundred times as long as the query for it, so each may be asked for once.
func (in *inspection) introspects(name string) {
	switch name {
	case "__schema":
		in.schemas++
		in.refuse(in.schemas, limitSchemas, 1)
	case "__type":
		in.types++
		in.refuse(in.types, limitTypes, 1)
	}
}

// foresee adds up what the validator would do, which walks all that an operation
// or a fragment reaches, for each of them anew.
func (in *inspection) foresee() {
	// OverlappingFieldsCanBeMerged: fields are compared within an operation and
	// within a fragment once, and within an inline one whenever it is walked.
	inline := 0
	for _, d := range in.definitions {
		in.pairs = sum(in.pairs, in.compare([]ast.SelectionSet{d.set}, maxPairs-in.pairs-inline))
		for _, set := range d.inline {
			if in.pairs+inline <= maxPairs {
				n := in.compare([]ast.SelectionSet{set}, maxPairs-in.pairs-inline)
				inline, d.pairs = inline+n, d.pairs+n
			}
		}
		in.refuse(in.pairs+inline, limitPairs, maxPairs)
		if in.err != nil {
			return
		}
	}
	for i, root := range in.definitions {
		for reached := []*definition{root}; len(reached) > 0 && in.err == nil; {
			d := reached[len(reached)-1]
			reached = reached[:len(reached)-1]
			in.work++
			in.steps++
			if d.reached == i+1 {
				continue
			}
			d.reached = i + 1
			in.steps = sum(in.steps, d.steps)
			in.guesses = sum(in.guesses, d.guesses)
			in.pairs = sum(in.pairs, d.pairs)
			in.refuse(in.steps, limitSteps, maxSteps)
			in.refuse(in.pairs, limitPairs, maxPairs)
			in.refuse(in.guesses, limitGuesses, maxGuesses)
			reached = append(reached, d.spreads...)
		}
	}
}

// compare counts the pairs of fields with the same place in the answer among
// selection sets that are merged, and the fields themselves, until there are
// more than most.
func (in *inspection) compare(sets []ast.SelectionSet, most int) int {
	byName := map[string][]*ast.Field{}
	seen := map[*definition]bool{}
	n, spreads := 0, 0
	var collect func(ast.SelectionSet)
	collect = func(set ast.SelectionSet) {
		for _, s := range set {
			if n++; n > most {
				return
			}
			switch s := s.(type) {
			case *ast.Field:
				byName[s.Alias] = append(byName[s.Alias], s)
			case *ast.InlineFragment:
				collect(s.SelectionSet)
			case *ast.FragmentSpread:
				spreads++
				if f := in.fragments[s.Name]; f != nil && !seen[f] {
					seen[f] = true
					collect(f.set)
				}
			}
		}
	}
	for _, set := range sets {
		collect(set)
	}
	in.work += n
	n = sum(n, spreads*(spreads-1)/2)
	for _, fields := range byName {
		var below []ast.SelectionSet
		weight := 0
		for _, f := range fields {
			if len(fields) > 1 {
				weight = sum(weight, 1+in.argumentWeight(f.Arguments))
			}
			if len(f.SelectionSet) > 0 {
				below = append(below, f.SelectionSet)
			}
		}
		n = sum(n, weight*(len(fields)-1)/2)
		if n > most {
			return n
		}
		if below != nil {
			n = sum(n, in.compare(below, most-n))
		}
	}
	return n
}

// argumentWeight is what comparing arguments with those of another field takes
// beside comparing the fields.
func (in *inspection) argumentWeight(list ast.ArgumentList) int {
	n := len(list) * len(list) / 4
	for _, a := range list {
		n = sum(n, in.valueWeight(a.Value))
	}
	return n
}

func (in *inspection) valueWeight(v *ast.Value) int {
	in.work++
	n := 1 + len(v.Raw)/1024
	for _, c := range v.Children {
		n = sum(n, in.valueWeight(c.Value))
	}
	return n
}

// nameLengths is the schema, and how long its names are: the validator measures
// a name it does not know against each that could stand in its place.
type nameLengths struct {
	schema *ast.Schema
	types  int
	fields map[string]int // by type; of an enum its values
}

func newNameLengths(s *ast.Schema) *nameLengths {
	n := &nameLengths{schema: s, fields: map[string]int{}}
	for _, t := range s.Types {
		n.types += len(t.Name) + perName
		for _, f := range t.Fields {
			n.fields[t.Name] += len(f.Name) + perName
		}
		for _, v := range t.EnumValues {
			n.fields[t.Name] += len(v.Name) + perName
		}
	}
	return n
}

func (n *nameLengths) of(name string) *ast.Definition { return n.schema.Types[name] }

func (n *nameLengths) directive(name string) *ast.DirectiveDefinition {
	return n.schema.Directives[name]
}

func (n *nameLengths) root(o ast.Operation) *ast.Definition {
	switch o {
	case ast.Mutation:
		return n.schema.Mutation
	case ast.Subscription:
		return n.schema.Subscription
	default:
		return n.schema.Query
	}
}
