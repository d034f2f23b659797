package fsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"reflect"
	"strings"
	"time"
)

// EventsService reads what happened in the clinic in the last 30 days. Changes
// made through this API never appear, but those behind dynamic links do.
// https://fullscript.dev/technical-reference/events
type EventsService service

// Event is something that happened. List items lack its data and the
// integration's id.
type Event struct {
	Record
	ID            EventID         `json:"id"`
	Type          EventType       `json:"type"`
	CreatedAt     *DateTime       `json:"created_at"`
	ClinicID      *ClinicID       `json:"clinic_id"`
	IntegrationID *string         `json:"integration_id"`
	Data          EventData       `json:"-"`
	RawData       json.RawMessage `json:"data"` // emptied into Data
}

// FullscriptID is the partner's own id.
func (e *Event) FullscriptID() string { return string(e.ID) }

// Clinic is the id of the clinic that the event is of, "" for none.
func (e *Event) Clinic() string {
	if e.ClinicID == nil {
		return ""
	}
	return string(*e.ClinicID)
}

// TypeRaw is the partner's text of the type.
func (e *Event) TypeRaw() *string { return rawText(e.Type) }

func (e *Event) decoded() {
	if e.held&eventRawData == 0 {
		return
	}
	if e.RawData != nil {
		e.Data = newEventData(e.Type, e.RawData)
	}
	e.Hold(eventData)
	e.RawData = nil
}

// needs: the data are read by the type.
func (*Event) needs(Fields) Fields { return AllFields }

var (
	eventRawData = FieldOf(reflect.TypeFor[Event](), "RawData")
	eventData    = FieldOf(reflect.TypeFor[Event](), "Data")
)

// EventType says what happened.
type EventType string

var eventTypes = []string{
	"clinic_key.activated", "clinic_key.revoked",
	"order.placed",
	"lab_order.updated",
	"treatment_plan.created", "treatment_plan.updated", "treatment_plan.recommendation.updated",
	"patient.created", "patient.updated", "patient.emancipated",
	"product.created", "product.updated", "product.description.updated",
	"fulfillment.shipment.shipped",
}

func (e EventType) MarshalGQL(w io.Writer)    { marshalEnum(w, eventTypes, string(e)) }
func (e *EventType) UnmarshalGQL(v any) error { return unmarshalEnum(eventTypes, v, (*string)(e)) }

// Category is the first part of a type, by which the partner lists events.
func (e EventType) Category() string {
	first, _, _ := strings.Cut(string(e), ".")
	return first
}

// EventCategories are the partner's lists of events, by the category of the types
// in them. Who can read a list may see its events.
var EventCategories = map[string]func(*EventsService, context.Context, *EventListOptions) (*Page[Event], error){
	"clinic_key":     (*EventsService).ListClinicKeyEvents,
	"lab_order":      (*EventsService).ListLabOrderEvents,
	"order":          (*EventsService).ListOrderEvents,
	"patient":        (*EventsService).ListPatientEvents,
	"product":        (*EventsService).ListProductEvents,
	"treatment_plan": (*EventsService).ListTreatmentPlanEvents,
}

// EachEvent is [Each] for the events of a category.
func EachEvent(ctx context.Context, s *EventsService, category string, o EventListOptions) iter.Seq2[*Event, error] {
	list := func(ctx context.Context, o *EventListOptions) (*Page[Event], error) {
		return EventCategories[category](s, ctx, o)
	}
	return Each(ctx, list, o)
}

// EventsSince iterates over the events of a category that happened at a moment or
// later, the newest first; over all for the zero time. Events whose moment is not told
// are left out.
func EventsSince(ctx context.Context, s *EventsService, category string, since time.Time) iter.Seq2[*Event, error] {
	o := EventListOptions{OrderBy: EventSort{Field: "created_at", Direction: "DESC"}}
	if !since.IsZero() {
		// The API chooses by days and does not say of which zone.
		day := Date(since.UTC().AddDate(0, 0, -2).Format(time.DateOnly))
		o.CreatedAt = &DateFilter{After: &day}
	}
	return func(yield func(*Event, error) bool) {
		for e, err := range EachEvent(ctx, s, category, o) {
			switch {
			case err != nil:
				yield(nil, err)
				return
			case e.ID == "" || e.CreatedAt == nil:
				continue
			case e.CreatedAt.Time().Before(since) || !yield(e, nil):
				return
			}
		}
	}
}

// EventSort is how events are sorted.
type EventSort = Sort[EventSortField]

// EventSortField is what events are sorted by.
type EventSortField string

var eventSorts = []string{"event_type", "created_at"}

func (e EventSortField) MarshalGQL(w io.Writer)    { marshalEnum(w, eventSorts, string(e)) }
func (e *EventSortField) UnmarshalGQL(v any) error { return unmarshalEnum(eventSorts, v, (*string)(e)) }

// EventListOptions choose and sort the events of one category.
type EventListOptions struct {
	CreatedAt *DateFilter `url:"created_at"`
	EventType *EventType  `url:"event_type"`
	OrderBy   EventSort
	PageOptions
}

// ListClinicKeyEvents returns the events of the older clinic-key integrations.
// https://fullscript.dev/technical-reference/events
//
// op: GET /events/clinic_keys
func (s *EventsService) ListClinicKeyEvents(ctx context.Context, o *EventListOptions) (*Page[Event], error) {
	return getPage[Event](ctx, s.client, get("/events/clinic_keys"), o, "events")
}

// ListOrderEvents returns the events of orders.
// https://fullscript.dev/technical-reference/events
//
// op: GET /events/orders
func (s *EventsService) ListOrderEvents(ctx context.Context, o *EventListOptions) (*Page[Event], error) {
	return getPage[Event](ctx, s.client, get("/events/orders"), o, "events")
}

// ListPatientEvents returns the events of patients.
// https://fullscript.dev/technical-reference/events
//
// op: GET /events/patients
func (s *EventsService) ListPatientEvents(ctx context.Context, o *EventListOptions) (*Page[Event], error) {
	return getPage[Event](ctx, s.client, get("/events/patients"), o, "events")
}

// ListProductEvents returns the events of products.
// https://fullscript.dev/technical-reference/events
//
// op: GET /events/products
func (s *EventsService) ListProductEvents(ctx context.Context, o *EventListOptions) (*Page[Event], error) {
	return getPage[Event](ctx, s.client, get("/events/products"), o, "events")
}

// ListTreatmentPlanEvents returns the events of treatment plans.
// https://fullscript.dev/technical-reference/events
//
// op: GET /events/treatment_plans
func (s *EventsService) ListTreatmentPlanEvents(ctx context.Context, o *EventListOptions) (*Page[Event], error) {
	return getPage[Event](ctx, s.client, get("/events/treatment_plans"), o, "events")
}

// ListLabOrderEvents returns the events of lab orders.
// https://fullscript.dev/technical-reference/events
//
// op: GET /events/lab_orders
func (s *EventsService) ListLabOrderEvents(ctx context.Context, o *EventListOptions) (*Page[Event], error) {
	return getPage[Event](ctx, s.client, get("/events/lab_orders"), o, "events")
}

// Get returns one event with its data.
// https://fullscript.dev/technical-reference/events
//
// op: GET /events/{id}
func (s *EventsService) Get(ctx context.Context, id string) (*Event, error) {
	return getOne[Event](ctx, s.client, get("/events/{id}", id), nil, "event")
}

// GetBody returns one event, and the answer that it is in, which has the form of a
// webhook's body.
// https://fullscript.dev/technical-reference/events
//
// op: GET /events/{id}
func (s *EventsService) GetBody(ctx context.Context, id string) (e *Event, body []byte, err error) {
	r := get("/events/{id}", id)
	err = s.client.do(ctx, r, nil, nil, nil, func(a *answer) (err error) {
		if e, err = ParseEvent(a.body.Bytes()); err != nil {
			return err
		}
		body = bytes.Clone(a.body.Bytes())
		return r.answeredBy(e)
	})
	return e, body, err
}
