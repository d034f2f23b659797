package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json/jsontext"

	"fsgateway/graph/apierror"
)

// refusal is why a request is not even looked at as GraphQL.
type refusal struct {
	status  int
	code    string
	message string
	header  http.Header // what else the answer says, nil for nothing
}

func refusef(status int, format string, args ...any) *refusal {
	return &refusal{status: status, code: apierror.CodeBadUserInput, message: fmt.Sprintf(format, args...)}
}

func notAllowed(allow, message string) *refusal {
	return &refusal{status: http.StatusMethodNotAllowed, code: apierror.CodeBadUserInput, message: message, header: http.Header{"Allow": {allow}}}
}

// named are the ways to name a document instead of sending it. Those beside
// "query" are handed on among the extensions.
var named = []string{"persistedQuery", "documentId", "doc_id"}

func (t transport) read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *refusal) {
	start := graphql.Now()
	var p *graphql.RawParams
	var refused *refusal
	switch r.Method {
	case http.MethodPost:
		p, refused = t.readPost(w, r)
	case http.MethodGet, http.MethodHead:
		p, refused = t.readGet(r)
	default:
		refused = notAllowed("GET, POST", "Send the query with POST or GET.")
	}
	if refused != nil {
		return nil, refused
	}
	if t.empty(p) {
		if r.Method != http.MethodPost {
			return nil, t.malformed(`The query string must hold a "query".`)
		}
		return nil, t.malformed(noRequest)
	}
	p.Headers = r.Header
	p.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return p, nil
}

// empty says whether a request names no document, in whichever way.
func (t transport) empty(p *graphql.RawParams) bool {
	return p.Query == "" && (t.o.Persisted == nil || !isNamed(p.Extensions))
}

func isNamed(extensions map[string]any) bool {
	for _, name := range named {
		if extensions[name] != nil {
			return true
		}
	}
	return false
}

const noRequest = `The body must be a JSON object with a "query".`

// malformed refuses parameters that are missing or of the wrong type.
func (t transport) malformed(message string) *refusal {
	if t.o.DraftStatus {
		return refusef(http.StatusUnprocessableEntity, "%s", message)
	}
	return refusef(http.StatusBadRequest, "%s", message)
}

func (t transport) readPost(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *refusal) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON || len(r.Header.Values("Content-Type")) > 1 {
		return nil, refusef(http.StatusUnsupportedMediaType, "Send the query as JSON, with Content-Type: application/json.")
	}
	if charset, given := params["charset"]; given && !isUTF8(charset) {
		return nil, refusef(http.StatusUnsupportedMediaType, "Send the query as Content-Type: application/json in UTF-8; no other charset is read.")
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		refused := refusef(http.StatusUnsupportedMediaType, "Send the body as it is, without a Content-Encoding.")
		refused.header = http.Header{"Accept-Encoding": {"identity"}} // RFC 9110, section 15.5.16
		return nil, refused
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, t.o.MaxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refusef(http.StatusRequestEntityTooLarge, "The body is over %d bytes.", tooLarge.Limit)
	}
	if err != nil {
		return nil, refusef(http.StatusBadRequest, noRequest)
	}
	value, err := strictJSON(body)
	if wrong := twice(err); wrong != "" {
		return nil, refusef(http.StatusBadRequest, wrongMember, "body", wrong)
	}
	if err != nil {
		return nil, refusef(http.StatusBadRequest, "The body is not valid JSON. "+noRequest)
	}
	switch value := value.(type) {
	case map[string]any:
		p := &graphql.RawParams{}
		if wrong := assign(p, value); wrong != "" {
			return nil, t.malformed(fmt.Sprintf(wrongMember, "body", wrong))
		}
		return p, nil
	case []any:
		return nil, t.malformed(noRequest + " Requests are not taken in batches: send each in a body of its own.")
	}
	return nil, t.malformed(noRequest)
}

// parameters are those of a query string.
var parameters = []string{"query", "operationName", "variables", "extensions", "documentId", "doc_id"}

func (t transport) readGet(r *http.Request) (*graphql.RawParams, *refusal) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, t.malformed("The query string is not encoded as that of a URL.")
	}
	given := map[string]any{}
	for _, name := range parameters {
		values, has := query[name]
		switch {
		case len(values) > 1:
			return nil, t.malformed(fmt.Sprintf(wrongMember, "query string", `"`+name+`" stands twice`))
		case !has:
		case name == "variables" || name == "extensions":
			if values[0] == "" {
				continue
			}
			if given[name], err = strictJSON([]byte(values[0])); err != nil {
				return nil, t.malformed(fmt.Sprintf(wrongMember, "query string", `"`+name+`" must be a JSON object without a name twice`))
			}
		default:
			given[name] = values[0]
		}
	}
	p := &graphql.RawParams{}
	if wrong := assign(p, given); wrong != "" {
		return nil, t.malformed(fmt.Sprintf(wrongMember, "query string", wrong))
	}
	return p, nil
}

// wrongMember says where something is wrong, and what.
const wrongMember = "In the %s, %s."

// assign puts the members of a request, a JSON object, in their places. It says
// of the first of another type what it must be, "" if there is none. Null is as
// good as absent.
func assign(p *graphql.RawParams, given map[string]any) (wrong string) {
	for _, m := range []struct {
		name string
		to   *string
	}{{"query", &p.Query}, {"operationName", &p.OperationName}} {
		s, is := given[m.name].(string)
		if !is && given[m.name] != nil {
			return `"` + m.name + `" must be a string`
		}
		*m.to = s
	}
	for _, m := range []struct {
		name string
		to   *map[string]any
	}{{"variables", &p.Variables}, {"extensions", &p.Extensions}} {
		o, is := given[m.name].(map[string]any)
		if !is && given[m.name] != nil {
			return `"` + m.name + `" must be a JSON object`
		}
		*m.to = o
	}
	for _, name := range named[1:] {
		if id := given[name]; id != nil {
			if p.Extensions == nil {
				p.Extensions = map[string]any{}
			}
			p.Extensions[name] = id
		}
	}
	return ""
}

// twice says which name stands twice in an object, "" if that is not what is
// wrong. A name that is no member of requests may be data, and is not repeated.
func twice(err error) string {
	e, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok || !errors.Is(e.Err, jsontext.ErrDuplicateName) {
		return ""
	}
	pointer := strings.TrimPrefix(string(e.JSONPointer), "/payload") // of a socket's message
	member, inner, nested := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	switch {
	case !slices.Contains(parameters, member):
		return "a name stands twice in one object"
	case nested && inner != "":
		return `a name stands twice in an object of "` + member + `"`
	}
	return `"` + member + `" stands twice`
}

// isUTF8 reports whether a charset is the one that is read; both spellings of
// its name are in use.
func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// strictJSON reads one JSON value in UTF-8 and nothing behind it, in which no
// object has a name twice. Numbers stay as they were written.
func strictJSON(text []byte) (any, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(text))
	value, err := jsonValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return value, nil
}

func jsonValue(d *jsontext.Decoder) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		object := map[string]any{}
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String() // before the token is read over
			if object[key], err = jsonValue(d); err != nil {
				return nil, err
			}
		}
		_, err = d.ReadToken()
		return object, err
	case '[':
		list := []any{}
		for d.PeekKind() != ']' {
			item, err := jsonValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err = d.ReadToken()
		return list, err
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}
