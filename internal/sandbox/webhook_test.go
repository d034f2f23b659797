package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// endpoint is an integrator's address: a real server, which hands what it gets to the test and answers as told.
type endpoint struct {
	*httptest.Server
	got chan arrival
}

// arrival is one attempt as it arrived.
type arrival struct {
	signature string
	body      []byte
}

func (a arrival) event(t *testing.T) eventFull {
	t.Helper()
	var sent webhookPayload
	if err := json.Unmarshal(a.body, &sent); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return sent.Event
}

// take answers well.
func take(w http.ResponseWriter, _ int) {
	_, _ = io.WriteString(w, `{"challenge":"`+DefaultWebhookChallenge+`"}`)
}

// fail answers with a status.
func fail(status int) func(http.ResponseWriter, int) {
	return func(w http.ResponseWriter, _ int) { w.WriteHeader(status) }
}

// listen runs an endpoint; answer is told which attempt it is, from 1.
func listen(t *testing.T, answer func(w http.ResponseWriter, n int)) *endpoint {
	t.Helper()
	e := &endpoint{got: make(chan arrival, 200)}
	numbers := make(chan int, 1)
	numbers <- 1
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.got <- arrival{r.Header.Get("Fullscript-Signature"), body}
		n := <-numbers
		numbers <- n + 1
		answer(w, n)
	}))
	t.Cleanup(e.Close)
	return e
}

// sending is a sandbox that ends with the test.
func sending(t *testing.T, o Options) *Server {
	t.Helper()
	s := New(o)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// settle waits until no attempt is under way or to come.
func (s *Server) settle() {
	s.mu.RLock()
	current := s.state
	s.mu.RUnlock()
	current.background.running.Wait()
}

// emit makes one event and returns its id.
func emit(t *testing.T, s *Server, m Emission) Sent {
	t.Helper()
	sent, err := s.Emit(m)
	if err != nil || len(sent) != 1 {
		t.Fatalf("%v %v", sent, err)
	}
	return sent[0]
}

// deliveries are the attempts to send an event, as the API shows them.
func deliveries(t *testing.T, s *Server, eventID string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, row := range wholeList(t, s, TokenPractitioner, "/webhooks/deliveries?event_id="+eventID) {
		out = append(out, row.(map[string]any))
	}
	return out
}

// silent is a transport inside a bubble: what it is given waits until it is let go, whatever becomes of its context, and gets no answer.
type silent struct{ entered, leave chan struct{} }

func (r silent) RoundTrip(*http.Request) (*http.Response, error) {
	r.entered <- struct{}{}
	<-r.leave
	return nil, io.ErrUnexpectedEOF
}

// bubble runs a test in virtual time with a sender whose attempts end when the test says so.
func bubble(t *testing.T, test func(t *testing.T, s *Server, r silent)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{WebhookURL: "http://app.test/"})
		r := silent{make(chan struct{}), make(chan struct{})}
		s.sender.Transport = r
		test(t, s, r)
	})
}

func TestCloseWaitsForAttempts(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *Server, r silent) {
		var result []Sent
		go func() { result, _ = s.Emit(Emission{Type: "patient.updated", Count: 3}) }()
		<-r.entered
		closed := false
		go func() {
			_ = s.Close()
			closed = true
		}()
		synctest.Wait()
		if closed {
			t.Error("closed while an attempt was under way")
		}
		close(r.leave)
		synctest.Wait()
		if !closed || len(result) != 3 {
			t.Errorf("closed: %v, sent: %v", closed, result)
		}
		nothingComes(t, s, r)
	})
}

func TestResetEndsAttempts(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *Server, r silent) {
		close(r.leave)
		go func() { <-r.entered }()
		emit(t, s, Emission{Type: "patient.updated"}) // is to be sent again in a minute
		s.Reset()
		nothingComes(t, s, r)
	})
}

func TestResetCutsAttemptsOff(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *Server, r silent) {
		go func() { _, _ = s.Emit(Emission{Type: "patient.updated", Count: 3}) }()
		<-r.entered
		reset := false
		go func() {
			s.Reset()
			reset = true
		}()
		synctest.Wait()
		if reset {
			t.Error("reset while an attempt was under way")
		}
		close(r.leave)
		synctest.Wait()
		if !reset {
			t.Error("not reset")
		}
		nothingComes(t, s, r)
	})
}

// nothingComes waits longer than any attempt could.
func nothingComes(t *testing.T, s *Server, r silent) {
	t.Helper()
	select {
	case <-r.entered:
		t.Error("an attempt was made afterwards")
	case <-time.After(24 * time.Hour):
	}
	if rows := s.state.deliveries.added.list; len(rows) != 0 {
		t.Errorf("%d deliveries were noted", len(rows))
	}
}

func TestNothingIsSentAfterClose(t *testing.T) {
	t.Parallel()
	e := listen(t, take)
	s := New(Options{WebhookURL: e.URL})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := emit(t, s, Emission{Type: "patient.updated"}); got.Status != 0 {
			t.Errorf("answered with %d", got.Status)
		}
		s.Reset()
	}
	if len(e.got) != 0 {
		t.Error("something arrived")
	}
}

// TestCloseLeavesTheReceiver has Close end an attempt whose answer does not come.
func TestCloseLeavesTheReceiver(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	let := sync.OnceFunc(func() { close(release) })
	defer let() // the endpoint cannot end before
	e := listen(t, func(http.ResponseWriter, int) { <-release })
	s := New(Options{WebhookURL: e.URL})
	done := make(chan []Sent)
	go func() {
		sent, _ := s.Emit(Emission{Type: "patient.updated"})
		done <- sent
	}()
	<-e.got
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if sent := <-done; len(sent) != 1 || sent[0].Delivered || sent[0].Status != 0 {
		t.Errorf("sent %v", sent)
	}
	let()
}

func TestResetTurnsTheAddressOnAgain(t *testing.T) {
	t.Parallel()
	e := listen(t, fail(http.StatusGone))
	other := listen(t, fail(http.StatusGone))
	s := sending(t, Options{WebhookURL: e.URL})
	off := func() {
		t.Helper()
		if got := emit(t, s, Emission{Type: "patient.updated"}); got.Status != 0 {
			t.Errorf("answered with %d though it was switched off", got.Status)
		}
		if got := control(t, s, "GET", "/_sandbox/webhooks", "").object()["url"]; got != "" {
			t.Errorf("url is %v", got)
		}
	}
	gone := func(at *endpoint) {
		t.Helper()
		if got := emit(t, s, Emission{Type: "patient.updated"}); got.Status != http.StatusGone {
			t.Errorf("answered with %d", got.Status)
		}
		<-at.got
		off()
	}
	gone(e)
	s.Reset()
	gone(e)
	s.SetWebhookURL(other.URL)
	gone(other)
	s.Reset() // to what was set last
	gone(other)
	s.SetWebhookURL("")
	s.Reset()
	off()
}

// tiny are waits that a test does not notice.
var tiny = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond}

// checkChain compares attempts, as the API shows them, with what was answered: they follow each other, and each points at its neighbours.
func checkChain(t *testing.T, rows []map[string]any, statuses ...any) {
	t.Helper()
	if len(rows) != len(statuses) {
		t.Fatalf("%d attempts, want %d: %v", len(rows), len(statuses), rows)
	}
	for i, row := range rows {
		if row["attempt_number"] != float64(i+1) || row["response_status"] != statuses[i] || row["successfully_delivered"] != (statuses[i] == 200.0) {
			t.Errorf("attempt %d is %v", i+1, row)
		}
		if i > 0 && row["previous_attempt_at"] != rows[i-1]["attempted_at"] || i == 0 && row["previous_attempt_at"] != nil {
			t.Errorf("attempt %d follows one of %v", i+1, row["previous_attempt_at"])
		}
		if next, _ := row["next_attempt_at"].(string); i < len(rows)-1 && (next == "" || next > rows[i+1]["attempted_at"].(string)) {
			t.Errorf("attempt %d promises another at %q", i+1, next)
		}
	}
	if last := rows[len(rows)-1]; last["next_attempt_at"] != nil {
		t.Errorf("the last attempt promises another: %v", last)
	}
}

func TestSixAttempts(t *testing.T) {
	t.Parallel()
	e := listen(t, fail(http.StatusInternalServerError))
	s := sending(t, Options{WebhookURL: e.URL, WebhookWaits: tiny})
	first := emit(t, s, Emission{Type: "patient.updated"})
	if first.Delivered || first.Status != http.StatusInternalServerError {
		t.Errorf("the first attempt: %+v", first)
	}
	var body string
	for range 6 {
		a := <-e.got
		if body == "" {
			body = string(a.body)
		}
		if got := a.event(t); got.ID != first.EventID || string(a.body) != body {
			t.Errorf("%s arrived, and %s before", a.body, body)
		}
	}
	s.settle()
	if len(e.got) > 0 {
		t.Error("a seventh attempt")
	}
	checkChain(t, deliveries(t, s, first.EventID), 500.0, 500.0, 500.0, 500.0, 500.0, 500.0)
}

func TestAttemptsEndWithSuccess(t *testing.T) {
	t.Parallel()
	e := listen(t, func(w http.ResponseWriter, n int) {
		if n < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		take(w, n)
	})
	s := sending(t, Options{WebhookURL: e.URL, WebhookWaits: tiny})
	id := emit(t, s, Emission{Type: "patient.updated"}).EventID
	s.settle()
	if len(e.got) != 3 {
		t.Errorf("%d attempts", len(e.got))
	}
	checkChain(t, deliveries(t, s, id), 503.0, 503.0, 200.0)
}

// TestOneAttempt is for a sandbox without waits.
func TestOneAttempt(t *testing.T) {
	t.Parallel()
	e := listen(t, fail(http.StatusBadGateway))
	s := sending(t, Options{WebhookURL: e.URL, WebhookWaits: []time.Duration{}})
	id := emit(t, s, Emission{Type: "patient.updated"}).EventID
	s.settle()
	checkChain(t, deliveries(t, s, id), 502.0)
}

// TestPartnersWaits runs a server in the bubble and looks at the clock there.
func TestPartnersWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pipe{make(chan net.Conn), make(chan struct{})}
		begin := time.Now()
		arrived := make(chan time.Duration, 10)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			arrived <- time.Since(begin)
			w.WriteHeader(http.StatusInternalServerError)
		})}
		go func() { _ = server.Serve(p) }()
		s := New(Options{WebhookURL: "http://app.test/"})
		s.sender.Transport = &http.Transport{DialContext: p.dial}
		id := emit(t, s, Emission{Type: "patient.updated"}).EventID
		want := time.Duration(0)
		rows := []any{}
		for _, pause := range []time.Duration{0, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour, 5 * time.Hour} {
			want += pause
			if got := <-arrived; got != want {
				t.Errorf("an attempt after %v, want %v", got, want)
			}
			rows = append(rows, 500.0)
		}
		s.settle()
		got := deliveries(t, s, id)
		checkChain(t, got, rows...)
		for i, row := range got[:5] {
			if row["next_attempt_at"] != got[i+1]["attempted_at"] {
				t.Errorf("attempt %d promises one at %v, and it was at %v", i+1, row["next_attempt_at"], got[i+1]["attempted_at"])
			}
		}
		if err := errors.Join(s.Close(), server.Close()); err != nil {
			t.Error(err)
		}
	})
}

// pipe is a listener inside a bubble.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipe) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

func (p pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipe) Close() error { close(p.closed); return nil }

func (p pipe) Addr() net.Addr { return &net.UnixAddr{Name: "app", Net: "pipe"} }

// TestAttemptsWithoutAnAddress has the address vanish between the attempts.
func TestAttemptsWithoutAnAddress(t *testing.T) {
	t.Parallel()
	s := New(Options{WebhookWaits: tiny})
	e := listen(t, func(w http.ResponseWriter, _ int) {
		s.SetWebhookURL("")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	t.Cleanup(func() { _ = s.Close() })
	s.SetWebhookURL(e.URL)
	id := emit(t, s, Emission{Type: "patient.updated"}).EventID
	s.settle()
	rows := deliveries(t, s, id)
	checkChain(t, rows, 503.0, nil, nil, nil, nil, nil)
	for _, row := range rows[1:] {
		if row["response_errors"] == nil {
			t.Errorf("no reason in %v", row)
		}
	}
	if len(e.got) != 1 {
		t.Errorf("%d arrived", len(e.got))
	}

	// An event that was never sent has no attempts.
	if rows := deliveries(t, s, emit(t, s, Emission{Type: "patient.updated"}).EventID); len(rows) > 0 {
		t.Errorf("attempts: %v", rows)
	}
	route := describedRoutes(t)["listWebhookDeliveries"]
	r := sample{query: "event_id=" + id}.request(t, s, route, nil)
	got := serve(t, s, r).want(http.StatusOK)
	checkAnswer(t, route, r, nil, got, true)
	checkKeys(t, route, got)
}

// TestAddressComesBack has the address be away for the second attempt only.
func TestAddressComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{WebhookURL: "http://app.test/"})
		r := silent{make(chan struct{}), make(chan struct{})}
		s.sender.Transport = r
		close(r.leave)
		go func() { <-r.entered }()
		id := emit(t, s, Emission{Type: "patient.updated"}).EventID
		s.SetWebhookURL("")
		<-time.After(2 * time.Minute) // the second attempt falls due meanwhile
		s.SetWebhookURL("http://app.test/")
		<-r.entered
		synctest.Wait()
		if rows := deliveries(t, s, id); len(rows) != 3 || rows[1]["response_errors"] == rows[2]["response_errors"] {
			t.Errorf("attempts: %v", rows)
		}
		_ = s.Close()
	})
}

func TestClinicOfAnEvent(t *testing.T) {
	t.Parallel()
	s := sending(t, Options{})
	for _, c := range []struct{ kind, clinic, names, owner string }{
		{"patient.updated", "", ClinicID, ClinicID},
		{"patient.updated", "first", ClinicID, ClinicID},
		{"patient.updated", "other", OtherClinicID, OtherClinicID},
		{"patient.updated", "none", "", ""},
		{"product.created", "", "", ""},
		{"product.created", "first", ClinicID, ClinicID},
		{"product.created", "other", OtherClinicID, OtherClinicID},
		{"product.created", "none", "", ""},
		{"product.updated", "", ClinicID, ClinicID},
		{"product.description.updated", "", ClinicID, ClinicID},
		{"fulfillment.shipment.shipped", "", "", ClinicID},
		{"fulfillment.shipment.shipped", "first", ClinicID, ClinicID},
		{"fulfillment.shipment.shipped", "other", OtherClinicID, OtherClinicID},
		{"fulfillment.shipment.shipped", "none", "", ""},
	} {
		made, _ := s.state.events.get(emit(t, s, Emission{Type: c.kind, Clinic: c.clinic}).EventID)
		if made.clinicID != c.names || made.owner != c.owner {
			t.Errorf("%s of %q names %q and is of %q", c.kind, c.clinic, made.clinicID, made.owner)
		}
	}
	if _, err := s.Emit(Emission{Type: "patient.updated", Clinic: "third"}); err == nil {
		t.Error("an unknown clinic is taken")
	}
}

func TestRedirectsAreFailures(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		elsewhere := listen(t, take)
		e := listen(t, func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(status)
		})
		s := sending(t, Options{WebhookURL: e.URL, WebhookWaits: tiny})
		got := emit(t, s, Emission{Type: "patient.updated"})
		s.settle()
		if got.Delivered || got.Status != status || len(e.got) != 6 || len(elsewhere.got) > 0 {
			t.Errorf("%d: %+v, %d attempts, %d elsewhere", status, got, len(e.got), len(elsewhere.got))
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	s := sending(t, Options{})
	for body, status := range map[string]int{
		`{"type":"patient.updated","count":10000}`: 201, `{"type":"patient.updated","count":10001}`: 400, `{"type":"patient.updated","count":-1}`: 400,
	} {
		got := control(t, s, "POST", "/_sandbox/webhooks", body).want(status)
		if status == 400 && !strings.Contains(got.Body.String(), "from 1 to 10000") {
			t.Errorf("%s: %s", body, got.Body)
		}
	}
	if n := len(s.state.events.added.list); n != 10_000 {
		t.Errorf("%d events", n)
	}
}

// TestOrderAndRepetition looks at what arrives: each event twice, the last one first, or both.
func TestOrderAndRepetition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name               string
		duplicate, reverse bool
		want               []int // which of the events arrive, by the order they were made in
	}{
		{"Plain", false, false, []int{0, 1, 2}},
		{"Duplicate", true, false, []int{0, 0, 1, 1, 2, 2}},
		{"Reverse", false, true, []int{2, 1, 0}},
		{"Both", true, true, []int{2, 2, 1, 1, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := listen(t, take)
			s := sending(t, Options{WebhookURL: e.URL})
			sent, err := s.Emit(Emission{Type: "patient.updated", Count: 3, Duplicate: c.duplicate, Reverse: c.reverse})
			if err != nil || len(sent) != len(c.want) {
				t.Fatalf("%v %v", sent, err)
			}
			made := s.state.events.added.list
			for i, n := range c.want {
				if got := (<-e.got).event(t).ID; got != made[n].id || sent[i].EventID != got || !sent[i].Delivered {
					t.Errorf("%d: %s arrived, %+v, want %s", i, got, sent[i], made[n].id)
				}
			}
			if len(e.got) > 0 {
				t.Errorf("%d more arrived", len(e.got))
			}
			for _, m := range made { // all at the first attempt
				for _, row := range deliveries(t, s, m.id) {
					if row["attempt_number"] != 1.0 || row["successfully_delivered"] != true {
						t.Errorf("delivery %v", row)
					}
				}
			}
		})
	}
}

func TestReceiverSettings(t *testing.T) {
	t.Parallel()
	e := listen(t, take)
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s := sending(t, Options{Now: func() time.Time { return now }})
	const path = "/_sandbox/webhooks"
	show := func(want ...any) []any {
		t.Helper()
		got := control(t, s.ControlHandler(), "GET", path, "").want(200)
		if got := got.object(); got["url"] != want[0] || got["challenge"] != want[1] || len(got) != 3 {
			t.Errorf("shows %v, want %v", got, want)
		}
		if text := got.Body.String(); strings.Contains(text, DefaultWebhookSecret) || strings.Contains(text, "another-secret") {
			t.Errorf("shows the secret: %s", text)
		}
		return got.object()["deliveries"].([]any)
	}
	if got := show("", DefaultWebhookChallenge); len(got) > 0 {
		t.Errorf("deliveries before there are any: %v", got)
	}
	signedWith := func(secret string) string {
		t.Helper()
		id := emit(t, s, Emission{Type: "order.placed"}).EventID
		a := <-e.got
		if a.signature != Sign(secret, now, a.body) {
			t.Errorf("signature %s is not made with %s", a.signature, secret)
		}
		return id
	}
	control(t, s, "PUT", path, `{"url":"`+e.URL+`"}`).want(200)
	first := signedWith(DefaultWebhookSecret)
	control(t, s, "PUT", path, `{"secret":"another-secret","challenge":"other"}`).want(200)
	second := signedWith("another-secret") // whose answer echoes what is no longer right
	s.Reset()                              // which leaves these settings alone
	if got := show(e.URL, "other"); len(got) > 0 {
		t.Errorf("deliveries after a reset: %v", got)
	}
	control(t, s, "PUT", path, `{"challenge":"`+DefaultWebhookChallenge+`"}`).want(200)
	if third := signedWith("another-secret"); third == "" || first == second {
		t.Error("events have no id of their own")
	}
	latest := show(e.URL, DefaultWebhookChallenge)[0].(map[string]any)
	if rows := deliveries(t, s, latest["event_id"].(string)); rows[0]["response_body"] != `{"challenge":"`+DefaultWebhookChallenge+`"}` {
		t.Errorf("delivery is %v", rows)
	}
	if latest["type"] != "order.placed" || latest["attempt"] != 1.0 || latest["status"] != 200.0 || latest["delivered"] != true || len(latest) != 5 {
		t.Errorf("delivery is %v", latest)
	}
	for _, bad := range []string{
		`{"uri":"http://127.0.0.1/"}`, `{"url":"127.0.0.1"}`, `{"url":"ftp://127.0.0.1/"}`, `{"url":7}`, `{"secret":""}`, `{"challenge":""}`, `x`,
	} {
		control(t, s, "PUT", path, bad).want(400)
	}
	show(e.URL, DefaultWebhookChallenge)
	if got := control(t, s, "DELETE", path, "").want(200).object()["url"]; got != "" {
		t.Errorf("url is %v", got)
	}
	s.Reset()
	show("", DefaultWebhookChallenge)
}

func TestLatestDeliveriesFirst(t *testing.T) {
	t.Parallel()
	e := listen(t, func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		take(w, n)
	})
	s := sending(t, Options{WebhookURL: e.URL, WebhookWaits: tiny})
	failed := emit(t, s, Emission{Type: "patient.created"})
	s.settle()
	list := func() []any {
		return control(t, s, "GET", "/_sandbox/webhooks", "").want(200).object()["deliveries"].([]any)
	}
	for i, want := range []map[string]any{
		{"event_id": failed.EventID, "type": "patient.created", "attempt": 2.0, "status": 200.0, "delivered": true},
		{"event_id": failed.EventID, "type": "patient.created", "attempt": 1.0, "status": 500.0, "delivered": false},
	} {
		if got := list()[i]; !reflect.DeepEqual(got, any(want)) {
			t.Errorf("%d is %v, want %v", i, got, want)
		}
	}
	sent, err := s.Emit(Emission{Type: "patient.updated", Count: 120})
	if err != nil {
		t.Fatal(err)
	}
	got := list()
	if len(got) != 100 {
		t.Fatalf("%d are shown", len(got))
	}
	for i, row := range got {
		if want := sent[119-i].EventID; row.(map[string]any)["event_id"] != want {
			t.Fatalf("%d is %v, want %s", i, row, want)
		}
	}
}
