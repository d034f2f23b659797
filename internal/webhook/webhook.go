// Package webhook receives the partner's events: it verifies, removes
// repetitions and publishes. It never waits for a subscriber.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/quota"
)

// SignatureHeader carries the signature of a body.
const SignatureHeader = "Fullscript-Signature"

// maxBody is far above any event: the largest known is a plan with all its lines.
const maxBody = 1 << 20

// Outcome is what became of a request.
type Outcome string

// The outcomes. They are few and fixed, and label a metric.
const (
	Accepted   Outcome = "accepted"
	Repeated   Outcome = "repeated"
	Ping       Outcome = "ping"       // an empty body, by which the partner tests the address
	Unreadable Outcome = "unreadable" // signed, but no event with an id and a type; published as it came
	Unsigned   Outcome = "unsigned"   // no signature, or one of another form
	Forged     Outcome = "forged"     // by none of the gateway's secrets
	Stale      Outcome = "stale"      // signed too long ago, or in the future
	TooLarge   Outcome = "too_large"
	Broken     Outcome = "broken" // the body ended early
	Busy       Outcome = "busy"   // too many bodies are being received: the partner tries again
	Failed     Outcome = "failed" // the bus did not take it: the partner tries again
)

// Options of a receiver.
type Options struct {
	// Secrets returns the keys that sign, several while one is being replaced.
	Secrets func() []string
	// Challenge returns what the partner wants to read in every answer. It is not a
	// secret: anyone who sends an empty body without a signature gets it.
	Challenge func() string
	// Publish hands an event on; it reports whether the event was new.
	Publish func(context.Context, events.Event) (fresh bool, err error)
	// Tolerance is how far the time of a signature may be from now; default 5 minutes.
	Tolerance time.Duration
	// Now is the clock.
	Now func() time.Time
	// Done is told of each request.
	Done func(context.Context, Outcome)
}

// New serves the address that the partner sends to.
// https://fullscript.dev/technical-reference/webhooks
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tolerance <= 0 {
		o.Tolerance = 5 * time.Minute
	}
	if o.Done == nil {
		o.Done = func(context.Context, Outcome) {}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outcome := o.receive(w, r)
		o.answer(w, outcome)
		o.Done(r.Context(), outcome)
	})
}

// Outcomes are all of them, so that a metric has a figure for each before it happens.
var Outcomes = []Outcome{Accepted, Repeated, Ping, Unreadable, Unsigned, Forged, Stale, TooLarge, Broken, Busy, Failed}

// statuses of what is not acknowledged.
var statuses = map[Outcome]int{
	Unsigned: http.StatusUnauthorized, Forged: http.StatusUnauthorized, Stale: http.StatusUnauthorized,
	TooLarge: http.StatusRequestEntityTooLarge, Broken: http.StatusBadRequest, Busy: http.StatusServiceUnavailable, Failed: http.StatusServiceUnavailable,
}

// answer acknowledges with the challenge, or says what is wrong and nothing of
// what was sent.
func (o *Options) answer(w http.ResponseWriter, outcome Outcome) {
	status, body := http.StatusOK, map[string]string{"challenge": o.Challenge()}
	if s := statuses[outcome]; s != 0 {
		status, body = s, map[string]string{"error": string(outcome)}
		w.Header().Set("Connection", "close") // else net/http reads the rest of the body before it answers
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (o *Options) receive(w http.ResponseWriter, r *http.Request) Outcome {
	signature, signed := readSignature(r.Header.Values(SignatureHeader))
	if !signed && (r.ContentLength > 0 || len(r.Header.Values(SignatureHeader)) > 0) {
		return Unsigned // whose body is not even read
	}
	most := int64(maxBody)
	if !signed {
		most = 0
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	_, large := errors.AsType[*http.MaxBytesError](err)
	switch {
	case large && !signed:
		return Unsigned
	case large:
		return TooLarge
	case errors.Is(err, quota.ErrFull):
		return Busy
	case err != nil:
		return Broken
	case !signed:
		// The partner does not say whether it signs these. There is nothing in one
		// to trust, and the challenge alone lets nobody send events.
		return Ping
	}
	if refused := o.verify(signature, body); refused != "" {
		return refused
	}
	if len(body) == 0 {
		return Ping
	}
	// What cannot be read is acknowledged and kept as it came. Refusing it would
	// make the partner try again, and in the end switch the address off for all
	// events.
	_, unreadable := fsclient.ParseEvent(body)
	event := fsclient.ReadEvent(body)
	fresh, err := o.Publish(r.Context(), events.Event{ID: string(event.ID), Type: string(event.Type), ClinicID: event.Clinic(), Body: body})
	switch {
	case err != nil:
		return Failed
	case !fresh:
		return Repeated
	case unreadable != nil:
		return Unreadable
	}
	return Accepted
}

// signature is what a header t=<seconds>,v1=<hex> says: each v1 is the HMAC of the time, a
// dot and the body as it came, under one of the secrets.
type signature struct {
	at      string
	seconds int64
	sums    [][]byte
}

// readSignature reads the header, or reports that it has another form.
func readSignature(headers []string) (s signature, ok bool) {
	if len(headers) != 1 {
		return s, false
	}
	for part := range strings.SplitSeq(headers[0], ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			if s.at != "" {
				return s, false
			}
			s.at = value
		case "v1":
			if sum, err := hex.DecodeString(value); err == nil && len(sum) == sha256.Size {
				s.sums = append(s.sums, sum)
			}
		}
	}
	var err error
	s.seconds, err = strconv.ParseInt(s.at, 10, 64)
	return s, err == nil && len(s.sums) > 0
}

// verify says what is wrong with a signature, "" for nothing.
func (o *Options) verify(s signature, body []byte) Outcome {
	right := false
	for _, secret := range o.Secrets() {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(s.at))
		mac.Write([]byte{'.'})
		mac.Write(body)
		sum := mac.Sum(nil)
		for _, given := range s.sums {
			right = hmac.Equal(given, sum) || right
		}
	}
	if !right {
		return Forged
	}
	if age := o.Now().Sub(time.Unix(s.seconds, 0)); age > o.Tolerance || age < -o.Tolerance {
		return Stale
	}
	return ""
}
