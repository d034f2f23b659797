// Package schema holds the description of the partner's API. The SDL lies beside it; the
// generator reads that.
package schema

import _ "embed"

// OpenAPI is the description that the schema was made from, as YAML.
//
//go:embed fullscript.openapi.yaml
var OpenAPI []byte
