package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// Codes of errors[].extensions.code. They are part of the API.
const (
	CodeUnauthenticated     = "UNAUTHENTICATED"
	CodeForbidden           = "FORBIDDEN"
	CodeNotFound            = "NOT_FOUND"
	CodeParseFailed         = errcode.ParseFailed
	CodeValidationFailed    = errcode.ValidationFailed
	CodeBadUserInput        = "BAD_USER_INPUT"
	CodeRateLimited         = "RATE_LIMITED"
	CodeUpstreamTimeout     = "UPSTREAM_TIMEOUT"
	CodeUpstreamUnavailable = "UPSTREAM_UNAVAILABLE"
	CodeUpstreamError       = "UPSTREAM_ERROR"
	CodeTooManyErrors       = "TOO_MANY_ERRORS"
	CodeInternal            = "INTERNAL"
)

// fault is how one kind of failure looks to clients. The message is ours: the
// partner's words reach a client through userErrors only.
type fault struct {
	code    string
	message string
	status  int // outside of GraphQL
}

// faults is the one table from what a call met to what a client sees.
var faults = map[fsclient.Kind]fault{
	fsclient.KindUnauthorized: {CodeUnauthenticated, "The partner does not accept the token: it is unknown, expired or revoked.", http.StatusUnauthorized},
	fsclient.KindForbidden:    {CodeForbidden, "The token does not allow this.", http.StatusForbidden},
	fsclient.KindNotFound:     {CodeNotFound, "There is no such record for this caller.", http.StatusNotFound},
	fsclient.KindInvalid:      {CodeBadUserInput, "The partner refused the arguments.", http.StatusBadRequest},
	fsclient.KindRateLimited:  {CodeRateLimited, "The partner's rate limit is reached.", http.StatusTooManyRequests},
	fsclient.KindTimeout:      {CodeUpstreamTimeout, "The partner did not answer in time.", http.StatusGatewayTimeout},
	fsclient.KindUnavailable:  {CodeUpstreamUnavailable, "The partner cannot be reached.", http.StatusBadGateway},
	fsclient.KindUpstream:     {CodeUpstreamError, "The partner's answer cannot be used.", http.StatusBadGateway},
	fsclient.KindCanceled:     {CodeUpstreamTimeout, "The operation ended before the partner answered.", http.StatusGatewayTimeout},
}

// Describe is how a failed call looks outside of GraphQL: its code, what to say,
// and the HTTP status.
func Describe(err error) (code, message string, status int) {
	e, ok := errors.AsType[*fsclient.Error](err)
	if !ok {
		return CodeInternal, "Something went wrong in the gateway.", http.StatusInternalServerError
	}
	f := faultOf(e)
	return f.code, f.message, f.status
}

// faultOf is how a failed call looks to clients. A partner who answers that it is
// down was reached, and says in which way.
func faultOf(e *fsclient.Error) fault {
	f := faults[e.Kind]
	if text := http.StatusText(e.Status); e.Kind == fsclient.KindUnavailable && text != "" {
		f.message = fmt.Sprintf("The partner answered with %d %s: it is down or busy at the moment.", e.Status, text)
	}
	return f
}

// present turns any error of an operation into what its client sees, and hands
// bugs to logBug, which must not print what they carry beyond type and place.
func present(requestID func(context.Context) string, logBug func(context.Context, error)) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		out := &gqlerror.Error{Path: graphql.GetPath(ctx), Extensions: map[string]any{}}
		known, isGraphQL := errors.AsType[*gqlerror.Error](err)
		var argument ast.Path
		if isGraphQL {
			if known.Path != nil {
				out.Path, argument = splitArgument(ctx, known.Path)
			}
			out.Locations = known.Locations
		}
		if argument != nil {
			out.Extensions["argument"] = argument
		}
		call, isCall := errors.AsType[*fsclient.Error](err)
		input, isInput := errors.AsType[fsclient.InputError](err)
		switch {
		case isCall:
			f := faultOf(call)
			out.Message = f.message
			out.Extensions["code"] = f.code
			describeCall(out, call)
			if call.Kind == fsclient.KindForbidden {
				describeNeeds(ctx, out)
			}
		case isInput:
			out.Message = string(input)
			out.Extensions["code"] = CodeBadUserInput
		case argument != nil: // gqlgen's own, or that of a scalar
			out.Message = known.Message
			out.Extensions["code"] = CodeBadUserInput
		case errors.Is(err, model.ErrBroken):
			out.Message = model.ErrBroken.Error()
			out.Extensions["code"] = CodeUpstreamError
		case errors.Is(err, fsclient.ErrUnreadable):
			out.Message = "The partner sent a value for this field that cannot be read."
			out.Extensions["code"] = CodeUpstreamError
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			f := faults[fsclient.KindTimeout]
			out.Message, out.Extensions["code"] = f.message, f.code
		case isGraphQL && known.Extensions["code"] != nil:
			// Made by the parser, the validator or ourselves, for clients.
			out.Message = known.Message
			for k, v := range known.Extensions {
				out.Extensions[k] = v
			}
		case isGraphQL && known.Unwrap() == nil && len(out.Path) > 0:
			// The executor's own: a field that is never null was.
			out.Message = "The partner sent no value for a field that always has one."
			out.Extensions["code"] = CodeUpstreamError
		default:
			logBug(ctx, err)
			out.Message = "Something went wrong in the gateway."
			out.Extensions["code"] = CodeInternal
		}
		if id := requestID(ctx); id != "" {
			out.Extensions["requestId"] = id
		}
		return out
	}
}

// splitArgument parts the path of an error in a field's arguments, which gqlgen
// makes of both, into that of the field and that of the argument.
func splitArgument(ctx context.Context, path ast.Path) (field, argument ast.Path) {
	fc := graphql.GetFieldContext(ctx)
	if fc == nil || fc.Args != nil {
		return path, nil
	}
	if n := len(fc.Path()); n < len(path) && slices.Equal(path[:n], fc.Path()) {
		return path[:n:n], path[n:]
	}
	return path, nil
}

// requestErrors are the errors of a request that was refused as they leave: no
// more than allowed, and none with the operation's name as the client gave it.
func (t transport) requestErrors(op *graphql.OperationContext, errs gqlerror.List) gqlerror.List {
	if op.Doc != nil && op.Operation == nil {
		return gqlerror.List{{
			Message:    "operationName must name one of the document's operations, unless there is only one.",
			Extensions: map[string]any{"code": CodeValidationFailed},
		}}
	}
	errs = distinct(errs)
	errs = errs[:min(len(errs), t.o.maxRequestErrors())]
	for _, e := range errs {
		// A literal of the right type that the gateway cannot read is no less the
		// client's input than a variable.
		if e.Err != nil {
			e.Extensions["code"], e.Err = CodeBadUserInput, nil
		}
		if !t.o.Suggestions {
			e.Message, _, _ = strings.Cut(e.Message, " Did you mean ") // not every rule knows that they are off
		}
	}
	return errs
}

// distinct leaves each error once: the validator comes through a fragment for
// each operation that spreads it, and once more.
func distinct(errs gqlerror.List) gqlerror.List {
	told := map[string]bool{}
	return slices.DeleteFunc(errs, func(e *gqlerror.Error) bool {
		name := fmt.Sprint(e.Locations, e.Message)
		again := told[name]
		told[name] = true
		return again
	})
}

// omitted stands for the errors of an operation beyond those that may leave.
func omitted(n int) *gqlerror.Error {
	return &gqlerror.Error{
		Message:    fmt.Sprintf("%d more errors are left out.", n),
		Extensions: map[string]any{"code": CodeTooManyErrors, "omitted": n},
	}
}

// RetryAfter is how many seconds to wait before a call that failed is repeated. The
// partner does not always say, and a second is the least that a rolling window can
// ask for.
func RetryAfter(call *fsclient.Error) int {
	return max(1, int(math.Ceil(call.RetryAfter.Seconds())))
}

func describeCall(out *gqlerror.Error, call *fsclient.Error) {
	if call.RequestID != "" {
		out.Extensions["upstreamRequestId"] = call.RequestID
	}
	if call.Kind == fsclient.KindRateLimited || call.RetryAfter > 0 {
		out.Extensions["retryAfter"] = RetryAfter(call)
	}
	if call.Unknown {
		out.Message += " The write may have been carried out: look before you repeat it."
		out.Extensions["outcome"] = "unknown"
	}
}

// describeNeeds says what the field that was refused asks for.
func describeNeeds(ctx context.Context, out *gqlerror.Error) {
	fc := graphql.GetFieldContext(ctx)
	if fc == nil || fc.Field.Field == nil || fc.Field.Definition == nil {
		return
	}
	// A field that list items lack needs what the field that led to them needs.
	d := fc.Field.Definition.Directives.ForName("requiresScopes")
	for up := fc.Parent; d == nil && up != nil; up = up.Parent {
		if up.Field.Field != nil && up.Field.Definition != nil {
			d = up.Field.Definition.Directives.ForName("requiresScopes")
		}
	}
	if d != nil {
		var scopes [][]string
		for _, all := range d.Arguments.ForName("scopes").Value.Children {
			var one []string
			for _, scope := range all.Value.Children {
				one = append(one, scope.Value.Raw)
			}
			scopes = append(scopes, one)
		}
		out.Extensions["requiredScopes"] = scopes
		out.Message = "The token does not allow this: see requiredScopes."
	}
	if fc.Field.Definition.Directives.ForName("restricted") != nil {
		out.Extensions["restricted"] = true
		out.Message = "The token does not allow this: it takes the scopes named, and the partner's commercial approval of the application."
	}
}

// status is the HTTP status of a response: an error status only where nothing
// at all came of the operation.
func status(res *graphql.Response) int {
	if len(res.Errors) == 0 || hasData(res) {
		return http.StatusOK
	}
	codes := map[any]bool{}
	for _, e := range res.Errors {
		codes[e.Extensions["code"]] = true
	}
	if len(codes) == 1 {
		switch {
		case codes[CodeUnauthenticated]:
			return http.StatusUnauthorized
		case codes[CodeRateLimited], codes[CodeTooManyStreams]:
			return http.StatusTooManyRequests
		case codes[CodeInternal] && res.Data == nil:
			return http.StatusInternalServerError
		}
	}
	return http.StatusOK
}

// refusedStatus is the status of an operation that never ran: an answer without
// a data entry is never a success.
func refusedStatus(errs gqlerror.List) int {
	for _, f := range faults {
		if f.code == errs[0].Extensions["code"] && f.status != http.StatusBadRequest {
			return f.status
		}
	}
	return http.StatusBadRequest
}

// hasData says whether any field of the answer has a value.
func hasData(res *graphql.Response) bool {
	return res.Data != nil && !allNull(res.Data)
}

// allNull says whether an encoded object holds nothing but null.
func allNull(data []byte) bool {
	if bytes.Equal(data, []byte("null")) {
		return true
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return false
	}
	for _, v := range fields {
		if !bytes.Equal(v, []byte("null")) {
			return false
		}
	}
	return true
}
