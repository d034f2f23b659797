package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
)

// TestSecretsFromFiles reads a secret from the file that its variable with _FILE
// names, and nothing else that is no secret.
func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		environment  map[string]string
		secret, open string
	}{
		"File":     {map[string]string{"SECRET_FILE": file}, "from the file", ""},
		"Variable": {map[string]string{"SECRET_FILE": file, "SECRET": "from the variable"}, "from the variable", ""},
		"Neither":  {nil, "", ""},
		"NoSecret": {map[string]string{"OPEN_FILE": file}, "", ""},
	} {
		var settings struct {
			Secret string `secret:"" from:"SECRET"`
			Open   string `from:"OPEN"`
		}
		parser, err := kong.New(&settings, kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			return fromEnvironment(flag, func(name string) string { return c.environment[name] })
		})))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(nil); err != nil || settings.Secret != c.secret || settings.Open != c.open {
			t.Errorf("%s: %+v, %v", name, settings, err)
		}
	}
}
