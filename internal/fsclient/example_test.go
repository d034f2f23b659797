package fsclient_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"golang.org/x/oauth2"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

// A client calls the API with whatever token its http.Client puts on.
func Example() {
	server := httptest.NewServer(sandbox.New(sandbox.Options{}))
	defer server.Close()

	ctx := context.Background()
	token := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: sandbox.TokenPractitioner})
	client, err := fsclient.New(server.URL+"/api", oauth2.NewClient(ctx, token))
	if err != nil {
		fmt.Println(err)
		return
	}
	clinic, err := client.Clinic.Get(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	plans := 0
	list := fsclient.Of(client.TreatmentPlans.ListByPatient, sandbox.PatientWithManyPlans)
	for plan, err := range fsclient.Each(ctx, list, fsclient.TreatmentPlanListOptions{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if plan.State == "active" {
			plans++
		}
	}
	_, err = client.Patients.Get(ctx, "nobody")
	fmt.Println(*clinic.Name, "has", plans, "active plans of the patient; nobody is unknown:", fsclient.IsNotFound(err))
	// Output:
	// Juniper Integrative Health has 40 active plans of the patient; nobody is unknown: true
}
