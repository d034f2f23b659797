package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"fsgateway/internal/events"
	"fsgateway/internal/webhook"
)

var now = time.Date(2026, 3, 4, 10, 20, 30, 0, time.UTC)

func sign(secret string, at time.Time, body string) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(t + "." + body))
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

func options(b *events.Bus) webhook.Options {
	return webhook.Options{Secrets: func() []string { return []string{"new", "old"} }, Challenge: func() string { return "the challenge" }, Publish: b.Publish, Now: func() time.Time { return now }}
}

func send(h http.Handler, body, signature string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if signature != "" {
		r.Header.Set(webhook.SignatureHeader, signature)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const body = `{"event":{"id":"e1","type":"patient.updated","clinic_id":"c1","data":{"patient":{"id":"b1","first_name":"CANARY"}}}}`

func TestReceive(t *testing.T) {
	t.Parallel()
	other := strings.Replace(body, "e1", "e2", 1)
	large := `{"event":{"id":"` + strings.Repeat("x", 2<<20) + `"}}`
	for _, test := range []struct {
		name, body, signature string
		status                int
		outcome               webhook.Outcome
	}{
		{"Right", body, sign("new", now, body), 200, webhook.Accepted},
		{"Rotated", body, sign("old", now, body), 200, webhook.Accepted},
		{"TwoSignatures", body, "v1=" + strings.Repeat("00", 32) + ", " + sign("new", now, body), 200, webhook.Accepted},
		{"WrongSecret", body, sign("of somebody else", now, body), 401, webhook.Forged},
		{"OtherBody", other, sign("new", now, body), 401, webhook.Forged},
		{"Truncated", body[:40], sign("new", now, body), 401, webhook.Forged},
		{"OtherTime", body, strings.Replace(sign("new", now, body), "t=1", "t=2", 1), 401, webhook.Forged},
		{"AlmostOld", body, sign("new", now.Add(-5*time.Minute), body), 200, webhook.Accepted},
		{"Old", body, sign("new", now.Add(-5*time.Minute-time.Second), body), 401, webhook.Stale},
		{"AlmostEarly", body, sign("new", now.Add(5*time.Minute), body), 200, webhook.Accepted},
		{"Early", body, sign("new", now.Add(5*time.Minute+time.Second), body), 401, webhook.Stale},
		{"Unsigned", body, "", 401, webhook.Unsigned},
		{"NoTime", body, "v1=" + strings.Repeat("00", 32), 401, webhook.Unsigned},
		{"TwoTimes", body, "t=1," + sign("new", now, body), 401, webhook.Unsigned},
		{"ShortSignature", body, "t=1,v1=00", 401, webhook.Unsigned},
		{"Gibberish", body, "sha256=whatever", 401, webhook.Unsigned},
		{"TwoMegabytes", large, sign("new", now, large), 413, webhook.TooLarge},
		{"Ping", "", "", 200, webhook.Ping},
		{"NoEvent", `{"hello":1}`, sign("new", now, `{"hello":1}`), 200, webhook.Unreadable},
		{"NoID", `{"event":{"type":"order.placed"}}`, sign("new", now, `{"event":{"type":"order.placed"}}`), 200, webhook.Unreadable},
		{"NoJSON", `{"event":`, sign("new", now, `{"event":`), 200, webhook.Unreadable},
		{"Wrapped", `{"event_payload":` + body + `}`, sign("new", now, `{"event_payload":`+body+`}`), 200, webhook.Accepted},
		{"UnknownType", `{"event":{"id":"e9","type":"moon.rose"}}`, sign("new", now, `{"event":{"id":"e9","type":"moon.rose"}}`), 200, webhook.Accepted},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := events.NewMemory(events.Options{})
			s, _ := b.Subscribe("", nil)
			o := options(b)
			var outcome webhook.Outcome
			o.Done = func(_ context.Context, got webhook.Outcome) { outcome = got }
			w := send(webhook.New(o), test.body, test.signature)
			if w.Code != test.status || outcome != test.outcome {
				t.Errorf("%d, %s", w.Code, outcome)
			}
			if echoes := strings.TrimSpace(w.Body.String()) == `{"challenge":"the challenge"}`; echoes != (test.status == 200) {
				t.Errorf("%s", w.Body)
			}
			if strings.Contains(w.Body.String(), "CANARY") {
				t.Errorf("what was sent goes back: %s", w.Body)
			}
			published := test.outcome == webhook.Accepted || test.outcome == webhook.Unreadable
			if kept := s.Kept(); (len(kept) == 1) != published || published && string(kept[0].Body) != test.body {
				t.Errorf("published: %v", kept)
			}
			_ = b.Close()
		})
	}
}

func TestRepetition(t *testing.T) {
	t.Parallel()
	b := events.NewMemory(events.Options{})
	s, _ := b.Subscribe("", nil)
	var outcomes []webhook.Outcome
	o := options(b)
	o.Done = func(_ context.Context, got webhook.Outcome) { outcomes = append(outcomes, got) }
	h := webhook.New(o)
	for _, sent := range []string{body, body, `{"event_payload":` + body + `}`} {
		if w := send(h, sent, sign("new", now, sent)); w.Code != http.StatusOK {
			t.Fatal(w.Code)
		}
	}
	if got := fmt.Sprint(outcomes); got != "[accepted repeated repeated]" {
		t.Error(got)
	}
	e, err := s.Next(t.Context())
	if err != nil || e.ID != "e1" || e.Type != "patient.updated" || e.ClinicID != "c1" || string(e.Body) != body {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestBusDown leaves the event to the partner, who sends it again.
func TestBusDown(t *testing.T) {
	t.Parallel()
	b := events.NewMemory(events.Options{})
	o := options(b)
	down := true
	o.Publish = func(ctx context.Context, e events.Event) (bool, error) {
		if down {
			return false, errors.New("down")
		}
		return b.Publish(ctx, e)
	}
	h := webhook.New(o)
	if w := send(h, body, sign("new", now, body)); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "challenge") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	down = false
	if w := send(h, body, sign("new", now, body)); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if known, err := b.Known(t.Context(), "e1"); err != nil || !known {
		t.Errorf("it is not there: %v", err)
	}
}

// TestCutOff has the body end before its announced length.
func TestCutOff(t *testing.T) {
	t.Parallel()
	b := events.NewMemory(events.Options{})
	r := httptest.NewRequest(http.MethodPost, "/", &cut{strings.NewReader(body[:20])})
	r.Header.Set(webhook.SignatureHeader, sign("new", now, body))
	w := httptest.NewRecorder()
	webhook.New(options(b)).ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

type cut struct{ *strings.Reader }

func (c *cut) Read(p []byte) (int, error) {
	if n, err := c.Reader.Read(p); err == nil {
		return n, nil
	}
	return 0, errors.New("connection reset")
}

// FuzzReceive: no header and body that strangers can make are accepted.
func FuzzReceive(f *testing.F) {
	f.Add(sign("someone", now, body), []byte(body))
	f.Add("t=,v1=", []byte(`{"event":{}}`))
	f.Add("t=1,t=2,v1=00,v1="+strings.Repeat("ab", 32), []byte(`[]`))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		b := events.NewMemory(events.Options{})
		s, _ := b.Subscribe("", nil)
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header[webhook.SignatureHeader] = []string{header}
		w := httptest.NewRecorder()
		webhook.New(options(b)).ServeHTTP(w, r)
		if len(body) > 0 && w.Code < 400 {
			t.Errorf("%d for %q", w.Code, header)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Next(ctx); err == nil {
			t.Error("it was published")
		}
	})
}

// BenchmarkAcknowledge shows that an answer takes as long with subscribers that
// do not read as without any.
func BenchmarkAcknowledge(b *testing.B) {
	for _, stuck := range []int{0, 100, 1000} {
		b.Run(fmt.Sprintf("stuck=%d", stuck), func(b *testing.B) {
			bus := events.NewMemory(events.Options{})
			for range stuck {
				_, _ = bus.Subscribe("", nil)
			}
			h := webhook.New(options(bus))
			b.ReportAllocs()
			for i := range b.N {
				sent := strings.Replace(body, "e1", strconv.Itoa(i), 1)
				if w := send(h, sent, sign("new", now, sent)); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
