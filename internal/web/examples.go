package web

import (
	"embed"
	"io/fs"
	"regexp"
	"strings"
)

// Example is a query to start from.
type Example struct {
	Query     string `json:"query"`
	Variables string `json:"variables,omitempty"` // JSON
}

//go:embed examples
var examples embed.FS

// id is one of the sandbox's.
var id = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// Examples are queries for every area of the graph. Their ids are the
// sandbox's; elsewhere they are left empty, to be filled in.
func Examples(sandbox bool) []Example {
	names, err := fs.Glob(examples, "examples/*.graphql") // in order
	if err != nil {
		panic(err) // a broken pattern
	}
	list := make([]Example, 0, len(names))
	for _, name := range names {
		query, err := examples.ReadFile(name)
		if err != nil {
			panic(err) // a broken build
		}
		variables, _ := examples.ReadFile(strings.TrimSuffix(name, ".graphql") + ".json") // not every query has any
		if !sandbox {
			variables = id.ReplaceAll(variables, nil)
		}
		list = append(list, Example{Query: string(query), Variables: string(variables)})
	}
	return list
}
