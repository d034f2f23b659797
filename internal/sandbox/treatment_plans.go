package sandbox

const (
	stateDraft     = "draft"
	stateActive    = "active"
	stateCancelled = "cancelled"
)

type plan struct {
	ID              string
	State           string
	PatientID       string
	PractitionerID  string
	AvailableAt     *string // the day it was sent to the patient
	CreatedAt       string
	UpdatedAt       string
	PersonalMessage *string
	Recommendations []recommendation
	Metadata        externalID
	Source          *string
	PaidBy          string // "practitioner" when the practitioner pays

	labs      []*lab
	resources []*resource
	clinicID  string
}

func (p *plan) rowID() string       { return p.ID }
func (p *plan) rowGroups() []string { return []string{p.clinicID, p.PatientID} }

type dosage struct {
	Amount         *string  `json:"amount"`
	Frequency      *string  `json:"frequency"`
	Duration       *string  `json:"duration"`
	Format         *string  `json:"format"`
	AdditionalInfo *string  `json:"additional_info"`
	TimeOfDay      []string `json:"time_of_day"`
}

type recommendation struct {
	VariantID       string  `json:"variant_id"`
	UnitsToPurchase int     `json:"units_to_purchase"`
	Refill          bool    `json:"refill"`
	TakeWith        *string `json:"take_with"`
	Dosage          dosage  `json:"dosage"`
}

// recommendations are shown as a list even where there are none.
func (p *plan) recommendations() []recommendation {
	if p.Recommendations == nil {
		return []recommendation{}
	}
	return p.Recommendations
}

type planSummary struct {
	ID           string  `json:"id"`
	State        string  `json:"state"`
	Patient      ref     `json:"patient"`
	Practitioner ref     `json:"practitioner"`
	AvailableAt  *string `json:"available_at"`
	CreatedAt    string  `json:"created_at"`
	UpdatedAt    string  `json:"updated_at"`
}

func (p *plan) summary() planSummary {
	return planSummary{p.ID, p.State, ref{p.PatientID}, ref{p.PractitionerID}, p.AvailableAt, p.CreatedAt, p.UpdatedAt}
}

type planFull struct {
	planSummary
	InvitationURL          *string             `json:"invitation_url"`
	Recommendations        []recommendation    `json:"recommendations"`
	PersonalMessage        *string             `json:"personal_message"`
	Metadata               externalID          `json:"metadata"`
	LabRecommendations     []labRecommendation `json:"lab_recommendations"`
	Resources              []resourceView      `json:"resources"`
	Source                 *string             `json:"source"`
	CheckoutURL            *string             `json:"checkout_url"`
	PractitionerPayURL     *string             `json:"practitioner_pay_url"`
	TreatmentPlanText      *string             `json:"treatment_plan_text"`
	LabCheckoutStatus      *string             `json:"lab_checkout_status"`
	PatientLabFieldsNeeded []string            `json:"patient_lab_fields_needed"`
}

func (s *Server) planFull(p *plan) planFull {
	full := planFull{
		planSummary: p.summary(), Recommendations: p.recommendations(), PersonalMessage: p.PersonalMessage, Metadata: p.Metadata,
		LabRecommendations: labRecommendations(p.labs), Resources: s.resourceViews(p.resources), Source: p.Source,
		TreatmentPlanText: s.planText(p), PatientLabFieldsNeeded: []string{},
	}
	if p.State == stateActive {
		full.InvitationURL = new(s.link("treatment_plans", p.ID, "invitation"))
	}
	if p.State == stateActive && p.PaidBy == "practitioner" {
		full.PractitionerPayURL = new(s.link("treatment_plans", p.ID, "practitioner_pay"))
	}
	if len(p.labs) > 0 && p.State != stateCancelled {
		full.CheckoutURL = new(s.link("treatment_plans", p.ID, "checkout"))
		full.LabCheckoutStatus = new("pending")
		full.PatientLabFieldsNeeded = s.state.labFieldsNeeded(p.PatientID)
	}
	return full
}

// labFieldsNeeded are what a laboratory wants to know of a patient and the clinic has not told.
func (st *state) labFieldsNeeded(patientID string) []string {
	needed := []string{}
	p, _ := st.patients.get(patientID)
	if p.DateOfBirth == nil {
		needed = append(needed, "date_of_birth")
	}
	if p.Gender == nil {
		needed = append(needed, "gender")
	}
	if p.MobileNumber == nil {
		needed = append(needed, "mobile_number")
	}
	return needed
}

// planText is the plan in one line of words for each recommendation; null when there is nothing to say.
func (s *Server) planText(p *plan) *string {
	text := ""
	for _, r := range p.Recommendations {
		v, found := s.state.variants.get(r.VariantID)
		if !found {
			continue
		}
		text += v.product.Name + r.Dosage.words() + "\n"
	}
	if text == "" {
		return nil
	}
	return &text
}

// words are what a dosage says, each with a space before it.
func (d *dosage) words() string {
	text := ""
	for _, part := range []*string{d.Amount, d.Format, d.Frequency} {
		if part != nil {
			text += " " + *part
		}
	}
	return text
}

func (r *request) plan(id string) (*plan, bool) {
	p, found := r.state().plans.get(id)
	return p, found && p.clinicID == r.clinic()
}

func listPatientTreatmentPlans(req *request) reply {
	p, found := req.patient(req.path("patient_id"))
	if !found {
		return notFound("Patient")
	}
	list, refused := sorted(req, req.state().plans.group(p.ID), sortKeys[*plan]{
		"created_at": func(p *plan) string { return p.CreatedAt },
		"updated_at": func(p *plan) string { return p.UpdatedAt },
	})
	if refused != nil {
		return *refused
	}
	return page(req, "treatment_plans", list, (*plan).summary)
}

func getTreatmentPlan(req *request) reply {
	p, found := req.plan(req.path("id"))
	if !found {
		return notFound("Treatment plan")
	}
	return ok(object{"treatment_plan": req.s.planFull(p)})
}
