package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestProtocolsLists(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		owned := must(c.Protocols.ListByPractitioner(background, sandbox.PractitionerID, &fsclient.ProtocolListOptions{
			OwnershipType: new(fsclient.ProtocolOwnershipFilter("owned")), OrderBy: fsclient.ProtocolSort{Field: "name", Direction: "DESC"},
		}))(t)
		for i := range owned.Items {
			p := &owned.Items[i]
			holds(t, p, "ID", "Name", "CurrentState", "OwnershipType")
			same(t, "ownership", p.OwnershipTypeRaw(), new("owned"))
			if i > 0 && *p.Name > *owned.Items[i-1].Name {
				t.Errorf("%q comes after %q", *p.Name, *owned.Items[i-1].Name)
			}
		}
		drafts := must(c.Protocols.ListByPractitioner(background, sandbox.PractitionerID, &fsclient.ProtocolListOptions{
			CurrentState: new(fsclient.ProtocolState("draft")), OwnershipType: new(fsclient.ProtocolOwnershipFilter("all")),
		}))(t)
		for i := range drafts.Items {
			same(t, "state", drafts.Items[i].CurrentStateRaw(), new("draft"))
		}
		everybodys := must(c.Protocols.ListFullscript(background, &fsclient.FullscriptProtocolListOptions{OrderBy: fsclient.FullscriptProtocolSort{Field: "name"}}))(t)
		found := false
		for i := range everybodys.Items {
			found = found || everybodys.Items[i].ID == sandbox.FullscriptProtocolID
		}
		if !found {
			t.Error("a known protocol of the partner is not in the list")
		}
	})
	t.Run("Parameters", func(t *testing.T) {
		t.Parallel()
		c, last := scripted(t, `{"fullscript_protocols":[]}`)
		must(c.Protocols.ListFullscript(background, &fsclient.FullscriptProtocolListOptions{OrderBy: fsclient.FullscriptProtocolSort{Direction: "ASC"}}))(t)
		same(t, "request", last.request, "GET /clinic/fullscript_protocols?order_by=ASC")
	})
}

func TestProtocolsGet(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		p := must(c.Protocols.Get(background, sandbox.ProtocolID))(t)
		whole(t, p)
		same(t, "id", p.FullscriptID(), sandbox.ProtocolID)
		same(t, "practitioner", p.Practitioner.ID, fsclient.PractitionerID(sandbox.PractitionerID))
		same(t, "ownership, which only lists tell", p.OwnershipTypeRaw(), (*string)(nil))
		if len(p.Recommendations) == 0 {
			t.Fatal("the protocol recommends nothing")
		}
		dosed := false
		for _, r := range p.Recommendations {
			holds(t, r.Variant, "ID")
			if value(r.QuantityRecommended) == 0 || r.Refill == nil {
				t.Errorf("the recommendation lacks something: %+v", r)
			}
			dosed = dosed || r.Dosage != nil && r.Dosage.Amount != nil && r.Dosage.FrequencyRaw() != nil
		}
		if !dosed {
			t.Error("no recommendation has a dosage")
		}
		fullscripts := must(c.Protocols.Get(background, sandbox.FullscriptProtocolID))(t)
		same(t, "author of a protocol of the partner", fullscripts.Practitioner, (*fsclient.Practitioner)(nil))
	})
}

func TestProtocolDosage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line string
		want *fsclient.Dosage
	}{
		"Flat": {
			`"dosage_amount":"1","dosage_frequency":"once per day","dosage_duration":"30","dosage_format":"drops","dosage_permutations":"with food"`,
			&fsclient.Dosage{
				Amount: new("1"), Frequency: new(fsclient.DosageFrequency("once per day")), Duration: new("30"),
				Format: new(fsclient.DosageFormat("drops")), AdditionalInfo: new("with food"),
			},
		},
		"Partly": {`"dosage_amount":2,"dosage_frequency":null`, &fsclient.Dosage{Amount: new("2")}},
		"Nested": {`"dosage":{"recommended_amount":"3"}`, &fsclient.Dosage{Amount: new("3")}},
		"None":   {`"dosage_amount":null,"refill":"true"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := scripted(t, `{"protocol":{"id":"a7","name":"P","recommendations":[{"variant_id":"f1",`+test.line+`}]}}`)
			p := must(c.Protocols.Get(background, "a7"))(t)
			same(t, "dosage", p.Recommendations[0].Dosage, test.want)
		})
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		page := must(c.Templates.ListByPractitioner(background, sandbox.PractitionerID, &fsclient.TemplateListOptions{}))(t)
		if len(page.Items) == 0 {
			t.Fatal("the practitioner has no template")
		}
		holds(t, &page.Items[0], "ID", "Name", "CurrentState")

		one := must(c.Templates.Get(background, sandbox.TemplateID))(t)
		whole(t, one)
		same(t, "id", one.FullscriptID(), sandbox.TemplateID)
		same(t, "practitioner", one.Practitioner.ID, fsclient.PractitionerID(sandbox.PractitionerID))
		if one.CurrentStateRaw() == nil || len(one.Recommendations) == 0 {
			t.Errorf("the template lacks something: %+v", one)
		}
	})
}
