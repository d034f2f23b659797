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
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json/jsontext"
)

// refusal is why a request is not even looked at as GraphQL.
type refusal struct {
	status  int
	code    string
	message string
	allow   string // the methods, with 405
}

func refusef(status int, format string, args ...any) *refusal {
	return &refusal{status: status, code: CodeBadUserInput, message: fmt.Sprintf(format, args...)}
}

func notAllowed(allow, message string) *refusal {
	return &refusal{status: http.StatusMethodNotAllowed, code: CodeBadUserInput, message: message, allow: allow}
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
	case http.MethodGet:
		p, refused = t.readGet(r)
	default:
		refused = notAllowed("GET, POST", "Send the query with POST or GET.")
	}
	if refused != nil {
		return nil, refused
	}
	if t.empty(p) {
		if r.Method == http.MethodGet {
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
	if charset, given := params["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return nil, refusef(http.StatusUnsupportedMediaType, "Send the query as Content-Type: application/json in UTF-8; no other charset is read.")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, refusef(http.StatusUnsupportedMediaType, "Send the body as it is, without a Content-Encoding.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, t.o.MaxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refusef(http.StatusRequestEntityTooLarge, "The body is over %d bytes.", tooLarge.Limit)
	}
	if err != nil {
		return nil, refusef(http.StatusBadRequest, noRequest)
	}
	value, err := strictJSON(body)
	if err != nil {
		return nil, refusef(http.StatusBadRequest, noRequest)
	}
	switch value := value.(type) {
	case map[string]any:
		p := &graphql.RawParams{}
		if !assign(p, value) {
			return nil, t.malformed(noRequest)
		}
		return p, nil
	case []any:
		return nil, t.malformed(noRequest + " Requests are not taken in batches: send each in a body of its own.")
	}
	return nil, t.malformed(noRequest)
}

func (t transport) readGet(r *http.Request) (*graphql.RawParams, *refusal) {
	const form = `The query string must hold a "query", and may hold "operationName", and "variables" and "extensions" as JSON objects, each once.`
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, t.malformed(form)
	}
	given := map[string]any{}
	for _, name := range []string{"query", "operationName", "variables", "extensions", "documentId", "doc_id"} {
		values, has := query[name]
		switch {
		case len(values) > 1:
			return nil, t.malformed(form)
		case !has:
		case name == "variables" || name == "extensions":
			if values[0] == "" {
				continue
			}
			if given[name], err = strictJSON([]byte(values[0])); err != nil {
				return nil, t.malformed(form)
			}
		default:
			given[name] = values[0]
		}
	}
	p := &graphql.RawParams{}
	if !assign(p, given) {
		return nil, t.malformed(form)
	}
	return p, nil
}

// assign puts the parameters of a request in their places, and says whether each
// is of its type. Null is as good as absent.
func assign(p *graphql.RawParams, given map[string]any) bool {
	ok := true
	text := func(name string, to *string) {
		if v := given[name]; v != nil {
			s, is := v.(string)
			*to, ok = s, ok && is
		}
	}
	object := func(name string, to *map[string]any) {
		if v := given[name]; v != nil {
			m, is := v.(map[string]any)
			*to, ok = m, ok && is
		}
	}
	text("query", &p.Query)
	text("operationName", &p.OperationName)
	object("variables", &p.Variables)
	object("extensions", &p.Extensions)
	for _, name := range named[1:] {
		if id := given[name]; id != nil {
			if p.Extensions == nil {
				p.Extensions = map[string]any{}
			}
			p.Extensions[name] = id
		}
	}
	return ok
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
