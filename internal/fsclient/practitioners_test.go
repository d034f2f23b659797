package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestPractitioners(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		page := must(c.Practitioners.List(background, nil))(t)
		if *page.Meta.TotalCount < len(page.Items) || len(page.Items) < 2 {
			t.Fatalf("%d practitioners of %d", len(page.Items), *page.Meta.TotalCount)
		}
		one := must(c.Practitioners.Get(background, sandbox.PractitionerID))(t)
		whole(t, one)
		for i := range page.Items {
			item := &page.Items[i]
			holds(t, item, "ID", "FirstName", "LastName", "Email", "Type", "InviteAccepted", "ExternalID")
			if item.ID == one.ID {
				same(t, "email in the list", item.Email, one.Email)
			}
		}
		same(t, "id", one.FullscriptID(), sandbox.PractitionerID)
		if one.Type == nil {
			t.Fatal("the practitioner has no profession")
		}
		holds(t, one.Type, "ID")
	})
}

func TestPractitionersGetNotFound(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	for name, id := range map[string]string{"NoSuch": "e1", "OtherClinic": sandbox.OtherClinicPractitionerID} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Practitioners.Get(background, id)
			if !fsclient.IsNotFound(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPractitionersCreateAndUpdate(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		made := must(c.Practitioners.Create(background, &fsclient.CreatePractitionerInput{
			PractitionerTypeID: sandbox.PractitionerTypeID, Email: "ada@example.org", FirstName: "Ada", LastName: "Sample",
			ExternalID: fsclient.Set(fsclient.ExternalIDInput{ID: new(fsclient.ExternalID("emr-1"))}),
		}))(t)
		whole(t, made)
		same(t, "profession", made.Type.ID, fsclient.PractitionerTypeID(sandbox.PractitionerTypeID))
		same(t, "external id", made.ExternalID, new(fsclient.ExternalID("emr-1")))

		changed := must(c.Practitioners.Update(background, &fsclient.UpdatePractitionerInput{
			ID: made.ID, LastName: fsclient.Set(new("Example")), ExternalID: fsclient.Set(fsclient.ExternalIDInput{}),
		}))(t)
		same(t, "first name", changed.FirstName, new("Ada"))
		same(t, "last name", changed.LastName, new("Example"))
		same(t, "external id", changed.ExternalID, (*fsclient.ExternalID)(nil))

		e := refused(c.Practitioners.Create(background, &fsclient.CreatePractitionerInput{Email: "ada@example.org"}))(t, fsclient.KindInvalid)
		if len(e.Problems) == 0 {
			t.Error("the partner's complaints are lost")
		}
	})
}

func TestPractitionersUpdateBody(t *testing.T) {
	t.Parallel()
	c, last := scripted(t, `{"practitioner":{"id":"e1"}}`)
	must(c.Practitioners.Update(background, &fsclient.UpdatePractitionerInput{
		ID: "e1", Email: fsclient.Set[*string](nil), FirstName: fsclient.Set(new("Ada")),
	}))(t)
	same(t, "request", last.request, "PATCH /clinic/practitioners/e1")
	same(t, "body", last.body, `{"email":null,"first_name":"Ada"}`)
}

func TestPractitionerTypes(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		found := false
		for _, p := range gather(t, fsclient.Each(background, c.PractitionerTypes.List, fsclient.PractitionerTypeListOptions{})) {
			holds(t, p, "ID", "Code", "Description")
			if p.Code == nil || p.Broken() {
				t.Errorf("%s has no code", p.ID)
			}
			found = found || p.FullscriptID() == sandbox.PractitionerTypeID
		}
		if !found {
			t.Error("a known profession is not in the list")
		}
	})
}
