package fsclient

import (
	"context"
	"encoding/json"
	"io"
	"reflect"
)

// WebhookDeliveriesService reads what the partner sent to the app's webhook
// address in the last 30 days.
// https://fullscript.dev/technical-reference/webhooks
type WebhookDeliveriesService service

// WebhookDelivery is one attempt to deliver an event. List items are whole,
// and unlike the lists of events they carry the events' data.
type WebhookDelivery struct {
	Record
	ID                    *WebhookDeliveryID `json:"id"`
	AttemptNumber         *int               `json:"attempt_number"`
	AttemptedAt           *DateTime          `json:"attempted_at"`
	PreviousAttemptAt     *DateTime          `json:"previous_attempt_at"`
	NextAttemptAt         *DateTime          `json:"next_attempt_at"`
	SuccessfullyDelivered *bool              `json:"successfully_delivered"`
	ResponseBody          *string            `json:"response_body"`
	ResponseHeader        *string            `json:"response_header"`
	ResponseStatus        *int               `json:"response_status"`
	ResponseIPAddress     *string            `json:"response_ip_address"`
	ResponseErrors        *string            `json:"response_errors"`
	Payload               json.RawMessage    `json:"event_payload"` // emptied into Event
	Event                 *Event             `json:"-"`
}

// FullscriptID is the partner's own id.
func (d *WebhookDelivery) FullscriptID() *string { return raw(d.ID) }

func (d *WebhookDelivery) decoded() {
	if d.Payload != nil {
		d.Event = ReadEvent(d.Payload)
	}
	d.Payload = nil
	d.Hold(deliveryEvent)
}

// needs: an event comes with it.
func (*WebhookDelivery) needs(Fields) Fields { return AllFields }

var deliveryEvent = FieldOf(reflect.TypeFor[WebhookDelivery](), "Event")

// WebhookDeliverySort is how deliveries are sorted.
type WebhookDeliverySort = Sort[WebhookDeliverySortField]

// WebhookDeliverySortField is what deliveries are sorted by.
type WebhookDeliverySortField string

var webhookDeliverySorts = []string{"event_id", "attempted_at"}

func (e WebhookDeliverySortField) MarshalGQL(w io.Writer) {
	marshalEnum(w, webhookDeliverySorts, string(e))
}

func (e *WebhookDeliverySortField) UnmarshalGQL(v any) error {
	return unmarshalEnum(webhookDeliverySorts, v, (*string)(e))
}

// WebhookDeliveryListOptions choose and sort deliveries.
type WebhookDeliveryListOptions struct {
	AttemptedAt           *DateFilter `url:"attempted_at"`
	EventID               *EventID    `url:"event_id"`
	SuccessfullyDelivered *bool       `url:"successfully_delivered"`
	OrderBy               WebhookDeliverySort
	PageOptions
}

// List returns the deliveries of the last 30 days, whole.
// https://fullscript.dev/technical-reference/webhooks
//
// op: GET /webhooks/deliveries
func (s *WebhookDeliveriesService) List(ctx context.Context, o *WebhookDeliveryListOptions) (*Page[WebhookDelivery], error) {
	return getPage[WebhookDelivery](ctx, s.client, get("/webhooks/deliveries"), o, "webhook_deliveries")
}
