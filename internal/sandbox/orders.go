package sandbox

import (
	"fmt"
	"slices"
)

type order struct {
	ID               string
	OrderNumber      string
	CompletedAt      *string // with the clinic's offset, unlike the times of plans
	TreatmentPlanIDs []string
	PatientID        string
	ItemTotal        string
	MSRPTotal        string
	PaymentTotal     string
	LineItems        []lineItem

	clinicID string
}

func (o *order) rowID() string       { return o.ID }
func (o *order) rowGroups() []string { return []string{o.clinicID, o.PatientID} }

type lineItem struct {
	VariantID string  `json:"variant_id"`
	Quantity  int     `json:"quantity"`
	Type      string  `json:"type"`
	LabType   *string `json:"lab_type"`
}

// orderTime is how the times of orders are written.
const orderTime = "2006-01-02T15:04:05.000-07:00"

const (
	lineSupplement = "supplement"
	lineLabs       = "labs"
)

// hasLabs is the sign of a lab purchase.
func (o *order) hasLabs() bool {
	return slices.ContainsFunc(o.LineItems, func(l lineItem) bool { return l.Type == lineLabs })
}

// add puts a line into the order and returns its price in cents, before discounts.
func (o *order) add(v *variant, quantity int) int {
	o.LineItems = append(o.LineItems, lineItem{v.ID, quantity, lineSupplement, nil})
	return v.priceCents * quantity
}

func (o *order) addLab(l *lab) int {
	o.LineItems = append(o.LineItems, lineItem{l.variantID, 1, lineLabs, new("panel")})
	return 8900
}

// total is for lines of a price: discounts in percent, shipping of small orders, and tax.
func (o *order) total(full, percent int) {
	items := full * (100 - percent) / 100
	shipping := 0
	if items < 5000 {
		shipping = 595
	}
	o.MSRPTotal, o.ItemTotal, o.PaymentTotal = cents(full), cents(items), cents(items*106/100+shipping)
}

// placeOrder buys what a plan recommends and empties the patient's cart. No operation of the API does it.
func (r *request) placeOrder(p *plan) (*order, *problem) {
	if p.State != stateActive {
		return nil, &problem{"", "invalid_state", "Treatment plan is " + p.State + " and nothing can be ordered"}
	}
	st := r.state()
	o := &order{
		ID: st.newID(kindOrder), OrderNumber: fmt.Sprintf("R%09d", 500_000_000+st.ids), PatientID: p.PatientID, clinicID: p.clinicID,
		TreatmentPlanIDs: []string{p.ID}, CompletedAt: new(r.s.opts.Now().In(clinicZone).Format(orderTime)),
	}
	full := 0
	for _, rec := range p.Recommendations {
		if v, found := st.variants.get(rec.VariantID); found {
			full += o.add(v, rec.UnitsToPurchase)
		}
	}
	for _, l := range p.labs {
		full += o.addLab(l)
	}
	if len(o.LineItems) == 0 {
		return nil, &problem{"", "empty", "Treatment plan has no recommendations to order"}
	}
	if who, found := st.patients.get(p.PatientID); found {
		o.total(full, int(st.totalDiscount(who)))
	}
	st.orders.put(o)
	delete(st.carts, p.PatientID)
	return o, nil
}

type orderSummary struct {
	ID               string   `json:"id"`
	OrderNumber      string   `json:"order_number"`
	CompletedAt      *string  `json:"completed_at"`
	TreatmentPlanIDs []string `json:"treatment_plan_ids"`
	VariantIDs       []string `json:"variant_ids"`
	PatientID        string   `json:"patient_id,omitempty"` // left out of a patient's own list
}

func (o *order) summary() orderSummary {
	s := o.patientSummary()
	s.PatientID = o.PatientID
	return s
}

func (o *order) patientSummary() orderSummary {
	variants := make([]string, len(o.LineItems))
	for i, l := range o.LineItems {
		variants[i] = l.VariantID
	}
	return orderSummary{ID: o.ID, OrderNumber: o.OrderNumber, CompletedAt: o.CompletedAt, TreatmentPlanIDs: o.TreatmentPlanIDs, VariantIDs: variants}
}

// orderFull has no variant_ids: the line items tell.
type orderFull struct {
	ID               string     `json:"id"`
	OrderNumber      string     `json:"order_number"`
	CompletedAt      *string    `json:"completed_at"`
	TreatmentPlanIDs []string   `json:"treatment_plan_ids"`
	PatientID        string     `json:"patient_id"`
	ItemTotal        string     `json:"item_total"`
	MSRPTotal        string     `json:"msrp_total"`
	PaymentTotal     string     `json:"payment_total"`
	LineItems        []lineItem `json:"line_items"`
}

func (o *order) full() orderFull {
	return orderFull{o.ID, o.OrderNumber, o.CompletedAt, o.TreatmentPlanIDs, o.PatientID, o.ItemTotal, o.MSRPTotal, o.PaymentTotal, o.LineItems}
}

func (o *order) completedAt() string {
	if o.CompletedAt == nil {
		return ""
	}
	return *o.CompletedAt
}

func listOrders(req *request) reply {
	if refused := req.oneOf("type", "all", "labs"); refused != nil {
		return *refused
	}
	onDay, refused := req.days("completed_at")
	if refused != nil {
		return *refused
	}
	patientID, planID, number := req.param("patient_id"), req.param("treatment_plan_id"), req.param("order_number")
	list := keep(req.state().orders.group(req.clinic()), func(o *order) bool {
		return (patientID == "" || o.PatientID == patientID) &&
			(planID == "" || slices.Contains(o.TreatmentPlanIDs, planID)) &&
			(number == "" || o.OrderNumber == number) &&
			(req.param("type") != "labs" || o.hasLabs()) &&
			onDay(o.completedAt())
	})
	list, refused = sorted(req, list, sortKeys[*order]{
		"patient_id":   func(o *order) string { return o.PatientID },
		"completed_at": (*order).completedAt,
		"order_number": func(o *order) string { return o.OrderNumber },
		"treatment_plan_id": func(o *order) string {
			if len(o.TreatmentPlanIDs) == 0 {
				return ""
			}
			return o.TreatmentPlanIDs[0]
		},
	})
	if refused != nil {
		return *refused
	}
	return page(req, "orders", list, (*order).summary)
}

func getOrder(req *request) reply {
	o, found := req.state().orders.get(req.path("id"))
	if !found || o.clinicID != req.clinic() {
		return notFound("Order")
	}
	return ok(object{"order": o.full()})
}

func listPatientOrders(req *request) reply {
	p, found := req.patient(req.path("patient_id"))
	if !found {
		return notFound("Patient")
	}
	return page(req, "orders", req.state().orders.group(p.ID), (*order).patientSummary)
}
