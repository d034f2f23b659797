package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
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
		"Trimmed":  {map[string]string{"SECRET": " from the variable\r\n", "OPEN": "\topen "}, "from the variable", "open"},
		"NoSecret": {map[string]string{"OPEN_FILE": file}, "", ""},
	} {
		var settings struct {
			Secret string `secret:"" from:"SECRET"`
			Open   string `from:"OPEN"`
		}
		parser, err := kong.New(&settings, kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			return fromEnvironment(flag, func(name string) string { return c.environment[name] }, map[string]string{})
		})))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(nil); err != nil || settings.Secret != c.secret || settings.Open != c.open {
			t.Errorf("%s: %+v, %v", name, settings, err)
		}
	}
}

// TestEmptySecrets: a variable or file that was meant to hold a secret and is empty
// stops the start, and says which.
func TestEmptySecrets(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("\r\n \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ variable, value, names string }{
		"File":     {"FULLSCRIPT_CLIENT_SECRET_FILE", file, "--client-secret (FULLSCRIPT_CLIENT_SECRET): FULLSCRIPT_CLIENT_SECRET_FILE: "},
		"NoFile":   {"GATEWAY_ENCRYPTION_KEY_FILE", file + ".missing", "--encryption-key (GATEWAY_ENCRYPTION_KEY): GATEWAY_ENCRYPTION_KEY_FILE: "},
		"Variable": {"FULLSCRIPT_WEBHOOK_SECRET", " \n", "--webhook-secret (FULLSCRIPT_WEBHOOK_SECRET): "},
		"Setting":  {"GATEWAY_ADDR", " ", "--addr (GATEWAY_ADDR): "},
		"Number":   {"GATEWAY_MAX_DEPTH", "deep", "--max-depth (GATEWAY_MAX_DEPTH): "},
		"Duration": {"GATEWAY_CALL_TIMEOUT", "5", "--call-timeout (GATEWAY_CALL_TIMEOUT): "},
	} {
		err := run(t.Context(), t.Context(), nil, func(name string) string {
			if name == c.variable {
				return c.value
			}
			return ""
		}, io.Discard)
		if err == nil || !strings.HasPrefix(err.Error(), c.names) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSecretsAreNotRepeated: what is wrong with the arguments is said without them, where they may
// be secrets.
func TestSecretsAreNotRepeated(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"Space":   {[]string{"--client-secret", "two", secret}, "unexpected argument"},
		"Alone":   {[]string{"serve", secret}, "unexpected argument"},
		"Hyphen":  {[]string{"--client-secret", "--" + secret}, "--client-secret (FULLSCRIPT_CLIENT_SECRET): it has no value; put = before"},
		"Sandbox": {[]string{"sandbox", "--client-secret", "--" + secret}, "--client-secret (SANDBOX_CLIENT_SECRET): it has no value; put = before"},
		"Command": {[]string{"helth"}, "the commands are serve, sandbox, schema, check-spec, health, version,"},
	} {
		err := run(t.Context(), t.Context(), c.args, func(string) string { return "" }, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
