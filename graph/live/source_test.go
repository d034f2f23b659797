package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
)

// happening is an event as the partner tells of it.
type happening struct {
	id, kind, clinic string // no clinic for ""
	minute           int
}

func (h happening) json() map[string]any {
	e := map[string]any{
		"id": h.id, "type": h.kind, "created_at": fmt.Sprintf("2026-03-04T10:%02d:00Z", h.minute), "clinic_id": nil,
		"data": map[string]any{"patient": map[string]any{"id": "b1"}, "product": map[string]any{"name": "n"}},
	}
	if h.clinic != "" {
		e["clinic_id"] = h.clinic
	}
	return e
}

// body is the webhook's.
func (h happening) body() []byte {
	text, _ := json.Marshal(map[string]any{"event": h.json()})
	return text
}

// envelope is how the bus knows it.
func (h happening) envelope(clinic string) events.Event {
	return events.Event{ID: h.id, Type: h.kind, ClinicID: clinic, Body: h.body()}
}

// partner is a partner that shows a caller of the clinic "mine" all events, those of
// other clinics as well: whatever it does, the gateway has to look itself.
type partner struct {
	happened []happening
	status   map[string]int // of single events, by id; 200 where it is not set
	closed   string         // categories that the caller may not read

	mu    sync.Mutex
	calls []string
}

func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := r.URL.Path
	p.mu.Lock()
	p.calls = append(p.calls, call)
	p.mu.Unlock()
	reply := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	w.Header().Set("Content-Type", "application/json")
	list := func(key string, rows []any) {
		reply(map[string]any{key: rows, "meta": map[string]any{"total_count": len(rows), "current_page": 1, "total_pages": 1}})
	}
	switch id, single := strings.CutPrefix(call, "/api/events/"); {
	case call == "/api/clinic":
		reply(map[string]any{"clinic": map[string]any{"id": "mine", "name": "n"}})
	case call == "/api/webhooks/deliveries":
		rows := []any{}
		for _, h := range p.happened {
			if only := r.URL.Query().Get("event_id"); only != "" && only != h.id {
				continue
			}
			rows = append(rows, map[string]any{
				"id": "d" + h.id, "attempted_at": fmt.Sprintf("2026-03-04T10:%02d:01Z", h.minute), "successfully_delivered": true,
				"event_payload": map[string]any{"event": h.json()},
			})
		}
		list("webhook_deliveries", rows)
	case single && slices.Contains(strings.Fields("patients orders products treatment_plans lab_orders clinic_keys"), id):
		if slices.Contains(strings.Fields(p.closed), id) {
			w.WriteHeader(http.StatusForbidden)
			reply(map[string]any{"error": "Forbidden"})
			return
		}
		rows := []any{}
		for _, h := range p.happened {
			if id == "patients" && strings.HasPrefix(h.kind, "patient.") {
				rows = append(rows, h.json())
			}
		}
		list("events", rows)
	case single:
		i := slices.IndexFunc(p.happened, func(h happening) bool { return h.id == id })
		if i < 0 || p.status[id] != 0 {
			status := http.StatusNotFound
			if i >= 0 {
				status = p.status[id]
			}
			w.WriteHeader(status)
			reply(map[string]any{"error": "Not found"})
			return
		}
		reply(map[string]any{"event": p.happened[i].json()})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// watching is a feed in front of a partner.
func watching(t *testing.T, p *partner, polled bool) *Feed {
	t.Helper()
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	client, err := fsclient.New(server.URL+"/api", server.Client())
	if err != nil {
		t.Fatal(err)
	}
	r := &Feed{Client: client, Bus: events.NewMemory(events.Options{})}
	t.Cleanup(func() { _ = r.Bus.Close() })
	if polled {
		r.Watch = func(context.Context, string, map[string]time.Time) {}
	}
	return r
}

func publish(t *testing.T, b *events.Bus, all ...events.Event) {
	t.Helper()
	for _, e := range all {
		if fresh, err := b.Publish(t.Context(), e); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
	}
}

// TestClinicsApart: whichever way an event comes, one of another clinic goes no
// further, even where the layer before it was mistaken.
func TestClinicsApart(t *testing.T) {
	t.Parallel()
	const kind = "patient.updated"
	first := happening{"first", kind, "mine", 1}
	theirs := happening{"theirs", kind, "theirs", 2}
	last := happening{"last", kind, "mine", 3}
	for name, test := range map[string]struct {
		after  string
		polled bool
		bus    []events.Event
		listed []happening
		want   string
	}{
		"Bus": {bus: []events.Event{theirs.envelope("theirs"), last.envelope("mine")}, want: "last"},
		// The clinic filter on the bus, alone: what is in the envelope says otherwise.
		"BusFilter": {bus: []events.Event{happening{"e", kind, "mine", 2}.envelope("theirs"), last.envelope("mine")}, want: "last"},
		// The check of each event, alone: the bus lets it pass.
		"EventOnTheBus": {bus: []events.Event{theirs.envelope("mine"), last.envelope("mine")}, want: "last"},
		"NoClinic":      {bus: []events.Event{happening{"e", kind, "", 2}.envelope(""), last.envelope("mine")}, want: "last"},
		"NoClinicEvent": {bus: []events.Event{happening{"e", kind, "", 2}.envelope("mine"), last.envelope("mine")}, want: "last"},
		"Product":       {bus: []events.Event{happening{"e", "product.created", "", 2}.envelope(""), last.envelope("mine")}, want: "e last"},
		// Read from the partner's lists, singly or with what they hold.
		"Deliveries":  {after: "first", listed: []happening{first, theirs, last}, want: "last"},
		"ReadSingly":  {after: "first", polled: true, listed: []happening{first, theirs, last}, want: "last"},
		"SinglyNoOne": {after: "first", polled: true, listed: []happening{first, {"e", kind, "", 2}, last}, want: "last"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := watching(t, &partner{happened: test.listed}, test.polled)
			var after *string
			if test.after != "" {
				after = &test.after
			}
			s, err := r.follow(t.Context(), nil, after)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			publish(t, r.Bus, test.bus...)
			var got []string
			for !slices.Contains(got, "last") {
				e, err := s.next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(e.ID))
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("got %s, want %s", text, test.want)
			}
		})
	}
}

// TestAfterTellsNothing: a stream after an event of another clinic is refused like
// one after an event that does not exist, with the same calls.
func TestAfterTellsNothing(t *testing.T) {
	t.Parallel()
	theirs := happening{"theirs", "patient.updated", "theirs", 2}
	nobodys := happening{"nobodys", "patient.updated", "", 2}
	refusal := func(t *testing.T, p *partner, polled bool, id string) string {
		t.Helper()
		r := watching(t, p, polled)
		publish(t, r.Bus, theirs.envelope("theirs"), nobodys.envelope(""))
		s, err := r.follow(t.Context(), nil, &id)
		if err == nil {
			s.close()
			t.Fatalf("%s is where a stream may begin", id)
		}
		for i := range p.calls {
			p.calls[i] = strings.ReplaceAll(p.calls[i], strings.TrimPrefix(id, "Event:"), "unknown")
		}
		slices.Sort(p.calls)
		return fmt.Sprint(err, p.calls)
	}
	for name, test := range map[string]struct {
		polled bool
		listed []happening // as the partner shows them to this caller
		status map[string]int
	}{
		"Deliveries":      {},
		"DeliveriesShown": {listed: []happening{theirs, nobodys}},
		"Polled":          {polled: true},
		"PolledShown":     {polled: true, listed: []happening{theirs, nobodys}},
		"PolledForbidden": {polled: true, listed: []happening{theirs, nobodys}, status: map[string]int{"theirs": 403, "nobodys": 403}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := refusal(t, &partner{}, test.polled, "unknown")
			if !strings.HasPrefix(want, "after must be the id of an event of the last 30 days") {
				t.Errorf("an unknown id: %s", want)
			}
			for _, id := range []string{"theirs", "nobodys", "Event:theirs"} {
				if got := refusal(t, &partner{happened: test.listed, status: test.status}, test.polled, id); got != want {
					t.Errorf("%s: %s, want %s", id, got, want)
				}
			}
		})
	}
}

// TestRedelivered: an event stands where it was first delivered, however often the
// partner sends it again.
func TestRedelivered(t *testing.T) {
	t.Parallel()
	const kind = "patient.updated"
	seen, last := happening{"seen", kind, "mine", 3}, happening{"last", kind, "mine", 5}
	before, again := happening{"before", kind, "mine", 2}, happening{"before", kind, "mine", 4}
	f := watching(t, &partner{happened: []happening{before, seen, again, last}}, false)
	s, err := f.follow(t.Context(), nil, new("seen"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if e, err := s.next(t.Context()); err != nil || e.ID != "last" {
		t.Errorf("after the event at minute 3 came %v, %v", e, err)
	}
}

// TestCategories: an event that cannot be asked for is told to whoever may read
// everything, and a stream of everything takes the right to read something.
func TestCategories(t *testing.T) {
	t.Parallel()
	const every = "patients orders products treatment_plans lab_orders clinic_keys"
	odd := fsclient.ReadEvent([]byte(`{"clinic_id":"mine","type":"invoice.paid"}`))
	for closed, want := range map[string]string{"": string(odd.ID), "orders": "last"} {
		f := watching(t, &partner{closed: closed}, false)
		s, err := f.follow(t.Context(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, f.Bus, events.Event{ID: string(odd.ID), Type: "invoice.paid", ClinicID: "mine", Body: []byte(`{"clinic_id":"mine","type":"invoice.paid"}`)},
			happening{"last", "patient.updated", "mine", 1}.envelope("mine"))
		if e, err := s.next(t.Context()); err != nil || string(e.ID) != want {
			t.Errorf("without %q came %v, %v", closed, e, err)
		}
		s.close()
	}
	if _, err := watching(t, &partner{closed: every}, false).follow(t.Context(), nil, nil); !isForbidden(err) {
		t.Errorf("who may read nothing gets %v", err)
	}
}
