package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestClinic(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		clinic := must(c.Clinic.Get(background))(t)
		whole(t, clinic)
		same(t, "id", clinic.FullscriptID(), sandbox.ClinicID)
		if clinic.Name == nil || value(clinic.DispensaryURL) == "" || clinic.Discount == nil {
			t.Errorf("the clinic lacks something: %+v", clinic)
		}
		if value(clinic.PatientCount) == 0 || value(clinic.PractitionerCount) == 0 {
			t.Errorf("the clinic has no people: %+v", clinic)
		}
	})
}

func TestClinicOddAnswers(t *testing.T) {
	t.Parallel()
	t.Run("NumbersAsText", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"clinic":{"id":7,"name":"A","patient_count":"12","discount":"2.50","integration_id":null}}`)
		clinic := must(c.Clinic.Get(background))(t)
		same(t, "id", clinic.ID, fsclient.ClinicID("7"))
		same(t, "patients", clinic.PatientCount, new(12))
		same(t, "discount", clinic.Discount, new(fsclient.Decimal("2.50")))
		same(t, "integration", clinic.IntegrationID, (*string)(nil))
	})
	t.Run("WithoutName", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"clinic":{"id":"7"}}`)
		clinic := must(c.Clinic.Get(background))(t)
		same(t, "name", clinic.Name, (*string)(nil))
		same(t, "unreadable", clinic.Unreadable(), fsclient.Fields(0))
	})
}

func TestExpiredToken(t *testing.T) {
	t.Parallel()
	c, _ := setupWith(t, sandbox.TokenExpired, sandbox.Options{})
	refused(c.Clinic.Get(background))(t, fsclient.KindUnauthorized)
}
