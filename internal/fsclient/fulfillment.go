package fsclient

import "context"

// FulfillmentService orders goods for delivery to customers of a partner. It is
// known from one public integration only, and needs commercial approval as far
// as is known.
type FulfillmentService service

// FulfillmentOrder is an order for delivery. Nothing but its id is known of it.
type FulfillmentOrder struct {
	Record
	ID FulfillmentOrderID `json:"id"`
}

// FullscriptID is the partner's own id.
func (f *FulfillmentOrder) FullscriptID() string { return string(f.ID) }

// CreateFulfillmentOrderInput is an order for delivery to place.
type CreateFulfillmentOrderInput struct {
	ShippingMethod  string                     `json:"shipping_method"`
	LineItems       []FulfillmentLineItemInput `json:"line_items"`
	ShippingAddress FulfillmentAddressInput    `json:"shipping_address"`
	IdempotencyKey  *string                    `json:"-"`
}

// FulfillmentLineItemInput is one line of an order for delivery. The API wants
// the number as text.
type FulfillmentLineItemInput struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity,string"`
}

// FulfillmentAddressInput is where an order for delivery goes. The names have
// no underscore in this place of the API.
type FulfillmentAddressInput struct {
	FirstName Opt[*string] `json:"firstname,omitzero"`
	LastName  Opt[*string] `json:"lastname,omitzero"`
	Address1  Opt[*string] `json:"address1,omitzero"`
	Address2  Opt[*string] `json:"address2,omitzero"`
	City      Opt[*string] `json:"city,omitzero"`
	State     Opt[*string] `json:"state,omitzero"`
	Zipcode   Opt[*string] `json:"zipcode,omitzero"`
	Country   Opt[*string] `json:"country,omitzero"`
	Phone     string       `json:"phone"`
}

// Create places an order for delivery. Where its answer puts the id is not
// published, so all places seen are read.
//
// op: POST /fulfillment/orders
func (s *FulfillmentService) Create(ctx context.Context, in *CreateFulfillmentOrderInput) (*FulfillmentOrder, error) {
	return sendOnce[FulfillmentOrder](ctx, s.client, post("/fulfillment/orders"), in, in.IdempotencyKey, "order", "fulfillment_order")
}
