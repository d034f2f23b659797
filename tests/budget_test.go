package tests

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/sandbox"
)

// limited has a budget of so many calls in five minutes, as has its partner.
func limited(t testing.TB, calls int) *harness {
	t.Helper()
	c := config()
	c.Budget = calls
	return startWith(t, c, sandbox.Options{RateLimit: calls})
}

// TestBudget: a query that does not fit is refused before its first call, whole, and the
// partner has nothing to refuse.
func TestBudget(t *testing.T) {
	t.Parallel()
	h := limited(t, 30)
	const query = `{ patients(first: 9) { nodes { dateOfBirth } } }` // 10 calls
	for range 3 {
		h.query(query)
	}
	a := h.as(sandbox.TokenPractitioner, query)
	if a.Status != http.StatusTooManyRequests || a.Data != nil || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "RATE_LIMITED" {
		t.Fatalf("%d %v %v", a.Status, a.Data, a.Errors)
	}
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if err != nil || seconds < 290 || seconds > 305 || a.Errors[0].Extensions["retryAfter"] != float64(seconds) {
		t.Errorf("wait %s, %v", a.Header.Get("Retry-After"), a.Errors[0].Extensions)
	}
	if n := h.sandbox.Count(""); n != 30 {
		t.Errorf("%d calls, want 30", n)
	}
	if a := h.as(sandbox.TokenStaff, `{ patients(first: 2) { nodes { dateOfBirth } } }`); a.Errors != nil {
		t.Errorf("another caller pays: %v", a.Errors)
	}
	h.query(`{ __typename viewer { signedIn } rateLimit { remaining } }`) // takes no call
}

// TestBudgetSaysWhy: who is refused with calls left is told how many the query could take,
// whatever it would have taken.
func TestBudgetSaysWhy(t *testing.T) {
	t.Parallel()
	h := limited(t, 60)
	h.query(`{ patients(first: 9) { nodes { dateOfBirth } } }`)
	a := h.as(sandbox.TokenPractitioner, `{ patients(first: 1) { nodes { treatmentPlans(first: 100) { nodes { recommendations { dosage { amount } } } } } } }`) // 7 calls, at most 102, which is more than the whole budget
	if len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "RATE_LIMITED" || a.Errors[0].Extensions["maximumCalls"] != 60.0 || !strings.Contains(a.Errors[0].Message, "up to 60 calls") {
		t.Errorf("%d %v", a.Status, a.Errors)
	}
	if left := at(t, h.query(`{ rateLimit { remaining } }`), "rateLimit.remaining"); left != 50.0 {
		t.Errorf("%v left", left)
	}
}

// TestRateLimitField: what is left is told without a call.
func TestRateLimitField(t *testing.T) {
	t.Parallel()
	h := limited(t, 100)
	const query = `{ rateLimit { limit remaining resetAt windowSeconds } }`
	if got := h.query(query)["rateLimit"]; at(t, got, "remaining") != 100.0 || at(t, got, "limit") != 100.0 || at(t, got, "windowSeconds") != 300.0 {
		t.Errorf("%v", got)
	}
	h.query(`{ patients(first: 9) { nodes { dateOfBirth } } }`)
	got := h.query(query)["rateLimit"]
	if at(t, got, "remaining") != 90.0 {
		t.Errorf("%v", got)
	}
	reset, err := time.Parse(time.RFC3339, fmt.Sprint(at(t, got, "resetAt")))
	if left := time.Until(reset); err != nil || left < 290*time.Second || left > 310*time.Second {
		t.Errorf("%v, %s left", err, left)
	}
	if n := h.sandbox.Count(""); n != 10 {
		t.Errorf("%d calls", n)
	}
}

// TestBudgetTogether: operations at once do not have more between them than there is.
func TestBudgetTogether(t *testing.T) {
	t.Parallel()
	h := limited(t, 50)
	var wg sync.WaitGroup
	var mu sync.Mutex
	whole, refused := 0, 0
	for i := range 15 {
		wg.Go(func() {
			a := h.as(sandbox.TokenPractitioner, fmt.Sprintf(`{ patients(first: 9, offset: %d) { nodes { dateOfBirth } } }`, 9*i))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case a.Errors == nil:
				whole++
			case a.Data == nil && a.Status == http.StatusTooManyRequests:
				refused++
			default:
				t.Errorf("half an answer: %v", a.Errors)
			}
		})
	}
	wg.Wait()
	if whole != 5 || refused != 10 {
		t.Errorf("%d answered, %d refused", whole, refused)
	}
	for _, c := range h.sandbox.Calls() {
		if c.Status == http.StatusTooManyRequests {
			t.Fatal("the partner had to refuse a call")
		}
	}
}

// TestBudgetProperty: whatever is asked for and fails, the partner never answers 429, no operation is
// refused by half, and in the end nothing is kept.
func TestBudgetProperty(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		c := config()
		c.Budget, c.BudgetScope, c.Hedge = 60, []string{"token", "clinic", "app"}[seed%3], seed%2 == 0
		if seed > 2 {
			c.BudgetWait = 10 * time.Second
		}
		virtually(t, c, sandbox.Options{RateLimit: 60}, func(v *virtual) {
			r := rand.New(rand.NewPCG(seed, 3))
			var wg sync.WaitGroup
			var whole, refused, failed atomic.Int64
			for i := range 200 {
				query := fmt.Sprintf(`{ a%d: patients(first: %d) { nodes { dateOfBirth } } }`, i, 1+r.IntN(20))
				if r.IntN(4) == 0 {
					query = fmt.Sprintf(`mutation { a%d: createPatient(input: {email: "a%d@example.org", firstName: "A", lastName: "B"}) { userErrors { message } } }`, i, i)
				}
				switch r.IntN(6) {
				case 0:
					v.sandbox.AddFault(sandbox.Fault{Status: http.StatusServiceUnavailable, Times: 1 + r.IntN(4)})
				case 1:
					v.sandbox.AddFault(sandbox.Fault{Latency: time.Duration(r.IntN(3000)) * time.Millisecond, Times: 10})
				case 2:
					v.sandbox.AddFault(sandbox.Fault{Reset: true, Times: 1})
				}
				wg.Go(func() {
					answer := v.raw(v.Context(), sandbox.TokenPractitioner, query)
					switch limited := strings.Contains(answer, "RATE_LIMITED"); {
					case limited && strings.Contains(answer, `"data":{`):
						v.Errorf("seed %d: half an answer: %s", seed, answer)
					case limited:
						refused.Add(1)
					case strings.Contains(answer, `"errors":`):
						failed.Add(1)
					default:
						whole.Add(1)
					}
				})
				time.Sleep(time.Duration(r.IntN(40_000)) * time.Millisecond)
			}
			wg.Wait()
			for _, call := range v.sandbox.Calls() {
				if call.Status == http.StatusTooManyRequests {
					v.Errorf("seed %d: the partner had to refuse a call", seed)
				}
			}
			if whole.Load() < 40 || refused.Load() < 40 || failed.Load() < 20 {
				v.Errorf("seed %d: %d answered, %d refused, %d failed", seed, whole.Load(), refused.Load(), failed.Load())
			}
			time.Sleep(6 * time.Minute)
			if left := at(v, v.query(`{ rateLimit { remaining } }`).Data, "rateLimit.remaining"); left != 60.0 {
				v.Errorf("seed %d: %v of 60 are left", seed, left)
			}
		})
	}
}

// TestBudgetWait: a query waits for its calls if it may.
func TestBudgetWait(t *testing.T) {
	t.Parallel()
	c := config()
	c.Budget, c.BudgetWindow, c.BudgetWait = 10, 6*time.Second, 10*time.Second
	virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
		for range 3 {
			begin := time.Now()
			v.query(`{ patients(first: 9) { nodes { dateOfBirth } } }`).fails(v)
			if took := time.Since(begin); took > 7*time.Second {
				v.Errorf("took %s", took)
			}
		}
	})
}

// TestBudgetWaitWithinOperation: what would have to wait for longer than it may take is refused at
// once, and for want of calls.
func TestBudgetWaitWithinOperation(t *testing.T) {
	t.Parallel()
	c := config()
	c.Budget, c.BudgetWait = 10, time.Hour
	virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
		v.query(`{ patients(first: 9) { nodes { dateOfBirth } } }`).fails(v)
		begin := time.Now()
		r := v.query(`{ clinic { name } }`)
		r.fails(v, failed{"", "RATE_LIMITED"})
		after(v, begin, 0)
		if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || seconds < 300 {
			v.Errorf("Retry-After %d, %v", seconds, err)
		}
	})
}

// TestBudgetReturns: a query waits for calls that another keeps and may not need, and is told to
// come back soon if it may not wait.
func TestBudgetReturns(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{0, 100 * time.Millisecond, 20 * time.Second} {
		t.Run(wait.String(), func(t *testing.T) {
			t.Parallel()
			c := config()
			c.Budget, c.BudgetWait = 10, wait
			virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Latency: 3500 * time.Millisecond})
				h, _ := v.online()
				begin := time.Now()
				var other sync.WaitGroup
				defer other.Wait()
				other.Go(func() { // keeps all ten calls, and makes one
					id := `"Patient:` + sandbox.PatientWithManyPlans + `",`
					h.query(`{ nodes(ids: [` + strings.Repeat(id, 10) + `]) { ... on Patient { firstName } } }`)
				})
				time.Sleep(300 * time.Millisecond)
				r := v.query(`{ clinic { name } }`)
				if wait > time.Second {
					r.fails(v)
					after(v, begin, 3500*time.Millisecond)
				} else {
					r.fails(v, failed{"", "RATE_LIMITED"})
					after(v, begin, 300*time.Millisecond+wait)
					if got := r.Header.Get("Retry-After"); got != "1" {
						v.Errorf("Retry-After %s", got)
					}
				}
			})
		})
	}
}

// TestAfterRateLimit: once the partner says 429 it gets no call of that caller until the
// time that it names, and what is left of the operation fails at once.
func TestAfterRateLimit(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Status: 429, Header: http.Header{"Retry-After": {"20"}}})
		r := v.query(`{ patients(first: 500) { nodes { dateOfBirth } } }`)
		if n := v.sandbox.Count("getPatient"); n > config().MaxConcurrency {
			v.Errorf("%d calls after the first 429, more than were under way", n)
		}
		if r.Status != http.StatusOK || r.Errors[0].Extensions["code"] != "RATE_LIMITED" {
			v.Errorf("%d %v", r.Status, r.Errors[0])
		}
		v.sandbox.ResetCalls()
		v.sandbox.ClearFaults()
		time.Sleep(19 * time.Second)
		r = v.query(`{ clinic { name } }`)
		r.fails(v, failed{"", "RATE_LIMITED"}) // whole
		if n := v.sandbox.Count(""); n != 0 || r.Status != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "1" {
			v.Errorf("%d calls, %d, Retry-After %s", n, r.Status, r.Header.Get("Retry-After"))
		}
		v.as(sandbox.TokenStaff, `{ clinic { name } }`).fails(v) // is another caller
		time.Sleep(time.Second + 1)
		v.query(`{ clinic { name } }`).fails(v)
	})
}

// TestRejectedToken: a token that the partner has just rejected costs it nothing more.
func TestRejectedToken(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		v.as("made-up", `{ clinic { name } }`).fails(v, failed{"clinic", "UNAUTHENTICATED"})
		for range 10 {
			r := v.as("made-up", `{ patients { totalCount } }`)
			if r.Status != http.StatusUnauthorized || r.Header.Get("WWW-Authenticate") == "" {
				v.Errorf("%d %v", r.Status, r.Errors)
			}
		}
		if n := v.sandbox.Count(""); n != 1 {
			v.Errorf("%d calls, want 1", n)
		}
		time.Sleep(6 * time.Second)
		v.as("made-up", `{ clinic { name } }`).fails(v, failed{"clinic", "UNAUTHENTICATED"})
		if n := v.sandbox.Count(""); n != 2 {
			v.Errorf("%d calls, want one more", n)
		}
		if left := at(v, v.as("made-up", `{ rateLimit { limit remaining } }`).Data, "rateLimit"); at(v, left, "remaining") != at(v, left, "limit") {
			v.Errorf("it has a budget: %v", left)
		}
	})
}

// TestMaxWaiting: of one caller no more calls wait than may, and another's are not refused for
// it.
func TestMaxWaiting(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxConcurrency, c.MaxWaiting = 2, 5
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		v.query(`{ clinic { name } }`).fails(v) // the partner knows the caller
		v.sandbox.AddFault(sandbox.Fault{Latency: time.Second})
		r := v.query(`{ patients(first: 20) { nodes { dateOfBirth } } }`)
		busy := 0
		for _, e := range r.Errors {
			if e.Extensions["code"] != "RATE_LIMITED" || e.Extensions["retryAfter"] != 1.0 {
				v.Errorf("%v", e)
			}
			busy++
		}
		if busy != 20-2-5 {
			v.Errorf("%d of 20 calls are refused, want 13", busy)
		}
	})
}

// TestBudgetWaitIsBounded: who waits behind others waits no longer than the setting says.
func TestBudgetWaitIsBounded(t *testing.T) {
	t.Parallel()
	c := config()
	c.Budget, c.BudgetWait = 30, 6*time.Minute
	c.OperationTimeout = time.Hour
	virtually(t, c, sandbox.Options{RateLimit: 30}, func(v *virtual) {
		h, _ := v.online()
		h.query(`{ patients(first: 9) { nodes { dateOfBirth } } }`) // 10 of 30
		begin, large := time.Now(), 25
		var wg sync.WaitGroup
		var mu sync.Mutex
		answered := 0
		for i := range 4 { // one for each five minutes
			wg.Go(func() {
				a := h.as(sandbox.TokenPractitioner, fmt.Sprintf(`{ a%d: patients(first: %d) { nodes { dateOfBirth } } }`, i, large-1))
				if took := time.Since(begin); took > c.BudgetWait+time.Minute/2 {
					v.Errorf("it took %s", took)
				}
				mu.Lock()
				defer mu.Unlock()
				switch {
				case a.Errors == nil:
					answered++
				case len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "RATE_LIMITED" || a.Errors[0].Extensions["retryAfter"] == nil:
					v.Errorf("%v", a.Errors)
				}
			})
		}
		wg.Wait()
		if answered != 1 {
			v.Errorf("%d are answered, want 1", answered)
		}
	})
}

// TestQueueTimeout: no call waits for a place for longer than the setting says.
func TestQueueTimeout(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxConcurrency, c.QueueTimeout = 1, 2*time.Second
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		v.query(`{ clinic { name } }`).fails(v)
		v.sandbox.AddFault(sandbox.Fault{Latency: 1500 * time.Millisecond})
		begin := time.Now()
		r := v.query(`{ patients(first: 4) { nodes { dateOfBirth } } }`)
		// The list, a call at once, one after it; two that have waited for two seconds.
		if n := len(r.Errors); n != 2 || r.Errors[0].Extensions["code"] != "RATE_LIMITED" {
			v.Errorf("%v", r.Errors)
		}
		after(v, begin, 4500*time.Millisecond)
	})
}

// TestStrangers: 150 connections with tokens that are none do not slow down a caller whom
// the partner knows, however long they have been away.
func TestStrangers(t *testing.T) {
	t.Parallel()
	c := config()
	c.OperationTimeout, c.CallTimeout = time.Hour, time.Hour
	virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
		const query = `{ patients(first: 9) { nodes { dateOfBirth } } }`
		took := func() time.Duration {
			begin := time.Now()
			v.query(query).fails(v)
			return time.Since(begin)
		}
		took() // the partner accepts the token
		alone := took()
		time.Sleep(6 * time.Hour)

		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 150 {
			wg.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					req := httptest.NewRequestWithContext(v.Context(), http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ clinic { name } patients { totalCount } products { totalCount } }"}`))
					req.Header.Set("Content-Type", "application/json")
					req.Header.Set("Authorization", fmt.Sprintf("Bearer stranger-%d-%d", i, n))
					v.handler.ServeHTTP(httptest.NewRecorder(), req)
				}
			})
		}
		time.Sleep(time.Second)
		begin := time.Now()
		res := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(v.Context(), http.MethodPost, "/graphql", strings.NewReader(requestBody(v, query)))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
		v.handler.ServeHTTP(res, req)
		attacked := time.Since(begin)
		close(stop)
		wg.Wait()
		if res.Code != http.StatusOK || strings.Contains(res.Body.String(), "errors") {
			v.Errorf("%d %s", res.Code, res.Body)
		}
		if attacked >= 2*alone {
			v.Errorf("%s, %s alone", attacked, alone)
		}
	})
}

// TestBudgetOfClinic: callers of one clinic share a budget, those of another do not. To know
// the clinic takes one call of each caller.
func TestBudgetOfClinic(t *testing.T) {
	t.Parallel()
	c := config()
	c.Budget, c.BudgetScope = 25, "clinic"
	h := startWith(t, c, sandbox.Options{})
	const query = `{ patients(first: 9) { nodes { dateOfBirth } } }` // 10 calls
	for _, token := range []string{sandbox.TokenPractitioner, sandbox.TokenStaff} {
		if a := h.as(token, query); a.Errors != nil {
			t.Fatal(a.Errors)
		}
	}
	if n := h.sandbox.Count("getClinic"); n != 2 || h.sandbox.Count("") != 22 {
		t.Errorf("%d calls, %d of them for the clinic", h.sandbox.Count(""), n)
	}
	for _, token := range []string{sandbox.TokenPractitioner, sandbox.TokenStaff} {
		if a := h.as(token, query); len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "RATE_LIMITED" {
			t.Errorf("%s: %v", token, a.Errors)
		}
	}
	if a := h.as(sandbox.TokenOtherClinic, query); a.Errors != nil {
		t.Errorf("another clinic pays: %v", a.Errors)
	}
	// One who may not know theirs counts alone, and is not asked for again and again.
	h.sandbox.ResetCalls()
	h.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Status: http.StatusForbidden})
	for range 2 {
		if a := h.as(sandbox.TokenUnapproved, query); a.Errors != nil {
			t.Errorf("%v", a.Errors)
		}
	}
	if n := h.sandbox.Count("getClinic"); n != 1 {
		t.Errorf("%d calls for a clinic that is not told", n)
	}
}

// TestBudgetOfNewcomers: whoever is new to the gateway has as much of a budget that all have in
// common as everybody else, and no operation of theirs is done by half.
func TestBudgetOfNewcomers(t *testing.T) {
	t.Parallel()
	c := config()
	c.Budget, c.BudgetScope = 100, "app"
	virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
		var wg sync.WaitGroup
		for _, token := range []string{sandbox.TokenPractitioner, sandbox.TokenStaff} {
			wg.Go(func() {
				if answer := v.raw(v.Context(), token, `{ patients(first: 20) { nodes { dateOfBirth } } }`); strings.Contains(answer, "errors") {
					v.Error(answer)
				}
			})
		}
		wg.Wait()
	})
	c.Budget = 10
	virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
		v.query(`{ patients(first: 6) { nodes { dateOfBirth } } }`).fails(v) // 8 of 10
		var query strings.Builder
		for i := range 4 {
			fmt.Fprintf(&query, ` a%d: createPatient(input: {email: "a%d@example.org", firstName: "A", lastName: "B"}) { userErrors { message } }`, i, i)
		}
		v.as(sandbox.TokenStaff, `mutation { `+query.String()+` }`).fails(v, failed{"", "RATE_LIMITED"})
		if n := v.sandbox.Count("createPatient"); n != 0 {
			v.Errorf("%d of 4 written", n)
		}
	})
}

// TestBudgetOfApp: those with made-up tokens keep nothing of a budget that all have in common.
func TestBudgetOfApp(t *testing.T) {
	t.Parallel()
	c := config()
	c.Budget, c.BudgetScope = 100, "app"
	virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
		const query = `{ patients(first: 25) { nodes { dateOfBirth } } }` // 26 calls
		v.query(`{ clinic { name } }`).fails(v)
		v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { v.raw(v.Context(), fmt.Sprint("made-up-", i), query) })
		}
		synctest.Wait()
		if answer := v.raw(v.Context(), sandbox.TokenPractitioner, query); strings.Contains(answer, "errors") {
			v.Error(answer)
		}
		wg.Wait()
		if answer := v.raw(v.Context(), sandbox.TokenStaff, query); strings.Contains(answer, "errors") { // new, but with a token
			v.Error(answer)
		}
	})
}

// TestBudgetOfStrangers: nor do those of whom the partner does not say whether they are callers, or
// says that they are none any more.
func TestBudgetOfStrangers(t *testing.T) {
	t.Parallel()
	const query = `{ patients(first: 25) { nodes { dateOfBirth } } }` // 26 calls
	attacked := func(v *virtual, token func(i int) string, wait time.Duration) {
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				v.raw(v.Context(), token(i), fmt.Sprintf(`{ a%d: patients(first: 25) { nodes { dateOfBirth } } }`, i))
			})
		}
		time.Sleep(wait)
		if answer := v.raw(v.Context(), sandbox.TokenPractitioner, query); strings.Contains(answer, "errors") {
			v.Error(answer)
		}
		wg.Wait()
		time.Sleep(time.Minute) // until nobody asks for a clinic any more
	}
	c := config()
	c.Budget = 100
	t.Run("Untold", func(t *testing.T) {
		t.Parallel()
		c := c
		c.BudgetScope = "app"
		virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
			v.query(`{ clinic { name } }`).fails(v)
			v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: 3 * time.Second})
			v.sandbox.AddFault(sandbox.Fault{Operation: "listPatients", Latency: time.Second})
			attacked(v, func(i int) string { return fmt.Sprint("made-up-", i) }, 2500*time.Millisecond)
		})
	})
	t.Run("Revoked", func(t *testing.T) {
		t.Parallel()
		c := c
		c.BudgetScope = "clinic"
		virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
			for _, token := range []string{sandbox.TokenPractitioner, sandbox.TokenStaff} {
				v.as(token, `{ clinic { name } }`).fails(v)
			}
			r := httptest.NewRequestWithContext(v.Context(), http.MethodPost, "/oauth/revoke", strings.NewReader("token="+sandbox.TokenStaff))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			v.handler.ServeHTTP(httptest.NewRecorder(), r)
			v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
			attacked(v, func(int) string { return sandbox.TokenStaff }, 10*time.Millisecond)
		})
	})
}

// TestBudgetInOrder: who waits for many calls has their turn before those who came later.
func TestBudgetInOrder(t *testing.T) {
	t.Parallel()
	c := config()
	c.Budget, c.BudgetWait = 30, 10*time.Minute
	c.OperationTimeout = time.Hour
	virtually(t, c, sandbox.Options{RateLimit: 30}, func(v *virtual) {
		h, _ := v.online()
		h.query(`{ patients(first: 9) { nodes { dateOfBirth } } }`) // 10 of 30
		var wg sync.WaitGroup
		begin := time.Now()
		ask := func(name, query string) {
			wg.Go(func() {
				if a := h.as(sandbox.TokenPractitioner, query); a.Errors != nil {
					v.Errorf("%s: %v", name, a.Errors)
				}
				if took := time.Since(begin); took < 4*time.Minute {
					v.Errorf("%s is answered after %s, before those that came first", name, took)
				}
			})
			time.Sleep(time.Millisecond)
		}
		ask("large", `{ patients(first: 24) { nodes { dateOfBirth } } }`) // 25
		for range 3 {
			ask("small", `{ patients(first: 4) { nodes { dateOfBirth } } }`) // 5
		}
		wg.Wait()
	})
}

// TestBudgetOfClinicFromTheFirst: the first operation of a caller is let in or refused as the
// clinic's, too, and to ask for the clinic is no part of it.
func TestBudgetOfClinicFromTheFirst(t *testing.T) {
	t.Parallel()
	const query = `{ patients(first: 9) { nodes { dateOfBirth } } }` // 10 calls
	t.Run("Whole", func(t *testing.T) {
		t.Parallel()
		c := config()
		c.Budget, c.BudgetScope = 20, "clinic"
		h := startWith(t, c, sandbox.Options{})
		if a := h.as(sandbox.TokenPractitioner, query); a.Errors != nil {
			t.Fatal(a.Errors)
		}
		if a := h.as(sandbox.TokenStaff, query); a.Data != nil || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != "RATE_LIMITED" {
			t.Errorf("%v %v", a.Data, a.Errors)
		}
		if n := h.sandbox.Count(""); n != 12 {
			t.Errorf("%d calls, want 10 and two for the clinic", n)
		}
		if left := at(t, h.query(`{ rateLimit { remaining } }`)["rateLimit"], "remaining"); left != 8.0 {
			t.Errorf("%v are left", left)
		}
	})
	t.Run("LimitOfAnOperation", func(t *testing.T) {
		t.Parallel()
		c := config()
		c.MaxUpstreamCalls, c.BudgetScope = 10, "clinic"
		if a := startWith(t, c, sandbox.Options{}).as(sandbox.TokenPractitioner, query); a.Errors != nil {
			t.Error(a.Errors)
		}
	})
	t.Run("NotTold", func(t *testing.T) {
		t.Parallel()
		c := config()
		c.BudgetScope = "clinic"
		virtually(t, c, sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Status: http.StatusInternalServerError})
			v.query(query).fails(v)
			v.query(query).fails(v)
			if n := v.sandbox.Count("getClinic"); n != 1 {
				v.Errorf("asked for %d times", n)
			}
			time.Sleep(time.Minute)
			v.query(query).fails(v)
			if n := v.sandbox.Count("getClinic"); n != 2 {
				v.Errorf("asked for %d times, a minute later", n)
			}
		})
	})
}

// TestClinicIsAskedForApart: whatever a caller's first call is, it does not wait for the one that
// asks for their clinic longer than a moment, nor that for it.
func TestClinicIsAskedForApart(t *testing.T) {
	t.Parallel()
	c := config()
	c.BudgetScope = "clinic"
	t.Run("InAProof", func(t *testing.T) {
		t.Parallel()
		virtually(t, c, sandbox.Options{}, func(v *virtual) {
			h, _ := v.online()
			s := h.begun("sse", sandbox.TokenPractitioner, `subscription { events(types: [PATIENT_CREATED]) { id } }`)
			defer s.close()
			begin := time.Now()
			v.query(`{ clinic { name } }`).fails(v)
			if took := time.Since(begin); took > 0 {
				v.Errorf("took %s", took)
			}
		})
	})
	t.Run("Slow", func(t *testing.T) {
		t.Parallel()
		virtually(t, c, sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Hang: true})
			begin := time.Now()
			v.query(`{ patients(first: 1) { nodes { id } } }`).fails(v)
			if took := time.Since(begin); took > 2*time.Second {
				v.Errorf("took %s", took)
			}
			time.Sleep(time.Minute) // until that call is over
		})
	})
	t.Run("MadeUp", func(t *testing.T) {
		t.Parallel()
		virtually(t, c, sandbox.Options{}, func(v *virtual) {
			v.as("made-up", `{ patients(first: 1) { nodes { id } } }`).fails(v, failed{"", "UNAUTHENTICATED"})
			if n := v.sandbox.Count(""); n != 1 {
				v.Errorf("%d calls", n)
			}
		})
	})
}

// TestBudgetOfDeferredParts: what is kept for a query is kept until its last part, and is
// given back where there is none.
func TestBudgetOfDeferredParts(t *testing.T) {
	t.Parallel()
	c := config()
	c.Budget = 20
	remaining := func(v *virtual) any {
		r := v.query(`{ rateLimit { remaining } }`)
		r.fails(v)
		return at(v, r.Data, "rateLimit.remaining")
	}
	t.Run("Kept", func(t *testing.T) {
		t.Parallel()
		virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
			v.sandbox.AddFault(sandbox.Fault{Operation: "listPatientTreatmentPlans", Latency: time.Second})
			var wg sync.WaitGroup
			wg.Go(func() {
				parts := v.parts(`{ patient(id: "` + sandbox.PatientWithManyPlans + `") { firstName ... @defer { treatmentPlans(first: 15) { nodes { personalMessage } } } } }`)
				for _, i := range parts[1].Incremental {
					if len(i.Errors) != 0 {
						v.Error(i.Errors)
					}
				}
			})
			time.Sleep(time.Second / 2)
			v.query(`{ patients(first: 12) { nodes { dateOfBirth } } }`).fails(v, failed{"", "RATE_LIMITED"})
			wg.Wait()
			if left := remaining(v); left != float64(20-v.sandbox.Count("")) {
				v.Errorf("%v are left after %d calls", left, v.sandbox.Count(""))
			}
		})
	})
	t.Run("NoSecondPart", func(t *testing.T) {
		t.Parallel()
		c := c
		c.MaxAnswer = 100
		virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
			r := v.post(requestBody(v, `{ patients(first: 9) { nodes { id ... @defer { dateOfBirth } } } }`), "Accept", deferAccept)
			r.fails(v, failed{"", "QUERY_TOO_COMPLEX"})
			if left := remaining(v); left != float64(20-v.sandbox.Count("")) {
				v.Errorf("%v are left after %d calls", left, v.sandbox.Count(""))
			}
		})
	})
}

// TestLimitWithRetries: calls that are made again count like all others.
func TestLimitWithRetries(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxUpstreamCalls = 10
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Status: http.StatusServiceUnavailable, Times: 3})
		r := v.query(`{ patients(first: 8) { nodes { dateOfBirth } } }`)
		if n := v.sandbox.Count(""); n != c.MaxUpstreamCalls || len(r.Errors) != 2 {
			v.Errorf("%d calls, %v", n, r.Errors)
		}
	})
}
