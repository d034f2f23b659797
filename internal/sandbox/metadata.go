package sandbox

// metadataMatch is a record found by the integrator's own id.
type metadataMatch struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data any    `json:"data"`
}

// findByMetadata lists the clinic's records that carry an integrator's id, all of them when none is asked for.
func findByMetadata(req *request) reply {
	if refused := req.oneOf("type", "patient", "practitioner", "staff", "treatment_plan"); refused != nil {
		return *refused
	}
	st, wanted, only := req.state(), req.param("id"), req.param("type")
	var found []func() metadataMatch
	add := func(kind string, m externalID, data func() any) {
		if m.ID != nil && (wanted == "" || *m.ID == wanted) && (only == "" || only == kind) {
			found = append(found, func() metadataMatch { return metadataMatch{*m.ID, kind, data()} })
		}
	}
	for _, p := range st.patients.group(req.clinic()) {
		add("patient", p.Metadata, func() any { return st.patientFull(p) })
	}
	for _, p := range st.practitioners.group(req.clinic()) {
		add("practitioner", p.Metadata, func() any { return p })
	}
	for _, m := range st.staff.group(req.clinic()) {
		add("staff", m.Metadata, func() any { return m })
	}
	for _, p := range st.plans.group(req.clinic()) {
		add("treatment_plan", p.Metadata, func() any { return req.s.planFull(p) })
	}
	return page(req, "metadata", found, func(f func() metadataMatch) metadataMatch { return f() })
}
