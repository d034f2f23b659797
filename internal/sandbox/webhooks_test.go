package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
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
	e := &endpoint{got: make(chan arrival, 30)}
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
	current.errands.running.Wait()
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
	close(release)
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
