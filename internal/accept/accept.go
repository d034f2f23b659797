// Package accept reads the header fields in which a client says what it prefers,
// Accept and Accept-Encoding.
package accept

import (
	"mime"
	"strconv"
	"strings"
)

// Range is one element of such a field: a media type, a coding, or a wildcard.
type Range struct {
	Value   string            // in lower case
	Params  map[string]string // names in lower case, without q
	Quality float64           // 0 to 1
}

// Parse returns the elements of all values of a field, in their order. What cannot be
// read is left out.
// https://www.rfc-editor.org/rfc/rfc9110#name-quality-values
func Parse(values []string) []Range {
	var out []Range
	for _, part := range split(strings.Join(values, ",")) {
		value, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		r := Range{Value: value, Params: params, Quality: 1}
		if text, given := params["q"]; given {
			if r.Quality, err = strconv.ParseFloat(text, 64); err != nil || !(r.Quality >= 0 && r.Quality <= 1) {
				continue
			}
			delete(params, "q")
		}
		out = append(out, r)
	}
	return out
}

// split parts a field at its commas, but not within quotes.
func split(text string) []string {
	quoted, escaped := false, false
	return strings.FieldsFunc(text, func(r rune) bool {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		}
		return r == ',' && !quoted
	})
}

// Coding returns which of the offered content codings the values of Accept-Encoding
// prefer, the first of those preferred equally; "" for the answer as it is.
// https://www.rfc-editor.org/rfc/rfc9110#name-accept-encoding
func Coding(values []string, offered ...string) string {
	quality := map[string]float64{}
	for _, r := range Parse(values) {
		quality[strings.TrimPrefix(r.Value, "x-")] = r.Quality // x-gzip is gzip
	}
	best, most := "", 0.0
	for _, name := range offered {
		q, named := quality[name]
		if !named {
			q = quality["*"]
		}
		if q > most {
			best, most = name, q
		}
	}
	// identity is acceptable unless it is refused, and only what is named can be
	// preferred to the rest.
	if most < quality["identity"] {
		return ""
	}
	return best
}
