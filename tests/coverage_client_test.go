package tests

import (
	"bytes"
	goast "go/ast"
	"go/parser"
	"go/token"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/formatter"

	"fsgateway/graph"
	"fsgateway/graph/cost"
	"fsgateway/internal/sandbox"
)

// TestClientMethods compares the op: comments of the client with the
// description, and each with the path in the code below it.
func TestClientMethods(t *testing.T) {
	t.Parallel()
	byRoute := map[string]*described{}
	for _, op := range operations(t) {
		byRoute[op.method+" "+op.path] = op
	}
	files, err := filepath.Glob("../internal/fsclient/*.go")
	if err != nil {
		t.Fatal(err)
	}
	performed := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*goast.FuncDecl)
			if !ok || !f.Name.IsExported() || !strings.HasSuffix(receiver(f), "Service") {
				continue
			}
			name := receiver(f) + "." + f.Name.Name
			comment := opComment.FindAllStringSubmatch(f.Doc.Text(), -1)
			if len(comment) != 1 {
				t.Errorf("%s has %d comments op:, want one", name, len(comment))
				continue
			}
			route := comment[0][1]
			op := byRoute[route]
			if op == nil || !op.bearer {
				t.Errorf("%s: %s is no operation of the description that takes a token", name, route)
				continue
			}
			performed[op.id] = true
			for _, called := range routesIn(f) {
				if called != route {
					t.Errorf("%s says %s and calls %s", name, route, called)
				}
			}
		}
	}
	for route, op := range byRoute {
		if op.bearer && !performed[op.id] {
			t.Errorf("%s: no method carries op: %s", op.id, route)
		}
	}
}

var opComment = regexp.MustCompile(`(?m)^op: (\S+ \S+)$`)

func receiver(f *goast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*goast.StarExpr); ok {
		typ = star.X
	}
	name, _ := typ.(*goast.Ident)
	if name == nil {
		return ""
	}
	return name.Name
}

// routesIn are the routes a method makes: get("/clinic") and the like.
func routesIn(f *goast.FuncDecl) (out []string) {
	goast.Inspect(f.Body, func(n goast.Node) bool {
		call, ok := n.(*goast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		name, _ := call.Fun.(*goast.Ident)
		path, _ := call.Args[0].(*goast.BasicLit)
		if name != nil && path != nil && slices.Contains([]string{"get", "post", "patch"}, name.Name) {
			text, _ := strconv.Unquote(path.Value)
			out = append(out, strings.ToUpper(name.Name)+" "+text)
		}
		return true
	})
	return out
}

// TestSandboxRoutes calls each operation of the sandbox.
func TestSandboxRoutes(t *testing.T) {
	t.Parallel()
	for id, op := range operations(t) {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			s := sandbox.New(sandbox.Options{})
			path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(op.path, "unknown")
			r := httptest.NewRequestWithContext(t.Context(), op.method, "http://sandbox.test/api"+path, strings.NewReader("{}"))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if strings.Contains(w.Body.String(), "No route matches") {
				t.Errorf("%s %s: %s", op.method, op.path, w.Body)
			}
			if calls := s.Calls(); len(calls) != 1 || calls[0].Operation != id {
				t.Errorf("%s %s was taken for %v", op.method, op.path, calls)
			}
		})
	}
}

func TestGeneratedCode(t *testing.T) {
	t.Parallel()
	t.Run("HasNoHoles", func(t *testing.T) {
		t.Parallel()
		files, err := filepath.Glob("../graph/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal("no files: ", err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte("not implemented")) {
				t.Errorf("%s has a resolver that is not implemented", f)
			}
		}
	})
	t.Run("IsOfThisSDL", func(t *testing.T) {
		t.Parallel()
		var b strings.Builder
		sdl := newDocuments(t).schema
		cost.Describe(sdl)
		formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(sdl)
		if b.String() != graph.SDL() {
			t.Error("graph/gen was made from another SDL: run go generate tools.go")
		}
	})
}
