package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// live is a Server behind real HTTP, with a client that says which error it met.
func live(t *testing.T, s *Server) func(ctx context.Context, method, path, body string) (*http.Response, string, error) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return func(ctx context.Context, method, path, body string) (*http.Response, string, error) {
		r, err := http.NewRequestWithContext(ctx, method, server.URL+"/api"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+TokenPractitioner)
		resp, err := client.Do(r)
		if err != nil {
			return nil, "", err
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		return resp, string(got), err
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const patient = "/clinic/patients/" + PatientWithNoPlans

	t.Run("Status", func(t *testing.T) {
		t.Parallel()
		s := New(Options{})
		s.AddFault(Fault{Operation: "getPatient", Times: 2, Status: 503, Body: "<html>", Header: http.Header{"Retry-After": {"7"}, "Content-Type": {"text/html"}}})
		for range 2 {
			a := call(t, s, "GET", patient, "").want(503)
			if a.Header().Get("Retry-After") != "7" || a.Header().Get("Content-Type") != "text/html" || a.Body.String() != "<html>" {
				t.Errorf("answer is %v %s", a.Header(), a.Body)
			}
			call(t, s, "GET", "/clinic", "").want(200)
		}
		call(t, s, "GET", patient, "").want(200)
	})
	t.Run("OneAfterTheOther", func(t *testing.T) {
		t.Parallel()
		s := New(Options{})
		s.AddFault(Fault{PathContains: "/patients/", Times: 1, Status: 500})
		s.AddFault(Fault{Times: 1, Status: 429})
		call(t, s, "GET", patient, "").want(500)
		call(t, s, "GET", patient, "").want(429)
		call(t, s, "GET", patient, "").want(200)
	})
	t.Run("UntilCleared", func(t *testing.T) {
		t.Parallel()
		s := New(Options{})
		s.AddFault(Fault{Status: 500})
		for range 3 {
			call(t, s, "GET", patient, "").want(500)
		}
		s.ClearFaults()
		call(t, s, "GET", patient, "").want(200)
	})
	t.Run("Reset", func(t *testing.T) {
		t.Parallel()
		s := New(Options{})
		do := live(t, s)
		s.AddFault(Fault{Reset: true, Times: 1})
		if _, _, err := do(ctx, "GET", patient, ""); err == nil {
			t.Error("no error")
		}
		if resp, _, err := do(ctx, "GET", patient, ""); err != nil || resp.StatusCode != 200 {
			t.Error(err)
		}
		if got := s.Calls()[0].Status; got != 0 {
			t.Errorf("a dropped call has status %d", got)
		}
	})
	t.Run("Truncate", func(t *testing.T) {
		t.Parallel()
		s := New(Options{})
		do := live(t, s)
		s.AddFault(Fault{Truncate: true, Times: 1})
		resp, half, err := do(ctx, "GET", patient, "")
		if !errors.Is(err, io.ErrUnexpectedEOF) || resp.StatusCode != 200 {
			t.Fatalf("error is %v", err)
		}
		_, whole, _ := do(ctx, "GET", patient, "")
		if half != whole[:len(whole)/2] || resp.ContentLength != int64(len(whole)) {
			t.Errorf("%q of %q, announced %d", half, whole, resp.ContentLength)
		}
	})
	t.Run("Hang", func(t *testing.T) {
		t.Parallel()
		s := New(Options{})
		do := live(t, s)
		s.AddFault(Fault{Hang: true})
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		if _, _, err := do(ctx, "GET", patient, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("AfterHandling", func(t *testing.T) {
		t.Parallel()
		s := New(Options{})
		do := live(t, s)
		s.AddFault(Fault{Operation: "createPatient", Reset: true, AfterHandling: true})
		if _, _, err := do(ctx, "POST", "/clinic/patients", `{"email":"lost@example.org","first_name":"A","last_name":"B"}`); err == nil {
			t.Error("no error")
		}
		if _, body, err := do(ctx, "GET", "/clinic/search/patients?email=lost@", ""); err != nil || !strings.Contains(body, "lost@example.org") {
			t.Errorf("the write did not happen: %s %v", body, err)
		}
	})
}

// TestLatencyRunsOnAFakeClock also shows that New, limits and waits work inside a synctest bubble and leave no goroutine behind.
func TestLatencyRunsOnAFakeClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		s.AddFault(Fault{Operation: "getClinic", Latency: 3 * time.Second})
		start := time.Now()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { call(t, s, "GET", "/clinic", "").want(200) })
		}
		synctest.Wait()
		call(t, s, "GET", "/clinic/staff", "").want(200) // nothing is locked while others wait
		if now, most := s.InFlight(); now != 10 || most != 11 {
			t.Errorf("%d in flight, at most %d; want 10 and 11", now, most)
		}
		all.Wait()
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("took %v, want 3s", got)
		}
		s.ResetCalls()
		if now, most := s.InFlight(); now != 0 || most != 0 {
			t.Errorf("%d in flight, at most %d; want none", now, most)
		}

		// A client that leaves ends the wait.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := newRequest(t, "GET", "/clinic", "").WithContext(ctx)
		func() {
			defer func() {
				if recover() != http.ErrAbortHandler {
					t.Error("the call was not dropped")
				}
			}()
			s.ServeHTTP(httptest.NewRecorder(), r)
		}()
		if now, _ := s.InFlight(); now != 0 {
			t.Errorf("%d in flight after the client left", now)
		}
	})
}

func TestRateLimitRolls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{RateLimit: 3, RateWindow: time.Minute})
		for range 3 {
			call(t, s, "GET", "/clinic", "").want(200)
			time.Sleep(10 * time.Second) // the bubble's clock
		}
		a := call(t, s, "GET", "/clinic", "").want(429)
		if got := a.Header().Get("Retry-After"); got != "30" {
			t.Errorf("Retry-After is %s, want 30", got)
		}
		callAs(t, s, TokenStaff, "GET", "/clinic", "").want(200) // each token has its own
		time.Sleep(30 * time.Second)
		call(t, s, "GET", "/clinic", "").want(200)
		call(t, s, "GET", "/clinic", "").want(429)
		time.Sleep(10 * time.Second)
		call(t, s, "GET", "/clinic", "").want(200) // room comes back call by call, not all at once
		call(t, s, "GET", "/clinic", "").want(429)
	})
}

func TestCalls(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	call(t, s, "PATCH", "/clinic/patients/"+PatientWithNoPlans+"?x=1", `{"gender":"x"}`).want(200)
	callAs(t, s, "secret", "GET", "/clinic", "").want(401)
	serve(t, s, httptest.NewRequest("GET", "http://127.0.0.1:7070/_sandbox/tokens", nil)).want(200)
	calls := s.Calls()
	if len(calls) != 2 || s.Count("") != 2 || s.Count("updatePatient") != 1 || s.Count("getPatient") != 0 {
		t.Fatalf("calls are %+v", calls)
	}
	first := calls[0]
	if first.Operation != "updatePatient" || first.Method != "PATCH" || first.Path != "/api/clinic/patients/"+PatientWithNoPlans || first.Query != "x=1" ||
		first.Token != TokenPractitioner || first.Status != 200 || string(first.Body) != `{"gender":"x"}` || first.Header.Get("Content-Type") != "application/json" {
		t.Errorf("call is %+v", first)
	}
	if calls[1].Token != "" || calls[1].Header.Get("Authorization") != "" || calls[1].RequestID == first.RequestID {
		t.Errorf("call is %+v", calls[1])
	}
	s.ResetCalls()
	if s.Count("") != 0 || len(s.Calls()) != 0 {
		t.Error("reset keeps calls")
	}
}

func TestARequestWithoutBodyReaderIsServed(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequest("POST", "http://127.0.0.1:7070/api/clinic/embeddable/session_grants", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "bearer "+TokenPractitioner)
	serve(t, New(Options{}), r).want(200)
}

func TestALongBodyIsRefused(t *testing.T) {
	t.Parallel()
	call(t, New(Options{}), "POST", "/clinic/patients", `{"email":"`+strings.Repeat("a", maxBody)+`"}`).want(http.StatusRequestEntityTooLarge)
}
