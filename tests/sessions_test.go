package tests

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/redistest"
	"fsgateway/internal/sandbox"
)

// refreshes is how often the partner was asked for new tokens.
func refreshes(s *sandbox.Server) (n int) {
	for _, c := range s.Calls() {
		if c.Operation == "createToken" && strings.Contains(string(c.Body), `"grant_type":"refresh_token"`) {
			n++
		}
	}
	return n
}

// handled sends requests to a handler in the same goroutine.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	res.Request = r
	return res, nil
}

// TestExpiredSession has 50 requests arrive when a session has expired, or is
// about to.
func TestExpiredSession(t *testing.T) {
	t.Parallel()
	for name, age := range map[string]time.Duration{"Early": 2*time.Hour - 3*time.Minute, "Late": 3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := sandbox.New(sandbox.Options{})
				c := config()
				g, err := gateway.New(c, zerolog.Nop(), gateway.WithSandbox(s))
				if err != nil {
					t.Fatal(err)
				}
				h := &harness{t: t, sandbox: s, url: "http://" + c.Addr, client: &http.Client{Transport: handled{g.Handler()}}}
				b := h.signIn(sandbox.PractitionerID)
				time.Sleep(age)
				s.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						if v := b.query(who); at(t, v, "viewer.clinic.fullscriptId") != sandbox.ClinicID {
							t.Errorf("%v", v)
						}
					})
				}
				wg.Wait()
				if n := refreshes(s); n != 1 {
					t.Errorf("%d refreshes", n)
				}
				if err := g.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestRefusedToken: the partner may refuse a token before its time. The call is
// sent again with a new one; when there is none, the user has to sign in.
func TestRefusedToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := sandbox.New(sandbox.Options{})
		g, err := gateway.New(config(), zerolog.Nop(), gateway.WithSandbox(s))
		if err != nil {
			t.Fatal(err)
		}
		h := &harness{t: t, sandbox: s, url: "http://" + config().Addr, client: &http.Client{Transport: handled{g.Handler()}}}
		b := h.signIn(sandbox.PractitionerID)
		time.Sleep(time.Minute)
		s.ExpireTokens()
		created := b.query(`mutation { createPatient(input: {firstName: "Ada", lastName: "Sample", email: "ada.again@example.org"}) { patient { id } userErrors { message } } }`)
		if at(t, created, "createPatient.patient.id") == nil || refreshes(s) != 1 || s.Count("createPatient") != 2 {
			t.Errorf("%v, %d refreshes, %d calls", created, refreshes(s), s.Count("createPatient"))
		}
		if found := b.query(`{ searchPatients(query: "ada.again@example.org") { totalCount } }`); at(t, found, "searchPatients.totalCount") != 1.0 {
			t.Errorf("%v", found)
		}
		time.Sleep(time.Minute)
		s.RevokeTokens()
		a := b.ask(who)
		if a.Status != http.StatusUnauthorized && at(t, a.Data, "viewer.clinic") != nil {
			t.Errorf("%d %v", a.Status, a.Data)
		}
		if cookie := a.Header.Get("Set-Cookie"); !strings.Contains(cookie, "Max-Age=0") {
			t.Errorf("the cookie stays: %q", cookie)
		}
		for _, e := range a.Errors {
			if e.Extensions["code"] != "UNAUTHENTICATED" {
				t.Errorf("%v", e)
			}
		}
		a = b.ask(who)
		if a.Status != http.StatusUnauthorized || len(a.Errors) != 1 || !strings.Contains(a.Errors[0].Message, "/oauth/login") {
			t.Errorf("%d %v", a.Status, a.Errors)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}

// pair is two gateways as processes of their own, on one Redis server, in front
// of one sandbox; a browser is signed in at the first.
func pair(t *testing.T, binary string) (s *sandbox.Server, b *browser, one, two *program) {
	t.Helper()
	s = sandbox.New(sandbox.Options{})
	upstream := httptest.NewServer(s)
	t.Cleanup(func() {
		upstream.Close()
		_ = s.Close()
	})
	redis := redistest.Start(t)
	args := []string{
		"--upstream", upstream.URL + "/api", "--client-id", sandbox.DefaultClientID, "--client-secret", sandbox.DefaultClientSecret,
		"--webhook-secret", sandbox.DefaultWebhookSecret, "--webhook-challenge", sandbox.DefaultWebhookChallenge,
		"--redis-url", redis.URL, "--encryption-key", strings.Repeat("key ", 8), "--call-timeout", "2s", "--drain-delay", "0s",
	}
	one, two = launch(t, binary, args...), launch(t, binary, args...)
	h := &harness{t: t, sandbox: s, url: one.address}
	return s, h.signIn(sandbox.PractitionerID), one, two
}

// at makes the browser use another gateway, at another port.
func (b *browser) at(p *program) *browser {
	own := *b.harness
	own.url = p.address
	return b.with(&own)
}

// with makes the browser use another gateway with the cookies that it has of its
// own. Those that share sessions have one address, and one name of cookies; on
// ports of one machine they have a name for each.
func (b *browser) with(other *harness) *browser {
	b.t.Helper()
	from, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	to, err := url.Parse(other.url)
	if err != nil {
		b.t.Fatal(err)
	}
	var cookies []*http.Cookie
	for _, c := range b.client.Jar.Cookies(from) {
		if name, ours := strings.CutSuffix(c.Name, "-"+from.Port()); ours {
			cookies = append(cookies, &http.Cookie{Name: name + "-" + to.Port(), Value: c.Value, Path: "/"})
		}
	}
	b.client.Jar.SetCookies(to, cookies)
	return &browser{harness: other, client: b.client}
}

// expire has the session of a browser that has just signed in run out.
func expire(t *testing.T, s *sandbox.Server, signIn func()) {
	t.Helper()
	s.SetAccessLife(time.Second)
	signIn()
	begin := time.Now()
	s.SetAccessLife(2 * time.Hour)
	eventually(t, func() bool { return time.Since(begin) > time.Second }, "time stands still")
}

// testRefreshOnce: two processes, one session, one refresh.
func testRefreshOnce(t *testing.T, binary string) {
	s, b, one, two := pair(t, binary)
	expire(t, s, func() { b = b.signIn(sandbox.StaffID) })
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			own := b.at(one)
			if i%2 == 0 {
				own = b.at(two)
			}
			if v := own.query(who); at(t, v, "viewer.staff.id") != "Staff:"+sandbox.StaffID || at(t, v, "viewer.clinic.fullscriptId") != sandbox.ClinicID {
				t.Errorf("%v", v)
			}
		})
	}
	wg.Wait()
	if n := refreshes(s); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	// Signed out at one is signed out at both.
	b.at(one).send(http.MethodPost, one.address+"/oauth/logout", "", nil)
	if a := b.at(two).ask(who); a.Status != http.StatusUnauthorized {
		t.Errorf("%d %v", a.Status, a.Data)
	}
}

// testKilled kills a process when the partner has given new tokens and before
// they are stored. The other one goes on, or the user has to sign in again: it
// depends on whether the partner keeps the old refresh token until then.
func testKilled(t *testing.T, binary string) {
	for name, single := range map[string]bool{"UntilFirstUse": false, "SingleUse": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b, one, two := pair(t, binary)
			expire(t, s, func() { b = b.signIn(sandbox.PractitionerID) })
			s.SetSingleUseRefresh(single)
			s.AddFault(sandbox.Fault{Operation: "createToken", AfterHandling: true, Hang: true, Times: 1})
			cut := make(chan struct{})
			go func() {
				defer close(cut)
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, one.address+"/oauth/session", nil)
				if res, err := b.client.Do(req); err == nil {
					res.Body.Close()
				}
			}()
			eventually(t, func() bool { return refreshes(s) == 1 }, "nothing is refreshed")
			one.signal(syscall.SIGKILL)
			<-cut
			a := b.at(two).ask(who)
			switch {
			case single && (a.Status != http.StatusUnauthorized || !strings.Contains(a.Errors[0].Message, "/oauth/login")):
				t.Errorf("with refresh tokens for one use: %d %v", a.Status, a.Errors)
			case !single && (a.Status != http.StatusOK || at(t, a.Data, "viewer.clinic.fullscriptId") != sandbox.ClinicID || refreshes(s) != 2):
				t.Errorf("%d %v, %d refreshes", a.Status, a.Errors, refreshes(s))
			}
			if a := b.at(two).signIn(sandbox.PractitionerID).ask(who); a.Status != http.StatusOK {
				t.Errorf("after another sign-in: %d %v", a.Status, a.Errors)
			}
		})
	}
}

// testEventsOutlive: what one process has acknowledged the other delivers, even
// when the first is killed, and who resumes there misses nothing.
func testEventsOutlive(t *testing.T, binary string) {
	s, _, one, two := pair(t, binary)
	h := &harness{t: t, sandbox: s, url: two.address}
	stream := h.subscribe(sandbox.TokenPractitioner, watchAll)
	s.SetWebhookURL(one.address + "/webhooks/fullscript")
	ids := h.emit(sandbox.Emission{Type: "patient.updated", Count: 20, Duplicate: true})
	one.signal(syscall.SIGKILL)
	s.SetWebhookURL(two.address + "/webhooks/fullscript")
	ids = append(ids, h.emit(sandbox.Emission{Type: "patient.created", Count: 5})...)
	var order []string
	for _, id := range ids {
		if len(order) == 0 || order[len(order)-1] != id { // each of the first was sent twice
			order = append(order, id)
		}
	}
	for _, want := range order {
		if got := at(t, stream.value(), "events.fullscriptId"); got != want {
			t.Fatalf("got %v, want %s", got, want)
		}
	}
	resumed := h.subscribe(sandbox.TokenPractitioner, watchAll, "after", order[7])
	for _, want := range order[8:] {
		if got := at(t, resumed.value(), "events.fullscriptId"); got != want {
			t.Fatalf("resumed: got %v, want %s", got, want)
		}
	}
}

// TestRedisAway: while Redis does not answer, who has a token goes on, who has a
// session is told, and the partner keeps its events. Then all is as it was.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := config()
	c.RedisURL, c.EncryptionKey = server.URL, []string{strings.Repeat("key ", 8)}
	h := startWith(t, c, sandbox.Options{})
	b := h.signIn(sandbox.PractitionerID)
	server.Stop(t)
	eventually(t, func() bool { return b.ask(who).Status == http.StatusServiceUnavailable }, "sessions are read from nowhere")
	a := b.ask(who)
	if a.Status != http.StatusServiceUnavailable || a.Errors[0].Extensions["code"] != "SESSION_UNAVAILABLE" || a.Errors[0].Extensions["requestId"] == nil {
		t.Errorf("%d %v", a.Status, a.Errors)
	}
	for method, path := range map[string]string{http.MethodGet: "/oauth/session", http.MethodPost: "/oauth/logout"} {
		if status, text, _ := b.send(method, h.url+path, "", nil); status != http.StatusServiceUnavailable || !strings.Contains(text, "SESSION_UNAVAILABLE") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	h.query(`{ clinic { name } }`)
	if landed := h.signIn(sandbox.PractitionerID).landed; landed.Query().Get("signin_error") != "unavailable" {
		t.Errorf("a sign-in ends at %s", landed)
	}
	sent, err := h.sandbox.Emit(sandbox.Emission{Type: "patient.updated"})
	if err != nil || sent[0].Status != http.StatusServiceUnavailable {
		t.Errorf("%+v, %v", sent, err)
	}
	server.Restart(t)
	eventually(t, func() bool { return b.ask(who).Status == http.StatusOK }, "the session is gone")
	h.emit(sandbox.Emission{Type: "patient.updated"})
}
