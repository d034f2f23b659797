package tests

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// TestRoundTrips measures the longest chain of calls that wait for each other,
// in virtual time: each call to the partner takes 50 ms and nothing else takes
// any, so an answer's age is the number of round trips in a row.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	const latency = 50 * time.Millisecond
	many := sandbox.PatientWithManyPlans
	deep := `treatmentPlans(first: 10) { nodes { recommendations { variant { sku product { name brand { name } } } } } }`
	for _, c := range []struct {
		name, query string
		trips       int
	}{
		{"FourForPatientsPlansRecommendationsVariants", `{ patients(first: 5) { nodes { ` + deep + ` } } }`, 4},
		{"TwoForPlansWithPractitioner", `{ patient(id: "` + many + `") { treatmentPlans(first: 50) { nodes { practitioner { firstName } } } } }`, 2},
		{"PractitionerBesideVariants", `{ patients(first: 5) { nodes { treatmentPlans(first: 10) { nodes { practitioner { firstName } recommendations { variant { sku } } } } } } }`, 4},
		{"VariantsBesidePractitioner", `{ patients(first: 5) { nodes { treatmentPlans(first: 10) { nodes { recommendations { variant { sku } } practitioner { firstName } } } } } }`, 4},
		{"DetailBesideLink", `{ patients(first: 10) { nodes { dateOfBirth treatmentPlans(first: 1) { nodes { state } } } } }`, 2},
		{"LinkBesideDetail", `{ patients(first: 10) { nodes { treatmentPlans(first: 1) { nodes { state } } dateOfBirth } } }`, 2},
		{"LookUpAndItsLists", `{ patient(id: "` + many + `") { dateOfBirth treatmentPlans { nodes { state } } orders { totalCount } } }`, 1},
		{"RootFieldsTogether", `{ clinic { name } patients(first: 1) { totalCount } practitioners { totalCount } brands { totalCount } }`, 1},
		{"250RowsTwo", `{ patients(first: 250) { nodes { id } } }`, 2},
		{"LastNeedsTheTotal", `{ patients(last: 10) { nodes { id } } }`, 2},
		{"PlainContainersDoNotHoldUpSiblings", `{ treatmentPlan(id: "` + sandbox.PlanWithLabs + `") { recommendations { variant { sku } } patient { firstName } practitioner { firstName } } }`, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := sandbox.New(sandbox.Options{})
				s.AddFault(sandbox.Fault{Latency: latency})
				g, err := gateway.New(config(), zerolog.Nop(), gateway.WithSandbox(s))
				if err != nil {
					t.Fatal(err)
				}
				body, _ := json.Marshal(map[string]string{"query": c.query})
				req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(string(body)))
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
				res := httptest.NewRecorder()
				begin := time.Now()
				g.Handler().ServeHTTP(res, req)
				took := time.Since(begin)
				if strings.Contains(res.Body.String(), `"errors"`) {
					t.Errorf("errors: %.300s", res.Body)
				}
				if want := time.Duration(c.trips) * latency; took != want {
					t.Errorf("took %v, want %v:\n%s", took, want, routes(s))
				}
				if err := g.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
