package fsclient

import (
	"encoding/json"
	"reflect"
	"strings"
)

// EventData is what an event says of its record: one of the structs below. The
// records in it hold what the event says about them as of its time; they are
// snapshots, and must not be taken for the records' present state.
type EventData interface{ IsEventData() }

func (*OrderEventData) IsEventData()               {}
func (*LabOrderEventData) IsEventData()            {}
func (*TreatmentPlanEventData) IsEventData()       {}
func (*PatientEventData) IsEventData()             {}
func (*ProductEventData) IsEventData()             {}
func (*FulfillmentShipmentEventData) IsEventData() {}
func (*UnknownEventData) IsEventData()             {}

// implementations are the struct types that a value of an interface can be.
var implementations = map[reflect.Type][]reflect.Type{
	reflect.TypeFor[EventData](): {
		reflect.TypeFor[OrderEventData](), reflect.TypeFor[LabOrderEventData](), reflect.TypeFor[TreatmentPlanEventData](), reflect.TypeFor[PatientEventData](),
		reflect.TypeFor[ProductEventData](), reflect.TypeFor[FulfillmentShipmentEventData](), reflect.TypeFor[UnknownEventData](),
	},
	reflect.TypeFor[ExternalIDRecord](): {reflect.TypeFor[Patient](), reflect.TypeFor[Practitioner](), reflect.TypeFor[Staff](), reflect.TypeFor[TreatmentPlan]()},
}

// Implementations returns the struct types that a value of one of this package's interfaces
// can be, as pointers to them.
func Implementations(t reflect.Type) []reflect.Type { return implementations[t] }

// OrderEventData is an order that was placed.
type OrderEventData struct {
	Faults
	Order         *Order          `json:"-"`
	Practitioners []*Practitioner `json:"practitioners"`
}

// LabOrderEventData is a lab order whose results came in or were amended, with
// what the event says about the patient and the REST record does not.
type LabOrderEventData struct {
	Faults
	LabOrder  *LabOrder      `json:"-"`
	FirstName *string        `json:"first_name"`
	LastName  *string        `json:"last_name"`
	Email     *string        `json:"email"`
	Status    *LabOrderState `json:"status" also:"state"`
}

// StatusRaw is the partner's text of the status.
func (d *LabOrderEventData) StatusRaw() *string { return raw(d.Status) }

// TreatmentPlanEventData is a plan that was activated, cancelled or changed.
type TreatmentPlanEventData struct {
	Faults
	TreatmentPlan *TreatmentPlan `json:"-"`
	Active        *bool          `json:"active"`
}

// PatientEventData is a patient who was added, changed or emancipated.
type PatientEventData struct {
	Faults
	Patient *Patient `json:"patient"`
}

// ProductEventData is a product that is new or has changed.
type ProductEventData struct {
	Faults
	Product *ProductSnapshot `json:"product"`
}

// ProductSnapshot is a product as an event shows it, which is without its id.
type ProductSnapshot struct {
	Faults
	Name            *string    `json:"name"`
	DescriptionHTML *string    `json:"description_html"`
	Brand           *Brand     `json:"brand"`
	Variants        []*Variant `json:"variants"`
	Dosage          *Dosage    `json:"dosage"`
}

// FulfillmentShipmentEventData is a shipment that left.
type FulfillmentShipmentEventData struct {
	Faults
	FulfillmentShipment *FulfillmentShipment `json:"fulfillment_shipment"`
}

// FulfillmentShipment is a parcel of a fulfilment order. It was only seen in a
// public receiver.
type FulfillmentShipment struct {
	Faults
	OrderID            *string      `json:"order_id"`
	Number             *string      `json:"number"`
	State              *string      `json:"state"`
	ShippedAt          *DateTime    `json:"shipped_at"`
	DeliveredAt        *DateTime    `json:"delivered_at"`
	Carrier            *string      `json:"carrier"`
	TrackingNumber     *string      `json:"tracking_number"`
	TrackingURL        *string      `json:"tracking_url"`
	OrderShipmentState *string      `json:"order_shipment_state"`
	ShippedSkus        []ShippedSku `json:"shipped_skus"`
}

// ShippedSku says how many units of an article are in a parcel.
type ShippedSku struct {
	Faults
	Sku      *string `json:"sku"`
	Quantity *int    `json:"quantity"`
}

// UnknownEventData is data of a shape this file does not know.
type UnknownEventData struct {
	Raw string
}

// newEventData reads an event's data by the event's type. Data without the
// record that the type announces is kept as it came.
func newEventData(t EventType, data []byte) EventData {
	if known := knownEventData(t, data); known != nil {
		return known
	}
	return &UnknownEventData{Raw: asText(data)}
}

func knownEventData(t EventType, data []byte) (known EventData) {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) == nil && len(list) == 1 {
		data = list[0]
	}
	if data[0] != '{' {
		return nil
	}
	category, _, _ := strings.Cut(string(t), ".")
	switch category {
	case "order":
		known = newOrderEventData(data)
	case "lab_order":
		known = newLabOrderEventData(data)
	case "treatment_plan":
		known = newTreatmentPlanEventData(data)
	case "patient":
		known = newPatientEventData(data)
	case "product":
		known = newProductEventData(data)
	case "fulfillment":
		known = newFulfillmentEventData(data)
	}
	return known
}

// The order lies directly in the data, and other records under a key of their
// own; each is also read in the place of the other.
func newOrderEventData(data []byte) EventData {
	d, inner := new(OrderEventData), under("order", data)
	decodeInto(inner, d)
	decodeInto(inner, &d.Order)
	if d.Order == nil {
		return nil
	}
	return d
}

func newLabOrderEventData(data []byte) EventData {
	d, inner := new(LabOrderEventData), under("lab_order", data)
	decodeInto(inner, d)
	decodeInto(inner, &d.LabOrder)
	if d.LabOrder == nil {
		return nil
	}
	return d
}

func newTreatmentPlanEventData(data []byte) EventData {
	d, inner := new(TreatmentPlanEventData), under("treatment_plan", data)
	decodeInto(inner, d)
	decodeInto(inner, &d.TreatmentPlan)
	if d.TreatmentPlan == nil {
		return nil
	}
	return d
}

func newPatientEventData(data []byte) EventData {
	d := new(PatientEventData)
	decodeInto(under("patient", data), &d.Patient)
	if d.Patient == nil {
		return nil
	}
	return d
}

func newProductEventData(data []byte) EventData {
	d := new(ProductEventData)
	decodeInto(under("product", data), &d.Product)
	if d.Product == nil || reflect.ValueOf(*d.Product).IsZero() {
		return nil
	}
	return d
}

func newFulfillmentEventData(data []byte) EventData {
	d := new(FulfillmentShipmentEventData)
	decodeInto(under("fulfillment_shipment", data), &d.FulfillmentShipment)
	if d.FulfillmentShipment == nil || reflect.ValueOf(*d.FulfillmentShipment).IsZero() {
		return nil
	}
	return d
}

// decodeInto decodes JSON the decoder has read before, and which is well-formed
// therefore, into what out points to.
func decodeInto(data []byte, out any) {
	if len(data) > 0 {
		_, _ = newDecoder(data).into(reflect.ValueOf(out).Elem())
	}
}

// under is the object under a key of an object, or the object itself without
// one.
func under(key string, data []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) == nil && members[key] != nil {
		return members[key]
	}
	return data
}
