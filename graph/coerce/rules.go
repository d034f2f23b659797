package coerce

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// Rules are those that a document is validated by: gqlparser's, and ours where
// those are not what the specification says.
func (s *Schema) Rules() *rules.Rules {
	r := rules.NewRules(core.Rule{Name: "+Positions", RuleFunc: positions}) // sorts before all others
	for name, rule := range rules.NewDefaultRules().GetInner() {
		r.AddRule(name, rule)
	}
	r.ReplaceRule("ValuesOfCorrectType", s.literals)
	r.ReplaceRule("SingleFieldSubscriptions", singleRoots)
	r.AddRule("DeferLabels", deferLabels)
	return r
}

// singleRoots is the rule Single Root Field, section 5.2.4.1: a subscription has
// one root field by the name of its answer, no introspection, and no @skip or
// @include on its way there.
func singleRoots(events *core.Events, addError core.AddErrFunc) {
	events.OnOperation(func(_ *core.Walker, o *ast.OperationDefinition) {
		if o.Operation != ast.Subscription {
			return
		}
		r := &roots{fields: map[string]*ast.Field{}, seen: map[string]bool{}}
		r.collect(o.SelectionSet)
		if r.conditional != nil {
			addError(core.Message("A subscription must not use @skip or @include on its root field."), core.At(r.conditional))
		}
		if r.second != nil {
			addError(core.Message("A subscription must select only one root field."), core.At(r.second))
		}
		if r.introspection != nil {
			addError(core.Message("A subscription must not select %s as its root field.", r.introspection.Name), core.At(r.introspection.Position))
		}
	})
}

// roots are the root fields of a subscription.
type roots struct {
	fields              map[string]*ast.Field
	seen                map[string]bool // fragments
	conditional, second *ast.Position
	introspection       *ast.Field
}

func (r *roots) collect(set ast.SelectionSet) {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			r.directives(sel.Directives)
			if r.fields[sel.Alias] == nil && len(r.fields) > 0 && r.second == nil {
				r.second = sel.Position
			}
			r.fields[sel.Alias] = sel
			if len(sel.Name) > 1 && sel.Name[:2] == "__" {
				r.introspection = sel
			}
		case *ast.InlineFragment:
			r.directives(sel.Directives)
			r.collect(sel.SelectionSet)
		case *ast.FragmentSpread:
			r.directives(sel.Directives)
			if !r.seen[sel.Name] && sel.Definition != nil {
				r.seen[sel.Name] = true
				r.collect(sel.Definition.SelectionSet)
			}
		}
	}
}

func (r *roots) directives(list ast.DirectiveList) {
	for _, d := range list {
		if (d.Name == "skip" || d.Name == "include") && r.conditional == nil {
			r.conditional = d.Position
		}
	}
}

// deferLabels wants labels that tell deferred fragments apart: literals, each
// once in a document. So does the draft of incremental delivery.
func deferLabels(events *core.Events, addError core.AddErrFunc) {
	at := map[string]*ast.Directive{}
	events.OnDirective(func(_ *core.Walker, d *ast.Directive) {
		if d.Name != "defer" {
			return
		}
		label := d.Arguments.ForName("label")
		if label == nil || label.Value.Kind == ast.NullValue {
			return
		}
		switch before := at[label.Value.Raw]; {
		case label.Value.Kind == ast.Variable:
			addError(core.Message("The label of @defer must be a literal."), core.At(d.Position))
		case before == nil:
			at[label.Value.Raw] = d
		case before != d:
			addError(core.Message("The label of @defer must not be used twice."), core.At(before.Position), core.At(d.Position))
		}
	})
}
