package fsclient_test

import (
	"context"
	"strings"
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestDynamicLinks(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		blank, again := must(c.DynamicLinks.New(background))(t), must(c.DynamicLinks.New(background))(t)
		if !strings.HasPrefix(value(blank.RedirectURL), "http") || *blank.RedirectURL == *again.RedirectURL {
			t.Errorf("links %q and %q", *blank.RedirectURL, *again.RedirectURL)
		}
		same(t, "plan of a blank link", blank.TreatmentPlan, (*fsclient.TreatmentPlan)(nil))

		link := must(c.DynamicLinks.Get(background, sandbox.DraftPlan))(t)
		same(t, "plan", link.TreatmentPlan.ID, fsclient.TreatmentPlanID(sandbox.DraftPlan))
		holds(t, link.TreatmentPlan, "ID", "State", "AvailableAt")
		same(t, "patient", link.Patient.ID, fsclient.PatientID(sandbox.PatientWithManyPlans))
		holds(t, link.Patient, "ID", "FirstName", "LastName", "Email", "Archived", "DateOfBirth", "Gender", "Discount", "TotalDiscount",
			"MobileNumber", "TextMessageNotification")
		if link.Patient.TextMessageNotification == nil {
			t.Error("a number for a boolean is lost")
		}

		_, err := c.DynamicLinks.Get(background, sandbox.CancelledPlan)
		if !fsclient.IsNotFound(err) {
			t.Errorf("a link to a cancelled plan: %v", err)
		}
	})
}

func TestDynamicLinksCreateDraft(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		link := must(c.DynamicLinks.CreateDraft(background, &fsclient.CreateDraftTreatmentPlanLinkInput{
			TreatmentPlan: fsclient.DraftLinkTreatmentPlanInput{PractitionerID: sandbox.PractitionerID},
			Patient: fsclient.Set(&fsclient.DraftLinkPatientInput{
				Email: "di@example.org", FirstName: fsclient.Set(new("Di")), LastName: fsclient.Set(new("Sample")), Discount: fsclient.Set(new(fsclient.Decimal("5"))), SendWelcomeEmail: fsclient.Set(new(fsclient.Flag(false))),
			}),
		}))(t)
		same(t, "state", link.TreatmentPlan.StateRaw(), new("draft"))
		same(t, "first name", link.Patient.FirstName, new("Di"))
		same(t, "mobile number", link.Patient.MobileNumber, (*string)(nil))

		refused(c.DynamicLinks.CreateDraft(background, &fsclient.CreateDraftTreatmentPlanLinkInput{
			TreatmentPlan: fsclient.DraftLinkTreatmentPlanInput{PractitionerID: "e1"},
		}))(t, fsclient.KindInvalid)
	})
}

func TestDynamicLinksCreateGateway(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		for _, in := range []*fsclient.CreateGatewayTreatmentPlanLinkInput{
			{},
			{
				TreatmentPlan: fsclient.Set(&fsclient.GatewayLinkTreatmentPlanInput{PractitionerID: fsclient.Set(new(fsclient.PractitionerID(sandbox.PractitionerID)))}),
				Patient:       fsclient.Set(&fsclient.GatewayLinkPatientInput{ID: fsclient.Set(new(fsclient.PatientID(sandbox.PatientWithNoPlans)))}),
				Entrypoint:    fsclient.Set(new(fsclient.LinkEntrypoint("labs"))),
			},
			{Patient: fsclient.Set(&fsclient.GatewayLinkPatientInput{ExternalID: fsclient.Set(new(sandbox.SharedExternalID))})},
		} {
			if link := must(c.DynamicLinks.CreateGateway(background, in))(t); value(link.RedirectURL) == "" {
				t.Errorf("no link for %+v", in)
			}
		}
	})
	t.Run("Body", func(t *testing.T) {
		t.Parallel()
		c, last := scripted(t, `{"redirect_url":"https://fs.example/1"}`)
		must(c.DynamicLinks.CreateGateway(background, &fsclient.CreateGatewayTreatmentPlanLinkInput{
			Patient:    fsclient.Set(&fsclient.GatewayLinkPatientInput{ExternalID: fsclient.Set(new("emr")), SendWelcomeEmail: fsclient.Set(new(fsclient.Flag(true))), Gender: fsclient.Set(new(fsclient.Gender("x")))}),
			Entrypoint: fsclient.Set(new(fsclient.LinkEntrypoint("catalog"))),
		}))(t)
		same(t, "body", last.body, `{"patient":{"external_id":"emr","gender":"x","send_welcome_email":"true"},"entrypoint":"catalog"}`)
	})
}

// An answer that says nothing is none, and a write that had one may have been
// carried out. One that lacks its link keeps the rest.
func TestDynamicLinksWithoutLink(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"Empty": `{}`, "Null": `{"dynamic_links":null}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := scripted(t, answer)
			ctx := context.Background()
			same(t, "New: outcome unknown", refused(c.DynamicLinks.New(ctx))(t, fsclient.KindUpstream).Unknown, false)
			same(t, "Get: outcome unknown", refused(c.DynamicLinks.Get(ctx, "a1"))(t, fsclient.KindUpstream).Unknown, false)
			draft := refused(c.DynamicLinks.CreateDraft(ctx, &fsclient.CreateDraftTreatmentPlanLinkInput{}))(t, fsclient.KindUpstream)
			same(t, "CreateDraft: outcome unknown", draft.Unknown, true)
			gateway := refused(c.DynamicLinks.CreateGateway(ctx, &fsclient.CreateGatewayTreatmentPlanLinkInput{}))(t, fsclient.KindUpstream)
			same(t, "CreateGateway: outcome unknown", gateway.Unknown, true)
		})
	}
	t.Run("Rest", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"redirect_url":null,"patient":{"id":"p"},"treatment_plan":{"id":"a1"}}`)
		link := must(c.DynamicLinks.Get(t.Context(), "a1"))(t)
		if link.RedirectURL != nil || link.Unreadable() != 0 || link.Patient.ID != "p" || link.TreatmentPlan.ID != "a1" {
			t.Errorf("%+v", link)
		}
	})
}
