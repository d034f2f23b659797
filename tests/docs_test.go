package tests

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// What the documents promise is tested like what the code does.

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rows are the table rows of a document whose cells the pattern describes.
func rows(t *testing.T, name, pattern string) (found [][]string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?m)^"+pattern+"$").FindAllStringSubmatch(document(t, name), -1) {
		found = append(found, m[1:])
	}
	if found == nil {
		t.Fatalf("%s has no row %s", name, pattern)
	}
	return found
}

// settings are flag, variable and default of each field of the Config, as the
// command line reads its tags.
func settings(t *testing.T) (all [][]string) {
	t.Helper()
	parser, err := kong.New(&gateway.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range parser.Model.Flags {
		if f.Name == "help" {
			continue
		}
		from := f.Tag.Get("from")
		if from == "" || f.Help == "" {
			t.Errorf("--%s lacks its variable or its help", f.Name)
		}
		all = append(all, []string{"--" + f.Name, from, f.Default})
	}
	if n := reflect.TypeFor[gateway.Config]().NumField(); len(all) != n {
		t.Fatalf("%d settings for %d fields", len(all), n)
	}
	return all
}

func TestSettingsAreDocumented(t *testing.T) {
	t.Parallel()
	want := settings(t)
	t.Run("Table", func(t *testing.T) {
		t.Parallel()
		got := rows(t, "docs/config.md", "\\| `(--[a-z0-9-]+)` \\| `([A-Z0-9_]+)` \\| (.+?) \\| .+ \\|")
		got = slices.DeleteFunc(got, func(row []string) bool { return strings.HasPrefix(row[1], "SANDBOX_") })
		for i := range got {
			if text := strings.Trim(got[i][2], "`"); strings.Contains(text, "`") || got[i][2] == "none" {
				got[i][2] = "" // words: it is nothing, or follows from another setting
			} else {
				got[i][2] = text
			}
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("the table says\n%q\nand the Config\n%q", got, want)
		}
	})
	t.Run("Config", func(t *testing.T) {
		t.Parallel()
		got := rows(t, "docs/config.md", "## `(--[a-z0-9-]+)`, `([A-Z0-9_]+)`")
		if !slices.EqualFunc(got, want, func(heading, setting []string) bool { return slices.Equal(heading, setting[:2]) }) {
			t.Errorf("the headings are\n%q\nand the Config's settings\n%q", got, want)
		}
	})
}

func TestReadmeExample(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`(?m)^ +-d '(\{"query".+)'\n(\{.+\})$`).FindStringSubmatch(document(t, "README.md"))
	if found == nil {
		t.Fatal("there is none")
	}
	h := start(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/graphql", strings.NewReader(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if string(bytes.TrimSpace(got)) != found[2] {
		t.Errorf("it answers\n%s", got)
	}
}

func TestDocumentedCosts(t *testing.T) {
	t.Parallel()
	const row = "\\| `(\\{.+\\})` \\| ([0-9]+) \\|"
	for _, name := range []string{"README.md", "docs/guides/costs.md"} {
		for _, row := range rows(t, name, row) {
			t.Run(row[0], func(t *testing.T) {
				t.Parallel()
				h := start(t)
				h.query(row[0])
				if got := strconv.Itoa(h.sandbox.Count("")); got != row[1] {
					t.Errorf("%s calls, and %s says %s:\n%s", got, name, row[1], routes(h.sandbox))
				}
			})
		}
	}
}

// TestDocumentLinks: every relative link of a document leads to a file.
func TestDocumentLinks(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	fenced := regexp.MustCompile("(?s)```.*?```")
	for _, page := range append(append(pages, more...), "../README.md", "../CONTRIBUTING.md", "../CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

func TestDocumentedTokens(t *testing.T) {
	t.Parallel()
	var want [][]string
	for _, token := range sandbox.Tokens() {
		want = append(want, []string{token.Name})
	}
	if got := rows(t, "docs/guides/sandbox.md", "\\| `(sandbox-[a-z-]+)` \\| .+ \\|"); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%q, and the sandbox has %q", got, want)
	}
}

// TestSandboxSettingsAreDocumented compares the table with the command line.
func TestSandboxSettingsAreDocumented(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&gateway.SandboxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var want [][]string
	for _, f := range parser.Model.Flags {
		if f.Name != "help" {
			want = append(want, []string{"--" + f.Name, f.Tag.Get("from"), cmp.Or(f.Default, "none")})
		}
	}
	_, section, _ := strings.Cut(document(t, "docs/config.md"), "# Settings of the sandbox run alone")
	var got [][]string
	for _, m := range regexp.MustCompile("(?m)^\\| `(--[a-z-]+)` \\| `([A-Z_]+)` \\| (.+?) \\| .+ \\|$").FindAllStringSubmatch(section, -1) {
		got = append(got, []string{m[1], m[2], strings.Trim(m[3], "`")})
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the table says\n%q\nand the command line\n%q", got, want)
	}
	var c gateway.SandboxConfig
	if parser, err = kong.New(&c); err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil || c.ClientID != sandbox.DefaultClientID || c.ClientSecret != sandbox.DefaultClientSecret {
		t.Errorf("%+v %v", c, err)
	}
}
