package obs

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFormat: only a terminal gets lines for reading by itself. /dev/null is a device and
// no terminal.
func TestFormat(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{file, null, read, write} {
		t.Cleanup(func() { _ = f.Close() })
		if isTerminal(f) {
			t.Errorf("%s is taken for a terminal", f.Name())
		}
	}
	for format, want := range map[string]string{"auto": `"message":"hello"`, "json": `"message":"hello"`, "console": "INF hello"} {
		var b bytes.Buffer
		l, err := NewLogger(&b, "info", format)
		if err != nil {
			t.Fatal(err)
		}
		l.Info().Msg("hello")
		if plain := strings.NewReplacer("\x1b[32m", "", "\x1b[1m", "", "\x1b[0m", "").Replace(b.String()); !strings.Contains(plain, want) {
			t.Errorf("%s writes %q", format, b.String())
		}
	}
}

// TestLevel: there are those that are documented, and no others of the library's.
func TestLevel(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]bool{
		"trace": true, "debug": true, "info": true, "warn": true, "error": true, "INFO": true,
		"": false, "disabled": false, "fatal": false, "panic": false, "99": false, "1": false, "loud": false,
	} {
		if _, err := NewLogger(io.Discard, level, "json"); (err == nil) != want {
			t.Errorf("%q: %v", level, err)
		}
	}
}
