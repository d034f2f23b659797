package sandbox

import (
	"net/http"
	"strings"
)

// practitioner and staff records look alike in lists and alone.
type practitioner struct {
	ID                 string     `json:"id"`
	FirstName          string     `json:"first_name"`
	LastName           string     `json:"last_name"`
	Email              string     `json:"email"`
	PractitionerTypeID *string    `json:"practitioner_type_id"`
	InviteAccepted     bool       `json:"invite_accepted"`
	Metadata           externalID `json:"metadata"`

	clinicID string
	number   int // its place in the seed, which decides about custom dosages; -1 for those added later
}

func (p *practitioner) rowID() string       { return p.ID }
func (p *practitioner) rowGroups() []string { return []string{p.clinicID} }

type practitionerType struct {
	ID          string `json:"id"`
	Code        string `json:"code"`
	Description string `json:"description"`
}

func (t *practitionerType) rowID() string       { return t.ID }
func (t *practitionerType) rowGroups() []string { return nil }

type staffMember struct {
	ID        string     `json:"id"`
	FirstName string     `json:"first_name"`
	LastName  string     `json:"last_name"`
	Email     string     `json:"email"`
	Metadata  externalID `json:"metadata"`

	clinicID string
}

func (m *staffMember) rowID() string       { return m.ID }
func (m *staffMember) rowGroups() []string { return []string{m.clinicID} }

func (r *request) practitioner(id string) (*practitioner, bool) {
	p, found := r.state().practitioners.get(id)
	return p, found && p.clinicID == r.clinic()
}

func (r *request) staffMember(id string) (*staffMember, bool) {
	m, found := r.state().staff.get(id)
	return m, found && m.clinicID == r.clinic()
}

func listPractitionerTypes(req *request) reply {
	return page(req, "practitioner_types", req.state().practitionerTypes.all(), same)
}

func listPractitioners(req *request) reply {
	return page(req, "practitioners", req.state().practitioners.group(req.clinic()), same)
}

func getPractitioner(req *request) reply {
	p, found := req.practitioner(req.path("id"))
	if !found {
		return notFound("Practitioner")
	}
	return ok(object{"practitioner": p})
}

func createPractitioner(req *request) reply {
	in := req.input()
	in.require("practitioner_type_id", "email", "first_name", "last_name")
	p := &practitioner{ID: req.state().newID(kindPractitioner), clinicID: req.clinic(), number: -1}
	var typeID string
	in.text("practitioner_type_id", &typeID)
	if typeID != "" {
		p.PractitionerTypeID = &typeID
		if _, known := req.state().practitionerTypes.get(typeID); !known {
			in.report(invalid("practitioner_type_id", "does not exist"))
		}
	}
	return savePractitioner(req, in, p, http.StatusCreated)
}

func updatePractitioner(req *request) reply {
	old, found := req.practitioner(req.path("id"))
	if !found {
		return notFound("Practitioner")
	}
	changed := *old
	return savePractitioner(req, req.input(), &changed, http.StatusOK)
}

func savePractitioner(req *request, in *input, p *practitioner, status int) reply {
	in.text("first_name", &p.FirstName)
	in.text("last_name", &p.LastName)
	in.email(&p.Email, req.userEmailIsFree(p.ID))
	in.metadata(&p.Metadata)
	if refused := in.refused(shapeList); refused != nil {
		return *refused
	}
	req.state().practitioners.put(p)
	return reply{status: status, value: object{"practitioner": p}}
}

func listStaff(req *request) reply {
	return page(req, "staff", req.state().staff.group(req.clinic()), same)
}

func getStaff(req *request) reply {
	m, found := req.staffMember(req.path("id"))
	if !found {
		return notFound("Staff")
	}
	return ok(object{"staff": m})
}

func createStaff(req *request) reply {
	in := req.input()
	in.require("email", "first_name", "last_name")
	return saveStaff(req, in, &staffMember{ID: req.state().newID(kindStaff), clinicID: req.clinic()}, http.StatusCreated)
}

func updateStaff(req *request) reply {
	old, found := req.staffMember(req.path("id"))
	if !found {
		return notFound("Staff")
	}
	changed := *old
	return saveStaff(req, req.input(), &changed, http.StatusOK)
}

func saveStaff(req *request, in *input, m *staffMember, status int) reply {
	in.text("first_name", &m.FirstName)
	in.text("last_name", &m.LastName)
	in.email(&m.Email, req.userEmailIsFree(m.ID))
	in.metadata(&m.Metadata)
	if refused := in.refused(shapeList); refused != nil {
		return *refused
	}
	req.state().staff.put(m)
	return reply{status: status, value: object{"staff": m}}
}

// userEmailIsFree looks at both clinics: practitioners' and staff's addresses are unique across Fullscript. The user being written does not
// count.
func (r *request) userEmailIsFree(except string) func(email string) bool {
	return func(email string) bool {
		for _, p := range r.state().practitioners.all() {
			if p.ID != except && strings.EqualFold(p.Email, email) {
				return false
			}
		}
		for _, m := range r.state().staff.all() {
			if m.ID != except && strings.EqualFold(m.Email, email) {
				return false
			}
		}
		return true
	}
}
