package sandbox

import (
	"net/http"
	"net/url"
	"slices"
)

// The partner's site in miniature, as far as links lead there: what is done on it makes events, unlike the same thing done through the API.

// routeSite adds its pages; the rest of the site is a page that names itself.
func (s *Server) routeSite(handle func(pattern string, h func(*http.Request) reply)) {
	page := func(path string, find func(*request) *visit, show func(*request, *visit) reply) {
		for _, method := range []string{get, post} {
			handle(method+" "+sitePath+path, func(r *http.Request) reply {
				if err := r.ParseForm(); err != nil { // before the lock: it waits for the body
					return failure(http.StatusBadRequest, "The form cannot be read")
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				req := &request{s: s, http: r}
				v := find(req)
				if v == nil {
					return deadLink()
				}
				req.caller = &v.user
				return show(req, v)
			})
		}
	}
	page("treatment_plans/new", (*request).visit, newPlanPage)
	page("gateway/{page}", (*request).visit, newPlanPage)
	page("embed", (*request).visit, newPlanPage)
	page("treatment_plans/{id}", (*request).visit, planPage)
	page("treatment_plans/{id}/{page}", (*request).patientsVisit, planPage)
	page("in_office_checkout/{id}", (*request).visit, planPage)
}

func (r *request) visit() *visit { return r.state().visits.get(r.param("link")) }

// patientsVisit is behind addresses that need no key: anyone who knows the plan's id is taken for its patient.
func (r *request) patientsVisit() *visit {
	p, found := r.state().plans.get(r.path("id"))
	if !found || !slices.Contains([]string{"invitation", "checkout", "practitioner_pay"}, r.path("page")) {
		return nil
	}
	return &visit{user: identity{clinicID: p.clinicID}, patients: true}
}

// planPage shows a plan, after a button was pressed what became of it.
func planPage(req *request, v *visit) reply {
	p, found := req.plan(req.path("id"))
	if !found {
		return deadLink()
	}
	var refused []problem
	if req.http.Method == post {
		var eventID string
		if eventID, refused = req.press(v, p); len(refused) == 0 {
			return req.seeOther(req.http.URL.Path, eventID)
		}
	}
	return req.showPlan(v, p, refused)
}

// seeOther sends the browser to a page, so that loading it again does nothing again.
func (r *request) seeOther(path, eventID string) reply {
	q := url.Values{}
	for name, value := range map[string]string{"link": r.param("link"), "event": eventID} {
		if value != "" {
			q.Set(name, value)
		}
	}
	to := relative(r.http.URL.Path, path)
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	return reply{status: http.StatusSeeOther}.with("Location", to)
}

// press does what a button says and returns the event that it made, if any.
func (r *request) press(v *visit, p *plan) (eventID string, refused []problem) {
	does := r.http.PostForm.Get("do")
	if v.patients && does != "order" {
		return "", []problem{{"", "forbidden", "Patients can only order"}}
	}
	var no *problem
	switch does {
	case "activate":
		if p, no = r.activatePlan(p); no == nil {
			return r.happen("treatment_plan.created", planData(p)), nil
		}
	case "cancel":
		if p, no = r.cancelPlan(p); no == nil {
			return r.happen("treatment_plan.updated", planData(p)), nil
		}
	case "quantity":
		return r.recommend(p)
	case "patient":
		return r.giveTo(p)
	case "order":
		var o *order
		if o, no = r.placeOrder(p); no == nil {
			return r.happen("order.placed", orderData(o, []string{p.PractitionerID})), nil
		}
	default:
		no = &problem{"", "unknown", "There is no such button"}
	}
	return "", []problem{*no}
}

// recommend changes how many units of a variant a plan recommends, or adds the variant. Of a draft nobody is told.
func (r *request) recommend(p *plan) (eventID string, refused []problem) {
	in := formInput(r.http.PostForm)
	rec := r.readRecommendation(in)
	if no := p.frozen(); no != nil {
		in.report(*no)
	}
	changed := *p
	changed.Recommendations = slices.Clone(p.Recommendations)
	at := slices.IndexFunc(p.Recommendations, func(other recommendation) bool { return other.VariantID == rec.VariantID })
	switch {
	case at < 0:
		changed.Recommendations = append(changed.Recommendations, rec)
	case p.Recommendations[at].UnitsToPurchase == rec.UnitsToPurchase:
		in.report(problem{"units_to_purchase", "unchanged", "is what it was"})
	default:
		changed.Recommendations[at].UnitsToPurchase = rec.UnitsToPurchase
	}
	if len(*in.problems) > 0 {
		return "", *in.problems
	}
	saved := r.savePlan(&changed)
	if saved.State != stateActive {
		return "", nil
	}
	return r.happen("treatment_plan.recommendation.updated", planData(saved)), nil
}

// newPlanPage makes a draft, for a patient of the clinic or a new one.
func newPlanPage(req *request, v *visit) reply {
	if v.patients {
		return deadLink()
	}
	if req.http.Method != post {
		return req.showNewPlan(v, req.here(), v.fill, nil)
	}
	form := req.http.PostForm
	in := formInput(form)
	in.values["state"] = stateDraft
	in.values["recommendations"] = []any{map[string]any{
		"variant_id": form.Get("variant_id"), "units_to_purchase": form.Get("units_to_purchase"),
	}}
	if v.fill.PractitionerID != "" && !form.Has("practitioner_id") {
		in.values["practitioner_id"] = v.fill.PractitionerID
	}
	of, isNew := req.choosePatient(in)
	p := req.newPlan(of, in, v.source)
	if len(*in.problems) > 0 {
		again := prefill{form.Get("patient_id"), form.Get("first_name"), form.Get("last_name"), form.Get("email"), v.fill.PractitionerID}
		return req.showNewPlan(v, req.here(), again, *in.problems)
	}
	eventID := req.admitPatient(of, isNew)
	req.state().plans.put(p)
	return req.seeOther(sitePath+"treatment_plans/"+p.ID, eventID)
}

// choosePatient is the patient a form names, or a new one who is yet to be stored.
func (r *request) choosePatient(in *input) (of *patient, isNew bool) {
	id, _ := in.string("patient_id")
	if id == "" {
		return r.readNewPatient(in), true
	}
	p, known := r.patient(id)
	if !known {
		in.report(invalid("patient_id", "does not exist"))
		return &patient{}, false
	}
	return p, false
}

// admitPatient stores a new patient and makes its event.
func (r *request) admitPatient(of *patient, isNew bool) (eventID string) {
	if !isNew {
		return ""
	}
	r.state().patients.put(of)
	return r.happen("patient.created", patientData(of, false))
}

// giveTo adds the patient that a draft lacks: a link may lead to one without.
func (r *request) giveTo(p *plan) (eventID string, refused []problem) {
	in := formInput(r.http.PostForm)
	of, isNew := r.choosePatient(in)
	if p.PatientID != "" {
		in.report(problem{"patient", "taken", "can't be changed"})
	}
	if len(*in.problems) > 0 {
		return "", *in.problems
	}
	changed := *p
	changed.PatientID = of.ID
	r.state().plans.join(r.savePlan(&changed), of.ID)
	return r.admitPatient(of, isNew), nil
}

// formInput reads a form like a request body.
func formInput(form url.Values) *input {
	in := &input{values: map[string]any{}, problems: new([]problem)}
	for name := range form {
		in.values[name] = form.Get(name)
	}
	return in
}
