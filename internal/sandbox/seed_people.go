package sandbox

import (
	"fmt"
	"strings"
	"time"
)

type peopleWords struct {
	Female, Male, Last, Streets, Units, Mail []string
	Places                                   []struct{ City, State, Zip, Country string }
	Clinics                                  []struct {
		Name, Slug, Margin string
		Discount           float64
	}
	PractitionerTypes []struct{ Code, Description string } `json:"practitioner_types"`
}

func (w *peopleWords) name(s *sequence) (first, last, gender string) {
	if s.chance(52) {
		return pick(s, w.Female), pick(s, w.Last), "female"
	}
	return pick(s, w.Male), pick(s, w.Last), "male"
}

// mail gives each person another address at a domain kept for examples.
func (w *peopleWords) mail(s *sequence, first, last, distinct string) string {
	plain := strings.NewReplacer("ö", "o", "'", "", "-", "", " ", "")
	return plain.Replace(strings.ToLower(first)) + "." + plain.Replace(strings.ToLower(last)) + distinct + "@" + pick(s, w.Mail)
}

func (d *records) makeClinics() {
	var w peopleWords
	vocabulary("people", &w)
	s := newSequence("clinics")
	for i, t := range w.PractitionerTypes {
		d.practitionerTypes.seed.add(&practitionerType{id(kindPractitionerType, i), t.Code, t.Description})
	}
	for i, c := range w.Clinics {
		d.clinics.seed.add(&clinic{
			ID: id(kindClinic, i), Name: c.Name, Discount: c.Discount, DispensaryURL: "https://fullscript.example/welcome/" + c.Slug,
			IntegrationID: new(id(kindIntegration, i)), IntegrationActivatedAt: new(fmt.Sprintf("2025-0%d-11T15:04:05.000Z", i+1)),
			MarginType: new(c.Margin), hiddenBrands: map[string]bool{},
		})
	}
	clinicOf := func(i, inFirst int) string {
		if i < inFirst {
			return ClinicID
		}
		return OtherClinicID
	}
	for i := range 12 {
		first, last, _ := w.name(s)
		p := &practitioner{
			ID: id(kindPractitioner, i), FirstName: first, LastName: last, Email: w.mail(s, first, last, fmt.Sprintf(".p%d", i+1)),
			PractitionerTypeID: new(d.practitionerTypes.seed.list[i%len(d.practitionerTypes.seed.list)].ID), InviteAccepted: i%6 != 5,
			Metadata: externalID{maybe(s, 50, fmt.Sprintf("provider-%03d", i+1))}, clinicID: clinicOf(i, 8), number: i,
		}
		if i == 6 {
			p.PractitionerTypeID = nil
		}
		d.practitioners.seed.add(p)
	}
	for i := range 6 {
		first, last, _ := w.name(s)
		d.staff.seed.add(&staffMember{
			ID: id(kindStaff, i), FirstName: first, LastName: last, Email: w.mail(s, first, last, fmt.Sprintf(".s%d", i+1)),
			Metadata: externalID{maybe(s, 50, fmt.Sprintf("staff-%03d", i+1))}, clinicID: clinicOf(i, 4),
		})
	}
}

func (d *records) practitionersOf(clinicID string) []*practitioner {
	return d.practitioners.seed.byGroup[clinicID]
}

func (d *records) makePatients() {
	var w peopleWords
	vocabulary("people", &w)
	s := newSequence("patients")
	for i := range patientsInFirst + patientsInSecond {
		p := w.patient(s, i)
		// A guardian comes before the dependents, within the same clinic.
		if guardian := d.guardianOf(s, i); guardian != nil {
			p.GuardianID = &guardian.ID
			p.LastName = guardian.LastName
			p.Email = maybe(s, 80, *p.Email)
			p.MobileNumber = nil
			p.DateOfBirth = new(s.moment(365 * 16).Format(time.DateOnly))
		}
		adjustPatient(i, p)
		d.patients.seed.add(p)
		if p.GuardianID == nil && i != 1 {
			for n := range s.intn(4) {
				d.addresses.seed.add(w.address(s, 4*i+n, p.ID))
			}
		}
	}
}

func (w *peopleWords) patient(s *sequence, i int) *patient {
	first, last, gender := w.name(s)
	if s.chance(4) {
		gender = "x"
	}
	p := &patient{
		ID: id(kindPatient, i), FirstName: first, LastName: last, Archived: s.chance(4),
		Email:        new(w.mail(s, first, last, fmt.Sprintf("%d", i+1))),
		DateOfBirth:  maybe(s, 8, s.moment(365*80).Format(time.DateOnly)),
		Gender:       maybe(s, 7, gender),
		MobileNumber: maybe(s, 30, fmt.Sprintf("+1555%07d", s.intn(10_000_000))),
		Metadata:     externalID{maybe(s, 55, fmt.Sprintf("emr-%06d", 100000+i))},
		clinicID:     ClinicID,
	}
	if s.chance(35) {
		p.Discount = pick(s, []float64{5, 10, 12.5, 15, 20})
	}
	p.TextMessageNotification = maybe(s, 6, s.chance(50))
	if i >= patientsInFirst {
		p.clinicID = OtherClinicID
	}
	return p
}

// guardianOf makes about one in fifteen a dependent of an earlier patient; the first hundred are left to the well-known ones.
func (d *records) guardianOf(s *sequence, i int) *patient {
	if i == 3 || i == 4 {
		return d.patients.seed.list[2]
	}
	start := 100
	if i >= patientsInFirst {
		start = patientsInFirst + 10
	}
	if i < start || !s.chance(7) {
		return nil
	}
	guardian := d.patients.seed.list[start-10+s.intn(i-start+10)]
	if guardian.GuardianID != nil {
		return nil
	}
	return guardian
}

// adjustPatient makes the well-known patients what their names say.
func adjustPatient(i int, p *patient) {
	p.Archived = p.Archived && i > 10
	switch i {
	case 0:
		p.Metadata.ID = new(SharedExternalID)
	case 3:
		p.Email = nil
	case 5:
		p.Archived = true
	case 6:
		p.DateOfBirth, p.Gender, p.MobileNumber, p.TextMessageNotification, p.Metadata.ID = nil, nil, nil, nil, nil
	}
}

func (w *peopleWords) address(s *sequence, n int, patientID string) *address {
	at := pick(s, w.Places)
	return &address{
		ID: id(kindAddress, n), Address1: fmt.Sprintf("%d %s", s.between(1, 2400), pick(s, w.Streets)), Address2: maybe(s, 70, pick(s, w.Units)),
		Zipcode: at.Zip, City: at.City, State: at.State, Country: at.Country, patientID: patientID,
	}
}
