package fsclient

import (
	"context"
	"io"
	"reflect"
	"slices"
)

// OrdersService reads the orders of patients.
// https://fullscript.dev/technical-reference/orders
type OrdersService service

// Order is what a patient bought. List items hold the ids of the variants; the
// line items and the totals come with the single fetch.
type Order struct {
	Record
	ID             OrderID          `json:"id"`
	OrderNumber    *string          `json:"order_number"`
	CompletedAt    *DateTime        `json:"completed_at"`
	Patient        *Patient         `json:"patient"`
	TreatmentPlans []*TreatmentPlan `json:"treatment_plans"`
	Variants       []*Variant       `json:"variants"` // in list items only, else worked out
	ItemTotal      *Decimal         `json:"item_total"`
	MSRPTotal      *Decimal         `json:"msrp_total"`
	PaymentTotal   *Decimal         `json:"payment_total"`
	LineItems      []LineItem       `json:"line_items"`
}

// LineItem is one line of an order.
type LineItem struct {
	Faults
	Variant  *Variant      `json:"variant"`
	Quantity *int          `json:"quantity"`
	Type     *LineItemType `json:"type"`
	LabType  *string       `json:"lab_type"`
}

// FullscriptID is the partner's own id.
func (o *Order) FullscriptID() string { return string(o.ID) }

// TypeRaw is the partner's text of the type.
func (l *LineItem) TypeRaw() *string { return raw(l.Type) }

var (
	orderPatient   = FieldOf(reflect.TypeFor[Order](), "Patient")
	orderVariants  = FieldOf(reflect.TypeFor[Order](), "Variants")
	orderLineItems = FieldOf(reflect.TypeFor[Order](), "LineItems")
)

// decoded works out the variants where only line items name them, and leaves
// each of them once: lists name one for each line.
func (o *Order) decoded() {
	switch {
	case o.held&orderVariants != 0:
	case o.held&orderLineItems != 0:
		faulty := o.unreadable&orderLineItems != 0
		for _, l := range o.LineItems {
			if l.Variant != nil {
				o.Variants = append(o.Variants, Clone(l.Variant))
			}
			faulty = faulty || IsUnreadable(&l, "Variant")
		}
		o.derived(orderVariants, faulty)
	default:
		return
	}
	seen := make(map[VariantID]bool, len(o.Variants))
	o.Variants = slices.DeleteFunc(o.Variants, func(v *Variant) bool {
		again := seen[v.ID]
		seen[v.ID] = true
		return again
	})
}

// needs: variants may come from line items.
func (*Order) needs(wanted Fields) Fields {
	if wanted.Has(orderVariants) {
		return orderLineItems
	}
	return 0
}

// LineItemType says what a line of an order is for.
type LineItemType string

var lineItemTypes = []string{"supplement", "labs"}

func (e LineItemType) MarshalGQL(w io.Writer) { marshalEnum(w, lineItemTypes, string(e)) }
func (e *LineItemType) UnmarshalGQL(v any) error {
	return unmarshalEnum(lineItemTypes, v, (*string)(e))
}

// OrderType chooses orders by what they are for.
type OrderType string

var orderTypes = []string{"all", "labs"}

func (e OrderType) MarshalGQL(w io.Writer)    { marshalEnum(w, orderTypes, string(e)) }
func (e *OrderType) UnmarshalGQL(v any) error { return unmarshalEnum(orderTypes, v, (*string)(e)) }

// OrderSort is how orders are sorted.
type OrderSort = Sort[OrderSortField]

// OrderSortField is what orders are sorted by.
type OrderSortField string

var orderSorts = []string{"patient_id", "treatment_plan_id", "completed_at", "order_number"}

func (e OrderSortField) MarshalGQL(w io.Writer)    { marshalEnum(w, orderSorts, string(e)) }
func (e *OrderSortField) UnmarshalGQL(v any) error { return unmarshalEnum(orderSorts, v, (*string)(e)) }

// OrderListOptions choose the orders to list and their sequence.
type OrderListOptions struct {
	PatientID       *PatientID       `url:"patient_id"`
	TreatmentPlanID *TreatmentPlanID `url:"treatment_plan_id"`
	CompletedAt     *DateFilter      `url:"completed_at"`
	Type            *OrderType       `url:"type"`
	OrderNumber     *string          `url:"order_number"`
	OrderBy         OrderSort
	PageOptions
}

// List returns the clinic's orders, a page at a time, as summaries.
// https://fullscript.dev/technical-reference/orders
//
// op: GET /clinic/orders
func (s *OrdersService) List(ctx context.Context, o *OrderListOptions) (*Page[Order], error) {
	return getPage[Order](ctx, s.client, get("/clinic/orders"), o, "orders")
}

// PatientOrderListOptions choose a page of one patient's orders: this list has
// no filters.
type PatientOrderListOptions struct {
	PageOptions
}

// ListByPatient returns the orders of one patient, a page at a time, as
// summaries.
//
// op: GET /clinic/patients/{patient_id}/orders
func (s *OrdersService) ListByPatient(ctx context.Context, patientID string, o *PatientOrderListOptions) (*Page[Order], error) {
	page, err := getPage[Order](ctx, s.client, get("/clinic/patients/{patient_id}/orders", patientID), o, "orders")
	if err != nil {
		return nil, err
	}
	for i := range page.Items {
		// This list leaves out whose orders they are.
		if order := &page.Items[i]; order.held&orderPatient == 0 {
			order.Patient = Reference[Patient](patientID)
			order.Hold(orderPatient)
		}
	}
	return page, nil
}

// Get returns one order, whole.
//
// op: GET /clinic/orders/{id}
func (s *OrdersService) Get(ctx context.Context, id string) (*Order, error) {
	return getOne[Order](ctx, s.client, get("/clinic/orders/{id}", id), nil, "order")
}
