package tests

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/vektah/gqlparser/v2/ast"
)

// placement finds the field that stands for a property of the partner's JSON.
type placement struct {
	schema *ast.Schema
	ledger
}

// place is the way from a type to the field that stands for a property; nil
// where there is none.
func (c *placement) place(def *ast.Definition, property string) []*ast.FieldDefinition {
	at := def.Name + "." + property
	if r, ok := renamedProperties[at]; ok {
		c.note(at)
		if f := def.Fields.ForName(r.field); f != nil {
			return []*ast.FieldDefinition{f}
		}
		return nil
	}
	if w, ok := wrappers[property]; ok && slices.Contains(def.Interfaces, "Node") {
		return one(def.Fields.ForName(w.field))
	}
	if def.Name == "Dosage" {
		return one(def.Fields.ForName(dosageField(property)))
	}
	if f := def.Fields.ForName("dosage"); f != nil && strings.HasPrefix(property, "dosage_") {
		if inner := c.place(c.schema.Types[f.Type.Name()], property); inner != nil {
			return append([]*ast.FieldDefinition{f}, inner...)
		}
		return nil
	}
	for suffix, plural := range map[string]string{"_id": "", "_ids": "s"} {
		name, ok := strings.CutSuffix(property, suffix)
		if !ok {
			continue
		}
		if f := def.Fields.ForName(camel(name) + plural); f != nil && c.schema.Types[f.Type.Name()].IsCompositeType() {
			return []*ast.FieldDefinition{f}
		}
		if !c.allows(idsThatLeadNowhere, def.Name+"."+camel(property)) {
			return nil
		}
	}
	return one(def.Fields.ForName(camel(property)))
}

func one(f *ast.FieldDefinition) []*ast.FieldDefinition {
	if f == nil {
		return nil
	}
	return []*ast.FieldDefinition{f}
}

// dosageField is the field of Dosage for a key of any of the API's three sets.
func dosageField(property string) string {
	property = strings.TrimPrefix(strings.TrimPrefix(property, "recommended_"), "dosage_")
	if property == "permutations" {
		property = "additional_info"
	}
	return camel(property)
}

// shape is what a schema consists of, through allOf.
func shape(s *openapi3.SchemaRef) (properties map[string]*openapi3.SchemaRef, anyOf []*openapi3.SchemaRef) {
	properties = map[string]*openapi3.SchemaRef{}
	for name, p := range s.Value.Properties {
		properties[name] = p
	}
	for _, part := range s.Value.AllOf {
		inner, alternatives := shape(part)
		maps.Copy(properties, inner)
		anyOf = append(anyOf, alternatives...)
	}
	return properties, append(anyOf, s.Value.AnyOf...)
}

func schemaName(s *openapi3.SchemaRef) string { return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:] }

// items is the schema of what lies in an array, the schema itself for others.
func items(s *openapi3.SchemaRef) *openapi3.SchemaRef {
	for s.Value.Items != nil {
		s = s.Value.Items
	}
	return s
}

// comparison holds properties against fields.
type comparison struct {
	placement
	t     *testing.T
	seen  map[string]bool            // fields that stand for a property
	texts map[string]map[string]bool // enum -> partner's texts
	done  map[string]bool
}

// compare looks for each property of a schema on the types, in their order.
func (c *comparison) compare(at string, s *openapi3.SchemaRef, types ...*ast.Definition) {
	key := fmt.Sprintf("%p", s.Value)
	for _, def := range types {
		key += " " + def.Name
	}
	if c.done[key] {
		return
	}
	c.done[key] = true
	if def := types[0]; def.IsAbstractType() {
		c.compareUnion(at, s, def)
		return
	}
	properties, _ := shape(s)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		c.property(at+"."+name, name, properties[name], types)
	}
}

func (c *comparison) compareUnion(at string, s *openapi3.SchemaRef, def *ast.Definition) {
	_, alternatives := shape(s)
	if len(alternatives) == 0 {
		return // an open object: see events
	}
	for _, a := range alternatives {
		member := c.schema.Types[schemaName(a)]
		if member == nil || !slices.Contains(c.schema.GetPossibleTypes(def), member) {
			c.t.Errorf("%s can be a %s, and %s cannot", at, schemaName(a), def.Name)
			continue
		}
		c.compare(at+"|"+member.Name, a, member)
	}
	if n := len(c.schema.GetPossibleTypes(def)); n != len(alternatives) {
		c.t.Errorf("%s is one of %d, %s one of %d", at, len(alternatives), def.Name, n)
	}
}

func (c *comparison) property(at, name string, p *openapi3.SchemaRef, types []*ast.Definition) {
	for _, def := range types {
		way := c.place(def, name)
		if way == nil {
			continue
		}
		on := def
		for _, f := range way {
			c.seen[on.Name+"."+f.Name] = true
			on = c.schema.Types[f.Type.Name()]
		}
		f := way[len(way)-1]
		if isList, isArray := f.Type.Elem != nil, p.Value.Type.Is("array"); isList != isArray {
			c.t.Errorf("%s: the field %s is a %s", at, f.Name, f.Type)
		}
		c.learn(at, items(p), on)
		inner := items(p)
		if name == "event_payload" { // an envelope, see renamedProperties
			properties, _ := shape(inner)
			inner = properties["event"]
		}
		if w, ok := wrappers[name]; ok && f.Name == w.field {
			properties, _ := shape(inner)
			inner = properties[w.property]
		}
		if properties, alternatives := shape(inner); len(properties)+len(alternatives) > 0 {
			c.compare(at, inner, on)
		}
		return
	}
	var names []string
	for _, def := range types {
		names = append(names, def.Name)
	}
	c.t.Errorf("%s: no field of %s stands for it", at, strings.Join(names, " or "))
}

// learn notes the texts of a value set.
func (c *comparison) learn(at string, p *openapi3.SchemaRef, def *ast.Definition) {
	texts := textsOf(p)
	if def.Kind != ast.Enum {
		if len(texts) > 0 && def.Name != "Boolean" { // the API's true and false are texts in places
			c.t.Errorf("%s has known values, and %s is no enum", at, def.Name)
		}
		return
	}
	if c.texts[def.Name] == nil {
		c.texts[def.Name] = map[string]bool{}
	}
	for _, text := range texts {
		c.texts[def.Name][text] = true
	}
}

func textsOf(p *openapi3.SchemaRef) (texts []string) {
	known, _ := p.Value.Extensions["x-known-values"].([]any)
	for _, v := range append(slices.Clone(p.Value.Enum), known...) {
		if s, ok := v.(string); ok {
			texts = append(texts, s)
		}
	}
	for _, part := range p.Value.AllOf {
		texts = append(texts, textsOf(part)...)
	}
	return texts
}

// answer compares one answer of an operation with what a field gives.
func (c *comparison) answer(p performer, s *openapi3.SchemaRef) {
	def := p.result(c.schema)
	properties, _ := shape(s)
	bare := map[string]*openapi3.SchemaRef{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		inner := items(properties[name])
		nested, _ := shape(inner)
		switch {
		case name == "meta": // PageInfo and totalCount stand for it
		case len(nested) > 0 && c.place(def, name) == nil:
			c.enveloped(p.operation+"."+name, p, inner, def)
		default:
			bare[name] = properties[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bare)) {
		c.property(p.operation+"."+name, name, bare[name], []*ast.Definition{def})
	}
}

func (c *comparison) enveloped(at string, p performer, s *openapi3.SchemaRef, def *ast.Definition) {
	for _, other := range performers(c.schema) {
		// The field stands for one property of another type's record.
		if other.on == c.schema.Query && other.operation == p.operation && other.result(c.schema) != def {
			properties, _ := shape(s)
			property := properties[snake(p.field.Name)]
			if property == nil {
				c.t.Errorf("%s gives a %s, and %s has no %s", p.coordinate, def.Name, p.operation, snake(p.field.Name))
				return
			}
			c.compare(at+"."+snake(p.field.Name), property, def)
			return
		}
	}
	c.compare(at, s, def)
}

// events compares the data of webhooks, which the description of the answers
// leaves open. What an event says of its record lies on the record, or beside it.
func (c *comparison) events() {
	doc, _ := description()
	known := map[string]bool{"UnknownEventData": true}
	for name, s := range doc.Components.Schemas {
		subject, ok := strings.CutSuffix(name, "EventData")
		def := c.schema.Types[name]
		if !ok {
			continue
		}
		known[name] = true
		if def == nil {
			c.t.Errorf("%s has no type", name)
			continue
		}
		types := []*ast.Definition{def}
		for _, f := range fieldsOf(def) {
			if strings.EqualFold(f.Name, subject) {
				types = append(types, c.schema.Types[f.Type.Name()])
			}
		}
		properties, _ := shape(s)
		for _, property := range slices.Sorted(maps.Keys(properties)) {
			at, p := name+"."+property, properties[property]
			if way := c.place(def, property); way != nil && len(types) > 1 && c.schema.Types[way[0].Type.Name()] == types[1] {
				c.seen[def.Name+"."+way[0].Name] = true
				nested, _ := shape(p)
				for _, inner := range slices.Sorted(maps.Keys(nested)) {
					c.property(at+"."+inner, inner, nested[inner], types)
				}
				continue
			}
			c.property(at, property, p, types)
		}
	}
	for _, member := range c.schema.GetPossibleTypes(c.schema.Types["EventData"]) {
		if !known[member.Name] {
			c.t.Errorf("%s is not described", member.Name)
		}
	}
}

// sorting has, for parameters that the argument orderBy stands for, the field of it.
var sorting = map[string]string{"sort_by": "field", "order_by": "direction"}

// arguments compares a field's arguments with its operation's parameters.
func (c *comparison) arguments(p performer, op *described, taken map[string]bool) {
	wanted := op.parameters("query")
	if p.on == c.schema.Query {
		maps.Copy(wanted, op.parameters("path"))
	}
	connection := isConnection(c.schema.Types[p.field.Type.Name()])
	stands := map[string]bool{}
	for name, param := range wanted {
		at := p.coordinate + "." + name
		if name == p.parent {
			taken[op.id+"."+name] = true
			continue
		}
		if part := sorting[name]; part != "" {
			if order := p.field.Arguments.ForName("orderBy"); order != nil {
				stands["orderBy"], taken[op.id+"."+name] = true, true
				c.learn(at, items(param.Schema), c.schema.Types[c.schema.Types[order.Type.Name()].Fields.ForName(part).Type.Name()])
				continue
			}
		}
		arg := camel(name)
		if other, ok := renamedParameters[at]; ok {
			arg = other
			c.note(at)
		}
		a := p.field.Arguments.ForName(arg)
		switch {
		case a != nil:
			stands[arg], taken[op.id+"."+name] = true, true
			def := c.schema.Types[a.Type.Name()]
			c.learn(at, items(param.Schema), def)
			if (a.Type.Elem != nil) != param.Schema.Value.Type.Is("array") {
				c.t.Errorf("%s: the argument %s is a %s", at, arg, a.Type)
			}
			if a.Type.NonNull != param.Required {
				c.t.Errorf("%s: required is %v, and the argument %s is a %s", at, param.Required, arg, a.Type)
			}
		case connection && !c.allows(leftOutParameters, at):
			c.t.Errorf("%s: %s has no argument for it", at, p.coordinate)
		}
	}
	for _, a := range p.field.Arguments {
		if !stands[a.Name] && !(connection && slices.Contains(paging, a.Name)) {
			t := p.coordinate + "(" + a.Name + ":)"
			c.t.Errorf("%s is no parameter of %s", t, op.id)
		}
	}
	for _, name := range paging {
		if connection && p.field.Arguments.ForName(name) == nil {
			c.t.Errorf("%s: a connection takes %s", p.coordinate, name)
		}
	}
}

// body compares the input of a mutation with the body of its operation.
func (c *comparison) body(p performer, op *described) {
	input := p.field.Arguments.ForName("input")
	if input == nil || !input.Type.NonNull || len(p.field.Arguments) != 1 {
		c.t.Errorf("%s takes other arguments than one input", p.coordinate)
		return
	}
	def := c.schema.Types[input.Type.Name()]
	beside := map[string]bool{}
	for name := range op.parameters("path") {
		for _, n := range []string{camel(name), "id"} { // the record's own id is id
			if def.Fields.ForName(n) != nil {
				beside[n] = true
			}
		}
	}
	if len(beside) != len(op.parameters("path")) {
		c.t.Errorf("%s: the path %s and the ids of %s do not correspond", p.coordinate, op.path, def.Name)
	}
	for name := range op.parameters("header") {
		beside[camel(strings.ReplaceAll(strings.ToLower(name), "-", "_"))] = true
	}
	var s *openapi3.SchemaRef
	if op.RequestBody != nil {
		s = op.RequestBody.Value.Content["application/json"].Schema
	}
	c.input(op.id, s, def, beside)
}

func (c *comparison) input(at string, s *openapi3.SchemaRef, def *ast.Definition, beside map[string]bool) {
	properties, required := map[string]*openapi3.SchemaRef{}, []string(nil)
	if s != nil {
		properties, _ = shape(s)
		required = s.Value.Required
	}
	stands := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		field, p := camel(name), properties[name]
		if other, ok := renamedInputs[def.Name+"."+name]; ok {
			field = other
			c.note(def.Name + "." + name)
		}
		if w, ok := wrappers[name]; ok {
			field = w.field
		}
		f := def.Fields.ForName(field)
		if f == nil {
			c.t.Errorf("%s.%s: %s has no field for it", at, name, def.Name)
			continue
		}
		stands[field] = true
		coordinate := def.Name + "." + field
		switch needed := slices.Contains(required, name); {
		case needed && !f.Type.NonNull:
			c.t.Errorf("%s is optional, and %s.%s is required", coordinate, at, name)
		case !needed && f.Type.NonNull && !c.allows(stricterInputs, coordinate):
			c.t.Errorf("%s is required, and %s.%s is optional", coordinate, at, name)
		}
		if (f.Type.Elem != nil) != p.Value.Type.Is("array") {
			c.t.Errorf("%s is a %s, and %s.%s is not", coordinate, f.Type, at, name)
		}
		inner, on := items(p), c.schema.Types[f.Type.Name()]
		c.learn(at+"."+name, inner, on)
		if on.Kind == ast.InputObject {
			c.input(at+"."+name, inner, on, nil)
		}
	}
	for _, f := range fieldsOf(def) {
		if !stands[f.Name] && !beside[f.Name] {
			c.t.Errorf("%s.%s stands for nothing that %s takes", def.Name, f.Name, at)
		}
	}
}

func TestProperties(t *testing.T) {
	t.Parallel()
	ops := operations(t)
	c := &comparison{
		placement: placement{schema: loadSDL(t)}, t: t,
		seen: map[string]bool{}, texts: map[string]map[string]bool{}, done: map[string]bool{},
	}
	all := performers(c.schema)
	taken := map[string]bool{}
	// The three run in turn: what they note is looked at below.
	t.Run("OfAnswersHaveAField", func(t *testing.T) {
		c.t = t
		for _, p := range all {
			if op := ops[p.operation]; op != nil && c.schema.Types[p.field.Type.Name()].Kind == ast.Object {
				for _, s := range op.answers() {
					c.answer(p, s)
				}
			}
		}
		c.events()
		unused(t, &c.ledger, "renamedProperties", renamedProperties)
		unused(t, &c.ledger, "idsThatLeadNowhere", idsThatLeadNowhere)
	})
	t.Run("OfQueriesHaveAnArgument", func(t *testing.T) {
		c.t = t
		for _, p := range all {
			if op := ops[p.operation]; op != nil && p.on != c.schema.Mutation {
				c.arguments(p, op, taken)
			}
		}
		for id, op := range ops {
			if op.bearer && op.method == http.MethodGet {
				for name := range op.parameters("query") {
					if !taken[id+"."+name] && !c.allows(leftOutParameters, id+"."+name) {
						t.Errorf("%s: no field has an argument for the parameter %s", id, name)
					}
				}
			}
		}
		unused(t, &c.ledger, "leftOutParameters", leftOutParameters)
		unused(t, &c.ledger, "renamedParameters", renamedParameters)
	})
	t.Run("OfBodiesHaveAnInput", func(t *testing.T) {
		c.t = t
		for _, p := range all {
			if op := ops[p.operation]; op != nil && p.on == c.schema.Mutation {
				c.body(p, op)
			}
		}
		unused(t, &c.ledger, "renamedInputs", renamedInputs)
		unused(t, &c.ledger, "stricterInputs", stricterInputs)
	})
	t.Run("FieldsStandForOne", func(t *testing.T) {
		used := &ledger{}
		for _, def := range objects(c.schema) {
			if computedTypes[def.Name] != "" || isConnection(def) || isEdge(def) || isPayload(def) {
				continue
			}
			for _, f := range fieldsOf(def) {
				coordinate := def.Name + "." + f.Name
				switch of, raw := strings.CutSuffix(f.Name, "Raw"); {
				case c.seen[coordinate]:
				case f.Name == "id" || f.Name == "fullscriptId":
					if def.Fields.ForName("id") == nil || def.Fields.ForName("fullscriptId") == nil {
						t.Errorf("%s: id and fullscriptId go together", coordinate)
					}
				case raw && c.seen[def.Name+"."+of]:
					if c.schema.Types[def.Fields.ForName(of).Type.Name()].Kind != ast.Enum || f.Type.Name() != "String" {
						t.Errorf("%s: a Raw twin is the text of an enum", coordinate)
					}
				case isConnection(c.schema.Types[f.Type.Name()]) && f.Directives.ForName("rest") != nil:
				case !used.allows(computedFields, coordinate):
					t.Errorf("%s: no property of the API stands behind it", coordinate)
				}
			}
		}
		unused(t, used, "computedFields", computedFields)
	})
	t.Run("ValueSetsAreTheDescribedTexts", func(t *testing.T) {
		doc, _ := description()
		webhooks, _ := doc.Extensions["x-webhooks"].(map[string]any)
		for event := range webhooks {
			c.texts["EventType"][event] = true
		}
		own := exceptions{"UserErrorCode": "the gateway's own", "ImageSize": "parts of names", "CurrencyCode": "the environment's"}
		for _, def := range ownTypes(c.schema) {
			if def.Kind != ast.Enum || own[def.Name] != "" {
				continue
			}
			values := map[string]bool{}
			for text := range c.texts[def.Name] {
				values[enumValue(text)] = true
				if def.EnumValues.ForName(enumValue(text)) == nil {
					t.Errorf("%s has no value %s, and the description has %q", def.Name, enumValue(text), text)
				}
			}
			for _, v := range def.EnumValues {
				if v.Name != "UNKNOWN" && !values[v.Name] {
					t.Errorf("%s.%s: the description has no such text", def.Name, v.Name)
				}
			}
		}
	})
	t.Run("ValueSetsOfAnswersAreOpen", func(t *testing.T) {
		answered := map[string]bool{}
		for _, def := range objects(c.schema) {
			for _, f := range fieldsOf(def) {
				enum := c.schema.Types[f.Type.Name()]
				if enum.Kind != ast.Enum || enum.Name == "UserErrorCode" || enum.Name == "CurrencyCode" {
					continue
				}
				answered[enum.Name] = true
				if enum.EnumValues.ForName("UNKNOWN") == nil {
					t.Errorf("%s: %s has no UNKNOWN", def.Name+"."+f.Name, enum.Name)
				}
				if twin := def.Fields.ForName(f.Name + "Raw"); twin == nil || (twin.Type.Elem == nil) != (f.Type.Elem == nil) {
					t.Errorf("%s.%s has no Raw twin of its form", def.Name, f.Name)
				}
			}
		}
		for _, def := range ownTypes(c.schema) {
			if def.Kind == ast.Enum && !answered[def.Name] && def.EnumValues.ForName("UNKNOWN") != nil {
				t.Errorf("%s is never an answer and has UNKNOWN", def.Name)
			}
		}
	})
}
