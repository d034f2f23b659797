package persisted

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// manifest holds the trusted documents, each under its id and under its SHA-256,
// which may be the same: a text is looked up by what it hashes to, whatever ids
// the client's build has made.
type manifest map[string]document

// readManifest reads what graphql-codegen and Relay write, a map from id to
// document, or what Apollo's tools write.
func readManifest(path string) (manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err // it names the file
	}
	m, err := parseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Documents returns the texts of the trusted documents in a file, in order.
func Documents(path string) ([]string, error) {
	m, err := readManifest(path)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, d := range m {
		texts = append(texts, d.text)
	}
	slices.Sort(texts)
	return slices.Compact(texts), nil
}

func parseManifest(data []byte) (manifest, error) {
	// This decoder refuses a name that stands twice in an object: which of its
	// documents is the trusted one, the file does not say.
	var file map[string]jsontext.Value
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("it must be one JSON object: %w", err)
	}
	m := manifest{}
	var err error
	if isApollo(file) {
		err = m.readApollo(file)
	} else {
		err = m.readMap(file)
	}
	if err == nil && len(m) == 0 {
		err = errors.New("there are no documents in it")
	}
	return m, err
}

// isApollo tells the formats apart. Either of the names may be the id of a
// document too, but then its value is one.
func isApollo(file map[string]jsontext.Value) bool {
	return file["operations"].Kind() == '[' || string(file["format"]) == `"apollo-persisted-query-manifest"`
}

func (m manifest) readMap(file map[string]jsontext.Value) error {
	for _, id := range slices.Sorted(maps.Keys(file)) {
		var text string
		if file[id].Kind() != '"' || json.Unmarshal(file[id], &text) != nil {
			return fmt.Errorf("the entry %q is not a string: expected a map from id to document, or Apollo's format", id)
		}
		if err := m.add(id, text); err != nil {
			return err
		}
	}
	return nil
}

// operation is an entry of Apollo's format. Its name, type and clientName say
// nothing that the document does not.
type operation struct {
	ID   string `json:"id"`
	Body string `json:"body"`
}

func (m manifest) readApollo(file map[string]jsontext.Value) error {
	if format := string(file["format"]); format != `"apollo-persisted-query-manifest"` {
		return errors.New(`it has "operations", but its "format" is not "apollo-persisted-query-manifest"`)
	}
	if version := string(file["version"]); version != "1" {
		return errors.New(`its "version" is not 1, the only one of Apollo's format that is known`)
	}
	var operations []operation
	if err := json.Unmarshal(file["operations"], &operations); err != nil {
		return fmt.Errorf(`its "operations" must be a list of objects with "id" and "body": %w`, err)
	}
	for _, o := range operations {
		if err := m.add(o.ID, o.Body); err != nil {
			return err
		}
	}
	return nil
}

func (m manifest) add(id, text string) error {
	switch {
	case id == "":
		return errors.New("a document has no id")
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("the document %q is empty", id)
	}
	d := document{text, sum(text)}
	key := canonical(id)
	if isHash(key) && key != d.hash {
		return fmt.Errorf("the id %q looks like a SHA-256, but that of its document is %s: one of the two was changed", id, d.hash)
	}
	if other, ok := m[key]; ok && other.hash != d.hash {
		return fmt.Errorf("the id %q stands for two documents", id)
	}
	if _, ok := m[d.hash]; !ok {
		parsed, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			return fmt.Errorf("the document %q cannot be parsed: %w", id, err)
		}
		if len(parsed.Operations) == 0 {
			return fmt.Errorf("the document %q has no operation", id)
		}
	}
	m[key], m[d.hash] = d, d
	return nil
}
