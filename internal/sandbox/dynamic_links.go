package sandbox

// A dynamic link takes a practitioner's browser to a plan on the partner's site. Each answer has another one. What is done there makes
// events (site.go); what is done here, like all writes through the API, makes none.

// sourceLink is the source of plans that are made behind a link.
const sourceLink = "dynamic_link"

func (r *request) practitionersVisit() *visit {
	return &visit{user: *r.caller, source: sourceLink, title: "New treatment plan"}
}

type linkPlan struct {
	ID          string  `json:"id"`
	State       string  `json:"state"`
	AvailableAt *string `json:"available_at"`
}

// linkPatient is a patient with two odd encodings, both as in the partner's examples: no mobile number is an empty text, and
// text_message_notification is a number.
type linkPatient struct {
	patientSummary
	DateOfBirth             *string `json:"date_of_birth"`
	Gender                  *string `json:"gender"`
	Discount                float64 `json:"discount"`
	TotalDiscount           float64 `json:"total_discount"`
	MobileNumber            string  `json:"mobile_number"`
	TextMessageNotification int     `json:"text_message_notification"`
}

func (st *state) linkPatient(p *patient) linkPatient {
	out := linkPatient{
		patientSummary: p.summary(), DateOfBirth: p.DateOfBirth, Gender: p.Gender, Discount: p.Discount, TotalDiscount: st.totalDiscount(p),
	}
	if p.MobileNumber != nil {
		out.MobileNumber = *p.MobileNumber
	}
	if p.TextMessageNotification != nil && *p.TextMessageNotification {
		out.TextMessageNotification = 1
	}
	return out
}

type dynamicLink struct {
	RedirectURL   string       `json:"redirect_url"`
	TreatmentPlan *linkPlan    `json:"treatment_plan,omitempty"`
	Patient       *linkPatient `json:"patient,omitempty"`
}

// dynamicLink is the answer for a plan and its patient, under a plural key although it is one.
func (r *request) dynamicLink(p *plan, of *patient) reply {
	link := dynamicLink{
		RedirectURL:   r.s.freshLink(r.practitionersVisit(), "treatment_plans", p.ID),
		TreatmentPlan: &linkPlan{p.ID, p.State, p.AvailableAt},
	}
	if of != nil {
		shown := r.state().linkPatient(of)
		link.Patient = &shown
	}
	return ok(object{"dynamic_links": link})
}

// getNewTreatmentPlanLink answers bare.
func getNewTreatmentPlanLink(req *request) reply {
	return ok(dynamicLink{RedirectURL: req.s.freshLink(req.practitionersVisit(), "treatment_plans", "new")})
}

func createDraftTreatmentPlanLink(req *request) reply {
	in := req.input()
	now := req.now()
	p := &plan{ID: req.state().newID(kindPlan), State: stateDraft, CreatedAt: now, UpdatedAt: now, Source: new(sourceLink), clinicID: req.clinic()}
	if about := in.nested("treatment_plan"); about == nil {
		in.require("treatment_plan")
	} else {
		about.require("practitioner_id")
		about.text("practitioner_id", &p.PractitionerID)
		if _, known := req.practitioner(p.PractitionerID); !known && p.PractitionerID != "" {
			about.report(invalid("practitioner_id", "does not exist"))
		}
	}
	var of *patient
	isNew := false
	if who := in.nested("patient"); who != nil {
		who.require("email")
		of, isNew = req.findOrReadPatient(who)
	}
	if refused := in.refused(shapeMessage); refused != nil {
		return *refused
	}
	if of != nil {
		if isNew {
			req.state().patients.put(of)
		}
		p.PatientID = of.ID
	}
	req.state().plans.put(p)
	return req.dynamicLink(p, of)
}

// findOrReadPatient finds the patient by email, or reads a new one, who then needs a name; finding leaves the stored record as it is.
func (r *request) findOrReadPatient(who *input) (of *patient, isNew bool) {
	email, _ := who.string("email")
	if known := r.patientByEmail(email, ""); known != nil {
		return known, false
	}
	of = r.newPatient()
	who.require("first_name", "last_name")
	r.readPatient(who, of)
	return of, true
}

func getTreatmentPlanLink(req *request) reply {
	p, found := req.plan(req.path("id"))
	if !found || p.State == stateCancelled { // there are links to draft and active plans only
		return notFound("Treatment plan")
	}
	of, _ := req.state().patients.get(p.PatientID)
	return req.dynamicLink(p, of)
}

// createGatewayTreatmentPlanLink matches the patient by id, by the integrator's id, or by email, and makes one when the details allow;
// what stays unclear is left to the practitioner behind the link. The answer's envelope is not known: it is bare here, wrapped with Oddities.
func createGatewayTreatmentPlanLink(req *request) reply {
	in := req.input()
	var entry *string
	in.nullable("entrypoint", &entry, checkOneOf("catalog", "labs"))
	v := req.practitionersVisit()
	if about := in.nested("treatment_plan"); about != nil {
		var who *string
		about.nullable("practitioner_id", &who, nil)
		if who != nil {
			if _, known := req.practitioner(*who); !known {
				about.report(invalid("practitioner_id", "does not exist"))
			}
			v.fill.PractitionerID = *who
		}
	}
	who := in.nested("patient")
	of, isNew := req.matchPatient(who)
	v.fill.about(who, of)
	if refused := in.refused(shapeMessage); refused != nil {
		return *refused
	}
	if isNew {
		req.state().patients.put(of)
	}
	page := "catalog"
	if entry != nil {
		page = *entry
	}
	link := dynamicLink{RedirectURL: req.s.freshLink(v, "gateway", page)}
	if req.s.opts.Oddities {
		return ok(object{"dynamic_links": link})
	}
	return ok(link)
}

// about takes over what is known of a patient, who may not be one yet.
func (f *prefill) about(who *input, of *patient) {
	if of != nil {
		f.PatientID = of.ID
		return
	}
	if who != nil {
		f.FirstName, _ = who.string("first_name")
		f.LastName, _ = who.string("last_name")
		f.Email, _ = who.string("email")
	}
}

func (r *request) matchPatient(who *input) (of *patient, isNew bool) {
	if who == nil {
		return nil, false
	}
	if id, _ := who.string("id"); id != "" {
		p, known := r.patient(id)
		if !known {
			who.report(invalid("id", "does not exist"))
			return nil, false
		}
		return p, false
	}
	if external, _ := who.string("external_id"); external != "" {
		for _, p := range r.state().patients.group(r.clinic()) {
			if p.Metadata.ID != nil && *p.Metadata.ID == external {
				return p, false
			}
		}
	}
	if who.given("email") {
		return r.findOrReadPatient(who)
	}
	return nil, false
}
