package tests

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/sandbox"
)

// polled runs a gateway that asks for events every minute, since the sandbox sends
// none, in a bubble in which the seed's events are over.
func polled(t *testing.T, test func(v *virtual, h *harness)) {
	t.Helper()
	c := config()
	c.PollEvents, c.MaxUpstreamCalls = time.Minute, 20 // however often it is asked
	now := func() time.Time { return time.Now().AddDate(27, 0, 0) }
	virtually(t, c, sandbox.Options{Now: now}, func(v *virtual) {
		h, _ := v.online()
		test(v, h)
	})
}

// happen makes events that the sandbox sends nowhere, a second apart.
func (h *harness) happen(events ...sandbox.Emission) (ids []string) {
	h.t.Helper()
	for _, e := range events {
		e.Silent = true
		ids = append(ids, h.emit(e)...)
		time.Sleep(time.Second) // of the bubble
	}
	return ids
}

// sees reads the events with these ids, in this order, and nothing else.
func (s *streamed) sees(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		if got := at(s.t, s.value(), "events.fullscriptId"); got != id {
			s.t.Errorf("got %v, want %s", got, id)
		}
	}
}

const allCategories = 6

// TestPolling: events that nobody sends are asked for, for those who watch and
// with their tokens.
func TestPolling(t *testing.T) {
	t.Parallel()
	polled(t, func(v *virtual, h *harness) {
		time.Sleep(10 * time.Minute)
		if n := v.sandbox.Count(""); n != 0 {
			v.Errorf("%d calls for nobody", n)
		}
		own := h.begun("sse", sandbox.TokenPractitioner, watchAll)
		defer own.close()
		v.sandbox.AddFault(sandbox.Fault{Operation: "listPatientEvents", Status: http.StatusForbidden})
		scopeless := h.begun("socket", sandbox.TokenReadonly, watchAll)
		defer scopeless.close()
		v.sandbox.ClearFaults()

		v.sandbox.ResetCalls()
		ids := h.happen(sandbox.Emission{Type: "patient.updated"}, sandbox.Emission{Type: "order.placed"}, sandbox.Emission{Type: "patient.created"})
		h.happen(sandbox.Emission{Type: "patient.updated", Clinic: "other"})
		time.Sleep(time.Minute)
		own.sees(ids...)
		scopeless.sees(ids[1])
		if n := v.sandbox.Count(""); n != allCategories+len(ids) || v.sandbox.Count("getEvent") != len(ids) {
			v.Errorf("%d calls, want one for each category and event:\n%s", n, routes(v.sandbox))
		}
		v.sandbox.ResetCalls()
		time.Sleep(time.Minute)
		if n := v.sandbox.Count(""); n != allCategories {
			v.Errorf("%d calls when nothing happened", n)
		}

		// The other clinic has its own.
		other := h.begun("multipart", sandbox.TokenOtherClinic, watchAll)
		defer other.close()
		theirs := h.happen(sandbox.Emission{Type: "patient.updated", Clinic: "other"})
		product := h.happen(sandbox.Emission{Type: "product.created"})
		time.Sleep(time.Minute)
		own.sees(product...)
		scopeless.sees(product...)
		// What is of no clinic comes with the first poll of any.
		got := []any{at(v, other.value(), "events.fullscriptId"), at(v, other.value(), "events.fullscriptId")}
		if !slices.Contains(got, any(theirs[0])) || !slices.Contains(got, any(product[0])) {
			v.Errorf("got %v, want %v and %v", got, theirs, product)
		}

		for _, s := range []*streamed{own, other, scopeless} {
			s.close()
		}
		synctest.Wait()
		v.sandbox.ResetCalls()
		time.Sleep(10 * time.Minute)
		if n := v.sandbox.Count(""); n != 0 {
			v.Errorf("%d calls when all have left", n)
		}
	})
}

// TestPollingFails: what a poll does not bring the next one does.
func TestPollingFails(t *testing.T) {
	t.Parallel()
	polled(t, func(v *virtual, h *harness) {
		s := h.begun("sse", sandbox.TokenPractitioner, watchAll)
		defer s.close()
		var ids []string
		for _, f := range []sandbox.Fault{
			{Operation: "listOrderEvents", Status: http.StatusServiceUnavailable, Times: 1},
			{Operation: "getEvent", Truncate: true, Times: 1},
			{Operation: "listPatientEvents", Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"150"}}, Times: 1},
		} {
			v.sandbox.AddFault(f)
			ids = append(ids, h.happen(sandbox.Emission{Type: "order.placed"}, sandbox.Emission{Type: "patient.updated"})...)
			time.Sleep(4 * time.Minute)
		}
		s.sees(ids...)

		// One that the partner can never give does not stop the others forever.
		lost := h.happen(sandbox.Emission{Type: "order.placed"})
		v.sandbox.AddFault(sandbox.Fault{Operation: "getEvent", PathContains: lost[0], Status: http.StatusInternalServerError})
		others := h.happen(sandbox.Emission{Type: "patient.updated"})
		time.Sleep(5 * time.Minute)
		s.sees(others...)
	})
}

// TestPollingBegins with what comes next, also where somebody watched before.
func TestPollingBegins(t *testing.T) {
	t.Parallel()
	polled(t, func(v *virtual, h *harness) {
		h.happen(sandbox.Emission{Type: "patient.updated"})
		orders := h.begun("sse", sandbox.TokenPractitioner, `subscription { orderPlaced { event { fullscriptId } } }`)
		defer orders.close()
		before := h.begun("sse", sandbox.TokenPractitioner, watchAll)
		ids := h.happen(sandbox.Emission{Type: "patient.updated"})
		time.Sleep(time.Minute)
		before.sees(ids...)
		before.close()
		synctest.Wait()
		h.happen(sandbox.Emission{Type: "patient.updated"}) // is seen by nobody
		s := h.begun("sse", sandbox.TokenPractitioner, watchAll)
		defer s.close()
		ids = h.happen(sandbox.Emission{Type: "patient.updated"})
		time.Sleep(time.Minute)
		s.sees(ids...)
	})
}

// TestPollingResumes behind any event, wherever it is still known.
func TestPollingResumes(t *testing.T) {
	t.Parallel()
	polled(t, func(v *virtual, h *harness) {
		types := []string{"patient.updated", "order.placed", "treatment_plan.created"}
		var ids []string
		for i := range 6 { // while nobody watches
			ids = append(ids, h.happen(sandbox.Emission{Type: types[i%len(types)]})...)
		}
		for i, after := range ids {
			s := h.begun("sse", sandbox.TokenPractitioner, watchAll, "after", after)
			s.sees(ids[i+1:]...)
			ids = append(ids, h.happen(sandbox.Emission{Type: types[i%len(types)]})...)
			time.Sleep(time.Minute)
			s.sees(ids[len(ids)-1])
			s.close()
			synctest.Wait()
		}
		// Only orders are on the bus by now; a patient's event is not.
		orders := h.begun("sse", sandbox.TokenPractitioner, `subscription { orderPlaced { event { fullscriptId } } }`)
		defer orders.close()
		more := h.happen(sandbox.Emission{Type: "order.placed"}, sandbox.Emission{Type: "patient.updated"}, sandbox.Emission{Type: "order.placed"})
		time.Sleep(time.Minute)
		s := h.begun("sse", sandbox.TokenPractitioner, watchAll, "after", more[1])
		defer s.close()
		s.sees(more[2])
		last := h.happen(sandbox.Emission{Type: "patient.updated"})
		time.Sleep(time.Minute)
		s.sees(last...)
		// Nobody watches while a page is loaded again, and the event that it saw last
		// is still on the bus; nor does anybody watch patients while one watches orders.
		orders.close()
		s.close()
		synctest.Wait()
		gap := h.happen(sandbox.Emission{Type: "patient.updated"}, sandbox.Emission{Type: "order.placed"})
		s = h.begun("sse", sandbox.TokenPractitioner, watchAll, "after", last[0])
		s.sees(gap...)
		seen := h.happen(sandbox.Emission{Type: "order.placed"})
		time.Sleep(time.Minute)
		s.sees(seen...)
		orders = h.begun("sse", sandbox.TokenPractitioner, `subscription { orderPlaced { event { fullscriptId } } }`)
		defer orders.close()
		s.close()
		synctest.Wait()
		gap = h.happen(sandbox.Emission{Type: "patient.updated"}, sandbox.Emission{Type: "order.placed"})
		time.Sleep(time.Minute)
		s = h.begun("sse", sandbox.TokenPractitioner, watchAll, "after", seen[0])
		defer s.close()
		gap = append(gap, h.happen(sandbox.Emission{Type: "patient.created"})...)
		time.Sleep(time.Minute)
		s.sees(gap...)
		if refused := h.subscribe(sandbox.TokenPractitioner, watchAll, "after", "Event:nobody-knows"); refused.status != http.StatusBadRequest {
			v.Errorf("after an event that nobody knows: %d", refused.status)
		}
	})
}

// TestPollLog: of what the partner sends nothing gets into the log when it cannot be polled.
func TestPollLog(t *testing.T) {
	t.Parallel()
	polled(t, func(v *virtual, h *harness) {
		own := h.begun("sse", sandbox.TokenPractitioner, watchAll)
		defer own.close()
		time.Sleep(2 * time.Minute)
		for _, id := range []string{"Bearer:" + canary, canary + "@example.org", strings.Repeat(canary, 20)} {
			v.sandbox.AddFault(sandbox.Fault{Status: http.StatusInternalServerError, Header: chatty("X-Request-Id", id), Times: 1})
			time.Sleep(2 * time.Minute)
		}
		if !strings.Contains(v.log.String(), `"failure":"upstream","status":500,"message":"events cannot be polled"`) {
			v.Error("it was not polled in vain")
		}
		silent(v, "the log", withoutRoutes(v.log.String()), fromPartner...)
	})
}
