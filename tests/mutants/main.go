// Command mutants runs a mutation tester over the packages that guard callers
// and their data, and lists the mutants that no test of the package notices.
//
// A mutant is a copy of the package with one small change: a comparison turned
// around, a bound moved by one. One that survives the tests is a check that
// could be lost without anybody noticing. Each survivor is either killed by a
// new test or excused, with the reason, in excused.txt beside this file.
//
// Usage: mutants GREMLINS [PACKAGE...], where GREMLINS is the path of the tool
// and PACKAGE one of the packages below.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// guarding lists the packages that are tested, each with the files that count;
// without any, all do. also names the tests of package tests that look at them
// from outside; a mutant is noticed by these as well.
var guarding = []struct {
	dir   string
	files []string
	also  string
}{
	{"internal/seal", nil, ""},
	{"internal/webhook", nil, ""},
	{"internal/transport", nil, ""},
	{"internal/oauth", nil, ""},
	{"internal/store", nil, ""},
	{"internal/fsclient", []string{
		"charset.go", "decimals.go", "decode.go", "envelope.go", "errors.go", "event_body.go", "ids.go", "moments.go", "page.go", "problems.go",
		"record.go", "redirects.go", "references.go", "retry_after.go", "scalars.go",
	}, "^Test(References|MissingValues|SilentWrites|Envelopes|OneOrMany|TimesAndDecimals|Charsets|Pictures|UserErrors|IDs|IDsAreChecked|RowsSurvive.*|" +
		"AnotherRecord|NotFoundIsTheAPIsOwn|EventForms|UnreadableEvents|RetryAfter|DownloadRedirects|MatchedRecordIsKept|NeverHangs|PatientLookUps)$"},
	{"graph/guard", []string{"guard.go", "document.go"}, ""},
	{
		"graph/live",
		[]string{"source.go", "stream.go", "catch_up.go"},
		"^Test(Subscri.*|Stream.*|Resume|Created.*|Typed.*|Poll.*|Session(Stream|Ends)|ProofAge|EveryEventType|WhoSeesWhat|LastEventID|QueryAsAStream|MultipartSubscription|AfterTells.*)$",
	},
}

//go:embed excused.txt
var excusedText string

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: mutants GREMLINS [PACKAGE...]")
		os.Exit(2)
	}
	survivors, err := run(context.Background(), os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	if survivors > 0 {
		fmt.Printf("%d mutants survive: kill each with a test, or excuse it in tests/mutants/excused.txt\n", survivors)
		os.Exit(1)
	}
}

func run(ctx context.Context, tool string, only []string) (survivors int, err error) {
	excuses, err := parseExcuses(excusedText)
	if err != nil {
		return 0, err
	}
	tmp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	for _, p := range guarding {
		if len(only) > 0 && !slices.Contains(only, p.dir) {
			continue
		}
		report, err := mutate(ctx, tool, tmp, p.dir, p.also, p.files)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p.dir, err)
		}
		found, err := report.survivors(p.dir)
		if err != nil {
			return 0, err
		}
		for _, m := range found {
			if !excuses.cover(m) {
				survivors++
				fmt.Println(m)
			}
		}
		fmt.Printf("%s: %d mutants, %d survive before excuses\n", p.dir, report.total(), len(found))
	}
	for _, e := range excuses {
		if !e.used && len(only) == 0 {
			survivors++
			fmt.Printf("excused.txt: no mutant survives at %s %s %q; delete the line\n", e.file, e.mutator, e.line)
		}
	}
	return survivors, nil
}

// report is what the tool writes as JSON.
type report struct {
	Files []struct {
		Name      string `json:"file_name"`
		Mutations []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
			Line   int    `json:"line"`
			Column int    `json:"column"`
		} `json:"mutations"`
	} `json:"files"`
}

// mutate runs the tool over one package. The time a mutant may take is a
// multiple of what the tests take unchanged: a loop that no longer ends is
// noticed, too.
func mutate(ctx context.Context, tool, tmp, dir, also string, files []string) (*report, error) {
	out := filepath.Join(tmp, "report.json")
	args := []string{"unleash", "--silent", "--workers", "2", "--timeout-coefficient", "10", "--output", out}
	others, err := excluded(dir, files)
	if err != nil {
		return nil, err
	}
	for _, name := range others {
		args = append(args, "--exclude-files", name)
	}
	cmd := exec.CommandContext(ctx, tool, append(args, "./"+dir)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "MUTANTS_ALSO="+also)
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	r := new(report)
	return r, json.Unmarshal(text, r)
}

// excluded returns a pattern for each file below dir that is not to be
// changed: all but files, if there are any, and everything in the packages
// below dir.
func excluded(dir string, files []string) (patterns []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if name != filepath.Base(name) || len(files) > 0 && !slices.Contains(files, name) {
			patterns = append(patterns, "^"+regexp.QuoteMeta(name)+"$")
		}
		return nil
	})
	return patterns, err
}

func (r *report) total() (n int) {
	for _, f := range r.Files {
		n += len(f.Mutations)
	}
	return n
}

// mutant is a change that no test noticed.
type mutant struct {
	file, mutator, line string
	number, column      int
	covered             bool
}

func (m mutant) String() string {
	why := "survives"
	if !m.covered {
		why = "is not run by any test of its package"
	}
	return fmt.Sprintf("%s:%d:%d: %s %s: %s", m.file, m.number, m.column, m.mutator, why, m.line)
}

func (r *report) survivors(dir string) (out []mutant, err error) {
	for _, f := range r.Files {
		path := filepath.Join(dir, f.Name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(string(text), "\n")
		for _, m := range f.Mutations {
			if m.Status == "LIVED" || m.Status == "NOT COVERED" {
				out = append(out, mutant{path, m.Type, strings.TrimSpace(lines[m.Line-1]), m.Line, m.Column, m.Status == "LIVED"})
			}
		}
	}
	return out, nil
}

// excuse is a line of excused.txt. It names the source line by its text, since
// line numbers change with every edit.
type excuse struct {
	file, mutator, line string
	used                bool
}

type excuseList []*excuse

// parseExcuses reads lines of the form "file | mutator | source line | reason".
func parseExcuses(text string) (out excuseList, err error) {
	for n, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, " | ")
		if len(parts) != 4 || strings.TrimSpace(parts[3]) == "" {
			return nil, fmt.Errorf("excused.txt:%d: not of the form file | mutator | source line | reason", n+1)
		}
		out = append(out, &excuse{file: strings.TrimSpace(parts[0]), mutator: strings.TrimSpace(parts[1]), line: strings.TrimSpace(parts[2])})
	}
	return out, nil
}

func (l excuseList) cover(m mutant) (found bool) {
	for _, e := range l {
		if e.file == m.file && e.mutator == m.mutator && e.line == m.line {
			e.used, found = true, true
		}
	}
	return found
}
