package poller_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/poller"
	"fsgateway/internal/sandbox"
	"fsgateway/internal/transport"
)

// tokenKey is under which a stream's context has its token.
type tokenKey struct{}

// partner calls a sandbox with the token in the context.
type partner struct{ *sandbox.Server }

func (p partner) RoundTrip(r *http.Request) (*http.Response, error) {
	token, _ := r.Context().Value(tokenKey{}).(string)
	if token == "" {
		return nil, errors.New("a call for nobody")
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

// turns are shared by pollers, as gateways share a store.
type turns struct {
	mu    sync.Mutex
	taken map[string]time.Time
}

func (s *turns) take(_ context.Context, clinic, category string) (func(bool), bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := clinic + category
	if time.Since(s.taken[key]) < 54*time.Second {
		return func(bool) {}, false
	}
	s.taken[key] = time.Now()
	return func(done bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !done {
			delete(s.taken, key)
		}
	}, true
}

// house is a sandbox whose events nobody sends, and the bus they are to reach.
type house struct {
	*testing.T
	sandbox  *sandbox.Server
	client   *fsclient.Client
	bus      *events.Bus
	feed     *events.Subscription
	turns    turns
	begin    time.Time // behind which events are looked for
	failures []error
}

// inBubble opens a house in which the seed's events are over.
func inBubble(t *testing.T, test func(*house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		now := func() time.Time { return time.Now().AddDate(27, 0, 0) }
		h := &house{T: t, sandbox: sandbox.New(sandbox.Options{Now: now}), bus: events.NewMemory(events.Options{}), begin: now()}
		h.turns.taken = map[string]time.Time{}
		h.feed, _ = h.bus.Subscribe("", nil)
		var err error
		if h.client, err = fsclient.New("http://partner.example/api", &http.Client{Transport: partner{h.sandbox}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		test(h)
		synctest.Wait()
		h.sandbox.ResetCalls()
		time.Sleep(10 * time.Minute)
		if n := h.sandbox.Count(""); n != 0 || len(h.failures) != 0 {
			t.Errorf("%d calls for nobody, failures: %v", n, h.failures)
		}
		_ = h.bus.Close()
		_ = h.sandbox.Close()
	})
}

// poller opens one, which ends with the test.
func (h *house) poller() *poller.Poller {
	var mu sync.Mutex
	p := poller.New(poller.Options{Every: time.Minute, Events: h.client.Events, Bus: h.bus, Turn: h.turns.take, Apart: transport.Apart, Done: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			h.failures = append(h.failures, err)
		}
	}})
	h.Cleanup(func() {
		if err := p.Close(); err != nil {
			h.Error(err)
		}
	})
	return p
}

// watch has a stream with a token watch categories of the first clinic.
func (h *house) watch(p *poller.Poller, token string, categories ...string) (stop func()) {
	ctx, stop := context.WithCancel(context.WithValue(h.Context(), tokenKey{}, token))
	newest := map[string]time.Time{}
	for _, name := range categories {
		newest[name] = h.begin
	}
	p.Watch(ctx, sandbox.ClinicID, newest)
	return stop
}

// brings has events happen, and expects them and no others within two minutes.
func (h *house) brings(kinds ...string) {
	h.Helper()
	var want, got []string
	for _, kind := range kinds {
		sent, err := h.sandbox.Emit(sandbox.Emission{Type: kind, Silent: true})
		if err != nil {
			h.Fatal(err)
		}
		want = append(want, sent[0].EventID)
		time.Sleep(time.Second)
	}
	time.Sleep(2*time.Minute - time.Duration(len(kinds))*time.Second)
	for _, e := range h.feed.Kept() {
		got = append(got, e.ID)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		h.Errorf("%v: got %v, want %v", kinds, got, want)
	}
}

// TestTwo: two gateways, which share the bus and the turns. The first always comes
// first, and the second does all the same what the first does not or cannot do.
func TestTwo(t *testing.T) {
	t.Parallel()
	inBubble(t, func(h *house) {
		one, two := h.poller(), h.poller()
		stop := h.watch(one, sandbox.TokenPractitioner, "order")
		time.Sleep(10 * time.Second)
		stopTwo := h.watch(two, sandbox.TokenPractitioner, "order", "patient")
		time.Sleep(time.Minute + time.Second) // and between two polls
		h.sandbox.ResetCalls()
		h.brings("order.placed", "patient.updated")
		if orders, patients := h.sandbox.Count("listOrderEvents"), h.sandbox.Count("listPatientEvents"); orders != 2 || patients != 2 {
			t.Errorf("in two minutes orders were asked for %d times, patients %d times", orders, patients)
		}
		// The token of the first is no good any more.
		stop()
		stop = h.watch(one, sandbox.TokenExpired, "order", "patient")
		h.brings("order.placed", "patient.updated")
		// The first leaves, and then the other.
		stop()
		synctest.Wait()
		h.brings("patient.created", "order.placed")
		stopTwo()
	})
}

// TestDeadTokens do not stand in the way of one that is good.
func TestDeadTokens(t *testing.T) {
	t.Parallel()
	inBubble(t, func(h *house) {
		p := h.poller()
		for range 30 {
			defer h.watch(p, sandbox.TokenExpired, "order", "patient")()
		}
		defer h.watch(p, sandbox.TokenPractitioner, "order", "patient")()
		h.brings("order.placed", "patient.updated")
	})
}
