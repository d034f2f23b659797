// Package examples has a runnable operation for every field at the root of the schema, and
// some to start with. They work against the sandbox, whose ids are in them.
package examples

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

// Example is an operation with its variables.
type Example struct {
	Area      string `json:"area"` // the folder; Start for those that show the way
	Name      string `json:"name"` // of the field
	Query     string `json:"query"`
	Variables string `json:"variables,omitempty"` // JSON
}

// Start is the area of the examples to begin with.
const Start = "start"

//go:embed */*.graphql */*.json
var files embed.FS

// All returns the examples in the order of areas and names.
func All() []Example {
	names, err := fs.Glob(files, "*/*.graphql")
	if err != nil {
		panic(err) // a broken pattern
	}
	list := make([]Example, 0, len(names))
	for _, name := range names {
		query, err := files.ReadFile(name)
		if err != nil {
			panic(err) // a broken build
		}
		base := strings.TrimSuffix(name, ".graphql")
		variables, _ := files.ReadFile(base + ".json") // not every operation has any
		list = append(list, Example{Area: path.Dir(name), Name: path.Base(base), Query: string(query), Variables: string(variables)})
	}
	return list
}
