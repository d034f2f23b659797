// Package docs has the pages that a running gateway serves.
package docs

import _ "embed"

// Errors is errors.md, every error code with what it means.
//
//go:embed errors.md
var Errors string
