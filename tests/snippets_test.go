package tests

import (
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// fence is a block of code in a page.
var fence = regexp.MustCompile("(?ms)^```(\\w+)\\n(.*?)^```")

// TestSnippets runs the operations and the curl commands of every page.
func TestSnippets(t *testing.T) {
	t.Parallel()
	pages := []string{"../README.md", "../examples/typescript/README.md", "../examples/embed/README.md", "../examples/go/README.md"}
	err := filepath.WalkDir("../docs", func(path string, d fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	operations, commands := 0, 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
			switch block[1] {
			case "graphql":
				operations++
				t.Run(filepath.Base(page), func(t *testing.T) {
					t.Parallel()
					runOperation(t, block[2])
				})
			case "sh", "console":
				for _, command := range curls(block[2]) {
					commands++
					t.Run(filepath.Base(page), func(t *testing.T) {
						t.Parallel()
						runCurl(t, command)
					})
				}
			}
		}
	}
	t.Logf("%d operations, %d commands", operations, commands)
	if operations < 10 || commands < 5 {
		t.Error("some were not found")
	}
}

var subscribed = regexp.MustCompile(`^subscription[^{]*\{\s*(\w+)`)

// runOperation runs an operation as a reader who pastes it into GraphiQL.
func runOperation(t *testing.T, text string) {
	t.Helper()
	h := start(t)
	if field := subscribed.FindStringSubmatch(text); field != nil {
		s := h.subscribe(sandbox.TokenPractitioner, text)
		kind := happened[field[1]]
		if kind == "" {
			kind = "patient.updated"
		}
		h.emit(sandbox.Emission{Type: kind})
		if s.value() == nil {
			t.Error("nothing came")
		}
		return
	}
	a := h.as(sandbox.TokenPractitioner, text)
	if len(a.Errors) > 0 {
		t.Errorf("%s\n%v", text, a.Errors)
	}
	for name, value := range a.Data {
		object, _ := value.(map[string]any)
		if value == nil || object["userErrors"] != nil && len(object["userErrors"].([]any)) > 0 {
			t.Errorf("%s: %v", name, value)
		}
	}
}

// curls are the curl commands of a block, each as its words.
func curls(block string) (commands [][]string) {
	block = strings.ReplaceAll(block, "\\\n", " ")
	for line := range strings.Lines(block) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		if strings.HasPrefix(line, "curl ") {
			commands = append(commands, words(line))
		}
	}
	return commands
}

var word = regexp.MustCompile(`'([^']*)'|"([^"]*)"|(\S+)`)

// words parts a command as a shell does, as far as the pages use it.
func words(line string) (parts []string) {
	for _, m := range word.FindAllStringSubmatch(line, -1) {
		parts = append(parts, m[1]+m[2]+m[3])
	}
	return parts
}

func runCurl(t *testing.T, command []string) {
	t.Helper()
	c := config()
	c.MCP = true
	h := startWith(t, c, sandbox.Options{})
	method, address, body, header := http.MethodGet, "", "", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for i := 1; i < len(command); i++ {
		switch arg := command[i]; arg {
		case "-s", "-i", "-N":
		case "-H", "-d", "-X", "-o":
			i++
			switch value := command[i]; arg {
			case "-H":
				name, text, _ := strings.Cut(value, ": ")
				header.Set(name, text)
			case "-d":
				method, body = http.MethodPost, value
			case "-X":
				method = value
			}
		default:
			address = strings.Replace(arg, "http://127.0.0.1:8080", h.url, 1)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode/100 != 2 || strings.Contains(string(text), `"errors"`) || strings.Contains(string(text), `"isError":true`) {
		t.Errorf("%q\n%d %s", command, res.StatusCode, text)
	}
}

// TestQuotedCode: what CONTRIBUTING.md quotes of the code is what the code says, line by line.
func TestQuotedCode(t *testing.T) {
	t.Parallel()
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	lines := map[string]map[string]bool{"go": {}, "graphql": {}}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if name := d.Name(); err == nil && (name == "node_modules" || strings.HasPrefix(name, ".") && name != "..") {
				return filepath.SkipDir
			}
			return err
		}
		kind := map[string]string{".go": "go", ".graphqls": "graphql"}[filepath.Ext(path)]
		if kind == "" {
			return nil
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			lines[kind][squeeze(line)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for _, block := range fence.FindAllStringSubmatch(string(page), -1) {
		known := lines[block[1]]
		if known == nil {
			continue
		}
		for line := range strings.Lines(block[2]) {
			if quoted++; !known[squeeze(line)] && squeeze(line) != "…" {
				t.Errorf("no file has the line %q", line)
			}
		}
	}
	if quoted < 20 {
		t.Errorf("only %d lines were found", quoted)
	}
}
