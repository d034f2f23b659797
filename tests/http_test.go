package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/graph"
	"fsgateway/graph/wire"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/sandbox"
	"fsgateway/internal/transport"
)

const (
	graphQL   = "application/graphql-response+json"
	plainJSON = "application/json"
)

// send sends a request as it is. Headers are names and values in turn; those of
// JSON with the first practitioner's token are there unless emptied.
func (v *virtual) send(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	v.Helper()
	req := httptest.NewRequestWithContext(v.Context(), method, target, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", plainJSON)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Del(headers[i])
		for _, value := range strings.Split(headers[i+1], "\n") {
			if value != "" {
				req.Header.Add(headers[i], value)
			}
		}
	}
	res := httptest.NewRecorder()
	v.handler.ServeHTTP(res, req)
	synctest.Wait()
	return res
}

func get(query string, more ...string) string {
	values := url.Values{"query": {query}}
	for i := 0; i+1 < len(more); i += 2 {
		values.Add(more[i], more[i+1])
	}
	return "/graphql?" + values.Encode()
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, accept, media string }{
		{"Absent", "", plainJSON},
		{"Anything", "*/*", plainJSON},
		{"AnyApplication", "application/*", plainJSON},
		{"GraphQL", graphQL, graphQL},
		{"JSON", plainJSON, plainJSON},
		{"InCapitals", "Application/JSON", plainJSON},
		{"BothAlike", plainJSON + ", " + graphQL, graphQL},
		{"ByQuality", graphQL + ";q=0.1, " + plainJSON + ";q=0.9", plainJSON},
		{"ByQualityInOtherOrder", plainJSON + ";q=0.1," + graphQL, graphQL},
		{"NamedBeforeCovered", "*/*, " + plainJSON, plainJSON},
		{"CoveredWithMoreQuality", plainJSON + ";q=0.5, */*;q=0.8", graphQL},
		{"RefusedByName", graphQL + ";q=0, */*", plainJSON},
		{"TwoHeaders", "text/html\n" + graphQL, graphQL},
		{"Charset", graphQL + "; charset=UTF-8", graphQL},
		{"Apollo", graphQL + "," + plainJSON + ";q=0.9", graphQL},
		{"Urql", graphQL + ", application/graphql+json, " + plainJSON + ", text/event-stream, multipart/mixed", graphQL},
		{"Axios", plainJSON + ", text/plain, */*", plainJSON},
		{"CommaWithinQuotes", `text/x;a="q, ` + graphQL + `", ` + plainJSON, plainJSON},
		{"OneUnreadable", "??, " + plainJSON, plainJSON},
		{"Nothing", "*/*;q=0", ""},
		{"NothingOfOurs", "text/html", ""},
		{"Multipart", "multipart/mixed;deferSpec=20220824", ""},
		{"MultipartOfSubscriptions", "multipart/mixed;boundary=graphql;subscriptionSpec=1.0", ""},
		{"OtherCharset", plainJSON + ";charset=latin1", ""},
		{"QualityOutOfRange", plainJSON + ";q=2", ""},
		{"QualityNoNumber", plainJSON + ";q=NaN", ""},
		{"Rubbish", canary, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				for _, res := range []*httptest.ResponseRecorder{
					v.send(http.MethodPost, "/graphql", `{"query":"{ clinic { fullscriptId } }"}`, "Accept", c.accept),
					v.send(http.MethodGet, get(`{ clinic { fullscriptId } }`), "", "Accept", c.accept),
				} {
					r := readReply(v, res.Code, res.Header(), res.Body.Bytes())
					media, status := c.media, http.StatusOK
					if c.media == "" {
						media, status = plainJSON, http.StatusNotAcceptable
						r.fails(v, failed{"", "BAD_USER_INPUT"})
						if r.hasData(v) {
							v.Errorf("data in a refusal: %s", r.text)
						}
						silent(v, "the answer", r.text, canary)
					}
					r.status(v, status)
					if got := r.Header.Get("Content-Type"); got != media+"; charset=utf-8" {
						v.Errorf("Content-Type %q, want %q", got, media)
					}
					if !strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Accept") || !strings.Contains(r.Header.Get("Cache-Control"), "no-store") {
						v.Errorf("headers %v", r.Header)
					}
					if got := r.Header.Get("Content-Length"); got != strconv.Itoa(len(r.text)) {
						v.Errorf("Content-Length %q of %d", got, len(r.text))
					}
				}
			})
		})
	}
}

// TestStatus: what is wrong with a document or its variables is a client's error,
// except to clients of old that ask for application/json by name.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, path, code string }{
		{"Parse", `{"query":"{"}`, "", "GRAPHQL_PARSE_FAILED"},
		{"Validation", `{"query":"{ nope }"}`, "", "GRAPHQL_VALIDATION_FAILED"},
		{"Coercion", `{"query":"query($id: ID!) { patient(id: $id) { id } }","variables":{"id":null}}`, "", "BAD_USER_INPUT"},
		{"NoSuchOperation", `{"query":"query A { clinic { id } }","operationName":"canary_4711"}`, "", "GRAPHQL_VALIDATION_FAILED"},
		{"WhichOperation", `{"query":"query A { clinic { id } } query B { clinic { id } }"}`, "", "GRAPHQL_VALIDATION_FAILED"},
		{"Subscription", `{"query":"subscription { patients }"}`, "", "GRAPHQL_VALIDATION_FAILED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				for accept, status := range map[string]int{
					"": 400, "*/*": 400, graphQL: 400, graphQL + "," + plainJSON + ";q=0.9": 400, plainJSON: 200,
				} {
					r := v.post(c.body, "Accept", accept)
					r.status(v, status)
					r.fails(v, failed{c.path, c.code})
					if r.hasData(v) {
						v.Errorf("data in a request error: %s", r.text)
					}
					silent(v, "answer and log", r.text+v.log.String(), "canary")
				}
				if n := v.sandbox.Count(""); n != 0 {
					v.Errorf("%d calls", n)
				}
			})
		})
	}
}

// bare is a handler with options of its own and a partner whose every answer is
// a failure.
func bare(t *testing.T, change func(*graph.Options)) func(body string, headers ...string) *reply {
	t.Helper()
	failing := transport.Func(func(r *http.Request) (*http.Response, error) {
		res := httptest.NewRecorder()
		res.WriteHeader(http.StatusInternalServerError)
		return res.Result(), nil
	})
	client, err := fsclient.New("http://partner.example/api", &http.Client{Transport: failing})
	if err != nil {
		t.Fatal(err)
	}
	var o graph.Options
	o.Caller = func(context.Context) string { return "someone" }
	o.Options.Options = wire.Options{
		RequestID: middleware.RequestIDFrom, LogBug: func(_ context.Context, err error) { t.Errorf("a bug: %v", err) },
		Timeout: time.Minute, Done: func(context.Context, wire.Result) {}, MaxBody: 1 << 20,
	}
	change(&o)
	h := middleware.RequestID(graph.NewHandler(&graph.Resolver{Client: client}, o))
	return func(body string, headers ...string) *reply {
		t.Helper()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(body))
		req.Header.Set("Content-Type", plainJSON)
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res := httptest.NewRecorder()
		h.ServeHTTP(res, req)
		return readReply(t, res.Code, res.Header(), res.Body.Bytes())
	}
}

func TestDraftStatus(t *testing.T) {
	t.Parallel()
	ask := bare(t, func(o *graph.Options) { o.DraftStatus = true })
	for _, c := range []struct {
		name, accept, body string
		status             int
	}{
		{"Parse", graphQL, `{"query":"{"}`, 400},
		{"NoJSON", graphQL, `{`, 400},
		{"Validation", graphQL, `{"query":"{ nope }"}`, 422},
		{"ValidationForJSON", plainJSON, `{"query":"{ nope }"}`, 422},
		{"Parameters", graphQL, `{"query":7}`, 422},
		{"NoQuery", graphQL, `{}`, 422},
		{"DataAndErrors", graphQL, `{"query":"{ __typename clinic { name } }"}`, 294},
		{"DataAndErrorsForJSON", plainJSON, `{"query":"{ __typename clinic { name } }"}`, 200},
		{"Data", graphQL, `{"query":"{ __typename }"}`, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ask(c.body, "Accept", c.accept).status(t, c.status)
		})
	}
}

func TestErrorsThatLeave(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, " a%d: clinic { name }", i)
	}
	invalid := `{"query":"{` + strings.ReplaceAll(b.String(), "name", "nope") + `}"}`
	failing := `{"query":"{` + b.String() + `}"}`
	for _, c := range []struct {
		name, body      string
		request, ran    int // settings
		errors, omitted int
	}{
		{"OfADocument", invalid, 0, 0, 10, 0},
		{"OfADocumentBySetting", invalid, 3, 0, 3, 0},
		{"OfAnOperation", failing, 0, 0, 100, 101},
		{"OfAnOperationBySetting", failing, 0, 7, 7, 194},
		{"AtTheLimit", failing, 0, 200, 200, 0},
		{"OneOver", failing, 0, 199, 199, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var result wire.Result
			r := bare(t, func(o *graph.Options) {
				o.MaxRequestErrors, o.MaxExecutionErrors = c.request, c.ran
				o.Done = func(_ context.Context, r wire.Result) { result = r }
			})(c.body)
			if len(r.Errors) != c.errors || len(result.Codes) != c.errors {
				t.Fatalf("%d errors and %d codes, want %d", len(r.Errors), len(result.Codes), c.errors)
			}
			last := r.Errors[len(r.Errors)-1]
			if c.omitted > 0 && (last.Extensions["omitted"] != float64(c.omitted) || last.Extensions["code"] != "TOO_MANY_ERRORS") {
				t.Errorf("the last error is %v, want %d left out", last, c.omitted)
			}
			if c.omitted == 0 && last.Extensions["omitted"] != nil {
				t.Errorf("the last error is %v", last)
			}
		})
	}
}

func TestIntrospectionBySetting(t *testing.T) {
	t.Parallel()
	const typename, schema, named = `{"query":"{ __typename }"}`, `{"query":"query Q { ...F } fragment F on Query { __schema { queryType { name } } }"}`, `{"query":"{ a: __type(name: \"Query\") { name } }"}`
	for _, c := range []struct {
		name, caller string
		allowed      bool
		status       int
		code         string
	}{
		{"Allowed", "", true, 200, ""},
		{"WithoutToken", "", false, 401, "UNAUTHENTICATED"},
		{"WithToken", "someone", false, 403, "FORBIDDEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ask := bare(t, func(o *graph.Options) {
				o.Caller = func(context.Context) string { return c.caller }
				o.Introspection = func(context.Context) (bool, error) { return c.allowed, nil }
			})
			ask(typename).status(t, http.StatusOK)
			for _, body := range []string{schema, named} {
				r := ask(body)
				r.status(t, c.status)
				if c.code == "" {
					r.fails(t)
					continue
				}
				r.fails(t, failed{"", c.code})
				if r.hasData(t) {
					t.Errorf("there is data: %s", r.text)
				}
			}
		})
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	var got []wire.Result
	ask := bare(t, func(o *graph.Options) { o.Done = func(_ context.Context, r wire.Result) { got = append(got, r) } })
	ask(`{"query":"query Who { __typename }"}`)
	ask(`{"query":"mutation Do { __typename }"}`)
	ask(`{"query":"query No { clinic { name } }"}`)
	ask(`{"query":"query No { nope }"}`)
	ask(`{`)
	want := "[{Who query [] 200 false} {Do mutation [] 200 false} {No query [UPSTREAM_ERROR] 200 false} {  [GRAPHQL_VALIDATION_FAILED] 400 false} {  [BAD_USER_INPUT] 400 false}]"
	if text := fmt.Sprint(got); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// TestStrictJSON: a body means one thing only.
func TestStrictJSON(t *testing.T) {
	t.Parallel()
	ask := bare(t, func(*graph.Options) {})
	for _, c := range []struct {
		name, body string
		status     int
		headers    []string
	}{
		{"AsItShouldBe", `{"query":"{ __typename }","operationName":null,"variables":{},"extensions":{"a":[1,{"b":null}]}}`, 200, nil},
		{"KeyOfAnotherCase", `{"query":"{ __typename }","QUERY":"{ nope }","Variables":7}`, 200, nil},
		{"OnlyAnotherCase", `{"Query":"{ __typename }"}`, 400, nil},
		{"KeyTwice", `{"query":"{ __typename }","query":"{ nope }"}`, 400, nil},
		{"KeyTwiceInVariables", `{"query":"{ __typename }","variables":{"a":1,"a":2}}`, 400, nil},
		{"KeyTwiceByEscape", `{"query":"{ __typename }","q\u0075ery":"{ nope }"}`, 400, nil},
		{"Trailing", `{"query":"{ __typename }"}x`, 400, nil},
		{"TwoValues", `{"query":"{ __typename }"}{}`, 400, nil},
		{"NotUTF8", "{\"query\":\"{ __typename } # \xff\"}", 400, nil},
		{"HalfASurrogate", `{"query":"{ __typename } # \ud800"}`, 400, nil},
		{"ByteOrderMark", "\ufeff" + `{"query":"{ __typename }"}`, 400, nil},
		{"Batch", `[{"query":"{ __typename }"}]`, 400, nil},
		{"Deep", `{"query":"{ __typename }","variables":{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}}`, 400, nil},
		{"VariablesAsText", `{"query":"{ __typename }","variables":"{}"}`, 400, nil},
		{"ExtensionsAsList", `{"query":"{ __typename }","extensions":[]}`, 400, nil},
		{"IDWithoutDocuments", `{"documentId":"sha256:00"}`, 400, nil},
		{"UTF8", `{"query":"{ __typename }"}`, 200, []string{"Content-Type", `application/json; charset="UTF-8"`}},
		{"UTF16", `{"query":"{ __typename }"}`, 415, []string{"Content-Type", "application/json; charset=utf-16le"}},
		{"Latin1", `{"query":"{ __typename }"}`, 415, []string{"Content-Type", "application/json;charset=iso-8859-1"}},
		{"GraphQLType", `{ __typename }`, 415, []string{"Content-Type", "application/graphql"}},
		{"Multipart", `{"query":"{ __typename }"}`, 415, []string{"Content-Type", "multipart/form-data; boundary=x"}},
		{"Compressed", `{"query":"{ __typename }"}`, 415, []string{"Content-Encoding", "gzip"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := ask(c.body, c.headers...)
			r.status(t, c.status)
			if c.status == http.StatusOK {
				r.fails(t)
				return
			}
			r.fails(t, failed{"", "BAD_USER_INPUT"})
			if c.name == "Batch" && !strings.Contains(r.text, "Batches") {
				t.Errorf("it does not say that there are no batches: %s", r.text)
			}
		})
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	const named = `query A($n: Int!) { patients(first: $n) { nodes { id } } } query B { clinic { name } }`
	for _, c := range []struct {
		name, target string
		status       int
		code, allow  string
	}{
		{"Query", get(`{ clinic { name } }`), 200, "", ""},
		{"Everything", get(named, "operationName", "A", "variables", `{"n":2}`, "extensions", `{"a":1}`), 200, "", ""},
		{"Empty", get(named, "operationName", "B", "variables", "", "extensions", "null"), 200, "", ""},
		{"Unknown", get(`{ clinic { name } }`, "utm", canary), 200, "", ""},
		{"NoQuery", "/graphql", 400, "BAD_USER_INPUT", ""},
		{"QueryTwice", get(`{ clinic { name } }`, "query", canary), 400, "BAD_USER_INPUT", ""},
		{"VariablesNoJSON", get(named, "variables", "{"+canary), 400, "BAD_USER_INPUT", ""},
		{"VariablesNoObject", get(named, "variables", `["`+canary+`"]`), 400, "BAD_USER_INPUT", ""},
		{"ExtensionsNoObject", get(named, "extensions", `7`), 400, "BAD_USER_INPUT", ""},
		{"BadEscape", "/graphql?query=%zz" + canary, 400, "BAD_USER_INPUT", ""},
		{"Semicolon", "/graphql?query={clinic{name}};a=" + canary, 400, "BAD_USER_INPUT", ""},
		{"Mutation", get(`mutation { createPatient(input: {email: "` + canary + `@a.example", firstName: "a", lastName: "b"}) { patient { id } } }`), 405, "BAD_USER_INPUT", "POST"},
		{"MutationByName", get(`query Q { clinic { name } } mutation M { __typename }`, "operationName", "M"), 405, "BAD_USER_INPUT", "POST"},
		{"QueryBesideAMutation", get(`query Q { clinic { name } } mutation M { __typename }`, "operationName", "Q"), 200, "", ""},
		{"Invalid", get(`{ nope }`), 400, "GRAPHQL_VALIDATION_FAILED", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				res := v.send(http.MethodGet, c.target, "", "Accept", graphQL)
				r := readReply(v, res.Code, res.Header(), res.Body.Bytes())
				r.status(v, c.status)
				if c.code == "" {
					r.fails(v)
				} else {
					r.fails(v, failed{"", c.code})
					if n := v.sandbox.Count(""); n != 0 || r.hasData(v) {
						v.Errorf("%d calls: %s", n, r.text)
					}
				}
				if got := r.Header.Get("Allow"); got != c.allow {
					v.Errorf("Allow %q", got)
				}
				silent(v, "answer and log", r.text+v.log.String(), canary)
			})
		})
	}
	t.Run("OtherMethods", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, "QUERY"} {
				res := v.send(method, get(`{ clinic { name } }`), "")
				if res.Code != http.StatusMethodNotAllowed || res.Header().Get("Allow") != "GET, POST" {
					v.Errorf("%s: %d, Allow %q", method, res.Code, res.Header().Get("Allow"))
				}
			}
		})
	})
}

// echoes are requests that hold the canary where the gateway might repeat it.
func echoes() map[string]string {
	quoted := `\"` + canary + `\"`
	return map[string]string{
		"Parse":            `{"query":"{ patient(id: \"x\" ` + quoted + `) { id } }"}`,
		"OpenString":       `{"query":"{ patient(id: \"` + canary + `) { id } }"}`,
		"ListForID":        `{"query":"{ patient(id: [` + quoted + `]) { id } }"}`,
		"TextForInt":       `{"query":"{ patients(first: ` + quoted + `) { nodes { id } } }"}`,
		"TextForEnum":      `{"query":"{ patients(patientType: ` + quoted + `) { nodes { id } } }"}`,
		"BlockForEnum":     `{"query":"{ patients(patientType: \"\"\"a: ` + canary + `\n\"\"\") { nodes { id } } }"}`,
		"TextForObject":    `{"query":"{ orders(completedAt: ` + quoted + `) { nodes { id } } }"}`,
		"ObjectForText":    `{"query":"{ searchPatients(email: {a: ` + quoted + `}) { nodes { id } } }"}`,
		"VariableForInt":   `{"query":"query($n: Int) { patients(first: $n) { nodes { id } } }","variables":{"n":"` + canary + `"}}`,
		"VariableForEnum":  `{"query":"query($n: PatientType) { patients(patientType: $n) { nodes { id } } }","variables":{"n":"` + canary + `"}}`,
		"ValueInVariables": `{"query":"query($n: DateFilter) { orders(completedAt: $n) { nodes { id } } }","variables":{"n":{"on":"` + canary + `"}}}`,
		"UnusedVariable":   `{"query":"{ clinic { name } }","variables":{"` + canary + `":"` + canary + `"}}`,
		"OperationName":    `{"query":"{ clinic { name } }","operationName":"` + canary + `"}`,
		"Extensions":       `{"query":"{ clinic { name } }","extensions":{"` + canary + `":"` + canary + `"}}`,
		"Comment":          `{"query":"{ # ` + canary + `\n nope }"}`,
	}
}

// TestNothingIsEchoed: what a client fills in comes back neither in a message
// nor in the log, whatever is wrong with the request around it.
func TestNothingIsEchoed(t *testing.T) {
	t.Parallel()
	for name, body := range echoes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				r := v.post(body, "Accept", graphQL, "User-Agent", canary, "X-Request-Id", canary+" ", "Cookie", canary)
				silent(v, "answer and log", r.text+fmt.Sprint(r.Header)+v.log.String(), canary)
				var sent struct{ Query, OperationName, Variables, Extensions any }
				if json.Unmarshal([]byte(body), &sent) != nil {
					v.Fatal("the body is no JSON")
				}
			})
		})
	}
}
