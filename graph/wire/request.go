package wire

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/graph/apierror"
	"fsgateway/graph/wire/form"
	"fsgateway/internal/quota"
)

// Refusal is why a request is not even looked at as GraphQL.
type Refusal struct {
	Status  int
	Code    string
	Message string
	Header  http.Header // what else the answer says, nil for nothing
}

// Refusef makes a refusal of the client's input.
func Refusef(status int, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Code: apierror.CodeBadUserInput, Message: fmt.Sprintf(format, args...)}
}

// RetrySoon are the headers of a refusal that will not be one in a moment.
func RetrySoon() http.Header { return http.Header{"Retry-After": {"1"}} }

func notAllowed(allow, message string) *Refusal {
	return &Refusal{Status: http.StatusMethodNotAllowed, Code: apierror.CodeBadUserInput, Message: message, Header: http.Header{"Allow": {allow}}}
}

func (t *Transport) read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *Refusal) {
	start := graphql.Now()
	var p *graphql.RawParams
	var refused *Refusal
	switch r.Method {
	case http.MethodPost:
		p, refused = t.readPost(w, r)
	case http.MethodGet, http.MethodHead:
		p, refused = t.readGet(r)
	default:
		refused = notAllowed("GET, POST", "Method not allowed; use POST or GET.")
	}
	if refused != nil {
		return nil, refused
	}
	if t.o.Empty(p) {
		if r.Method != http.MethodPost {
			return nil, t.malformed(`The query string must have a "query".`)
		}
		return nil, t.malformed(noRequest)
	}
	p.Headers = r.Header
	p.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return p, nil
}

// Empty reports whether a request names no document, in whichever way.
func (o *Options) Empty(p *graphql.RawParams) bool {
	return p.Query == "" && (!o.NamedDocuments || !form.IsNamed(p.Extensions))
}

const noRequest = `The body must be a JSON object with a "query".`

// malformed refuses parameters that are missing or of the wrong type.
func (t *Transport) malformed(message string) *Refusal {
	if t.o.DraftStatus {
		return Refusef(http.StatusUnprocessableEntity, "%s", message)
	}
	return Refusef(http.StatusBadRequest, "%s", message)
}

func (t *Transport) readPost(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *Refusal) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON || len(r.Header.Values("Content-Type")) > 1 {
		return nil, Refusef(http.StatusUnsupportedMediaType, "Send the query as JSON, with Content-Type: application/json.")
	}
	if charset, given := params["charset"]; given && !isUTF8(charset) {
		return nil, Refusef(http.StatusUnsupportedMediaType, "Send the query as application/json in UTF-8; other charsets are not supported.")
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		refused := Refusef(http.StatusUnsupportedMediaType, "Send the body uncompressed, without a Content-Encoding.")
		refused.Header = http.Header{"Accept-Encoding": {"identity"}} // RFC 9110, section 15.5.16
		return nil, refused
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, t.o.MaxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, Refusef(http.StatusRequestEntityTooLarge, "The body is larger than %d bytes.", tooLarge.Limit)
	}
	if errors.Is(err, quota.ErrFull) {
		return nil, &Refusal{Status: http.StatusServiceUnavailable, Code: apierror.CodeOverloaded, Message: "Too many large bodies are being received; try again.", Header: RetrySoon()}
	}
	if err != nil {
		return nil, Refusef(http.StatusBadRequest, noRequest)
	}
	value, err := form.Read(body)
	if wrong := form.Twice(err); wrong != "" {
		return nil, Refusef(http.StatusBadRequest, form.Wrong, "body", wrong)
	}
	if err != nil {
		return nil, Refusef(http.StatusBadRequest, "The body is not valid JSON. "+noRequest)
	}
	switch value := value.(type) {
	case map[string]any:
		p := &graphql.RawParams{}
		if wrong := form.Assign(p, value); wrong != "" {
			return nil, t.malformed(fmt.Sprintf(form.Wrong, "body", wrong))
		}
		return p, nil
	case []any:
		return nil, t.malformed(noRequest + " Batches are not supported; send each request in its own body.")
	}
	return nil, t.malformed(noRequest)
}

func (t *Transport) readGet(r *http.Request) (*graphql.RawParams, *Refusal) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, t.malformed("The query string is not URL-encoded.")
	}
	given := map[string]any{}
	for _, name := range form.Parameters {
		values, has := query[name]
		switch {
		case len(values) > 1:
			return nil, t.malformed(fmt.Sprintf(form.Wrong, "query string", `"`+name+`" occurs twice`))
		case !has:
		case name == "variables" || name == "extensions":
			if values[0] == "" {
				continue
			}
			if given[name], err = form.Read([]byte(values[0])); err != nil {
				return nil, t.malformed(fmt.Sprintf(form.Wrong, "query string", `"`+name+`" must be a JSON object without duplicate names`))
			}
		default:
			given[name] = values[0]
		}
	}
	p := &graphql.RawParams{}
	if wrong := form.Assign(p, given); wrong != "" {
		return nil, t.malformed(fmt.Sprintf(form.Wrong, "query string", wrong))
	}
	return p, nil
}
