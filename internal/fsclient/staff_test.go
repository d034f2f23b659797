package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestStaff(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		page := must(c.Staff.List(background, &fsclient.StaffListOptions{PageOptions: fsclient.PageOptions{Number: 1, Size: 1}}))(t)
		same(t, "rows", len(page.Items), 1)
		holds(t, &page.Items[0], "ID", "FirstName", "LastName", "Email", "ExternalID")

		one := must(c.Staff.Get(background, sandbox.StaffID))(t)
		whole(t, one)
		same(t, "id", one.FullscriptID(), sandbox.StaffID)
		if value(one.Email) == "" {
			t.Error("the member has no email")
		}
		_, err := c.Staff.Get(background, sandbox.OtherClinicStaffID)
		if !fsclient.IsNotFound(err) {
			t.Errorf("staff of another clinic: %v", err)
		}
	})
}

func TestStaffCreateAndUpdate(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		made := must(c.Staff.Create(background, &fsclient.CreateStaffInput{
			Email: "ben@example.org", FirstName: "Ben", LastName: "Sample", ExternalID: fsclient.Set(fsclient.ExternalIDInput{ID: new(fsclient.ExternalID("emr-2"))}),
		}))(t)
		whole(t, made)
		same(t, "external id", made.ExternalID, new(fsclient.ExternalID("emr-2")))
		changed := must(c.Staff.Update(background, &fsclient.UpdateStaffInput{ID: made.ID, FirstName: fsclient.Set(new("Bo"))}))(t)
		same(t, "first name", changed.FirstName, new("Bo"))
		same(t, "external id", changed.ExternalID, made.ExternalID)
	})
}
