package fsclient

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzProblems reads any body of a refusal. Reading must end, and what comes of
// it must be bounded.
func FuzzProblems(f *testing.F) {
	for _, body := range []string{
		`{"errors":["Email`, "{\"errors\":[\"is\n taken\"]}", `{"errors":{"email":[{"error":"taken","value":"a@b"}]}}`,
		`{"errors":[{"source":{"pointer":"/data/attributes/email"},"detail":"is taken"}]}`, `{"detail":[{"loc":["body",0,"x"],"msg":"m"}]}`,
		`{"error":"invalid_request","error_description":"x"}`, `{"email":["is taken"]}`, "\ufeff{\"title\":\"x\"}", `[[[["x"]]]]`, `{"errors" ["x"]}`,
		strings.Repeat(`{"errors":[`, 50), strings.Repeat(`[`, 20000), "{\"errors\":\"\xff\"}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		found := problems(body)
		if len(found) > maxProblems {
			t.Errorf("%d problems", len(found))
		}
		for _, p := range found {
			for _, s := range []string{p.Field, p.Code, p.Message} {
				if len(s) > maxProblemText+len("…") || !utf8.ValidString(s) {
					t.Errorf("%q", s)
				}
			}
			if p == (Problem{}) {
				t.Error("an empty problem")
			}
		}
	})
}

// FuzzAnswer decodes any answer as a page, as a record and as an event. It must
// end, and say so if it is no JSON.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"patients":[{"id":"p","first_name":"A`, "{\"patients\":[{\"id\":\"p\n\"}]}", `{"patients":[{"id":"p"},,{}]}`, `{"patient":{"id":{}}}`, `{"patients":`,
		`{"event":{"id":"e","type":"patient.updated","data":{"patient":{"id":"p"}}}}`, `{"id":"d","event_payload":{"id":"e","type":"order.placed","data":{}}}`,
		`{"event_payload":`, `[{"event":{"id":"e"}}]`, `{"event":{"data":`, "\ufeff{}", strings.Repeat(`{"event_payload":`, 5000),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(_ *testing.T, body []byte) {
		var page []Patient
		_ = (&envelope{keys: []string{"patients"}, out: reflect.ValueOf(&page).Elem()}).open(body)
		var plan TreatmentPlan
		_ = (&envelope{keys: []string{"treatment_plan"}, out: reflect.ValueOf(&plan).Elem()}).open(body)
		_, _ = ParseEvent(body)
	})
}
