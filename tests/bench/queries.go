package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"fsgateway/internal/sandbox"
)

// query is a query of the benchmark. Its name is also in the address, for the handler.
type query struct {
	name string
	body []byte
}

var queries = []query{
	ask("q1", `{ patients(first: 50) { nodes { fullscriptId firstName lastName email archived } } }`, nil),
	ask("q2", `{ patient(id: "`+sandbox.PatientWithManyPlans+`") { treatmentPlans(first: 50) { nodes { fullscriptId state practitioner { fullscriptId firstName lastName } } } } }`, nil),
	ask("q3", `{ patients(first: 4) { nodes { fullscriptId treatmentPlans { nodes { fullscriptId recommendations { unitsToPurchase variant { sku product { name brand { name } } } } } } } } }`, nil),
	ask("q4", `{ __typename }`, nil),
	ask("rows", `{ products(first: 500) { nodes { id fullscriptId name status brand { fullscriptId name } primaryVariant { fullscriptId sku unitOfMeasure msrp } } } }`, nil),
	ask("mutation", `mutation($input: UpdatePatientInput!) { updatePatient(input: $input) { patient { fullscriptId firstName lastName } userErrors { message } } }`,
		map[string]any{"input": map[string]any{"id": sandbox.PatientWithManyPlans, "firstName": "Ada", "lastName": "Sample"}}),
}

// growing are queries of ever more rows.
func growing() []query {
	var all []query
	for _, n := range []int{1, 10, 50, 100, 250, 500} {
		all = append(all, ask("rows "+strconv.Itoa(n), fmt.Sprintf(`{ products(first: %d) { nodes { id fullscriptId name status brand { fullscriptId name } primaryVariant { fullscriptId sku unitOfMeasure msrp } } } }`, n), nil))
	}
	return all
}

func ask(name, text string, variables map[string]any) query {
	body := map[string]any{"query": text}
	if variables != nil {
		body["variables"] = variables
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return query{name, raw}
}
