package sandbox

// event is something that happened in a clinic in the 30 days before the seed's day. Writes through the API make none, as with the partner.
type event struct {
	id        string
	kind      string // its type, such as order.placed
	createdAt string
	owner     string            // clinic that sees it, "" for all
	clinicID  string            // clinic it names: events of the catalogue and shipments name none
	data      func(*Server) any // made when asked for, since it may hold links
}

func (e *event) rowID() string       { return e.id }
func (e *event) rowGroups() []string { return []string{eventCategories[e.kind].list} }

type eventCategory struct{ list, scope string }

// eventCategories maps a type of event to the list that shows it and the scope it needs. Shipments are in no list: only their
// delivery shows them.
var eventCategories = map[string]eventCategory{
	"clinic_key.activated":                  {"clinic_keys", ""},
	"clinic_key.revoked":                    {"clinic_keys", ""},
	"order.placed":                          {"orders", scopeOrderHistory},
	"lab_order.updated":                     {"lab_orders", scopeOrderHistory},
	"treatment_plan.created":                {"treatment_plans", scopePlanHistory},
	"treatment_plan.updated":                {"treatment_plans", scopePlanHistory},
	"treatment_plan.recommendation.updated": {"treatment_plans", scopePlanHistory},
	"patient.created":                       {"patients", scopePatientsRead},
	"patient.updated":                       {"patients", scopePatientsRead},
	"patient.emancipated":                   {"patients", scopePatientsRead},
	"product.created":                       {"products", scopeCatalogRead},
	"product.updated":                       {"products", scopeCatalogRead},
	"product.description.updated":           {"products", scopeCatalogRead},
	"fulfillment.shipment.shipped":          {"", ""},
}

type eventSummary struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	CreatedAt string `json:"created_at"`
	ClinicID  string `json:"clinic_id,omitempty"`
}

func (e *event) summary() eventSummary { return eventSummary{e.id, e.kind, e.createdAt, e.clinicID} }

type eventFull struct {
	eventSummary
	IntegrationID *string `json:"integration_id"`
	Data          any     `json:"data"`
}

func (s *Server) eventFull(e *event) eventFull {
	full := eventFull{eventSummary: e.summary(), Data: e.data(s)}
	if c, found := s.state.clinics.get(e.clinicID); found {
		full.IntegrationID = c.IntegrationID
	}
	return full
}

// happen makes an event of the caller's clinic, which is sent in the background. Server.mu is held: nothing is sent before the change is visible.
func (r *request) happen(kind string, data func(*Server) any) (id string) {
	e := &event{id: r.state().newID(kindEvent), kind: kind, createdAt: r.now(), owner: r.clinic(), clinicID: r.clinic(), data: data}
	o, err := r.s.record(e, Emission{})
	if err != nil {
		panic("sandbox: event cannot be encoded: " + err.Error())
	}
	r.s.enqueue(o)
	return e.id
}

// visible reports whether a clinic sees an event; those of the catalogue are for all.
func (r *request) visible(e *event) bool { return e.owner == "" || e.owner == r.clinic() }

// listEvents makes the handler of one category.
func listEvents(category string) func(*request) reply {
	return func(req *request) reply {
		onDay, refused := req.days("created_at")
		if refused != nil {
			return *refused
		}
		kind := req.param("event_type")
		list := keep(req.state().events.group(category), func(e *event) bool {
			return req.visible(e) && (kind == "" || e.kind == kind) && onDay(e.createdAt)
		})
		list, refused = sorted(req, list, sortKeys[*event]{
			"created_at": func(e *event) string { return e.createdAt },
			"event_type": func(e *event) string { return e.kind },
		})
		if refused != nil {
			return *refused
		}
		return page(req, "events", list, (*event).summary)
	}
}

// getEvent needs the scope of the event's category, which is known only once it is found.
func getEvent(req *request) reply {
	e, found := req.state().events.get(req.path("id"))
	if !found || !req.visible(e) {
		return notFound("Event")
	}
	if scope := eventCategories[e.kind].scope; scope != "" && !req.caller.has(scope) {
		return missingScope(scope)
	}
	return ok(object{"event": req.s.eventFull(e)})
}

// delivery is one attempt to bring an event to the integrator's webhook address.
type delivery struct {
	id             string
	event          *event
	attempt        int
	attemptedAt    string
	previous, next *string
	delivered      bool
	status         int    // of the answer, 0 for none
	body           string // of the answer, where it was right
	unaddressed    bool   // there was no address when it fell due
}

func (d *delivery) rowID() string       { return d.id }
func (d *delivery) rowGroups() []string { return nil }

type deliveryView struct {
	ID                    string         `json:"id"`
	AttemptNumber         int            `json:"attempt_number"`
	AttemptedAt           string         `json:"attempted_at"`
	PreviousAttemptAt     *string        `json:"previous_attempt_at"`
	NextAttemptAt         *string        `json:"next_attempt_at"`
	SuccessfullyDelivered bool           `json:"successfully_delivered"`
	ResponseBody          *string        `json:"response_body"`
	ResponseHeader        *string        `json:"response_header"`
	ResponseStatus        *int           `json:"response_status"`
	ResponseIPAddress     *string        `json:"response_ip_address"`
	ResponseErrors        *string        `json:"response_errors"`
	EventPayload          webhookPayload `json:"event_payload"`
}

type webhookPayload struct {
	Event eventFull `json:"event"`
}

func (s *Server) deliveryView(d *delivery) deliveryView {
	v := deliveryView{
		ID: d.id, AttemptNumber: d.attempt, AttemptedAt: d.attemptedAt, PreviousAttemptAt: d.previous, NextAttemptAt: d.next,
		SuccessfullyDelivered: d.delivered, EventPayload: webhookPayload{s.eventFull(d.event)},
	}
	switch {
	case d.delivered:
		v.ResponseStatus, v.ResponseBody = new(d.status), new(d.body)
		v.ResponseHeader, v.ResponseIPAddress = new("Content-Type: application/json"), new("203.0.113.7")
	case d.status != 0:
		v.ResponseStatus = new(d.status)
	case d.unaddressed:
		v.ResponseErrors = new("There is no address to send to")
	default:
		v.ResponseErrors = new("Net::ReadTimeout")
	}
	return v
}

// listWebhookDeliveries carries whole events, unlike the lists above; an event is only sent when the authorisation covers its scope.
func listWebhookDeliveries(req *request) reply {
	if refused := req.oneOf("successfully_delivered", "true", "false"); refused != nil {
		return *refused
	}
	onDay, refused := req.days("attempted_at")
	if refused != nil {
		return *refused
	}
	eventID, outcome := req.param("event_id"), req.param("successfully_delivered")
	list := keep(req.state().deliveries.all(), func(d *delivery) bool {
		scope := eventCategories[d.event.kind].scope
		return req.visible(d.event) && (scope == "" || req.caller.has(scope)) &&
			(eventID == "" || d.event.id == eventID) &&
			(outcome == "" || d.delivered == (outcome == "true")) &&
			onDay(d.attemptedAt)
	})
	list, refused = sorted(req, list, sortKeys[*delivery]{
		"event_id":     func(d *delivery) string { return d.event.id },
		"attempted_at": func(d *delivery) string { return d.attemptedAt },
	})
	if refused != nil {
		return *refused
	}
	return page(req, "webhook_deliveries", list, req.s.deliveryView)
}
