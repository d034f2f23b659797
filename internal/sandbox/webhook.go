package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// What the app's dashboard would show: the key that signs, and what every answer must echo.
const (
	DefaultWebhookSecret    = "sandbox-webhook-secret"
	DefaultWebhookChallenge = "sandbox-challenge"
)

// maxEvents is how many one Emission makes at most.
const maxEvents = 10_000

// Emission asks for events as if something had happened on the partner's pages, and for how they are sent.
type Emission struct {
	// Type is an event's type; of one that the seed has no example of, Data is needed.
	Type string `json:"type"`
	// Clinic is "first", "other" for the second clinic, or "none" for events that name none. Left out it is the first, but for the types
	// that name no clinic at the partner's: product.created and fulfillment.shipment.shipped.
	Clinic string `json:"clinic,omitempty"`
	// Data is the event's data, that of one of the seed's events of the type when left out.
	Data json.RawMessage `json:"data,omitempty"`
	// Count is how many events to make, default 1, at most 10,000.
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

// Sent describes the first attempt to send an event. One that fails is followed by others, see [Options.WebhookWaits].
type Sent struct {
	EventID   string `json:"event_id"`
	Delivered bool   `json:"delivered"`
	Status    int    `json:"status,omitempty"`
}

// Emit makes events and sends them, one after the other.
func (s *Server) Emit(m Emission) ([]Sent, error) {
	if m.Count < 0 || m.Count > maxEvents {
		return nil, fmt.Errorf("count must be from 1 to %d", maxEvents)
	}
	var made []*outgoing
	s.mu.Lock()
	st := s.state
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
	sending := !m.Silent && st.background.begin()
	if sending {
		defer st.background.done()
	}
	sent := []Sent{}
	for _, o := range made {
		for range 1 + btoi(m.Duplicate) {
			result := Sent{EventID: o.event.id}
			if sending && !st.background.over() {
				result = s.attempt(st, o, 1, nil)
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

// make adds an event; Server.mu is held.
func (s *Server) make(m Emission) (*outgoing, error) {
	clinicID, known := map[string]string{"": ClinicID, "first": ClinicID, "other": OtherClinicID, "none": ""}[m.Clinic]
	if !known {
		return nil, errors.New(`clinic must be "first", "other", "none" or left out`)
	}
	owner := clinicID
	switch {
	case m.Clinic == "" && m.Type == "product.created":
		owner, clinicID = "", ""
	case m.Clinic == "" && m.Type == "fulfillment.shipment.shipped": // is a clinic's all the same
		clinicID = ""
	}
	e := &event{id: s.state.newID(kindEvent), kind: m.Type, createdAt: timestamp(s.opts.Now()), owner: owner, clinicID: clinicID}
	switch {
	case m.Type == "":
		return nil, errors.New("type is missing")
	case m.Data != nil:
		e.data = func(*Server) any { return m.Data }
	default:
		examples := keep(seedData().events.seed.list, func(o *event) bool {
			return o.kind == m.Type && (o.clinicID == "" || clinicID == "" || o.clinicID == clinicID)
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

// putWebhook changes the settings in the body, all or none.
func (s *Server) putWebhook(r *http.Request) reply {
	var to struct{ URL, Secret, Challenge *string }
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&to); err != nil {
		return failure(http.StatusBadRequest, "Not a receiver: "+err.Error())
	}
	if to.URL != nil && *to.URL != "" {
		u, err := url.Parse(*to.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return failure(http.StatusBadRequest, "Not a receiver: url must be an http address, or empty for none")
		}
		if !s.mayCall(u) {
			return failure(http.StatusBadRequest, "Not a receiver: url must be on this machine; a gateway with --allow-embedded, and a sandbox alone that listens for other machines, may send further")
		}
	}
	if to.Secret != nil && *to.Secret == "" || to.Challenge != nil && *to.Challenge == "" {
		return failure(http.StatusBadRequest, "Not a receiver: secret and challenge must not be empty")
	}
	s.mu.Lock()
	if to.URL != nil {
		s.receiver.url, s.state.gone = *to.URL, false
	}
	if to.Secret != nil {
		s.receiver.secret = *to.Secret
	}
	if to.Challenge != nil {
		s.receiver.challenge = *to.Challenge
	}
	s.mu.Unlock()
	return s.showWebhook()
}

func (s *Server) deleteWebhook(*http.Request) reply {
	s.SetWebhookURL("")
	return s.showWebhook()
}

// deliveryJSON is an attempt to send an event, without what is in it.
type deliveryJSON struct {
	EventID   string `json:"event_id"`
	Type      string `json:"type"`
	Attempt   int    `json:"attempt"`
	Status    int    `json:"status"` // 0 when there was no answer
	Delivered bool   `json:"delivered"`
}

// shownDeliveries is how many of the attempts are shown.
const shownDeliveries = 100

// showWebhook does not show the secret. Its deliveries are those really made, of both clinics, the latest first: the seed's never were.
func (s *Server) showWebhook() reply {
	s.mu.RLock()
	defer s.mu.RUnlock()
	to := s.receiverIn(s.state)
	made := s.state.deliveries.added.list
	shown := []deliveryJSON{}
	for _, d := range slices.Backward(made[max(0, len(made)-shownDeliveries):]) {
		shown = append(shown, deliveryJSON{d.event.id, d.event.kind, d.attempt, d.status, d.delivered})
	}
	return ok(object{"url": to.url, "challenge": to.challenge, "deliveries": shown})
}
