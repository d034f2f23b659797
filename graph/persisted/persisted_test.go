package persisted_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"pgregory.net/rapid"

	"fsgateway/graph/apierror"
	"fsgateway/graph/persisted"
)

// echo is a schema whose operations answer with the text that was run.
type echo struct{ schema *ast.Schema }

var newEcho = sync.OnceValue(func() echo {
	return echo{gqlparser.MustLoadSchema(&ast.Source{Input: `
		type Query { name: String! find(id: ID!, note: String): String }
		type Mutation { name: String! }
	`})}
})

func (e echo) Schema() *ast.Schema { return e.schema }

func (echo) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (echo) Exec(ctx context.Context) graphql.ResponseHandler {
	data, err := json.Marshal(map[string]string{"ran": graphql.GetOperationContext(ctx).RawQuery})
	if err != nil {
		panic(err)
	}
	return graphql.OneShot(&graphql.Response{Data: data})
}

// gateway is an executor with the extension in it.
func gateway(t testing.TB, o persisted.Options, after ...graphql.HandlerExtension) *executor.Executor {
	t.Helper()
	e, err := persisted.New(o)
	if err != nil {
		t.Fatal(err)
	}
	exec := executor.New(newEcho())
	exec.Use(e)
	for _, e := range after {
		exec.Use(e)
	}
	return exec
}

type params = graphql.RawParams

// send is the text that a request ran, or the code and the message it got.
func send(exec *executor.Executor, p params) (ran, code, message string) {
	ctx := graphql.StartOperationTrace(context.Background())
	op, errs := exec.CreateOperationContext(ctx, &p)
	if errs != nil {
		code, _ := errs[0].Extensions["code"].(string)
		return "", code, errs[0].Message
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	var data struct{ Ran string }
	if err := json.Unmarshal(responses(ctx).Data, &data); err != nil {
		panic(err)
	}
	return data.Ran, "", ""
}

func sha(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

func md5Of(text string) string {
	hash := md5.Sum([]byte(text))
	return hex.EncodeToString(hash[:])
}

func apq(hash any) map[string]any {
	return map[string]any{"persistedQuery": map[string]any{"version": json.Number("1"), "sha256Hash": hash}}
}

func ext(key string, value any) map[string]any { return map[string]any{key: value} }

const (
	listed   = "query Listed { name }"
	relay    = "query Relay($id: ID!) {\n  find(id: $id)\n}\n"
	named    = "mutation Named { name }"
	unlisted = "query Unlisted { name }"
)

// trusted is a manifest with a SHA-256, an MD5 and a name as ids.
func trusted(t testing.TB) string {
	t.Helper()
	return write(t, map[string]string{sha(listed): listed, md5Of(relay): relay, "shop/Named": named})
}

func write(t testing.TB, manifest any) string {
	t.Helper()
	data, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "persisted-documents.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each request, to a gateway of each kind that has seen nothing before.
func TestRequests(t *testing.T) {
	t.Parallel()
	path := trusted(t)
	gateways := []struct {
		name string
		o    persisted.Options
	}{
		{"off, nothing", persisted.Options{}},
		{"off, APQ", persisted.Options{APQ: true}},
		{"off, manifest", persisted.Options{Manifest: path}},
		{"log, APQ", persisted.Options{Mode: persisted.Log, Manifest: path, APQ: true}},
		{"enforce, APQ", persisted.Options{Mode: persisted.Enforce, Manifest: path, APQ: true}},
	}
	const (
		ok           = "" // it runs
		notFound     = apierror.CodePersistedQueryNotFound
		notSupported = apierror.CodePersistedQueryNotSupported
		mismatch     = apierror.CodePersistedQueryHashMismatch
		notAllowed   = apierror.CodePersistedQueryNotAllowed
		badInput     = "BAD_USER_INPUT"
		invalid      = "GRAPHQL_VALIDATION_FAILED"
	)
	same := func(code string) []string { return slices.Repeat([]string{code}, 5) }
	byID := []string{notSupported, notFound, ok, ok, ok}
	free := []string{ok, ok, ok, ok, notAllowed}
	unknown := []string{notSupported, notFound, notFound, notFound, notAllowed}
	for _, c := range []struct {
		name string
		p    params
		runs string
		want []string // the code at each gateway
	}{
		{"text", params{Query: listed}, listed, same(ok)},
		{"text/unlisted", params{Query: unlisted}, unlisted, free},
		{"text/listed but for a space", params{Query: listed + " "}, listed + " ", free},
		{"text/introspection", params{Query: "{ __typename }"}, "{ __typename }", free},
		{"text/null id", params{Query: listed, Extensions: ext("documentId", nil)}, listed, same(ok)},
		{"nothing", params{}, "", same(invalid)},

		{"apq", params{Extensions: apq(sha(listed))}, listed, byID},
		{"apq/upper case", params{Extensions: apq(strings.ToUpper(sha(listed)))}, listed, byID},
		{"apq/of a document with another id", params{Extensions: apq(sha(named))}, named, byID},
		{"apq/id of the manifest", params{Extensions: apq("shop/Named")}, named, byID},
		{"apq/unlisted", params{Extensions: apq(sha(unlisted))}, "", unknown},
		{"apq/with text", params{Query: listed, Extensions: apq(sha(listed))}, listed, same(ok)},
		{"apq/with unlisted text", params{Query: unlisted, Extensions: apq(sha(unlisted))}, unlisted, free},
		{"apq/with another text", params{Query: unlisted, Extensions: apq(sha(listed))}, "", same(mismatch)},
		{"apq/wrong hash", params{Query: listed, Extensions: apq(sha(unlisted))}, "", same(mismatch)},

		{"documentId", params{Extensions: ext("documentId", sha(listed))}, listed, byID},
		{"documentId/prefix", params{Extensions: ext("documentId", "sha256:"+sha(listed))}, listed, byID},
		{"documentId/md5", params{Extensions: ext("documentId", md5Of(relay)), Variables: map[string]any{"id": "1"}}, relay, byID},
		{"documentId/unlisted", params{Extensions: ext("documentId", "sha256:"+sha(unlisted))}, "", unknown},
		{"documentId/unknown name", params{Extensions: ext("documentId", "shop/Other")}, "", unknown},
		{"documentId/prefix alone", params{Extensions: ext("documentId", "sha256:")}, "", unknown},
		{"documentId/with another text", params{Query: listed, Extensions: ext("documentId", sha(unlisted))}, "", same(mismatch)},
		{"documentId/name with its text", params{Query: named, Extensions: ext("documentId", "shop/Named")}, named, same(ok)},
		{
			"documentId/name with another text",
			params{Query: listed, Extensions: ext("documentId", "shop/Named")},
			listed,
			[]string{ok, ok, mismatch, mismatch, mismatch}, // a name means nothing without the manifest
		},
		{"documentId/unknown name with text", params{Query: unlisted, Extensions: ext("documentId", "shop/Other")}, unlisted, free},

		{"doc_id", params{Extensions: ext("doc_id", "shop/Named")}, named, byID},
		{"doc_id/unknown", params{Extensions: ext("doc_id", md5Of(unlisted))}, "", unknown},

		{"two names of one", params{Extensions: map[string]any{"doc_id": sha(listed), "documentId": "sha256:" + sha(listed)}}, listed, byID},
		{"two documents", params{Extensions: map[string]any{"doc_id": sha(listed), "documentId": sha(named)}}, "", same(badInput)},
		{"documentId/number", params{Query: listed, Extensions: ext("documentId", 7)}, "", same(badInput)},
		{"documentId/empty", params{Query: listed, Extensions: ext("documentId", "")}, "", same(badInput)},
		{"apq/version as other numbers", params{Extensions: ext("persistedQuery", map[string]any{"version": float64(1), "sha256Hash": sha(listed)})}, listed, byID},
		{"apq/version as an int", params{Extensions: ext("persistedQuery", map[string]any{"version": 1, "sha256Hash": sha(listed)})}, listed, byID},
		{"apq/version as text", params{Extensions: ext("persistedQuery", map[string]any{"version": "1", "sha256Hash": sha(listed)})}, "", same(badInput)},
		{"apq/text", params{Query: listed, Extensions: ext("persistedQuery", sha(listed))}, "", same(badInput)},
		{"apq/no hash", params{Query: listed, Extensions: apq(nil)}, "", same(badInput)},
		{"apq/version 2", params{Query: listed, Extensions: ext("persistedQuery", map[string]any{"version": 2, "sha256Hash": sha(listed)})}, "", same(badInput)},
		{"apq/no version", params{Query: listed, Extensions: ext("persistedQuery", map[string]any{"sha256Hash": sha(listed)})}, "", same(badInput)},
		{"apq/odd version", params{Query: listed, Extensions: ext("persistedQuery", map[string]any{"version": []any{}, "sha256Hash": sha(listed)})}, "", same(badInput)},
	} {
		for i, g := range gateways {
			t.Run(c.name+"/"+g.name, func(t *testing.T) {
				t.Parallel()
				ran, code, message := send(gateway(t, g.o), c.p)
				want := c.runs
				if c.want[i] != ok {
					want = ""
				}
				if ran != want || code != c.want[i] {
					t.Errorf("ran %q with code %q (%s), want %q with code %q", ran, code, message, want, c.want[i])
				}
			})
		}
	}
}

// Clients go by these words, and people by the rest.
func TestRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		o       persisted.Options
		p       params
		message string // the whole of it, where it is fixed
		advice  string
	}{
		apierror.CodePersistedQueryNotFound: {
			persisted.Options{APQ: true},
			params{Extensions: apq(sha(listed))},
			"PersistedQueryNotFound",
			`Send the document itself as "query", and with it`,
		},
		apierror.CodePersistedQueryNotSupported: {
			persisted.Options{},
			params{Extensions: apq(sha(listed))},
			"PersistedQueryNotSupported",
			`Send the document itself as "query"`,
		},
		apierror.CodePersistedQueryHashMismatch: {persisted.Options{}, params{Query: listed, Extensions: apq(sha(named))}, "", "send the SHA-256"},
		apierror.CodePersistedQueryNotAllowed: {
			persisted.Options{Mode: persisted.Enforce, Manifest: trusted(t)},
			params{Query: unlisted},
			"",
			"have this one added to the manifest",
		},
	} {
		ctx := graphql.StartOperationTrace(t.Context())
		_, errs := gateway(t, c.o).CreateOperationContext(ctx, &c.p)
		if len(errs) != 1 || errs[0].Extensions["code"] != code {
			t.Errorf("%s: got %v", code, errs)
			continue
		}
		if c.message != "" && errs[0].Message != c.message {
			t.Errorf("%s: says %q, want %q", code, errs[0].Message, c.message)
		}
		if said := fmt.Sprint(errs[0].Message, errs[0].Extensions["hint"]); !strings.Contains(said, c.advice) {
			t.Errorf("%s: %q does not say %q", code, said, c.advice)
		}
	}
}

// refuser stands for a document guard that comes after.
type refuser struct{}

func (refuser) ExtensionName() string                   { return "Refuser" }
func (refuser) Validate(graphql.ExecutableSchema) error { return nil }
func (refuser) MutateOperationParameters(_ context.Context, p *params) *gqlerror.Error {
	if strings.Contains(p.Query, "hostile") {
		return gqlerror.Errorf("too much")
	}
	return nil
}

// What can be asked for by its hash after it was sent once.
func TestRegistration(t *testing.T) {
	t.Parallel()
	path := trusted(t)
	long := "{ name } #" + strings.Repeat("x", 64<<10)
	for _, c := range []struct {
		name string
		o    persisted.Options
		p    params
		want bool
	}{
		{"OK", persisted.Options{APQ: true}, params{Query: unlisted, Extensions: apq(sha(unlisted))}, true},
		{"LogMode", persisted.Options{APQ: true, Mode: persisted.Log, Manifest: path}, params{Query: unlisted, Extensions: apq(sha(unlisted))}, true},
		{"DocumentID", persisted.Options{APQ: true}, params{Query: unlisted, Extensions: ext("documentId", "sha256:"+sha(unlisted))}, true},
		{"EnforceMode", persisted.Options{APQ: true, Mode: persisted.Enforce, Manifest: path}, params{Query: unlisted, Extensions: apq(sha(unlisted))}, false},
		{"NoAPQ", persisted.Options{}, params{Query: unlisted, Extensions: apq(sha(unlisted))}, false},
		{"Nobody", persisted.Options{APQ: true, Caller: func(context.Context) string { return "" }}, params{Query: unlisted, Extensions: apq(sha(unlisted))}, false},
		{"NoHash", persisted.Options{APQ: true}, params{Query: unlisted}, false},
		{"OtherKindOfID", persisted.Options{APQ: true}, params{Query: unlisted, Extensions: ext("doc_id", md5Of(unlisted))}, false},
		{"TooLong", persisted.Options{APQ: true}, params{Query: long, Extensions: apq(sha(long))}, false},
		{"DoesNotParse", persisted.Options{APQ: true}, params{Query: "{", Extensions: apq(sha("{"))}, false},
		{"NotValid", persisted.Options{APQ: true}, params{Query: "{ nosuch }", Extensions: apq(sha("{ nosuch }"))}, false},
		{"RefusedByTheGuard", persisted.Options{APQ: true}, params{Query: "query hostile { name }", Extensions: apq(sha("query hostile { name }"))}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			exec := gateway(t, c.o, refuser{})
			send(exec, c.p)
			// Whoever asks by the hash does so without being known to the cache.
			ran, code, _ := send(exec, params{Extensions: apq(sha(c.p.Query))})
			if c.want && ran != c.p.Query || !c.want && (ran != "" || code == "") {
				t.Errorf("ran %q (%s)", ran, code)
			}
		})
	}
}

// The longest document that is kept is, and it is the text that was hashed.
func TestLongestDocument(t *testing.T) {
	t.Parallel()
	exec := gateway(t, persisted.Options{APQ: true})
	text := "{ name } #"
	text += strings.Repeat("x", 64<<10-len(text))
	send(exec, params{Query: text, Extensions: apq(sha(text))})
	if ran, code, _ := send(exec, params{Extensions: apq(sha(text))}); ran != text {
		t.Errorf("ran %d bytes (%s)", len(ran), code)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	path := trusted(t)
	const canary = `query Canary { find(id: "canary-7f3a") }`
	for _, c := range []struct {
		name string
		mode persisted.Mode
		p    params
		want []string
	}{
		{"OffReportsNothing", persisted.Off, params{Query: canary}, nil},
		{"OffReportsNothingByHash", persisted.Off, params{Query: canary, Extensions: apq(sha(canary))}, nil},
		{"Listed", persisted.Log, params{Query: listed}, nil},
		{"ListedByID", persisted.Log, params{Extensions: ext("doc_id", "shop/Named")}, nil},
		{"Unlisted", persisted.Log, params{Query: canary}, []string{persisted.EventUnlisted, sha(canary), "Canary"}},
		{"UnlistedAndNotValid", persisted.Log, params{Query: `{ canary }`}, nil},
		{"EnforceListed", persisted.Enforce, params{Query: listed}, nil},
		{"EnforceText", persisted.Enforce, params{Query: canary}, []string{persisted.EventRefused, sha(canary), ""}},
		{"EnforceHash", persisted.Enforce, params{Extensions: apq(sha(canary))}, []string{persisted.EventRefused, sha(canary), ""}},
		{"EnforceName", persisted.Enforce, params{Extensions: ext("doc_id", "canary-7f3a")}, []string{persisted.EventRefused, "", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			send(gateway(t, persisted.Options{Mode: c.mode, Manifest: path, Log: func(ctx context.Context, event, hash string) {
				name := ""
				if op := graphql.GetOperationContext(ctx).Operation; op != nil {
					name = op.Name
				}
				got = append(got, event, hash, name)
			}}), c.p)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]persisted.Options{
		"mode log needs a manifest":     {Mode: persisted.Log},
		"mode enforce needs a manifest": {Mode: persisted.Enforce},
		`mode "on" is none of`:          {Mode: "on"},
		"no-such-file.json":             {Manifest: filepath.Join(t.TempDir(), "no-such-file.json")},
	} {
		if e, err := persisted.New(o); err == nil || !strings.Contains(err.Error(), want) || e != nil {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// document draws a valid document, with what may stand in one between tokens
// and inside of strings.
func document(t *rapid.T) string {
	blank := rapid.SampledFrom([]string{" ", "\n", "\t", ",", "\ufeff", "# é \U0001f600\n", "\r\n"})
	name := rapid.StringMatching(`[A-Za-z][A-Za-z0-9_]{0,8}`)
	var b strings.Builder
	b.WriteString(rapid.SampledFrom([]string{"", "query ", "query " + name.Draw(t, "operation") + " "}).Draw(t, "head"))
	b.WriteString("{" + blank.Draw(t, "blank"))
	for i := range rapid.IntRange(1, 5).Draw(t, "fields") {
		fmt.Fprintf(&b, "%s%d:%s", name.Draw(t, "alias"), i, blank.Draw(t, "blank"))
		if rapid.Bool().Draw(t, "find") {
			note, err := json.Marshal(rapid.StringOfN(rapid.RuneFrom([]rune("aé\U0001f600\"\\ {}#")), 0, 8, -1).Draw(t, "note"))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "find(id:%d,note:%s)", i, note)
		} else {
			b.WriteString("name")
		}
		b.WriteString(blank.Draw(t, "blank"))
	}
	b.WriteString("}" + blank.Draw(t, "tail"))
	return b.String()
}

// Any document that is sent once with its hash is what the hash runs from then
// on, for every caller and in every form, whatever else is sent in between.
func TestRegisteredRunsByHash(t *testing.T) {
	t.Parallel()
	exec := gateway(t, persisted.Options{APQ: true})
	rapid.Check(t, func(t *rapid.T) {
		text := document(t)
		hash := sha(text)
		if ran, code, message := send(exec, params{Query: text, Extensions: apq(hash)}); ran != text {
			t.Fatalf("%q is not run: %s %s", text, code, message)
		}
		other := document(t)
		ran, code, _ := send(exec, params{Query: other, Extensions: apq(hash)})
		if other != text && (ran != "" || code != apierror.CodePersistedQueryHashMismatch) {
			t.Fatalf("another document is run for the hash: %q (%s)", ran, code)
		}
		for _, e := range []map[string]any{apq(hash), apq("sha256:" + hash), ext("documentId", hash), ext("documentId", "sha256:"+hash), ext("doc_id", hash)} {
			if ran, code, _ := send(exec, params{Extensions: e}); ran != text {
				t.Fatalf("%v runs %q (%s), want %q", e, ran, code, text)
			}
		}
	})
}

// A hash that is not that of the text never runs it, and registers nothing.
func TestWrongHashNeverRuns(t *testing.T) {
	t.Parallel()
	exec := gateway(t, persisted.Options{APQ: true})
	rapid.Check(t, func(t *rapid.T) {
		text := document(t)
		wrong := []byte(sha(text))
		at := rapid.IntRange(0, len(wrong)-1).Draw(t, "at")
		wrong[at] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", wrong[at])]
		for _, e := range []map[string]any{apq(string(wrong)), ext("documentId", "sha256:"+string(wrong)), ext("doc_id", string(wrong))} {
			if ran, code, _ := send(exec, params{Query: text, Extensions: e}); ran != "" || code != apierror.CodePersistedQueryHashMismatch {
				t.Fatalf("%v runs %q (%s)", e, ran, code)
			}
			if ran, code, _ := send(exec, params{Extensions: e}); ran != "" || code != apierror.CodePersistedQueryNotFound {
				t.Fatalf("%v is kept: %q (%s)", e, ran, code)
			}
		}
	})
}

// Many callers register and use few places at once; nobody gets what is not his.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	exec := gateway(t, persisted.Options{Mode: persisted.Log, Manifest: trusted(t), APQ: true, APQSize: 40_000})
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 200 {
				text := fmt.Sprintf("{ find(id: %d) }", (worker+i)%12)
				if ran, code, _ := send(exec, params{Extensions: apq(sha(text))}); ran != text && code != apierror.CodePersistedQueryNotFound {
					t.Errorf("%q runs %q (%s)", text, ran, code)
				}
				if ran, code, _ := send(exec, params{Query: text, Extensions: apq(sha(text))}); ran != text {
					t.Errorf("%q runs %q (%s)", text, ran, code)
				}
				if ran, code, _ := send(exec, params{Extensions: apq(sha(listed))}); ran != listed {
					t.Errorf("the listed one runs %q (%s)", ran, code)
				}
			}
		})
	}
	wg.Wait()
}

// What Apollo Client's link does over HTTP: the hash alone, then both, then the
// hash alone again.
func TestOverHTTP(t *testing.T) {
	t.Parallel()
	e, err := persisted.New(persisted.Options{APQ: true})
	if err != nil {
		t.Fatal(err)
	}
	h := handler.New(newEcho())
	h.AddTransport(transport.POST{})
	h.Use(e)
	server := httptest.NewServer(h)
	defer server.Close()
	post := func(body string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Authorization": {"Bearer someone"}, "Content-Type": {"application/json"}}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(res.Body); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	hash := fmt.Sprintf(`"extensions":{"persistedQuery":{"version":1,"sha256Hash":%q}}`, sha(unlisted))
	for _, step := range []struct{ body, want string }{
		{`{` + hash + `}`, `"message":"PersistedQueryNotFound"`},
		{`{"query":"` + unlisted + `",` + hash + `}`, `{"data":{"ran":"` + unlisted + `"}}`},
		{`{` + hash + `}`, `{"data":{"ran":"` + unlisted + `"}}`},
	} {
		if got := post(step.body); !strings.Contains(got, step.want) {
			t.Errorf("%s answers %s, want %s", step.body, got, step.want)
		}
	}
}
