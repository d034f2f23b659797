package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// webhookWaits are those between the partner's six attempts.
var webhookWaits = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour, 5 * time.Hour}

// webhookTimeout is how long the receiver may take: the partner's is "aggressive".
const webhookTimeout = 5 * time.Second

// maxAnswer is how much of an answer is read; what is longer echoes no challenge.
const maxAnswer = 4 << 10

// newSender does not follow redirects: an event is for the address that was registered. Unless the sandbox is open, that is on this machine.
func newSender(open bool, config *tls.Config) *http.Client {
	dialer := &net.Dialer{Control: loopbackOnly}
	if open {
		dialer.Control = nil
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: config},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// receiver is where events go, as the app's dashboard has it. It is no part of a state: a reset leaves it alone.
type receiver struct{ url, secret, challenge string }

// outgoing is an event on its way.
type outgoing struct {
	event *event
	body  []byte
	how   Emission
}

// SetWebhookURL says where events are sent to, "" for nowhere. It also ends what a 410 did.
func (s *Server) SetWebhookURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receiver.url, s.state.gone = url, false
}

// receiverIn has no address when st switched it off; Server.mu is held.
func (s *Server) receiverIn(st *state) receiver {
	to := s.receiver
	if st.gone {
		to.url = ""
	}
	return to
}

// attempt sends an event, notes how that went, and sees to the next attempt. It is one of st's background and notes things there: should st
// be dropped meanwhile, nobody looks there any more.
func (s *Server) attempt(st *state, o *outgoing, number int, previous *string) Sent {
	s.mu.RLock()
	to := s.receiverIn(st)
	s.mu.RUnlock()
	if to.url == "" && number == 1 { // nobody asked to be told
		return Sent{EventID: o.event.id}
	}
	now := s.opts.Now()
	d := &delivery{event: o.event, attempt: number, attemptedAt: timestamp(now), previous: previous, unaddressed: to.url == ""}
	if !d.unaddressed {
		d.status, d.body, d.delivered = s.post(st.background.ctx, to, o, now)
	}
	if !d.delivered && st.background.over() { // cut off
		return Sent{EventID: o.event.id}
	}
	again := !d.delivered && d.status != http.StatusGone && number <= len(s.opts.WebhookWaits)
	var pause time.Duration
	if again {
		pause = s.opts.WebhookWaits[number-1]
		d.next = new(timestamp(s.opts.Now().Add(pause)))
	}
	s.mu.Lock()
	d.id = st.newID(kindDelivery)
	st.deliveries.put(d)
	st.gone = st.gone || d.status == http.StatusGone
	s.mu.Unlock()
	if again {
		st.background.start(func() {
			if wait(st.background.ctx, pause) {
				s.attempt(st, o, number+1, &d.attemptedAt)
			}
		})
	}
	return Sent{o.event.id, d.delivered, d.status}
}

// enqueue has an event sent without anybody waiting. First attempts are made one after the other, as the partner tries to keep the order.
// Server.mu is held.
func (s *Server) enqueue(o *outgoing) {
	st := s.state
	st.outbox = append(st.outbox, o)
	if !st.sending {
		st.sending = true
		st.background.start(func() { s.sendOutbox(st) })
	}
}

func (s *Server) sendOutbox(st *state) {
	next := func() (o *outgoing) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(st.outbox) == 0 || st.background.over() {
			st.sending = false
			return nil
		}
		o, st.outbox = st.outbox[0], st.outbox[1:]
		return o
	}
	for o := next(); o != nil; o = next() {
		s.attempt(st, o, 1, nil)
	}
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
func (s *Server) post(ctx context.Context, to receiver, o *outgoing, now time.Time) (status int, body string, delivered bool) {
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url, bytes.NewReader(o.body))
	if err != nil {
		return 0, "", false
	}
	if o.how.Forged {
		to.secret += "?"
	}
	if o.how.Stale {
		now = now.Add(-time.Hour)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Fullscript-Signature", Sign(to.secret, now, o.body))
	res, err := s.sender.Do(req)
	if err != nil {
		return 0, "", false
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	var answer struct {
		Challenge string `json:"challenge"`
	}
	if err != nil || json.Unmarshal(raw, &answer) != nil || answer.Challenge != to.challenge {
		return res.StatusCode, "", false
	}
	return res.StatusCode, string(raw), res.StatusCode == http.StatusOK || res.StatusCode == http.StatusCreated
}

// Close ends what the server does by itself. Nothing is under way when it returns.
func (s *Server) Close() error {
	s.ending.Lock()
	defer s.ending.Unlock()
	s.stop()
	s.mu.RLock()
	current := s.state
	s.mu.RUnlock()
	current.background.end()
	s.sender.CloseIdleConnections()
	return nil
}
