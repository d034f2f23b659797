package fsclient_test

import (
	"encoding/json"
	"testing"

	"fsgateway/internal/fsclient"
)

func TestSetOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options any
		args    map[string]any
		want    string // the query, "" for a refusal
	}{
		{"TextAndEnum", &fsclient.PatientSearchOptions{}, map[string]any{"query": "ada", "patientType": "GUARDIAN"}, "patient_type=guardian&query=ada"},
		{"IDsInEitherForm", &fsclient.ProductSearchOptions{}, map[string]any{"brandId": "Brand:b", "allergenIds": []any{"x", "Allergen:y"}}, "allergen_ids%5B%5D=x&allergen_ids%5B%5D=y&brand_id=b"},
		{"OneValueForAList", &fsclient.ProductSearchOptions{}, map[string]any{"allergenIds": "x"}, "allergen_ids%5B%5D=x"},
		{"NumberAsID", &fsclient.OrderListOptions{}, map[string]any{"patientId": json.Number("7")}, "patient_id=7"},
		{"DayRange", &fsclient.OrderListOptions{}, map[string]any{"completedAt": map[string]any{"between": map[string]any{"from": "2026-01-01", "to": "2026-01-31"}}}, "completed_at=2026-01-01..2026-01-31"},
		{"DaysAfter", &fsclient.OrderListOptions{}, map[string]any{"completedAt": map[string]any{"after": "2026-01-01"}}, "completed_at=%3E2026-01-01"},
		{"NullIsAbsent", &fsclient.OrderListOptions{}, map[string]any{"patientId": nil, "type": "LABS"}, "type=labs"},
		{"IDOfAnotherType", &fsclient.OrderListOptions{}, map[string]any{"patientId": "Brand:b"}, ""},
		{"UnknownEnumValue", &fsclient.OrderListOptions{}, map[string]any{"type": "PILLS"}, ""},
		{"MalformedDay", &fsclient.OrderListOptions{}, map[string]any{"completedAt": map[string]any{"on": "2026-13-01"}}, ""},
		{"ArgumentWithoutOption", &fsclient.OrderListOptions{}, map[string]any{"nonsense": "x"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := fsclient.SetOptions(c.options, c.args)
			if c.want == "" {
				if err == nil {
					t.Errorf("taken as %s", fsclient.EncodeQuery(c.options))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := fsclient.EncodeQuery(c.options); got != c.want {
				t.Errorf("query %s, want %s", got, c.want)
			}
		})
	}
}
