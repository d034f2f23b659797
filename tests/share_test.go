package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/sandbox"
)

// atOnce sends a query with each of the tokens at the same time.
func (v *virtual) atOnce(query string, tokens ...string) []*httptest.ResponseRecorder {
	out := make([]*httptest.ResponseRecorder, len(tokens))
	var wg sync.WaitGroup
	for i, token := range tokens {
		wg.Go(func() {
			out[i] = httptest.NewRecorder()
			v.handler.ServeHTTP(out[i], v.request(v.Context(), token, query))
		})
	}
	wg.Wait()
	return out
}

func (v *virtual) request(ctx context.Context, token, query string, variables ...any) *http.Request {
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(requestBody(v, query, variables...)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Cache-Control", "no-cache") // see harness.as
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}

func repeated(n int, values ...string) (all []string) {
	for range n {
		all = append(all, values...)
	}
	return all
}

// TestSharing: ten identical queries of one caller at once take as many calls as one.
func TestSharing(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		`{ clinic { name } }`,
		`{ patients(first: 5) { nodes { dateOfBirth treatmentPlans(first: 2) { nodes { practitioner { lastName } recommendations { variant { sku } } } } } } }`,
	} {
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
			v.query(query).fails(v)
			alone := v.sandbox.Count("")
			v.sandbox.ResetCalls()
			answers := v.atOnce(query, repeated(10, sandbox.TokenPractitioner)...)
			if n := v.sandbox.Count(""); n != alone {
				v.Errorf("%d calls, %d for one alone", n, alone)
			}
			for _, a := range answers {
				if a.Code != http.StatusOK || a.Body.String() != answers[0].Body.String() || strings.Contains(a.Body.String(), "errors") {
					v.Errorf("%d %s", a.Code, a.Body)
				}
			}
		})
	}
}

// TestSharingApart: nobody gets what was fetched with another's token.
func TestSharingApart(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
		clinics := map[string]string{sandbox.TokenPractitioner: sandbox.ClinicID, sandbox.TokenStaff: sandbox.ClinicID, sandbox.TokenOtherClinic: sandbox.OtherClinicID, sandbox.TokenExpired: "", "made-up": "", "made-up-too": ""}
		var tokens []string
		for token := range clinics {
			tokens = append(tokens, repeated(10, token)...)
		}
		for i, a := range v.atOnce(`{ clinic { fullscriptId } }`, tokens...) {
			want := clinics[tokens[i]]
			if want == "" && a.Code != http.StatusUnauthorized || want != "" && !strings.Contains(a.Body.String(), want) {
				v.Errorf("%s: %d %s", tokens[i], a.Code, a.Body)
			}
		}
		if n := v.sandbox.Count(""); n != len(clinics) {
			v.Errorf("%d calls, want one for each of %d tokens", n, len(clinics))
		}
	})
}

// TestSharingWithoutLeader: who makes the call may leave; the others have their answer all
// the same.
func TestSharingWithoutLeader(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Latency: time.Second})
		const query = `{ clinic { name } }`
		ctx, leave := context.WithCancel(v.Context())
		var wg sync.WaitGroup
		wg.Go(func() { v.handler.ServeHTTP(httptest.NewRecorder(), v.request(ctx, sandbox.TokenPractitioner, query)) })
		synctest.Wait()
		var answers []*httptest.ResponseRecorder
		wg.Go(func() { answers = v.atOnce(query, repeated(5, sandbox.TokenPractitioner)...) })
		time.Sleep(100 * time.Millisecond)
		leave()
		wg.Wait()
		for _, a := range answers {
			if a.Code != http.StatusOK || strings.Contains(a.Body.String(), "errors") {
				v.Errorf("%d %s", a.Code, a.Body)
			}
		}
		if n := v.sandbox.Count(""); n != 2 {
			v.Errorf("%d calls, want that of the one who left and one for the others", n)
		}
	})
}

// TestSharingUntilTheEnd: those who wait for another's query have what has arrived when its time is
// over, as it has, and as long as they have time for more they go on.
func TestSharingUntilTheEnd(t *testing.T) {
	t.Parallel()
	c := config()
	c.OperationTimeout, c.CallTimeout = 3*time.Second, 20*time.Second
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: 200 * time.Millisecond})
		v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Hang: true, Times: 1})
		var wg sync.WaitGroup
		for i, after := range []time.Duration{0, 0, 100 * time.Millisecond, 2 * time.Second} {
			wg.Go(func() {
				time.Sleep(after)
				text := v.raw(v.Context(), sandbox.TokenPractitioner, `{ clinic { name } patient(id: "`+sandbox.PatientWithManyPlans+`") { firstName } }`)
				if whole := !strings.Contains(text, "errors"); !strings.Contains(text, "Juniper") || whole != (i == 3) {
					t.Errorf("who asked after %s has %s", after, text)
				}
			})
		}
		wg.Wait()
	})
}

// TestReadYourWrites: what begins after a write does not share what began before its end.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Latency: time.Second})
		v.sandbox.AddFault(sandbox.Fault{Operation: "updatePatient", Latency: 200 * time.Millisecond})
		const read = `{ patient(id: "` + sandbox.PatientWithManyPlans + `") { firstName } }`
		var wg sync.WaitGroup
		begin := func(after time.Duration, query string, variables ...any) *httptest.ResponseRecorder {
			res := httptest.NewRecorder()
			wg.Go(func() {
				time.Sleep(after)
				v.handler.ServeHTTP(res, v.request(v.Context(), sandbox.TokenPractitioner, query, variables...))
			})
			return res
		}
		begin(0, read)
		begin(50*time.Millisecond, read) // shares the first
		begin(100*time.Millisecond, `mutation($i: UpdatePatientInput!) { updatePatient(input: $i) { patient { id } } }`, "i", map[string]any{"id": sandbox.PatientWithManyPlans, "firstName": "Renamed"})
		begin(200*time.Millisecond, read)          // during the write
		begin(250*time.Millisecond, read)          // shares that
		after := begin(400*time.Millisecond, read) // after it
		wg.Wait()
		if !strings.Contains(after.Body.String(), "Renamed") {
			v.Errorf("after the write: %s", after.Body)
		}
		if n := v.sandbox.Count("getPatient"); n != 3 {
			v.Errorf("%d calls, want three: before, during and after the write", n)
		}
	})
}

// TestSharingAfterEvent: what begins after an event shares nothing that began before it: no
// operation, no call, and no record that the event is told with.
func TestSharingAfterEvent(t *testing.T) {
	t.Parallel()
	const id = sandbox.PatientWithManyPlans
	const query = `{ patient(id: "` + id + `") { firstName } }`
	for name, read := range map[string]func(h *harness, told *streamed) string{
		"Operation": func(h *harness, _ *streamed) string { return fmt.Sprint(h.query(query)) },
		"Call": func(h *harness, _ *streamed) string {
			return fmt.Sprint(h.query(`{ patient(id: "` + id + `") { id firstName } }`))
		},
		"Subscription": func(_ *harness, told *streamed) string { a, _ := told.event(); return fmt.Sprint(a.Data) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			told := h.subscribe(sandbox.TokenPractitioner, `subscription { patientUpdated(id: "`+id+`") { patient { firstName } } }`)
			named := func(name string) sandbox.Fault {
				return sandbox.Fault{Operation: "getPatient", Status: http.StatusOK, Body: `{"patient":{"id":"` + id + `","first_name":"` + name + `"}}`, Header: http.Header{"Content-Type": {asJSON}}}
			}
			before := named("Before")
			before.Latency, before.Times = time.Second, 1
			h.sandbox.AddFault(before)
			h.sandbox.AddFault(named("After"))
			done := make(chan struct{})
			go func() { defer close(done); h.query(query) }()
			eventually(t, func() bool { return h.sandbox.Count("getPatient") > 0 }, "the patient is not asked for")
			h.emit(sandbox.Emission{Type: "patient.updated", Data: json.RawMessage(`{"patient":{"id":"` + id + `"}}`)})
			if got := read(h, told); !strings.Contains(got, "After") {
				t.Errorf("%s", got)
			}
			<-done
		})
	}
}

// TestSharingOfOperations: identical queries of one caller are one execution, and each has
// its own request id.
func TestSharingOfOperations(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: 50 * time.Millisecond, Status: http.StatusInternalServerError})
		v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
		same := `query($first: Int) { clinic { name } patients(first: $first) { totalCount } }`
		send := func(headers ...string) func() *reply {
			var res *httptest.ResponseRecorder
			var wg sync.WaitGroup
			wg.Go(func() {
				req := v.request(v.Context(), sandbox.TokenPractitioner, same, "first", 3)
				for i := 0; i+1 < len(headers); i += 2 {
					req.Header.Set(headers[i], headers[i+1])
				}
				res = httptest.NewRecorder()
				v.handler.ServeHTTP(res, req)
			})
			return func() *reply {
				wg.Wait()
				return readReply(v, res.Code, res.Result().Header, res.Body.Bytes())
			}
		}
		ids := []string{requestID[1:] + "1", requestID[1:] + "2", requestID[1:] + "3"}
		first, second, told := send("X-Request-Id", ids[0]), send("X-Request-Id", ids[1]), send("X-Gateway-Cost", "1")
		synctest.Wait()
		third := send("X-Gateway-Cost", "1", "X-Request-Id", ids[2])
		for id, get := range map[string]func() *reply{ids[0]: first, ids[1]: second, ids[2]: third} {
			a := get()
			if got := a.extension(v, "clinic", "requestId"); got != id {
				v.Errorf("the request id of %s is %v", id, got)
			}
			if at(v, a.Data, "patients.totalCount") == nil {
				v.Errorf("%s", a.text)
			}
		}
		calls := at(v, told().Extensions, "cost.upstreamCalls").(float64) + at(v, third().Extensions, "cost.upstreamCalls").(float64)
		shared := at(v, told().Extensions, "cost.coalesced").(float64) + at(v, third().Extensions, "cost.coalesced").(float64)
		if calls+shared != 4 {
			v.Errorf("%v calls, %v shared, want 2 of each operation", calls, shared)
		}
		if n := v.sandbox.Count(""); n != 2 {
			v.Errorf("%d calls", n)
		}
	})
}

// TestSharingProperty: whatever 60 tokens ask at once, with writes between, each gets what is
// theirs, and what they wrote before they asked.
func TestSharingProperty(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			r := rand.New(rand.NewPCG(seed, 1))
			own := []string{sandbox.TokenPractitioner, sandbox.TokenStaff, sandbox.TokenReadonly, sandbox.TokenUnapproved, sandbox.TokenOtherClinic}
			var tokens []string
			for i := range 55 {
				tokens = append(tokens, fmt.Sprintf("made-up-%d", i))
			}
			tokens = append(tokens, own...)
			clinic := map[string]string{sandbox.TokenOtherClinic: sandbox.OtherClinicID}
			for _, token := range own[:4] {
				clinic[token] = sandbox.ClinicID
			}
			v.sandbox.AddFault(sandbox.Fault{Latency: 30 * time.Millisecond})
			var wg sync.WaitGroup
			var mu sync.Mutex
			written := 0 // by the practitioner, who renames one patient again and again
			for i := range 600 {
				token, wait := tokens[r.IntN(len(tokens))], time.Duration(r.IntN(500))*time.Millisecond
				if i%2 == 0 {
					token = own[r.IntN(len(own))]
				}
				wg.Go(func() {
					time.Sleep(wait)
					res := httptest.NewRecorder()
					v.handler.ServeHTTP(res, v.request(v.Context(), token, `{ clinic { fullscriptId } }`))
					want := clinic[token]
					if want == "" && res.Code != http.StatusUnauthorized || want != "" && !strings.Contains(res.Body.String(), want) {
						v.Errorf("%s: %d %s", token, res.Code, res.Body)
					}
				})
				if token != sandbox.TokenPractitioner {
					continue
				}
				wg.Go(func() {
					time.Sleep(wait)
					mu.Lock()
					before := written
					mu.Unlock()
					res := httptest.NewRecorder()
					v.handler.ServeHTTP(res, v.request(v.Context(), token, `{ patient(id: "`+sandbox.PatientWithManyPlans+`") { firstName } }`))
					_, name, _ := strings.Cut(res.Body.String(), `"N`)
					name, _, _ = strings.Cut(name, `"`)
					if got, _ := strconv.Atoi(name); before > 0 && got < before {
						v.Errorf("N%d was written, %s is read", before, res.Body)
					}
				})
			}
			wg.Go(func() {
				for n := 1; n <= 6; n++ {
					time.Sleep(time.Duration(r.IntN(80)) * time.Millisecond)
					res := httptest.NewRecorder()
					v.handler.ServeHTTP(res, v.request(v.Context(), sandbox.TokenPractitioner, `mutation($i: UpdatePatientInput!) { updatePatient(input: $i) { patient { id } } }`,
						"i", map[string]any{"id": sandbox.PatientWithManyPlans, "firstName": fmt.Sprintf("N%d", n)}))
					if res.Code != http.StatusOK || strings.Contains(res.Body.String(), "errors") {
						v.Errorf("%d %s", res.Code, res.Body)
					}
					mu.Lock()
					written = n
					mu.Unlock()
				}
			})
			wg.Wait()
		})
	}
}
