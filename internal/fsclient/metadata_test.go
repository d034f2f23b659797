package fsclient_test

import (
	"fmt"
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestMetadataSearch(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		page := must(c.Metadata.Search(background, &fsclient.MetadataSearchOptions{ExternalID: new(sandbox.SharedExternalID)}))(t)
		ids := map[string]bool{}
		for i := range page.Items {
			m := &page.Items[i]
			same(t, "identifier", m.ExternalID, new(sandbox.SharedExternalID))
			same(t, "record's id", m.Record.FullscriptID(), m.FullscriptID())
			if p, ok := m.Record.(*fsclient.Patient); ok {
				same(t, "name is at hand", p.FirstName != nil, true)
			}
			ids[m.ID()] = true
		}
		same(t, "ids", ids, map[string]bool{"Patient:" + sandbox.PatientWithManyPlans: true, "TreatmentPlan:" + sandbox.PlanWithLabs: true})

		plans := must(c.Metadata.Search(background, &fsclient.MetadataSearchOptions{
			ExternalID: new(sandbox.SharedExternalID), Type: new(fsclient.RecordType("treatment_plan")),
		}))(t)
		same(t, "plans", *plans.Meta.TotalCount, 1)
	})
}

func TestMetadataSearchKinds(t *testing.T) {
	t.Parallel()
	c, last := scripted(t, `{"metadata":[
		{"id":"x","type":"patient","data":{"id":"b1","first_name":"Ada"}},
		{"id":"x","type":"practitioner","data":{"id":"e1"}},
		{"id":"x","type":"staff","data":{"id":"e5"}},
		{"id":"x","type":"treatment_plan","data":{"id":"a1"}},
		{"id":"x","type":"lab_order","data":{"id":"91"}},
		{"id":"x","type":"patient","data":{}}]}`)
	page := must(c.Metadata.Search(background, nil))(t)
	same(t, "request", last.request, "GET /clinic/metadata")
	var got []string
	for i := range page.Items {
		m := &page.Items[i]
		got = append(got, fmt.Sprintf("%s %s %T %t", value(m.TypeRaw()), m.ID(), m.Record, m.Broken()))
	}
	same(t, "matches", got, []string{
		"patient Patient:b1 *fsclient.Patient false",
		"practitioner Practitioner:e1 *fsclient.Practitioner false",
		"staff Staff:e5 *fsclient.Staff false",
		"treatment_plan TreatmentPlan:a1 *fsclient.TreatmentPlan false",
		"lab_order 91 <nil> false",
		"patient  <nil> true",
	})
	patient := page.Items[0].Record.(*fsclient.Patient)
	same(t, "name", patient.FirstName, new("Ada"))
	holds(t, patient, "ID", "FirstName")

	copied := fsclient.CloneAll(page.Items)
	if copied[0].Record == page.Items[0].Record || copied[0].FullscriptID() != "b1" {
		t.Error("a copy shares its record")
	}
}
