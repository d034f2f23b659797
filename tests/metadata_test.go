package tests

import (
	"net/http"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestMatchedRecordIsKept: what the partner sends of a record with a match is in the
// answer, null included, whatever a call for the rest of it says.
func TestMatchedRecordIsKept(t *testing.T) {
	t.Parallel()
	const match = `{"metadata":[{"data":{"id":"p1","first_name":"Ada","last_name":"A","email":"a@example.org","gender":null},"type":"patient","id":"emr"}],"meta":{"current_page":1,"total_pages":1,"total_count":1}}`
	for _, c := range []struct {
		name, selection, want string
		calls                 int // for the record
		status                int // of these
	}{
		{"AtHand", "firstName gender", `{"firstName":"Ada","gender":null}`, 0, 200},
		{"Completed", "firstName gender dateOfBirth", `{"firstName":"Ada","gender":null,"dateOfBirth":"1980-01-02"}`, 1, 200},
		{"NotCompleted", "firstName gender dateOfBirth", `{"firstName":"Ada","gender":null,"dateOfBirth":null}`, 1, 403},
		{"IDAlone", "fullscriptId", `{"fullscriptId":"p1"}`, 0, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: "findByMetadata", Status: http.StatusOK, Body: match})
				patient := `{"patient":{"id":"p1","first_name":"Other","last_name":"A","email":"a@example.org","gender":"female","date_of_birth":"1980-01-02"}}`
				if c.status != http.StatusOK {
					patient = `{"error":"no"}`
				}
				v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Status: c.status, Body: patient})
				r := v.query(`{ recordsByExternalId(externalId: "emr") { nodes { id record { ... on Patient { ` + c.selection + ` } } } } }`)
				if c.status == http.StatusOK {
					r.fails(v)
				} else {
					const at = "recordsByExternalId.nodes.0.record.dateOfBirth"
					r.fails(v, failed{at, "FORBIDDEN"})
					// Those of the field that led to the record, whose kind decides.
					equal(v, "requiredScopes", r.extension(v, at, "requiredScopes"), `[["patients:read"],["clinic:read"],["patients:treatment_plan_history"]]`)
				}
				equal(v, "match", at(v, r.Data, "recordsByExternalId.nodes.0"), `{"id":"Patient:p1","record":`+c.want+`}`)
				if n := v.sandbox.Count("getPatient"); n != c.calls {
					v.Errorf("%d calls for the record, want %d", n, c.calls)
				}
			})
		})
	}
}
