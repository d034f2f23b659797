package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
)

// exchange is one operation being answered; over HTTP, one request.
type exchange struct {
	o      *Options
	w      http.ResponseWriter
	media  string
	legacy bool // see acceptance
	begun  bool // something has been written
	result Result
}

// refuse answers a request of which nothing ran.
func (x *exchange) refuse(ctx context.Context, r *refusal) {
	maps.Copy(x.w.Header(), r.header)
	x.write(ctx, r.status, &graphql.Response{Errors: gqlerror.List{{Message: r.message, Extensions: map[string]any{"code": r.code}}}})
}

// statusPartial is the 2026 draft's for data with errors.
const statusPartial = 294

// requestStatus is the status of a document or of variables that were refused.
func (x *exchange) requestStatus(errs gqlerror.List) int {
	switch {
	case x.o.DraftStatus && errs[0].Extensions["code"] != apierror.CodeParseFailed:
		return http.StatusUnprocessableEntity
	case x.legacy && !x.o.DraftStatus:
		return http.StatusOK
	}
	return http.StatusBadRequest
}

// status is that of what ran.
func (x *exchange) status(res *graphql.Response) int {
	s := status(res)
	if s == http.StatusOK && res.Data == nil && !x.legacy {
		s = apierror.StatusOf(res.Errors[0].Extensions["code"])
	}
	if s == http.StatusOK && x.o.DraftStatus && x.media == mediaGraphQL && len(res.Errors) > 0 && res.Data != nil {
		return statusPartial
	}
	return s
}

// write sends a whole answer.
func (x *exchange) write(ctx context.Context, status int, res *graphql.Response) {
	errs := x.errors(ctx, res.Errors)
	h := x.w.Header()
	if status >= http.StatusBadRequest {
		if wait := retryAfter(errs); wait > 0 {
			h.Set("Retry-After", strconv.Itoa(wait))
		}
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	body := envelope(errs, res.Data, res.Extensions)
	h.Set("Content-Type", x.media+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.begin(status)
	_, _ = x.w.Write(body) // the client may be gone; there is nobody to tell
	x.o.Done(ctx, x.result)
}

// begin sends the header.
func (x *exchange) begin(status int) {
	h := x.w.Header()
	h.Set("Cache-Control", "private, no-store")
	h.Add("Vary", "Accept")
	x.result.Status = status
	x.begun = true
	x.w.WriteHeader(status)
}

// errors gives each error its request's id and notes its code. Of too many the
// last says how many are left out.
func (x *exchange) errors(ctx context.Context, errs gqlerror.List) gqlerror.List {
	if most := x.o.maxExecutionErrors(); len(errs) > most {
		errs = append(errs[:most-1:most-1], omitted(len(errs)-most+1))
	}
	id := x.o.RequestID(ctx)
	for _, e := range errs {
		if e.Extensions == nil {
			e.Extensions = map[string]any{}
		}
		if id != "" {
			e.Extensions["requestId"] = id
		}
		if code, _ := e.Extensions["code"].(string); len(x.result.Codes) < maxCodes {
			x.result.Codes = append(x.result.Codes, code)
		}
	}
	return errs
}

// maxCodes bounds what is noted of an operation's errors: a stream may fail at
// every event, for days.
const maxCodes = 1000

func retryAfter(errs gqlerror.List) int {
	wait := 0
	for _, e := range errs {
		s, _ := e.Extensions["retryAfter"].(int)
		wait = max(wait, s)
	}
	return wait
}

// envelope puts a response together around data that is JSON already. What
// never ran has no data entry.
func envelope(errs gqlerror.List, data []byte, extensions map[string]any) []byte {
	var b bytes.Buffer
	b.Grow(len(data) + 32)
	b.WriteByte('{')
	entry(&b, "errors", errs, len(errs) > 0)
	if data != nil {
		key(&b, "data")
		b.Write(data)
	}
	entry(&b, "extensions", extensions, len(extensions) > 0)
	b.WriteByte('}')
	return b.Bytes()
}

// entry writes an entry of an object that is being written.
func entry(b *bytes.Buffer, name string, value any, given bool) {
	if !given {
		return
	}
	key(b, name)
	encode(b, value)
}

// encode writes a value of ours.
func encode(b *bytes.Buffer, value any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false) // JSON is never put into a page as it is
	if err := e.Encode(value); err != nil {
		panic(err) // a bug
	}
	b.Truncate(b.Len() - 1) // the encoder's line break
}

func key(b *bytes.Buffer, name string) {
	if last := b.Bytes()[b.Len()-1]; last != '{' && last != '[' {
		b.WriteByte(',')
	}
	b.WriteByte('"')
	b.WriteString(name)
	b.WriteString(`":`)
}
