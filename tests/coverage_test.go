package tests

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	goast "go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/99designs/gqlgen/graphql"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"

	"fsgateway/graph"
	"fsgateway/graph/gen"
	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

// The tests of this file hold four things against each other: the description
// of the partner's API (schema/fullscript.openapi.yaml), the SDL
// (schema/*.graphqls), the Go types it binds to, and the client's methods.
// Exceptions stand in lists, each with its reason; one that is no longer needed
// fails the test, too.

// Operations of the description that no field of the graph performs.
var outsideTheGraph = exceptions{
	"authorize":              "the browser's, behind the route /oauth/login",
	"createToken":            "behind the routes /oauth/callback and /oauth/token",
	"revokeToken":            "behind the routes /oauth/logout and /oauth/revoke",
	"tokenizeEmbedPatient":   "called by the partner's SDK in the browser, without a token",
	"openEmbedTreatmentPlan": "a page in a frame of the browser, opened with a session grant",
	"openEmbedPlatform":      "a page in a frame of the browser, opened with a session grant",
}

// Properties whose field has another name than theirs.
var renamedProperties = map[string]struct{ field, reason string }{
	"ExternalIdMatch.id":                {"externalId", "id is the record's"},
	"ExternalIdMatch.data":              {"record", "a record that is only dependable for its id"},
	"Patient.guardian_patient_id":       {"guardian", "what it leads to"},
	"Variant.image_url_small":           {"imageUrl", "one field for three sizes"},
	"Variant.image_url_medium":          {"imageUrl", "one field for three sizes"},
	"Variant.image_url_large":           {"imageUrl", "one field for three sizes"},
	"Practitioner.practitioner_type_id": {"type", "what it leads to"},
	"WebhookDelivery.event_payload":     {"event", "the payload is an envelope around it"},
}

// Properties that are objects of one property, and the field for that one, of
// answers and of inputs.
var wrappers = map[string]struct{ property, field string }{
	"metadata": {"id", "externalId"},
}

// Fields named …Id that are no links.
var idsThatLeadNowhere = exceptions{
	"Clinic.integrationId":           "the application's installation has no endpoint",
	"Event.integrationId":            "the application's installation has no endpoint",
	"Event.clinicId":                 "the only clinic that can be fetched is the token's own, without an id",
	"LabAggregatedResult.artifactId": "no use of it is published",
	"FulfillmentShipment.orderId":    "fulfilment orders cannot be fetched",
}

// Fields that no property stands behind, connections, Raw twins and
// fullscriptId apart.
var computedFields = exceptions{
	"Clinic.currency":           "the environment's",
	"Order.currency":            "the environment's",
	"Variant.currency":          "the environment's",
	"OrderEventData.order":      "the data itself is the order",
	"UnknownEventData.raw":      "data of a shape the gateway does not know, as text",
	"Resource.downloadUrl":      "the gateway's own route, which takes the token where the partner's address cannot",
	"TreatmentPlan.dynamicLink": "performs an operation of its own, with the plan's id",
}

// Types whose fields the gateway makes, connections, edges and payloads apart.
var computedTypes = exceptions{
	"Query":               "the roots have no properties",
	"Mutation":            "the roots have no properties",
	"Subscription":        "the roots have no properties",
	"PageInfo":            "in place of the partner's meta: windows are not its pages",
	"UserError":           "a refusal in the form GraphQL clients expect",
	"LabOrderUpdate":      "an event and the record it is about",
	"OrderUpdate":         "an event and the record it is about",
	"PatientUpdate":       "an event and the record it is about",
	"ProductUpdate":       "an event and the record it is about",
	"TreatmentPlanUpdate": "an event and the record it is about",
	"RateLimit":           "what the gateway knows of the caller's budget",
	"Viewer":              "what the gateway knows of the caller",
}

// Parameters of the query that no argument stands for.
var leftOutParameters = exceptions{
	"TreatmentPlan.orders.patient_id": "a plan is one patient's",
	"downloadResource.type":           "the download route reads it from the attachment's address",
}

// Fields that read a list and give the one row that is asked for. Their tests are
// TestPatientLookUps.
var exactMatches = exceptions{
	"Query.patientByEmail":      "the search is loose",
	"Query.patientByExternalId": "the look-up gives records of four types",
}

// Arguments that have another name than their parameter.
var renamedParameters = map[string]string{
	"Query.recordsByExternalId.id": "externalId", // id is what the graph calls its own
}

// Input fields that stand for no property of the body under their own name.
var renamedInputs = map[string]string{
	"FulfillmentAddressInput.firstname": "firstName", // without an underscore in this place of the API
	"FulfillmentAddressInput.lastname":  "lastName",
}

// Input fields that are required although the description does not ask for them.
var stricterInputs = exceptions{
	"CreateTreatmentPlanInput.state": "left out, the partner takes the plan for active and sends it",
}

// paging are the arguments that choose a window of a connection.
var paging = []string{"first", "after", "last", "before", "offset"}

// exceptions are coordinates and why they are left out.
type exceptions map[string]string

// ledger notes which exceptions were needed.
type ledger struct {
	mu   sync.Mutex
	used map[string]bool
}

func (l *ledger) allows(e exceptions, coordinate string) bool {
	_, ok := e[coordinate]
	if ok {
		l.note(coordinate)
	}
	return ok
}

func (l *ledger) note(coordinate string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used == nil {
		l.used = map[string]bool{}
	}
	l.used[coordinate] = true
}

// unused fails the test for each entry that nothing needed.
func unused[V any](t *testing.T, l *ledger, list string, entries map[string]V) {
	t.Helper()
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		if !l.used[k] {
			t.Errorf("%s: the exception %s is not needed", list, k)
		}
	}
}

// description is the description of the partner's API, fit for validating what
// the sandbox says.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("../schema/fullscript.openapi.yaml")
	if err != nil {
		return nil, err
	}
	// kin-openapi checks date and date-time by itself; the other formats in use
	// are checked here.
	openapi3.DefineStringFormatValidator("email", openapi3.NewCallbackValidator(func(s string) error {
		_, err := mail.ParseAddress(s)
		return err
	}))
	openapi3.DefineStringFormatValidator("uri", openapi3.NewCallbackValidator(func(s string) error {
		u, err := url.Parse(s)
		if err == nil && !u.IsAbs() {
			err = errors.New("not an absolute address")
		}
		return err
	}))
	openapi3filter.RegisterBodyDecoder("application/pdf", openapi3filter.FileBodyDecoder)
	return doc, nil
})

// described is an operation of the description.
type described struct {
	*openapi3.Operation
	id, method, path string
	item             *openapi3.PathItem
	bearer           bool
	scopes           []string
	approval         string // "", "documented" or "inferred"
}

// operations are those of the description by their id.
func operations(t testing.TB) map[string]*described {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	ops := map[string]*described{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			d := &described{Operation: op, id: op.OperationID, method: method, path: path, item: item}
			d.bearer = op.Security == nil || len(*op.Security) > 0
			if op.Security != nil && d.bearer {
				d.scopes = (*op.Security)[0]["oauth2"]
			}
			if yes, _ := op.Extensions["x-requires-commercial-approval"].(bool); yes {
				d.approval = "documented"
			} else if yes, _ := op.Extensions["x-requires-commercial-approval-inferred"].(bool); yes {
				d.approval = "inferred"
			}
			ops[d.id] = d
		}
	}
	return ops
}

// answers are the schemas of an operation's successful JSON answers.
func (d *described) answers() []*openapi3.SchemaRef {
	var out []*openapi3.SchemaRef
	for _, status := range []int{http.StatusOK, http.StatusCreated} {
		if r := d.Responses.Status(status); r != nil {
			if media := r.Value.Content["application/json"]; media != nil {
				out = append(out, media.Schema)
			}
		}
	}
	return out
}

// parameters are the names of an operation's parameters in a place.
func (d *described) parameters(in string) map[string]*openapi3.Parameter {
	out := map[string]*openapi3.Parameter{}
	for _, list := range []openapi3.Parameters{d.item.Parameters, d.Parameters} {
		for _, p := range list {
			if p.Value.In == in && !strings.HasPrefix(p.Value.Name, "page[") {
				out[p.Value.Name] = p.Value
			}
		}
	}
	return out
}

// sdl is the schema as the files in schema/ have it.
var sdl = sync.OnceValues(func() (*ast.Schema, error) {
	files, err := filepath.Glob("../schema/*.graphqls")
	if err != nil {
		return nil, err
	}
	var sources []*ast.Source
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		sources = append(sources, &ast.Source{Name: f, Input: string(text)})
	}
	return gqlparser.LoadSchema(sources...)
})

func loadSDL(t testing.TB) *ast.Schema {
	t.Helper()
	s, err := sdl()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ownTypes are the types of the SDL in order, without those of GraphQL itself.
func ownTypes(s *ast.Schema) []*ast.Definition {
	var out []*ast.Definition
	for _, def := range s.Types {
		if !def.BuiltIn && !strings.HasPrefix(def.Name, "__") {
			out = append(out, def)
		}
	}
	slices.SortFunc(out, func(a, b *ast.Definition) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func objects(s *ast.Schema) []*ast.Definition {
	return slices.DeleteFunc(ownTypes(s), func(d *ast.Definition) bool { return d.Kind != ast.Object })
}

func fieldsOf(def *ast.Definition) []*ast.FieldDefinition {
	var out []*ast.FieldDefinition
	for _, f := range def.Fields {
		if !strings.HasPrefix(f.Name, "__") {
			out = append(out, f)
		}
	}
	return out
}

// performer is a field that performs an operation.
type performer struct {
	on         *ast.Definition
	field      *ast.FieldDefinition
	operation  string
	parent     string
	coordinate string
}

func performers(s *ast.Schema) []performer {
	var out []performer
	for _, def := range ownTypes(s) {
		for _, f := range fieldsOf(def) {
			d := f.Directives.ForName("rest")
			if d == nil || exactMatches[def.Name+"."+f.Name] != "" {
				continue
			}
			p := performer{on: def, field: f, operation: d.Arguments.ForName("operation").Value.Raw, coordinate: def.Name + "." + f.Name}
			if a := d.Arguments.ForName("parent"); a != nil {
				p.parent = a.Value.Raw
			}
			out = append(out, p)
		}
	}
	return out
}

func isConnection(def *ast.Definition) bool { return strings.HasSuffix(def.Name, "Connection") }
func isEdge(def *ast.Definition) bool       { return strings.HasSuffix(def.Name, "Edge") }
func isPayload(def *ast.Definition) bool    { return strings.HasSuffix(def.Name, "Payload") }

// result is the type of what an operation answers, without what the graph puts
// around it.
func (p performer) result(s *ast.Schema) *ast.Definition {
	def := s.Types[p.field.Type.Name()]
	switch {
	case isConnection(def):
		return s.Types[def.Fields.ForName("nodes").Type.Name()]
	case isPayload(def):
		for _, f := range fieldsOf(def) {
			if f.Name != "userErrors" {
				return s.Types[f.Type.Name()]
			}
		}
	}
	return def
}

// lookUpOf is the operation that fetches one record of a type.
func lookUpOf(s *ast.Schema, def *ast.Definition) string {
	for _, p := range performers(s) {
		if p.on == s.Query && p.field.Type.Name() == def.Name && p.field.Arguments.ForName("id") != nil {
			return p.operation
		}
	}
	return ""
}

// camel is the name of the field that a property would have.
func camel(property string) string {
	parts := strings.Split(strings.TrimSuffix(property, "[]"), "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

func snake(field string) string {
	var b strings.Builder
	for _, r := range field {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// enumValue is the value that stands for a partner's text.
func enumValue(text string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "_", ".", "_", "-", "_").Replace(text))
}

func TestOperations(t *testing.T) {
	t.Parallel()
	schema, ops, used := loadSDL(t), operations(t), &ledger{}
	performed := map[string]bool{}
	for _, p := range performers(schema) {
		performed[p.operation] = true
	}
	t.Run("EachHasAField", func(t *testing.T) {
		for id, op := range ops {
			switch outside := used.allows(outsideTheGraph, id); {
			case op.bearer && outside:
				t.Errorf("%s takes a token and must not be an exception", id)
			case op.bearer && !performed[id]:
				t.Errorf("%s: no field has @rest(operation: %q)", id, id)
			case !op.bearer && !outside:
				t.Errorf("%s takes no token: reach it by a route, and say so in outsideTheGraph", id)
			case !op.bearer && performed[id]:
				t.Errorf("%s takes no token, and a field has @rest(operation: %q)", id, id)
			}
		}
		unused(t, used, "outsideTheGraph", outsideTheGraph)
	})
	t.Run("EachFieldNamesOne", func(t *testing.T) {
		t.Parallel()
		for _, p := range performers(schema) {
			op := ops[p.operation]
			if op == nil {
				t.Errorf("%s: @rest names %s, which the description does not have", p.coordinate, p.operation)
				continue
			}
			if p.on != schema.Mutation && op.method != http.MethodGet {
				t.Errorf("%s reads and performs %s %s", p.coordinate, op.method, op.path)
			}
			if p.on == schema.Mutation && op.method == http.MethodGet {
				t.Errorf("%s writes and performs %s %s", p.coordinate, op.method, op.path)
			}
		}
	})
	t.Run("RootFieldsPerformOne", func(t *testing.T) {
		t.Parallel()
		others := exceptions{"Query.node": "the operation is the type's", "Query.nodes": "the operation is the type's", "Query.rateLimit": "what the gateway knows", "Query.viewer": "what the gateway knows"}
		for _, root := range []*ast.Definition{schema.Query, schema.Mutation} {
			for _, f := range fieldsOf(root) {
				if f.Directives.ForName("rest") == nil && others[root.Name+"."+f.Name] == "" {
					t.Errorf("%s.%s has no @rest", root.Name, f.Name)
				}
			}
		}
	})
	t.Run("ParentIsAParameter", func(t *testing.T) {
		t.Parallel()
		for _, p := range performers(schema) {
			op := ops[p.operation]
			if op == nil {
				continue
			}
			if p.parent != "" && op.parameters("query")[p.parent] == nil {
				t.Errorf("%s: @rest(parent: %q) is no query parameter of %s", p.coordinate, p.parent, p.operation)
			}
			// Below a record, a list has the record's id in its path or as parent.
			below := p.on != schema.Query && isConnection(schema.Types[p.field.Type.Name()])
			if below && p.parent == "" && len(op.parameters("path")) != 1 {
				t.Errorf("%s: neither the path of %s nor @rest(parent:) says whose list it is", p.coordinate, p.operation)
			}
		}
	})
}

func TestAccess(t *testing.T) {
	t.Parallel()
	schema, ops := loadSDL(t), operations(t)
	for _, def := range ownTypes(schema) {
		for _, f := range fieldsOf(def) {
			if def != schema.Subscription && f.Directives.ForName("rest") == nil && (f.Directives.ForName("requiresScopes") != nil || f.Directives.ForName("restricted") != nil) {
				t.Errorf("%s.%s performs nothing and says what it needs", def.Name, f.Name)
			}
		}
	}
	for _, p := range performers(schema) {
		op := ops[p.operation]
		if op == nil {
			continue
		}
		var want [][]string
		if len(op.scopes) > 0 {
			want = [][]string{op.scopes}
		}
		// A link to one of several types needs the scopes of whichever it is.
		if def := schema.Types[p.field.Type.Name()]; def.IsAbstractType() {
			want = nil
			for _, member := range schema.GetPossibleTypes(def) {
				if one := ops[lookUpOf(schema, member)]; one != nil {
					want = append(want, one.scopes)
				}
			}
		}
		t.Run(p.coordinate, func(t *testing.T) {
			t.Parallel()
			if got := scopesOf(p.field); !sameSets(got, want) {
				t.Errorf("%s: @requiresScopes says %v, %s needs %v", p.coordinate, got, p.operation, want)
			}
			approval := ""
			if d := p.field.Directives.ForName("restricted"); d != nil {
				approval = "documented"
				if a := d.Arguments.ForName("inferred"); a != nil && a.Value.Raw == "true" {
					approval = "inferred"
				}
			}
			if approval != op.approval {
				t.Errorf("%s: commercial approval is %q here and %q for %s", p.coordinate, approval, op.approval, p.operation)
			}
			for _, all := range want {
				for _, scope := range all {
					if !strings.Contains(p.field.Description, "`"+scope+"`") && len(want) == 1 {
						t.Errorf("%s: the description does not name the scope `%s`", p.coordinate, scope)
					}
				}
			}
		})
	}
}

func scopesOf(f *ast.FieldDefinition) (out [][]string) {
	d := f.Directives.ForName("requiresScopes")
	if d == nil {
		return nil
	}
	for _, all := range d.Arguments.ForName("scopes").Value.Children {
		var one []string
		for _, s := range all.Value.Children {
			one = append(one, s.Value.Raw)
		}
		out = append(out, one)
	}
	return out
}

// sameSets compares alternatives of sets, whatever their order and however
// often one is there.
func sameSets(a, b [][]string) bool {
	key := func(sets [][]string) []string {
		var out []string
		for _, s := range sets {
			s = slices.Sorted(slices.Values(s))
			out = append(out, strings.Join(s, " "))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(key(a), key(b))
}

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

// bound are the Go types that the SDL's are bound to.
type bound struct {
	types     map[string]reflect.Type // SDL name in small letters -> type
	resolvers map[string]reflect.Type // SDL name -> interface of its resolvers
}

// goTypes finds the types reachable from the resolvers, which gqlgen wrote from
// the SDL.
var goTypes = sync.OnceValue(func() *bound {
	b := &bound{types: map[string]reflect.Type{}, resolvers: map[string]reflect.Type{}}
	root := reflect.TypeFor[gen.ResolverRoot]()
	for i := range root.NumMethod() {
		m := root.Method(i)
		b.resolvers[m.Name] = m.Type.Out(0)
		for j := range m.Type.Out(0).NumMethod() {
			b.signature(m.Type.Out(0).Method(j).Type)
		}
	}
	// The client says what it gives and takes, and behind an interface may be
	// anything, so the members of unions are named.
	services := reflect.TypeFor[fsclient.Client]()
	for i := range services.NumField() {
		if f := services.Field(i); f.IsExported() {
			for j := range f.Type.NumMethod() {
				b.signature(f.Type.Method(j).Type)
			}
		}
	}
	for _, v := range []fsclient.EventData{
		&fsclient.OrderEventData{}, &fsclient.LabOrderEventData{}, &fsclient.TreatmentPlanEventData{}, &fsclient.PatientEventData{},
		&fsclient.ProductEventData{}, &fsclient.FulfillmentShipmentEventData{}, &fsclient.UnknownEventData{},
	} {
		b.add(reflect.TypeOf(v))
	}
	return b
})

func (b *bound) signature(f reflect.Type) {
	for i := range f.NumIn() {
		b.add(f.In(i))
	}
	for i := range f.NumOut() {
		b.add(f.Out(i))
	}
}

func (b *bound) add(t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Chan {
		t = t.Elem()
	}
	if inner, ok := omittable(t); ok {
		b.add(inner)
		return
	}
	if t.Name() == "" || !strings.HasPrefix(t.PkgPath(), "fsgateway/") || t.Kind() == reflect.Interface {
		return
	}
	name := strings.ToLower(sdlName(t))
	if b.types[name] != nil {
		return
	}
	b.types[name] = t
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			b.add(f.Type)
		}
	}
	for i := range reflect.PointerTo(t).NumMethod() {
		m := reflect.PointerTo(t).Method(i).Type
		for j := range m.NumOut() {
			b.add(m.Out(j))
		}
	}
}

// sdlName of Connection[…fsclient.Patient] is PatientConnection, and of
// Sort[…fsclient.EventSortField] EventSort.
func sdlName(t reflect.Type) string {
	base, arg, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return base
	}
	of := strings.TrimSuffix(arg[strings.LastIndexByte(arg, '.')+1:], "]")
	return strings.TrimSuffix(of, base+"Field") + base
}

// omittable tells what is inside an Opt.
func omittable(t reflect.Type) (reflect.Type, bool) {
	like := reflect.TypeFor[graphql.Omittable[int]]()
	if t.Kind() != reflect.Struct || t.PkgPath() != like.PkgPath() || !strings.HasPrefix(t.Name(), "Omittable[") {
		return nil, false
	}
	value, _ := reflect.PointerTo(t).MethodByName("Value")
	return value.Type.Out(0), true
}

// of is the Go type of a field: of its resolver, of the method or of the struct
// field of its name, in the generator's order.
func (b *bound) of(def *ast.Definition, t reflect.Type, field string) reflect.Type {
	same := func(name string) bool { return strings.EqualFold(name, field) }
	if r := b.resolvers[def.Name]; r != nil {
		for i := range r.NumMethod() {
			if same(r.Method(i).Name) {
				return r.Method(i).Type.Out(0)
			}
		}
	}
	p := reflect.PointerTo(t)
	for i := range p.NumMethod() {
		m := p.Method(i)
		takesNothing := m.Type.NumIn() == 1 || m.Type.NumIn() == 2 && m.Type.In(1) == reflect.TypeFor[context.Context]()
		if same(m.Name) && takesNothing && m.Type.NumOut() > 0 {
			return m.Type.Out(0)
		}
	}
	if f, ok := t.FieldByNameFunc(same); ok {
		return f.Type
	}
	return nil
}

func mayBeNil(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Interface
}

// fits says what is wrong with the Go type of an output.
func fits(s *ast.Type, t reflect.Type, element bool) string {
	switch {
	case s.Elem != nil && t.Kind() != reflect.Slice:
		return "a list is a slice"
	case s.Elem != nil:
		return fits(s.Elem, t.Elem(), true)
	case !s.NonNull && !mayBeNil(t):
		return "what may be null is a pointer or an interface"
	case element && t.Kind() == reflect.Pointer: // who makes the list leaves out what is nil
	case s.NonNull && mayBeNil(t):
		return "what is never null is a plain value"
	}
	return ""
}

func TestNullability(t *testing.T) {
	t.Parallel()
	schema, types := loadSDL(t), goTypes()
	for _, def := range ownTypes(schema) {
		if def.Kind != ast.Object && def.Kind != ast.InputObject {
			continue
		}
		t.Run(def.Name, func(t *testing.T) {
			t.Parallel()
			typ := types.types[strings.ToLower(def.Name)]
			if r := types.resolvers[def.Name]; typ == nil && r != nil {
				typ = r // a root
			}
			if typ == nil {
				t.Fatalf("no Go type stands for %s", def.Name)
			}
			for _, f := range fieldsOf(def) {
				coordinate := def.Name + "." + f.Name
				got := types.of(def, typ, f.Name)
				switch {
				case got == nil:
					t.Errorf("%s: %s has no such field or method", coordinate, typ)
				case def.Kind == ast.InputObject:
					checkInput(t, coordinate, def, f, got)
				case isConnection(def) && f.Name == "pageInfo" && got == reflect.TypeFor[*model.PageInfo]():
					// Built with each connection, by the one function that does.
				default:
					if wrong := fits(f.Type, got, false); wrong != "" {
						t.Errorf("%s is a %s and bound to %s: %s", coordinate, f.Type, got, wrong)
					}
				}
			}
		})
	}
}

func checkInput(t *testing.T, coordinate string, def *ast.Definition, f *ast.FieldDefinition, got reflect.Type) {
	t.Helper()
	inner, opt := omittable(got)
	switch {
	case f.Type.NonNull && (opt || got.Kind() == reflect.Pointer || f.Type.Elem == nil && got.Kind() == reflect.Slice):
		t.Errorf("%s is a %s and bound to %s: what is required is a plain value", coordinate, f.Type, got)
	case !f.Type.NonNull && !opt && !mayBeNil(got):
		t.Errorf("%s is a %s and bound to %s: what is optional is a pointer, a slice or an Opt", coordinate, f.Type, got)
	case !f.Type.NonNull && strings.HasPrefix(def.Name, "Update") && (!opt || !mayBeNil(inner) && inner != reflect.TypeFor[fsclient.ExternalIDInput]()):
		t.Errorf("%s is a %s and bound to %s: a change tells absent from null with Opt[*T]", coordinate, f.Type, got)
	}
	if opt {
		got = inner
	}
	if got.Kind() == reflect.Pointer {
		got = got.Elem()
	}
	if (f.Type.Elem != nil) != (got.Kind() == reflect.Slice) {
		t.Errorf("%s is a %s and bound to %s: a list is a slice", coordinate, f.Type, got)
	}
}

func TestEnums(t *testing.T) {
	t.Parallel()
	schema, types := loadSDL(t), goTypes()
	for _, def := range ownTypes(schema) {
		if def.Kind != ast.Enum {
			continue
		}
		t.Run(def.Name, func(t *testing.T) {
			t.Parallel()
			typ := types.types[strings.ToLower(def.Name)]
			if typ == nil || typ.Kind() != reflect.String {
				t.Fatalf("no Go type stands for %s", def.Name)
			}
			write := func(v reflect.Value) string {
				var b bytes.Buffer
				v.Interface().(graphql.Marshaler).MarshalGQL(&b)
				text, err := strconv.Unquote(b.String())
				if err != nil {
					t.Errorf("%s: %s is no text", def.Name, &b)
				}
				return text
			}
			for _, value := range def.EnumValues {
				v := reflect.New(typ)
				err := v.Interface().(graphql.Unmarshaler).UnmarshalGQL(value.Name)
				switch {
				case value.Name == "UNKNOWN":
					if err == nil {
						t.Errorf("%s.UNKNOWN can be sent", def.Name)
					}
					v.Elem().SetString("something the partner made up yesterday")
				case typ == reflect.TypeFor[model.UserErrorCode](), typ == reflect.TypeFor[model.CurrencyCode](): // never an input
					v.Elem().SetString(value.Name)
				case err != nil:
					t.Errorf("%s.%s cannot be sent: %v", def.Name, value.Name, err)
				}
				if got := write(v.Elem()); got != value.Name {
					t.Errorf("%s.%s comes back as %s", def.Name, value.Name, got)
				}
			}
			for _, wrong := range []any{"", "something else", strings.ToLower(def.EnumValues[0].Name), 7, nil} {
				if reflect.New(typ).Interface().(graphql.Unmarshaler).UnmarshalGQL(wrong) == nil {
					t.Errorf("%s takes %#v", def.Name, wrong)
				}
			}
		})
	}
}

// TestIDs: each id says what it names, and takes no id of another type.
func TestIDs(t *testing.T) {
	t.Parallel()
	schema, types := loadSDL(t), goTypes()
	others := exceptions{
		"ExternalIdMatch":  "the id of the record found, of one of four types",
		"SessionGrantUser": "the id of a practitioner or of a member of the staff",
	}
	for _, def := range objects(schema) {
		f := def.Fields.ForName("id")
		if f == nil || f.Type.Name() != "ID" || others[def.Name] != "" {
			continue
		}
		t.Run(def.Name, func(t *testing.T) {
			t.Parallel()
			typ := types.of(def, types.types[strings.ToLower(def.Name)], "id")
			if typ != nil && typ.Kind() == reflect.Pointer {
				typ = typ.Elem()
			}
			if typ == nil || typ.Name() != def.Name+"ID" {
				t.Fatalf("%s.id is bound to %s, want %sID", def.Name, typ, def.Name)
			}
			for _, text := range []string{"7", def.Name + ":7"} {
				id := reflect.New(typ)
				if err := id.Interface().(graphql.Unmarshaler).UnmarshalGQL(text); err != nil {
					t.Errorf("%s is refused: %v", text, err)
				}
				var b bytes.Buffer
				id.Elem().Interface().(graphql.Marshaler).MarshalGQL(&b)
				if want := strconv.Quote(def.Name + ":7"); b.String() != want {
					t.Errorf("%s comes back as %s, want %s", text, &b, want)
				}
			}
			for _, wrong := range []any{"Other:7", "", def.Name + ":", nil, true} {
				if reflect.New(typ).Interface().(graphql.Unmarshaler).UnmarshalGQL(wrong) == nil {
					t.Errorf("%#v is taken for the id of a %s", wrong, def.Name)
				}
			}
		})
	}
}

// TestClientMethods compares the op: comments of the client with the
// description, and each with the path in the code below it.
func TestClientMethods(t *testing.T) {
	t.Parallel()
	byRoute := map[string]*described{}
	for _, op := range operations(t) {
		byRoute[op.method+" "+op.path] = op
	}
	files, err := filepath.Glob("../internal/fsclient/*.go")
	if err != nil {
		t.Fatal(err)
	}
	performed := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*goast.FuncDecl)
			if !ok || !f.Name.IsExported() || !strings.HasSuffix(receiver(f), "Service") {
				continue
			}
			name := receiver(f) + "." + f.Name.Name
			comment := opComment.FindAllStringSubmatch(f.Doc.Text(), -1)
			if len(comment) != 1 {
				t.Errorf("%s has %d comments op:, want one", name, len(comment))
				continue
			}
			route := comment[0][1]
			op := byRoute[route]
			if op == nil || !op.bearer {
				t.Errorf("%s: %s is no operation of the description that takes a token", name, route)
				continue
			}
			performed[op.id] = true
			for _, called := range routesIn(f) {
				if called != route {
					t.Errorf("%s says %s and calls %s", name, route, called)
				}
			}
		}
	}
	for route, op := range byRoute {
		if op.bearer && !performed[op.id] {
			t.Errorf("%s: no method carries op: %s", op.id, route)
		}
	}
}

var opComment = regexp.MustCompile(`(?m)^op: (\S+ \S+)$`)

func receiver(f *goast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*goast.StarExpr); ok {
		typ = star.X
	}
	name, _ := typ.(*goast.Ident)
	if name == nil {
		return ""
	}
	return name.Name
}

// routesIn are the routes a method makes: get("/clinic") and the like.
func routesIn(f *goast.FuncDecl) (out []string) {
	goast.Inspect(f.Body, func(n goast.Node) bool {
		call, ok := n.(*goast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		name, _ := call.Fun.(*goast.Ident)
		path, _ := call.Args[0].(*goast.BasicLit)
		if name != nil && path != nil && slices.Contains([]string{"get", "post", "patch"}, name.Name) {
			text, _ := strconv.Unquote(path.Value)
			out = append(out, strings.ToUpper(name.Name)+" "+text)
		}
		return true
	})
	return out
}

// TestSandboxRoutes calls each operation of the sandbox.
func TestSandboxRoutes(t *testing.T) {
	t.Parallel()
	for id, op := range operations(t) {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			s := sandbox.New(sandbox.Options{})
			path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(op.path, "unknown")
			r := httptest.NewRequestWithContext(t.Context(), op.method, "http://sandbox.test/api"+path, strings.NewReader("{}"))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if strings.Contains(w.Body.String(), "No route matches") {
				t.Errorf("%s %s: %s", op.method, op.path, w.Body)
			}
			if calls := s.Calls(); len(calls) != 1 || calls[0].Operation != id {
				t.Errorf("%s %s was taken for %v", op.method, op.path, calls)
			}
		})
	}
}

func TestDescriptions(t *testing.T) {
	t.Parallel()
	schema := loadSDL(t)
	need := func(t *testing.T, coordinate, text string) {
		t.Helper()
		if strings.TrimSpace(text) == "" {
			t.Errorf("%s has no description", coordinate)
		}
	}
	for _, def := range ownTypes(schema) {
		t.Run(def.Name, func(t *testing.T) {
			t.Parallel()
			need(t, def.Name, def.Description)
			for _, f := range fieldsOf(def) {
				need(t, def.Name+"."+f.Name, f.Description)
				for _, a := range f.Arguments {
					need(t, def.Name+"."+f.Name+"("+a.Name+":)", a.Description)
				}
			}
			for _, v := range def.EnumValues {
				need(t, def.Name+"."+v.Name, v.Description)
			}
		})
	}
	for _, d := range schema.Directives {
		if d.Position != nil && d.Position.Src.BuiltIn {
			continue
		}
		t.Run("@"+d.Name, func(t *testing.T) {
			t.Parallel()
			need(t, "@"+d.Name, d.Description)
			for _, a := range d.Arguments {
				need(t, "@"+d.Name+"("+a.Name+":)", a.Description)
			}
		})
	}
}

func TestNullabilityOfCalls(t *testing.T) {
	t.Parallel()
	schema, ops := loadSDL(t), operations(t)
	for _, def := range objects(schema) {
		for _, f := range fieldsOf(def) {
			coordinate := def.Name + "." + f.Name
			root := def == schema.Query || def == schema.Mutation
			fetches := root || f.Directives.ForName("rest") != nil || f.Directives.ForName("detail") != nil || isConnection(schema.Types[f.Type.Name()])
			if fetches && f.Type.NonNull {
				t.Errorf("%s is a %s: a field that takes a call may fail, and its siblings must not fall with it", coordinate, f.Type)
			}
		}
	}
	t.Run("EachOfManyIDs", func(t *testing.T) {
		t.Parallel()
		// Where an answer has ids only, each element takes a call of its own.
		c := placement{schema: schema}
		for _, p := range performers(schema) {
			op := ops[p.operation]
			if op == nil || p.field.Type.Elem == nil {
				continue
			}
			if p.field.Type.Elem.NonNull && idsBehind(t, &c, p) {
				t.Errorf("%s is a %s: each of its elements takes a call", p.coordinate, p.field.Type)
			}
		}
	})
	t.Run("WrappersHaveTheirForm", func(t *testing.T) {
		t.Parallel()
		for _, def := range objects(schema) {
			base, wanted := "", map[string]string(nil)
			switch {
			case isConnection(def):
				base = strings.TrimSuffix(def.Name, "Connection")
				wanted = map[string]string{"edges": "[" + base + "Edge!]!", "nodes": "[" + base + "!]!", "pageInfo": "PageInfo!", "totalCount": "Int"}
			case isEdge(def):
				base = strings.TrimSuffix(def.Name, "Edge")
				wanted = map[string]string{"cursor": "String!", "node": base}
			case isPayload(def):
				wanted = map[string]string{"userErrors": "[UserError!]!"}
				for _, f := range fieldsOf(def) {
					if f.Name != "userErrors" {
						wanted[f.Name] = f.Type.Name()
					}
				}
				if len(wanted) != 2 {
					t.Errorf("%s has %d fields, want the record and userErrors", def.Name, len(wanted))
				}
			default:
				continue
			}
			if len(fieldsOf(def)) != len(wanted) {
				t.Errorf("%s has %d fields, want %d", def.Name, len(fieldsOf(def)), len(wanted))
			}
			for name, typ := range wanted {
				if f := def.Fields.ForName(name); f == nil || f.Type.String() != typ {
					t.Errorf("%s.%s is no %s", def.Name, name, typ)
				}
			}
		}
	})
}

// idsBehind reports whether a list stands for a property that is a list of ids.
func idsBehind(t *testing.T, c *placement, p performer) bool {
	t.Helper()
	ops := operations(t)
	for _, record := range performers(c.schema) {
		if record.result(c.schema) != p.on || ops[record.operation] == nil {
			continue
		}
		for _, s := range ops[record.operation].answers() {
			envelope, _ := shape(s)
			for name := range envelope {
				properties, _ := shape(items(envelope[name]))
				for property := range properties {
					if way := c.place(p.on, property); strings.HasSuffix(property, "_ids") && way != nil && way[0] == p.field {
						return true
					}
				}
			}
		}
	}
	return false
}

func TestGeneratedCode(t *testing.T) {
	t.Parallel()
	t.Run("HasNoHoles", func(t *testing.T) {
		t.Parallel()
		files, err := filepath.Glob("../graph/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal("no files: ", err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte("not implemented")) {
				t.Errorf("%s has a resolver that is not implemented", f)
			}
		}
	})
	t.Run("IsOfThisSDL", func(t *testing.T) {
		t.Parallel()
		var b strings.Builder
		formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(loadSDL(t))
		if b.String() != graph.SDL() {
			t.Error("graph/gen was made from another SDL: run go generate tools.go")
		}
	})
}
