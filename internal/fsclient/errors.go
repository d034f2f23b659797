package fsclient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind says what went wrong with a call, as far as a caller can act on it.
type Kind string

const (
	KindUnauthorized Kind = "unauthorized" // 401: no token, or one that is expired or revoked
	KindForbidden    Kind = "forbidden"    // 403: a scope or the commercial approval is missing
	KindNotFound     Kind = "not found"    // 404
	KindInvalid      Kind = "invalid"      // 400, 409, 422: the API refused the input
	KindRateLimited  Kind = "rate limited" // 429
	KindTimeout      Kind = "timeout"      // no answer in time
	KindUnavailable  Kind = "unavailable"  // no connection, or 502, 503, 504
	KindUpstream     Kind = "upstream"     // any other status, and answers that cannot be read
	KindCanceled     Kind = "canceled"     // the caller left
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
	Problems   []Problem     // for KindInvalid: the partner's words, meant for whoever made the input
	// Unknown says that a write may or may not have been carried out: it was
	// sent, and no readable answer came.
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

// Unwrap gives the cause in the transport or the decoder. Its text can hold an
// address; do not log it.
func (e *Error) Unwrap() error { return e.cause }

// InputError is what is wrong with a value a client of ours gave: an id of
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

// transportError names what net/http reported. sent says whether the request
// had left before.
func transportError(ctx context.Context, op string, err error, write, sent bool) *Error {
	e := &Error{Op: op, Kind: KindUnavailable, cause: err, Unknown: write && sent}
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
		e.Kind = KindCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Kind = KindTimeout
	}
	return e
}

// statusError names an answer that is no success.
func statusError(op string, res *http.Response, body []byte, write bool) *Error {
	e := &Error{
		Op: op, Kind: kindOfStatus(res.StatusCode), Status: res.StatusCode,
		RequestID:  requestID(res.Header),
		RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now()),
	}
	if e.Kind == KindInvalid {
		e.Problems = problems(body)
	}
	// The API refuses with 4xx. Anything else says that it failed on the way, or
	// that something answered in its place.
	e.Unknown = write && (res.StatusCode < 400 || res.StatusCode > 499)
	return e
}

// requestID is passed on in answers and logs, so nothing but a plain token is taken.
func requestID(h http.Header) string {
	id := h.Get("X-Request-Id")
	if len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return id
}

// retryAfter reads both forms of the header: seconds and an HTTP date.
func retryAfter(v string, now time.Time) time.Duration {
	if v == "" {
		return 0
	}
	if s, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
		return time.Duration(min(max(0, s), math.MaxInt32)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// problems reads what the API says of a refused input. Its shape is not
// published; seen are {"error": text}, {"errors": [{code, message}]},
// {"errors": {field: [text]}} and {"message": text}.
func problems(body []byte) []Problem {
	var out []Problem
	d := newDecoder(body)
	if d.PeekKind() != '{' {
		return nil
	}
	_, _ = d.ReadToken()
	for d.PeekKind() == '"' {
		key, err := d.ReadToken()
		if err != nil {
			return out
		}
		switch name := key.String(); name {
		case "error", "errors", "message":
			out = append(out, problemsAt(d, "")...)
		default:
			if d.SkipValue() != nil {
				return out
			}
		}
	}
	return out
}

// problemsAt reads texts, lists of them, and objects keyed by field or shaped
// {code, message, field}.
func problemsAt(d *jsontext.Decoder, field string) (out []Problem) {
	switch d.PeekKind() {
	case '"':
		if tok, err := d.ReadToken(); err == nil && tok.String() != "" {
			out = append(out, Problem{Field: field, Message: tok.String()})
		}
	case '[':
		_, _ = d.ReadToken()
		for k := d.PeekKind(); k != ']' && k != 0; k = d.PeekKind() {
			out = append(out, problemsAt(d, field)...)
		}
		_, _ = d.ReadToken()
	case '{':
		_, _ = d.ReadToken()
		var one Problem
		for d.PeekKind() == '"' {
			tok, err := d.ReadToken()
			if err != nil {
				return out
			}
			switch name := tok.String(); {
			case name == "code" && d.PeekKind() != '[':
				one.Code = scalarText(d)
			case (name == "message" || name == "detail") && d.PeekKind() == '"':
				one.Message = scalarText(d)
			case (name == "field" || name == "attribute") && d.PeekKind() == '"':
				one.Field = scalarText(d)
			default:
				out = append(out, problemsAt(d, join(field, name))...)
			}
		}
		_, _ = d.ReadToken()
		if one.Message != "" || one.Code != "" {
			if one.Field == "" {
				one.Field = field
			}
			out = append(out, one)
		}
	default:
		_ = d.SkipValue()
	}
	return out
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

func scalarText(d *jsontext.Decoder) string {
	tok, err := d.ReadToken()
	if err != nil {
		return ""
	}
	return tok.String()
}
