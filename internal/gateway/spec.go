package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph"
	"fsgateway/internal/spec"
	"fsgateway/schema"
)

// SpecConfig is every setting of check-spec.
type SpecConfig struct {
	Document string `arg:"" help:"The OpenAPI document to compare with: a file, or an address of http or https."`
	Format   string `help:"How to print differences: text or json." default:"text" enum:"text,json"`
}

// DriftError says that a description differs from the one that the gateway was made from. Its
// code is the program's: 2 if something breaks, else 1.
type DriftError struct{ Differences, Breaking int }

func (e *DriftError) Error() string {
	return fmt.Sprintf("%d differences, %d of them breaking", e.Differences, e.Breaking)
}

// ExitCode is that of the program.
func (e *DriftError) ExitCode() int {
	if e.Breaking > 0 {
		return 2
	}
	return 1
}

// CheckSpec compares a description of the partner's API with that which the schema and the
// client were made from, and prints how they differ. The error is a [*DriftError] if they do.
func CheckSpec(ctx context.Context, c SpecConfig, out io.Writer) error {
	text, err := readSpec(ctx, c.Document)
	if err != nil {
		return err
	}
	known, err := spec.Read(schema.OpenAPI)
	if err != nil {
		return err // ours
	}
	other, err := spec.Read(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Document, err)
	}
	sdl, gqlErr := gqlparser.LoadSchema(&ast.Source{Input: graph.SDL()})
	if gqlErr != nil {
		return gqlErr
	}
	differences := spec.Compare(known, other, func(component, property string) bool { return promised(sdl, component, property) })
	fields := fieldsOf(sdl)
	breaking := 0
	for _, d := range differences {
		for _, op := range d.Operations {
			for _, f := range fields[op] {
				if !slices.Contains(d.Fields, f) {
					d.Fields = append(d.Fields, f)
				}
			}
		}
		if d.Breaking {
			breaking++
		}
	}
	if c.Format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		err = e.Encode(map[string]any{"operations": len(other), "breaking": breaking, "differences": differences})
	} else {
		err = printSpec(out, differences, len(other))
	}
	if err == nil && len(differences) > 0 {
		return &DriftError{len(differences), breaking}
	}
	return err
}

// printSpec prints differences for people.
func printSpec(out io.Writer, differences []*spec.Difference, operations int) error {
	if len(differences) == 0 {
		_, err := fmt.Fprintf(out, "%d operations: no differences.\n", operations)
		return err
	}
	some := func(all []string) string {
		const most = 3
		if len(all) > most {
			return strings.Join(all[:most], ", ") + fmt.Sprintf(" and %d more", len(all)-most)
		}
		return strings.Join(all, ", ")
	}
	for _, d := range differences {
		mark := "  "
		if d.Breaking {
			mark = "! "
		}
		line := fmt.Sprintf("%s%-8s%s", mark, d.Kind, d.Subject)
		if d.What != "" {
			line += ": " + d.What
		}
		line += "\n            in " + some(d.Operations)
		if len(d.Fields) > 0 {
			line += "; " + some(d.Fields)
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(out, "\n! may break what works today.")
	return err
}

// readSpec reads a document from a file or an address.
func readSpec(ctx context.Context, source string) ([]byte, error) {
	if !isAddress(source) {
		f, err := os.Open(source)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was read
		return io.ReadAll(io.LimitReader(f, spec.MaxDocument+1))
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, application/yaml, text/yaml")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // which does not repeat the address
		}
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: answered with %d", source, res.StatusCode)
	}
	return io.ReadAll(io.LimitReader(res.Body, spec.MaxDocument+1))
}

// fieldsOf returns the fields of the schema by the operation that they perform.
func fieldsOf(s *ast.Schema) map[string][]string {
	fields := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Types)) {
		for _, f := range s.Types[name].Fields {
			if rest := f.Directives.ForName("rest"); rest != nil {
				op := rest.Arguments.ForName("operation").Value.Raw
				fields[op] = append(fields[op], name+"."+f.Name)
			}
		}
	}
	return fields
}

// promised reports whether the schema says that a property always has a value.
func promised(s *ast.Schema, component, property string) bool {
	def := s.Types[component]
	if def == nil {
		return false
	}
	words := strings.Split(property, "_")
	for i := 1; i < len(words); i++ {
		if words[i] != "" {
			words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
		}
	}
	f := def.Fields.ForName(strings.Join(words, ""))
	return f != nil && f.Type.NonNull
}
