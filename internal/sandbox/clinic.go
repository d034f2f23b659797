package sandbox

type clinic struct {
	ID                     string  `json:"id"`
	Name                   string  `json:"name"`
	PatientCount           int     `json:"patient_count"`
	PractitionerCount      int     `json:"practitioner_count"`
	Discount               float64 `json:"discount"`
	DispensaryURL          string  `json:"dispensary_url"`
	IntegrationID          *string `json:"integration_id"`
	IntegrationActivatedAt *string `json:"integration_activated_at"`
	MarginType             *string `json:"margin_type"`

	hiddenBrands map[string]bool // brands this clinic may not see
}

func (c *clinic) rowID() string       { return c.ID }
func (c *clinic) rowGroups() []string { return nil }

func getClinic(req *request) reply {
	c, _ := req.state().clinics.get(req.clinic())
	shown := *c
	shown.PatientCount = len(req.state().patients.group(c.ID))
	shown.PractitionerCount = len(req.state().practitioners.group(c.ID))
	return ok(object{"clinic": shown})
}

// externalID is the one value an integrator may attach to a record.
type externalID struct {
	ID *string `json:"id"`
}

// ref is a related record of which only the id is sent.
type ref struct {
	ID string `json:"id"`
}
