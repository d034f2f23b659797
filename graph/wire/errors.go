package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
)

// RequestErrors returns the errors of a request that was refused as they leave: no
// more than allowed, and none with the operation's name as the client gave it.
func (o *Options) RequestErrors(op *graphql.OperationContext, errs gqlerror.List) gqlerror.List {
	if op.Doc != nil && op.Operation == nil {
		return gqlerror.List{{
			Message:    "operationName must be the name of one of the document's operations unless there is only one.",
			Extensions: map[string]any{"code": apierror.CodeValidationFailed},
		}}
	}
	errs = distinct(errs)
	errs = errs[:min(len(errs), o.maxRequestErrors())]
	for _, e := range errs {
		// A literal of the right type that the gateway cannot read is no less the
		// client's input than a variable.
		if e.Err != nil {
			e.Extensions["code"], e.Err = apierror.CodeBadUserInput, nil
		}
		if !o.Suggestions {
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
		Message:    fmt.Sprintf("%d more errors are omitted.", n),
		Extensions: map[string]any{"code": apierror.CodeTooManyErrors, "omitted": n},
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
		case codes[apierror.CodeUnauthenticated]:
			return http.StatusUnauthorized
		case codes[apierror.CodeRateLimited], codes[apierror.CodeTooManyStreams]:
			return http.StatusTooManyRequests
		case codes[apierror.CodeOverloaded]:
			return http.StatusServiceUnavailable
		case codes[apierror.CodeInternal] && res.Data == nil:
			return http.StatusInternalServerError
		}
	}
	return http.StatusOK
}

// hasData reports whether any field of the answer has a value.
func hasData(res *graphql.Response) bool {
	return res.Data != nil && !allNull(res.Data)
}

// allNull reports whether an encoded object holds nothing but null.
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
