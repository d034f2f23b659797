package sandbox

import (
	"fmt"
	"slices"
	"time"
)

func (d *records) makeLabs() {
	var w careWords
	vocabulary("care", &w)
	components := 0
	// Each lab comes in two ways of collecting it, which makes a catalogue of more than one page.
	for _, way := range []string{"", " (at-home kit)"} {
		for _, l := range w.Labs {
			n := len(d.labs.seed.list)
			made := &lab{
				ID: id(kindLab, n), Name: l.Name + way, RequiresFasting: l.Fasting, active: n%13 != 12,
				// Orders name a variant for a lab, too. The product catalogue does not have it: looking it up is a 404.
				variantID: id(kindVariant, 900_000+n),
			}
			if l.Fasting {
				made.Instructions = new(w.FastingInstructions)
			}
			for _, name := range l.Tests {
				made.components = append(made.components, namedItem{id(kindLabComponent, components), name})
				components++
			}
			d.labs.seed.add(made)
		}
	}
}

func (d *records) activeLabs() []*lab {
	return slices.DeleteFunc(slices.Clone(d.labs.seed.list), func(l *lab) bool { return !l.active })
}

// clinicZone is the fixed offset that order times carry.
var clinicZone = time.FixedZone("", -5*60*60)

// makeOrders lets patients buy what plans recommend, and now and then something else.
func (d *records) makeOrders() {
	s := newSequence("orders")
	for len(d.orders.seed.list) < ordersInAll {
		n := len(d.orders.seed.list)
		p := d.plans.seed.list[s.intn(len(d.plans.seed.list))]
		switch {
		case n == 0:
			p = d.plans.seed.byID[PlanWithLabs]
		case n < 6:
			p = d.plans.seed.byGroup[PatientWithManyPlans][n+3]
		case n == 6:
			p = d.plans.seed.list[plansOfFirst]
		}
		if p.State == stateDraft || len(p.Recommendations) == 0 {
			if n > 6 {
				continue
			}
			p = d.plans.seed.byID[PlanWithLabs]
		}
		d.orders.seed.add(d.order(s, n, p))
	}
}

func (d *records) order(s *sequence, n int, p *plan) *order {
	o := &order{
		ID: id(kindOrder, n), OrderNumber: fmt.Sprintf("R%09d", 400_000_000+n*7919+s.intn(7919)), PatientID: p.PatientID, clinicID: p.clinicID,
		TreatmentPlanIDs: []string{p.ID},
		CompletedAt:      maybe(s, 3, s.moment(420).In(clinicZone).Format(orderTime)),
	}
	if n == 0 {
		o.CompletedAt = new("2026-03-02T09:30:00.000-05:00")
	}
	if n > 6 && s.chance(12) {
		o.TreatmentPlanIDs = []string{} // bought on the patient's own account
	}
	full := 0
	for _, r := range p.Recommendations {
		if n > 6 && s.chance(25) && len(o.LineItems) > 0 {
			continue
		}
		full += o.add(d.variants.seed.byID[r.VariantID], r.UnitsToPurchase)
	}
	for _, l := range p.labs {
		full += o.addLab(l)
	}
	who := d.patients.seed.byID[p.PatientID]
	o.total(full, int(d.clinics.seed.byID[who.clinicID].Discount+who.Discount))
	return o
}

// makeLabOrders goes through all states in turn.
func (d *records) makeLabOrders() {
	var w careWords
	vocabulary("care", &w)
	s := newSequence("lab orders")
	var withLabs []*plan
	for _, p := range d.plans.seed.list {
		if len(p.labs) > 0 && p.State == stateActive {
			withLabs = append(withLabs, p)
		}
	}
	for n := range labOrdersInAll {
		p := pick(s, withLabs)
		state := labOrderStates[n%len(labOrderStates)]
		switch n {
		case 0:
			p, state = d.plans.seed.byID[PlanWithLabs], "results_ready"
		case 1:
			for _, other := range withLabs {
				if other.clinicID == OtherClinicID {
					p = other
				}
			}
		}
		l := p.labs[n%len(p.labs)]
		o := &labOrder{
			ID: id(kindLabOrder, n), State: state, TreatmentPlanID: maybe(s, 10, p.ID), PatientID: p.PatientID, PractitionerID: p.PractitionerID,
			Name: maybe(s, 5, l.Name), CollectionMethod: maybe(s, 10, pick(s, w.CollectionMethods)), clinicID: p.clinicID,
		}
		if n == 0 {
			o.TreatmentPlanID, o.Name = &p.ID, &l.Name
		}
		for _, c := range l.components {
			t := &orderedTest{id(kindOrderedTest, len(d.orderedTests.seed.list)), c.Name, l.RequiresFasting, l.Instructions, p.clinicID}
			o.tests = append(o.tests, t)
			d.orderedTests.seed.add(t)
		}
		addResults(n, o, l)
		d.labOrders.seed.add(o)
	}
}

// addResults: a result may cover several tests, so there is one less than tests where there are several.
func addResults(n int, o *labOrder, l *lab) {
	at := slices.Index(labOrderStates, o.State)
	if at < slices.Index(labOrderStates, "processing") {
		return
	}
	partial := o.State == "partial_results" || o.State == "results_received"
	for i := range max(1, len(l.components)-1) {
		r := labResult{id: id(kindLabResult, 10*n+i), name: new(l.components[i].Name), state: "pending"}
		if o.State != "processing" && !(partial && i > 0) {
			r.ready, r.state = true, "final"
		}
		if o.State == "results_amended" && i == 0 {
			r.state = "amended"
		}
		o.results = append(o.results, r)
	}
	if o.State != "processing" {
		status := "final"
		if partial {
			status = "partial"
		}
		o.report = &labReport{id(kindLabReport, n), id(kindArtifact, n), status}
	}
}
