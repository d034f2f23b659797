package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestServersHaveAnErrorLog: a server without one would print what clients and the
// partner sent, and so would the standard logger if the program did not capture it
// (TestProgram/UnsolicitedBytes).
func TestServersHaveAnErrorLog(t *testing.T) {
	t.Parallel()
	servers := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.CompositeLit); ok && isHTTPServer(literal.Type) {
				servers++
				if !hasField(literal, "ErrorLog") {
					t.Errorf("%s has none", set.Position(literal.Pos()))
				}
			}
			return true
		})
		return nil
	})
	if err != nil || servers == 0 {
		t.Errorf("%d servers, %v", servers, err)
	}
}

func isHTTPServer(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != "Server" {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Name == "http"
}

func hasField(literal *ast.CompositeLit, name string) bool {
	for _, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok && key.Name == name {
				value, isIdent := pair.Value.(*ast.Ident)
				return !isIdent || value.Name != "nil"
			}
		}
	}
	return false
}
