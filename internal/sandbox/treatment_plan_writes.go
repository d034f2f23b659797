package sandbox

import (
	"slices"
	"strconv"
)

// The value lists the description gives for what a plan may say.
var (
	frequencies = []string{"once per day", "twice per day", "three times per day", "four times per day", "every morning", "every night"}
	formats     = []string{"capsule", "chewable", "gel", "liquid", "lozenge", "packet", "pellet", "drops", "powder", "strip", "suppository", "tablet"}
	timesOfDay  = []string{"upon waking", "morning", "afternoon", "evening", "bedtime"}
)

// createTreatmentPlan makes an ACTIVE plan unless a draft is asked for: that is what sends a prescription by mistake.
func createTreatmentPlan(req *request) reply {
	patient, found := req.patient(req.path("patient_id"))
	if !found {
		return notFound("Patient")
	}
	in := req.input()
	if len(in.list("labs")) > 0 && !req.caller.has(scopeLabsCreate) {
		return missingScope(scopeLabsCreate)
	}
	p := req.newPlan(patient, in, "api")
	if refused := in.refused(shapeText); refused != nil {
		return *refused
	}
	return req.once(func() reply {
		req.state().plans.put(p)
		return created(object{"treatment_plan": req.s.planFull(p)})
	})
}

// newPlan reads a plan that is yet to be stored.
func (r *request) newPlan(of *patient, in *input, source string) *plan {
	now := r.now()
	p := &plan{
		ID: r.state().newID(kindPlan), State: stateActive, PatientID: of.ID, PractitionerID: r.caller.practitionerID(),
		CreatedAt: now, UpdatedAt: now, Source: &source, clinicID: r.clinic(),
	}
	var who *string
	in.nullable("practitioner_id", &who, nil)
	if who != nil {
		p.PractitionerID = *who
		if _, known := r.practitioner(*who); !known {
			in.report(invalid("practitioner_id", "does not exist"))
		}
	} else if p.PractitionerID == "" {
		in.report(blank("practitioner_id")) // a staff token has no practitioner to fall back on
	}
	var state *string
	in.nullable("state", &state, checkOneOf(stateDraft, stateActive))
	if state != nil {
		p.State = *state
	}
	if p.State == stateActive {
		p.AvailableAt = new(r.today())
	}
	p.labs = r.readLabs(in)
	if !in.given("recommendations") && len(p.labs) == 0 {
		in.report(blank("recommendations"))
	}
	r.readPlan(in, p)
	return p
}

func updateTreatmentPlan(req *request) reply {
	old, found := req.plan(req.path("id"))
	if !found {
		return notFound("Treatment plan")
	}
	changed := *old
	in := req.input()
	// The description requires them even here: a change always sends the whole list.
	if !in.given("recommendations") {
		in.report(blank("recommendations"))
	}
	req.readPlan(in, &changed)
	if refused := old.frozen(); refused != nil {
		in.report(*refused)
	}
	if refused := in.refused(shapeText); refused != nil {
		return *refused
	}
	return ok(object{"treatment_plan": req.s.planFull(req.savePlan(&changed))})
}

// frozen is why a plan's contents can't be changed.
func (p *plan) frozen() *problem {
	if p.State == stateCancelled {
		return &problem{"", "cancelled", "Treatment plan is cancelled and can't be changed"}
	}
	return nil
}

func (r *request) savePlan(changed *plan) *plan {
	changed.UpdatedAt = r.now()
	r.state().plans.put(changed)
	return changed
}

func activateTreatmentPlan(req *request) reply { return movePlan(req, req.activatePlan) }

func cancelTreatmentPlan(req *request) reply { return movePlan(req, req.cancelPlan) }

func movePlan(req *request, move func(*plan) (*plan, *problem)) reply {
	old, found := req.plan(req.path("treatment_plan_id"))
	if !found {
		return notFound("Treatment plan")
	}
	moved, refused := move(old)
	if refused != nil {
		return unprocessable(shapeList, *refused)
	}
	return ok(object{"treatment_plan": req.s.planFull(moved)})
}

// activatePlan sends a draft to its patient.
func (r *request) activatePlan(p *plan) (*plan, *problem) {
	if p.State != stateDraft {
		return nil, &problem{"", "invalid_state", "Treatment plan is " + p.State + " and can't be activated"}
	}
	if p.PatientID == "" { // a draft behind a link may be without
		return nil, &problem{"patient", "blank", "can't be blank"}
	}
	changed := *p
	changed.State, changed.AvailableAt = stateActive, new(r.today())
	return r.savePlan(&changed), nil
}

func (r *request) cancelPlan(p *plan) (*plan, *problem) {
	if p.State != stateActive {
		return nil, &problem{"", "invalid_state", "Treatment plan is " + p.State + " and can't be cancelled"}
	}
	changed := *p
	changed.State = stateCancelled
	return r.savePlan(&changed), nil
}

// createInOfficeCheckout empties the patient's cart and fills it from the plan. No operation of the API shows a cart, /_sandbox/carts does.
func createInOfficeCheckout(req *request) reply {
	p, found := req.plan(req.path("treatment_plan_id"))
	if !found {
		return notFound("Treatment plan")
	}
	if p.State == stateCancelled {
		return unprocessable(shapeMessage, problem{"", "invalid_state", "Treatment plan is cancelled"})
	}
	if len(p.Recommendations) == 0 {
		return unprocessable(shapeMessage, problem{"", "empty", "Treatment plan has no recommendations to check out"})
	}
	req.state().carts[p.PatientID] = slices.Clone(p.Recommendations)
	at := req.s.freshLink(&visit{user: *req.caller, patients: true}, "in_office_checkout", p.ID)
	return created(object{"in_office_checkout": object{"url": at}})
}

// readPlan is what creating and changing have in common.
func (r *request) readPlan(in *input, p *plan) {
	in.nullable("personal_message", &p.PersonalMessage, nil)
	in.metadata(&p.Metadata)
	if !in.given("recommendations") {
		return
	}
	p.Recommendations = []recommendation{}
	for _, item := range in.list("recommendations") {
		p.Recommendations = append(p.Recommendations, r.readRecommendation(item))
	}
}

func (r *request) readRecommendation(in *input) recommendation {
	rec := recommendation{UnitsToPurchase: 1, Dosage: dosage{TimeOfDay: []string{}}}
	in.require("variant_id", "units_to_purchase")
	in.text("variant_id", &rec.VariantID)
	if rec.VariantID != "" {
		if _, known := r.state().variants.get(rec.VariantID); !known {
			in.report(invalid("variant_id", "does not exist"))
		}
	}
	in.count("units_to_purchase", &rec.UnitsToPurchase)
	in.flag("refill", &rec.Refill)
	in.nullable("take_with", &rec.TakeWith, nil)
	if d := in.nested("dosage"); d != nil {
		d.nullable("amount", &rec.Dosage.Amount, nil)
		d.nullable("frequency", &rec.Dosage.Frequency, checkOneOf(frequencies...))
		d.nullable("duration", &rec.Dosage.Duration, nil)
		d.nullable("format", &rec.Dosage.Format, checkOneOf(formats...))
		d.nullable("additional_info", &rec.Dosage.AdditionalInfo, nil)
		rec.Dosage.TimeOfDay = d.choices("time_of_day", timesOfDay)
	}
	return rec
}

// readLabs looks up the labs to recommend.
func (r *request) readLabs(in *input) []*lab {
	var labs []*lab
	for _, item := range in.list("labs") {
		var testID string
		item.require("lab_test_id")
		item.text("lab_test_id", &testID)
		quantity := 1
		item.count("quantity", &quantity)
		l, known := r.state().labs.get(testID)
		if known && l.active {
			labs = append(labs, l)
		} else if testID != "" {
			item.report(invalid("lab_test_id", "does not exist"))
		}
	}
	return labs
}

// choices reads a list of values from a closed list.
func (in *input) choices(name string, from []string) []string {
	out := []string{}
	if !in.given(name) {
		return out
	}
	items, isArray := in.values[name].([]any)
	if !isArray {
		in.report(invalid(name, "must be a list"))
		return out
	}
	for i, item := range items {
		value, _ := item.(string)
		if !slices.Contains(from, value) {
			in.report(invalid(name+"["+strconv.Itoa(i)+"]", checkOneOf(from...)(value)))
			continue
		}
		out = append(out, value)
	}
	return out
}
