package sandbox

import (
	"bytes"
	htmltemplate "html/template"
	"net/http"
	"slices"
	"strings"
)

var siteTemplates = htmltemplate.Must(htmltemplate.New("").Parse(`
{{define "notes"}}
{{with .Refused}}<p role="alert"><strong>{{.}}</strong></p>{{end}}
{{with .Event}}<p role="status">This made the event <code>{{.Type}}</code>, id <code>{{.ID}}</code>.</p>{{end}}
{{end}}

{{define "patient"}}<p><label>Patient <select name="patient_id"><option value="">a new one, as below</option>{{range .Patients}}
<option value="{{.Value}}"{{if eq .Value $.Fill.PatientID}} selected{{end}}>{{.Label}}</option>{{end}}</select></label></p>
<fieldset><legend>New patient</legend>
<p><label>First name <input name="first_name" value="{{.Fill.FirstName}}"></label>
<label>Last name <input name="last_name" value="{{.Fill.LastName}}"></label>
<label>Email <input type="email" name="email" value="{{.Fill.Email}}"></label></p></fieldset>{{end}}

{{define "product"}}<p><label>Product <select name="variant_id">{{range .Products}}
<option value="{{.Value}}">{{.Label}}</option>{{end}}</select></label>
<label>Units <input type="number" name="units_to_purchase" value="1" min="1" required></label></p>{{end}}

{{define "new"}}{{template "notes" .}}
<p>Opened for {{.User}}.</p>
<form method="post" action="{{.Action}}">{{template "patient" .}}
{{with .Practitioners}}<p><label>Practitioner <select name="practitioner_id">{{range .}}
<option value="{{.Value}}">{{.Label}}</option>{{end}}</select></label></p>{{end}}
{{template "product" .}}
<p><button>Create the draft</button></p></form>{{end}}

{{define "plan"}}{{template "notes" .}}
<dl>
<dt>Patient</dt><dd>{{.Patient}}</dd>
<dt>Practitioner</dt><dd>{{.Practitioner}}</dd>
<dt>State</dt><dd>{{.Plan.State}}</dd>
{{with .Plan.AvailableAt}}<dt>Available since</dt><dd>{{.}}</dd>{{end}}
{{with .Plan.PersonalMessage}}<dt>Message</dt><dd>{{.}}</dd>{{end}}
</dl>
<h2>Recommendations</h2>
<ul>{{range .Lines}}
<li>{{.Name}}{{if $.MayChange}}
<form method="post" action="{{$.Action}}"><input type="hidden" name="variant_id" value="{{.VariantID}}">
<label>Units <input type="number" name="units_to_purchase" value="{{.Units}}" min="1" required></label>
<button name="do" value="quantity">Change the quantity</button></form>{{else}}: {{.Units}}{{end}}</li>{{else}}
<li>None.</li>{{end}}{{range .Labs}}
<li>{{.}} (lab)</li>{{end}}
</ul>
{{if .MayChange}}<form method="post" action="{{.Action}}">{{template "product" .}}
<p><button name="do" value="quantity">Add the product</button></p></form>{{end}}
{{if .MayGive}}<form method="post" action="{{.Action}}">{{template "patient" .}}
<p><button name="do" value="patient">Set the patient</button></p></form>{{end}}
<form method="post" action="{{.Action}}"><p>
{{if .MayActivate}}<button name="do" value="activate">Activate</button>{{end}}
{{if .MayOrder}}<button name="do" value="order">Place the order</button>{{end}}
{{if .MayCancel}}<button name="do" value="cancel">Cancel the plan</button>{{end}}
</p></form>
{{with .Another}}<p><a href="{{.}}">Another plan</a></p>{{end}}{{end}}
`))

// sitePage fills a page of the site in. A problem is shown with the status that the API would have.
func sitePage(v *visit, title, name string, data any, refused []problem) reply {
	var body bytes.Buffer
	if err := siteTemplates.ExecuteTemplate(&body, name, data); err != nil {
		panic("sandbox: page " + name + ": " + err.Error())
	}
	page := htmlPage(title, body.String())
	if v.framed { // wherever the app is
		page = page.with("Content-Security-Policy", framedPolicy+"; form-action 'self'")
	}
	if len(refused) > 0 {
		page.status = http.StatusUnprocessableEntity
	}
	return page
}

// deadLink is also the answer to a link of one clinic with the plan of another.
func deadLink() reply {
	page := htmlPage("Unknown link", "<p>This link leads nowhere. Links are good for a while only: ask the API for another one.</p>")
	page.status = http.StatusNotFound
	return page
}

// siteNotes is what happened last.
type siteNotes struct {
	Action  string // where forms go to
	Refused string
	Event   *eventSummary
}

func (r *request) notes(action string, refused []problem) siteNotes {
	n := siteNotes{Action: action}
	sentences := make([]string, len(refused))
	for i, p := range refused {
		sentences[i] = p.sentence()
	}
	n.Refused = strings.Join(sentences, ". ")
	if e, found := r.state().events.get(r.param("event")); found && e.owner == r.clinic() && len(refused) == 0 {
		n.Event = new(e.summary())
	}
	return n
}

type option struct{ Value, Label string }

type planLine struct {
	VariantID, Name string
	Units           int
}

func (r *request) showPlan(v *visit, p *plan, refused []problem) reply {
	data := struct {
		siteNotes
		patientFields
		Plan                                                 *plan
		Patient, Practitioner                                string
		Another                                              string
		Lines                                                []planLine
		Labs                                                 []string
		Products                                             []option
		MayActivate, MayCancel, MayChange, MayOrder, MayGive bool
	}{
		siteNotes: r.notes(r.here(), refused), Plan: p, Patient: "nobody yet",
		MayActivate: p.State == stateDraft && p.PatientID != "" && !v.patients, MayGive: p.PatientID == "" && !v.patients,
		MayCancel: p.State == stateActive && !v.patients,
		MayChange: p.frozen() == nil && !v.patients, MayOrder: p.State == stateActive,
	}
	if who, found := r.state().patients.get(p.PatientID); found {
		data.Patient = who.name()
	}
	if who, found := r.state().practitioners.get(p.PractitionerID); found {
		data.Practitioner = who.FirstName + " " + who.LastName
	}
	for _, rec := range p.Recommendations {
		line := planLine{rec.VariantID, rec.VariantID, rec.UnitsToPurchase}
		if v, found := r.state().variants.get(rec.VariantID); found {
			line.Name = v.product.Name + rec.Dosage.words()
		}
		data.Lines = append(data.Lines, line)
	}
	for _, l := range p.labs {
		data.Labs = append(data.Labs, l.Name)
	}
	if data.MayChange {
		data.Products = r.products()
	}
	if !v.patients {
		data.Another = relative(r.http.URL.Path, sitePath+"treatment_plans/new") + r.here()
	}
	if data.MayGive {
		data.patientFields = r.patientFields(v.fill)
	}
	return sitePage(v, "Treatment plan", "plan", data, refused)
}

func (r *request) showNewPlan(v *visit, action string, fill prefill, refused []problem) reply {
	data := struct {
		siteNotes
		patientFields
		User          string
		Practitioners []option
		Products      []option
	}{
		siteNotes: r.notes(action, refused), patientFields: r.patientFields(fill), User: v.user.ownerType + " " + v.user.ownerID,
		Products: r.products(),
	}
	if v.user.practitionerID() == "" && fill.PractitionerID == "" {
		for _, p := range r.state().practitioners.group(r.clinic()) {
			data.Practitioners = append(data.Practitioners, option{p.ID, p.FirstName + " " + p.LastName})
		}
	}
	return sitePage(v, v.title, "new", data, refused)
}

// patientFields are for choosing a patient, or making one.
type patientFields struct {
	Patients []option
	Fill     prefill
}

func (r *request) patientFields(fill prefill) patientFields {
	f := patientFields{Fill: fill}
	for _, p := range r.state().patients.group(r.clinic()) {
		if !p.Archived {
			f.Patients = append(f.Patients, option{p.ID, p.LastName + ", " + p.FirstName})
		}
	}
	byLabel(f.Patients)
	return f
}

func byLabel(list []option) {
	slices.SortStableFunc(list, func(a, b option) int { return strings.Compare(a.Label, b.Label) })
}

// here is the page itself, with the link that leads to it.
func (r *request) here() string {
	if key := r.param("link"); key != "" {
		return "?link=" + key
	}
	return "?"
}

// shownProducts is how many a page lets choose from; a form takes any other variant's id as well.
const shownProducts = 60

func (r *request) products() []option {
	c, _ := r.state().clinics.get(r.clinic())
	var out []option
	for _, p := range r.state().products.all() {
		if v := p.variants[0]; !c.hiddenBrands[p.brand.ID] && len(out) < shownProducts {
			out = append(out, option{v.ID, p.Name + " (" + v.SKU + ")"})
		}
	}
	byLabel(out)
	return out
}
