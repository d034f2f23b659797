package wire

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/wire/form"
)

// Exchange is one operation being answered; over HTTP, one request. One on a socket
// has no ResponseWriter.
type Exchange struct {
	*Options
	Result Result // what is known of it so far

	w      http.ResponseWriter
	media  string
	legacy bool   // see acceptance
	begun  bool   // something has been written
	leave  func() // counts what is held no more; nil for nothing
}

// freeAnswer is how large an answer may be without being counted, in bytes. Most are smaller.
const freeAnswer = 256 << 10

// hold counts an answer that is about to be sent, in place of the one before: until its client
// has read it, it takes up memory, as much as the client likes. Of one too many the client is
// told so, but what a mutation has done it is told in any case.
func (x *Exchange) hold(ctx context.Context, res *graphql.Response) *graphql.Response {
	x.Release()
	if x.Hold == nil || res == nil || len(res.Data) <= freeAnswer || x.Result.Type != string(ast.Query) {
		return res
	}
	leave, ok := x.Hold(ctx, len(res.Data))
	if !ok {
		err := apierror.New(apierror.CodeOverloaded, "Too many large answers are being sent; read them, or try again.")
		err.Extensions["retryAfter"] = 1
		return &graphql.Response{Errors: gqlerror.List{err}}
	}
	x.leave = leave
	return res
}

// Release says that the last answer has been sent. It is called at the end, too.
func (x *Exchange) Release() {
	if x.leave != nil {
		x.leave()
		x.leave = nil
	}
}

// Refuse answers a request of which nothing ran.
func (o *Options) Refuse(ctx context.Context, w http.ResponseWriter, r *Refusal) {
	(&Exchange{Options: o, w: w, media: mediaJSON}).refuse(ctx, r)
}

func (x *Exchange) refuse(ctx context.Context, r *Refusal) {
	maps.Copy(x.w.Header(), r.Header)
	x.write(ctx, r.Status, &graphql.Response{Errors: gqlerror.List{apierror.New(r.Code, r.Message)}})
}

// statusPartial is the 2026 draft's for data with errors.
const statusPartial = 294

// RequestStatus returns the status of a document or of variables that were refused.
func (x *Exchange) RequestStatus(errs gqlerror.List) int {
	switch {
	case x.DraftStatus && errs[0].Extensions["code"] != apierror.CodeParseFailed:
		return http.StatusUnprocessableEntity
	case x.legacy && !x.DraftStatus:
		return http.StatusOK
	}
	return http.StatusBadRequest
}

// Status returns the status of what ran.
func (x *Exchange) Status(res *graphql.Response) int {
	s := status(res)
	if s == http.StatusOK && res.Data == nil && !x.legacy {
		s = apierror.StatusOf(res.Errors[0].Extensions["code"])
	}
	if s == http.StatusOK && x.DraftStatus && x.media == mediaGraphQL && len(res.Errors) > 0 && res.Data != nil {
		return statusPartial
	}
	return s
}

// write sends a whole answer.
func (x *Exchange) write(ctx context.Context, status int, res *graphql.Response) {
	if x.Left(ctx) {
		status = apierror.StatusCanceled
	}
	errs := x.Errors(ctx, res.Errors)
	h := x.w.Header()
	if status >= http.StatusBadRequest {
		if wait := retryAfter(errs); wait > 0 {
			h.Set("Retry-After", strconv.Itoa(wait))
		}
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	body := bodies.Get().(*bytes.Buffer)
	defer func() {
		if body.Cap() <= maxBody {
			bodies.Put(body)
		}
	}()
	body.Reset()
	form.WriteEnvelope(body, errs, res.Data, res.Extensions)
	h.Set("Content-Type", x.media+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	x.begin(status)
	_, _ = x.w.Write(body.Bytes()) // the client may be gone; there is nobody to tell
	x.Done(ctx, x.Result)
}

// bodies are buffers of answers that were written, none of more than maxBody bytes.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxBody = 64 << 10

// begin sends the header.
func (x *Exchange) begin(status int) {
	h := x.w.Header()
	h.Set("Cache-Control", "private, no-store")
	h.Add("Vary", "Accept")
	x.Result.Status = status
	x.begun = true
	x.w.WriteHeader(status)
}

// Left notes whether the client of an answer that is about to be sent has left.
func (x *Exchange) Left(ctx context.Context) bool {
	if errors.Is(ctx.Err(), context.Canceled) {
		x.Result.Canceled = true
	}
	return x.Result.Canceled
}

// Errors adds the request's id to each error and notes its code, if it has somebody to go to. Of too many the
// last says how many are left out.
func (x *Exchange) Errors(ctx context.Context, errs gqlerror.List) gqlerror.List {
	if most := x.maxExecutionErrors(); len(errs) > most {
		errs = append(errs[:most-1:most-1], omitted(len(errs)-most+1))
	}
	id, left := x.RequestID(ctx), len(errs) > 0 && x.Left(ctx)
	for _, e := range errs {
		if e.Extensions == nil {
			e.Extensions = map[string]any{}
		}
		if id != "" {
			e.Extensions["requestId"] = id
		}
		if code, _ := e.Extensions["code"].(string); !left {
			x.Result.Codes = append(x.Result.Codes, code)
		}
	}
	return errs
}

// Progress tells of what a subscription has answered since the last time, which is not told
// again: it may go on for days.
func (x *Exchange) Progress(ctx context.Context) {
	if x.Options.Progress != nil && x.Result.Type == string(ast.Subscription) {
		x.Options.Progress(ctx, x.Result)
		x.Result.Codes = nil
	}
}

func retryAfter(errs gqlerror.List) int {
	wait := 0
	for _, e := range errs {
		s, _ := e.Extensions["retryAfter"].(int)
		wait = max(wait, s)
	}
	return wait
}
