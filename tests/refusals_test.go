package tests

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestRefusalsName: a request that is no GraphQL is told which part of it is
// wrong, and nothing that may be data is repeated.
func TestRefusalsName(t *testing.T) {
	t.Parallel()
	const ok = `"query":"{ __typename }"`
	for _, c := range []struct{ name, body, says string }{
		{"QueryAsANumber", `{"query":5}`, `"query" must be a string`},
		{"VariablesAsText", `{` + ok + `,"variables":"{}"}`, `"variables" must be a JSON object`},
		{"VariablesAsAList", `{` + ok + `,"variables":["` + canary + `"]}`, `"variables" must be a JSON object`},
		{"OperationNameAsANumber", `{` + ok + `,"operationName":5}`, `"operationName" must be a string`},
		{"ExtensionsAsAList", `{` + ok + `,"extensions":[]}`, `"extensions" must be a JSON object`},
		{"MemberTwice", `{` + ok + `,` + ok + `}`, `"query" occurs twice`},
		{"MemberTwiceByEscape", `{` + ok + `,"q\u0075ery":"{ nope }"}`, `"query" occurs twice`},
		{"TwiceInVariables", `{` + ok + `,"variables":{"` + canary + `":1,"` + canary + `":2}}`, `a name occurs twice in an object of "variables"`},
		{"TwiceDeepInVariables", `{` + ok + `,"variables":{"a":[{"` + canary + `":1,"` + canary + `":2}]}}`, `a name occurs twice in an object of "variables"`},
		{"TwiceElsewhere", `{` + ok + `,"` + canary + `":1,"` + canary + `":2}`, `a name occurs twice in one object`},
		{"NoJSON", `{` + ok + `,}`, `not valid JSON`},
		{"NoQuery", `{"variables":{}}`, `a JSON object with a "query"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				r := v.post(c.body)
				r.status(v, http.StatusBadRequest)
				r.fails(v, failed{"", "BAD_USER_INPUT"})
				if !strings.Contains(r.Errors[0].Message, c.says) {
					v.Errorf("%q does not say %q", r.Errors[0].Message, c.says)
				}
				silent(v, "the answer", r.text, canary)
			})
		})
	}
	for _, c := range []struct{ name, query, says string }{
		{"GetWithVariablesAsText", `query={__typename}&variables="{}"`, `"variables" must be a JSON object`},
		{"GetWithBrokenVariables", `query={__typename}&variables={`, `"variables" must be a JSON object`},
		{"GetWithExtensionsAsAList", `query={__typename}&extensions=[]`, `"extensions" must be a JSON object`},
		{"GetTwice", `query={__typename}&query={a}`, `"query" occurs twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				res := v.send(http.MethodGet, "/graphql?"+strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22").Replace(c.query), "")
				r := readReply(v, res.Code, res.Header(), res.Body.Bytes())
				r.status(v, http.StatusBadRequest)
				if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, c.says) {
					v.Errorf("%s does not say %q", r.text, c.says)
				}
			})
		})
	}
}

// TestHarmlessHeaders: what means nothing is not refused, and a refusal says what
// would be taken.
func TestHarmlessHeaders(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		const body = `{"query":"{ __typename }"}`
		for _, headers := range [][]string{
			{"Content-Type", "application/json; charset=utf8"},
			{"Content-Type", `application/json;charset="UTF8"`},
			{"Content-Encoding", "identity"},
			{"Content-Encoding", "Identity"},
			{"Accept", "application/json;charset=utf8"},
			{"Authorization", "Bearer   " + sandbox.TokenPractitioner},
		} {
			r := v.post(body, headers...)
			r.status(v, http.StatusOK)
			r.fails(v)
		}
		for _, coding := range []string{"gzip", "br", "identity, gzip"} {
			r := v.post(body, "Content-Encoding", coding)
			r.status(v, http.StatusUnsupportedMediaType)
			if got := r.Header.Get("Accept-Encoding"); got != "identity" {
				v.Errorf("Accept-Encoding: %q", got)
			}
		}
	})
}

// TestHead: HEAD is GET without the body, on a server that has one.
func TestHead(t *testing.T) {
	t.Parallel()
	h := start(t)
	ask := func(method, query string) *http.Response {
		req, _ := http.NewRequestWithContext(t.Context(), method, h.url+"/graphql?query="+url.QueryEscape(query), nil)
		req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
		res, err := h.http().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	for _, query := range []string{`{ __typename }`, `{ nope }`, `{`, ``} {
		get, head := ask(http.MethodGet, query), ask(http.MethodHead, query)
		if head.StatusCode != get.StatusCode || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
			t.Errorf("%q: HEAD is %d, GET %d", query, head.StatusCode, get.StatusCode)
		}
	}
	for _, query := range []string{`mutation { createStaff(input: {email: "a@example.org", firstName: "A", lastName: "B"}) { staff { id } } }`, `subscription { events { id } }`} {
		if res := ask(http.MethodHead, query); res.StatusCode != http.StatusMethodNotAllowed && res.StatusCode != http.StatusNotAcceptable {
			t.Errorf("%q: %d", query, res.StatusCode)
		}
	}
	if n := h.sandbox.Count("createStaff"); n != 0 {
		t.Errorf("HEAD wrote %d times", n)
	}
}

// TestSameCallerOnASocket: one caller may be named twice, in any spelling, and
// two callers may not.
func TestSameCallerOnASocket(t *testing.T) {
	t.Parallel()
	const token, other = sandbox.TokenPractitioner, sandbox.TokenStaff
	for _, c := range []struct {
		name, upgrade, payload string
		ok                     bool
	}{
		{"AnotherSpelling", "Bearer " + token, `{"Authorization":"bearer ` + token + `"}`, true},
		{"MoreSpaces", "Bearer " + token, `{"authorization":"BEARER   ` + token + `"}`, true},
		{"TwoNames", "", `{"Authorization":"Bearer ` + token + `","authorization":"bearer ` + token + `"}`, true},
		{"AmongHeaders", "Bearer " + token, `{"authorization":"Bearer ` + token + `","headers":{"Authorization":"Bearer ` + token + `"}}`, true},
		{"AnotherToken", "Bearer " + token, `{"Authorization":"Bearer ` + other + `"}`, false},
		{"TwoTokens", "", `{"Authorization":"Bearer ` + token + `","headers":{"authorization":"Bearer ` + other + `"}}`, false},
		{"OneIsNoToken", "", `{"Authorization":"Bearer ` + token + `","authorization":"Basic x"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			var headers []string
			if c.upgrade != "" {
				headers = []string{"Authorization", c.upgrade}
			}
			s := h.dial("graphql-transport-ws", headers...)
			s.send(`{"type":"connection_init","payload":` + c.payload + `}`)
			if !c.ok {
				s.closed(4403)
				return
			}
			s.hears("connection_ack", "")
		})
	}
}
