package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// What the app's dashboard would show: the key that signs, and what every answer must echo.
const (
	DefaultWebhookSecret    = "sandbox-webhook-secret"
	DefaultWebhookChallenge = "sandbox-challenge"
)

// webhookWaits are those between the partner's six attempts.
var webhookWaits = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour, 5 * time.Hour}

// webhookTimeout is how long the receiver may take: the partner's is "aggressive".
const webhookTimeout = 5 * time.Second

// Emission asks for events as if something had happened on the partner's pages, and for how they are sent.
type Emission struct {
	// Type is an event's type; of one that the seed has no example of, Data is needed.
	Type string `json:"type"`
	// Clinic is "" for the first clinic, "other" for the second, "none" for events that name none.
	Clinic string `json:"clinic,omitempty"`
	// Data is the event's data, that of one of the seed's events of the type when left out.
	Data json.RawMessage `json:"data,omitempty"`
	// Count is how many events to make, 1 unless told.
	Count int `json:"count,omitempty"`
	// Duplicate sends each twice, Reverse the last one first.
	Duplicate bool `json:"duplicate,omitempty"`
	Reverse   bool `json:"reverse,omitempty"`
	// Forged signs with another secret, Stale as of an hour ago.
	Forged bool `json:"forged,omitempty"`
	Stale  bool `json:"stale,omitempty"`
	// Wrapped sends the body's other shape: the event within "event_payload".
	Wrapped bool `json:"wrapped,omitempty"`
	// Silent makes the events and sends nothing, as if the address had never been told.
	Silent bool `json:"silent,omitempty"`
}

// Sent tells of the first attempt to send an event. An attempt that fails is made again after a minute, and so on.
type Sent struct {
	EventID   string `json:"event_id"`
	Delivered bool   `json:"delivered"`
	Status    int    `json:"status,omitempty"`
}

// Emit makes events and sends them, one after the other.
func (s *Server) Emit(m Emission) ([]Sent, error) {
	var made []*outgoing
	s.mu.Lock()
	for range max(1, m.Count) {
		o, err := s.make(m)
		if err != nil {
			s.mu.Unlock()
			return nil, err
		}
		made = append(made, o)
	}
	s.mu.Unlock()
	if m.Reverse {
		slices.Reverse(made)
	}
	sent := []Sent{}
	for _, o := range made {
		for range 1 + min(1, btoi(m.Duplicate)) {
			result := Sent{EventID: o.event.id}
			if !m.Silent {
				result = s.attempt(o, 1, nil)
			}
			sent = append(sent, result)
		}
	}
	return sent, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// outgoing is an event on its way.
type outgoing struct {
	event *event
	body  []byte
	how   Emission
}

// make adds an event; Server.mu is held.
func (s *Server) make(m Emission) (*outgoing, error) {
	clinicID, known := map[string]string{"": ClinicID, "other": OtherClinicID, "none": ""}[m.Clinic]
	if !known {
		return nil, errors.New(`clinic must be "other", "none" or left out`)
	}
	e := &event{id: s.state.newID(kindEvent), kind: m.Type, createdAt: timestamp(s.opts.Now()), owner: clinicID, clinicID: clinicID}
	switch {
	case m.Type == "":
		return nil, errors.New("type is missing")
	case m.Data != nil:
		e.data = func(*Server) any { return m.Data }
	default:
		examples := keep(s.state.events.all(), func(o *event) bool {
			return o.kind == m.Type && (o.owner == "" || clinicID == "" || o.owner == clinicID)
		})
		if len(examples) == 0 {
			return nil, fmt.Errorf("the seed has no %s to copy: give data", m.Type)
		}
		e.data = examples[s.state.ids%len(examples)].data
	}
	return s.record(e, m)
}

// record puts an event where the API shows it; Server.mu is held.
func (s *Server) record(e *event, m Emission) (*outgoing, error) {
	s.state.events.put(e)
	var payload any = webhookPayload{s.eventFull(e)}
	if m.Wrapped {
		payload = object{"event_payload": payload}
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	return &outgoing{e, body, m}, nil
}

// SetWebhookURL says where events are sent to, "" for nowhere.
func (s *Server) SetWebhookURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.WebhookURL = url
}

// attempt sends an event, notes how that went, and sees to the next attempt.
func (s *Server) attempt(o *outgoing, number int, previous *string) Sent {
	s.mu.RLock()
	url := s.opts.WebhookURL
	s.mu.RUnlock()
	if url == "" || s.ctx.Err() != nil {
		return Sent{EventID: o.event.id}
	}
	now := s.opts.Now()
	d := &delivery{event: o.event, attempt: number, attemptedAt: timestamp(now), previous: previous}
	d.status, d.delivered = s.post(url, o, now)
	var wait time.Duration
	if !d.delivered && d.status != http.StatusGone && number <= len(webhookWaits) {
		wait = webhookWaits[number-1]
		d.next = new(timestamp(now.Add(wait)))
	}
	s.mu.Lock()
	d.id = s.state.newID(kindDelivery)
	s.state.deliveries.put(d)
	if d.status == http.StatusGone { // switches the address off
		s.opts.WebhookURL = ""
	}
	s.mu.Unlock()
	if wait > 0 {
		s.later.Go(func() {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-timer.C:
				s.attempt(o, number+1, &d.attemptedAt)
			case <-s.ctx.Done():
			}
		})
	}
	return Sent{o.event.id, d.delivered, d.status}
}

// Sign is the signature of a body at a moment: t=<seconds>,v1=<hex>, where v1 is the HMAC-SHA256 of the seconds, a dot and the body.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// post delivers when the answer is 200 or 201 and echoes the challenge. Status 0 is no answer.
func (s *Server) post(url string, o *outgoing, now time.Time) (status int, delivered bool) {
	ctx, cancel := context.WithTimeout(s.ctx, webhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(o.body))
	if err != nil {
		return 0, false
	}
	secret := s.opts.WebhookSecret
	if o.how.Forged {
		secret += "?"
	}
	if o.how.Stale {
		now = now.Add(-time.Hour)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Fullscript-Signature", Sign(secret, now, o.body))
	res, err := s.sender.Do(req)
	if err != nil {
		return 0, false
	}
	defer res.Body.Close()
	var answer struct {
		Challenge string `json:"challenge"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, maxBody)).Decode(&answer)
	right := err == nil && answer.Challenge == s.opts.WebhookChallenge
	return res.StatusCode, right && (res.StatusCode == http.StatusOK || res.StatusCode == http.StatusCreated)
}

// Close ends what the server does by itself: attempts to send events again.
func (s *Server) Close() error {
	s.stop()
	s.later.Wait()
	s.sender.CloseIdleConnections()
	return nil
}

func (s *Server) postWebhook(r *http.Request) reply {
	var m Emission
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return failure(http.StatusBadRequest, "Not an event: "+err.Error())
	}
	sent, err := s.Emit(m)
	if err != nil {
		return failure(http.StatusBadRequest, "Not an event: "+err.Error())
	}
	return reply{status: http.StatusCreated, value: object{"sent": sent}}
}

func (s *Server) putWebhook(r *http.Request) reply {
	var to struct {
		URL string `json:"url"`
	}
	if err := json.NewDecoder(r.Body).Decode(&to); err != nil {
		return failure(http.StatusBadRequest, "Not an address: "+err.Error())
	}
	s.SetWebhookURL(to.URL)
	return s.showWebhook()
}

func (s *Server) showWebhook() reply {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return ok(object{"url": s.opts.WebhookURL, "challenge": s.opts.WebhookChallenge})
}
