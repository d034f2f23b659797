package tests

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/redistest"
	"fsgateway/internal/sandbox"
)

// stream opens a subscription by cookie, which is read all the time.
func (b *browser) stream(way, query string) *streamed {
	b.t.Helper()
	s := &streamed{t: b.t}
	if way == "socket" {
		own := *b.harness
		own.client = b.client
		socket := own.dial(subprotocol, "Origin", b.url)
		socket.init("")
		socket.subscribe("1", query)
		s.read, s.close = socket.read, func() { _ = socket.conn.CloseNow() }
	} else {
		body, _ := json.Marshal(map[string]string{"query": query})
		res := b.exchange(http.MethodPost, b.url+"/graphql", string(body), http.Header{"Content-Type": {"application/json"}, "Accept": {"text/event-stream"}})
		s.status, s.body, s.close = res.StatusCode, bufio.NewReader(res.Body), func() { _ = res.Body.Close() }
		s.read = s.event
	}
	s.readOn()
	b.t.Cleanup(s.close)
	return s
}

// TestSessionStream: a stream by cookie lives on when the access token expires.
func TestSessionStream(t *testing.T) {
	t.Parallel()
	const query = `subscription { patientUpdated { event { fullscriptId } patient { dateOfBirth } } }`
	for _, way := range []string{"sse", "socket"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				h, _ := v.online()
				h.url = "http://" + config().Addr // where the consent page leads back to
				b := h.signIn(sandbox.PractitionerID)
				s := b.stream(way, query)
				defer s.close()
				synctest.Wait() // on a socket it has begun only now
				told := func(id string) {
					v.Helper()
					h.happens("patient.updated", id, patientEvent)
					if x := s.value(); at(v, x, "patientUpdated.event.fullscriptId") != id || at(v, x, "patientUpdated.patient.dateOfBirth") == nil {
						v.Errorf("%v", x)
					}
				}
				told("at-once")
				time.Sleep(3 * time.Hour)
				told("after-its-token-expired")
				if n := refreshes(v.sandbox); n != 1 {
					v.Errorf("%d refreshes", n)
				}
				time.Sleep(time.Minute)
				v.sandbox.ExpireTokens()
				told("after-the-partner-let-it-expire")
				if n := refreshes(v.sandbox); n != 2 {
					v.Errorf("%d refreshes", n)
				}
			})
		})
	}
}

// TestSessionEnds: what goes on by cookie ends with the session, at once and
// whether or not anything happens.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	const query = `subscription { patientUpdated { patient { dateOfBirth } } }`
	for name, end := range map[string]func(*virtual, *browser){
		"SignOut": func(_ *virtual, b *browser) { b.send(http.MethodPost, b.url+"/oauth/logout", "", nil) },
		"SignInOfAnother": func(_ *virtual, b *browser) {
			other := b.signIn(sandbox.StaffID)
			_, _, _ = b.send(http.MethodPost, b.url+"/oauth/logout", "", nil)
			if other.query(`{ viewer { signedIn } }`)["viewer"] == nil {
				b.t.Error("the other session ended, too")
			}
		},
		"Lifetime": func(*virtual, *browser) { time.Sleep(config().SessionLifetime + 12*time.Hour) },
		"PartnerRefuses": func(v *virtual, b *browser) {
			time.Sleep(2 * time.Second) // a token that was just given is not replaced
			v.sandbox.RevokeTokens()
			b.ask(`{ clinic { name } }`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				h, _ := v.online()
				h.url = "http://" + config().Addr
				b := h.signIn(sandbox.PractitionerID)
				events := b.stream("sse", query)
				defer events.close()
				own := *h
				own.client = b.client
				streaming, idle, bearer := own.dial(subprotocol, "Origin", h.url), own.dial(subprotocol, "Origin", h.url), own.dial(subprotocol, "Origin", h.url)
				streaming.init("")
				streaming.subscribe("1", query)
				idle.init("")
				bearer.init(sandbox.TokenStaff) // goes before the cookie
				reasons := make(chan string)
				for _, s := range []*socket{streaming, idle} { // reading all the time answers pings
					go func() { reasons <- s.closed(4401) }()
				}
				values := make(chan string)
				go func() { values <- bearer.hears("next", "1").ID }()
				synctest.Wait()
				end(v, b)
				ended := time.Now()
				events.fails("UNAUTHENTICATED")
				for range 2 {
					if reason := <-reasons; !strings.Contains(reason, "session") {
						v.Errorf("reason %q", reason)
					}
				}
				if took := time.Since(ended); took != 0 {
					v.Errorf("took %v", took)
				}
				bearer.subscribe("1", `{ clinic { fullscriptId } }`)
				<-values
			})
		})
	}
}

// TestSessionEndsEverywhere: a sign-out at one gateway ends what goes on at
// another that shares its Redis.
func TestSessionEndsEverywhere(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := config()
	c.OperationTimeout, c.CallTimeout = 2*time.Minute, time.Minute
	c.RedisURL, c.EncryptionKey = server.URL, []string{strings.Repeat("key ", 8)}
	here, there := startWith(t, c, sandbox.Options{}), startWith(t, c, sandbox.Options{})
	b := here.signIn(sandbox.PractitionerID)
	own := *there
	own.client = b.client
	at := b.with(&own)
	s := own.dial(subprotocol, "Origin", there.url)
	s.init("")
	s.subscribe("1", `subscription { events { id } }`)
	b.send(http.MethodPost, here.url+"/oauth/logout", "", nil)
	s.closed(4401)
	if a := at.ask(`{ clinic { name } }`); a.Status != http.StatusUnauthorized {
		t.Errorf("status %d", a.Status)
	}
}

// TestSocketOfASession: the cookie counts for pages of our own only, and a token
// in the first message goes before it.
func TestSocketOfASession(t *testing.T) {
	t.Parallel()
	h := start(t)
	b := h.signIn(sandbox.StaffID)
	own := *h
	own.client = b.client
	s := own.dial(subprotocol, "Origin", h.url)
	s.init("")
	s.subscribe("1", who)
	if x := s.value("1"); at(t, x, "viewer.staff.id") != "Staff:"+sandbox.StaffID || at(t, x, "viewer.clinic.fullscriptId") != sandbox.ClinicID {
		t.Errorf("%v", x)
	}
	s = own.dial(subprotocol, "Origin", h.url)
	s.init(sandbox.TokenOtherClinic)
	s.subscribe("1", who)
	if x := s.value("1"); at(t, x, "viewer.signedIn") != false || at(t, x, "viewer.staff") != nil || at(t, x, "viewer.clinic.fullscriptId") != sandbox.OtherClinicID {
		t.Errorf("%v", x)
	}
	if _, res, err := dial(t.Context(), b.client, h.url, subprotocol, "Origin", "https://evil.example"); err == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page opens one: %v", err)
	}
}

// TestWebhookLog: nothing of an event is in the log, whatever becomes of it.
func TestWebhookLog(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(sandbox.TokenPractitioner, watchAll)
	const name = "CANARY-OF-A-PATIENT"
	data := json.RawMessage(`{"patient":{"id":"b1","first_name":"` + name + `","email":"` + name + `@example.org"}}`)
	for _, m := range []sandbox.Emission{
		{Data: data},
		{Data: data, Wrapped: true},
		{Data: data, Duplicate: true},
		{Data: data, Forged: true},
		{Data: data, Stale: true},
		{Data: json.RawMessage(`"` + name + `"`)},
		{Data: json.RawMessage(`{"patient":"` + name + `"}`)},
	} {
		m.Type = "patient.updated"
		if _, err := h.sandbox.Emit(m); err != nil {
			t.Fatal(err)
		}
	}
	body := `{"event":"` + name + `"}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/webhooks/fullscript", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Fullscript-Signature", sandbox.Sign(sandbox.DefaultWebhookSecret, time.Now(), []byte(body)))
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	s.value()
	s.close()
	h.close()
	log := h.log.String()
	if strings.Contains(log, name) || !strings.Contains(log, `"route":"/webhooks/fullscript"`) || !strings.Contains(log, "a signed webhook holds no event") {
		t.Errorf("the log is\n%s", log)
	}
	if strings.Contains(log, sandbox.DefaultWebhookSecret) || strings.Contains(log, sandbox.DefaultWebhookChallenge) {
		t.Error("a secret is in the log")
	}
}
