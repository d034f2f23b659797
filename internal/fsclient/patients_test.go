package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

var patientSummary = []string{"ID", "FirstName", "LastName", "Email", "Archived"}

func TestPatientsList(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		page := must(c.Patients.List(background, &fsclient.PatientListOptions{PageOptions: fsclient.PageOptions{Number: 2, Size: 3}}))(t)
		same(t, "rows", len(page.Items), 3)
		same(t, "page", *page.Meta.CurrentPage, 2)
		for i := range page.Items {
			holds(t, &page.Items[i], patientSummary...)
			if !page.Items[i].Listed() {
				t.Error("a list item is not marked as one")
			}
		}
		all := *page.Meta.TotalCount
		guardians := must(c.Patients.List(background, &fsclient.PatientListOptions{PatientType: new(fsclient.PatientType("guardian"))}))(t)
		dependents := must(c.Patients.List(background, &fsclient.PatientListOptions{PatientType: new(fsclient.PatientType("dependent"))}))(t)
		same(t, "guardians and dependents", *guardians.Meta.TotalCount+*dependents.Meta.TotalCount, all)
	})
}

func TestPatientsSearch(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		known := must(c.Patients.Get(background, sandbox.PatientWithManyPlans))(t)
		page := must(c.Patients.Search(background, &fsclient.PatientSearchOptions{Query: known.Email}))(t)
		found := false
		for i := range page.Items {
			holds(t, &page.Items[i], patientSummary...)
			found = found || page.Items[i].ID == known.ID
		}
		if !found {
			t.Error("the email does not find its patient")
		}
	})
	t.Run("Parameters", func(t *testing.T) {
		t.Parallel()
		c, last := scripted(t, `{"patients":[]}`)
		must(c.Patients.Search(background, &fsclient.PatientSearchOptions{
			Query: new("a&b"), PatientType: new(fsclient.PatientType("all")), FirstName: new("A"), LastName: new("S"), Email: new("a+b@example.org"),
			PageOptions: fsclient.PageOptions{Number: 1, Size: 100},
		}))(t)
		same(t, "request", last.request, "GET /clinic/search/patients?email=a%2Bb%40example.org&first_name=A&last_name=S"+
			"&page%5Bnumber%5D=1&page%5Bsize%5D=100&patient_type=all&query=a%26b")
	})
}

func TestPatientsGet(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		p := must(c.Patients.Get(background, sandbox.PatientWithManyPlans))(t)
		whole(t, p)
		same(t, "id", p.FullscriptID(), sandbox.PatientWithManyPlans)
		same(t, "external id", p.ExternalID, new(fsclient.ExternalID(sandbox.SharedExternalID)))
		if p.TotalDiscount == nil || p.Archived == nil {
			t.Errorf("the patient lacks something: %+v", p)
		}
		nulls := must(c.Patients.Get(background, sandbox.PatientWithNulls))(t)
		if nulls.DateOfBirth != nil || nulls.Gender != nil || nulls.GenderRaw() != nil || nulls.MobileNumber != nil || nulls.Guardian != nil {
			t.Errorf("null became something: %+v", nulls)
		}
		dependent := must(c.Patients.Get(background, sandbox.DependentPatient))(t)
		same(t, "dependent", dependent.IsDependent, new(true))
		same(t, "guardian", dependent.Guardian.ID, fsclient.PatientID(sandbox.PatientWithDependents))
		holds(t, dependent.Guardian, "ID")
	})
}

func TestPatientsGetOddAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		check  func(*testing.T, *fsclient.Patient)
	}{
		"EmptyTexts": {`{"patient":{"id":"b1","email":"","mobile_number":"","text_message_notification":0}}`, func(t *testing.T, p *fsclient.Patient) {
			same(t, "email", p.Email, (*string)(nil))
			same(t, "mobile number", p.MobileNumber, (*string)(nil))
			same(t, "notification", p.TextMessageNotification, new(false))
		}},
		"NewGender": {`{"patient":{"id":"b1","gender":"prefer not to say"}}`, func(t *testing.T, p *fsclient.Patient) {
			same(t, "gender", p.GenderRaw(), new("prefer not to say"))
		}},
		"TimeForDay": {`{"patient":{"id":"b1","date_of_birth":"1980-02-29T00:00:00Z"}}`, func(t *testing.T, p *fsclient.Patient) {
			same(t, "day of birth", p.DateOfBirth, new(fsclient.Date("1980-02-29")))
		}},
		"NoDay": {`{"patient":{"id":"b1","date_of_birth":"unknown","discount":"many"}}`, func(t *testing.T, p *fsclient.Patient) {
			same(t, "day of birth", p.DateOfBirth, (*fsclient.Date)(nil))
			same(t, "discount", p.Discount, (*fsclient.Decimal)(nil))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := scripted(t, test.answer)
			test.check(t, must(c.Patients.Get(background, "b1"))(t))
		})
	}
}

func TestPatientsListDependents(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		page := must(c.Patients.ListDependents(background, sandbox.PatientWithDependents, nil))(t)
		ids := map[fsclient.PatientID]bool{}
		for i := range page.Items {
			holds(t, &page.Items[i], patientSummary...)
			ids[page.Items[i].ID] = true
		}
		same(t, "dependents", ids, map[fsclient.PatientID]bool{sandbox.DependentPatient: true, sandbox.SecondDependentPatient: true})
	})
	t.Run("OtherEnvelope", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"dependents":[{"id":"b1"},{"first_name":"nobody"}]}`)
		page := must(c.Patients.ListDependents(background, "b0", &fsclient.DependentListOptions{}))(t)
		same(t, "rows", len(page.Items), 2)
		same(t, "total", page.Meta.TotalCount, (*int)(nil))
		same(t, "row without id", page.Items[1].Broken(), true)
	})
}

func TestPatientsCreateAndUpdate(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		made := must(c.Patients.Create(background, &fsclient.CreatePatientInput{
			Email: "cy@example.org", FirstName: "Cy", LastName: "Sample", DateOfBirth: fsclient.Set(new(fsclient.Date("1990-05-06"))),
			Gender: fsclient.Set(new(fsclient.Gender("x"))), Discount: fsclient.Set(new(fsclient.Decimal("12.5"))), SendWelcomeEmail: fsclient.Set(new(fsclient.Flag(false))),
		}))(t)
		whole(t, made)
		same(t, "discount", made.Discount, new(fsclient.Decimal("12.5")))
		same(t, "gender", made.GenderRaw(), new("x"))

		changed := must(c.Patients.Update(background, &fsclient.UpdatePatientInput{
			ID: made.ID, DateOfBirth: fsclient.Set[*fsclient.Date](nil), MobileNumber: fsclient.Set(new("+15550100")),
		}))(t)
		same(t, "day of birth", changed.DateOfBirth, (*fsclient.Date)(nil))
		same(t, "mobile number", changed.MobileNumber, new("+15550100"))
		same(t, "gender", changed.GenderRaw(), new("x"))

		e := refused(c.Patients.Create(background, &fsclient.CreatePatientInput{Email: "cy@example.org", FirstName: "Cy", LastName: "Again"}))(t, fsclient.KindInvalid)
		same(t, "outcome unknown", e.Unknown, false)
		if len(e.Problems) == 0 || e.Problems[0].Message == "" {
			t.Error("the partner's complaints are lost")
		}
	})
}

func TestPatientsBodies(t *testing.T) {
	t.Parallel()
	t.Run("CreateSendsText", func(t *testing.T) {
		t.Parallel()
		c, last := scripted(t, `{"patient":{"id":"b1"}}`)
		must(c.Patients.Create(background, &fsclient.CreatePatientInput{
			Email: "a@example.org", FirstName: "A", LastName: "S", SendWelcomeEmail: fsclient.Set(new(fsclient.Flag(true))), Discount: fsclient.Set(new(fsclient.Decimal("5"))),
		}))(t)
		same(t, "request", last.request, "POST /clinic/patients")
		same(t, "body", last.body, `{"email":"a@example.org","first_name":"A","last_name":"S","send_welcome_email":"true","discount":"5"}`)
	})
	t.Run("UpdateTellsAbsentFromNull", func(t *testing.T) {
		t.Parallel()
		c, last := scripted(t, `{"patient":{"id":"b1"}}`)
		must(c.Patients.Update(background, &fsclient.UpdatePatientInput{
			ID: "b1", Gender: fsclient.Set[*fsclient.Gender](nil), ExternalID: fsclient.Set(fsclient.ExternalIDInput{ID: new(fsclient.ExternalID("emr-3"))}),
		}))(t)
		same(t, "request", last.request, "PATCH /clinic/patients/b1")
		same(t, "body", last.body, `{"gender":null,"metadata":{"id":"emr-3"}}`)
	})
}

func TestAddressesListByPatient(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		page := must(c.Addresses.ListByPatient(background, sandbox.PatientWithManyPlans, nil))(t)
		if len(page.Items) == 0 {
			t.Fatal("the patient has no address")
		}
		a := &page.Items[0]
		holds(t, a, "ID", "Address1", "Address2", "Zipcode", "City", "State", "Country")
		if a.FullscriptID() == nil || value(a.City) == "" {
			t.Errorf("the address lacks something: %+v", a)
		}
		none := must(c.Addresses.ListByPatient(background, sandbox.PatientWithNoPlans, &fsclient.AddressListOptions{}))(t)
		same(t, "total", *none.Meta.TotalCount, 0)
	})
	t.Run("NumbersForTexts", func(t *testing.T) { // as the 2021 document declares them
		t.Parallel()
		c, _ := scripted(t, `{"addresses":[{"id":"ad","state":12,"country":34}],"meta":{"total_count":1}}`)
		page := must(c.Addresses.ListByPatient(background, "b1", nil))(t)
		same(t, "country", page.Items[0].Country, new("34"))
	})
}
