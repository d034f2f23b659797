package cost

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/loader"
	"fsgateway/graph/paging"
	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// Cost is how many calls an operation takes.
type Cost struct{ Estimate, Bound int }

// Plan is a cost with the calls that it consists of.
type Plan struct {
	Cost
	Waves []Wave // calls that can be made at the same time, in order

	paths map[string]float64 // the estimated calls of each path
}

// Wave is the calls that wait for the answers of those of the wave before.
type Wave []*Calls

// Calls are those of one operation of the partner in one wave.
type Calls struct {
	Operation string // the operationId
	Cost
	Fields  []string // paths of the fields that take them
	Lacking []string // fields of records that take a call each because lists lack them
}

// Estimator counts the calls of operations.
type Estimator struct {
	ops      *loader.Operations
	payloads map[string]reflect.Type
}

// New returns an estimator of what the loader will do. payloads are the Go types of what
// mutations and subscriptions answer, by their names in the schema.
func New(ops *loader.Operations, payloads map[string]reflect.Type) *Estimator {
	return &Estimator{ops, payloads}
}

// Of counts the calls of a caller's operation; of a subscription, those that an event takes.
func (e *Estimator) Of(op *graphql.OperationContext, s *loader.Session, caller string) Cost {
	return e.count(op, s, caller, false).total()
}

// Explain is [Estimator.Of] with the calls.
func (e *Estimator) Explain(op *graphql.OperationContext, s *loader.Session, caller string) *Plan {
	c := e.count(op, s, caller, true)
	out := &Plan{Cost: c.total(), paths: c.paths}
	for _, wave := range c.waves {
		if len(wave) > 0 {
			out.Waves = append(out.Waves, wave)
		}
	}
	return out
}

func (e *Estimator) count(op *graphql.OperationContext, s *loader.Session, caller string, explain bool) *count {
	c := (&count{Estimator: e, caller: caller, args: s.Arguments, explain: explain}).another()
	if op.Operation.Operation == ast.Query {
		c.node(s.Plan().Root, once, entire)
		c.settle()
		return c
	}
	write := op.Operation.Operation == ast.Mutation
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Mutation", "Subscription"}) {
		if f.Name != "__typename" {
			one := c.another()
			one.payload(s.Plan(), f, write)
			one.settle()
			c.merge(one, len(c.waves)) // they run one after the other
		}
	}
	return c
}

// payload counts a field of a mutation, which is a call, or of a subscription, for one event:
// what is selected of its payload beyond the partner's answer, or beyond what all events have.
func (c *count) payload(p *plan.Plan, f graphql.CollectedField, write bool) {
	at := c.field(once, f.Alias)
	if write {
		c.add(restOf(f.Field), at, 1, 1)
	}
	payload := p.Below(f).Node(c.payloads[f.Definition.Type.Name()])
	for _, child := range payload.Children {
		t, held := child.Type(payload.Type()), holding{}
		if write || t == c.payloads["Event"] {
			held = entire
		}
		c.value(child.Below, t, c.field(at, child.Key).next(), held)
	}
}

// place is where in the answer values are, how many there are, and in which wave the calls
// are made that they need.
type place struct {
	path            string
	depth           int
	wave            int
	estimate, bound float64
}

var once = place{estimate: 1, bound: 1}

func (at place) times(estimate, bound float64) place {
	at.estimate, at.bound = at.estimate*estimate, at.bound*bound
	return at
}

// field is the place of a field of the values, by its key in the answer. Paths take a
// moment, and are for explanations.
func (c *count) field(at place, key string) place {
	at.depth++
	if c.explain {
		at.path = strings.TrimPrefix(at.path+"."+key, ".")
	}
	return at
}

func (at place) next() place {
	at.wave++
	return at
}

// holding is what a value is known to hold before a call is made for it.
type holding struct {
	whole  bool     // everything, or as much as any call would bring
	row    bool     // what items of lists hold
	fields []string // by their names in the schema
}

var (
	entire = holding{whole: true}
	item   = holding{row: true}
)

type count struct {
	*Estimator
	caller string
	args   func(*ast.Field) map[string]any

	estimate, bound float64
	// planned are the records that may come from their list, by their resource and wave.
	// What it takes to read the list is known when all of them are.
	planned []*planned

	explain bool // the rest is kept
	waves   []Wave
	paths   map[string]float64 // see [Plan]
}

// node counts what a value of a selection needs.
func (c *count) node(n *plan.Node, at place, held holding) {
	if n == nil {
		return
	}
	for _, call := range n.Calls {
		c.call(call, at)
	}
	fetch, fetched := c.ops.Fetch(n, c.caller)
	missing := fsclient.Fields(0)
	if fetched {
		missing = n.Mask.Without(fetch.Lacks | fetch.ID)
		for _, name := range held.fields {
			missing = missing.Without(n.Field(name).Bit)
		}
		switch {
		case held.whole:
			missing = 0
		case held.row:
			missing = missing.Only(n.Details)
		}
	}
	if missing != 0 {
		c.fetch(n, fetch, missing, at)
	}
	c.children(n, at, missing)
}

// children counts what the values in a node's fields need: those that are missing come
// with a call.
func (c *count) children(n *plan.Node, at place, missing fsclient.Fields) {
	for _, child := range n.Children {
		at := c.field(at, child.Key).times(child.Size, child.Size)
		if child.Bit.Only(missing) != 0 {
			at = at.next()
		}
		c.value(child.Below, child.Type(n.Type()), at, holding{fields: child.Embeds})
	}
}

// value counts what a value of a Go type needs.
func (c *count) value(s *plan.Selection, t reflect.Type, at place, held holding) {
	if t.Kind() != reflect.Interface {
		c.node(s.Node(t), at, held)
		return
	}
	var types []*count
	for _, t := range fsclient.Implementations(t) { // an event's data is a snapshot, of which nothing is known
		one := c.another()
		one.node(s.Node(t), at, held)
		types = append(types, one)
	}
	if len(types) > 0 {
		c.either(types)
	}
}

// either adds the calls of values that can be of several types: in each figure as many as
// if all were of the type that takes most. Whichever lists these may come from are read
// beside each other, as the values may be of all types.
func (c *count) either(types []*count) {
	likely := slices.MaxFunc(types, func(a, b *count) int { return cmp.Compare(a.likely(), b.likely()) })
	most := likely
	for _, one := range types {
		if one.bound > most.bound {
			most = one
		}
	}
	for _, one := range types {
		for _, p := range one.planned {
			have := likely.plan(p.fetch, p.at)
			have.bound, have.referenced = max(have.bound, p.bound), max(have.referenced, p.referenced)
		}
	}
	if most != likely { // each type explains its figure
		for _, calls := range slices.Concat(likely.waves...) {
			calls.Bound = 0
		}
		for _, calls := range slices.Concat(most.waves...) {
			calls.Estimate = 0
		}
		likely.show(most, 0)
		likely.bound = most.bound
	}
	c.merge(likely, 0)
}

// call counts a field that performs a call.
func (c *count) call(call *plan.Call, at place) {
	at = c.field(at, call.AST.Alias)
	switch effort := c.ops.Effort(call.Call); effort.Kind {
	case loader.Lists:
		c.list(call, effort, at)
	case loader.LooksUp:
		c.record(call.Below, effort.Type, at)
	case loader.LooksUpAny:
		c.nodes(call, at)
	case loader.Known:
		c.value(call.Below, effort.Type, at, entire)
	case loader.Values:
		c.add(restOf(call.AST), at, 1, float64(effort.Most))
		held := entire
		if n := call.Below.Node(effort.Type); n != nil {
			if fetch, fetched := c.ops.Fetch(n, c.caller); fetched && !fetch.Sole { // one of a list
				held = item
			}
		}
		c.value(call.Below, effort.Type, at.next(), held)
	}
}

// list counts a list and its rows.
func (c *count) list(call *plan.Call, effort loader.Effort, at place) {
	selected := call.Below.List()
	calls, rows := paging.Cost(c.args(call.AST), effort.Sizes, selected.Wanted, selected.PageInfo)
	likely, likelyRows := calls, rows
	if at.depth > 1 { // below a record
		likelyRows = min(rows, int(call.Size))
		likely = min(calls, paging.PagesOf(likelyRows, effort.Sizes.Max)+calls-paging.PagesOf(rows, effort.Sizes.Max))
	}
	c.add(restOf(call.AST), at, float64(likely), float64(calls))
	if selected.Rows != nil && rows > 0 {
		c.value(selected.Rows, effort.Type, at.next().times(float64(likelyRows), float64(rows)), item)
	}
}

// record counts records that are asked for by their ids, which are fetched to prove that
// they exist.
func (c *count) record(s *plan.Selection, t reflect.Type, at place) {
	n := s.Node(t)
	if n == nil {
		return
	}
	for _, call := range n.Calls {
		c.call(call, at)
	}
	fetch, fetched := c.ops.Fetch(n, c.caller)
	if fetched && (n.Mask.Without(fetch.Lacks|fetch.ID) != 0 || len(n.Calls) == 0) {
		c.fetch(n, fetch, 0, at)
	}
	c.children(n, at, fsclient.AllFields)
}

func (c *count) nodes(call *plan.Call, at place) {
	args := c.args(call.AST)
	ids, many := args["ids"].([]any)
	if !many {
		ids = []any{args["id"]}
		if args["ids"] != nil {
			ids = []any{args["ids"]}
		}
	}
	number := map[reflect.Type]float64{}
	var types []reflect.Type
	for _, id := range ids {
		text, _ := id.(string)
		name, _, _ := strings.Cut(text, ":")
		if t := c.ops.TypeOf(name); t != nil {
			if number[t]++; number[t] == 1 {
				types = append(types, t)
			}
		}
	}
	for _, t := range types {
		c.record(call.Below, t, at.times(number[t], number[t]))
	}
}

// fetch counts the calls for the rest of records, or for all of those that a client names,
// of which nothing is missing. The list of a resource has what records lead to; what a
// client names it need not have.
func (c *count) fetch(n *plan.Node, f loader.Fetch, missing fsclient.Fields, at place) {
	if c.explain {
		calls := c.calls(f.Operation, at)
		for _, name := range n.Names(missing.Only(n.Details)) {
			if !slices.Contains(calls.Lacking, name) {
				calls.Lacking = append(calls.Lacking, name)
			}
		}
	}
	switch {
	case !f.Planned:
		c.add(f.Operation, at, 1, 1)
		return
	case missing == 0 && !f.OnlyListed:
		c.add(f.Operation, at, 1, 1)
		c.plan(f, at).bound += at.bound
		return
	}
	c.add(f.Operation, at, 0, 0)
	p := c.plan(f, at)
	p.estimate, p.bound, p.referenced = p.estimate+at.estimate, p.bound+at.bound, p.referenced+at.bound
}

// add counts calls for each of the values of a place.
func (c *count) add(operation string, at place, estimate, bound float64) {
	estimate, bound = math.Ceil(at.estimate*estimate), math.Ceil(at.bound*bound)
	c.estimate, c.bound = c.estimate+estimate, c.bound+bound
	if c.explain {
		calls := c.calls(operation, at)
		calls.Estimate, calls.Bound = calls.Estimate+whole(estimate), calls.Bound+whole(bound)
		c.paths[at.path] += estimate
	}
}

// calls are those of an operation in the wave of a place.
func (c *count) calls(operation string, at place) *Calls {
	for len(c.waves) <= at.wave {
		c.waves = append(c.waves, nil)
	}
	i := slices.IndexFunc(c.waves[at.wave], func(calls *Calls) bool { return calls.Operation == operation })
	if i < 0 {
		i = len(c.waves[at.wave])
		c.waves[at.wave] = append(c.waves[at.wave], &Calls{Operation: operation})
	}
	calls := c.waves[at.wave][i]
	if !slices.Contains(calls.Fields, at.path) {
		calls.Fields = append(calls.Fields, at.path)
	}
	return calls
}

// likely is the estimate with the lists that are not settled.
func (c *count) likely() float64 {
	calls := c.estimate
	for _, p := range c.planned {
		calls += p.likely()
	}
	return calls
}

// another returns a count of its own for a part of the operation.
func (c *count) another() *count {
	part := &count{Estimator: c.Estimator, caller: c.caller, args: c.args, explain: c.explain}
	if c.explain {
		part.paths = map[string]float64{}
	}
	return part
}

// merge adds a part, which begins with a wave.
func (c *count) merge(part *count, first int) {
	c.estimate, c.bound = c.estimate+part.estimate, c.bound+part.bound
	for _, p := range part.planned {
		have := c.plan(p.fetch, p.at)
		have.estimate, have.bound, have.referenced = have.estimate+p.estimate, have.bound+p.bound, have.referenced+p.referenced
	}
	for path, calls := range part.paths {
		c.paths[path] += calls
	}
	c.show(part, first)
}

// show adds the calls of a part to those that are explained.
func (c *count) show(part *count, first int) {
	for wave, all := range part.waves {
		for _, calls := range all {
			var mine *Calls
			for _, path := range calls.Fields {
				mine = c.calls(calls.Operation, place{path: path, wave: first + wave})
			}
			for _, name := range calls.Lacking {
				if !slices.Contains(mine.Lacking, name) {
					mine.Lacking = append(mine.Lacking, name)
				}
			}
			mine.Estimate, mine.Bound = mine.Estimate+calls.Estimate, mine.Bound+calls.Bound
		}
	}
}

func (c *count) total() Cost { return Cost{whole(c.estimate), whole(c.bound)} }

// Dearest returns the field that takes most of the calls, the first of several.
func (p *Plan) Dearest() (path string) {
	for _, wave := range p.Waves {
		for _, calls := range wave {
			for _, field := range calls.Fields {
				if path == "" || p.paths[field] > p.paths[path] {
					path = field
				}
			}
		}
	}
	return path
}

// most is more calls than any operation makes.
const most = 1 << 40

func whole(calls float64) int { return int(min(calls, most)) }

// restOf returns the operation that a field performs, by its @rest.
func restOf(f *ast.Field) string {
	if rest := f.Definition.Directives.ForName("rest"); rest != nil {
		return rest.Arguments.ForName("operation").Value.Raw
	}
	return f.Name
}
