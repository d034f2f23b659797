package tests

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/sandbox"
)

// Fields that the sandbox has no value for.
var neverAnswered = exceptions{
	"FulfillmentShipment.deliveredAt": "the only event of a parcel is that it left",
	"Clinic.currency":                 "the environment here is an own address, see TestCurrency",
	"Order.currency":                  "the environment here is an own address, see TestCurrency",
	"Variant.currency":                "the environment here is an own address, see TestCurrency",
	"SessionGrant.claimedAt":          "null on a new one, and none can be read again",
}

// proxy stands between the gateway and the sandbox and holds every request and
// every answer against the description.
type proxy struct {
	mux  *http.ServeMux
	next http.Handler

	mu       sync.Mutex
	seen     map[string]int // operation -> successful calls
	problems []string       // since they were last asked for
}

func (p *proxy) errorf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

// report fails a test for what was wrong since the last report.
func (p *proxy) report(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		t.Error(problem)
	}
	p.problems = nil
}

func newProxy(t *testing.T, next http.Handler) *proxy {
	t.Helper()
	p := &proxy{mux: http.NewServeMux(), next: next, seen: map[string]int{}}
	for _, op := range operations(t) {
		p.mux.HandleFunc(op.method+" /api"+op.path, p.validate(op))
	}
	// Pages of the partner's site, which are no API.
	p.mux.Handle("GET /api/oauth/authorize/consent", next)
	p.mux.Handle("POST /api/oauth/authorize", next)
	p.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.errorf("%s %s is not described", r.Method, r.URL.Path)
		http.NotFound(w, r)
	})
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

func (p *proxy) validate(op *described) http.HandlerFunc {
	doc, _ := description()
	server := &openapi3.Server{URL: "/api"}
	route := &routers.Route{Spec: doc, Server: server, Path: op.path, PathItem: op.item, Method: op.method, Operation: op.Operation}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true}
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			p.errorf("%s: %v", op.id, err)
			return
		}
		path := map[string]string{}
		for name := range op.parameters("path") {
			path[name] = r.PathValue(name)
		}
		in := &openapi3filter.RequestValidationInput{Request: r, PathParams: path, Route: route, Options: options}
		r.Body = io.NopCloser(bytes.NewReader(body))
		// The context of the request may end with the gateway's interest in it.
		if err := openapi3filter.ValidateRequest(context.WithoutCancel(r.Context()), in); err != nil {
			p.errorf("%s: the request %s %s does not fit the description: %v", op.id, r.URL.RequestURI(), body, err)
		}
		p.known(op, r, body)

		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		p.next.ServeHTTP(answer, r)
		in.Request.Body = io.NopCloser(bytes.NewReader(body))
		err = openapi3filter.ValidateResponse(context.WithoutCancel(r.Context()), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: in, Status: answer.Code, Header: answer.Header(), Body: io.NopCloser(bytes.NewReader(answer.Body.Bytes())), Options: options,
		})
		if err != nil {
			p.errorf("%s: the answer %d does not fit the description: %v\n%s", op.id, answer.Code, err, answer.Body)
		}
		if answer.Code < 400 {
			p.mu.Lock()
			p.seen[op.id]++
			p.mu.Unlock()
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}
}

// Parameters and keys that are sent although they are not described.
var sentAllTheSame = exceptions{
	"authorize.code_challenge":        "PKCE: who does not know it ignores it",
	"authorize.code_challenge_method": "PKCE: who does not know it ignores it",
	"createToken.code_verifier":       "PKCE: who does not know it ignores it",
}

// known refuses parameters and keys that are not described, which validation
// lets pass.
func (p *proxy) known(op *described, r *http.Request, body []byte) {
	names := map[string]bool{}
	for _, param := range slices.Concat(op.item.Parameters, op.Parameters) {
		names[param.Value.In+" "+param.Value.Name] = true
	}
	for name := range r.URL.Query() {
		if !names["query "+name] && sentAllTheSame[op.id+"."+name] == "" {
			p.errorf("%s: the query parameter %s is not described", op.id, name)
		}
	}
	if r.Header.Get("Idempotency-Key") != "" && !names["header Idempotency-Key"] {
		p.errorf("%s: the header Idempotency-Key is not described", op.id)
	}
	if op.bearer != (r.Header.Get("Authorization") != "") {
		p.errorf("%s came with the token %t", op.id, !op.bearer)
	}
	switch {
	case len(body) == 0:
	case op.RequestBody == nil:
		p.errorf("%s takes no body: %s", op.id, body)
	default:
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			p.errorf("%s: %v in %s", op.id, err, body)
		}
		p.knownKeys(op.id, op.RequestBody.Value.Content["application/json"].Schema, v)
	}
}

func (p *proxy) knownKeys(at string, s *openapi3.SchemaRef, v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			p.knownKeys(at, items(s), item)
		}
	case map[string]any:
		properties, _ := shape(s)
		for key, inner := range v {
			if sentAllTheSame[at+"."+key] != "" {
				continue
			}
			if properties[key] == nil {
				p.errorf("%s.%s is not described", at, key)
				continue
			}
			p.knownKeys(at+"."+key, properties[key], inner)
		}
	}
}

// startBehindProxy runs a gateway that reaches its sandbox through a proxy.
func startBehindProxy(t *testing.T) (*harness, *proxy) {
	t.Helper()
	h := &harness{t: t, sandbox: sandbox.New(sandbox.Options{}), log: &logBuffer{}}
	p := newProxy(t, h.sandbox)
	upstream := httptest.NewServer(p)
	t.Cleanup(upstream.Close)
	c := config()
	c.Upstream = upstream.URL + "/api"
	c.ClientID, c.ClientSecret = sandbox.DefaultClientID, sandbox.DefaultClientSecret
	c.WebhookSecret, c.WebhookChallenge = []string{sandbox.DefaultWebhookSecret}, sandbox.DefaultWebhookChallenge
	h.serve(c)
	return h, p
}

// knownIDs are records of the sandbox, by their type.
var knownIDs = map[string][]string{
	"Patient":                 {sandbox.PatientWithManyPlans, sandbox.PatientWithDependents, sandbox.DependentPatient, sandbox.PatientWithNulls},
	"Practitioner":            {sandbox.PractitionerID, sandbox.ColleagueID},
	"Staff":                   {sandbox.StaffID},
	"TreatmentPlan":           {sandbox.PlanWithLabs, sandbox.DraftPlan, sandbox.EmptyPlan},
	"Protocol":                {sandbox.ProtocolID, sandbox.FullscriptProtocolID},
	"Template":                {sandbox.TemplateID},
	"Order":                   {sandbox.OrderWithLabs},
	"LabOrder":                {sandbox.LabOrderID},
	"OrderedLabTest":          {sandbox.OrderedLabTestID},
	"LabTest":                 {sandbox.LabTestID},
	"Product":                 {sandbox.ProductID},
	"Variant":                 {sandbox.VariantID},
	"Brand":                   {sandbox.BrandID},
	"Ingredient":              {sandbox.IngredientID},
	"Allergen":                {sandbox.AllergenID},
	"SupplementType":          {sandbox.SupplementTypeID},
	"ThirdPartyCertification": {sandbox.CertificationID},
	"Category":                {sandbox.CategoryID},
	"Clinic":                  {sandbox.ClinicID},
	"PractitionerType":        {sandbox.PractitionerTypeID},
}

// graphReader writes selections that ask for all fields of a type, and notes
// what came back.
type graphReader struct {
	schema   *ast.Schema
	answered map[string]bool // Type.field -> whether a value came, once it was asked for
}

// of selects every field of a type. Links to records are followed depth times,
// and never back to a type they come from; the last of them give their ids.
func (e *graphReader) of(def *ast.Definition, depth int, above ...string) string {
	above = append(slices.Clone(above), def.Name)
	if def.IsAbstractType() {
		out := "{ __typename"
		for _, member := range e.schema.GetPossibleTypes(def) {
			if depth > 0 && !slices.Contains(above, member.Name) {
				out += " ... on " + member.Name + " " + e.of(member, depth-1, above...)
			}
		}
		return out + " }"
	}
	out := "{"
	for _, f := range fieldsOf(def) {
		to := e.schema.Types[f.Type.Name()]
		switch {
		case f.Name == "imageUrl": // each of its sizes under the partner's key
			out += " imageUrl image_url_small: imageUrl(size: SMALL) image_url_large: imageUrl(size: LARGE)"
		case !to.IsCompositeType():
			out += " " + f.Name
		case isConnection(to) && depth == 0:
		case isConnection(to):
			out += " " + f.Name + "(first: 5) " + e.connection(to, depth-1, above...)
		case e.isRecord(to) && (depth == 0 || slices.Contains(above, to.Name)):
			out += " " + f.Name + " { id fullscriptId }"
		case e.isRecord(to) || to.IsAbstractType():
			out += " " + f.Name + " " + e.of(to, max(0, depth-1), above...)
		default:
			out += " " + f.Name + " " + e.of(to, depth, above...)
		}
	}
	return out + " }"
}

func (e *graphReader) connection(def *ast.Definition, depth int, above ...string) string {
	rows := e.schema.Types[def.Fields.ForName("nodes").Type.Name()]
	if slices.Contains(above, rows.Name) {
		return "{ nodes { id fullscriptId } }"
	}
	return "{ totalCount pageInfo " + e.of(e.schema.Types["PageInfo"], 0) +
		" edges { cursor node { id } } nodes " + e.of(rows, depth, above...) + " }"
}

func (e *graphReader) isRecord(def *ast.Definition) bool {
	return slices.Contains(def.Interfaces, "Node")
}

// note walks an answer along its type.
func (e *graphReader) note(def *ast.Definition, v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			e.note(def, item)
		}
	case map[string]any:
		if name, ok := v["__typename"].(string); ok {
			def = e.schema.Types[name]
		}
		for key, value := range v {
			f := def.Fields.ForName(key)
			if f == nil || key == "__typename" {
				continue
			}
			list, isList := value.([]any)
			at := def.Name + "." + key
			e.answered[at] = e.answered[at] || value != nil && (!isList || len(list) > 0)
			e.note(e.schema.Types[f.Type.Name()], value)
		}
	}
}

// TestContract drives everything the graph can do through the proxy. Its last
// two sub-tests look at what the others did, so it is run as a whole.
func TestContract(t *testing.T) {
	t.Parallel()
	h, p := startBehindProxy(t)
	e := &graphReader{schema: loadSDL(t), answered: map[string]bool{}}
	ask := func(t *testing.T, query string, variables ...any) map[string]any {
		t.Helper()
		own := *h
		own.t = t
		a := own.as(sandbox.TokenPractitioner, query, variables...)
		withdrawn(t, a)
		data := a.Data
		root := e.schema.Query
		if strings.HasPrefix(query, "mutation") {
			root = e.schema.Mutation
		}
		e.note(root, data)
		p.report(t)
		if t.Failed() {
			t.Logf("the query was %s", query)
		}
		return data
	}
	ids := maps.Clone(knownIDs)
	ids["Event"] = append(ids["Event"], eventIDs(t, h)...)

	for _, f := range fieldsOf(e.schema.Query) {
		def := e.schema.Types[f.Type.Name()]
		t.Run("Query."+f.Name, func(t *testing.T) {
			switch {
			case f.Name == "node": // whatever is a Node can be had by its id
				for _, member := range e.schema.GetPossibleTypes(def) {
					if len(ids[member.Name]) == 0 {
						t.Errorf("no %s is known", member.Name)
						continue
					}
					id := member.Name + ":" + ids[member.Name][0]
					data := ask(t, `{ node(id: "`+id+`") { __typename ... on `+member.Name+" "+e.of(member, 0)+" } }")
					if got := at(t, data, "node.id"); got != id {
						t.Errorf("the node %s is %v", id, got)
					}
				}
			case f.Name == "nodes":
				var all []string
				for _, name := range slices.Sorted(maps.Keys(ids)) {
					if name != "Event" {
						all = append(all, name+":"+ids[name][0])
					}
				}
				data := ask(t, `query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }`, "ids", all)
				for i, id := range all {
					if got := at(t, data, "nodes."+strconv.Itoa(i)+".id"); got != id {
						t.Errorf("nodes.%d is %v, want %s", i, got, id)
					}
				}
			case f.Arguments.ForName("id") != nil:
				if len(ids[def.Name]) == 0 {
					t.Fatalf("no %s is known", def.Name)
				}
				depth := 1
				if def.Name == "Event" {
					depth = 2 // its data first
				}
				for _, id := range ids[def.Name] {
					data := ask(t, "{ "+f.Name+`(id: "`+id+`") `+e.of(def, depth)+" }")
					sameAsUpstream(t, e.schema, h.sandbox, f, id, data[f.Name])
				}
			case isConnection(def):
				first, depth := 3, 1
				switch def.Name {
				case "PatientConnection": // so that some have an address of two lines
					first = 10
				case "WebhookDeliveryConnection": // the one place with events of all types
					first, depth = 500, 3
				}
				ask(t, "{ "+f.Name+"(first: "+strconv.Itoa(first)+", "+alsoNeeded[f.Name]+") "+e.connection(def, depth)+" }")
			case f.Name == "viewer": // of whom a session tells more
				for _, user := range []string{sandbox.PractitionerID, sandbox.StaffID} {
					own := *h
					own.t = t
					b := own.signIn(user)
					e.note(e.schema.Query, b.query("{ viewer "+e.of(def, 1)+" }"))
					b.send(http.MethodPost, h.url+"/oauth/logout", "", nil)
					p.report(t)
				}
			case alsoNeeded[f.Name] != "":
				ask(t, "{ "+f.Name+"("+alsoNeeded[f.Name]+") "+e.of(def, 1)+" }")
			case def.IsCompositeType():
				ask(t, "{ "+f.Name+" "+e.of(def, 1)+" }")
			default:
				ask(t, "{ "+f.Name+" }")
			}
		})
	}
	for _, c := range performers(e.schema) {
		if def := e.schema.Types[c.field.Type.Name()]; c.on != e.schema.Mutation && c.on != e.schema.Query || isConnection(def) {
			for form, args := range argumentSets(e.schema, c.field) {
				t.Run("Arguments/"+c.coordinate+form, func(t *testing.T) {
					selection := e.of(def, 0)
					if isConnection(def) {
						selection = "{ totalCount nodes { __typename } }"
					}
					field := c.field.Name + "(" + args + ") " + selection
					if c.on == e.schema.Query {
						ask(t, "{ "+field+" }")
						return
					}
					ask(t, `{ node(id: "`+c.on.Name+":"+ids[c.on.Name][0]+`") { __typename ... on `+c.on.Name+" { "+field+" } } }")
				})
			}
		}
	}
	write := func(name, input string, refused bool) {
		t.Run("Mutation."+name, func(t *testing.T) {
			h.sandbox.Reset()
			def := e.schema.Types[e.schema.Mutation.Fields.ForName(name).Type.Name()]
			query := "mutation($input: " + strings.ToUpper(name[:1]) + name[1:] + "Input!) { " + name + "(input: $input) " + e.of(def, 1) + " }"
			data := ask(t, query, "input", json.RawMessage(filled(t, input)))
			for _, part := range fieldsOf(def) {
				value := at(t, data, name+"."+part.Name)
				switch {
				case part.Name == "userErrors" && refused != (len(value.([]any)) > 0):
					t.Errorf("userErrors are %v", value)
				case part.Name != "userErrors" && refused != (value == nil):
					t.Errorf("%s is %v", part.Name, value)
				}
			}
		})
	}
	for _, m := range loadMutations(t) {
		write(m.field, string(m.Input), false)
		write(m.field, string(m.Refused.Input), true)
	}
	for _, m := range alsoWritten {
		write(m.field, m.input, false)
	}
	t.Run("Download", func(t *testing.T) {
		data := ask(t, `{ treatmentPlan(id: "`+sandbox.PlanWithLabs+`") { resources { fullscriptId downloadUrl } } }`)
		for i := range list(t, data, "treatmentPlan.resources") {
			download(t, h, at(t, data, "treatmentPlan.resources."+strconv.Itoa(i)+".downloadUrl").(string))
		}
		p.report(t)
	})

	for field, kind := range map[string]string{
		"events": "patient.created", "treatmentPlanUpdated": "treatment_plan.created", "patientUpdated": "patient.updated",
		"treatmentPlanCreated": "treatment_plan.created", "patientCreated": "patient.created", "productCreated": "product.created",
		"orderPlaced": "order.placed", "labOrderUpdated": "lab_order.updated", "productUpdated": "product.updated",
	} {
		t.Run("Subscription."+field, func(t *testing.T) {
			own := *h
			own.t = t
			def := e.schema.Types[e.schema.Subscription.Fields.ForName(field).Type.Name()]
			s := own.subscribe(sandbox.TokenPractitioner, "subscription { "+field+" "+e.of(def, 1)+" }")
			own.emit(sandbox.Emission{Type: kind})
			e.note(e.schema.Subscription, s.value())
			p.report(t)
		})
	}

	t.Run("EveryOperationWasPerformed", func(t *testing.T) {
		p.report(t)
		p.mu.Lock()
		defer p.mu.Unlock()
		others := map[string]bool{"tokenizeEmbedPatient": true, "openEmbedTreatmentPlan": true, "openEmbedPlatform": true} // the browser's
		all := operations(t)
		for id := range all {
			if others[id] == (p.seen[id] > 0) {
				t.Errorf("%s was performed %d times", id, p.seen[id])
			}
		}
		if want := len(all) - len(others); len(p.seen) != want {
			t.Errorf("%d operations were performed, want %d", len(p.seen), want)
		}
	})
	t.Run("EveryFieldWasAnswered", func(t *testing.T) {
		used := &ledger{}
		for _, def := range objects(e.schema) {
			for _, f := range fieldsOf(def) {
				coordinate := def.Name + "." + f.Name
				if def == e.schema.Subscription {
					continue
				}
				if value, asked := e.answered[coordinate]; !asked {
					t.Errorf("%s was never asked for", coordinate)
				} else if !value && !used.allows(neverAnswered, coordinate) {
					t.Errorf("%s was null or empty each time", coordinate)
				}
			}
		}
		unused(t, used, "neverAnswered", neverAnswered)
	})
}

// eventIDs finds an event of each type.
func eventIDs(t *testing.T, h *harness) (ids []string) {
	t.Helper()
	const rows = "(first: 100) { nodes { fullscriptId typeRaw } }"
	data := h.query("{ clinicKeyEvents" + rows + " orderEvents" + rows + " patientEvents" + rows +
		" productEvents" + rows + " treatmentPlanEvents" + rows + " labOrderEvents" + rows + " }")
	seen := map[any]bool{}
	for _, category := range slices.Sorted(maps.Keys(data)) {
		for _, row := range list(t, data, category+".nodes") {
			if kind := at(t, row, "typeRaw"); !seen[kind] {
				seen[kind] = true
				ids = append(ids, at(t, row, "fullscriptId").(string))
			}
		}
	}
	if len(seen) < 10 {
		t.Errorf("there are events of %d types only", len(seen))
	}
	return ids
}

// argumentSets give a value to each argument of a field that has any beside
// those of paging: all at once, and once for each form of a choice of days.
func argumentSets(s *ast.Schema, f *ast.FieldDefinition) map[string]string {
	values := map[string]string{
		"patientId": sandbox.PatientWithManyPlans, "treatmentPlanId": sandbox.PlanWithLabs, "practitionerId": "Practitioner:" + sandbox.ColleagueID,
		"allergenIds": sandbox.AllergenID, "brandId": "Brand:" + sandbox.BrandID, "ingredientIds": sandbox.IngredientID,
		"supplementTypeIds": sandbox.SupplementTypeID, "thirdPartyCertificationIds": sandbox.CertificationID,
		"eventId": "Event:unknown", "email": "someone@example.org", "externalId": sandbox.SharedExternalID,
	}
	days := map[string]string{
		"on": `"2026-02-01"`, "before": `"2026-02-01"`, "after": `"2026-02-01"`, "between": `{from: "2026-02-01", to: "2026-03-31"}`,
	}
	var fixed []string
	choice := ""
	for _, a := range f.Arguments {
		def := s.Types[a.Type.Name()]
		value := ""
		switch {
		case slices.Contains(paging, a.Name):
			continue
		case def.Name == "DateFilter":
			choice = a.Name
			continue
		case def.Kind == ast.Enum:
			value = def.EnumValues[0].Name
		case a.Name == "orderBy":
			value = "{field: " + s.Types[def.Name+"Field"].EnumValues[0].Name + ", direction: DESC}"
		case def.Name == "Boolean":
			value = "true"
		default:
			value = strconv.Quote(cmp.Or(values[a.Name], "a"))
		}
		if a.Type.Elem != nil {
			value = "[" + value + ", " + value + "]"
		}
		fixed = append(fixed, a.Name+": "+value)
	}
	sets := map[string]string{}
	switch {
	case choice != "":
		for form, day := range days {
			sets["/"+choice+"."+form] = strings.Join(append(slices.Clone(fixed), choice+": {"+form+": "+day+"}"), ", ")
		}
	case len(fixed) > 0:
		sets[""] = strings.Join(fixed, ", ")
	}
	return sets
}

// alsoWritten are inputs that no file of testdata/mutations can have: a key
// changes the call's headers, and an empty input names nobody.
var alsoWritten = []struct{ field, input string }{
	{"createTreatmentPlan", `{"patientId": "${PatientWithNoPlans}", "state": "DRAFT", "idempotencyKey": "k-1", "recommendations": [{"variantId": "${VariantID}", "unitsToPurchase": 1}]}`},
	{"createFulfillmentOrder", `{"shippingMethod": "Standard", "idempotencyKey": "k-2", "lineItems": [{"sku": "${SKU}", "quantity": 2}], "shippingAddress": {"phone": "+15550000004"}}`},
	{"createSessionGrant", `{}`},
}

// download fetches an attachment by the address the graph gives for it.
func download(t *testing.T, h *harness, address string) {
	t.Helper()
	path, ours := strings.CutPrefix(address, h.url)
	if !ours {
		t.Fatalf("%s is not the gateway's own", address)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || len(body) == 0 {
		t.Errorf("%s: %d, %d bytes, %v", address, res.StatusCode, len(body), err)
	}
}

// sameAsUpstream compares a record with what the sandbox says of it, key by key.
func sameAsUpstream(t *testing.T, schema *ast.Schema, s *sandbox.Server, f *ast.FieldDefinition, id string, got any) {
	t.Helper()
	op := operations(t)[f.Directives.ForName("rest").Arguments.ForName("operation").Value.Raw]
	w := fetch(t, s, op, id)
	var envelope map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil || w.Code != http.StatusOK || len(envelope) != 1 {
		t.Fatalf("%s of %s: %d %s", op.id, id, w.Code, w.Body)
	}
	for _, record := range envelope {
		m := &match{placement: placement{schema: schema}, t: t, sandbox: s}
		m.same(f.Name, schema.Types[f.Type.Name()], record, got)
		if m.values == 0 {
			t.Errorf("nothing of %s was compared", f.Name)
		}
	}
}

// fetch asks the sandbox for one record.
func fetch(t *testing.T, s *sandbox.Server, op *described, id string) *httptest.ResponseRecorder {
	t.Helper()
	path, _, _ := strings.Cut(op.path, "{")
	r := httptest.NewRequestWithContext(t.Context(), op.method, "http://sandbox.test/api"+path+id, nil)
	r.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// match compares the partner's JSON with an answer of the graph.
type match struct {
	placement
	t       *testing.T
	sandbox *sandbox.Server
	values  int
}

func (m *match) same(at string, def *ast.Definition, want, got any) {
	switch want := want.(type) {
	case []any:
		rows, _ := got.([]any)
		if len(rows) != len(want) {
			m.t.Errorf("%s has %d elements, want %d", at, len(rows), len(want))
			return
		}
		for i := range want {
			m.same(at+"."+strconv.Itoa(i), def, want[i], rows[i])
		}
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			m.t.Errorf("%s is %v, want an object", at, got)
			return
		}
		if !def.IsAbstractType() { // an event's data are compared by what they say, in the stories
			for key, value := range want {
				m.property(at, def, key, value, object)
			}
		}
	default:
		m.scalar(at, def, want, got)
	}
}

func (m *match) property(at string, def *ast.Definition, key string, want any, object map[string]any) {
	way := m.place(def, key)
	if way == nil {
		m.t.Errorf("%s.%s: no field of %s stands for it", at, key, def.Name)
		return
	}
	for _, f := range way[:len(way)-1] {
		inner, _ := object[f.Name].(map[string]any)
		if inner == nil && want == nil {
			return
		}
		object = inner
	}
	if w, ok := wrappers[key]; ok {
		inner, _ := want.(map[string]any)
		want = inner[w.property]
	}
	f := way[len(way)-1]
	to := m.schema.Types[f.Type.Name()]
	got, asked := object[key]
	if !asked {
		got, asked = object[f.Name]
	}
	if !asked && len(object) == 2 { // a link of which the ids were asked
		return
	}
	at += "." + f.Name
	switch _, isObject := want.(map[string]any); {
	case key == "id" && def.Fields.ForName("fullscriptId") != nil:
		m.scalar(at, m.schema.Types["String"], want, object["fullscriptId"])
		m.scalar(at, m.schema.Types["String"], def.Name+":"+fmt.Sprint(want), got)
	case to.Kind == ast.Enum:
		m.same(at+"Raw", m.schema.Types["String"], want, object[f.Name+"Raw"])
		m.same(at, to, want, got)
	case to.Name == "ID" && strings.HasPrefix(f.Description, "The global id"): // of a record that is no link
		m.scalar(at, to, strings.ToUpper(key[:1])+strings.TrimSuffix(key[1:], "_id")+":"+fmt.Sprint(want), got)
	case to.Fields.ForName("fullscriptId") != nil && !isObject:
		m.links(at, to, want, got)
	default:
		m.same(at, to, want, got)
	}
}

// links compares ids with the records they lead to, and records in a list with
// those of the answer.
func (m *match) links(at string, def *ast.Definition, want, got any) {
	if _, embedded := want.(map[string]any); embedded {
		m.same(at, def, want, got)
		return
	}
	if ids, many := want.([]any); many {
		records, _ := got.([]any)
		if len(records) != len(ids) {
			m.t.Errorf("%s has %d elements, want %d", at, len(records), len(ids))
			return
		}
		for i := range ids {
			m.links(at+"."+strconv.Itoa(i), def, ids[i], records[i])
		}
		return
	}
	record, _ := got.(map[string]any)
	m.scalar(at+".fullscriptId", m.schema.Types["String"], want, record["fullscriptId"])
}

func (m *match) scalar(at string, def *ast.Definition, want, got any) {
	m.values++
	switch text, isText := want.(string); {
	case def.Kind == ast.Enum && isText:
		want = enumValue(text)
		if def.EnumValues.ForName(want.(string)) == nil {
			want = "UNKNOWN"
		}
	case def.Name == "Decimal" && want != nil:
		w, err1 := strconv.ParseFloat(fmt.Sprint(want), 64)
		g, err2 := strconv.ParseFloat(fmt.Sprint(got), 64)
		if _, isText := got.(string); err1 != nil || err2 != nil || !isText || w != g {
			m.t.Errorf("%s is %v, want %v as text", at, got, want)
		}
		return
	case def.Name == "URL" && isText && !strings.HasPrefix(text, "http"):
		want = nil // the partner's placeholder picture
	}
	if want != got {
		m.t.Errorf("%s is %#v, want %#v", at, got, want)
	}
}
