package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestOrderBy: a list comes in the order that is asked for, and half an order is
// refused.
func TestOrderBy(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, c := range []struct{ list, field, key string }{
		{"orders", "COMPLETED_AT", "completedAt"},
		{"orders", "ORDER_NUMBER", "orderNumber"},
		{"orderEvents", "CREATED_AT", "createdAt"},
		{"webhookDeliveries", "ATTEMPTED_AT", "attemptedAt"},
	} {
		t.Run(c.list+"/"+c.field, func(t *testing.T) {
			rows := func(order string) []string {
				var keys []string
				for _, row := range list(t, h.query("{ "+c.list+"(first: 50, orderBy: "+order+") { nodes { key: "+c.key+" } } }"), c.list+".nodes") {
					if key := at(t, row, "key"); key != nil {
						keys = append(keys, fmt.Sprint(key))
					}
				}
				return keys
			}
			up, down := rows("{field: "+c.field+", direction: ASC}"), rows("{direction: DESC, field: "+c.field+"}")
			if len(up) < 2 || !slices.IsSorted(up) {
				t.Errorf("upwards: %v", up)
			}
			slices.Reverse(down)
			if len(down) < 2 || !slices.IsSorted(down) {
				t.Errorf("downwards: %v", down)
			}
		})
	}
	t.Run("Variable", func(t *testing.T) {
		h.sandbox.ResetCalls()
		h.query(`query($o: OrderSort) { orders(first: 1, orderBy: $o) { nodes { id } } }`, "o", map[string]any{"field": "COMPLETED_AT", "direction": "DESC"})
		h.query(`query($o: OrderSort) { orders(first: 1, orderBy: $o) { nodes { id } } }`, "o", nil)
		if h.sandbox.Count("listOrders") != 2 {
			t.Errorf("%d calls", h.sandbox.Count(""))
		}
	})
	for _, half := range []string{"{field: COMPLETED_AT}", "{direction: ASC}", "{}", "COMPLETED_AT", "{field: COMPLETED_AT, direction: null}"} {
		t.Run("Refused/"+half, func(t *testing.T) {
			a := h.as(sandbox.TokenPractitioner, `{ orders(orderBy: `+half+`) { nodes { id } } }`)
			if len(a.Errors) == 0 || a.Data != nil || !strings.Contains(fmt.Sprint(a.Errors[0].Extensions["code"]), "VALIDATION") {
				t.Errorf("%+v", a)
			}
		})
	}
}
