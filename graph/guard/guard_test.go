package guard

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/gen"
)

// usualLimits are those that the gateway has by default.
func usualLimits() Limits {
	return Limits{
		Tokens: 2000, Fields: 500, Depth: 12, IntrospectionDepth: 20, Aliases: 30, RootFields: 10,
		Directives: 30, FragmentSpreads: 50, ListItems: 100, OperationNameLength: 256,
	}
}

// guarded is an executor behind a guard, and the guard.
func guarded(t testing.TB, l Limits) (*executor.Executor, *guard) {
	t.Helper()
	g := New(l, nil).(*guard)
	e := executor.New(gen.NewExecutableSchema(gen.Config{}))
	e.Use(g)
	return e, g
}

// params are those of a request. The guard changes them.
func (s hostileDocument) params() *graphql.RawParams {
	return &graphql.RawParams{Query: s.query, Variables: maps.Clone(s.variables)}
}

// verdict is the name of the limit that an error is about.
func verdict(err *gqlerror.Error) string {
	switch {
	case err == nil:
		return ""
	case err.Extensions["code"] == apierror.CodeParseFailed:
		return "parse"
	case strings.HasPrefix(err.Message, "Cannot spread fragment"):
		return "cycle"
	case err.Extensions["code"] != apierror.CodeQueryTooComplex:
		return err.Message
	}
	return err.Extensions["limit"].(string)
}

// maxWork bounds what the guard looks at for a document: all of it, and what it
// foresees.
func maxWork(query string) int { return 3*len(query) + 2*maxPairs + maxSteps }

func TestGuardHostile(t *testing.T) {
	t.Parallel()
	_, g := guarded(t, usualLimits())
	for _, s := range hostile() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if len(s.query) > 256*kib {
				t.Fatalf("%d bytes: no body holds it", len(s.query))
			}
			err := g.MutateOperationParameters(t.Context(), s.params())
			if got := verdict(err); got != s.limit {
				t.Fatalf("refused for %q (%v), want %q", got, err, s.limit)
			}
			in, _ := g.inspect(s.query, "")
			if in.work > maxWork(s.query) {
				t.Errorf("%d steps for %d bytes", in.work, len(s.query))
			}
			t.Logf("%d bytes, %d steps: %v", len(s.query), in.work, err)
		})
	}
}

// TestLimits: at each limit a document passes, and one over it is refused by name.
func TestLimits(t *testing.T) {
	t.Parallel()
	l := usualLimits()
	query := func(f func(n int) string) func(int) *graphql.RawParams {
		return func(n int) *graphql.RawParams { return &graphql.RawParams{Query: f(n)} }
	}
	variable := func(f func(n int) any) func(int) *graphql.RawParams {
		return func(n int) *graphql.RawParams {
			return &graphql.RawParams{Query: "query($v:[ID!]!){nodes(ids:$v){id}}", Variables: map[string]any{"v": f(n)}}
		}
	}
	for _, c := range []struct {
		name, limit, flag string
		maximum           int
		make              func(n int) *graphql.RawParams
	}{
		{"Tokens", "tokens", "--max-tokens", l.Tokens, query(func(n int) string {
			// Four tokens each, of the first ones five.
			definitions := strings.Repeat("$v:A!", (n-6)%4) + strings.Repeat("$v:A", (n-6)/4-(n-6)%4)
			return "query(" + definitions + "){f" + strings.Repeat(" ", n) + "}#" + strings.Repeat("{", n)
		})},
		{"Fields", "fields", "--max-fields", l.Fields, query(func(n int) string { return "{o{" + each(n-1, "f# ") + "}}" })},
		{"FieldsInFragments", "fields", "--max-fields", l.Fields, query(func(n int) string {
			// n is even or odd; each half is spread twice.
			return "{o{" + strings.Repeat("a ", n%2) + "p{...f}q{...f}" + strings.Repeat("a ", 1) + "}}fragment f on A{" + each(n/2-2, "f# ") + "}"
		})},
		{"FieldsOfAllOperations", "fields", "--max-fields", l.Fields, query(func(n int) string {
			return "query a{o{" + each(n/2-1, "f# ") + "}} query b{o{" + each(n-n/2-1, "f# ") + "}}"
		})},
		{"Depth", "depth", "--max-depth", l.Depth, query(func(n int) string { return nested(n-1, "{a", "{b}", "}") })},
		{"DepthThroughFragments", "depth", "--max-depth", l.Depth, query(func(n int) string {
			return "{...on Query{...f}} fragment f on Query" + nested(n-3, "{a", "{...g}", "}") + " fragment g on Query{a{b ...h}} fragment h on Query{a{b}}"
		})},
		{"DepthOfALiteral", "depth", "--max-depth", l.Depth, query(func(n int) string { return "{a(b:" + nested(n, "[", "1", "]") + ")}" })},
		{"DepthOfAVariable", "depth", "--max-depth", l.Depth, variable(func(n int) any { return listed(n, "a") })},
		{"IntrospectionDepth", "introspectionDepth", "--max-introspection-depth", l.IntrospectionDepth, query(func(n int) string {
			return "{__schema" + nested(n-2, "{a", "{b}", "}") + "}"
		})},
		{"IntrospectionDepthThroughFragments", "introspectionDepth", "--max-introspection-depth", l.IntrospectionDepth, query(func(n int) string {
			return "{...f} fragment f on Query{__type(name:\"A\"){...g}} fragment g on __Type" + nested(n-2, "{a", "{b}", "}")
		})},
		{"Aliases", "aliases", "--max-aliases", l.Aliases, query(func(n int) string { return "{o{x:__typename " + each(n, "a#:f# ") + "}}" })},
		{"RootFields", "rootFields", "--max-root-fields", l.RootFields, query(func(n int) string { return "{__typename a a x:__typename " + each(n-1, "f# ") + "}" })},
		{"RootFieldsThroughFragments", "rootFields", "--max-root-fields", l.RootFields, query(func(n int) string {
			return "{...f ...f ...on Query{a b}} fragment f on Query{...on Query{" + each(n-2, "f# ") + "}}"
		})},
		{"Directives", "directives", "--max-directives", l.Directives, query(func(n int) string { return "query @a{...@a{f " + strings.Repeat("@a", n-2) + "}}" })},
		{"FragmentSpreads", "fragmentSpreads", "--max-fragment-spreads", l.FragmentSpreads, query(func(n int) string {
			return "{" + strings.Repeat("...f ", n) + "} fragment f on Query{a}"
		})},
		{"Fragments", "fragmentSpreads", "--max-fragment-spreads", l.FragmentSpreads, query(func(n int) string { return "{a}" + each(n, "fragment f# on Query{a}") })},
		{"ListItemsOfALiteral", "listItems", "--max-list-items", l.ListItems, query(func(n int) string { return "{a(b:[{c:[" + strings.Repeat("1 ", n) + "]}])}" })},
		{"ListItemsOfADefault", "listItems", "--max-list-items", l.ListItems, query(func(n int) string { return "query($v:A=[" + strings.Repeat("1 ", n) + "]){a}" })},
		{"ListItemsOfADirective", "listItems", "--max-list-items", l.ListItems, query(func(n int) string { return "{a@b(c:[" + strings.Repeat("1 ", n) + "])}" })},
		{"ListItemsOfAVariable", "listItems", "--max-list-items", l.ListItems, variable(func(n int) any { return items(n) })},
		{"ListItemsWithinAVariable", "listItems", "--max-list-items", l.ListItems, variable(func(n int) any {
			return map[string]any{"a": []any{"b", map[string]any{"c": items(n)}}}
		})},
		{"OperationName", "operationNameLength", "--max-operation-name-length", l.OperationNameLength, func(n int) *graphql.RawParams {
			return &graphql.RawParams{Query: "{a}", OperationName: strings.Repeat("a", n)}
		}},
		{"OperationNameInTheDocument", "operationNameLength", "--max-operation-name-length", l.OperationNameLength, query(func(n int) string {
			return "query " + strings.Repeat("a", n) + "{a}"
		})},
		{"Operations", "operations", "", maxOperations, query(func(n int) string { return each(n, "query q#{a}") })},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, g := guarded(t, l)
			if err := g.MutateOperationParameters(t.Context(), c.make(c.maximum)); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			err := g.MutateOperationParameters(t.Context(), c.make(c.maximum+1))
			if verdict(err) != c.limit {
				t.Fatalf("one over the limit: %v", err)
			}
			if err.Extensions["maximum"] != c.maximum || !strings.Contains(err.Message, fmt.Sprint(c.maximum)) || !strings.Contains(err.Message, c.flag) {
				t.Errorf("%q does not say %d and %s: %v", err.Message, c.maximum, c.flag, err.Extensions)
			}
			if _, off := guarded(t, Limits{}); c.flag != "" {
				if err := off.MutateOperationParameters(t.Context(), c.make(c.maximum+1)); err != nil {
					t.Errorf("without limits: %v", err)
				}
			}
		})
	}
}

// TestGuardWithoutLimits: what has no setting holds when all else is off.
func TestGuardWithoutLimits(t *testing.T) {
	t.Parallel()
	_, g := guarded(t, Limits{})
	for _, s := range hostile() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			_ = g.MutateOperationParameters(t.Context(), s.params())
			if in, _ := g.inspect(s.query, ""); in.work > maxWork(s.query) {
				t.Errorf("%d steps for %d bytes", in.work, len(s.query))
			}
		})
	}
}

func TestGuardOperationName(t *testing.T) {
	t.Parallel()
	_, g := guarded(t, usualLimits())
	for _, name := range []string{"a b", "1a", "a-b", "ä", "a\n", " ", "a{", "\x00"} {
		err := g.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: "{clinic{id}}", OperationName: name})
		if err == nil || err.Extensions["code"] != apierror.CodeBadUserInput {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "_", "a1", "Z_9z"} {
		if err := g.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: "{clinic{id}}", OperationName: name}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	// Root fields are those of the operation that runs.
	query := "query a{" + each(11, "f# ") + "} query b{clinic{id}}"
	for name, want := range map[string]string{"a": "rootFields", "b": "", "c": "", "": ""} {
		if got := verdict(g.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: query, OperationName: name})); got != want {
			t.Errorf("%q: refused for %q, want %q", name, got, want)
		}
	}
}

// TestGuardDropsComments: with them goes what the parser would keep of them, and
// nothing else moves.
func TestGuardDropsComments(t *testing.T) {
	t.Parallel()
	e, g := guarded(t, usualLimits())
	for query, want := range map[string]string{
		"{clinic{id}}":         "{clinic{id}}",
		"# a\n{clinic{id}}# b": "\n{clinic{id}}",
		"\ufeff{#ä€😀\r\nclinic#\r{id}\n#\n#x\n}\n": "\ufeff{\r\nclinic\r{id}\n\n\n}\n",
		"{a(b:\"#ä\" c:\"\"\"#\n\"\"\")#\xff\n}":   "{a(b:\"#ä\" c:\"\"\"#\n\"\"\")\n}",
		"{#{\n": "{\n",
	} {
		for range 2 { // the second time it is known
			p := &graphql.RawParams{Query: query}
			err := g.MutateOperationParameters(t.Context(), p)
			if err == nil && p.Query != want {
				t.Errorf("%q became %q", query, p.Query)
			}
		}
	}
	query := "# ä\n{ clinic { # x\n id # y\n\n \"\"\"\"\"\" } } # z\n"
	plain := executor.New(gen.NewExecutableSchema(gen.Config{}))
	ctx := graphql.StartOperationTrace(t.Context())
	for _, query := range []string{query, strings.Replace(query, `""""""`, "salary", 1)} {
		_, want := plain.CreateOperationContext(ctx, &graphql.RawParams{Query: query})
		_, got := e.CreateOperationContext(ctx, &graphql.RawParams{Query: query})
		if len(want) != 1 || len(got) != 1 || got[0].Error() != want[0].Error() || got[0].Extensions["code"] != want[0].Extensions["code"] {
			t.Errorf("%v, without a guard %v", got, want)
		}
	}
}

// TestGuardPasses: what the usual clients send is let through, and is valid.
func TestGuardPasses(t *testing.T) {
	t.Parallel()
	e, g := guarded(t, usualLimits())
	for name, p := range map[string]graphql.RawParams{
		"GraphQLJS":     {Query: introspectionOfGraphQLJS, OperationName: "IntrospectionQuery"},
		"ApolloClient":  {Query: apolloQuery, OperationName: "Patients", Variables: map[string]any{"first": 10}},
		"Relay":         {Query: relayQuery, OperationName: "AppQuery"},
		"ApolloSandbox": {Query: "query SchemaProbe { __typename }"},
		"List":          {Query: "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", Variables: map[string]any{"ids": items(100)}},
		"Mutation":      {Query: `mutation { updatePatient(input: {id: "x", firstName: "A"}) { userErrors { message } } }`},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := graphql.StartOperationTrace(t.Context())
			for range 2 {
				if _, errs := e.CreateOperationContext(ctx, &p); len(errs) > 0 {
					t.Error(errs)
				}
			}
			in, _ := g.inspect(p.Query, p.OperationName)
			t.Logf("%d fields, depth %+v, %d spreads, %d steps", in.fields, in.definitions[0].size, in.spreads, in.work)
		})
	}
}

// What graphql-js 16 makes of getIntrospectionQuery with all of its options; it is
// also what GraphiQL and Apollo Sandbox ask.
const introspectionOfGraphQLJS = `
  query IntrospectionQuery {
    __schema {
      description
      queryType { name kind }
      mutationType { name kind }
      subscriptionType { name kind }
      types { ...FullType }
      directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } }
    }
  }
  fragment FullType on __Type {
    kind
    name
    description
    specifiedByURL
    isOneOf
    fields(includeDeprecated: true) {
      name
      description
      args(includeDeprecated: true) { ...InputValue }
      type { ...TypeRef }
      isDeprecated
      deprecationReason
    }
    inputFields(includeDeprecated: true) { ...InputValue }
    interfaces { ...TypeRef }
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
    possibleTypes { ...TypeRef }
  }
  fragment InputValue on __InputValue {
    name
    description
    type { ...TypeRef }
    defaultValue
    isDeprecated
    deprecationReason
  }
  fragment TypeRef on __Type {
    kind
    name
    ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType {
      kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
    } } } } }
  }`

// Apollo Client adds __typename to each selection, also where it is already.
const apolloQuery = `query Patients($first: Int) {
  patients(first: $first) {
    nodes { ...Row id firstName __typename treatmentPlans(first: 1) { nodes { id __typename } __typename } __typename }
    pageInfo { hasNextPage __typename }
    __typename
    __typename
  }
  __typename
}
fragment Row on Patient { id firstName lastName __typename __typename }`

const relayQuery = `query AppQuery {
  patients(first: 10) { edges { node { ...Row_patient id } cursor } pageInfo { endCursor hasNextPage } }
  clinic { ...Header_clinic id }
}
fragment Row_patient on Patient { id ...Name_patient treatmentPlans(first: 2) { nodes { id ...Plan_plan } } }
fragment Name_patient on Patient { firstName lastName id }
fragment Plan_plan on TreatmentPlan { id practitioner { firstName id } patient { ...Name_patient id } }
fragment Header_clinic on Clinic { name id }`

func BenchmarkGuard(b *testing.B) {
	for _, s := range hostile() {
		b.Run(s.name, func(b *testing.B) {
			e, _ := guarded(b, usualLimits())
			b.ReportAllocs()
			for b.Loop() {
				ctx := graphql.StartOperationTrace(context.Background())
				_, errs := e.CreateOperationContext(ctx, s.params())
				if len(errs) == 0 && s.limit != "" {
					b.Fatal("it passed")
				}
			}
		})
	}
}

// BenchmarkGuardLimits is the most that documents cost which the guard lets pass.
func BenchmarkGuardLimits(b *testing.B) {
	shapes := heaviest()
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		b.Run(name, func(b *testing.B) {
			e, g := guarded(b, usualLimits())
			n, query := mostOf(g, shapes[name])
			b.ReportAllocs()
			for b.Loop() {
				ctx := graphql.StartOperationTrace(context.Background())
				_, _ = e.CreateOperationContext(ctx, &graphql.RawParams{Query: query})
			}
			b.ReportMetric(float64(n), "n")
		})
	}
}

// BenchmarkGuardUsual is what the guard adds to queries of real clients, seen before
// and not.
func BenchmarkGuardUsual(b *testing.B) {
	_, g := guarded(b, usualLimits())
	for name, query := range map[string]string{"ApolloClient": apolloQuery, "Introspection": introspectionOfGraphQLJS} {
		b.Run(name+"/New", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := g.inspect(query, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/Known", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := g.MutateOperationParameters(b.Context(), &graphql.RawParams{Query: query}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
