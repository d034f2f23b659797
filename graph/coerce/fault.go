package coerce

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// variablePath begins the path of what is wrong in a variable.
const variablePath = ast.PathName("variable")

func missing(t *ast.Type) *fault {
	return wrongType("a value of the type %s must be given", t.String())
}

func unknown(def *ast.Definition, name string) *fault {
	if len(name) > 64 || strings.Trim(name, nameCharacters) != "" {
		return wrongType("%s has a field that is unknown", def.Name)
	}
	return wrongType("%s has no field %s", def.Name, name)
}

const nameCharacters = "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func notOne(def *ast.Definition) *fault {
	return wrongType("exactly one field of %s must be given, and it must be non-null", def.Name)
}

func isOneOf(def *ast.Definition) bool { return def.Directives.ForName("oneOf") != nil }

func join(path ast.Path, element ast.PathElement) ast.Path {
	return append(path[:len(path):len(path)], element)
}

// sentence says where a fault is, and what it is.
func sentence(path ast.Path, f *fault) string {
	if len(path) > 1 && path[0] == variablePath {
		return fmt.Sprintf("$%s: %s.", path[1:], f.message)
	}
	return fmt.Sprintf("%s: %s.", path, f.message)
}
