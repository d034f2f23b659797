package graph

import (
	"strings"

	"github.com/vektah/gqlparser/v2/formatter"

	"fsgateway/graph/federation"
)

// SubgraphSDL prints the schema as a subgraph of Apollo Federation 2.
func SubgraphSDL() string { return federation.SDL(Schema(&Resolver{}).Schema()) }

// SDL prints the schema as one file, descriptions and directives included.
func SDL() string {
	var b strings.Builder
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(Schema(&Resolver{}).Schema())
	return b.String()
}
