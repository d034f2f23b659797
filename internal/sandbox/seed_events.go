package sandbox

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// makeEvents makes some of every type, in the 30 days before the seed ends, and their deliveries.
func (d *records) makeEvents() {
	s := newSequence("events")
	var made []*event
	add := func(kind, owner string, data func(*Server) any) *event {
		e := &event{kind: kind, createdAt: timestamp(s.moment(29)), owner: owner, clinicID: owner, data: data}
		made = append(made, e)
		return e
	}
	for i, c := range d.clinics.seed.list {
		d.clinicEvents(s, c.ID, 24-12*i, add)
	}
	for _, kind := range []string{"product.created", "product.updated", "product.description.updated"} {
		for range 12 {
			add(kind, "", productData(kind, pick(s, d.products.seed.list)))
		}
	}
	for n := range 4 {
		add("fulfillment.shipment.shipped", ClinicID, shipmentData(n, pick(s, d.variants.seed.list))).clinicID = ""
	}
	slices.SortStableFunc(made, func(a, b *event) int { return cmp.Compare(a.createdAt, b.createdAt) })
	for i, e := range made {
		e.id = id(kindEvent, i)
		d.events.seed.add(e)
	}
	d.makeDeliveries(s)
}

func (d *records) clinicEvents(s *sequence, clinicID string, n int, add func(kind, owner string, data func(*Server) any) *event) {
	orders := keep(d.orders.seed.byGroup[clinicID], func(o *order) bool { return o.CompletedAt != nil })
	sent := keep(d.plans.seed.byGroup[clinicID], func(p *plan) bool { return p.State == stateActive })
	cancelled := keep(d.plans.seed.byGroup[clinicID], func(p *plan) bool { return p.State == stateCancelled })
	patients := d.patients.seed.byGroup[clinicID]
	for range n {
		o := pick(s, orders)
		add("order.placed", clinicID, orderData(o, d.practitionersOfOrder(o)))
		add("lab_order.updated", clinicID, d.labOrderData(pick(s, d.labOrders.seed.byGroup[clinicID])))
		add("treatment_plan.created", clinicID, planData(pick(s, sent)))
		add("treatment_plan.recommendation.updated", clinicID, planData(pick(s, sent)))
		add("treatment_plan.updated", clinicID, planData(pick(s, cancelled)))
		add("patient.created", clinicID, patientData(pick(s, patients), false))
		add("patient.updated", clinicID, patientData(pick(s, patients), false))
	}
	adults := keep(patients, func(p *patient) bool { return p.GuardianID == nil })
	for range 3 {
		add("patient.emancipated", clinicID, patientData(pick(s, adults), true))
	}
	add("clinic_key.activated", clinicID, func(*Server) any { return object{} })
	add("clinic_key.revoked", clinicID, func(*Server) any { return object{} })
}

// The data of each type, shaped as the partner's webhook pages print it.

func orderData(o *order, practitioners []string) func(*Server) any {
	return func(*Server) any {
		return object{
			"id": o.ID, "order_number": o.OrderNumber, "completed_at": o.CompletedAt, "treatment_plan_ids": o.TreatmentPlanIDs,
			"practitioner_ids": practitioners, "patient_id": o.PatientID, "line_items": o.LineItems,
		}
	}
}

// practitionersOfOrder are those of its plans.
func (d *records) practitionersOfOrder(o *order) []string {
	out := []string{}
	for _, planID := range o.TreatmentPlanIDs {
		out = append(out, d.plans.seed.byID[planID].PractitionerID)
	}
	return out
}

// labOrderData says status where the REST API says state.
func (d *records) labOrderData(o *labOrder) func(*Server) any {
	who := d.patients.seed.byID[o.PatientID]
	return func(*Server) any {
		about := object{
			"id": o.ID, "practitioner_id": o.PractitionerID, "patient_id": o.PatientID, "first_name": who.FirstName, "last_name": who.LastName,
			"status": o.State,
		}
		if who.Email != nil {
			about["email"] = *who.Email
		}
		return object{"lab_order": about}
	}
}

// planData says active with a text where the REST API says state.
func planData(p *plan) func(*Server) any {
	active := "false"
	if p.State == stateActive {
		active = "true"
	}
	return func(s *Server) any {
		return object{"treatment_plan": object{
			"id": p.ID, "active": active, "available_at": p.AvailableAt, "patient": ref{p.PatientID}, "practitioner": ref{p.PractitionerID},
			"recommendations": p.recommendations(), "resources": s.resourceViews(p.resources), "lab_recommendations": labRecommendations(p.labs),
		}}
	}
}

// patientData returns the patient as of the event; later changes do not affect it. Only
// patient.emancipated events report whether the patient is a dependent.
func patientData(p *patient, emancipated bool) func(*Server) any {
	return func(s *Server) any {
		about := object{
			"id": p.ID, "first_name": p.FirstName, "last_name": p.LastName, "email": p.Email, "date_of_birth": p.DateOfBirth, "gender": p.Gender,
			"discount": p.Discount, "total_discount": s.state.totalDiscount(p), "mobile_number": p.MobileNumber,
			"text_message_notification": p.TextMessageNotification,
		}
		if emancipated {
			about["is_dependent"], about["guardian_patient_id"] = false, nil
		}
		return object{"patient": about}
	}
}

// productData has no product id, and product.created is not nested.
func productData(kind string, p *product) func(*Server) any {
	return func(*Server) any {
		about := object{
			"name": p.Name, "description_html": p.DescriptionHTML, "brand": p.brand.brandRef, "variants": p.full(nil).Variants, "dosage": p.Dosage,
		}
		if kind == "product.created" {
			return about
		}
		return object{"product": about}
	}
}

func shipmentData(n int, v *variant) func(*Server) any {
	return func(*Server) any {
		return object{"fulfillment_shipment": object{
			"order_id": id(kindFulfillment, n), "number": "H" + id(kindFulfillment, n)[2:8], "state": "shipped", "shipped_at": "2026-03-08T00:00:00Z",
			"delivered_at": nil, "carrier": "UPS", "tracking_number": "1Z" + id(kindFulfillment, n)[24:], "tracking_url": "https://carrier.example/track",
			"order_shipment_state": "shipped", "shipped_skus": []object{{"sku": v.SKU, "quantity": 1}},
		}}
	}
}

// makeDeliveries: most arrive at once, every ninth at the second attempt, every twenty-third not yet. Clinic keys are older than webhooks.
func (d *records) makeDeliveries(s *sequence) {
	for i, e := range d.events.seed.list {
		if eventCategories[e.kind].list == "clinic_keys" {
			continue
		}
		created, err := time.Parse(time.RFC3339, e.createdAt)
		if err != nil {
			panic("sandbox: seed: " + err.Error())
		}
		first, second := timestamp(created.Add(2*time.Second)), timestamp(created.Add(30*time.Minute))
		add := func(v delivery) {
			v.id, v.event = id(kindDelivery, len(d.deliveries.seed.list)), e
			if v.delivered {
				v.status, v.body = http.StatusOK, `{"challenge":"`+DefaultWebhookChallenge+`"}`
			}
			d.deliveries.seed.add(&v)
		}
		switch {
		case i%23 == 22:
			add(delivery{attempt: 1, attemptedAt: first, next: &second})
		case i%9 == 8:
			add(delivery{attempt: 1, attemptedAt: first, next: &second})
			add(delivery{attempt: 2, attemptedAt: second, previous: &first, delivered: true})
		default:
			add(delivery{attempt: 1, attemptedAt: first, delivered: true})
		}
	}
}
