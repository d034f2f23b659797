package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fsgateway/internal/redistest"
	"fsgateway/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, redistest.Leftover()) }

// TestCallersAreKeptApart has two callers of two clinics ask the same questions
// at the same time. Each must be answered as if it were alone.
func TestCallersAreKeptApart(t *testing.T) {
	t.Parallel()
	h := start(t)
	queries := []string{
		`{ clinic { id name } }`,
		`{ patients(first: 20) { totalCount nodes { id email dateOfBirth guardian { id } } } }`,
		`{ practitioners(first: 20) { nodes { id email protocols(first: 2) { nodes { name practitioner { email } } } } } }`,
		`{ patient(id: "` + sandbox.PatientWithManyPlans + `") { email treatmentPlans(first: 5) { nodes { id practitioner { email } } } } }`,
		`{ patient(id: "` + sandbox.OtherClinicPatient + `") { email treatmentPlans(first: 5) { nodes { id practitioner { email } } } } }`,
		`{ treatmentPlan(id: "` + sandbox.PlanWithLabs + `") { personalMessage patient { firstName } } }`,
		`{ orders(first: 10) { nodes { orderNumber patient { email } lineItems { quantity } } } }`,
	}
	callers := []string{sandbox.TokenPractitioner, sandbox.TokenOtherClinic, sandbox.TokenExpired}
	alone := map[string]string{}
	for _, token := range callers {
		for _, q := range queries {
			alone[token+q] = essence(h.as(token, q))
		}
	}
	if a, b := alone[callers[0]+queries[1]], alone[callers[1]+queries[1]]; a == b {
		t.Fatal("the two clinics have the same patients: nothing could be told apart")
	}
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			for j := range queries {
				token, q := callers[i%len(callers)], queries[(i+j)%len(queries)]
				if got := essence(h.as(token, q)); got != alone[token+q] {
					t.Errorf("%s asked %s\n got %.300s\nwant %.300s", token, q, got, alone[token+q])
				}
			}
		})
	}
	wg.Wait()
}

// essence is an answer without what differs from request to request.
func essence(a *answer) string {
	for i := range a.Errors {
		delete(a.Errors[i].Extensions, "requestId")
		delete(a.Errors[i].Extensions, "upstreamRequestId")
	}
	errors := make([]string, 0, len(a.Errors))
	for _, e := range a.Errors {
		errors = append(errors, fmt.Sprint(e.Path, e.Message, e.Extensions["code"]))
	}
	data, _ := json.Marshal(a.Data)
	return fmt.Sprint(a.Status, errors, string(data))
}

// TestLeavingStopsTheFanOut has a client leave a query of 400 calls when the
// first few have been made.
func TestLeavingStopsTheFanOut(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxConcurrency = 8
	h := startWith(t, c, sandbox.Options{})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	// The calls hang until the client has left; nothing here waits for a clock.
	h.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Hang: true})
	body, _ := json.Marshal(map[string]string{"query": `{ patients(first: 400) { nodes { dateOfBirth } } }`})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
	done := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			err = res.Body.Close()
		}
		done <- err
	}()
	eventually(t, func() bool { return h.sandbox.Count("getPatient") >= c.MaxConcurrency }, "no detail call was made")
	leave()
	if err := <-done; err == nil {
		t.Error("the client was answered although it had left")
	}
	eventually(t, func() bool { now, _ := h.sandbox.InFlight(); return now == 0 }, "calls go on after the client has left")
	if got := h.sandbox.Count("getPatient"); got >= 400/5 {
		t.Errorf("%d of 400 detail calls were made", got)
	}
}

// eventually waits for something that other goroutines bring about.
func eventually(t *testing.T, is func() bool, otherwise string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal(otherwise)
		}
	}
}

// TestConcurrencyLimit has one query fan out to 200 calls.
func TestConcurrencyLimit(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxConcurrency = 5
	h := startWith(t, c, sandbox.Options{})
	h.query(`{ patients(first: 200) { nodes { dateOfBirth } } }`)
	if _, most := h.sandbox.InFlight(); most > 5 {
		t.Errorf("%d calls at once, 5 are allowed", most)
	}
}

// TestWindows reads a list through every kind of window and counts the calls.
func TestWindows(t *testing.T) {
	t.Parallel()
	h := start(t)
	all := ids(t, h.query(`{ a: patients(first: 500) { nodes { id } } b: patients(first: 500, offset: 500) { nodes { id } } }`), "a", "b")
	total := len(all)
	first := at(t, h.query(`{ patients(first: 10) { pageInfo { endCursor } } }`), "patients.pageInfo.endCursor")
	for _, c := range []struct {
		args     string
		from, to int
		calls    int
	}{
		{`first: 10`, 0, 10, 1},
		{``, 0, 25, 1},
		{`first: 10, offset: 30`, 30, 40, 1},
		{`first: 10, offset: 37`, 37, 47, 1},
		{`first: 100, offset: 50`, 50, 150, 2},
		{`first: 99, offset: 1`, 1, 100, 1},
		{`first: 7, after: "` + fmt.Sprint(first) + `"`, 10, 17, 1},
		{`last: 10`, total - 10, total, 2},
		{`last: 3, before: "` + fmt.Sprint(first) + `"`, 6, 9, 1},
		{`first: 5, before: "` + fmt.Sprint(first) + `"`, 0, 5, 1},
		{`first: 250, offset: 84`, 84, 334, 3},
		{`first: 10, offset: 100000`, 0, 0, 1},
		{fmt.Sprintf(`first: 50, offset: %d`, total-20), total - 20, total, 1},
		{`first: 0`, 0, 0, 1},
	} {
		t.Run(strings.TrimSpace("Window "+c.args), func(t *testing.T) {
			h.sandbox.ResetCalls()
			args := c.args
			if args != "" {
				args = "(" + args + ")"
			}
			data := h.query(`{ patients` + args + ` { totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id } } nodes { id } } }`)
			if got, want := fmt.Sprint(ids(t, data, "patients")), fmt.Sprint(all[c.from:c.to]); got != want {
				t.Errorf("rows\n got %s\nwant %s", got, want)
			}
			if got := h.sandbox.Count(""); got != c.calls {
				t.Errorf("%d calls, want %d", got, c.calls)
			}
			if at(t, data, "patients.totalCount") != float64(total) {
				t.Errorf("totalCount is %v", at(t, data, "patients.totalCount"))
			}
			if c.to > c.from {
				if got := at(t, data, "patients.pageInfo.hasNextPage"); got != (c.to < total) {
					t.Errorf("hasNextPage is %v", got)
				}
				if got := at(t, data, "patients.pageInfo.hasPreviousPage"); got != (c.from > 0) {
					t.Errorf("hasPreviousPage is %v", got)
				}
				edges := list(t, data, "patients.edges")
				if at(t, data, "patients.pageInfo.startCursor") != at(t, edges[0], "cursor") || at(t, data, "patients.pageInfo.endCursor") != at(t, edges[len(edges)-1], "cursor") {
					t.Error("the cursors of pageInfo are not those of the edges")
				}
			}
		})
	}
}

func ids(t *testing.T, data any, fields ...string) (out []string) {
	t.Helper()
	for _, f := range fields {
		for _, n := range list(t, data, f+".nodes") {
			out = append(out, n.(map[string]any)["id"].(string))
		}
	}
	return out
}

// TestRowsThatShift has a patient added between two pages: no row comes twice,
// and nothing fails.
func TestRowsThatShift(t *testing.T) {
	t.Parallel()
	h := start(t)
	for range 20 {
		var wg sync.WaitGroup
		wg.Go(func() {
			h.query(`mutation($e: EmailAddress!) { createPatient(input: {email: $e, firstName: "A", lastName: "A"}) { userErrors { message } } }`, "e", "shift"+fmt.Sprint(time.Now().UnixNano())+"@example.org")
		})
		wg.Go(func() {
			seen := map[string]bool{}
			for _, id := range ids(t, h.query(`{ patients(first: 500) { nodes { id } } }`), "patients") {
				if seen[id] {
					t.Errorf("%s came twice", id)
				}
				seen[id] = true
			}
		})
		wg.Wait()
	}
}

// TestPlacesInTurn: where there are fewer places than callers, those who wait for many calls take
// turns with those who wait for few.
func TestPlacesInTurn(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxConcurrency = 1
	c.OperationTimeout, c.CallTimeout, c.QueueTimeout = time.Hour, time.Hour, time.Hour
	virtually(t, c, sandbox.Options{RateLimit: -1}, func(v *virtual) {
		const few = sandbox.TokenReadonly
		many := []string{sandbox.TokenPractitioner, sandbox.TokenStaff}
		for _, token := range append(many, few) { // the partner accepts them
			v.as(token, `{ clinic { name } }`).fails(v)
		}
		v.sandbox.AddFault(sandbox.Fault{Latency: 50 * time.Millisecond})
		var wg sync.WaitGroup
		for _, token := range many {
			wg.Go(func() { v.raw(v.Context(), token, `{ patients(first: 40) { nodes { dateOfBirth } } }`) })
		}
		time.Sleep(time.Second)
		begin := time.Now()
		text := v.raw(v.Context(), few, `{ patients(first: 3) { nodes { dateOfBirth } } }`)
		// Four calls, in two waves, each after one of each of the others, one of which has begun.
		if took := time.Since(begin); took > 14*50*time.Millisecond || strings.Contains(text, "errors") {
			v.Errorf("4 calls took %s: %s", took, text)
		}
		wg.Wait()
	})
}
