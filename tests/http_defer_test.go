package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/sandbox"
)

const deferAccept = "multipart/mixed;deferSpec=20220824," + graphQL + "," + plainJSON + ";q=0.9"

// part is one part of an answer that comes in parts.
type part struct {
	at          time.Duration // after the request
	Data        map[string]any
	Errors      []any
	Incremental []struct {
		Data   any
		Path   []any
		Label  string
		Errors []struct {
			Path       []any
			Extensions map[string]any
		}
	}
	Extensions map[string]any
	HasNext    *bool
}

// clocked notes when an answer was flushed.
type clocked struct {
	*httptest.ResponseRecorder
	begin   time.Time
	flushed []time.Duration
}

func (w *clocked) Flush() { w.flushed = append(w.flushed, time.Since(w.begin)) }

// parts asks for a query and reads the parts of its answer.
func (v *virtual) parts(query string, variables ...any) []part {
	v.Helper()
	req := httptest.NewRequestWithContext(v.Context(), http.MethodPost, "/graphql", strings.NewReader(requestBody(v, query, variables...)))
	req.Header.Set("Cache-Control", "no-cache") // see harness.as
	req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
	req.Header.Set("Content-Type", plainJSON)
	req.Header.Set("Accept", deferAccept)
	w := &clocked{ResponseRecorder: httptest.NewRecorder(), begin: time.Now()}
	v.handler.ServeHTTP(w, req)
	end := time.Since(w.begin)
	synctest.Wait()
	out := readParts(v, w.Result())
	for i := range out {
		out[i].at = end
	}
	if len(w.flushed) > 0 {
		out[0].at = w.flushed[0]
	}
	return out
}

func readParts(t testing.TB, res *http.Response) []part {
	t.Helper()
	defer res.Body.Close()
	media, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || media != "multipart/mixed" || params["deferspec"] != "20220824" || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	var out []part
	for r := multipart.NewReader(res.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(p)
		if err != nil || !strings.HasPrefix(p.Header.Get("Content-Type"), plainJSON) {
			t.Fatalf("%v %v", err, p.Header)
		}
		var one part
		if err := json.Unmarshal(text, &one); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		out = append(out, one)
	}
	if len(out) != 2 || out[0].HasNext == nil || !*out[0].HasNext || out[1].HasNext == nil || *out[1].HasNext {
		t.Fatalf("parts are %+v", out)
	}
	return out
}

// joined is what a client has in the end.
func joined(t testing.TB, parts []part) any {
	t.Helper()
	var whole any = parts[0].Data
	for _, p := range parts[1:] {
		for _, i := range p.Incremental {
			whole = merged(whole, i.Path, i.Data)
		}
	}
	return whole
}

func merged(into any, path []any, data any) any {
	switch x := into.(type) {
	case map[string]any:
		x = maps.Clone(x)
		if len(path) > 0 {
			name := path[0].(string)
			x[name] = merged(x[name], path[1:], data)
			return x
		}
		more, _ := data.(map[string]any)
		for name, value := range more {
			if inner, both := x[name]; both && inner != nil && value != nil { // as clients do: deeply
				value = merged(inner, nil, value)
			}
			x[name] = value
		}
		return x
	case []any:
		x = append([]any{}, x...)
		if len(path) == 0 {
			for i, item := range data.([]any) {
				x[i] = merged(x[i], nil, item)
			}
			return x
		}
		i := int(path[0].(float64))
		x[i] = merged(x[i], path[1:], data)
		return x
	}
	return data
}

// TestDefer: what is deferred comes later, all the rest at once, and both
// together are the answer that comes without, by the same calls.
func TestDefer(t *testing.T) {
	t.Parallel()
	const patient = `patient(id: "` + sandbox.PatientWithManyPlans + `")`
	for _, c := range []struct {
		name, query string
		first       string // the first part, "" where it is not looked at
		labels      string
	}{
		{"Detail", `{ patients(first: 3) { nodes { firstName ... @defer(label: "d") { dateOfBirth } } } }`, "", "d d d"},
		{"Link", `{ ` + patient + ` { fullscriptId ...P @defer(label: "p") } } fragment P on Patient { treatmentPlans(first: 2) { nodes { state } } }`, `{"patient":{"fullscriptId":"` + sandbox.PatientWithManyPlans + `"}}`, "p"},
		{"Root", `{ __typename ... @defer { clinic { name } } }`, `{"__typename":"Query"}`, ""},
		{"Edges", `{ patients(first: 2) { edges { cursor ... on PatientEdge @defer { node { id dateOfBirth } } } totalCount } }`, "", " "},
		{"NothingElse", `{ ` + patient + ` { ... @defer { id firstName } } }`, `{"patient":{}}`, ""},
		{"DeferredBeforeTheSame", `{ ` + patient + ` { ... @defer { treatmentPlans(first: 2) { nodes { state practitioner { firstName } } } } treatmentPlans(first: 2) { nodes { id } } } }`, "", ""},
		{"FragmentWithin", `{ ` + patient + ` { ...A treatmentPlans(first: 2) { nodes { state } } } }
			fragment A on Patient { id ...B }
			fragment B on Patient { ... @defer(label: "b") { treatmentPlans(first: 2) { nodes { practitioner { lastName } } } } }`, "", "b"},
		{"FragmentTwice", `{ ` + patient + ` { ...A @defer(label: "a") ...A } clinic { name } } fragment A on Patient { lastName treatmentPlans(first: 1) { nodes { id } } }`, "", "a"},
		{"Aliases", `{ a: ` + patient + ` { n: firstName ... @defer(label: "x") { m: firstName o: treatmentPlans(first: 1) { totalCount } } } b: clinic { name } }`, "", "x"},
		{"TwoLabels", `{ ` + patient + ` { id ... @defer(label: "x") { dateOfBirth } ... @defer(label: "y") { gender } } }`, "", "x y"},
		{"Nested", `{ ` + patient + ` { id ... @defer(label: "x") { dateOfBirth ... @defer(label: "y") { treatmentPlans(first: 2) { nodes { id ... @defer(label: "z") { state } } } } } } }`, "", "x y z z"},
		{"WithConditions", `query($on: Boolean = true, $off: Boolean = false) { ` + patient + ` { id ... @defer(if: $on, label: "x") @include(if: $on) { gender } ... @defer @skip(if: $on) { email } ... @defer(if: $off) { lastName } } }`, "", "x"},
		{"Interface", `{ node(id: "Patient:` + sandbox.PatientWithManyPlans + `") { id ... on Patient @defer { firstName dateOfBirth } ... on Order @defer { id } } }`, "", ""},
		{"AllOfItSent", `{ ` + patient + ` { id firstName ... @defer(label: "x") { id } ... @defer(label: "y") { firstName id } } }`, "", "x y"},
		{"ByType", `{ nodes(ids: ["Patient:` + sandbox.PatientWithManyPlans + `", "Practitioner:` + sandbox.PractitionerID + `"]) {
			... on Patient @defer(label: "p") { firstName }
			... on Practitioner @defer(label: "q") { firstName }
			... on Node @defer(label: "n") { id }
		} }`, "", "p n q n"},
		{"Introspection", `{ clinic { name } ... @defer { __schema { queryType { name } } } }`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				inline := v.query(c.query)
				inline.fails(v)
				calls := v.sandbox.Count("")
				v.sandbox.ResetCalls()
				parts := v.parts(c.query)
				if n := v.sandbox.Count(""); n != calls {
					v.Errorf("%d calls, inline %d", n, calls)
				}
				if reflect.DeepEqual(parts[0].Data, inline.Data) != (c.name == "FragmentTwice" || c.name == "AllOfItSent") { // which is wanted at once, too
					v.Errorf("everything came at once: %v", parts[0].Data)
				}
				if got := joined(v, parts); !reflect.DeepEqual(got, any(inline.Data)) {
					v.Errorf("joined\n  %v\nwant\n  %v", got, inline.Data)
				}
				if c.first != "" {
					equal(v, "the first part", parts[0].Data, c.first)
				}
				var labels []string
				for _, i := range parts[1].Incremental {
					labels = append(labels, i.Label)
				}
				if got := strings.Join(labels, " "); got != c.labels {
					v.Errorf("labels %q, want %q", got, c.labels)
				}
			})
		})
	}
}

// TestDeferAsRelayReadsIt: each deferred fragment comes under its label at the
// path where it stands, with all of its fields. Relay waits for each of them.
func TestDeferAsRelayReadsIt(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		parts := v.parts(`query Q { patient(id: "` + sandbox.PatientWithManyPlans + `") { id treatmentPlans(first: 2) { nodes { id ...Plan @defer(label: "Q$defer$Plan") } } ...Rest @defer(label: "Q$defer$Rest") } }
			fragment Plan on TreatmentPlan { id state patient { id } __typename }
			fragment Rest on Patient { id dateOfBirth treatmentPlans(first: 2) { nodes { id state } } }`)
		got := map[string]any{}
		for _, i := range parts[1].Incremental {
			got[i.Label+" "+dotted(i.Path)] = i.Data
		}
		if len(got) != 3 || len(parts[1].Incremental) != 3 {
			v.Fatalf("%+v", parts[1])
		}
		for place, fields := range map[string][]string{
			"Q$defer$Rest patient":                        {"id", "dateOfBirth", "treatmentPlans"},
			"Q$defer$Plan patient.treatmentPlans.nodes.0": {"id", "state", "patient", "__typename"},
			"Q$defer$Plan patient.treatmentPlans.nodes.1": {"id", "state", "patient", "__typename"},
		} {
			data, _ := got[place].(map[string]any)
			for _, name := range fields {
				if data[name] == nil {
					v.Errorf("%s lacks %s: %v", place, name, got)
				}
			}
			if len(data) != len(fields) {
				v.Errorf("%s is %v", place, data)
			}
		}
	})
}

// TestDeferAnywhere puts @defer into documents at random.
func TestDeferAnywhere(t *testing.T) {
	t.Parallel()
	virtually(t, unlimited(), sandbox.Options{}, func(v *virtual) {
		deferred := 0
		for seed := range uint64(150) {
			r := rand.New(rand.NewPCG(seed, 0))
			query := `{ patient(id: "` + sandbox.PatientWithManyPlans + `") ` + randomly(r, "Patient", 4) +
				` } fragment P on Patient ` + randomly(r, "Patient", 2) + ` fragment T on TreatmentPlan ` + randomly(r, "TreatmentPlan", 2) +
				` query Unused { a: patient(id: "a") { ...P } b: treatmentPlan(id: "b") { ...T } }`
			query = strings.Replace(query, "{", "query Used {", 1)
			ask := func(accept string) *httptest.ResponseRecorder {
				body, _ := json.Marshal(map[string]string{"query": query, "operationName": "Used"})
				return v.send(http.MethodPost, "/graphql", string(body), "Accept", accept, "Cache-Control", "no-cache")
			}
			v.sandbox.ResetCalls()
			inline := ask(graphQL)
			calls := v.sandbox.Count("")
			want := readReply(v, inline.Code, inline.Header(), inline.Body.Bytes())
			want.fails(v)
			v.sandbox.ResetCalls()
			res := ask(deferAccept)
			if !strings.HasPrefix(res.Header().Get("Content-Type"), "multipart/mixed") {
				continue // nothing is deferred
			}
			deferred++
			got := joined(v, readParts(v, res.Result()))
			if n := v.sandbox.Count(""); n != calls || !reflect.DeepEqual(got, any(want.Data)) {
				v.Fatalf("%s\n%d calls, inline %d\njoined %v\nwant   %v", query, n, calls, got, want.Data)
			}
		}
		if deferred < 50 {
			v.Errorf("only %d documents had parts", deferred)
		}
	})
}

// randomly selects from a type, in fragments of all kinds.
func randomly(r *rand.Rand, typ string, depth int) string {
	var b strings.Builder
	b.WriteString("{ id")
	for range 1 + r.IntN(4) {
		label := strconv.FormatUint(r.Uint64(), 36)
		maybe := [...]string{"", "@defer", `@defer(label: "` + label + `")`, `@defer(label: "` + label + `", if: true)`}[r.IntN(4)]
		switch n := r.IntN(7); {
		case n == 0 && typ == "Patient":
			b.WriteString(" firstName dateOfBirth")
		case n == 0:
			b.WriteString(" state practitioner { id ... " + maybe + " { firstName } }")
		case n == 1 && depth > 0 && typ == "Patient":
			b.WriteString(" treatmentPlans(first: 2) { nodes " + randomly(r, "TreatmentPlan", depth-1) + " }")
		case n == 1 && depth > 0:
			b.WriteString(" patient " + randomly(r, "Patient", depth-1))
		case n == 2 && depth > 2: // the fragments' own are shallower: no cycles
			b.WriteString(" ..." + map[string]string{"Patient": "P ", "TreatmentPlan": "T "}[typ] + maybe)
		case depth > 0:
			b.WriteString(" ... on " + typ + " " + maybe + " " + randomly(r, typ, depth-1))
		}
	}
	return b.String() + " }"
}

// TestDeferDoesNotWait: the first part is there as soon as what it holds is.
func TestDeferDoesNotWait(t *testing.T) {
	t.Parallel()
	const query = `{ patients(first: 3) { nodes { firstName ... @defer { dateOfBirth } } } }`
	t.Run("SlowDetails", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Latency: 2 * time.Second})
			parts := v.parts(query)
			if parts[0].at != 0 || parts[1].at != 2*time.Second {
				v.Errorf("parts after %v and %v", parts[0].at, parts[1].at)
			}
		})
	})
	t.Run("UntilTheDeadline", func(t *testing.T) {
		t.Parallel()
		c := config()
		c.CallTimeout = time.Minute
		virtually(t, c, sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Hang: true})
			parts := v.parts(query)
			if parts[0].at != 0 || parts[1].at != c.OperationTimeout || len(parts[0].Errors) != 0 {
				v.Errorf("parts after %v and %v: %v", parts[0].at, parts[1].at, parts[0].Errors)
			}
			errs := 0
			for _, i := range parts[1].Incremental {
				for _, e := range i.Errors {
					errs++
					if e.Extensions["code"] != "UPSTREAM_TIMEOUT" {
						v.Errorf("%v", e)
					}
				}
			}
			if errs == 0 {
				v.Error("nothing says what is missing")
			}
		})
	})
	t.Run("FailedDetail", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Status: 500, Times: 1, Body: canary})
			parts := v.parts(query)
			var paths []string
			for _, i := range parts[1].Incremental {
				for _, e := range i.Errors {
					if dotted(e.Path[:3]) != dotted(i.Path) {
						v.Errorf("an error at %v comes with %v", e.Path, i.Path)
					}
					paths = append(paths, dotted(e.Path))
				}
			}
			if len(parts[0].Errors) != 0 || len(paths) != 1 || !strings.HasSuffix(paths[0], "dateOfBirth") {
				v.Errorf("errors %v and %v", parts[0].Errors, paths)
			}
			if !strings.Contains(v.log.String(), `"codes":["UPSTREAM_ERROR"]`) {
				v.Errorf("the log lacks the code: %s", v.log.String())
			}
			silent(v, "the log", v.log.String(), canary)
		})
	})
}

// TestDeferInline: who does not read parts gets everything at once, and so does
// everybody where parts cannot be.
func TestDeferInline(t *testing.T) {
	t.Parallel()
	const query = `{ patients(first: 2) { nodes { firstName ... @defer { dateOfBirth treatmentPlans(first: 1) { totalCount } } } } }`
	const off = `{ patients(first: 2) { nodes { firstName ... @defer(if: false) { dateOfBirth treatmentPlans(first: 1) { totalCount } } } } }`
	const plain = `{ patients(first: 2) { nodes { firstName dateOfBirth treatmentPlans(first: 1) { totalCount } } } }`
	for _, c := range []struct{ name, query, accept string }{
		{"NoAccept", query, ""},
		{"GraphQL", query, graphQL},
		{"MultipartWithoutForm", query, "multipart/mixed, " + graphQL},
		{"OtherForm", query, "multipart/mixed;incrementalSpec=v0.2, " + graphQL},
		{"RefusedForm", query, "multipart/mixed;deferSpec=20220824;q=0, " + graphQL},
		{"SwitchedOff", off, deferAccept},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				want := v.query(plain)
				got := v.post(requestBody(v, c.query), "Accept", c.accept)
				got.fails(v)
				if !reflect.DeepEqual(got.Data, want.Data) || bytes.Contains([]byte(got.text), []byte("hasNext")) {
					v.Errorf("got %s, want %v", got.text, want.Data)
				}
			})
		})
	}
	t.Run("Mutation", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			r := v.post(requestBody(v, `mutation { createPatient(input: {email: "once@example.org", firstName: "A", lastName: "B"}) { ... @defer { patient { firstName } } userErrors { message } } }`), "Accept", deferAccept)
			r.fails(v)
			equal(v, "data", r.Data, `{"createPatient":{"patient":{"firstName":"A"},"userErrors":[]}}`)
			if n := v.sandbox.Count("createPatient"); n != 1 {
				v.Errorf("%d writes", n)
			}
		})
	})
	t.Run("Refused", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			r := v.post(requestBody(v, query), "Accept", deferAccept, "Authorization", "")
			r.status(v, http.StatusUnauthorized)
			r.fails(v, failed{"", "UNAUTHENTICATED"})
			if n := v.sandbox.Count(""); n != 0 {
				v.Errorf("%d calls", n)
			}
		})
	})
}

// TestDryRunOfDeferredParts: a plan comes at once, and nothing is run for it.
func TestDryRunOfDeferredParts(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		r := v.post(requestBody(v, `{ patients(first: 3) { nodes { id ... @defer { dateOfBirth } } } clinic { name } }`), "Accept", deferAccept, "X-Gateway-Dry-Run", "1")
		r.fails(v)
		if r.Extensions["plan"] == nil || v.sandbox.Count("") != 0 {
			v.Errorf("%d calls, %s", v.sandbox.Count(""), r.text)
		}
		if strings.Contains(v.log.String(), "internal error") {
			v.Error(v.log.String())
		}
	})
}

// TestCostOfDeferredParts: the last part says what all of them took.
func TestCostOfDeferredParts(t *testing.T) {
	t.Parallel()
	c := config()
	c.ShowCost = true
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		parts := v.parts(`{ patients(first: 3) { nodes { firstName ... @defer { dateOfBirth } } } }`)
		if got := at(v, parts[1].Extensions, "cost.upstreamCalls"); got != 4.0 {
			v.Errorf("%v calls", got)
		}
	})
}
