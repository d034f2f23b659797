package fsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Kind says what went wrong with a call, as far as a caller can act on it.
type Kind string

const (
	KindUnauthorized Kind = "unauthorized" // 401: no token, or one that is expired or revoked
	KindForbidden    Kind = "forbidden"    // 403: a scope or the commercial approval is missing
	KindNotFound     Kind = "not found"    // 404 of the API for a call that names a record by its id
	KindInvalid      Kind = "invalid"      // 400, 409, 422: the API refused the input
	KindRateLimited  Kind = "rate limited" // 429
	KindTimeout      Kind = "timeout"      // no answer in time
	KindUnavailable  Kind = "unavailable"  // no connection, or 502, 503, 504
	KindUpstream     Kind = "upstream"     // any other status, and answers that cannot be read
	KindCanceled     Kind = "canceled"     // the caller left
	KindBusy         Kind = "busy"         // too many calls of the caller are waiting
	KindTooExpensive Kind = "expensive"    // the operation has made as many calls as it may
)

// Error is a call that failed. Its text names the operation and the status and
// holds nothing that came from the request or from the answer, so it may be
// logged. What the partner said of a refused input is in Problems.
type Error struct {
	Op         string        // method and route template, such as "GET /clinic/patients/{id}"
	Kind       Kind          //
	Status     int           // HTTP status, 0 when none came
	RequestID  string        // the partner's X-Request-Id
	RetryAfter time.Duration // what the partner asks to wait, 0 when it does not say
	Problems   []Problem     // for KindInvalid: the partner's words, meant for the input's author
	// Unknown says that a write may or may not have been carried out: it was
	// sent, and no readable answer came, to this attempt or to one before it.
	Unknown bool

	cause error
}

// Problem is one complaint about an input.
type Problem struct {
	Field   string // the API's name of the property, "" when it names none
	Code    string // the API's code, often ""
	Message string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": ")
	b.WriteString(string(e.Kind))
	if e.Status != 0 {
		fmt.Fprintf(&b, " (status %d)", e.Status)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [request %s]", e.RequestID)
	}
	return b.String()
}

// Unwrap returns the cause in the transport or the decoder. Its text can hold an
// address; do not log it.
func (e *Error) Unwrap() error { return e.cause }

// InputError is what is wrong with a value that a client gave: an id of
// another type, a malformed day. Its text is meant for them.
type InputError string

func (e InputError) Error() string { return string(e) }

// InputErrorf makes an [InputError].
func InputErrorf(format string, args ...any) error { return InputError(fmt.Sprintf(format, args...)) }

// IsNotFound reports whether err says that the record does not exist, or not
// for this caller.
func IsNotFound(err error) bool { return kindOf(err) == KindNotFound }

func kindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

func kindOfStatus(status int) Kind {
	switch status {
	case http.StatusUnauthorized:
		return KindUnauthorized
	case http.StatusForbidden:
		return KindForbidden
	case http.StatusNotFound, http.StatusGone:
		return KindNotFound
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity:
		return KindInvalid
	case http.StatusTooManyRequests:
		return KindRateLimited
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return KindUnavailable
	}
	return KindUpstream
}

// transportError names what net/http reported. sent reports whether the request
// had left before.
func transportError(ctx context.Context, op string, err error, write, sent bool) *Error {
	e := &Error{Op: op, Kind: KindUnavailable, cause: err, Unknown: write && sent}
	var timeout interface{ Timeout() bool }
	refused, isRefused := errors.AsType[*Refused](err)
	switch {
	case isRefused:
		e.Kind, e.RetryAfter, e.Unknown = refused.Kind, refused.RetryAfter, false
	case errors.Is(context.Cause(ctx), context.Canceled):
		e.Kind = KindCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Kind = KindTimeout
	}
	return e
}

// Refused is the error of a transport that did not make a call, for a reason of its own.
type Refused struct {
	Kind       Kind
	RetryAfter time.Duration // when it may be made; 0 for nobody knows
}

func (r *Refused) Error() string { return "fsclient: the call was not made: " + string(r.Kind) }

// statusError names an answer that is no success.
func statusError(r route, status int, header http.Header, body []byte) *Error {
	e := &Error{
		Op: r.String(), Kind: kindOfStatus(status), Status: status,
		RequestID:  requestID(header),
		RetryAfter: retryAfter(header.Values("Retry-After"), time.Now()),
	}
	if text, err := toUTF8(header.Get("Content-Type"), body); err == nil {
		body = text
	}
	switch e.Kind {
	case KindInvalid:
		e.Problems = problems(body)
	case KindNotFound:
		if len(r.ids) == 0 || !isAPIError(header, body) {
			e.Kind = KindUpstream
		}
	}
	// The API refuses with 4xx. Anything else says that it failed on the way, or
	// that something answered in its place.
	e.Unknown = r.isWrite() && (status < 400 || status > 499)
	return e
}

// isAPIError reports whether an error is the API's own: a JSON object that says
// what is wrong. Anything between the gateway and the API also answers 404, to
// a wrong base URL for example, and that says nothing about a record.
func isAPIError(h http.Header, body []byte) bool {
	if t := h.Get("Content-Type"); t != "" {
		media, _, _ := mime.ParseMediaType(t)
		if media != "application/json" && !strings.HasSuffix(media, "+json") {
			return false
		}
	}
	body = bytes.TrimLeft(body, " \t\r\n\ufeff")
	return bytes.HasPrefix(body, []byte("{")) && json.Valid(body) && len(problems(body)) > 0
}

// requestID is passed on in answers and logs, so nothing is taken that says more than an id
// does.
func requestID(h http.Header) string {
	id := h.Get("X-Request-Id")
	if len(id) > 64 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		return ""
	}
	return id
}
