package tests

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// planOnce is a write that can be repeated.
const planOnce = `mutation { createTreatmentPlan(input: {idempotencyKey: "once", patientId: "` + sandbox.PatientWithManyPlans + `", practitionerId: "` + sandbox.PractitionerID +
	`", state: DRAFT, recommendations: [{variantId: "` + sandbox.VariantID + `", unitsToPurchase: 1}]}) { treatmentPlan { id } userErrors { message } } }`

// TestRetries: what can be repeated is, and nothing else.
func TestRetries(t *testing.T) {
	t.Parallel()
	const read = `{ clinic { name } }`
	create := `mutation { createPatient(input: {firstName: "A", lastName: "B", email: "a@example.org"}) { patient { id } } }`
	for _, c := range []struct {
		name, query, operation string
		fault                  sandbox.Fault
		calls                  int
		fails                  bool
	}{
		{"Twice", read, "getClinic", sandbox.Fault{Status: 503, Times: 2}, 3, false},
		{"TooOften", read, "getClinic", sandbox.Fault{Status: 503, Times: 3}, 3, true},
		{"Reset", read, "getClinic", sandbox.Fault{Reset: true, Times: 1}, 2, false},
		{"Refused", read, "getClinic", sandbox.Fault{Status: 403, Times: 1}, 1, true},
		{"ServerError", read, "getClinic", sandbox.Fault{Status: 500, Times: 1}, 1, true},
		{"WaitsAsAsked", read, "getClinic", sandbox.Fault{Status: 503, Times: 1, Header: http.Header{"Retry-After": {"2"}}}, 2, false},
		{"LongWait", read, "getClinic", sandbox.Fault{Status: 503, Times: 1, Header: http.Header{"Retry-After": {"60"}}}, 1, true},
		{"Timeout", read, "getClinic", sandbox.Fault{Hang: true, Times: 1}, 1, true},
		{"Write", create, "createPatient", sandbox.Fault{Status: 503, Times: 1}, 1, true},
		{"WriteReset", create, "createPatient", sandbox.Fault{Reset: true, Times: 1}, 1, true},
		{"WriteWithKey", planOnce, "createTreatmentPlan", sandbox.Fault{Status: 503, Times: 2}, 3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				c.fault.Operation = c.operation
				v.sandbox.AddFault(c.fault)
				begin := time.Now()
				r := v.query(c.query)
				if failed := len(r.Errors) > 0; failed != c.fails {
					v.Errorf("%v", r.Errors)
				}
				if n := v.sandbox.Count(c.operation); n != c.calls {
					v.Errorf("%d calls, want %d", n, c.calls)
				}
				if took := time.Since(begin); c.name == "WaitsAsAsked" && took < 2*time.Second || took > 6*time.Second {
					v.Errorf("took %s", took)
				}
			})
		})
	}
}

// TestUnknownOutcome: of a write that was made again because its answer was lost nobody knows
// whether it was carried out, whatever the second answer says of itself.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	lost := sandbox.Fault{Operation: "createTreatmentPlan", Status: 503, AfterHandling: true, Times: 1}
	for _, c := range []struct {
		name, code string
		second     sandbox.Fault // how the second attempt ends
	}{
		{"RateLimited", "RATE_LIMITED", sandbox.Fault{Status: 429}},
		{"Invalid", "BAD_USER_INPUT", sandbox.Fault{Status: 422, Body: `{"errors":["the key was used before"]}`}},
		{"NotFound", "NOT_FOUND", sandbox.Fault{Status: 404, Body: `{"errors":["no such patient"]}`}},
		{"NotMade", "UPSTREAM_UNAVAILABLE", sandbox.Fault{}}, // the breaker has opened
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				calls := 2
				if c.name == "NotMade" {
					calls = 1
					v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Status: 503, Times: 18}) // the write is the 19th that fails, of 20
					for v.sandbox.Count("") < 19 {
						v.query(`{ clinic { name } }`)
					}
					time.Sleep(3 * time.Second) // for a retry
				}
				v.sandbox.AddFault(lost)
				c.second.Operation, c.second.Times = lost.Operation, 1
				v.sandbox.AddFault(c.second)
				r := v.query(planOnce)
				if n := v.sandbox.Count(lost.Operation); n != calls {
					v.Errorf("%d calls, want %d", n, calls)
				}
				r.fails(v, failed{"createTreatmentPlan", c.code})
				if outcome := r.extension(v, "createTreatmentPlan", "outcome"); outcome != "unknown" {
					v.Errorf("outcome is %v: %s", outcome, r.text)
				}
			})
		})
	}
}

// TestRetryNotMade: a call that is not made again for want of calls has failed for the reason that
// the partner gave.
func TestRetryNotMade(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault sandbox.Fault
		code  string
	}{
		{sandbox.Fault{Status: http.StatusServiceUnavailable}, "UPSTREAM_UNAVAILABLE"},
		{sandbox.Fault{Reset: true}, "UPSTREAM_UNAVAILABLE"},
		{sandbox.Fault{Truncate: true}, "UPSTREAM_ERROR"},
	} {
		own := config()
		own.Budget = 1
		virtually(t, own, sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(c.fault)
			v.query(`{ clinic { name } }`).fails(v, failed{"clinic", c.code})
			if n := v.sandbox.Count(""); n != 1 {
				v.Errorf("%d calls", n)
			}
		})
	}
}

// TestRetriesAreCounted: a call leaves as often as the gateway says, however many connections
// there are on which net/http would send it again.
func TestRetriesAreCounted(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{"Read": `{ clinic { name } }`, "WriteWithKey": planOnce} {
		for _, retries := range []int{0, 2} {
			t.Run(fmt.Sprint(name, retries), func(t *testing.T) {
				t.Parallel()
				c := config()
				c.Retries = retries
				virtually(t, c, sandbox.Options{}, func(v *virtual) {
					v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
					v.query(`{ patients(first: 25) { nodes { dateOfBirth } } }`).fails(v) // opens 25 connections
					v.sandbox.ClearFaults()
					v.sandbox.ResetCalls()
					v.log.Reset()
					v.sandbox.AddFault(sandbox.Fault{Reset: true})
					if r := v.query(query); len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" {
						v.Errorf("%v", r.Errors)
					}
					if n := v.sandbox.Count(""); n != 1+retries || !strings.Contains(v.log.String(), fmt.Sprintf(`"upstreamCalls":%d,`, n)) {
						v.Errorf("%d calls, want %d: %s", n, 1+retries, v.log.String())
					}
				})
			})
		}
	}
}

// TestBadDays: while the partner is down clients are answered at once, it gets few calls,
// and soon after it is back all is well.
func TestBadDays(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Status: 503, Latency: 50 * time.Millisecond})
		ask := func() (ok bool, took time.Duration) {
			begin := time.Now()
			r := v.query(`{ clinic { name } }`)
			if len(r.Errors) > 0 && r.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" {
				v.Fatalf("%v", r.Errors)
			}
			return len(r.Errors) == 0, time.Since(begin)
		}
		asked, slow := 0, 0
		for begin := time.Now(); time.Since(begin) < 30*time.Second; asked++ {
			if _, took := ask(); took >= 100*time.Millisecond {
				slow++
			}
			time.Sleep(50 * time.Millisecond)
		}
		calls := v.sandbox.Count("")
		if asked < 300 || slow > 15 || calls > 40 {
			v.Errorf("%d queries, %d of them took 100 ms, %d calls", asked, slow, calls)
		}
		v.sandbox.ClearFaults()
		begin := time.Now()
		for ok := false; !ok; ok, _ = ask() {
			if time.Since(begin) > 10*time.Second {
				v.Fatal("not back after 10 seconds")
			}
			time.Sleep(50 * time.Millisecond)
		}
		if ok, _ := ask(); !ok {
			v.Error("one success does not end it")
		}
		for _, line := range []string{"the partner is down", "the partner answers again"} {
			if n := strings.Count(v.log.String(), line); n != 1 {
				v.Errorf("%d lines say that %s", n, line)
			}
		}
	})
}

// TestBadDaysInHaste: so they are if operations have no more time than a call.
func TestBadDaysInHaste(t *testing.T) {
	t.Parallel()
	c := config()
	c.OperationTimeout = c.CallTimeout
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		v.query(`{ clinic { name } }`).fails(v)
		v.sandbox.AddFault(sandbox.Fault{Hang: true})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				v.raw(v.Context(), sandbox.TokenPractitioner, fmt.Sprintf(`{ patient(id: "x%d") { firstName } }`, i))
			})
		}
		wg.Wait()
		synctest.Wait() // for the calls, which end behind their operations
		begin := time.Now()
		v.query(`{ clinic { name } }`).fails(v, failed{"clinic", "UPSTREAM_UNAVAILABLE"})
		if took := time.Since(begin); took >= 100*time.Millisecond {
			v.Errorf("it took %s", took)
		}
	})
}

// breakerMemory is longer than calls count for the breaker.
const breakerMemory = 11 * time.Second

// goesDown has so many calls fail that no more are made for a while.
func (v *virtual) goesDown() {
	v.Helper()
	v.sandbox.AddFault(sandbox.Fault{Status: 503})
	for range 20 {
		v.query(`{ clinic { name } }`)
	}
	v.sandbox.ClearFaults()
}

// TestTrial: the call that finds out whether the partner is back does so even if whoever made
// it has left. Others are refused meanwhile, and pay nothing for that.
func TestTrial(t *testing.T) {
	t.Parallel()
	const read = `{ clinic { name } }`
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		left := func() any { return at(v, v.query(`{ rateLimit { remaining } }`).Data, "rateLimit.remaining") }
		v.goesDown()
		time.Sleep(6 * time.Second)
		v.sandbox.AddFault(sandbox.Fault{Latency: 100 * time.Millisecond})
		leaving, leave := context.WithCancel(v.Context())
		var wg sync.WaitGroup
		wg.Go(func() { v.raw(leaving, "made-up", read) })
		time.Sleep(20 * time.Millisecond)
		leave()
		before := left()
		v.query(read).fails(v, failed{"clinic", "UPSTREAM_UNAVAILABLE"})
		if after := left(); after != before {
			v.Errorf("a call that was not made counts: %v, then %v", before, after)
		}
		wg.Wait()
		time.Sleep(100 * time.Millisecond)
		v.query(read).fails(v)
	})
}

// TestTrialOfAWrite: who makes the call that tells whether the partner is back waits for it no
// longer than for any other.
func TestTrialOfAWrite(t *testing.T) {
	t.Parallel()
	c := config()
	c.OperationTimeout, c.CallTimeout = 3*time.Second, 20*time.Second
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		v.goesDown()
		time.Sleep(6 * time.Second)
		v.sandbox.AddFault(sandbox.Fault{Hang: true})
		begin := time.Now()
		r := v.query(`mutation { createPatient(input: {email: "a@example.org", firstName: "A", lastName: "B"}) { patient { id } } }`)
		if took := time.Since(begin); took > c.OperationTimeout || len(r.Errors) != 1 || r.Errors[0].Extensions["outcome"] != "unknown" {
			v.Errorf("after %s: %s", took, r.text)
		}
		time.Sleep(time.Minute)
	})
}

// TestDownIsFree: while no calls are made, whoever asks is told at once, and pays nothing.
func TestDownIsFree(t *testing.T) {
	t.Parallel()
	const read = `{ clinic { name } }`
	t.Run("Budget", func(t *testing.T) {
		t.Parallel()
		c := config()
		c.Budget = 100
		virtually(t, c, sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Status: 503})
			for range 200 {
				if r := v.query(read); len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" {
					v.Fatalf("%v", r.Errors)
				}
			}
			v.sandbox.ClearFaults()
			time.Sleep(6 * time.Second)
			v.query(read).fails(v)
			calls := float64(v.sandbox.Count(""))
			if left := at(v, v.query(`{ rateLimit { remaining } }`).Data, "rateLimit.remaining"); left != 100-calls {
				v.Errorf("%v left after %v calls", left, calls)
			}
		})
	})
	t.Run("Places", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{RateLimit: -1}, func(v *virtual) {
			var wg sync.WaitGroup
			ask := func(token, query string) {
				wg.Go(func() { v.raw(v.Context(), token, query) })
			}
			v.query(read).fails(v)
			v.sandbox.AddFault(sandbox.Fault{Hang: true})
			for i := range 30 {
				ask(sandbox.TokenPractitioner, fmt.Sprintf(`{ patient(id: "x%d") { firstName } }`, i))
			}
			time.Sleep(4 * time.Second)
			for i := range 100 { // they take the places of strangers, and wait for them
				ask(fmt.Sprint("made-up-", i), read)
			}
			time.Sleep(1100 * time.Millisecond) // now those before have failed
			begin := time.Now()
			if answer := v.raw(v.Context(), sandbox.TokenStaff, read); !strings.Contains(answer, "UPSTREAM_UNAVAILABLE") || time.Since(begin) > 0 {
				v.Errorf("after %s: %s", time.Since(begin), answer)
			}
			before := v.sandbox.Count("")
			wg.Wait()
			if n := v.sandbox.Count("") - before; n > 0 {
				v.Errorf("%d calls of those who waited are made all the same", n)
			}
		})
	})
}

// TestCallersAreNoBadDay: what the partner says of a caller keeps nobody else from it.
func TestCallersAreNoBadDay(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		for _, status := range []int{400, 403, 404, 422, 500} {
			v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Status: status, Body: `{"error":"no"}`})
			for range 100 {
				v.query(`{ patient(id: "x") { firstName } }`)
			}
			v.sandbox.ClearFaults()
		}
		if r := v.query(`{ clinic { name } }`); len(r.Errors) > 0 || !strings.Contains(r.text, "Juniper") {
			v.Errorf("%v", r.Errors)
		}
	})
}

// TestPace: a read that takes far longer than its route does is given up early and made
// again; a partner that has become slower is waited for.
func TestPace(t *testing.T) {
	t.Parallel()
	const read = `{ clinic { name } }`
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: 50 * time.Millisecond, Times: 30})
		for range 30 {
			v.query(read).fails(v)
		}
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Hang: true, Times: 1})
		v.sandbox.ResetCalls()
		begin := time.Now()
		v.query(read).fails(v)
		if took, calls := time.Since(begin), v.sandbox.Count(""); took < 1250*time.Millisecond || took > 1500*time.Millisecond || calls != 2 {
			v.Errorf("one that hangs took %s, %d calls", took, calls)
		}
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: 4 * time.Second})
		failed := 0
		for range 20 {
			if r := v.query(read); len(r.Errors) > 0 {
				failed++
			}
		}
		v.sandbox.ResetCalls()
		v.query(read).fails(v)
		if calls := v.sandbox.Count(""); failed > 2 || calls != 1 {
			v.Errorf("of a partner that is slower %d of 20 fail; then one takes %d calls", failed, calls)
		}
		// A write has its whole time, for nobody knows what has become of one that is given up.
		v.sandbox.ClearFaults()
		const write = `mutation($i: UpdatePatientInput!) { updatePatient(input: $i) { patient { id } } }`
		input := []any{"i", map[string]any{"id": sandbox.PatientWithManyPlans, "firstName": "A"}}
		for range 30 {
			v.query(write, input...).fails(v)
		}
		v.sandbox.AddFault(sandbox.Fault{Operation: "updatePatient", Latency: 4 * time.Second})
		v.query(write, input...).fails(v)
	})
}

// TestPaceOfMany: no more reads are given up early than can be made again.
func TestPaceOfMany(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{RateLimit: -1}, func(v *virtual) {
		const fanOut = `{ patients(first: 50) { nodes { dateOfBirth } } }`
		v.query(fanOut).fails(v)
		v.sandbox.AddFault(sandbox.Fault{Latency: 1500 * time.Millisecond}) // of the 5 s that a call may take
		v.query(fanOut).fails(v)
	})
}

// TestPaceWithoutRetries: where no call is made again, none is given up early.
func TestPaceWithoutRetries(t *testing.T) {
	t.Parallel()
	const read = `{ clinic { name } }`
	c := config()
	c.Retries = 0
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		for range 30 {
			v.query(read).fails(v)
		}
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: 2 * time.Second})
		v.query(read).fails(v)
	})
}

// TestPaceOfAnswers: how fast callers are refused says nothing about how long an answer takes.
func TestPaceOfAnswers(t *testing.T) {
	t.Parallel()
	const read = `{ clinic { name } }`
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		for i := range 30 {
			v.as(fmt.Sprint("made-up-", i), read)
		}
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: 2 * time.Second})
		for range 5 {
			v.sandbox.ResetCalls()
			v.query(read).fails(v)
			if n := v.sandbox.Count(""); n != 1 {
				v.Errorf("%d calls", n)
			}
		}
	})
}

// TestSlowerIsNotDown: reads that are given up early do not count as failures of the partner.
func TestSlowerIsNotDown(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{RateLimit: -1}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
		const fanOut = `{ patients(first: 25) { nodes { dateOfBirth } } }`
		for range 5 {
			v.query(fanOut).fails(v)
		}
		v.sandbox.ClearFaults()
		time.Sleep(breakerMemory)
		v.sandbox.AddFault(sandbox.Fault{Latency: 1500 * time.Millisecond}) // of the 5 s that a call may take
		for range 6 {
			var wg sync.WaitGroup
			wg.Go(func() {
				if text := v.raw(v.Context(), sandbox.TokenPractitioner, fanOut); strings.Contains(text, "errors") {
					v.Errorf("%s", text)
				}
			})
			for range 40 {
				time.Sleep(100 * time.Millisecond)
				if res := v.ready(); res.Code != http.StatusOK {
					v.Errorf("not ready: %s", res.Body)
				}
			}
			wg.Wait()
			v.query(`{ clinic { name } }`).fails(v)
		}
		v.query(fanOut).fails(v)
	})
}

// ready asks whether the gateway is to be sent requests.
func (v *virtual) ready() *httptest.ResponseRecorder {
	res := httptest.NewRecorder()
	v.admin.ServeHTTP(res, httptest.NewRequestWithContext(v.Context(), http.MethodGet, "http://127.0.0.1/readyz", nil))
	return res
}

// TestHedge: a read that takes long is made a second time, a write never, and nothing is left
// of the call that loses.
func TestHedge(t *testing.T) {
	t.Parallel()
	c := config()
	c.Hedge, c.MaxConcurrency = true, 2
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		const read = `{ clinic { name } }`
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: 50 * time.Millisecond, Times: 30})
		for range 30 {
			v.query(read).fails(v)
		}
		v.sandbox.ResetCalls()
		for range 5 {
			v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: time.Second, Times: 1})
			begin := time.Now()
			v.query(read).fails(v)
			if took := time.Since(begin); took > 200*time.Millisecond {
				v.Errorf("it took %s", took)
			}
		}
		if n := v.sandbox.Count(""); n != 10 {
			v.Errorf("%d calls, want two of each", n)
		}
		v.sandbox.ResetCalls()
		const write = `mutation($i: UpdatePatientInput!) { updatePatient(input: $i) { patient { id } } }`
		for range 30 {
			v.query(write, "i", map[string]any{"id": sandbox.PatientWithManyPlans, "firstName": "A"}).fails(v)
		}
		v.sandbox.AddFault(sandbox.Fault{Operation: "updatePatient", Latency: 3 * time.Second})
		v.query(write, "i", map[string]any{"id": sandbox.PatientWithManyPlans, "firstName": "A"}).fails(v)
		if n := v.sandbox.Count(""); n != 31 {
			v.Errorf("%d writes, want 31", n)
		}
		// Both places are free.
		v.query(`{ patients(first: 9) { nodes { dateOfBirth } } }`).fails(v)
	})
}

// TestHedgeOnlyHelps: a second call that is not made, or fails, does not end the first.
func TestHedgeOnlyHelps(t *testing.T) {
	t.Parallel()
	const read = `{ clinic { name } }`
	for _, c := range []struct {
		name          string
		config        func(*gateway.Config)
		first, second sandbox.Fault
	}{
		{"NoMoreCalls", func(c *gateway.Config) { c.MaxUpstreamCalls = 1 }, sandbox.Fault{}, sandbox.Fault{}},
		{"NothingLeft", func(c *gateway.Config) { c.Budget = 31 }, sandbox.Fault{}, sandbox.Fault{}},
		{"TooMany", func(*gateway.Config) {}, sandbox.Fault{}, sandbox.Fault{Status: http.StatusTooManyRequests}},
		{"Down", func(c *gateway.Config) { c.Retries = 0 }, sandbox.Fault{}, sandbox.Fault{Status: http.StatusServiceUnavailable}},
		{"Reset", func(c *gateway.Config) { c.Retries = 0 }, sandbox.Fault{}, sandbox.Fault{Reset: true}},
		{"Both", func(*gateway.Config) {}, sandbox.Fault{Status: http.StatusInternalServerError}, sandbox.Fault{Status: http.StatusInternalServerError}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			own := config()
			own.Hedge = true
			c.config(&own)
			virtually(t, own, sandbox.Options{}, func(v *virtual) {
				for i := range 30 { // none of which takes longer than those before
					v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: time.Duration(90-i) * time.Millisecond, Times: 1})
					v.query(read).fails(v)
				}
				c.first.Operation, c.first.Latency, c.first.Times = "getClinic", time.Second, 1
				v.sandbox.AddFault(c.first)
				go func() {
					time.Sleep(time.Millisecond) // when the first call is under way
					c.second.Operation, c.second.Times = "getClinic", 1
					v.sandbox.AddFault(c.second)
				}()
				begin := time.Now()
				r := v.query(read)
				if c.first.Status != 0 {
					r.fails(v, failed{"clinic", "UPSTREAM_ERROR"})
				} else {
					r.fails(v)
				}
				after(v, begin, time.Second)
			})
		})
	}
}
