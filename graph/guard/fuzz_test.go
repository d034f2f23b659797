package guard

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"fsgateway/graph/guard/overlaps"
)

// What the validator may do for a document that passed: the guard counts a pair of
// fields once, the validator twice where it meets them in exclusive types too.
const (
	maxValidatorPairs = 2*maxPairs + 10_000
	maxValidatorSteps = maxSteps + 2000
)

// validatorWork counts the comparisons and the nodes of a validation.
func validatorWork(schema *ast.Schema, doc *ast.QueryDocument) (pairs, steps int) {
	r := rules.NewRules(
		core.Rule{Name: "Overlaps", RuleFunc: overlaps.Counted(&pairs)},
		core.Rule{Name: "Steps", RuleFunc: func(e *core.Events, _ core.AddErrFunc) {
			e.OnField(func(*core.Walker, *ast.Field) { steps++ })
			e.OnInlineFragment(func(*core.Walker, *ast.InlineFragment) { steps++ })
			e.OnFragmentSpread(func(*core.Walker, *ast.FragmentSpread) { steps++ })
			e.OnDirective(func(*core.Walker, *ast.Directive) { steps++ })
			e.OnValue(func(*core.Walker, *ast.Value) { steps++ })
		}},
	)
	_ = validator.ValidateWithRules(schema, doc, r)
	return pairs, steps
}

// checkWork fails where the guard or, behind it, the validator does more than it may.
func checkWork(t testing.TB, g *guard, query string) (passed bool, pairs, steps int) {
	t.Helper()
	in, refused := g.inspect(query, "")
	closerToGuard(in.work-2*len(query), maxPairs)
	if in.work > maxWork(query) {
		t.Errorf("the guard took %d steps for %d bytes, at most %d", in.work, len(query), maxWork(query))
	}
	if refused != nil {
		return false, 0, 0
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: in.query})
	if err != nil {
		t.Fatalf("passed, and is no document: %v", err)
	}
	pairs, steps = validatorWork(g.names.schema, doc)
	closerToPairs(pairs, maxValidatorPairs)
	closerToSteps(steps, maxValidatorSteps)
	if pairs > maxValidatorPairs {
		t.Errorf("%d comparisons", pairs)
	}
	if steps > maxValidatorSteps {
		t.Errorf("%d steps", steps)
	}
	return true, pairs, steps
}

var near atomic.Int32

// These have a branch for each sixteenth of the way to a bound. A fuzzer keeps what
// takes a new branch, so it is led on to what costs more.

func closerToGuard(n, bound int) {
	switch part := 16 * n / bound; {
	case part >= 15:
		near.Store(15)
	case part >= 14:
		near.Store(14)
	case part >= 13:
		near.Store(13)
	case part >= 12:
		near.Store(12)
	case part >= 11:
		near.Store(11)
	case part >= 10:
		near.Store(10)
	case part >= 9:
		near.Store(9)
	case part >= 8:
		near.Store(8)
	case part >= 7:
		near.Store(7)
	case part >= 6:
		near.Store(6)
	case part >= 5:
		near.Store(5)
	case part >= 4:
		near.Store(4)
	case part >= 3:
		near.Store(3)
	case part >= 2:
		near.Store(2)
	case part >= 1:
		near.Store(1)
	}
}

func closerToPairs(n, bound int) {
	switch part := 16 * n / bound; {
	case part >= 15:
		near.Store(15)
	case part >= 14:
		near.Store(14)
	case part >= 13:
		near.Store(13)
	case part >= 12:
		near.Store(12)
	case part >= 11:
		near.Store(11)
	case part >= 10:
		near.Store(10)
	case part >= 9:
		near.Store(9)
	case part >= 8:
		near.Store(8)
	case part >= 7:
		near.Store(7)
	case part >= 6:
		near.Store(6)
	case part >= 5:
		near.Store(5)
	case part >= 4:
		near.Store(4)
	case part >= 3:
		near.Store(3)
	case part >= 2:
		near.Store(2)
	case part >= 1:
		near.Store(1)
	}
}

func closerToSteps(n, bound int) {
	switch part := 16 * n / bound; {
	case part >= 15:
		near.Store(15)
	case part >= 14:
		near.Store(14)
	case part >= 13:
		near.Store(13)
	case part >= 12:
		near.Store(12)
	case part >= 11:
		near.Store(11)
	case part >= 10:
		near.Store(10)
	case part >= 9:
		near.Store(9)
	case part >= 8:
		near.Store(8)
	case part >= 7:
		near.Store(7)
	case part >= 6:
		near.Store(6)
	case part >= 5:
		near.Store(5)
	case part >= 4:
		near.Store(4)
	case part >= 3:
		near.Store(3)
	case part >= 2:
		near.Store(2)
	case part >= 1:
		near.Store(1)
	}
}

func TestGuardBoundsTheValidator(t *testing.T) {
	t.Parallel()
	_, g := guarded(t, usualLimits())
	shapes := heaviest()
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, query := mostOf(g, shapes[name])
			passed, pairs, steps := checkWork(t, g, query)
			if !passed || n == 0 {
				t.Fatal("even the least of it is refused")
			}
			t.Logf("%d times, %d bytes: %d comparisons, %d steps", n, len(query), pairs, steps)
		})
	}
}

// FuzzGuard searches for documents that cost the guard more than in proportion to
// their size, or that pass it and cost the validator more than it should allow. It
// takes a document as it is, or a program that writes one.
func FuzzGuard(f *testing.F) {
	for _, s := range hostile() {
		if len(s.query) < 2*kib {
			f.Add(s.query, []byte(nil))
		}
	}
	for _, program := range programs {
		f.Add("", program)
	}
	e, g := guarded(f, usualLimits())
	for _, grow := range heaviest() {
		if _, query := mostOf(g, grow); len(query) < 6*kib {
			f.Add(query, []byte(nil))
		}
	}
	f.Fuzz(func(t *testing.T, query string, program []byte) {
		if len(program) > 0 {
			query = compose(program)
		}
		if len(query) > 256*kib {
			return
		}
		checkWork(t, g, query)
		// And nothing panics further on.
		ctx := graphql.StartOperationTrace(context.Background())
		_, _ = e.CreateOperationContext(ctx, &graphql.RawParams{Query: query})
	})
}

// climbs is how many documents TestGuardClimb tries from each start.
const climbs = 80

// TestGuardClimb changes documents at random and keeps what costs more: what a
// fuzzer that looks at coverage alone does not do.
func TestGuardClimb(t *testing.T) {
	t.Parallel()
	_, g := guarded(t, usualLimits())
	for i, start := range programs {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(i), 1))
			best, program := 0.0, start
			for range climbs {
				next := mutate(r, program)
				passed, pairs, steps := checkWork(t, g, compose(next))
				cost := max(float64(pairs)/maxValidatorPairs, float64(steps)/maxValidatorSteps)
				if passed && cost >= best {
					best, program = cost, next
				}
			}
			t.Logf("%.0f%% of what is allowed, of %d bytes", 100*best, len(compose(program)))
		})
	}
}

// mutate changes, adds, doubles or drops a few instructions of compose.
func mutate(r *rand.Rand, program []byte) []byte {
	next := slices.Clone(program)
	for range 1 + r.IntN(3) {
		at := 2 * r.IntN(len(next)/2)
		switch r.IntN(5) {
		case 0:
			next[at] = byte(r.IntN(16))
		case 1:
			next[at+1] = byte(r.IntN(256))
		case 2:
			next[at+1] += byte(r.IntN(9) - 4)
		case 3:
			next = slices.Insert(next, at, byte(r.IntN(16)), byte(r.IntN(60)))
		case 4:
			if end := min(at+2*(1+r.IntN(4)), len(next)); r.IntN(2) == 0 {
				next = slices.Insert(next, at, slices.Clone(next[at:end])...)
			} else if end-at < len(next) {
				next = slices.Delete(next, at, end)
			}
		}
	}
	return next
}

// programs are seeds: each pair of bytes is an instruction of compose and its number.
var programs = [][]byte{
	{1, 2, 7, 0, 0, 0, 6, 200},                                       // one field again and again
	{14, 200, 7, 0, 0, 0, 6, 100},                                    // in inline fragments
	{1, 1, 4, 0, 5, 0, 4, 1, 5, 1, 4, 2, 5, 2, 7, 0, 0, 3, 6, 90},    // below a chain
	{1, 1, 4, 0, 4, 0, 5, 0, 4, 1, 4, 1, 5, 1, 4, 2, 4, 2, 5, 2},     // a bomb
	{7, 0, 1, 1, 7, 0, 0, 1, 6, 9, 2, 0, 6, 9},                       // objects of the same name
	{1, 1, 4, 0, 5, 0, 3, 1, 4, 1, 2, 0, 5, 1, 10, 90, 10, 90},       // long literals
	{1, 1, 4, 0, 5, 0, 4, 1, 5, 1, 11, 40, 11, 41, 11, 42, 11, 43},   // unknown names
	{1, 5, 1, 6, 1, 7, 1, 8, 1, 7, 1, 8, 0, 2},                       // introspection
	{8, 1, 8, 2, 9, 1, 9, 2, 13, 5, 15, 3, 12, 1, 0, 1, 12, 2, 4, 9}, // of everything a little
}

// compose makes a document of pairs of an instruction and a number. What it writes
// is always well formed, mostly of known names, and stays below 256 KiB.
func compose(program []byte) string {
	leaves := []string{"__typename ", "id ", "name ", "firstName ", "cursor "}
	objects := []string{"clinic{", "patient(id:1){", "patients{", "nodes{", "treatmentPlans(first:1){", "__schema{", "types{", "fields{", "type{", "node(id:1){"}
	types := []string{"Query", "Patient", "EventData", "__Type", "Node", "Nothing"}
	doc := "{"
	depth, mark, markDepth := 1, 1, 1
	end := func() {
		doc += "__typename" + strings.Repeat("}", depth)
		depth = 1
	}
	for i := 0; i+1 < len(program) && len(doc) < 64*kib; i += 2 {
		n := int(program[i+1])
		switch program[i] % 16 {
		case 0:
			doc += leaves[n%len(leaves)]
		case 1:
			doc += objects[n%len(objects)]
			depth++
		case 2:
			if depth > 1 {
				doc += "__typename}"
				depth--
			}
		case 3:
			doc += "...on " + types[n%len(types)] + "{"
			depth++
		case 4:
			doc += fmt.Sprintf("...f%d ", n)
		case 5:
			end()
			doc += fmt.Sprintf("fragment f%d on %s{", n, types[n/50%len(types)])
		case 6:
			if part := doc[min(mark, len(doc)):]; depth == markDepth && len(part)*n < 64*kib && strings.Count(part, "{") == strings.Count(part, "}") && !strings.Contains(part, "fragment") && !strings.Contains(part, "query") {
				doc += strings.Repeat(part, n)
			}
		case 7:
			mark, markDepth = len(doc), depth
		case 8:
			doc += fmt.Sprintf("a%d:id ", n)
		case 9:
			doc += []string{"id@skip(if:true) ", "id@nothing(a:1) "}[n%2]
		case 10:
			doc += "nodes(ids:[" + strings.Repeat("1 ", n) + "]){id}"
		case 11:
			doc += strings.Repeat("x", n+1) + " "
		case 12:
			end()
			doc += fmt.Sprintf("query q%d($v:[ID!]=[1]){", n)
		case 13:
			doc += "nodes(ids:" + nested(n, "[{a:", "$v", "}]") + "){id}"
		case 14:
			doc += strings.Repeat("...{", n)
			depth += n
		case 15:
			doc += `patients(first:"` + strings.Repeat("x", n*64) + `"){__typename}`
		}
	}
	end()
	return doc
}
