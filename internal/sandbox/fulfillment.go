package sandbox

// fulfillmentOrder is goods ordered for delivery to a customer. The API has no way to read one back; /_sandbox/fulfillment_orders has.
type fulfillmentOrder struct {
	ID       string         `json:"id"`
	ClinicID string         `json:"clinic_id"`
	Lines    map[string]int `json:"lines"` // quantity by SKU
}

func createFulfillmentOrder(req *request) reply {
	in := req.input()
	order := fulfillmentOrder{ID: req.state().newID(kindFulfillment), ClinicID: req.clinic(), Lines: map[string]int{}}
	in.require("shipping_method", "line_items", "shipping_address")
	var method string
	in.text("shipping_method", &method)
	lines := in.list("line_items")
	if in.has("line_items") && len(lines) == 0 {
		in.report(blank("line_items"))
	}
	for _, line := range lines {
		line.require("sku", "quantity")
		var sku string
		quantity := 1
		line.text("sku", &sku)
		line.count("quantity", &quantity)
		if sku != "" && req.state().variantBySKU(sku) == nil {
			line.report(invalid("sku", "does not exist"))
		}
		order.Lines[sku] += quantity
	}
	if to := in.nested("shipping_address"); to != nil {
		var phone string
		to.require("phone")
		to.text("phone", &phone)
	}
	if refused := in.refused(shapeByField); refused != nil {
		return *refused
	}
	return req.once(func() reply {
		req.state().fulfillments = append(req.state().fulfillments, order)
		// Where the id sits is not known: a public caller looks in three places. Oddities move it to the top.
		if req.s.opts.Oddities {
			return created(object{"id": order.ID})
		}
		return created(object{"order": ref{order.ID}})
	})
}
