package tests

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

const migrationPage = "../docs/migration.md"

// TestMigrationPage: docs/migration.md has each operation of the partner beside what performs it
// in the schema. With -update it is written.
func TestMigrationPage(t *testing.T) {
	t.Parallel()
	sdl := loadSDL(t)
	fields := map[string][]string{} // by operation
	for _, def := range ownTypes(sdl) {
		for _, f := range def.Fields {
			rest := f.Directives.ForName("rest")
			if rest == nil {
				continue
			}
			operation := rest.Arguments.ForName("operation").Value.Raw
			fields[operation] = append(fields[operation], graphQLForm(sdl, def, f))
		}
	}
	var b strings.Builder
	b.WriteString("# From REST to GraphQL\n\nEvery operation of the partner's API that takes a Bearer token, and what performs it here. The table is made from the\n" +
		"schema's `@rest` and from the description of the API; an example of each field at the root is in [docs/examples](examples).\n\n" +
		"Ids may be the partner's own everywhere. Lists are connections: `page[number]` and `page[size]` become `first` and `after`, or `offset`. What a PATCH leaves out\n" +
		"stays as it is; null empties it. Answers of 422 are `userErrors` of the payload, 404 of a look-up is null.\n\n" +
		"| REST | GraphQL |\n| --- | --- |\n")
	all := operations(t)
	for _, id := range slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return strings.Compare(all[a].path+all[a].method, all[b].path+all[b].method)
	}) {
		op := all[id]
		if !op.bearer {
			continue
		}
		forms := fields[id]
		slices.Sort(forms)
		if len(forms) == 0 {
			t.Errorf("nothing performs %s", id)
		}
		fmt.Fprintf(&b, "| `%s %s` | %s |\n", op.method, op.path, strings.Join(slices.Compact(forms), ", "))
	}
	if *update {
		if err := os.WriteFile(migrationPage, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(migrationPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Error("docs/migration.md is not what the schema says: go test ./tests -run TestMigrationPage -update")
	}
}

// graphQLForm is how a field is written.
func graphQLForm(s *ast.Schema, def *ast.Definition, f *ast.FieldDefinition) string {
	switch def {
	case s.Query:
		return "`" + f.Name + "`"
	case s.Mutation:
		return "`mutation " + f.Name + "`"
	case s.Subscription:
		return "`subscription " + f.Name + "`"
	}
	return "`" + def.Name + "." + f.Name + "`"
}
