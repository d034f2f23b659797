package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestCategories(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		one := must(c.Categories.Get(t.Context(), sandbox.CategoryID))(t)
		whole(t, one)
		same(t, "id", one.FullscriptID(), sandbox.CategoryID)
		products := must(c.Products.ListByCategory(t.Context(), sandbox.CategoryID, nil))(t)
		same(t, "product count", one.ProductCount, products.Meta.TotalCount)
		page := must(c.Categories.List(t.Context(), nil))(t)
		for i := range page.Items {
			holds(t, &page.Items[i], "ID", "Name")
		}
		refused(c.Categories.Get(t.Context(), sandbox.OtherClinicCategory))(t, fsclient.KindNotFound)
	})
}
