package sandbox

import (
	"slices"
	"strings"
)

// lab is a test of the lab catalogue, made of components.
type lab struct {
	ID              string  `json:"id"`
	Name            string  `json:"name"`
	RequiresFasting bool    `json:"requires_fasting"`
	Instructions    *string `json:"instructions"`

	active     bool // only active ones are listed
	components []namedItem
	variantID  string // what a lab line of an order names
}

func (l *lab) rowID() string       { return l.ID }
func (l *lab) rowGroups() []string { return nil }

type labRecommendation struct {
	ID              string      `json:"id"`
	Name            string      `json:"name"`
	RequiresFasting bool        `json:"requires_fasting"`
	Instructions    *string     `json:"instructions"`
	Tests           []namedItem `json:"tests"`
}

func labRecommendations(labs []*lab) []labRecommendation {
	out := make([]labRecommendation, len(labs))
	for i, l := range labs {
		out[i] = labRecommendation{l.ID, l.Name, l.RequiresFasting, l.Instructions, l.components}
	}
	return out
}

// labOrderStates is the life of a lab order; the last two are other names of partial_results and results_ready.
var labOrderStates = []string{
	"not_purchased", "purchased", "schedule_appointment", "upcoming_appointment", "processing", "partial_results", "results_ready",
	"results_amended", "interpretation_ready", "interpretation_shared", "results_received", "all_results_received",
}

type labOrder struct {
	ID               string
	State            string
	TreatmentPlanID  *string
	PatientID        string
	PractitionerID   string
	Name             *string
	CollectionMethod *string

	tests    []*orderedTest
	results  []labResult
	report   *labReport
	clinicID string
}

func (o *labOrder) rowID() string       { return o.ID }
func (o *labOrder) rowGroups() []string { return []string{o.clinicID} }

// orderedTest is a lab test once it is ordered; results do not correspond to tests one to one.
type orderedTest struct {
	ID              string  `json:"id"`
	Name            string  `json:"name"`
	RequiresFasting bool    `json:"requires_fasting"`
	Instructions    *string `json:"instructions"`

	clinicID string
}

func (t *orderedTest) rowID() string       { return t.ID }
func (t *orderedTest) rowGroups() []string { return []string{t.clinicID} }

type labResult struct {
	id    string
	name  *string
	state string
	ready bool
}

type labReport struct{ id, artifactID, status string }

type labOrderSummary struct {
	ID              string  `json:"id"`
	State           string  `json:"state"`
	TreatmentPlanID *string `json:"treatment_plan_id"`
	PatientID       string  `json:"patient_id"`
	PractitionerID  string  `json:"practitioner_id"`
}

func (o *labOrder) summary() labOrderSummary {
	return labOrderSummary{o.ID, o.State, o.TreatmentPlanID, o.PatientID, o.PractitionerID}
}

type labOrderFull struct {
	labOrderSummary
	Name                   *string         `json:"name"`
	CollectionMethod       *string         `json:"collection_method"`
	Tests                  []namedItem     `json:"tests"`
	Results                []labResultView `json:"results"`
	LatestAggregatedResult *labReportView  `json:"latest_aggregated_result"`
}

type labResultView struct {
	ID     string  `json:"id"`
	Name   *string `json:"name"`
	State  string  `json:"state"`
	PDFURL *string `json:"pdf_url"`
}

type labReportView struct {
	ID         string `json:"id"`
	ArtifactID string `json:"artifact_id"`
	PDFURL     string `json:"pdf_url"`
	Status     string `json:"status"`
}

func (s *Server) labOrderFull(o *labOrder) labOrderFull {
	full := labOrderFull{
		labOrderSummary: o.summary(), Name: o.Name, CollectionMethod: o.CollectionMethod,
		Tests: make([]namedItem, len(o.tests)), Results: make([]labResultView, len(o.results)),
	}
	for i, t := range o.tests {
		full.Tests[i] = namedItem{t.ID, t.Name}
	}
	for i, r := range o.results {
		full.Results[i] = labResultView{ID: r.id, Name: r.name, State: r.state}
		if r.ready {
			full.Results[i].PDFURL = new(s.file("lab-result-" + r.id))
		}
	}
	if o.report != nil {
		full.LatestAggregatedResult = &labReportView{o.report.id, o.report.artifactID, s.file("lab-report-" + o.report.id), o.report.status}
	}
	return full
}

func listLabOrders(req *request) reply {
	list := req.state().labOrders.group(req.clinic())
	if patientID := req.param("patient_id"); patientID != "" {
		list = keep(list, func(o *labOrder) bool { return o.PatientID == patientID })
	}
	return page(req, "orders", list, (*labOrder).summary)
}

func getLabOrder(req *request) reply {
	o, found := req.state().labOrders.get(req.path("id"))
	if !found || o.clinicID != req.clinic() {
		return notFound("Lab order")
	}
	return ok(object{"order": req.s.labOrderFull(o)})
}

func getOrderedLabTest(req *request) reply {
	t, found := req.state().orderedTests.get(req.path("id"))
	if !found || t.clinicID != req.clinic() {
		return notFound("Lab test")
	}
	return ok(object{"test": t})
}

func listLabTests(req *request) reply {
	return page(req, "labs", keep(req.state().labs.all(), func(l *lab) bool { return l.active }), same)
}

func getLabTest(req *request) reply {
	l, found := req.state().labs.get(req.path("id"))
	if !found {
		return notFound("Lab test")
	}
	return ok(object{"lab": l})
}

// searchLabTests looks at the names of labs and of what they are made of.
func searchLabTests(req *request) reply {
	words := strings.Fields(req.param("query"))
	return page(req, "labs", keep(req.state().labs.all(), func(l *lab) bool {
		for _, word := range words {
			in := func(n namedItem) bool { return contains(n.Name, word) }
			if !contains(l.Name, word) && !slices.ContainsFunc(l.components, in) {
				return false
			}
		}
		return l.active
	}), same)
}
