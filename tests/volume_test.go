package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"fsgateway/internal/sandbox"
)

// kinds are types of events, each with its name in GraphQL.
var kinds = [][2]string{
	{"patient.updated", "PATIENT_UPDATED"},
	{"patient.created", "PATIENT_CREATED"},
	{"patient.emancipated", "PATIENT_EMANCIPATED"},
	{"treatment_plan.created", "TREATMENT_PLAN_CREATED"},
	{"treatment_plan.updated", "TREATMENT_PLAN_UPDATED"},
	{"treatment_plan.recommendation.updated", "TREATMENT_PLAN_RECOMMENDATION_UPDATED"},
	{"order.placed", "ORDER_PLACED"},
	{"lab_order.updated", "LAB_ORDER_UPDATED"},
	{"product.updated", "PRODUCT_UPDATED"},
	{"product.description.updated", "PRODUCT_DESCRIPTION_UPDATED"},
}

// stalled is a client that takes little in advance.
func stalled() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(256 << 10)
		}
		return conn, err
	}}}
}

// TestTenThousandEvents come in by the webhook address, and go out to a hundred
// subscribers of two clinics: each gets all that it is to get, once and in order.
// Most of them watch one type of ten, as applications do. Those who do not read
// hold up nobody. With the race detector there are two thousand.
func TestTenThousandEvents(t *testing.T) {
	t.Parallel()
	each, watchers := 5_000, 50 // for a clinic
	if raced {
		each = 1_000
	}
	c := config()
	c.EventsKept = 3 * each // nobody lags here, however slow the machine is
	c.OperationTimeout, c.CallTimeout = 10*time.Minute, 5*time.Minute
	h := startWith(t, c, sandbox.Options{})
	slow := &harness{t: t, url: h.url, client: stalled()}
	defer slow.client.CloseIdleConnections()
	before, begun := h.mark()

	open := func(h *harness, way, token, types string) *streamed {
		s := h.stream(way, token, `subscription($after: ID) { events(after: $after, types: [PRODUCT_CREATED`+types+`]) { fullscriptId
			data { ... on PatientEventData { patient { firstName } } } } }`, "after", before)
		if v := s.value(); at(t, v, "events.fullscriptId") != begun {
			t.Fatalf("%v", v)
		}
		return s
	}
	all := ""
	for _, kind := range kinds {
		all += " " + kind[1]
	}
	var reading, posting sync.WaitGroup
	var stops []func()
	for token, clinic := range map[string]string{sandbox.TokenPractitioner: sandbox.ClinicID, sandbox.TokenOtherClinic: sandbox.OtherClinicID} {
		id := func(n int) string { return fmt.Sprintf("%.8s-%05d", clinic, n) }
		for i := range watchers {
			types, first, step := " "+kinds[i%len(kinds)][1], i%len(kinds), len(kinds)
			if i < 2 {
				types, first, step = all, 0, 1
			}
			s := open(h, []string{"sse", "socket"}[i%2], token, types)
			reading.Go(func() {
				for n := first; n < each; n += step {
					a, _ := s.read()
					if a == nil || len(a.Errors) > 0 || at(t, a.Data, "events.fullscriptId") != id(n) {
						t.Errorf("of %s came %+v, want %s", types, a, id(n))
						return
					}
				}
			})
		}
		for _, way := range ways {
			s := open(slow, way, token, all)
			stops = append(stops, func() { // what it reads in the end has no gap
				for n := range 100 {
					a, _ := s.read()
					if a == nil {
						return // it was cut
					}
					if len(a.Errors) > 0 || at(t, a.Data, "events.fullscriptId") != id(n) {
						t.Errorf("who did not read got %+v, want %s", a, id(n))
						return
					}
				}
			})
		}
		name, err := json.Marshal(map[string]any{"patient": map[string]string{"id": "p", "first_name": strings.Repeat("A", 16<<10)}})
		if err != nil {
			t.Fatal(err)
		}
		posting.Go(func() {
			for n := range each {
				data := `{}`
				if n%len(kinds) == 0 {
					data = string(name)
				}
				if err := h.arrives(t.Context(), id(n), kinds[n%len(kinds)][0], clinic, data); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	start := time.Now()
	posting.Wait()
	posted := time.Since(start)
	reading.Wait()
	t.Logf("%d events were posted in %v, and read by %d subscribers in %v", 2*each, posted.Round(time.Millisecond), 2*watchers, time.Since(start).Round(time.Millisecond))
	for _, stop := range stops {
		stop()
	}
}
