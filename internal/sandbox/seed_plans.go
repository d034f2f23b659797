package sandbox

import (
	"fmt"
	"time"
)

type careWords struct {
	Messages       []string
	AdditionalInfo []string          `json:"additional_info"`
	InfoByForm     map[string]string `json:"info_by_form"`
	TakeWith       []string          `json:"take_with"`
	Amounts        []string
	Durations      []string
	Protocols      []string
	Resources      [][3]*string
	Labs           []struct {
		Name    string
		Fasting bool
		Tests   []string
	}
	FastingInstructions string   `json:"fasting_instructions"`
	CollectionMethods   []string `json:"collection_methods"`
}

func (d *records) makeResources() {
	var w careWords
	vocabulary("care", &w)
	for i, c := range d.clinics.seed.list {
		for n, r := range w.Resources {
			d.resources.seed.add(&resource{ID: id(kindResource, 100*i+n), Name: *r[0], Category: r[1], Type: r[2], clinicID: c.ID})
		}
	}
}

func (d *records) makePlans() {
	var w careWords
	vocabulary("care", &w)
	s := newSequence("plans")
	for len(d.plans.seed.list) < plansInAll {
		n := len(d.plans.seed.list)
		who := d.patients.seed.list[s.intn(len(d.patients.seed.list))]
		switch {
		case n < plansOfFirst:
			who = d.patients.seed.list[0]
		case n < plansOfFirst+3:
			who = d.patients.seed.list[patientsInFirst]
		case who.ID == PatientWithManyPlans || who.ID == PatientWithNoPlans:
			continue
		}
		d.plans.seed.add(d.plan(s, &w, n, who))
	}
}

// plansOfFirst is how many plans the well-known patient has, from all practitioners of the clinic in turn.
const plansOfFirst = 60

func (d *records) plan(s *sequence, w *careWords, n int, who *patient) *plan {
	practitioners := d.practitionersOf(who.clinicID)
	made := s.moment(430)
	changed := made.Add(time.Duration(s.intn(20*24*60)) * time.Minute)
	if changed.After(seedEnd) {
		changed = made
	}
	p := &plan{
		ID: id(kindPlan, n), PatientID: who.ID, PractitionerID: pick(s, practitioners).ID, CreatedAt: timestamp(made), UpdatedAt: timestamp(changed),
		PersonalMessage: maybe(s, 40, pick(s, w.Messages)), Metadata: externalID{maybe(s, 85, fmt.Sprintf("visit-%06d", n))},
		Source: maybe(s, 30, pick(s, []string{"api", "web"})), clinicID: who.clinicID, State: stateActive,
		Recommendations: d.recommendations(s, w, s.between(1, 5)),
	}
	switch lot := s.intn(100); {
	case lot < 18:
		p.State = stateDraft
	case lot < 30:
		p.State = stateCancelled
	}
	if s.chance(4) {
		p.Recommendations = []recommendation{}
	}
	if s.chance(9) {
		p.labs = pickSome(s, d.activeLabs(), s.between(1, 3))
	}
	if s.chance(18) {
		p.resources = pickSome(s, d.resources.seed.byGroup[who.clinicID], s.between(1, 3))
	}
	if s.chance(3) {
		p.PaidBy = "practitioner"
	}
	if n < plansOfFirst {
		p.PractitionerID = practitioners[n%len(practitioners)].ID
	}
	d.adjustPlan(s, w, n, p)
	if p.State != stateDraft {
		p.AvailableAt = new(made.Format(time.DateOnly))
	}
	return p
}

// adjustPlan makes the well-known plans what their names say.
func (d *records) adjustPlan(s *sequence, w *careWords, n int, p *plan) {
	switch n {
	case 0:
		p.State, p.Metadata.ID = stateActive, new(SharedExternalID)
		p.labs, p.resources = d.activeLabs()[:2], d.resources.seed.byGroup[p.clinicID][:2]
		p.Recommendations = d.recommendations(s, w, 5)
	case 1:
		p.State, p.Recommendations = stateDraft, d.recommendations(s, w, 2)
	case 2:
		p.State = stateCancelled
	case 3:
		p.State, p.Recommendations, p.labs, p.resources, p.PersonalMessage = stateActive, []recommendation{}, nil, nil, nil
	case 4, plansOfFirst:
		p.State, p.labs, p.Recommendations = stateActive, nil, d.recommendations(s, w, 3)
	}
}

// recommendations name different variants.
func (d *records) recommendations(s *sequence, w *careWords, count int) []recommendation {
	out := make([]recommendation, 0, count)
	for _, v := range pickSome(s, d.variants.seed.list, count) {
		times := pickSome(s, timesOfDay, s.intn(3))
		info := pick(s, w.AdditionalInfo)
		if form := v.product.Dosage.Format; form != nil && w.InfoByForm[*form] != "" && s.chance(40) {
			info = w.InfoByForm[*form]
		}
		r := recommendation{
			VariantID: v.ID, UnitsToPurchase: s.between(1, 3), Refill: s.chance(60), TakeWith: maybe(s, 50, pick(s, w.TakeWith)),
			Dosage: dosage{
				Amount: maybe(s, 4, pick(s, w.Amounts)), Frequency: maybe(s, 4, pick(s, frequencies)), Duration: maybe(s, 15, pick(s, w.Durations)),
				Format: v.product.Dosage.Format, AdditionalInfo: maybe(s, 55, info), TimeOfDay: times,
			},
		}
		out = append(out, r)
	}
	return out
}

// makeProtocols also makes the templates, their forerunners.
func (d *records) makeProtocols() {
	var w careWords
	vocabulary("care", &w)
	s := newSequence("protocols")
	states := []string{stateActive, stateActive, stateActive, stateDraft, stateCancelled}
	for _, who := range d.practitioners.seed.list {
		colleagues := d.practitionersOf(who.clinicID)
		for _, name := range pickSome(s, w.Protocols, s.between(5, 9)) {
			p := &protocol{
				ID: id(kindProtocol, len(d.protocols.seed.list)), Name: name, CurrentState: pick(s, states), PractitionerID: who.ID,
				PersonalMessage: maybe(s, 50, pick(s, w.Messages)), Recommendations: d.protocolRecommendations(s, &w), clinicID: who.clinicID,
			}
			for _, other := range pickSome(s, colleagues, s.intn(3)) {
				if other != who {
					p.sharedWith = append(p.sharedWith, other.ID)
				}
			}
			d.protocols.seed.add(p)
		}
		for _, name := range pickSome(s, w.Protocols, 3) {
			d.templates.seed.add(&template{
				ID: id(kindTemplate, len(d.templates.seed.list)), Name: name + " (template)", CurrentState: pick(s, states), PractitionerID: who.ID,
				PersonalMessage: maybe(s, 60, pick(s, w.Messages)), Recommendations: d.protocolRecommendations(s, &w), clinicID: who.clinicID,
			})
		}
	}
	for i, name := range w.Protocols {
		d.protocols.seed.add(&protocol{
			ID: id(kindProtocol, 1000+i), Name: "Fullscript: " + name, CurrentState: stateActive, Recommendations: d.protocolRecommendations(s, &w),
		})
	}
}

func (d *records) protocolRecommendations(s *sequence, w *careWords) []protocolRecommendation {
	out := []protocolRecommendation{}
	for _, r := range d.recommendations(s, w, s.between(2, 6)) {
		out = append(out, protocolRecommendation{
			VariantID: r.VariantID, QuantityRecommended: r.UnitsToPurchase, Refill: r.Refill, DosageAmount: r.Dosage.Amount,
			DosageFrequency: r.Dosage.Frequency, DosageDuration: r.Dosage.Duration, DosagePermutations: r.Dosage.AdditionalInfo, DosageFormat: r.Dosage.Format,
		})
	}
	return out
}
