package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"fsgateway/graph/apierror"
	"fsgateway/internal/sandbox"
)

// TestTooComplex: what is over a limit is told which, and costs the partner nothing.
func TestTooComplex(t *testing.T) {
	t.Parallel()
	h := startWith(t, config(), sandbox.Options{})
	ids := make([]string, 100_000)
	for _, c := range []struct {
		name, query string
		variables   []any
		limit, flag string
	}{
		{"Tokens", "{" + strings.Repeat("__typename ", 20_000) + "}", nil, "tokens", "--max-tokens"},
		{"Fields", "{ clinic {" + strings.Repeat("id ", 501) + "} }", nil, "fields", "--max-fields"},
		{"SameField", "{ clinic {" + strings.Repeat("id ", 400) + "} }", nil, "comparisons", ""},
		{"Depth", strings.Repeat("{a", 13) + strings.Repeat("}", 13), nil, "depth", "--max-depth"},
		{"Aliases", "{ clinic {" + numbered(31, "a#: id ") + "} }", nil, "aliases", "--max-aliases"},
		{"RootFields", "{" + numbered(11, "a#: clinic { id } ") + "}", nil, "rootFields", "--max-root-fields"},
		{"Directives", "{ clinic {" + strings.Repeat("id @a ", 31) + "} }", nil, "directives", "--max-directives"},
		{"Fragments", "{" + strings.Repeat("...f ", 51) + "} fragment f on Query { clinic { id } }", nil, "fragmentSpreads", "--max-fragment-spreads"},
		{"FragmentBomb", "{ ...f0 }" + numbered(20, "fragment f# on Query { ...g# ...g# } ") + "fragment g19 on Query { clinic { id } }" + bomb(19), nil, "fragmentSpreads", "--max-fragment-spreads"},
		{"List", "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", []any{"ids", ids[:101]}, "listItems", "--max-list-items"},
		{"LongList", "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", []any{"ids", ids[:50_000]}, "listItems", "--max-list-items"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := h.as(sandbox.TokenPractitioner, c.query, c.variables...)
			if a.Status != http.StatusBadRequest || len(a.Errors) != 1 || a.Data != nil {
				t.Fatalf("HTTP %d: %.300v", a.Status, a.Errors)
			}
			e := a.Errors[0]
			if e.Extensions["code"] != apierror.CodeQueryTooComplex || e.Extensions["limit"] != c.limit || !strings.Contains(e.Message, c.flag) {
				t.Errorf("%s %v", e.Message, e.Extensions)
			}
			if maximum, ok := e.Extensions["maximum"].(float64); !ok || !strings.Contains(e.Message, strconv.Itoa(int(maximum))) {
				t.Errorf("%q does not name %v", e.Message, e.Extensions["maximum"])
			}
		})
	}
	if n := h.sandbox.Count(""); n != 0 {
		t.Errorf("%d calls:\n%s", n, routes(h.sandbox))
	}
}

func numbered(n int, format string) (out string) {
	for i := range n {
		out += strings.ReplaceAll(format, "#", strconv.Itoa(i))
	}
	return out
}

// bomb is the fragments that double those of TestTooComplex.
func bomb(n int) (out string) {
	for i := range n {
		out += "fragment g" + strconv.Itoa(i) + " on Query { ...f" + strconv.Itoa(i+1) + " ...f" + strconv.Itoa(i+1) + " } "
	}
	return out
}

// TestNotTooComplex: the queries that TestUpstreamCalls counts, which are those of
// real applications, are within the limits; so is what tools ask.
func TestNotTooComplex(t *testing.T) {
	t.Parallel()
	h := startWith(t, config(), sandbox.Options{})
	queries := queriesOf(t, "calls_test.go")
	if len(queries) < 20 {
		t.Fatalf("%d queries", len(queries))
	}
	queries = append(queries,
		"query SchemaProbe { __typename }",
		"{ patients(first: 1) { nodes { id __typename } __typename __typename } __typename }",
	)
	for _, query := range queries {
		for _, e := range h.as(sandbox.TokenPractitioner, query).Errors {
			if e.Extensions["code"] == apierror.CodeQueryTooComplex {
				t.Errorf("%s\n%s", e.Message, query)
			}
		}
	}
	introspection := h.query(`query IntrospectionQuery { __schema { queryType { name } types { ...FullType } directives { args { ...InputValue } } } }
		fragment FullType on __Type { kind name fields(includeDeprecated: true) { name args { ...InputValue } type { ...TypeRef } } inputFields { ...InputValue } interfaces { ...TypeRef } possibleTypes { ...TypeRef } }
		fragment InputValue on __InputValue { name type { ...TypeRef } defaultValue }
		fragment TypeRef on __Type { kind name ` + strings.Repeat("ofType { kind name ", 9) + strings.Repeat("}", 9) + ` }`)
	if len(list(t, introspection, "__schema.types")) < 100 {
		t.Error("the introspection has no types")
	}
}

// queriesOf reads the documents out of a Go file, with "x" for what is no literal.
func queriesOf(t *testing.T, file string) (queries []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		s, ok := text(e)
		if !ok {
			return true
		}
		if s = strings.TrimSpace(s); strings.HasPrefix(s, "{") || strings.HasPrefix(s, "query") || strings.HasPrefix(s, "mutation") {
			queries = append(queries, s)
		}
		return false
	})
	return queries
}

// text is a string literal, or several and other things added up.
func text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, e.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		a, okA := text(e.X)
		b, okB := text(e.Y)
		if e.Op != token.ADD || !okA && !okB {
			return "", false
		}
		if !okA {
			a = "x"
		}
		if !okB {
			b = "x"
		}
		return a + b, true
	}
	return "", false
}
