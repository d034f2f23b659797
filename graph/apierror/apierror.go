// Package apierror says how failures look to clients: the codes, the one table from
// what a call to the partner met to what a client is told, the presenter of errors
// in answers, and what becomes of a panic. No text here repeats what a client or the
// partner sent.
package apierror

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/internal/fsclient"
)

// Fault is how one kind of failure looks to clients. The message is the gateway's:
// the partner's words reach a client through userErrors only.
type Fault struct {
	Code    string
	Message string
	Status  int // of an answer outside of GraphQL
}

// faults is the one table from what a call met to what a client sees.
var faults = map[fsclient.Kind]Fault{
	fsclient.KindUnauthorized: {CodeUnauthenticated, "The partner rejected the token; it is unknown, expired or revoked.", http.StatusUnauthorized},
	fsclient.KindForbidden:    {CodeForbidden, "The token does not allow this.", http.StatusForbidden},
	fsclient.KindNotFound:     {CodeNotFound, "The record does not exist or is not visible to this caller.", http.StatusNotFound},
	fsclient.KindInvalid:      {CodeBadUserInput, "The partner rejected the arguments.", http.StatusBadRequest},
	fsclient.KindRateLimited:  {CodeRateLimited, "The partner's rate limit is reached.", http.StatusTooManyRequests},
	fsclient.KindTimeout:      {CodeUpstreamTimeout, "The partner did not answer in time.", http.StatusGatewayTimeout},
	fsclient.KindUnavailable:  {CodeUpstreamUnavailable, "The partner cannot be reached.", http.StatusBadGateway},
	fsclient.KindUpstream:     {CodeUpstreamError, "The partner's answer cannot be used.", http.StatusBadGateway},
	fsclient.KindBusy:         {CodeRateLimited, "Too many calls are waiting (--max-waiting, --queue-timeout).", http.StatusTooManyRequests},
	fsclient.KindTooExpensive: {CodeQueryTooExpensive, "The operation has made as many calls to the partner as one may (--max-upstream-calls).", http.StatusBadRequest},
	fsclient.KindCanceled:     {CodeUpstreamTimeout, "The operation ended before the partner answered.", http.StatusGatewayTimeout},
}

const internalMessage = "Something went wrong in the gateway."

// Describe returns how a failed call looks outside of GraphQL. Any other error is the
// fault of the gateway.
func Describe(err error) Fault {
	e, ok := errors.AsType[*fsclient.Error](err)
	if !ok {
		return Fault{CodeInternal, internalMessage, http.StatusInternalServerError}
	}
	return faultOf(e)
}

// faultOf returns how a failed call looks to clients. A partner that answers that it
// is down was reached, and says in which way.
func faultOf(e *fsclient.Error) Fault {
	f := faults[e.Kind]
	if text := http.StatusText(e.Status); e.Kind == fsclient.KindUnavailable && text != "" {
		f.Message = fmt.Sprintf("The partner answered with %d %s: it is down or overloaded.", e.Status, text)
	}
	return f
}

// StatusOf returns the HTTP status of an operation that never ran, by the code of its
// error. It is never a success.
func StatusOf(code any) int {
	for _, f := range faults {
		if f.Code == code && f.Status != http.StatusBadRequest {
			return f.Status
		}
	}
	return http.StatusBadRequest
}

// StatusCanceled is that of a request whose client has left before it was answered. Nobody
// reads it but those who read the log, who know it from nginx.
const StatusCanceled = 499

// New makes an error for clients.
func New(code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}}
}

// Canceled returns what a client is told of an operation whose time was over before
// anything ran.
func Canceled() *gqlerror.Error {
	f := faults[fsclient.KindCanceled]
	return New(f.Code, f.Message)
}

// Internal returns what a client is told of a bug.
func Internal() *gqlerror.Error { return New(CodeInternal, internalMessage) }

// ErrSignedOut says that the session an operation belongs to has ended.
var ErrSignedOut = errors.New("the session has ended")

// RetryAfter returns how many seconds to wait before a call that failed is repeated, 0
// if nobody asks for it. Of a rate limit the partner does not always say, and a second
// is the least that a rolling window can ask for.
func RetryAfter(call *fsclient.Error) int {
	if call.Kind != fsclient.KindRateLimited && call.RetryAfter <= 0 {
		return 0
	}
	return max(1, int(math.Ceil(call.RetryAfter.Seconds())))
}

// Write answers outside of GraphQL in the form that errors have in GraphQL.
func Write(w http.ResponseWriter, requestID string, f Fault) {
	if f.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-store")
	w.WriteHeader(f.Status)
	type extensions struct {
		Code      string `json:"code"`
		RequestID string `json:"requestId"`
	}
	type entry struct {
		Message    string     `json:"message"`
		Extensions extensions `json:"extensions"`
	}
	_ = json.NewEncoder(w).Encode(map[string][]entry{"errors": {{f.Message, extensions{f.Code, requestID}}}})
}

// PanicError is a panic that was recovered, an error that is the gateway's fault. Its
// text does not repeat the value, which may hold anything.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return "panic" }

// Recovered makes an error of what recover returned. It is called by the function that
// called recover, or the stack does not lead to the place.
func Recovered(v any) *PanicError { return &PanicError{Value: v, Stack: debug.Stack()} }
