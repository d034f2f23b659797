package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// MaxDocument is the longest document that is read, in bytes.
	MaxDocument = 16 << 20
	// maxDepth is how deep a document, and properties within each other, may be nested.
	maxDepth = 64
	// maxFacts bounds what is made of a document: references can lead to the same schema
	// again and again.
	maxFacts = 500_000
)

// Operation is one of the API.
type Operation struct {
	ID, Method, Path string
	Approval         bool // it needs the partner's commercial approval
	Scopes           []string
	Parameters       map[string]Value // by place and name, such as "query page[number]"
	Body             map[string]Value // by path, such as "patient.first_name", "items[].id"
	Answer           map[string]Value // that of the first status of success
}

// Value is a parameter or a property.
type Value struct {
	Type     string // such as "string", "array", "object|string"; "" for any
	Required bool
	Nullable bool
	Enum     []string // in order; nil for any value
	Owner    string   // the component that it is a property of, "" for none
}

// Read returns the operations of a document, by method and path. Names of path parameters do
// not count.
func Read(text []byte) (map[string]*Operation, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	d := &document{root: root}
	if version := d.text(root["openapi"]); !strings.HasPrefix(version, "3.") {
		return nil, fmt.Errorf("openapi is %.20q; only documents of OpenAPI 3 can be compared", version)
	}
	paths, ok := root["paths"].(map[string]any)
	if !ok || len(paths) == 0 {
		return nil, errors.New("there are no paths")
	}
	out := map[string]*Operation{}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := d.object(paths[path])
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if raw, has := item[method]; has {
				op := d.operation(strings.ToUpper(method), path, item, d.object(raw))
				out[op.Method+" "+anyName.ReplaceAllString(path, "{}")] = op
			}
		}
	}
	if d.facts > maxFacts {
		return nil, fmt.Errorf("there are more than %d properties", maxFacts)
	}
	return out, nil
}

// unspecified are headers that OpenAPI has no parameters for.
var unspecified = map[string]bool{"accept": true, "content-type": true, "authorization": true}

var anyName = regexp.MustCompile(`\{[^}]*\}`)

// parse reads YAML, of which JSON is a part.
func parse(text []byte) (map[string]any, error) {
	if len(text) > MaxDocument {
		return nil, fmt.Errorf("the document has more than %d bytes", MaxDocument)
	}
	var root any
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		if err := json.Unmarshal(trimmed, &root); err != nil {
			return nil, errors.New("the document is not valid JSON")
		}
	} else if err := parseYAML(text, &root); err != nil {
		return nil, err
	}
	object, ok := root.(map[string]any)
	if !ok {
		return nil, errors.New("the document is not an object")
	}
	if depth(object) > maxDepth {
		return nil, fmt.Errorf("the document is nested deeper than %d", maxDepth)
	}
	return object, nil
}

// parseYAML refuses aliases, by which a short text can stand for an endless one, and texts that
// are nested too deep for a parser.
func parseYAML(text []byte, root *any) error {
	tokens := lexer.Tokenize(string(text))
	open := 0
	for _, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return errors.New("the document has anchors or aliases; write it out")
		case token.MappingStartType, token.SequenceStartType:
			open++
		case token.MappingEndType, token.SequenceEndType:
			open--
		}
		if open > maxDepth || t.Position != nil && t.Position.IndentNum > maxDepth*8 {
			return fmt.Errorf("the document is nested deeper than %d", maxDepth)
		}
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil || len(file.Docs) != 1 {
		return errors.New("the document is not valid YAML")
	}
	body := file.Docs[0].Body
	if body == nil || yaml.NodeToValue(body, root) != nil {
		return errors.New("the document is not valid YAML")
	}
	return nil
}

func depth(v any) int {
	most := 0
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			most = max(most, depth(inner))
		}
	case []any:
		for _, inner := range v {
			most = max(most, depth(inner))
		}
	default:
		return 0
	}
	return most + 1
}

// document is one that was parsed. What is not as OpenAPI has it counts as left out.
type document struct {
	root  map[string]any
	facts int
}

func (d *document) text(v any) string {
	s, _ := v.(string)
	return s
}

// object returns an object, or what a reference to one leads to.
func (d *document) object(v any) map[string]any {
	o, _ := d.follow(v)
	return o
}

// follow returns an object, and the last name of the reference that led to it.
func (d *document) follow(v any) (o map[string]any, name string) {
	o, _ = v.(map[string]any)
	for range maxDepth {
		ref, isRef := o["$ref"].(string)
		if !isRef {
			return o, name
		}
		path, local := strings.CutPrefix(ref, "#/")
		if !local {
			return nil, ""
		}
		var at any = d.root
		for part := range strings.SplitSeq(path, "/") {
			within, _ := at.(map[string]any)
			name = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
			at = within[name]
		}
		o, _ = at.(map[string]any)
	}
	return nil, "" // it leads to itself
}

func (d *document) operation(method, path string, item, raw map[string]any) *Operation {
	op := &Operation{
		ID: d.text(raw["operationId"]), Method: method, Path: path, Approval: raw["x-requires-commercial-approval"] == true,
		Parameters: map[string]Value{}, Body: map[string]Value{}, Answer: map[string]Value{},
	}
	for _, list := range []any{item["parameters"], raw["parameters"]} {
		parameters, _ := list.([]any)
		for _, p := range parameters {
			p := d.object(p)
			place := d.text(p["in"])
			if place == "" || place == "header" && unspecified[strings.ToLower(d.text(p["name"]))] {
				continue
			}
			v := d.value(d.object(p["schema"]))
			v.Required = p["required"] == true
			name := place + " " + d.text(p["name"])
			if place == "path" {
				name = fmt.Sprintf("path %d", strings.Count(path[:max(0, strings.Index(path, "{"+d.text(p["name"])+"}"))], "{")+1)
			}
			op.Parameters[name] = v
		}
	}
	d.content(op.Body, d.object(raw["requestBody"]))
	responses := d.object(raw["responses"])
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		if strings.HasPrefix(status, "2") {
			d.content(op.Answer, d.object(responses[status]))
			break
		}
	}
	security, _ := raw["security"].([]any)
	for _, one := range security {
		for _, scopes := range d.object(one) {
			list, _ := scopes.([]any)
			for _, s := range list {
				op.Scopes = append(op.Scopes, d.text(s))
			}
		}
	}
	slices.Sort(op.Scopes)
	return op
}

// content adds the properties of what travels as JSON.
func (d *document) content(into map[string]Value, holder map[string]any) {
	media := d.object(holder["content"])
	for _, name := range slices.Sorted(maps.Keys(media)) {
		if strings.Contains(name, "json") || strings.Contains(name, "form-urlencoded") {
			d.schema(into, "", d.object(media[name])["schema"], Value{}, nil)
			return
		}
	}
}

// schema adds a schema at a path, and the properties below it. chain are the components that
// it is within: one within itself is not followed again.
func (d *document) schema(into map[string]Value, path string, raw any, as Value, chain []string) {
	o, name := d.follow(raw)
	if d.facts++; o == nil || d.facts > maxFacts || len(chain) > maxDepth || strings.Count(path, ".") > maxDepth {
		return
	}
	if name != "" {
		if slices.Contains(chain, name) {
			return
		}
		chain = append(slices.Clone(chain), name)
	}
	if path != "" {
		v := d.value(o)
		v.Required, v.Owner = as.Required, as.Owner
		if before, twice := into[path]; twice { // in one of several forms
			v.Type, v.Nullable, v.Enum = either(before.Type, v.Type), before.Nullable || v.Nullable, append(before.Enum, v.Enum...)
			v.Required = before.Required && v.Required
		}
		into[path] = v
	}
	required := map[string]bool{}
	list, _ := o["required"].([]any)
	for _, n := range list {
		required[d.text(n)] = true
	}
	properties := d.object(o["properties"])
	for _, p := range slices.Sorted(maps.Keys(properties)) {
		owner := name
		if owner == "" && len(chain) > 0 {
			owner = chain[len(chain)-1]
		}
		d.schema(into, strings.TrimPrefix(path+"."+p, "."), properties[p], Value{Required: required[p], Owner: owner}, chain)
	}
	if items, has := o["items"]; has {
		d.schema(into, path+"[]", items, as, chain)
	}
	for _, form := range []string{"allOf", "oneOf", "anyOf"} {
		forms, _ := o[form].([]any)
		for _, f := range forms {
			d.parts(into, path, f, as, chain)
		}
	}
}

// parts adds the properties of one of the forms of a schema, which itself is there already.
func (d *document) parts(into map[string]Value, path string, raw any, as Value, chain []string) {
	before, has := into[path]
	d.schema(into, path, raw, as, chain)
	if has {
		after := into[path]
		after.Type, after.Nullable = either(before.Type, after.Type), before.Nullable || after.Nullable
		into[path] = after
	}
}

func (d *document) value(o map[string]any) (v Value) {
	switch kind := o["type"].(type) {
	case string:
		v.Type = kind
	case []any: // OpenAPI 3.1
		for _, k := range kind {
			if t := d.text(k); t == "null" {
				v.Nullable = true
			} else {
				v.Type = either(v.Type, t)
			}
		}
	}
	v.Nullable = v.Nullable || o["nullable"] == true
	values, _ := o["enum"].([]any)
	for _, e := range values {
		if e != nil {
			v.Enum = append(v.Enum, fmt.Sprint(e))
		}
	}
	slices.Sort(v.Enum)
	return v
}

// either is one type or the other.
func either(a, b string) string {
	all := strings.Split(a+"|"+b, "|")
	slices.Sort(all)
	return strings.Join(slices.DeleteFunc(slices.Compact(all), func(t string) bool { return t == "" }), "|")
}
