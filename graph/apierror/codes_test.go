package apierror

import (
	"maps"
	"os"
	"regexp"
	"testing"
)

// TestCodes checks that every code is known and documented, and nothing else is.
func TestCodes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		documented[m[1]] = true
	}
	if !maps.Equal(documented, known) {
		t.Errorf("documented are\n%v, known\n%v", documented, known)
	}
	source, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(regexp.MustCompile(`(?m)^\tCode\w+ += `).FindAll(source, -1)); n != len(known) {
		t.Errorf("%d constants, %d known codes", n, len(known))
	}
}
