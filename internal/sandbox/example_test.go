package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"fsgateway/internal/sandbox"
)

// A test runs the sandbox as a server, makes a call go wrong, and counts what reached it.
func Example() {
	partner := sandbox.New(sandbox.Options{})
	server := httptest.NewServer(partner)
	defer server.Close()

	partner.AddFault(sandbox.Fault{Operation: "getPatient", Status: http.StatusServiceUnavailable, Times: 1})
	for range 2 {
		req, err := http.NewRequest(http.MethodGet, server.URL+"/api/clinic/patients/"+sandbox.PatientWithManyPlans, nil)
		if err != nil {
			panic(err)
		}
		req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		var body struct {
			Patient struct {
				FirstName string `json:"first_name"`
			} `json:"patient"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			panic(err)
		}
		resp.Body.Close()
		fmt.Printf("%d %q\n", resp.StatusCode, body.Patient.FirstName)
	}
	fmt.Println(partner.Count("getPatient"), "calls")
	// Output:
	// 503 ""
	// 200 "Valentina"
	// 2 calls
}
