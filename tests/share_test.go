package tests

import (
	"context"
	"net/http"
	"net/http/httptest"
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
