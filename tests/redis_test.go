package tests

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/redistest"
	"fsgateway/internal/sandbox"
)

// onRedis is a gateway that keeps sessions and events in Redis.
func onRedis(t *testing.T, url string) *watched {
	t.Helper()
	c := config()
	c.OperationTimeout, c.CallTimeout = 2*time.Minute, time.Minute
	c.RedisURL, c.EncryptionKey = url, []string{strings.Repeat("key ", 8)}
	w := watch(t, c)
	w.sandbox.SetWebhookURL(w.url + "/webhooks/fullscript")
	return w
}

// taken reports whether a webhook is acknowledged.
func (w *watched) taken() bool {
	w.t.Helper()
	sent, err := w.sandbox.Emit(sandbox.Emission{Type: "patient.updated"})
	if err != nil {
		w.t.Fatal(err)
	}
	return sent[0].Delivered
}

// TestRedisFailover: the primary becomes a replica, keeps its connections and
// refuses to write, and the address leads to a new primary. Sign-in and webhooks
// work again without a restart, and meanwhile it is said what is wrong.
func TestRedisFailover(t *testing.T) {
	t.Parallel()
	one, two := redistest.Start(t), redistest.Start(t)
	relay := redistest.StartRelay(t, one)
	w := onRedis(t, relay.URL)
	if a := w.signIn(sandbox.PractitionerID).ask(who); a.Status != http.StatusOK || !w.taken() {
		t.Fatalf("%d %v", a.Status, a.Errors)
	}
	one.Demote(t, two)
	eventually(t, func() bool { return !w.taken() }, "a replica takes events")
	eventually(t, func() bool {
		status, why := w.get("/readyz")
		return status == http.StatusServiceUnavailable && strings.HasPrefix(why, "redis down: READONLY: ")
	}, "/readyz does not say why")
	if text := w.log.String(); !strings.Contains(text, "READONLY") {
		t.Errorf("the log does not say why: %s", text)
	}
	w.query(`{ clinic { name } }`) // with a token of its own
	relay.Lead(two)
	eventually(t, w.taken, "webhooks need a restart")
	if a := w.signIn(sandbox.PractitionerID).ask(who); a.Status != http.StatusOK {
		t.Errorf("signing in needs a restart: %d %v", a.Status, a.Errors)
	}
	if status, why := w.get("/readyz"); status != http.StatusOK {
		t.Errorf("%d %s", status, why)
	}
}

// TestRedisHung: with a Redis that is silent, requests with a session are refused at
// once, /readyz says so, and requests with a token do not care.
func TestRedisHung(t *testing.T) {
	t.Parallel()
	relay := redistest.StartRelay(t, redistest.Start(t))
	w := onRedis(t, relay.URL)
	b := w.signIn(sandbox.PractitionerID)
	relay.Hang(true)
	eventually(t, func() bool {
		status, why := w.get("/readyz")
		return status == http.StatusServiceUnavailable && strings.HasPrefix(why, "redis down: ")
	}, "/readyz is not told")
	begin := time.Now()
	const requests = 100 // each would wait for a second
	for range requests {
		if a := b.ask(who); a.Status != http.StatusServiceUnavailable || a.Errors[0].Extensions["code"] != "SESSION_UNAVAILABLE" {
			t.Fatalf("%d %v", a.Status, a.Errors)
		}
	}
	if took := time.Since(begin); took > requests*time.Second/3 {
		t.Errorf("%d refusals took %v", requests, took)
	}
	if w.taken() {
		t.Error("an event is acknowledged that is kept nowhere")
	}
	w.query(`{ clinic { name } }`)
	relay.Hang(false)
	eventually(t, func() bool { return b.ask(who).Status == http.StatusOK }, "the session is gone")
	eventually(t, w.taken, "webhooks are refused forever")
}

// TestRedisRestartsEmpty: a subscriber is told that events may be missing, not that
// it reads too slowly, and resumes from the partner's list without losing any.
func TestRedisRestartsEmpty(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	w := onRedis(t, server.URL)
	s := w.subscribe(sandbox.TokenPractitioner, watchAll)
	seen := w.emit(sandbox.Emission{Type: "patient.created"})[0]
	if got := at(t, s.value(), "events.fullscriptId"); got != seen {
		t.Fatalf("got %v, want %s", got, seen)
	}
	server.RestartEmpty(t)
	a, _ := s.read()
	if a == nil || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "SUBSCRIPTION_GAP" || !strings.Contains(a.Errors[0].Message, "Redis") {
		t.Fatalf("%+v", a)
	}
	// While nobody listens.
	var missed []string
	eventually(t, func() bool {
		sent, err := w.sandbox.Emit(sandbox.Emission{Type: "patient.updated"})
		if err != nil {
			t.Fatal(err)
		}
		if sent[0].Delivered {
			missed = append(missed, sent[0].EventID)
		}
		return len(missed) == 2
	}, "webhooks are refused forever")
	resumed := w.subscribe(sandbox.TokenPractitioner, watchAll, "after", seen)
	got := map[any]int{}
	for len(got) < 2 || got[missed[1]] == 0 {
		got[at(t, resumed.value(), "events.fullscriptId")]++
	}
	for _, id := range missed {
		if got[id] != 1 {
			t.Errorf("%s came %d times", id, got[id])
		}
	}
}

// TestRedisKeysTellNothing: whoever reads the keys learns no id of a clinic or a
// session. They carry a version, and so do not meet those of another one.
func TestRedisKeysTellNothing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := config()
	c.OperationTimeout, c.CallTimeout = 2*time.Minute, time.Minute
	c.RedisURL, c.EncryptionKey = server.URL, []string{strings.Repeat("key ", 8)}
	c.PollEvents = 2 * time.Second
	w := watch(t, c)
	w.sandbox.SetWebhookURL(w.url + "/webhooks/fullscript")
	w.signIn(sandbox.PractitionerID)
	w.emit(sandbox.Emission{Type: "patient.created"})
	w.subscribe(sandbox.TokenPractitioner, watchAll)
	client := redistest.Client(t, server.URL)
	var keys []string
	eventually(t, func() bool {
		var err error
		if keys, err = client.Do(t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice(); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(strings.Join(keys, "\n"), "poll:")
	}, "nothing is polled")
	for _, key := range keys {
		if !strings.HasPrefix(key, "fsgateway:1:") || strings.Contains(key, sandbox.ClinicID) {
			t.Errorf("a key is %s", key)
		}
		if ttl, err := client.Do(t.Context(), client.B().Ttl().Key(key).Build()).AsInt64(); err != nil || ttl == -1 {
			t.Errorf("%s is kept forever, %v", key, err)
		}
	}
}

// TestRedisRefusal: the start is refused with the word of Redis.
func TestRedisRefusal(t *testing.T) {
	t.Parallel()
	one, two := redistest.Start(t), redistest.Start(t)
	two.Demote(t, one)
	c := config()
	c.EncryptionKey = []string{strings.Repeat("key ", 8)}
	c.RedisURL = two.URL
	_, err := gateway.New(c, zerolog.Nop(), gateway.WithSandbox(sandbox.New(sandbox.Options{})))
	if text := fmt.Sprint(err); !strings.HasPrefix(text, "--redis-url: READONLY: ") {
		t.Error(text)
	}
}

// TestRedisBudget: two gateways at three times what the partner allows never have it refuse
// a call, and use what there is.
func TestRedisBudget(t *testing.T) {
	t.Parallel()
	const calls, window, hold = 60, 3 * time.Second, 2 * time.Second
	server := redistest.Start(t)
	c := config()
	c.RedisURL, c.EncryptionKey = server.URL, []string{strings.Repeat("key ", 8)}
	c.Budget, c.BudgetWindow = calls, window
	c.OperationTimeout, c.CallTimeout = hold/2, hold/2 // calls count for longer by as much
	h := startWith(t, c, sandbox.Options{RateLimit: calls, RateWindow: window})
	one := h.url
	h.serve(c, gateway.WithSandbox(h.sandbox))
	gateways := []string{one, h.url}

	const query = `{ patients(first: 9) { nodes { dateOfBirth } } }` // 10 calls
	var work sync.WaitGroup
	var answered, refused atomic.Int64
	enough := func() bool { return answered.Load() > calls/10 && refused.Load() > 0 } // more than one window's
	for i := range 6 {
		work.Go(func() {
			for !enough() {
				a := (&harness{t: t, url: gateways[i%2]}).as(sandbox.TokenPractitioner, query)
				switch {
				case len(a.Errors) == 0:
					answered.Add(1)
				case a.Data == nil && len(a.Errors) == 1 && a.Errors[0].Extensions["code"] == "RATE_LIMITED":
					refused.Add(1)
					time.Sleep(window / 100) // the clock is the server's
				case a.Errors[0].Extensions["code"] != "UPSTREAM_TIMEOUT": // of a machine that is busy
					t.Errorf("%v %v", a.Data, a.Errors)
					return
				}
			}
		})
	}
	work.Wait()
	for _, call := range h.sandbox.Calls() {
		if call.Status == http.StatusTooManyRequests {
			t.Fatal("the partner refuses a call")
		}
	}
}

// TestCacheAfterWriteElsewhere: a caller reads what they have written through another gateway.
func TestCacheAfterWriteElsewhere(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := config()
	c.RedisURL, c.EncryptionKey = server.URL, []string{strings.Repeat("key ", 8)}
	h := startWith(t, c, sandbox.Options{})
	first := h.url
	h.serve(c, gateway.WithSandbox(h.sandbox))
	second := h.url
	read := func() any {
		t.Helper()
		a := h.with(http.Header{}, sandbox.TokenPractitioner, `{ staff(first: 1) { nodes { fullscriptId lastName } } }`)
		return at(t, a.Data, "staff.nodes.0")
	}
	eventually(t, func() bool { // once it listens, nothing is dropped any more
		read()
		h.sandbox.ResetCalls()
		read()
		return h.sandbox.Count("") == 0
	}, "nothing is kept")
	id := read().(map[string]any)["fullscriptId"]
	h.url = first
	a := h.with(http.Header{}, sandbox.TokenPractitioner, `mutation($i: UpdateStaffInput!) { updateStaff(input: $i) { staff { lastName } } }`, "i", map[string]any{"id": id, "lastName": "Renamed"})
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	h.url = second
	eventually(t, func() bool { return read().(map[string]any)["lastName"] == "Renamed" }, "what was kept from before the write is served")
}

// TestCacheAfterOwnWrite: what a gateway says of a write itself it does not hear again, which would
// drop what was read after it.
func TestCacheAfterOwnWrite(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := config()
	c.RedisURL, c.EncryptionKey = server.URL, []string{strings.Repeat("key ", 8)}
	h := startWith(t, c, sandbox.Options{RateLimit: -1})
	const read = `{ staff(first: 1) { nodes { fullscriptId } } }`
	calls := func() int { return h.calls(read) }
	eventually(t, func() bool { calls(); return calls() == 0 }, "nothing is kept")

	client := redistest.Client(t, server.URL)
	own, release := client.Dedicate()
	defer release()
	heard := make(chan rueidis.PubSubMessage, 10)
	own.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) { heard <- m }})
	if err := own.Do(t.Context(), own.B().Psubscribe().Pattern("fsgateway:*wrote").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	id := at(t, h.with(http.Header{}, sandbox.TokenPractitioner, read).Data, "staff.nodes.0.fullscriptId")
	h.with(http.Header{}, sandbox.TokenPractitioner, `mutation($i: UpdateStaffInput!) { updateStaff(input: $i) { staff { lastName } } }`, "i", map[string]any{"id": id, "lastName": "Renamed"})
	said := <-heard
	say := func(message string) {
		t.Helper()
		if err := client.Do(t.Context(), client.B().Publish().Channel(said.Channel).Message(message).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	if n := calls(); n != 1 {
		t.Errorf("%d calls after the write", n)
	}
	say(said.Message)
	for range 50 {
		if n := calls(); n != 0 {
			t.Fatalf("%d calls after the gateway's own word", n)
		}
	}
	_, caller, _ := strings.Cut(said.Message, " ")
	say("another " + caller)
	eventually(t, func() bool { return calls() == 1 }, "another gateway's word is not heard")
}

// TestCacheAfterUnreadableEvent: an event that cannot be opened may be one of a product.
func TestCacheAfterUnreadableEvent(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := config()
	c.RedisURL, c.EncryptionKey = server.URL, []string{strings.Repeat("key ", 8)}
	h := startWith(t, c, sandbox.Options{RateLimit: -1})
	first := h.url
	calls := func() int { return h.calls(`{ products(first: 2) { nodes { name } } }`) }
	calls()
	if n := calls(); n != 0 {
		t.Fatalf("%d calls for what is kept", n)
	}
	c.EncryptionKey = []string{strings.Repeat("new ", 8)}
	h.serve(c, gateway.WithSandbox(h.sandbox))
	h.sandbox.SetWebhookURL(h.url + "/webhooks/fullscript")
	h.emit(sandbox.Emission{Type: "product.updated"})
	h.url = first
	eventually(t, func() bool { return calls() == 1 }, "what was kept from before the event is served")
}

// TestCacheAfterGap: who may have missed an event has nothing from before it.
func TestCacheAfterGap(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := config()
	c.RedisURL, c.EncryptionKey = server.URL, []string{strings.Repeat("key ", 8)}
	h := startWith(t, c, sandbox.Options{})
	read := func() int { return h.calls(`{ products(first: 2) { nodes { name } } }`) }
	h.emit(sandbox.Emission{Type: "patient.updated"})
	if first, again := read(), read(); first != 1 || again != 0 {
		t.Fatalf("%d calls, then %d", first, again)
	}
	client := redistest.Client(t, server.URL)
	if err := client.Do(t.Context(), client.B().Incr().Key("fsgateway:1:{events}:count").Build()).Error(); err != nil { // one was lost
		t.Fatal(err)
	}
	h.emit(sandbox.Emission{Type: "patient.updated"})
	eventually(t, func() bool { return read() == 1 }, "what was kept from before the gap is served")
}

// TestRedisCacheSwapped: who can write to Redis cannot pass one answer off as another.
func TestRedisCacheSwapped(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := config()
	c.RedisURL, c.EncryptionKey, c.CacheInRedis = server.URL, []string{strings.Repeat("key ", 8)}, true
	h := startWith(t, c, sandbox.Options{})
	client := redistest.Client(t, server.URL)
	read := func(text string) any {
		t.Helper()
		h.with(http.Header{}, sandbox.TokenPractitioner, `{ clinic { name } }`)
		a := h.with(http.Header{}, sandbox.TokenPractitioner, `query($text: String) { searchProducts(query: $text, first: 1) { totalCount } }`, "text", text)
		return at(t, a.Data, "searchProducts.totalCount")
	}
	texts := []string{"a", "zinc"}
	kept, found := map[string]string{}, map[string]any{} // by key, by text
	for i, text := range texts {
		found[text] = read(text)
		eventually(t, func() bool {
			keys, err := client.Do(t.Context(), client.B().Keys().Pattern("fsgateway:*kept*").Build()).AsStrSlice()
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys {
				if kept[key], err = client.Do(t.Context(), client.B().Get().Key(key).Build()).ToString(); err != nil {
					t.Fatal(err)
				}
			}
			return len(kept) == i+1
		}, "an answer is not kept")
	}
	keys := slices.Collect(maps.Keys(kept))
	for i, key := range keys {
		if err := client.Do(t.Context(), client.B().Set().Key(key).Value(kept[keys[1-i]]).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	h.serve(c, gateway.WithSandbox(h.sandbox)) // another one
	for _, text := range texts {
		if n := read(text); n != found[text] {
			t.Errorf("%v products with %s, want %v", n, text, found[text])
		}
	}
}

// TestRedisCacheIsNoOlder: an answer that a gateway was given first and wrote last does not take the
// place of a newer one in Redis.
func TestRedisCacheIsNoOlder(t *testing.T) {
	t.Parallel()
	const brand = `{ brand(id: "b1") { name } }`
	server := redistest.Start(t)
	asked, hold := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", asJSON)
		name := "after"
		switch {
		case strings.HasSuffix(r.URL.Path, "/clinic"):
			fmt.Fprint(w, `{"clinic":{"id":"c1","name":"C"}}`)
			return
		case calls.Add(1) == 1:
			name = "before"
			close(asked)
			<-hold
		}
		fmt.Fprintf(w, `{"brand":{"id":"b1","name":%q}}`, name)
	}))
	t.Cleanup(partner.Close)
	c := config()
	c.Upstream = partner.URL + "/api"
	c.RedisURL, c.EncryptionKey, c.CacheInRedis = server.URL, []string{strings.Repeat("key ", 8)}, true
	serve := func() (*harness, func()) {
		g, err := gateway.New(c, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(g.Handler())
		end := sync.OnceFunc(func() { s.Close(); _ = g.Close() })
		t.Cleanup(end)
		return &harness{t: t, url: s.URL, log: &logBuffer{}}, end
	}
	name := func(h *harness) any { return at(t, h.with(http.Header{}, "token", brand).Data, "brand.name") }
	one, endOne := serve()
	two, endTwo := serve()
	var under sync.WaitGroup
	under.Go(func() { one.with(http.Header{}, "token", brand) })
	<-asked
	if got := name(two); got != "after" {
		t.Errorf("the other gateway says %v", got)
	}
	endTwo() // it has written
	close(hold)
	under.Wait()
	endOne()
	three, _ := serve()
	three.with(http.Header{}, "token", `{ clinic { name } }`) // proves the token
	if got := name(three); got != "after" || calls.Load() != 2 {
		t.Errorf("%v in Redis, after %d calls", got, calls.Load())
	}
}

// TestRedisCache: a gateway finds what another, or the one before it, has kept of the
// catalogue, but nothing that an event has made old, and nobody can read it there.
func TestRedisCache(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := config()
	c.RedisURL, c.EncryptionKey, c.CacheInRedis = server.URL, []string{strings.Repeat("key ", 8)}, true
	h := startWith(t, c, sandbox.Options{})
	read := func() int {
		t.Helper()
		h.sandbox.ResetCalls()
		for _, query := range []string{`{ clinic { name } }`, `{ products(first: 2) { nodes { name } } practitioners(first: 1) { nodes { lastName } } }`} {
			if a := h.with(http.Header{}, sandbox.TokenPractitioner, query); a.Errors != nil {
				t.Fatal(a.Errors)
			}
		}
		return h.sandbox.Count("")
	}
	if n := read(); n != 3 {
		t.Fatalf("%d calls", n)
	}
	client := redistest.Client(t, server.URL)
	keys := func() []string {
		t.Helper()
		keys, err := client.Do(t.Context(), client.B().Keys().Pattern("fsgateway:*kept*").Build()).AsStrSlice()
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	eventually(t, func() bool { return len(keys()) == 1 }, "nothing is kept in Redis")
	for _, key := range keys() {
		value, err := client.Do(t.Context(), client.B().Get().Key(key).Build()).ToString()
		if err != nil {
			t.Fatal(err)
		}
		silent(t, "Redis", key+value, "product", "catalog", sandbox.TokenPractitioner)
	}
	h.serve(c, gateway.WithSandbox(h.sandbox)) // another one
	if n := read(); n != 2 {
		t.Errorf("another gateway makes %d calls, want 2", n)
	}
	h.emit(sandbox.Emission{Type: "product.updated"})
	eventually(t, func() bool { return len(keys()) == 2 }, "the event is not noted")
	h.serve(c, gateway.WithSandbox(h.sandbox)) // and one that has not heard of the event
	if n := read(); n != 3 {
		t.Errorf("after the event it makes %d calls, want 3", n)
	}
}

// TestRedisCacheAfterRestart: a gateway that starts drops nothing for an event that the others have
// heard of, and serves nothing from before it.
func TestRedisCacheAfterRestart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := config()
	c.RedisURL, c.EncryptionKey, c.CacheInRedis = server.URL, []string{strings.Repeat("key ", 8)}, true
	h := startWith(t, c, sandbox.Options{})
	client := redistest.Client(t, server.URL)
	kept := func() (n int64) {
		t.Helper()
		keys, err := client.Do(t.Context(), client.B().Keys().Pattern("fsgateway:*kept*").Build()).AsStrSlice()
		if err != nil {
			t.Fatal(err)
		}
		return int64(len(keys))
	}
	read := func(query string) int {
		t.Helper()
		h.sandbox.ResetCalls()
		for _, query := range []string{`{ clinic { name } }`, query} {
			if a := h.with(http.Header{}, sandbox.TokenPractitioner, query); a.Errors != nil {
				t.Fatal(a.Errors)
			}
		}
		return h.sandbox.Count("") - 1 // the first proves the token
	}
	const old, since = `{ products(first: 2) { nodes { name } } }`, `{ products(first: 3) { nodes { name } } }`
	read(old)
	eventually(t, func() bool { return kept() == 1 }, "nothing is kept in Redis")
	h.emit(sandbox.Emission{Type: "product.updated"})
	eventually(t, func() bool { return kept() == 2 }, "the event is not noted")
	read(since)
	eventually(t, func() bool { return kept() == 3 }, "nothing is kept after the event")
	for range 2 {
		h.serve(c, gateway.WithSandbox(h.sandbox))
		if n := read(since); n != 0 {
			t.Errorf("%d calls for what was kept after the event", n)
		}
	}
	if err := client.Do(t.Context(), client.B().Del().Key("fsgateway:1:kept:changed").Build()).Error(); err != nil { // as if nobody could note it
		t.Fatal(err)
	}
	h.serve(c, gateway.WithSandbox(h.sandbox))
	if n := read(old); n != 1 {
		t.Errorf("%d calls for what was kept before the event, want 1", n)
	}
}
