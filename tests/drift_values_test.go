package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/sandbox"
)

// replay answers like the sandbox and remembers each answer, so that a query
// can be asked again with one of them changed.
type replay struct {
	next http.Handler
	ops  *http.ServeMux // finds the operation of a request

	mu       sync.Mutex
	answers  map[string]*recorded // by method, address and body
	asked    []*recorded          // since the last reset, in order
	strayed  int                  // requests without a remembered answer since the last reset
	token    string               // the latest query's; calls with another are left over from one before
	learning bool
	changed  *recorded // this answer is replaced
	instead  []byte
}

type recorded struct {
	operation string
	status    int
	header    http.Header
	body      []byte
}

func newReplay(t *testing.T, next http.Handler) *replay {
	t.Helper()
	r := &replay{next: next, ops: http.NewServeMux(), answers: map[string]*recorded{}}
	for id, op := range operations(t) {
		r.ops.HandleFunc(op.method+" /api"+op.path, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Operation", id) })
	}
	return r
}

func (r *replay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		panic(err)
	}
	key := req.Method + " " + req.URL.RequestURI() + " " + string(body)
	token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.answers[key]
	switch {
	case token != r.token: // of a query that was answered without it
		return
	case a == nil && r.learning:
		req.Body = io.NopCloser(bytes.NewReader(body))
		name, answer := httptest.NewRecorder(), httptest.NewRecorder()
		r.ops.ServeHTTP(name, req)
		req.Body = io.NopCloser(bytes.NewReader(body))
		r.next.ServeHTTP(answer, req)
		a = &recorded{name.Header().Get("Operation"), answer.Code, answer.Header(), answer.Body.Bytes()}
		r.answers[key] = a
	case a == nil:
		r.strayed++
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":"Not found"}`)
		return
	}
	r.asked = append(r.asked, a)
	maps.Copy(w.Header(), a.header)
	w.Header().Del("Content-Length")
	w.WriteHeader(a.status)
	if a == r.changed {
		_, _ = w.Write(r.instead)
		return
	}
	_, _ = w.Write(a.body)
}

// expect sets the token of the next query.
func (r *replay) expect(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token = token
}

// with sets which answer is replaced, by what, and forgets what was asked.
func (r *replay) with(a *recorded, instead []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed, r.instead, r.asked, r.strayed = a, instead, nil, 0
}

func (r *replay) calls() (asked []*recorded, strayed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked), r.strayed
}

// drifter asks queries of a gateway in front of a replay.
type drifter struct {
	*harness
	upstream *replay
	done     map[string]bool // properties that have been changed in every way
	runs     int
	shown    int // properties that the answer shows
}

func startDrifter(t *testing.T) *drifter {
	t.Helper()
	d := &drifter{harness: &harness{t: t, sandbox: sandbox.New(sandbox.Options{}), log: &logBuffer{}}, done: map[string]bool{}}
	d.upstream = newReplay(t, d.sandbox)
	upstream := httptest.NewServer(d.upstream)
	t.Cleanup(upstream.Close)
	c := config()
	c.Upstream = upstream.URL + "/api"
	d.serve(c)
	return d
}

// TestDriftOfValues changes the partner's answers, one property at a time and in every
// way the partner is known or likely to, and holds the gateway's answer to one
// rule: all the rest is still there, what cannot be read is null and has an
// error, what is only missing is null and has none, and no call more is made.
func TestDriftOfValues(t *testing.T) {
	t.Parallel()
	d := startDrifter(t)
	e := &graphReader{schema: loadSDL(t), answered: map[string]bool{}}
	for _, query := range driftQueries(t, d.harness, e) {
		d.drift(t, query)
	}
	t.Logf("%d properties, %d of them shown, %d queries", len(d.done), d.shown, d.runs)
	if d.shown < 250 && !raced {
		t.Errorf("only %d properties of answers are shown by any query", d.shown)
	}
}

// driftQueries perform each operation that reads or writes at least once,
// with all fields of what it answers and no links followed.
func driftQueries(t *testing.T, h *harness, e *graphReader) (queries []string) {
	t.Helper()
	ids := maps.Clone(knownIDs)
	ids["Event"] = eventIDs(t, startWith(t, config(), sandbox.Options{}))
	for _, f := range fieldsOf(e.schema.Query) {
		def := e.schema.Types[f.Type.Name()]
		switch {
		case f.Name == "node", f.Name == "nodes", f.Name == "viewer", !def.IsCompositeType(), exactMatches["Query."+f.Name] != "":
		case f.Arguments.ForName("id") != nil:
			depth := 0
			if def.Name == "Event" {
				depth = 1
			}
			for _, id := range ids[def.Name] {
				queries = append(queries, "{ "+f.Name+`(id: "`+id+`") `+e.of(def, depth)+" }")
			}
		case isConnection(def):
			first, depth := "2", 0
			if def.Name == "WebhookDeliveryConnection" {
				first, depth = "100", 2
			}
			queries = append(queries, "{ "+f.Name+"(first: "+first+", "+alsoNeeded[f.Name]+") "+rowsOf(e, def, depth)+" }")
		default:
			queries = append(queries, "{ "+f.Name+" "+e.of(def, 0)+" }")
		}
	}
	for _, c := range performers(e.schema) {
		def := e.schema.Types[c.field.Type.Name()]
		if c.on == e.schema.Query || c.on == e.schema.Mutation || len(ids[c.on.Name]) == 0 || !isConnection(def) {
			continue
		}
		field := c.field.Name + "(first: 2) " + rowsOf(e, def, 0)
		queries = append(queries, `{ node(id: "`+c.on.Name+":"+ids[c.on.Name][0]+`") { __typename ... on `+c.on.Name+" { "+field+" } } }")
	}
	for _, m := range loadMutations(t) {
		f := e.schema.Mutation.Fields.ForName(m.field)
		input := literal(t, e.schema, f.Arguments[0].Type, json.RawMessage(filled(t, string(m.Input))))
		queries = append(queries, "mutation { "+m.field+"(input: "+input+") "+e.of(e.schema.Types[f.Type.Name()], 0)+" }")
	}
	return queries
}

// rowsOf selects a connection's rows by its edges: nodes leaves broken ones out.
func rowsOf(e *graphReader, connection *ast.Definition, depth int) string {
	rows := e.schema.Types[connection.Fields.ForName("nodes").Type.Name()]
	return "{ totalCount edges { node " + e.of(rows, depth, connection.Name) + " } }"
}

// drift asks a query as it is, then once for each change of each property of
// each answer that brought it.
func (d *drifter) drift(t *testing.T, query string) {
	t.Helper()
	d.upstream.learning = true
	d.upstream.with(nil, nil)
	base := d.ask(query)
	d.upstream.learning = false
	if len(base.errors) > 0 {
		t.Errorf("%s: %v", query, base.errors)
		return
	}
	calls, _ := d.upstream.calls()
	seen := map[*recorded]bool{}
	for _, a := range calls {
		if seen[a] || a.status > 299 {
			continue
		}
		seen[a] = true
		var v any
		if decodeNumbers(a.body, &v) != nil {
			continue
		}
		for _, at := range properties(v, nil) {
			name := a.operation + " " + at.String()
			if at[0] == "meta" || d.done[name] {
				continue
			}
			d.done[name] = true
			if raced && len(d.done)%7 != 0 {
				continue
			}
			c := &change{drifter: d, t: t, query: query, base: base, calls: len(calls), answer: a, at: at, name: name}
			c.all()
		}
	}
}

// shown is what a query showed: its leaves by their path, and its errors.
type shown struct {
	leaves map[string]any
	errors []failed
	data   any
}

func (d *drifter) ask(query string) *shown {
	d.runs++
	token := fmt.Sprintf("%s-%d", sandbox.TokenPractitioner, d.runs)
	d.upstream.expect(token)
	a := d.as(token, query)
	s := &shown{leaves: map[string]any{}, data: a.Data}
	leaves("", a.Data, s.leaves)
	for _, e := range a.Errors {
		code, _ := e.Extensions["code"].(string)
		s.errors = append(s.errors, failed{dotted(e.Path), code})
	}
	return s
}

func leaves(at string, v any, into map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			into[at] = nil
		}
		for key, inner := range v {
			leaves(strings.TrimPrefix(at+"."+key, "."), inner, into)
		}
	case []any:
		if len(v) == 0 {
			into[at] = "[]"
		}
		for i, inner := range v {
			leaves(at+"."+strconv.Itoa(i), inner, into)
		}
	default:
		into[at] = moment(v)
	}
}

// moment writes times in one form, so that two forms of one moment are the same.
func moment(v any) any {
	text, _ := v.(string)
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC().Format(time.RFC3339Nano)
	}
	return v
}

// property is the way to a property in a JSON document: keys, and 0 for the
// first element of an array.
type property []any

func (p property) String() string {
	var parts []string
	for _, part := range p {
		parts = append(parts, fmt.Sprint(part))
	}
	return strings.Join(parts, ".")
}

// properties lists those of a document, of arrays those of the first element.
func properties(v any, at property) (out []property) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			here := append(slices.Clone(at), any(key))
			out = append(out, here)
			out = append(out, properties(v[key], here)...)
		}
	case []any:
		if len(v) > 0 {
			out = properties(v[0], append(slices.Clone(at), any(0)))
		}
	}
	return out
}

func decodeNumbers(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(v)
}

// change is a property of an answer that is changed in every way.
type change struct {
	*drifter
	t      *testing.T
	query  string
	base   *shown
	calls  int
	answer *recorded
	at     property
	name   string
}

// object returns a copy of the whole document and the object in it that holds
// the property.
func (c *change) object() (document any, holder map[string]any, key string) {
	if err := decodeNumbers(c.answer.body, &document); err != nil {
		c.t.Fatal(err)
	}
	v := document
	for _, part := range c.at[:len(c.at)-1] {
		switch part := part.(type) {
		case string:
			v = v.(map[string]any)[part]
		case int:
			v = v.([]any)[part]
		}
	}
	return document, v.(map[string]any), c.at[len(c.at)-1].(string)
}

// with asks the query once more with the document changed by do.
func (c *change) with(kind string, do func(document any, holder map[string]any, key string) any) *shown {
	document, holder, key := c.object()
	document = do(document, holder, key)
	raw, err := json.Marshal(document)
	if err != nil {
		c.t.Fatal(err)
	}
	c.upstream.with(c.answer, raw)
	defer c.upstream.with(nil, nil)
	got := c.ask(c.query)
	calls, strayed := c.upstream.calls()
	if len(calls)+strayed > c.calls {
		var names []string
		for _, a := range calls {
			names = append(names, a.operation)
		}
		c.errorf(kind, "took %d calls (%v, %d strayed), want at most %d", len(calls)+strayed, names, strayed, c.calls)
	}
	for _, e := range got.errors {
		if e.code == "INTERNAL" {
			c.errorf(kind, "INTERNAL at %s", e.path)
		}
		if !isNull(got.data, e.path) && !isList(got.data, e.path) {
			c.errorf(kind, "%s at %s, which has a value", e.code, e.path)
		}
	}
	return got
}

// set is [change.with] for another value of the property.
func (c *change) set(kind string, v any) *shown {
	return c.with(kind, func(document any, holder map[string]any, key string) any {
		holder[key] = v
		return document
	})
}

func (c *change) errorf(kind, format string, args ...any) {
	c.t.Errorf("%s %s: %s\n\t%.300s", c.name, kind, fmt.Sprintf(format, args...), c.query)
}

// isNull reports whether the value at a path, or one above it, is null. So to
// speak: an enum that is never null has UNKNOWN.
func isNull(v any, path string) bool {
	for _, part := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(x) {
				return true // left out
			}
			v = x[i]
		default:
			return v == nil
		}
		if v == nil || v == "UNKNOWN" {
			return true
		}
	}
	return false
}

// isList reports whether the value at a path is a list, of which the rows that
// cannot be read are left out.
func isList(v any, path string) bool {
	for _, part := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(x) {
				return false
			}
			v = x[i]
		}
	}
	_, list := v.([]any)
	return list
}

// differences are the leaves that are not what they were; any that has another
// value instead of none is reported.
func (c *change) differences(kind string, got *shown) map[string]bool {
	out := map[string]bool{}
	var invented []string
	for at, want := range c.base.leaves {
		if strings.HasSuffix(at, ".downloadUrl") {
			continue // made of the id and what is known besides
		}
		if have, there := got.leaves[at]; !there || !reflect.DeepEqual(have, want) {
			out[at] = true
			if there && !shortened(got, at) && !madeUp(have, want) && have != nil && have != "[]" && have != "UNKNOWN" && have != "UnknownEventData" {
				invented = append(invented, fmt.Sprintf("%s became %v, was %v", at, have, want))
			}
		}
	}
	if len(invented) > 0 {
		slices.Sort(invented)
		c.errorf(kind, "%d values are others, such as: %s", len(invented), invented[0])
	}
	return out
}

// madeUp reports whether a value is the id that something gets whose own one, or
// whose type, is not known.
func madeUp(have, want any) bool {
	h, _ := have.(string)
	w, _ := want.(string)
	return strings.Contains(h, "unreadable-") || h != "" && strings.HasSuffix(w, ":"+h)
}

// shortened reports whether a value is in a list of which some rows are left out,
// which is an error at the list.
func shortened(got *shown, at string) bool {
	return slices.ContainsFunc(got.errors, func(e failed) bool { return strings.HasPrefix(at, e.path+".") })
}

// same expects that the change makes no difference.
func (c *change) same(kind string, got *shown) {
	gone := slices.Sorted(maps.Keys(c.differences(kind, got)))
	if len(gone) > 0 {
		c.errorf(kind, "%d values are others, such as %s: %v, want %v", len(gone), gone[0], got.leaves[gone[0]], c.base.leaves[gone[0]])
	}
	if len(got.errors) > 0 {
		c.errorf(kind, "failed with %v", got.errors)
	}
}

var (
	timeText    = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)Z$`)
	decimalText = regexp.MustCompile(`^-?(0|[1-9]\d*)\.\d+$`)
)

// all changes the property in every way.
func (c *change) all() {
	_, holder, key := c.object()
	v := holder[key]
	if len(c.at) == 1 && len(holder) == 1 || holder["meta"] != nil {
		c.envelope(key, v)
	}
	if v == nil {
		return
	}
	if key == "id" || key == "type" || len(c.at) == 1 || c.name == "findByMetadata metadata.0.data" {
		// What a record is depends on them: that nothing is invented and no bug is
		// met is all that can be said of every place.
		c.differences("null", c.set("null", nil))
		c.differences("object", c.set("object", map[string]any{"unexpected": true}))
		return
	}
	null := c.set("null", nil)
	empty := c.differences("null", null)
	if len(null.errors) > 0 {
		c.errorf("null", "failed with %v", null.errors)
	}
	if _, scalar := v.(string); scalar && len(empty) > 6 {
		c.errorf("null", "took %d other values along", len(empty))
	}
	if len(empty) > 0 {
		c.shown++
	}
	c.expect("missing", empty, false, c.with("missing", func(document any, holder map[string]any, key string) any {
		delete(holder, key)
		return document
	}))
	c.same("list of one", c.setUnlessList(v))
	c.unreadable(v, empty)
	c.readable(v)
	c.reference(holder, key, v)
}

// expect compares what a change took away with what null does. unreadable says
// whether there has to be an error for it.
func (c *change) expect(kind string, empty map[string]bool, unreadable bool, got *shown) {
	if keptRaw(got) {
		return
	}
	gone := c.differences(kind, got)
	if !maps.Equal(gone, empty) {
		c.errorf(kind, "%d values are gone, want %d as with null: %.200v, want %.200v", len(gone), len(empty),
			slices.Sorted(maps.Keys(gone)), slices.Sorted(maps.Keys(empty)))
	}
	switch failed := len(got.errors) > 0; {
	case failed && !unreadable:
		c.errorf(kind, "failed with %v", got.errors)
	case !failed && unreadable && len(empty) > 0:
		c.errorf(kind, "is null without an error")
	}
}

// keptRaw reports whether the data of an event, which cannot be read, is there as
// it came.
func keptRaw(got *shown) bool {
	for at, v := range got.leaves {
		if v == "UnknownEventData" && strings.HasSuffix(at, "data.__typename") {
			return true
		}
	}
	return false
}

func (c *change) setUnlessList(v any) *shown {
	if _, isList := v.([]any); isList {
		return c.base
	}
	return c.set("list of one", []any{v})
}

// unreadable puts there what cannot be meant.
func (c *change) unreadable(v any, empty map[string]bool) {
	object := map[string]any{"unexpected": true}
	switch v := v.(type) {
	case map[string]any:
		c.expect("true for an object", empty, true, c.set("true for an object", true))
		c.expect("text for an object", empty, true, c.set("text for an object", "some text"))
		c.expect("two for one", empty, true, c.set("two for one", []any{v, v}))
		c.expect("none for one", empty, false, c.set("none for one", []any{}))
	case []any:
		if len(v) > 0 {
			c.expect("an object for a list", empty, true, c.set("an object for a list", object))
		}
	default:
		c.expect("an object for a value", empty, true, c.set("an object for a value", object))
		c.expect("two for one", empty, true, c.set("two for one", []any{v, v}))
		c.expect("none for one", empty, false, c.set("none for one", []any{}))
	}
}

// readable writes the same in another way.
func (c *change) readable(v any) {
	switch v := v.(type) {
	case []any:
		if len(v) == 1 {
			c.same("one for a list", c.set("one for a list", v[0]))
		}
	case json.Number:
		c.same("text for a number", c.set("text for a number", v.String()))
	case bool:
		c.same("text for a boolean", c.set("text for a boolean", strconv.FormatBool(v)))
	case string:
		if m := timeText.FindStringSubmatch(v); m != nil {
			for _, form := range []string{m[1] + "T" + m[2] + "+0000", m[1] + " " + m[2] + " +00:00", m[1] + "T" + m[2] + ".000Z"} {
				c.same("time as "+form, c.set("time as "+form, form))
			}
		}
		if decimalText.MatchString(v) {
			c.same("number for a decimal", c.set("number for a decimal", json.Number(v)))
		}
	}
}

// reference names a record in the other ways.
func (c *change) reference(holder map[string]any, key string, v any) {
	rename := func(kind, to string, v any) {
		c.same(kind, c.with(kind, func(document any, holder map[string]any, key string) any {
			delete(holder, key)
			holder[to] = v
			return document
		}))
	}
	base, isID := strings.CutSuffix(key, "_id")
	plural, areIDs := strings.CutSuffix(key, "_ids")
	switch v := v.(type) {
	case string:
		if _, taken := holder[base]; isID && !taken && base != "integration" && base != "external" && base != "artifact" {
			rename("a record for an id", base, map[string]any{"id": v})
		}
	case map[string]any:
		if id, ok := v["id"].(string); ok && len(v) == 1 && key != "metadata" && holder[key+"_id"] == nil {
			rename("an id for a record", key+"_id", id)
		}
	case []any:
		if _, taken := holder[plural+"s"]; areIDs && !taken && len(v) > 0 {
			var records []any
			for _, id := range v {
				records = append(records, map[string]any{"id": id})
			}
			rename("records for ids", plural+"s", records)
		}
	}
}

// envelope wraps the whole answer in other ways.
func (c *change) envelope(key string, v any) {
	replace := func(kind string, wrapped func(document map[string]any) any) {
		c.same(kind, c.with(kind, func(document any, _ map[string]any, _ string) any {
			return wrapped(document.(map[string]any))
		}))
	}
	switch v.(type) {
	case map[string]any:
		replace("bare", func(map[string]any) any { return v })
		replace("data for the name", func(map[string]any) any { return map[string]any{"data": v} })
		replace("data around the name", func(d map[string]any) any { return map[string]any{"data": d} })
	case []any:
		replace("data for the name", func(d map[string]any) any {
			d["data"] = d[key]
			delete(d, key)
			return d
		})
	}
}
