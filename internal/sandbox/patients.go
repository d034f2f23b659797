package sandbox

import (
	"net/http"
	"strings"
)

type patient struct {
	ID                      string
	FirstName               string
	LastName                string
	Email                   *string
	Archived                bool
	DateOfBirth             *string
	Gender                  *string
	Discount                float64
	MobileNumber            *string
	TextMessageNotification *bool
	GuardianID              *string
	Metadata                externalID

	clinicID string
}

func (p *patient) rowID() string { return p.ID }

func (p *patient) rowGroups() []string {
	if p.GuardianID != nil {
		return []string{p.clinicID, *p.GuardianID}
	}
	return []string{p.clinicID}
}

// patientSummary is all that lists and searches show.
type patientSummary struct {
	ID        string  `json:"id"`
	FirstName string  `json:"first_name"`
	LastName  string  `json:"last_name"`
	Email     *string `json:"email"`
	Archived  bool    `json:"archived"`
}

func (p *patient) name() string { return p.FirstName + " " + p.LastName }

func (p *patient) summary() patientSummary {
	return patientSummary{p.ID, p.FirstName, p.LastName, p.Email, p.Archived}
}

type patientFull struct {
	patientSummary
	DateOfBirth             *string    `json:"date_of_birth"`
	Gender                  *string    `json:"gender"`
	Discount                float64    `json:"discount"`
	TotalDiscount           float64    `json:"total_discount"`
	MobileNumber            *string    `json:"mobile_number"`
	TextMessageNotification *bool      `json:"text_message_notification"`
	IsDependent             bool       `json:"is_dependent"`
	GuardianPatientID       *string    `json:"guardian_patient_id"`
	Metadata                externalID `json:"metadata"`
}

func (st *state) patientFull(p *patient) patientFull {
	return patientFull{
		patientSummary: p.summary(), DateOfBirth: p.DateOfBirth, Gender: p.Gender, Discount: p.Discount, TotalDiscount: st.totalDiscount(p),
		MobileNumber: p.MobileNumber, TextMessageNotification: p.TextMessageNotification,
		IsDependent: p.GuardianID != nil, GuardianPatientID: p.GuardianID, Metadata: p.Metadata,
	}
}

func (st *state) totalDiscount(p *patient) float64 {
	c, _ := st.clinics.get(p.clinicID)
	return c.Discount + p.Discount
}

func (r *request) patient(id string) (*patient, bool) {
	p, found := r.state().patients.get(id)
	return p, found && p.clinicID == r.clinic()
}

func listPatients(req *request) reply {
	return pagePatients(req, req.state().patients.group(req.clinic()))
}

// searchPatients matches loosely: each word of query has to be somewhere in the names or the email.
func searchPatients(req *request) reply {
	words := strings.Fields(req.param("query"))
	first, last, email := req.param("first_name"), req.param("last_name"), req.param("email")
	return pagePatients(req, keep(req.state().patients.group(req.clinic()), func(p *patient) bool {
		address := ""
		if p.Email != nil {
			address = *p.Email
		}
		for _, word := range words {
			if !contains(p.FirstName, word) && !contains(p.LastName, word) && !contains(address, word) {
				return false
			}
		}
		return contains(p.FirstName, first) && contains(p.LastName, last) && contains(address, email)
	}))
}

// pagePatients applies patient_type. An account is either a dependent's or a guardian's, whether the latter has dependents or not: the
// description calls the filter the kind of account and names no third.
func pagePatients(req *request, list []*patient) reply {
	if refused := req.oneOf("patient_type", "all", "dependent", "guardian"); refused != nil {
		return *refused
	}
	if kind := req.param("patient_type"); kind == "dependent" || kind == "guardian" {
		list = keep(list, func(p *patient) bool { return (p.GuardianID != nil) == (kind == "dependent") })
	}
	return page(req, "patients", list, (*patient).summary)
}

func getPatient(req *request) reply {
	p, found := req.patient(req.path("id"))
	if !found {
		return notFound("Patient")
	}
	return ok(object{"patient": req.state().patientFull(p)})
}

func listDependents(req *request) reply {
	guardian, found := req.patient(req.path("patient_id"))
	if !found {
		return notFound("Patient")
	}
	return page(req, "patients", req.state().patients.group(guardian.ID), (*patient).summary)
}

func createPatient(req *request) reply {
	in := req.input()
	p := req.readNewPatient(in)
	return savePatient(req, in, p, http.StatusCreated)
}

// readNewPatient reads a patient who is yet to be stored.
func (r *request) readNewPatient(in *input) *patient {
	in.require("email", "first_name", "last_name")
	p := r.newPatient()
	r.readPatient(in, p)
	return p
}

func (r *request) newPatient() *patient {
	return &patient{ID: r.state().newID(kindPatient), clinicID: r.clinic(), TextMessageNotification: new(false)}
}

func updatePatient(req *request) reply {
	old, found := req.patient(req.path("id"))
	if !found {
		return notFound("Patient")
	}
	changed, in := *old, req.input()
	req.readPatient(in, &changed)
	return savePatient(req, in, &changed, http.StatusOK)
}

func savePatient(req *request, in *input, p *patient, status int) reply {
	if refused := in.refused(shapeByField); refused != nil {
		return *refused
	}
	req.state().patients.put(p)
	return reply{status: status, value: object{"patient": req.state().patientFull(p)}}
}

// readPatient is what creating, changing and the dynamic links take of a patient. A guardian's email may not be cleared; a dependent may
// be without.
func (r *request) readPatient(in *input, p *patient) {
	in.text("first_name", &p.FirstName)
	in.text("last_name", &p.LastName)
	if p.GuardianID != nil && in.has("email") && !in.given("email") {
		p.Email = nil
	} else {
		email := ""
		if p.Email != nil {
			email = *p.Email
		}
		in.email(&email, func(e string) bool { return r.patientByEmail(e, p.ID) == nil })
		if email != "" {
			p.Email = &email
		}
	}
	in.nullable("date_of_birth", &p.DateOfBirth, checkDate)
	in.nullable("gender", &p.Gender, checkOneOf("male", "female", "x"))
	in.nullable("mobile_number", &p.MobileNumber, nil)
	in.percent("discount", &p.Discount)
	in.metadata(&p.Metadata)
	var welcome bool // mail is not sent from here, but a wrong value is still refused
	in.flag("send_welcome_email", &welcome)
}

// patientByEmail finds a patient of the clinic, other than the one excepted: addresses are unique in a clinic, and a person may be a
// patient of two.
func (r *request) patientByEmail(email, except string) *patient {
	for _, p := range r.state().patients.group(r.clinic()) {
		if p.ID != except && p.Email != nil && strings.EqualFold(*p.Email, email) {
			return p
		}
	}
	return nil
}

type address struct {
	ID       string  `json:"id"`
	Address1 string  `json:"address1"`
	Address2 *string `json:"address2"`
	Zipcode  string  `json:"zipcode"`
	City     string  `json:"city"`
	State    string  `json:"state"`
	Country  string  `json:"country"`

	patientID string
}

func (a *address) rowID() string       { return a.ID }
func (a *address) rowGroups() []string { return []string{a.patientID} }

func listPatientAddresses(req *request) reply {
	p, found := req.patient(req.path("patient_id"))
	if !found {
		return notFound("Patient")
	}
	return page(req, "addresses", req.state().addresses.group(p.ID), same)
}
