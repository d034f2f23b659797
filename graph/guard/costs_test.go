package guard

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// costs is what the guard foresees for a document: the work of its own, then the
// validator's steps, pairs and guesses.
type costs struct{ work, steps, pairs, guesses int }

// TestGuardCosts pins what each kind of node costs, in a schema of a few names.
func TestGuardCosts(t *testing.T) {
	t.Parallel()
	g := &guard{names: newNameLengths(gqlparser.MustLoadSchema(&ast.Source{Input: `
		type Query { a: Query, bbb(x: Int, yy: In, e: E): Query }
		input In { k: Int, l: In }
		enum E { ONE, TWO }
		directive @d(x: Int) on FIELD | FRAGMENT_DEFINITION | INLINE_FRAGMENT | FRAGMENT_SPREAD | QUERY | VARIABLE_DEFINITION
	`}))}
	for query, want := range map[string]costs{
		`{a}`: {8, 2, 1, 0},
		`{bbb(x:"` + strings.Repeat("x", 128) + `")}`:                           {15, 6, 1, 0},
		`{` + strings.Repeat(`bbb(x:"`+strings.Repeat("x", 2048)+`")`, 2) + `}`: {28, 71, 6, 0},
		`{a bbb}`:                            {12, 3, 2, 0},
		`{a a}`:                              {12, 3, 3, 0},
		`{a a a}`:                            {16, 4, 6, 0},
		`{x:a x:a}`:                          {16, 3, 3, 0},
		`{a{a} a{a}}`:                        {22, 5, 6, 0},
		`{a{a a} a{a}}`:                      {25, 6, 9, 0},
		`{...{a}}`:                           {15, 3, 3, 0},
		`{...{...{a}}}`:                      {23, 4, 6, 0},
		`{...on Query{a a}}`:                 {22, 4, 7, 0},
		`{...F} fragment F on Query{a}`:      {22, 6, 3, 0},
		`{...F ...F} fragment F on Query{a}`: {28, 8, 5, 0},
		`{...F ...F ...F} fragment F on Query{a}`:                        {34, 10, 8, 0},
		`{...F ...G} fragment F on Query{...G} fragment G on Query{a a}`: {50, 17, 16, 0},
		`{...F} fragment F on Query{...{a a}}`:                           {36, 10, 15, 0},
		`{c}`:                                                            {8, 2, 1, 450},
		`{cccc a{cc}}`:                                                   {17, 4, 3, 1100},
		`{...F} fragment F on Que{a}`:                                    {22, 6, 3, 2673},
		`{...on Que{a}}`:                                                 {17, 3, 3, 0},
		`{...on Que{zz}}`:                                                {17, 3, 3, 0},
		`{bbb(x:1)}`:                                                     {15, 4, 1, 0},
		`{bbb(z:1)}`:                                                     {15, 4, 1, 252},
		`{bbb(x:1,z:2)}`:                                                 {20, 6, 1, 252},
		`{bbb(x:1) bbb(x:1)}`:                                            {28, 7, 4, 0},
		`{bbb(x:1,e:ONE) bbb(x:1,e:ONE)}`:                                {40, 11, 6, 0},
		`{bbb(yy:{k:1})}`:                                                {20, 5, 1, 0},
		`{bbb(yy:{m:1})}`:                                                {20, 5, 1, 162},
		`{bbb(yy:{l:{l:{m:1}}})}`:                                        {30, 7, 1, 162},
		`{bbb(yy:[{k:1},{k:2}])}`:                                        {30, 8, 1, 0},
		`{bbb(e:ONE)}`:                                                   {15, 4, 1, 0},
		`{bbb(e:THREE)}`:                                                 {15, 4, 1, 286},
		`{bbb(e:"ONE")}`:                                                 {15, 4, 1, 242},
		`{bbb(e:1)}`:                                                     {15, 4, 1, 0},
		`{bbb(yy:{k:1}) bbb(yy:{k:1})}`:                                  {40, 9, 5, 0},
		`{a@d(x:1)}`:                                                     {18, 5, 1, 0},
		`{a@d(y:1)}`:                                                     {18, 5, 1, 81},
		`{a@zz(y:1)}`:                                                    {18, 5, 1, 0},
		`{...@d{a}}`:                                                     {18, 4, 3, 0},
		`query@d{a}`:                                                     {12, 3, 1, 0},
		`query($v:Int=1){a}`:                                             {18, 4, 1, 0},
		`query($v:E=THREE@d){a}`:                                         {21, 5, 1, 286},
		`{bbb(x:$v)}`:                                                    {16, 4, 1, 0},
		`{a} fragment F on Query@d{a}`:                                   {21, 5, 2, 0},
		`query A{a} query B{a}`:                                          {17, 4, 2, 0},
		`query A{...F} query B{...F} fragment F on Query{a}`: {33, 10, 5, 0},
		`{__typename}`:                               {8, 2, 1, 0},
		`{a{__typename zz}}`:                         {16, 4, 3, 500},
		`{bbb(q:"QX") bbb(q:"QX")}`:                  {28, 7, 4, 504},
		`{bbb(x:1,e:ONE,yy:{k:1},z:1) bbb(x:1)}`:     {52, 14, 8, 252},
		`{...{a a} ...{a}}`:                          {31, 6, 12, 0},
		`{a{...{a}} a{...F}} fragment F on Query{a}`: {41, 10, 10, 0},
		`{x:a{a} y:a{a}}`:                            {26, 5, 4, 0},
		`{a{a{a} a{a}} a{a{a}}}`:                     {40, 9, 15, 0},
		`{a ...F} fragment F on Query{a ...G} fragment G on Query{a}`: {47, 15, 14, 0},
	} {
		in, err := g.inspect(query, "")
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got := (costs{in.work, in.steps, in.pairs, in.guesses}); got != want {
			t.Errorf("%s\n got %+v\nwant %+v", query, got, want)
		}
	}
}

// TestBounds: what is at a bound passes, and one more does not.
func TestBounds(t *testing.T) {
	t.Parallel()
	_, g := guarded(t, usualLimits())
	for _, c := range []struct {
		name      string
		query     string
		variables map[string]any
		want      string
	}{
		{"OneSchema", `{__schema{__typename}}`, nil, ""},
		{"SchemaTwice", `{__schema{__typename} b:__schema{__typename}}`, nil, "introspection"},
		{"TypeTwice", `{__type(name:"A"){name} b:__type(name:"A"){name}}`, nil, "introspection"},
		{"SchemaAndType", `{__schema{__typename} b:__type(name:"A"){name}}`, nil, ""},
		{"SchemaRenamed", `{s:__schema{t:types{n:name}}}`, nil, ""},
		{"SchemaRenamedThrice", `{__schema{t:types{n:name f:fields{name}}}}`, nil, "introspection"},
		{"TypenamesRenamed", `{__schema{types{...T}}} fragment T on __Type{a:__typename b:__typename c:__typename}`, nil, "introspection"},
		{"RenamedBeside", `{__schema{types{name}} a:clinic{b:id c:name d:__typename}}`, nil, ""},
		{"Lists", `{clinic{id}}`, map[string]any{"v": listed(12, 1)}, ""},
		{"DeepLists", `{clinic{id}}`, map[string]any{"v": listed(13, 1)}, "depth"},
		{"DeepObjects", `{clinic{id}}`, map[string]any{"v": map[string]any{"a": listed(12, 1)}}, "depth"},
	} {
		err := g.MutateOperationParameters(t.Context(), hostileDocument{query: c.query, variables: c.variables}.params())
		if got := verdict(err); got != c.want {
			t.Errorf("%s: refused for %q, want %q", c.name, got, c.want)
		}
	}
	in := &inspection{}
	distinct := ast.SelectionSet{&ast.Field{Alias: "a"}, &ast.Field{Alias: "b"}, &ast.Field{Alias: "c"}}
	nested := ast.SelectionSet{&ast.Field{Alias: "a", SelectionSet: distinct[:1]}}
	for _, c := range []struct {
		set        ast.SelectionSet
		most, want int
	}{{distinct, 3, 3}, {distinct, 2, 3}, {distinct, 1, 2}, {nested, 2, 2}, {nested, 1, 2}} {
		if got := in.compare([]ast.SelectionSet{c.set}, c.most); got != c.want {
			t.Errorf("at most %d: %d, want %d", c.most, got, c.want)
		}
	}
}

// TestRemembered: what is remembered is bounded, and strangers push out nothing of known
// callers.
func TestRemembered(t *testing.T) {
	t.Parallel()
	known := true
	_, g := guarded(t, Limits{})
	g.known = func(context.Context) bool { return known }
	text := func(i int) string { return fmt.Sprintf("{clinic{a%d %s}}", i, strings.Repeat("a", 9<<10)) }
	look := func(i int) {
		if err := g.MutateOperationParameters(t.Context(), hostileDocument{query: text(i)}.params()); err != nil {
			t.Fatal(err)
		}
	}
	look(0)
	known = false
	for i := range 2000 {
		look(1 + i)
	}
	sum := sha256.Sum256([]byte(" " + text(0)))
	if _, found := g.passed.Get(string(sum[:])); !found {
		t.Error("strangers have pushed out what a known caller had sent")
	}
	if bytes, n := g.passed.Size(); bytes > maxPassed/8+20<<10 || n < 50 {
		t.Errorf("strangers fill %d bytes, with %d documents", bytes, n)
	}
}
