package persisted

import "strings"

// document is a text and its SHA-256 in lower-case hex.
type document struct{ text, hash string }

// canonical is the one way an id is written. A SHA-256 may come with its
// algorithm and in either case; what any other id means is known to those who
// made the manifest only, so it stays as it is.
func canonical(id string) string {
	if hash := strings.ToLower(strings.TrimPrefix(id, "sha256:")); isHash(hash) {
		return hash
	}
	return id
}

// isHash reports whether a canonical id is a SHA-256, and so can be checked.
func isHash(id string) bool {
	return len(id) == 64 && strings.Trim(id, "0123456789abcdef") == ""
}
