package cost

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Describe adds to the descriptions of a schema's fields what each of them costs, by their
// directives. Those that say so themselves, for they differ from the rest, are left alone.
func Describe(s *ast.Schema) {
	for _, def := range s.Types {
		for _, f := range def.Fields {
			if text := inCalls(s, def, f); text != "" && !strings.Contains(f.Description, "call") {
				f.Description = strings.TrimSpace(f.Description + "\n" + text)
			}
		}
	}
}

// inCalls says what a field costs, "" for nothing of its own.
func inCalls(s *ast.Schema, parent *ast.Definition, f *ast.FieldDefinition) string {
	detail, rest := f.Directives.ForName("detail") != nil, f.Directives.ForName("rest") != nil
	record := s.Types[f.Type.Name()]
	link := rest && record.Fields.ForName("id") != nil
	var texts []string
	if detail {
		texts = append(texts, "In lists it takes one call for each row.")
	}
	switch {
	case rest && strings.HasSuffix(record.Name, "Connection"):
		texts = append(texts, "Takes one call for each 100 rows.")
	case link && parent != s.Query && parent != s.Mutation:
		texts = append(texts, "Its id is free; anything else that did not come with it takes one call for each different record.")
	case rest && !detail:
		texts = append(texts, "Takes one call.")
	}
	return strings.Join(texts, " ")
}
