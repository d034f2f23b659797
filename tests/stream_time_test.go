package tests

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/sandbox"
)

const patientEvent = `{"patient":{"id":"` + sandbox.PatientWithNoPlans + `","first_name":"Ada"}}`

// eachWay runs a test in a bubble for each way that a subscription can travel.
func eachWay(t *testing.T, test func(v *virtual, h *harness, way string)) {
	t.Helper()
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			c := config()
			c.EventsKept = 5
			virtually(t, c, sandbox.Options{}, func(v *virtual) {
				h, _ := v.online()
				test(v, h, way)
			})
		})
	}
}

// begun opens a stream that has begun, whichever way it travels. What it is told
// is read all the time: on a network that holds nothing, even a sign of life
// waits for that.
func (h *harness) begun(way, token, query string, variables ...any) *streamed {
	h.t.Helper()
	s := h.stream(way, token, query, variables...)
	s.readOn()
	synctest.Wait()
	return s
}

// readOn has everything read that is told, from now on.
func (s *streamed) readOn() {
	type result struct {
		*answer
		complete bool
	}
	results := make(chan result, 100)
	read := s.read
	go func() {
		for {
			a, complete := read()
			results <- result{a, complete}
			if a == nil {
				close(results)
				return
			}
		}
	}()
	s.read = func() (*answer, bool) { r := <-results; return r.answer, r.complete }
}

// TestProofAge: for --proof-age the partner's word on what a token may read
// counts. Then the next event waits for another, and is not told if that is no.
func TestProofAge(t *testing.T) {
	t.Parallel()
	const clinicAndCategory = 2
	for _, c := range []struct {
		name  string
		fault sandbox.Fault
		code  string
	}{
		{"Still", sandbox.Fault{}, ""},
		{"ScopeWithdrawn", sandbox.Fault{Operation: "listPatientEvents", Status: http.StatusForbidden}, "FORBIDDEN"},
		{"TokenDead", sandbox.Fault{Status: http.StatusUnauthorized}, "UNAUTHENTICATED"},
		{"PartnerDown", sandbox.Fault{Operation: "getClinic", Status: http.StatusServiceUnavailable}, "UPSTREAM_UNAVAILABLE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachWay(t, func(v *virtual, h *harness, way string) {
				s := h.begun(way, sandbox.TokenPractitioner, `subscription { patientUpdated { event { fullscriptId } patient { firstName } } }`)
				defer s.close()
				if c.code != "" {
					v.sandbox.AddFault(c.fault)
				}
				time.Sleep(time.Minute) // of the bubble
				v.sandbox.ResetCalls()
				h.happens("patient.updated", "one", patientEvent)
				if x := s.value(); at(v, x, "patientUpdated.event.fullscriptId") != "one" || v.sandbox.Count("") != 0 {
					v.Errorf("%v with %d calls", x, v.sandbox.Count(""))
				}
				time.Sleep(time.Nanosecond)
				h.happens("order.placed", "none of its business", `{}`)
				synctest.Wait()
				if n := v.sandbox.Count(""); n != 0 {
					v.Errorf("%d calls for an event that nobody waits for", n)
				}
				h.happens("patient.updated", "two", patientEvent)
				if c.code != "" {
					s.fails(c.code)
					if way == "socket" { // goes on without it
						return
					}
					if a, complete := s.read(); a != nil || !complete {
						v.Errorf("after its end comes %+v", a)
					}
					return
				}
				if x := s.value(); at(v, x, "patientUpdated.event.fullscriptId") != "two" || v.sandbox.Count("") != clinicAndCategory {
					v.Errorf("%v with %d calls", x, v.sandbox.Count(""))
				}
				h.happens("patient.updated", "three", patientEvent)
				if s.value(); v.sandbox.Count("") != clinicAndCategory {
					v.Errorf("%d calls: it is asked about each event", v.sandbox.Count(""))
				}
			})
		})
	}
}

// TestStreamsAreSeen: what a subscription does is counted when it does it, and in the log within
// a minute, in lines whose sums are what the partner has seen.
func TestStreamsAreSeen(t *testing.T) {
	t.Parallel()
	eachWay(t, func(v *virtual, h *harness, way string) {
		lines := func() (n int, calls int, log string) {
			log = v.log.String()
			for _, m := range regexp.MustCompile(`"type":"subscription",.*"upstreamCalls":([0-9]+)`).FindAllStringSubmatch(log, -1) {
				made, _ := strconv.Atoi(m[1])
				n, calls = n+1, calls+made
			}
			return n, calls, log
		}
		figure := func(name string) string {
			res := httptest.NewRecorder()
			v.admin.ServeHTTP(res, httptest.NewRequestWithContext(v.Context(), http.MethodGet, "http://127.0.0.1:8081/metrics", nil))
			_, value, _ := strings.Cut(res.Body.String(), "\nfsgateway_"+name+" ")
			value, _, _ = strings.Cut(value, "\n")
			return value
		}
		s := h.begun(way, sandbox.TokenPractitioner, `subscription Live { patientUpdated { patient { firstName treatmentPlans(first: 1) { nodes { id } } } } }`)
		v.sandbox.AddFault(sandbox.Fault{Operation: "listPatientTreatmentPlans", Status: http.StatusInternalServerError})
		for _, id := range []string{"one", "two"} {
			h.happens("patient.updated", id, patientEvent)
			if a, _ := s.read(); len(a.Errors) != 1 {
				v.Fatalf("%+v", a)
			}
		}
		synctest.Wait()
		if got := figure(`errors_total{code="UPSTREAM_ERROR"}`); got != "2" {
			v.Errorf("%q errors are counted", got)
		}
		time.Sleep(time.Hour) // of the bubble
		n, calls, log := lines()
		if made := v.sandbox.Count(""); n != 1 || calls != made || calls == 0 || !strings.Contains(log, `"operation":"Live",`) || !strings.Contains(log, `"codes":["UPSTREAM_ERROR"],`) || !strings.Contains(log, `"message":"stream"`) {
			v.Errorf("%d lines with %d calls of %d: %s", n, calls, made, log)
		}
		if got := figure(`operation_upstream_calls_sum{type="subscription"}`); got != strconv.Itoa(calls) {
			v.Errorf("%q calls are counted", got)
		}
		v.sandbox.ClearFaults()
		h.happens("patient.updated", "three", patientEvent)
		s.value()
		s.close()
		synctest.Wait()
		n, calls, log = lines()
		if made := v.sandbox.Count(""); n != 2 || calls != made || strings.Count(log, "UPSTREAM_ERROR") != 1 {
			v.Errorf("%d lines with %d calls of %d: %s", n, calls, made, log)
		}
		if got := figure(`operation_upstream_calls_sum{type="subscription"}`); got != strconv.Itoa(calls) {
			v.Errorf("%q calls are counted", got)
		}
		if got := figure(`errors_total{code="UPSTREAM_ERROR"}`); got != "2" {
			v.Errorf("%q errors are counted", got)
		}
	})
}

// TestLagged: who is slower than the events and what is kept of them is told so,
// and is not told the rest as if nothing were missing.
func TestLagged(t *testing.T) {
	t.Parallel()
	eachWay(t, func(v *virtual, h *harness, way string) {
		s := h.begun(way, sandbox.TokenPractitioner, `subscription { patientUpdated { event { fullscriptId } patient { dateOfBirth } } }`)
		defer s.close()
		v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Latency: time.Second})
		h.happens("patient.updated", "0", patientEvent)
		synctest.Wait()
		for _, id := range strings.Fields("1 2 3 4 5 6") { // 5 are kept
			h.happens("patient.updated", id, patientEvent)
		}
		if x := s.value(); at(v, x, "patientUpdated.event.fullscriptId") != "0" {
			v.Errorf("%v", x)
		}
		s.fails("SUBSCRIPTION_LAGGED")
	})
}

// TestStreamsStayAlive: a stream on which nothing happens says so.
func TestStreamsStayAlive(t *testing.T) {
	t.Parallel()
	const beats = 4
	for way, c := range map[string]struct {
		every       time.Duration
		open, alive string
	}{
		"sse":       {15 * time.Second, ":\n\n", ":\n\n"},
		"multipart": {5 * time.Second, "\r\n--graphql", "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{}\r\n--graphql"},
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				h, _ := v.online()
				begin := time.Now()
				s := h.stream(way, sandbox.TokenPractitioner, watchAll)
				defer s.close()
				hears := func(text string, age time.Duration) {
					v.Helper()
					for i := range text {
						if b, err := s.body.ReadByte(); err != nil || b != text[i] {
							v.Fatalf("%q at %d of %q: %v", b, i, text, err)
						}
					}
					after(v, begin, age)
				}
				hears(c.open, 0)
				for i := range beats {
					hears(c.alive, time.Duration(i+1)*c.every)
				}
				h.happens("patient.updated", "one", patientEvent)
				s.value()
				after(v, begin, beats*c.every)
			})
		})
	}
}

// lasted waits until the only request for GraphQL is over, and checks when it was.
func (v *virtual) lasted(want time.Duration) {
	v.Helper()
	time.Sleep(time.Minute) // of the bubble
	synctest.Wait()
	var took []float64
	for line := range strings.Lines(v.log.String()) {
		var entry struct {
			Route      string
			Message    string
			DurationMs float64
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			v.Fatal(err)
		}
		if entry.Route == "/graphql" && entry.Message == "request" {
			took = append(took, entry.DurationMs)
		}
	}
	if len(took) != 1 || took[0] != float64(want.Milliseconds()) {
		v.Errorf("it took %v ms, want %v", took, want)
	}
}

// TestStreamSlowReader: a client that does not read is cut after ten seconds.
func TestStreamSlowReader(t *testing.T) {
	t.Parallel()
	for _, way := range ways[:2] {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				h, _ := v.online()
				s := h.stream(way, sandbox.TokenPractitioner, watchAll)
				defer s.close()
				// More than what the client's end reads ahead.
				h.happens("patient.updated", "one", `{"patient":{"id":"p","first_name":"`+strings.Repeat("A", 64<<10)+`"}}`)
				h.happens("clinic.moved", "two", `{"to":"`+strings.Repeat("A", 64<<10)+`"}`)
				v.lasted(10 * time.Second)
			})
		})
	}
}
