package sandbox

import "slices"

// protocol is a reusable plan. Those without an owner are made by Fullscript and open to everybody.
type protocol struct {
	ID              string
	Name            string
	CurrentState    string
	PractitionerID  string
	PersonalMessage *string
	Recommendations []protocolRecommendation

	sharedWith []string // practitioners of the same clinic
	clinicID   string   // "" for Fullscript's own
}

func (p *protocol) rowID() string       { return p.ID }
func (p *protocol) rowGroups() []string { return []string{p.clinicID} }

// protocolRecommendation spells the dosage flat, unlike a plan.
type protocolRecommendation struct {
	VariantID           string  `json:"variant_id"`
	QuantityRecommended int     `json:"quantity_recommended"`
	Refill              bool    `json:"refill"`
	DosageAmount        *string `json:"dosage_amount"`
	DosageFrequency     *string `json:"dosage_frequency"`
	DosageDuration      *string `json:"dosage_duration"`
	DosagePermutations  *string `json:"dosage_permutations"`
	DosageFormat        *string `json:"dosage_format"`
}

type protocolSummary struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	CurrentState  string `json:"current_state"`
	OwnershipType string `json:"ownership_type"`
}

const (
	ownershipOwned  = "owned"
	ownershipShared = "shared"
)

type protocolFull struct {
	ID              string                   `json:"id"`
	Name            string                   `json:"name"`
	CurrentState    string                   `json:"current_state"`
	Practitioner    *ref                     `json:"practitioner,omitempty"` // Fullscript's own have none
	PersonalMessage *string                  `json:"personal_message"`
	Recommendations []protocolRecommendation `json:"recommendations"`
}

func listFullscriptProtocols(req *request) reply {
	list, refused := sorted(req, req.state().protocols.group(""), sortKeys[*protocol]{
		"name": func(p *protocol) string { return p.Name },
	})
	if refused != nil {
		return *refused
	}
	return page(req, "protocols", list, func(p *protocol) protocolSummary {
		return protocolSummary{p.ID, p.Name, p.CurrentState, ownershipShared}
	})
}

func listPractitionerProtocols(req *request) reply {
	who, found := req.practitioner(req.path("practitioner_id"))
	if !found {
		return notFound("Practitioner")
	}
	if refused := req.oneOf("current_state", stateActive, stateDraft, stateCancelled); refused != nil {
		return *refused
	}
	if refused := req.oneOf("ownership_type", ownershipOwned, ownershipShared, "all"); refused != nil {
		return *refused
	}
	ownership := req.param("ownership_type")
	if ownership == "" {
		ownership = ownershipOwned
	}
	list := keep(req.state().protocols.group(req.clinic()), func(p *protocol) bool {
		owned, shared := p.PractitionerID == who.ID, slices.Contains(p.sharedWith, who.ID)
		state := req.param("current_state")
		return (state == "" || p.CurrentState == state) &&
			(owned && ownership != ownershipShared || shared && ownership != ownershipOwned)
	})
	list, refused := sorted(req, list, sortKeys[*protocol]{
		"name":          func(p *protocol) string { return p.Name },
		"current_state": func(p *protocol) string { return p.CurrentState },
	})
	if refused != nil {
		return *refused
	}
	return page(req, "protocols", list, func(p *protocol) protocolSummary {
		if p.PractitionerID == who.ID {
			return protocolSummary{p.ID, p.Name, p.CurrentState, ownershipOwned}
		}
		return protocolSummary{p.ID, p.Name, p.CurrentState, ownershipShared}
	})
}

func getProtocol(req *request) reply {
	p, found := req.state().protocols.get(req.path("id"))
	if !found || p.clinicID != "" && p.clinicID != req.clinic() {
		return notFound("Protocol")
	}
	full := protocolFull{p.ID, p.Name, p.CurrentState, nil, p.PersonalMessage, p.Recommendations}
	if p.PractitionerID != "" {
		full.Practitioner = &ref{p.PractitionerID}
	}
	return ok(object{"protocol": full})
}

// template is the forerunner of protocol.
type template struct {
	ID              string                   `json:"id"`
	Name            string                   `json:"name"`
	CurrentState    string                   `json:"current_state"`
	PractitionerID  string                   `json:"practitioner_id"`
	PersonalMessage *string                  `json:"personal_message"`
	Recommendations []protocolRecommendation `json:"recommendations"`

	clinicID string
}

func (t *template) rowID() string       { return t.ID }
func (t *template) rowGroups() []string { return []string{t.PractitionerID} }

type templateSummary struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	CurrentState string `json:"current_state"`
}

func listPractitionerTemplates(req *request) reply {
	who, found := req.practitioner(req.path("practitioner_id"))
	if !found {
		return notFound("Practitioner")
	}
	return page(req, "templates", req.state().templates.group(who.ID), func(t *template) templateSummary {
		return templateSummary{t.ID, t.Name, t.CurrentState}
	})
}

func getTemplate(req *request) reply {
	t, found := req.state().templates.get(req.path("id"))
	if !found || t.clinicID != req.clinic() {
		return notFound("Template")
	}
	return ok(object{"template": t})
}
