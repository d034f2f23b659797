package graph

import (
	"strings"

	"github.com/vektah/gqlparser/v2/formatter"
)

// SDL prints the schema as one file, descriptions and directives included.
func SDL() string {
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(Schema(&Resolver{}).Schema())
	return b.String()
}
