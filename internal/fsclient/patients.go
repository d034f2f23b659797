package fsclient

import (
	"context"
	"io"
	"strings"
)

// PatientsService reads and writes patients.
// https://fullscript.dev/technical-reference/patients
type PatientsService service

// Patient is a patient of the clinic. A list item holds the id, the names, the
// email and the archived mark; the rest comes with the single fetch.
type Patient struct {
	Record
	ID                      PatientID   `json:"id"`
	FirstName               *string     `json:"first_name"`
	LastName                *string     `json:"last_name"`
	Email                   *string     `json:"email"`
	Archived                *bool       `json:"archived"`
	DateOfBirth             *Date       `json:"date_of_birth"`
	Gender                  *Gender     `json:"gender"`
	Discount                *Decimal    `json:"discount"`
	TotalDiscount           *Decimal    `json:"total_discount"`
	MobileNumber            *string     `json:"mobile_number"`
	TextMessageNotification *bool       `json:"text_message_notification"`
	IsDependent             *bool       `json:"is_dependent"`
	Guardian                *Patient    `json:"guardian_patient" also:"guardian"`
	ExternalID              *ExternalID `json:"metadata"`
}

// GenderRaw is the partner's text of the gender.
func (p *Patient) GenderRaw() *string { return raw(p.Gender) }

// FullscriptID is the partner's own id.
func (p *Patient) FullscriptID() string { return string(p.ID) }

// decoded clears the empty texts that dynamic links have where the patient's
// own record has null.
func (p *Patient) decoded() {
	for _, text := range []**string{&p.Email, &p.MobileNumber} {
		if *text != nil && **text == "" {
			*text = nil
		}
	}
}

// needs: each field stands for itself.
func (*Patient) needs(Fields) Fields { return 0 }

// PatientType chooses patients by their place in a family.
type PatientType string

var patientTypes = []string{"all", "dependent", "guardian"}

func (e PatientType) MarshalGQL(w io.Writer)    { marshalEnum(w, patientTypes, string(e)) }
func (e *PatientType) UnmarshalGQL(v any) error { return unmarshalEnum(patientTypes, v, (*string)(e)) }

// PatientListOptions choose the patients to list.
type PatientListOptions struct {
	PatientType *PatientType `url:"patient_type"`
	PageOptions
}

// List returns the clinic's patients, a page at a time, as summaries.
// https://fullscript.dev/technical-reference/patients
//
// op: GET /clinic/patients
func (s *PatientsService) List(ctx context.Context, o *PatientListOptions) (*Page[Patient], error) {
	return getPage[Patient](ctx, s.client, get("/clinic/patients"), o, "patients")
}

// PatientSearchOptions say which patients to look for. The names and the email
// were seen in public clients only.
type PatientSearchOptions struct {
	Query       *string      `url:"query"`
	PatientType *PatientType `url:"patient_type"`
	FirstName   *string      `url:"first_name"`
	LastName    *string      `url:"last_name"`
	Email       *string      `url:"email"`
	PageOptions
}

// Search looks patients up by words. The match is loose: a caller who looks
// for one email compares it with what comes back.
//
// op: GET /clinic/search/patients
func (s *PatientsService) Search(ctx context.Context, o *PatientSearchOptions) (*Page[Patient], error) {
	return getPage[Patient](ctx, s.client, get("/clinic/search/patients"), o, "patients")
}

// MaxLookUpPages is how many pages of a search a look-up reads, each with a call, before it
// says that the search finds too much.
const MaxLookUpPages = 5

// FindByEmail returns the patient with the given email address, which are
// compared without regard to case, or nil if there is none. The error is an
// [InputError] for what is no address, if several patients have it, or if the search has
// more than [MaxLookUpPages].
//
// op: GET /clinic/search/patients
func (s *PatientsService) FindByEmail(ctx context.Context, email string) (*Patient, error) {
	email = strings.TrimSpace(email)
	if name, domain, _ := strings.Cut(email, "@"); name == "" || domain == "" || strings.Contains(domain, "@") {
		return nil, InputErrorf("email is not an address; give the whole one, such as ada@example.org")
	}
	return onlyPatient(ctx, s.Search, PatientSearchOptions{Query: &email}, "email address; searchPatients lists them", func(p *Patient) (*Patient, error) {
		switch {
		case p.Email != nil && strings.EqualFold(strings.TrimSpace(*p.Email), email):
			return p, nil
		case IsUnreadable(p, "Email"):
			return nil, ErrUnreadable
		}
		return nil, nil
	})
}

// FindByExternalID returns the patient with the integrator's identifier, nil if
// there is none. The error is an [InputError] if several patients have it, or if the
// look-up has more than [MaxLookUpPages].
//
// op: GET /clinic/metadata
func (s *PatientsService) FindByExternalID(ctx context.Context, id string) (*Patient, error) {
	options := MetadataSearchOptions{ExternalID: &id, Type: new(recordPatient)}
	if err := options.Check(); err != nil {
		return nil, err
	}
	return onlyPatient(ctx, s.client.Metadata.Search, options, "external id; recordsByExternalId lists them", func(m *ExternalIDMatch) (*Patient, error) {
		p, ok := m.Record.(*Patient)
		switch {
		case m.ExternalID != nil && *m.ExternalID != id:
			return nil, nil
		case !ok && (m.Type == nil || *m.Type == recordPatient), IsUnreadable(m, "ExternalID"):
			return nil, ErrUnreadable
		case !ok, m.ExternalID == nil && (p.ExternalID == nil || string(*p.ExternalID) != id):
			return nil, nil
		}
		return p, nil
	})
}

// onlyPatient returns the one patient that match finds in the rows of a search, nil if
// there is none; shared names what several patients have in common. Where none is found
// and match fails, because a row cannot be read, nobody knows whether there is
// one.
func onlyPatient[T, O any, P Options[O]](ctx context.Context, search func(context.Context, P) (*Page[T], error), options O, shared string, match func(*T) (*Patient, error)) (found *Patient, err error) {
	pages := 0
	page := func(ctx context.Context, o P) (*Page[T], error) {
		if pages++; pages > MaxLookUpPages {
			return nil, InputErrorf("too many records are like this %s", shared)
		}
		return search(ctx, o)
	}
	for row, failed := range Each(wantingAll(ctx), page, options) {
		if failed != nil {
			return nil, failed
		}
		p, unread := match(row)
		switch {
		case unread != nil:
			err = unread
		case p == nil:
		case p.Broken():
			return nil, ErrUnreadable
		case found == nil:
			found = p
		case IDKey(string(p.ID)) != IDKey(string(found.ID)): // else it moved to the next page meanwhile
			return nil, InputErrorf("several patients have this %s", shared)
		}
	}
	if found != nil {
		return found, nil
	}
	return nil, err
}

// DependentListOptions choose a page of a guardian's dependents.
type DependentListOptions struct {
	PageOptions
}

// ListDependents returns the patients in a guardian's care, as summaries. The
// key of the answer is not published.
// https://fullscript.dev/technical-reference/patients
//
// op: GET /clinic/patients/{patient_id}/dependents
func (s *PatientsService) ListDependents(ctx context.Context, patientID string, o *DependentListOptions) (*Page[Patient], error) {
	return getPage[Patient](ctx, s.client, get("/clinic/patients/{patient_id}/dependents", patientID), o, "patients", "dependents")
}

// Get returns one patient, whole.
// https://fullscript.dev/technical-reference/patients
//
// op: GET /clinic/patients/{id}
func (s *PatientsService) Get(ctx context.Context, id string) (*Patient, error) {
	return getOne[Patient](ctx, s.client, get("/clinic/patients/{id}", id), nil, "patient")
}

// CreatePatientInput is a new patient.
type CreatePatientInput struct {
	Email            string               `json:"email"`
	FirstName        string               `json:"first_name"`
	LastName         string               `json:"last_name"`
	DateOfBirth      Opt[*Date]           `json:"date_of_birth,omitzero"`
	Gender           Opt[*Gender]         `json:"gender,omitzero"`
	MobileNumber     Opt[*string]         `json:"mobile_number,omitzero"`
	SendWelcomeEmail Opt[*Flag]           `json:"send_welcome_email,omitzero"`
	Discount         Opt[*Decimal]        `json:"discount,omitzero"`
	ExternalID       Opt[ExternalIDInput] `json:"metadata,omitzero"`
}

// Create adds a patient to the clinic and gives it back, whole.
// https://fullscript.dev/technical-reference/patients
//
// op: POST /clinic/patients
func (s *PatientsService) Create(ctx context.Context, in *CreatePatientInput) (*Patient, error) {
	return send[Patient](ctx, s.client, post("/clinic/patients"), in, "patient")
}

// UpdatePatientInput changes a patient: what is absent stays as it is, null
// clears.
type UpdatePatientInput struct {
	ID           PatientID            `json:"-"`
	Email        Opt[*string]         `json:"email,omitzero"`
	FirstName    Opt[*string]         `json:"first_name,omitzero"`
	LastName     Opt[*string]         `json:"last_name,omitzero"`
	DateOfBirth  Opt[*Date]           `json:"date_of_birth,omitzero"`
	Gender       Opt[*Gender]         `json:"gender,omitzero"`
	MobileNumber Opt[*string]         `json:"mobile_number,omitzero"`
	Discount     Opt[*Decimal]        `json:"discount,omitzero"`
	ExternalID   Opt[ExternalIDInput] `json:"metadata,omitzero"`
}

// Update changes a patient and gives it back, whole.
// https://fullscript.dev/technical-reference/patients
//
// op: PATCH /clinic/patients/{id}
func (s *PatientsService) Update(ctx context.Context, in *UpdatePatientInput) (*Patient, error) {
	return send[Patient](ctx, s.client, patch("/clinic/patients/{id}", string(in.ID)), in, "patient")
}
