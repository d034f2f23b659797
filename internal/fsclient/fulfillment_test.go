package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestFulfillmentCreate(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		v := must(c.Variants.Get(t.Context(), sandbox.VariantID))(t)
		in := &fsclient.CreateFulfillmentOrderInput{
			ShippingMethod: "Standard", LineItems: []fsclient.FulfillmentLineItemInput{{SKU: *v.SKU, Quantity: 2}},
			ShippingAddress: fsclient.FulfillmentAddressInput{FirstName: fsclient.Set(new("Ada")), Phone: "+15550100"}, IdempotencyKey: new("once"),
		}
		first := must(c.Fulfillment.Create(t.Context(), in))(t)
		again := must(c.Fulfillment.Create(t.Context(), in))(t)
		if first.FullscriptID() == "" || again.ID != first.ID {
			t.Errorf("ids %q and %q under one key", first.ID, again.ID)
		}
		in.LineItems[0].SKU, in.IdempotencyKey = "none", nil
		refused(c.Fulfillment.Create(t.Context(), in))(t, fsclient.KindInvalid)
	})
}

func TestFulfillmentCreateAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"Order": `{"order":{"id":"f","number":"1"}}`, "FulfillmentOrder": `{"fulfillment_order":{"id":"f"}}`, "Bare": `{"id":"f"}`, "Number": `{"id":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, sent := scripted(t, answer)
			order := must(c.Fulfillment.Create(t.Context(), &fsclient.CreateFulfillmentOrderInput{
				ShippingMethod: "Standard", LineItems: []fsclient.FulfillmentLineItemInput{{SKU: "A", Quantity: 2}},
				ShippingAddress: fsclient.FulfillmentAddressInput{LastName: fsclient.Set(new("Sample")), Address1: fsclient.Set(new("1 Main St")), Phone: "1"},
			}))(t)
			if order.ID != "f" && order.ID != "7" {
				t.Errorf("id %q", order.ID)
			}
			same(t, "request", *sent, script{"POST /fulfillment/orders", `{"shipping_method":"Standard","line_items":[{"sku":"A","quantity":"2"}],` +
				`"shipping_address":{"lastname":"Sample","address1":"1 Main St","phone":"1"}}`})
		})
	}
	t.Run("NoID", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"accepted":true}`)
		err := refused(c.Fulfillment.Create(t.Context(), &fsclient.CreateFulfillmentOrderInput{}))(t, fsclient.KindUpstream)
		same(t, "Unknown", err.Unknown, true)
	})
}
