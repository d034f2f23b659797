package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"fsgateway/internal/sandbox"
)

// watch keeps what was seen.
type watch struct {
	work sync.WaitGroup

	mu        sync.Mutex
	start     time.Time
	failures  []string
	failed    int
	asked     int
	errors    int // while something was wrong
	expecting bool
	events    int
}

func (w *watch) begun() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.start.IsZero() {
		w.start = time.Now()
	}
	return w.start
}

// fail notes what must not be. The lock is held.
func (w *watch) fail(format string, args ...any) {
	if w.failed++; len(w.failures) < 20 {
		w.failures = append(w.failures, fmt.Sprintf(format, args...))
	}
}

func (w *watch) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == 0 {
		return nil
	}
	return fmt.Errorf("%d failures, such as\n%s", w.failed, strings.Join(w.failures, "\n"))
}

// expect sets whether calls may fail.
func (w *watch) expect(failures bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expecting = failures
}

// load is what callers do.
type load struct {
	house *house
	watch *watch

	patients []string // of the first clinic, one for each caller
	names    sync.Map // what of the catalogue is called
}

func newLoad(h *house, w *watch) *load {
	l := &load{house: h, watch: w}
	w.begun()
	a, err := h.gateways[0].ask(context.Background(), "caller-0", `{ patients(first: 100) { nodes { id } } }`, nil)
	if err != nil || a.code() != "" {
		w.fail("%v %+v", err, a)
		return l
	}
	for _, row := range a.Data["patients"].(map[string]any)["nodes"].([]any) {
		l.patients = append(l.patients, row.(map[string]any)["id"].(string))
	}
	return l
}

// call is one caller, who asks one thing after the other.
func (l *load) call(ctx context.Context, n int) {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	token, clinic := fmt.Sprintf("caller-%d", n), sandbox.ClinicID
	if n%2 == 1 {
		clinic = sandbox.OtherClinicID
	}
	for i := 0; ctx.Err() == nil; i++ {
		g := l.house.gateways[r.IntN(2)]
		begun := l.expected()
		ask := func(query string, variables map[string]any) (*answer, bool) {
			a, err := g.ask(ctx, token, query, variables)
			if ctx.Err() != nil {
				return nil, false
			}
			return a, l.judge(a, err, begun)
		}
		switch k := r.IntN(10); {
		case k < 3:
			if a, ok := ask(`{ clinic { fullscriptId } }`, nil); ok && text(a, "clinic", "fullscriptId") != clinic {
				l.wrong("%s is told of another clinic: %v", token, a.Data)
			}
		case k < 5:
			a, ok := ask(`{ patients(first: 5) { nodes { id dateOfBirth } } }`, nil)
			if ok {
				rows, _ := a.Data["patients"].(map[string]any)["nodes"].([]any)
				if len(rows) != 5 {
					l.wrong("%d rows of 5", len(rows))
				}
			}
		case k < 8:
			if a, ok := ask(`{ products(first: 3) { nodes { id name brand { name } } } }`, nil); ok {
				for _, row := range a.Data["products"].(map[string]any)["nodes"].([]any) {
					product := row.(map[string]any)
					if name, seen := l.names.LoadOrStore(product["id"], product["name"]); seen && name != product["name"] {
						l.wrong("%v is called %v, then %v", product["id"], name, product["name"])
					}
				}
			}
		case n%2 == 1 || n >= len(l.patients): // writes are of the first clinic
		default:
			name := fmt.Sprintf("N%d", i)
			id := map[string]any{"id": l.patients[n]}
			a, ok := ask(`mutation($i: UpdatePatientInput!) { updatePatient(input: $i) { patient { firstName } userErrors { message } } }`, map[string]any{"i": map[string]any{"id": l.patients[n], "firstName": name}})
			if !ok {
				break // whether it was carried out is not known
			}
			if text(a, "updatePatient", "patient", "firstName") != name {
				l.wrong("the answer to a write is %v", a.Data)
			}
			if a, ok := ask(`query($id: ID!) { patient(id: $id) { firstName } }`, id); ok {
				if got := text(a, "patient", "firstName"); got != name {
					l.wrong("%s was written, %s is read", name, got)
				}
			}
		}
		select {
		case <-time.After(time.Duration(50+r.IntN(150)) * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (l *load) expected() bool {
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	return l.watch.expecting
}

// judge counts an answer, and reports whether it is whole. One with errors must come while
// something is wrong, and name what.
func (l *load) judge(a *answer, err error, begun bool) bool {
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	l.watch.asked++
	switch {
	case err == nil && len(a.Errors) == 0:
		return true
	case err != nil || !begun && !l.watch.expecting:
		l.watch.fail("after %s: %v %+v", time.Since(l.watch.start).Round(time.Second), err, a)
	case a.code() == "INTERNAL" || a.code() == "UNAUTHENTICATED" || a.code() == "":
		l.watch.fail("%+v", a)
	}
	l.watch.errors++
	return false
}

func (l *load) wrong(format string, args ...any) {
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	l.watch.fail(format, args...)
}

// text is a value within an answer, "" if there is none.
func text(a *answer, path ...string) string {
	var v any = a.Data
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	s, _ := v.(string)
	return s
}

// events are sent by the partner, and followed by subscribers of the first clinic who come back
// when they are cut off.
type events struct {
	house *house
	watch *watch

	mu   sync.Mutex
	sent []string
	seen []map[string]int // by subscriber
	last bool
}

// followers is how many subscribers there are.
const followers = 8

func newEvents(h *house, w *watch) *events { return &events{house: h, watch: w} }

// send has the partner send events, ten a second.
func (e *events) send(ctx context.Context, p *partner) {
	for ctx.Err() == nil {
		e.mu.Lock()
		last := e.last
		e.mu.Unlock()
		if last {
			return
		}
		sent, err := p.Emit(sandbox.Emission{Type: "patient.updated"})
		if err != nil {
			e.watch.mu.Lock()
			e.watch.fail("%v", err)
			e.watch.mu.Unlock()
			return
		}
		e.mu.Lock()
		if e.all() { // else somebody may not follow yet
			for _, s := range sent {
				e.sent = append(e.sent, s.EventID)
			}
		}
		e.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
	}
}

// all reports whether each subscriber has seen an event. The lock is held.
func (e *events) all() bool {
	for _, seen := range e.seen {
		if len(seen) == 0 {
			return false
		}
	}
	return len(e.seen) == followers
}

// stop sends no more, waits until all is there, and compares.
func (e *events) stop(ctx context.Context) {
	e.mu.Lock()
	e.last = true
	e.mu.Unlock()
	missing := func() (n int) {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, seen := range e.seen {
			for _, id := range e.sent {
				if seen[id] == 0 {
					n++
				}
			}
		}
		return n
	}
	for begin := time.Now(); missing() > 0 && time.Since(begin) < 30*time.Second && ctx.Err() == nil; {
		time.Sleep(100 * time.Millisecond)
	}
	e.watch.mu.Lock()
	defer e.watch.mu.Unlock()
	if n := missing(); n > 0 {
		e.watch.fail("%d events are lost, of %d for each of %d subscribers", n, len(e.sent), len(e.seen))
	}
	for _, seen := range e.seen {
		for id, n := range seen {
			if n > 1 {
				e.watch.fail("event %s came %d times", id, n)
			}
		}
	}
	e.watch.events = len(e.sent) * len(e.seen)
}

// follow is a subscriber.
func (e *events) follow(ctx context.Context, g *server) {
	seen := map[string]int{}
	e.mu.Lock()
	e.seen = append(e.seen, seen)
	e.mu.Unlock()
	after := ""
	for ctx.Err() == nil {
		_ = e.subscribe(ctx, g, &after, seen) // it is cut off, and comes back
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (e *events) subscribe(ctx context.Context, g *server, after *string, seen map[string]int) error {
	conn, _, err := websocket.Dial(ctx, g.url+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}}) //nolint:bodyclose // the library has closed it
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	variables := map[string]any{}
	if *after != "" {
		variables["after"] = *after
	}
	for _, m := range []any{
		map[string]any{"type": "connection_init", "payload": map[string]any{"Authorization": "Bearer caller-0"}},
		map[string]any{"type": "subscribe", "id": "1", "payload": map[string]any{"query": `subscription($after: ID) { events(types: [PATIENT_UPDATED], after: $after) { id fullscriptId } }`, "variables": variables}},
	} {
		if err := wsjson.Write(ctx, conn, m); err != nil {
			return err
		}
	}
	for {
		var m struct {
			Type    string
			Payload struct {
				Data struct {
					Events struct{ ID, FullscriptID string }
				}
			}
		}
		if err := wsjson.Read(ctx, conn, &m); err != nil {
			return err
		}
		if m.Type != "next" {
			if m.Type == "error" || m.Type == "complete" {
				return nil
			}
			continue
		}
		e.mu.Lock()
		seen[m.Payload.Data.Events.FullscriptID]++
		e.mu.Unlock()
		*after = m.Payload.Data.Events.ID
	}
}
