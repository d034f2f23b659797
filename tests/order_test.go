package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
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

// field is a selection whose parts can stand in any order.
type field struct {
	text string
	of   []field
}

func (f field) shuffled(r *rand.Rand) string {
	if len(f.of) == 0 {
		return f.text
	}
	parts := make([]string, len(f.of))
	for i, j := range r.Perm(len(f.of)) {
		parts[i] = f.of[j].shuffled(r)
	}
	return f.text + " { " + strings.Join(parts, " ") + " }"
}

// TestOrderAndSpeedDoNotMatter shuffles the fields of a query and has every
// operation of the partner take another time: the calls stay the same.
func TestOrderAndSpeedDoNotMatter(t *testing.T) {
	t.Parallel()
	leaf := func(text string) field { return field{text: text} }
	query := field{"", []field{
		{"patients(first: 6)", []field{{"nodes", []field{
			leaf("dateOfBirth"), leaf("email"),
			{"guardian", []field{leaf("firstName")}},
			{"treatmentPlans(first: 5)", []field{{"edges", []field{{"node", []field{
				leaf("state"),
				{"practitioner", []field{leaf("lastName"), {"type", []field{leaf("code")}}}},
				{"recommendations", []field{{"variant", []field{leaf("sku"), {"product", []field{leaf("name"), leaf("descriptionHtml"), {"brand", []field{leaf("name"), leaf("status")}}}}}}}},
				{"patient", []field{leaf("lastName"), leaf("mobileNumber")}},
			}}}}}},
			{"orders(first: 3)", []field{{"nodes", []field{leaf("itemTotal"), {"variants", []field{leaf("msrp")}}, {"treatmentPlans", []field{leaf("personalMessage")}}}}}},
		}}}},
		{"fullscriptProtocols(first: 4)", []field{{"nodes", []field{leaf("name"), {"practitioner", []field{leaf("email")}}, {"recommendations", []field{{"variant", []field{leaf("sku")}}}}}}}},
		{fmt.Sprintf("variant(id: %q)", sandbox.VariantID), []field{{"product", []field{leaf("variantCount"), {"variants", []field{leaf("sku")}}}}}},
	}}
	var want, wantData string
	for seed := range uint64(25) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			s := sandbox.New(sandbox.Options{})
			for _, op := range []string{
				"listPatients", "getPatient", "listPatientTreatmentPlans", "getTreatmentPlan", "getVariant", "getProduct", "listPractitioners", "getPractitioner",
				"listPractitionerTypes", "listPatientOrders", "getOrder", "listBrands", "getBrand", "listFullscriptProtocols", "getProtocol",
			} {
				s.AddFault(sandbox.Fault{Operation: op, Latency: time.Duration(10+r.IntN(200)) * time.Millisecond})
			}
			g, err := gateway.New(config(), zerolog.Nop(), gateway.WithSandbox(s))
			if err != nil {
				t.Fatal(err)
			}
			text := query.shuffled(r)
			body, _ := json.Marshal(map[string]string{"query": text})
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(string(body)))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
			res := httptest.NewRecorder()
			g.Handler().ServeHTTP(res, req)
			var a answer
			if err := json.Unmarshal(res.Body.Bytes(), &a); err != nil {
				t.Errorf("%v %.300s", err, res.Body)
			}
			withdrawn(t, &a)
			sorted, _ := json.Marshal(a.Data)
			got := fmt.Sprintf("%d calls\n%s", s.Count(""), counted(s))
			if want == "" {
				want, wantData = got, string(sorted)
				t.Log(got)
			}
			if got != want {
				t.Errorf("%s\ncosts\n%s, and in the first order\n%s", text, got, want)
			}
			if string(sorted) != wantData {
				t.Errorf("%s\nis answered otherwise than in the first order", text)
			}
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// counted lists how often each operation was called, sorted by name.
func counted(s *sandbox.Server) string {
	counts := map[string]int{}
	for _, c := range s.Calls() {
		counts[c.Operation]++
	}
	out, _ := json.Marshal(counts)
	return string(out)
}
