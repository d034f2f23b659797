package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestTreatmentPlansGet(t *testing.T) {
	t.Parallel()
	everyMood(t, getPlan)
}

func getPlan(t *testing.T, c *fsclient.Client) {
	p, err := c.TreatmentPlans.Get(t.Context(), sandbox.PlanWithLabs)
	if err != nil {
		t.Fatal(err)
	}
	if p.FullscriptID() != sandbox.PlanWithLabs || p.State != "active" || value(p.StateRaw()) != "active" || p.CreatedAt == nil {
		t.Errorf("got %+v", p)
	}
	if len(p.Recommendations) != 5 || len(p.LabRecommendations) != 2 || len(p.Resources) != 2 {
		t.Errorf("%d recommendations, %d labs, %d resources", len(p.Recommendations), len(p.LabRecommendations), len(p.Resources))
	}
	holds(t, p.Patient, "ID")
	holds(t, p.Recommendations[0].Variant, "ID")
	if value(p.Recommendations[0].UnitsToPurchase) == 0 || p.Recommendations[0].Dosage == nil {
		t.Errorf("recommendation %+v", p.Recommendations[0])
	}
	lab := p.LabRecommendations[0]
	if lab.Name == nil || lab.FullscriptID() == nil || len(lab.Tests) == 0 || lab.Tests[0].FullscriptID() == nil || lab.Tests[0].Name == nil {
		t.Errorf("lab %+v", lab)
	}
	if value(p.ExternalID) != sandbox.SharedExternalID {
		t.Errorf("external id %v", p.ExternalID)
	}
	if p.Patient.ID != sandbox.PatientWithManyPlans || p.CheckoutURL == nil || p.LabCheckoutStatus == nil || p.TreatmentPlanText == nil {
		t.Errorf("got %+v", p)
	}
	whole(t, p)
	refused(c.TreatmentPlans.Get(t.Context(), sandbox.OtherClinicPlan))(t, fsclient.KindNotFound)
}

func TestTreatmentPlansListByPatient(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	page, err := c.TreatmentPlans.ListByPatient(t.Context(), sandbox.PatientWithManyPlans, &fsclient.TreatmentPlanListOptions{
		OrderBy:     fsclient.TreatmentPlanSort{Field: "created_at", Direction: "DESC"},
		PageOptions: fsclient.PageOptions{Number: 2, Size: 25},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != 25 || *page.Meta.TotalCount != 60 || *page.Meta.CurrentPage != 2 {
		t.Fatalf("%d plans, %+v", len(page.Items), page.Meta)
	}
	for i := range page.Items {
		p := &page.Items[i]
		holds(t, p, "ID", "State", "Patient", "Practitioner", "AvailableAt", "CreatedAt", "UpdatedAt")
		if i > 0 && p.CreatedAt.Time().After(page.Items[i-1].CreatedAt.Time()) {
			t.Error("plans are not sorted downwards")
		}
	}
}

func TestTreatmentPlansWrites(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	draft, err := c.TreatmentPlans.Create(t.Context(), &fsclient.CreateTreatmentPlanInput{
		PatientID: sandbox.PatientWithNoPlans, State: "draft", PersonalMessage: fsclient.Set(new("hello")),
		Recommendations: fsclient.Set([]fsclient.RecommendationInput{{
			VariantID: sandbox.VariantID, UnitsToPurchase: 2, Refill: fsclient.Set(new(fsclient.Flag(true))),
			Dosage: fsclient.Set(&fsclient.DosageInput{Amount: fsclient.Set(new("1")), TimeOfDay: fsclient.Set([]fsclient.TimeOfDay{"morning"})}),
		}}),
		Labs: fsclient.Set([]fsclient.LabInput{{LabTestID: sandbox.LabTestID, Quantity: fsclient.Set(new(fsclient.Count(1)))}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := draft.Recommendations[0]
	if draft.State != "draft" || draft.AvailableAt != nil || *r.UnitsToPurchase != 2 || !*r.Refill || r.Dosage.TimeOfDay[0] != "morning" || len(draft.LabRecommendations) != 1 {
		t.Errorf("created %+v", draft)
	}
	changed, err := c.TreatmentPlans.Update(t.Context(), &fsclient.UpdateTreatmentPlanInput{
		ID: draft.ID, PersonalMessage: fsclient.Set[*string](nil), ExternalID: fsclient.Set(fsclient.ExternalIDInput{ID: new(fsclient.ExternalID("mine"))}),
		Recommendations: []fsclient.RecommendationInput{{VariantID: sandbox.VariantID, UnitsToPurchase: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if changed.PersonalMessage != nil || value(changed.ExternalID) != "mine" || *changed.Recommendations[0].UnitsToPurchase != 3 {
		t.Errorf("changed %+v", changed)
	}
	active, err := c.TreatmentPlans.Activate(t.Context(), &fsclient.ActivateTreatmentPlanInput{ID: draft.ID})
	if err != nil || active.State != "active" || active.AvailableAt == nil {
		t.Fatalf("activated %+v, %v", active, err)
	}
	again := refused(c.TreatmentPlans.Activate(t.Context(), &fsclient.ActivateTreatmentPlanInput{ID: draft.ID}))(t, fsclient.KindInvalid)
	if len(again.Problems) == 0 {
		t.Error("the partner's words on activating twice are lost")
	}
	checkout, err := c.TreatmentPlans.CreateInOfficeCheckout(t.Context(), &fsclient.CreateInOfficeCheckoutInput{TreatmentPlanID: draft.ID})
	if err != nil || value(checkout.URL) == "" {
		t.Errorf("checkout %+v, %v", checkout, err)
	}
	cancelled, err := c.TreatmentPlans.Cancel(t.Context(), &fsclient.CancelTreatmentPlanInput{ID: draft.ID})
	if err != nil || cancelled.State != "cancelled" {
		t.Errorf("cancelled %+v, %v", cancelled, err)
	}
}

func TestTreatmentPlansCreateOnce(t *testing.T) {
	t.Parallel()
	c, _ := setup(t)
	in := &fsclient.CreateTreatmentPlanInput{
		PatientID: sandbox.PatientWithNoPlans, State: "draft", IdempotencyKey: new("once"),
		Recommendations: fsclient.Set([]fsclient.RecommendationInput{{VariantID: sandbox.VariantID, UnitsToPurchase: 1}}),
	}
	first, err := c.TreatmentPlans.Create(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.TreatmentPlans.Create(t.Context(), in)
	if err != nil || second.ID != first.ID {
		t.Errorf("the same key made another plan: %v", err)
	}
}

func TestTreatmentPlansRequests(t *testing.T) {
	t.Parallel()
	const answer = `{"treatment_plan":{"id":"t","state":"draft"}}`
	t.Run("CreateSendsTextsAndState", func(t *testing.T) {
		t.Parallel()
		c, sent := scripted(t, answer)
		_, err := c.TreatmentPlans.Create(t.Context(), &fsclient.CreateTreatmentPlanInput{
			PatientID: "a:b", State: "active", PractitionerID: fsclient.Set(new(fsclient.PractitionerID("p"))),
			Recommendations: fsclient.Set([]fsclient.RecommendationInput{{
				VariantID: "v", UnitsToPurchase: 2, Refill: fsclient.Set(new(fsclient.Flag(false))), TakeWith: fsclient.Set(new("food")),
				Dosage: fsclient.Set(&fsclient.DosageInput{Frequency: fsclient.Set(new(fsclient.DosageFrequency("every night"))), Format: fsclient.Set(new(fsclient.DosageFormat("drops")))}),
			}}),
			Labs:          fsclient.Set([]fsclient.LabInput{{LabTestID: "l", Quantity: fsclient.Set(new(fsclient.Count(1))), SampleCollection: fsclient.Set(new("patient_chooses"))}}),
			SendToPatient: fsclient.Set(new(false)), SkipEmailNotification: fsclient.Set(new(true)), PartnerOrderID: fsclient.Set(new("o")), ExternalID: fsclient.Set(fsclient.ExternalIDInput{ID: new(fsclient.ExternalID("m"))}),
		})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "request", sent.request, "POST /clinic/patients/a:b/treatment_plans")
		same(t, "body", sent.body, `{"practitioner_id":"p","state":"active",`+
			`"recommendations":[{"variant_id":"v","units_to_purchase":"2","refill":"false","take_with":"food","dosage":{"frequency":"every night","format":"drops"}}],`+
			`"labs":[{"lab_test_id":"l","quantity":"1","sample_collection":"patient_chooses"}],`+
			`"metadata":{"id":"m"},"send_to_patient":false,"skip_email_notification":true,"partner_order_id":"o"}`)
	})
	t.Run("UpdateTellsAbsentFromNull", func(t *testing.T) {
		t.Parallel()
		c, sent := scripted(t, answer)
		in := &fsclient.UpdateTreatmentPlanInput{ID: "t", Recommendations: []fsclient.RecommendationInput{}}
		if _, err := c.TreatmentPlans.Update(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		same(t, "body", sent.body, `{"recommendations":[]}`)
		in.PersonalMessage = fsclient.Set[*string](nil)
		if _, err := c.TreatmentPlans.Update(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		same(t, "body", sent.body, `{"personal_message":null,"recommendations":[]}`)
	})
	t.Run("ActivateSendsNothing", func(t *testing.T) {
		t.Parallel()
		c, sent := scripted(t, answer)
		if _, err := c.TreatmentPlans.Activate(t.Context(), &fsclient.ActivateTreatmentPlanInput{ID: "t"}); err != nil {
			t.Fatal(err)
		}
		same(t, "request", *sent, script{request: "PATCH /clinic/treatment_plans/t/activate"})
	})
	t.Run("CheckoutWithoutAddress", func(t *testing.T) {
		t.Parallel()
		for _, answer := range []string{`{"in_office_checkout":{}}`, `{"in_office_checkout":{"url":null}}`} {
			c, _ := scripted(t, answer)
			checkout := must(c.TreatmentPlans.CreateInOfficeCheckout(t.Context(), &fsclient.CreateInOfficeCheckoutInput{TreatmentPlanID: "t"}))(t)
			if checkout.URL != nil || checkout.Unreadable() != 0 {
				t.Errorf("%s: %+v", answer, checkout)
			}
		}
	})
}

func TestTreatmentPlansOddAnswers(t *testing.T) {
	t.Parallel()
	get := func(t *testing.T, plan string) *fsclient.TreatmentPlan {
		t.Helper()
		c, _ := scripted(t, `{"treatment_plan":`+plan+`}`)
		p, err := c.TreatmentPlans.Get(t.Context(), "t")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Run("ActiveForState", func(t *testing.T) {
		t.Parallel()
		if p := get(t, `{"id":"t","active":"true"}`); p.State != "active" {
			t.Errorf("state %q", p.State)
		}
	})
	t.Run("ActiveBesideState", func(t *testing.T) {
		t.Parallel()
		for _, plan := range []string{`{"id":"t","active":"false","state":"cancelled"}`, `{"id":"t","state":"cancelled","active":false}`} {
			if p := get(t, plan); p.State != "cancelled" {
				t.Errorf("state %q of %s", p.State, plan)
			}
		}
	})
	t.Run("NotActiveIsNoState", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"order":{"id":"o","state":"purchased","treatment_plan":{"id":"t","active":"false"}}}`)
		l, err := c.LabOrders.Get(t.Context(), "o")
		if err != nil {
			t.Fatal(err)
		}
		holds(t, l.TreatmentPlan, "ID")
	})
	t.Run("UnknownState", func(t *testing.T) {
		t.Parallel()
		p := get(t, `{"id":"t","state":"paused"}`)
		if graphql(p.State) != `"UNKNOWN"` || value(p.StateRaw()) != "paused" {
			t.Errorf("state %s, raw %q", graphql(p.State), *p.StateRaw())
		}
	})
	t.Run("WithoutState", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"treatment_plans":[{"id":"t"},{"id":"u","state":"draft"}]}`)
		page, err := c.TreatmentPlans.ListByPatient(t.Context(), "p", nil)
		if err != nil || page.Items[0].Broken() || graphql(page.Items[0].State) != `"UNKNOWN"` || page.Items[0].StateRaw() != nil {
			t.Errorf("%+v, %v", page, err)
		}
	})
	t.Run("LooseTypes", func(t *testing.T) {
		t.Parallel()
		p := get(t, `{"id":"t","state":"draft","patient_id":"p","practitioner_id":["q"],"available_at":"2026-03-04T10:00:00Z","unheard_of":{"a":[1]},
			"recommendations":{"variant_id":"v","units_to_purchase":"2","refill":"true","dosage":null},"patient_lab_fields_needed":"gender",
			"lab_recommendations":[{"name":"no id"},"none",{"id":"l","name":"L","requires_fasting":1,"tests":[{"id":7,"name":"T"}]}]}`)
		r := p.Recommendations[0]
		if p.Patient.ID != "p" || p.Practitioner.ID != "q" || *p.AvailableAt != "2026-03-04" || *r.UnitsToPurchase != 2 || !*r.Refill || r.Dosage != nil || p.PatientLabFieldsNeeded[0] != "gender" {
			t.Errorf("got %+v", p)
		}
		if l := p.LabRecommendations; len(l) != 2 || l[0].ID != nil || *l[0].Name != "no id" || !*l[1].RequiresFasting || value(l[1].Tests[0].ID) != "7" {
			t.Errorf("labs %+v", l)
		}
		if !fsclient.IsUnreadable(p, "LabRecommendations") {
			t.Error("the lab that is none goes unnoticed")
		}
	})
	t.Run("StateAsInput", func(t *testing.T) {
		t.Parallel()
		var s fsclient.TreatmentPlanInputState
		if err := s.UnmarshalGQL("CANCELLED"); err == nil {
			t.Error("a cancelled plan can be written")
		}
		if err := s.UnmarshalGQL("ACTIVE"); err != nil || s != "active" {
			t.Errorf("%q, %v", s, err)
		}
	})
}
