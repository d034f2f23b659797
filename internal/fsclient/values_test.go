package fsclient_test

import (
	"io"
	"testing"

	"fsgateway/internal/fsclient"
)

// Each value set takes its values as GraphQL names them and shows them so
// again, and refuses others.
func TestValuesAsInputs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value interface {
			MarshalGQL(io.Writer)
			UnmarshalGQL(any) error
		}
		names []string
	}{
		{new(fsclient.TreatmentPlanState("")), []string{"DRAFT", "ACTIVE", "CANCELLED"}},
		{new(fsclient.TreatmentPlanInputState("")), []string{"DRAFT", "ACTIVE"}},
		{new(fsclient.TreatmentPlanSortField("")), []string{"CREATED_AT", "UPDATED_AT"}},
		{new(fsclient.LineItemType("")), []string{"SUPPLEMENT", "LABS"}},
		{new(fsclient.OrderType("")), []string{"ALL", "LABS"}},
		{new(fsclient.OrderSortField("")), []string{"PATIENT_ID", "TREATMENT_PLAN_ID", "COMPLETED_AT", "ORDER_NUMBER"}},
		{new(fsclient.LabOrderState("")), []string{"NOT_PURCHASED", "INTERPRETATION_SHARED", "ALL_RESULTS_RECEIVED"}},
		{new(fsclient.ProductStatus("")), []string{"AVAILABLE", "BACKORDERED", "UNAVAILABLE"}},
		{new(fsclient.VariantStatus("")), []string{"DISCONTINUED", "VENDOR_BACKORDER"}},
		{new(fsclient.BrandStatus("")), []string{"AVAILABLE", "UNAVAILABLE"}},
	} {
		for _, name := range tt.names {
			if err := tt.value.UnmarshalGQL(name); err != nil {
				t.Errorf("%T refuses %s: %v", tt.value, name, err)
			}
			same(t, "the name", graphql(tt.value), `"`+name+`"`)
		}
		for _, other := range []any{"UNKNOWN", "draft", 1, nil} {
			if tt.value.UnmarshalGQL(other) == nil {
				t.Errorf("%T takes %v", tt.value, other)
			}
		}
	}
}
