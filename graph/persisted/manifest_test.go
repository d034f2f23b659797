package persisted_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fsgateway/graph/persisted"
)

// The files as the tools write them.
func TestManifestFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, manifest, id, want string
	}{
		{"Codegen", `{"` + sha(listed) + `": "query Listed { name }"}`, sha(listed), listed},
		{"CodegenSHA1", `{"3f2a0c1b9d8e7f60514233241506978801a2b3c4": "query Listed { name }"}`, "3f2a0c1b9d8e7f60514233241506978801a2b3c4", listed},
		{"WithAlgorithm", `{"sha256:` + sha(listed) + `": "query Listed { name }"}`, sha(listed), listed},
		{"UpperCase", `{"` + strings.ToUpper(sha(listed)) + `": "query Listed { name }"}`, sha(listed), listed},
		{"AsLongAsAHash", `{"` + strings.Repeat("g", 64) + `": "query Listed { name }"}`, strings.Repeat("g", 64), listed},
		{"Relay", "{\n  \"" + md5Of(relay) + `": "query Relay($id: ID!) {\n  find(id: $id)\n}\n"` + "\n}\n", md5Of(relay), relay},
		{"Apollo", `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [
			{"id": "` + sha(listed) + `", "name": "Listed", "type": "query", "body": "query Listed { name }"},
			{"id": "named", "name": "Named", "type": "mutation", "clientName": "shop", "body": "mutation Named { name }"}]}`, "named", named},
		{"IDsThatAreWordsOfApollosFormat", `{"format": "query Listed { name }", "operations": "mutation Named { name }", "version": "{ name }"}`, "operations", named},
		{"OneDocumentOfTwoNames", `{"a": "query Listed { name }", "b": "query Listed { name }"}`, "b", listed},
		{"OneOperationTwiceInApollos", `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [
			{"id": "a", "body": "query Listed { name }", "clientName": "ios"}, {"id": "a", "body": "query Listed { name }", "clientName": "web"}]}`, "a", listed},
		{"DocumentOfAnotherSchema", `{"a": "{ nosuch }", "b": "query Listed { name }"}`, "b", listed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			exec := gateway(t, persisted.Options{Mode: persisted.Enforce, Manifest: write(t, json.RawMessage(c.manifest))})
			for _, p := range []params{
				{Extensions: ext("documentId", c.id), Variables: map[string]any{"id": "1"}},
				{Extensions: apq(sha(c.want)), Variables: map[string]any{"id": "1"}},
				{Query: c.want, Variables: map[string]any{"id": "1"}},
			} {
				if ran, code, message := send(exec, p); ran != c.want {
					t.Errorf("%v runs %q: %s %s", p, ran, code, message)
				}
			}
		})
	}
}

func TestBadManifests(t *testing.T) {
	t.Parallel()
	const apollo = `"format": "apollo-persisted-query-manifest", "version": 1`
	for _, c := range []struct{ name, manifest, want string }{
		{"Empty", ``, "one JSON object"},
		{"NotJSON", `query { name }`, "one JSON object"},
		{"List", `[]`, "one JSON object"},
		{"Null", `null`, "no documents"},
		{"Cut", `{"a": "{ name }"`, "one JSON object"},
		{"TwoValues", `{"a": "{ name }"} {}`, "one JSON object"},
		{"NotUTF8", "{\"a\": \"{ name } # \xff\"}", "one JSON object"},
		{"NoDocuments", `{}`, "no documents"},
		{"IDTwice", `{"a": "{ name }", "a": "{ name }"}`, `"a"`},
		{"NoID", `{"": "{ name }"}`, "no id"},
		{"NotAString", `{"a": {"query": "{ name }"}}`, `"a" is not a string`},
		{"NullDocument", `{"a": null}`, `"a" is not a string`},
		{"EmptyDocument", `{"a": " \n"}`, `"a" is empty`},
		{"NotParsed", `{"a": "{ name"}`, `"a" cannot be parsed`},
		{"NoOperation", `{"a": "fragment F on Query { name }"}`, `"a" has no operation`},
		{"WrongHash", `{"` + sha(named) + `": "{ name }"}`, "is " + sha("{ name }")},
		{"WrongHashWithAlgorithm", `{"sha256:` + sha(named) + `": "{ name }"}`, "is " + sha("{ name }")},
		{"WrongHashUpperCase", `{"` + strings.ToUpper(sha(named)) + `": "{ name }"}`, "is " + sha("{ name }")},
		{"Apollo/WrongHash", `{` + apollo + `, "operations": [{"id": "` + sha(named) + `", "body": "{ name }"}]}`, "is " + sha("{ name }")},
		{"Apollo/Version", `{"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}`, `"version"`},
		{"Apollo/Format", `{"format": "other", "version": 1, "operations": []}`, `"format"`},
		{"Apollo/NoFormat", `{"version": 1, "operations": []}`, `"format"`},
		{"Apollo/NoOperations", `{` + apollo + `}`, `"operations"`},
		{"Apollo/OperationsAreAMap", `{` + apollo + `, "operations": {}}`, `"operations"`},
		{"Apollo/NothingInIt", `{` + apollo + `, "operations": []}`, "no documents"},
		{"Apollo/NoID", `{` + apollo + `, "operations": [{"body": "{ name }"}]}`, "no id"},
		{"Apollo/NoBody", `{` + apollo + `, "operations": [{"id": "a"}]}`, `"a" is empty`},
		{"Apollo/IDOfTwo", `{` + apollo + `, "operations": [{"id": "a", "body": "{ name }"}, {"id": "a", "body": "{ b: name }"}]}`, `"a" stands for two`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "manifest.json")
			if err := os.WriteFile(path, []byte(c.manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := persisted.New(persisted.Options{Manifest: path})
			if err == nil {
				t.Fatal("it is accepted")
			}
			t.Log(err)
			if text := err.Error(); !strings.HasPrefix(text, path+": ") || !strings.Contains(text, c.want) || strings.Contains(text, "\n") {
				t.Errorf("it says %q, want the path and %q in one line", text, c.want)
			}
		})
	}
}
