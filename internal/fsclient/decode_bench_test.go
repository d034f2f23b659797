package fsclient

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// BenchmarkPage reads a page of 50 plans, of which an operation asks for three fields.
func BenchmarkPage(b *testing.B) {
	var page strings.Builder
	page.WriteString(`{"meta":{"current_page":1,"next_page":null,"prev_page":null,"total_pages":1,"total_count":50},"treatment_plans":[`)
	for i := range 50 {
		if i > 0 {
			page.WriteByte(',')
		}
		fmt.Fprintf(&page, `{"id":"a1f3e8ec-6e8b-432b-8c1e-948b249e%04x","state":"active","patient":{"id":"b1d36490-f250-49a7-8707-2133a9eaceab"},`+
			`"practitioner":{"id":"e1956e31-3da1-4bb2-93b8-223799e6%04x"},"available_at":"2025-06-29","created_at":"2025-06-29T20:05:00.000Z","updated_at":"2025-07-03T20:32:00.000Z"}`, i, i%8)
	}
	page.WriteString(`]}`)
	answer := []byte(page.String())
	plan := reflect.TypeFor[TreatmentPlan]()
	asked := FieldOf(plan, "ID") | FieldOf(plan, "State") | FieldOf(plan, "Practitioner")
	wanted := func(t reflect.Type) Fields {
		if t == plan {
			return asked
		}
		return AllFields
	}
	b.SetBytes(int64(len(answer)))
	b.ReportAllocs()
	for b.Loop() {
		var plans []TreatmentPlan
		if err := (&envelope{keys: []string{"treatment_plans"}, out: reflect.ValueOf(&plans).Elem(), wanted: wanted}).open(answer); err != nil || len(plans) != 50 {
			b.Fatal(len(plans), err)
		}
	}
}
