package fsclient_test

import (
	"context"
	"slices"
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestCatalog(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		t.Run("Ingredients", func(t *testing.T) {
			inFullList(t, c.Ingredients.Get, c.Ingredients.List, sandbox.IngredientID)
		})
		t.Run("Allergens", func(t *testing.T) {
			inFullList(t, c.Allergens.Get, c.Allergens.List, sandbox.AllergenID)
		})
		t.Run("SupplementTypes", func(t *testing.T) {
			inFullList(t, c.SupplementTypes.Get, c.SupplementTypes.List, sandbox.SupplementTypeID)
		})
		t.Run("ThirdPartyCertifications", func(t *testing.T) {
			inFullList(t, c.ThirdPartyCertifications.Get, c.ThirdPartyCertifications.List, sandbox.CertificationID)
		})
	})
}

type named interface {
	fsclient.Recorder
	FullscriptID() string
}

// inFullList checks that a list has the record of an id, as whole as it comes alone.
func inFullList[T, O any, R interface {
	*T
	named
}, P fsclient.Options[O]](t *testing.T, get func(context.Context, string) (*T, error), list func(context.Context, P) (*fsclient.Page[T], error), id string) {
	t.Helper()
	one := must(get(t.Context(), id))(t)
	whole(t, R(one))
	same(t, "id", R(one).FullscriptID(), id)
	var none O
	all := gather(t, fsclient.Each(t.Context(), list, none))
	for _, r := range all {
		holds(t, R(r), "ID", "Name")
	}
	if !slices.ContainsFunc(all, func(r *T) bool { return R(r).FullscriptID() == id }) {
		t.Errorf("%s is not among %d", id, len(all))
	}
	refused(get(t.Context(), "none"))(t, fsclient.KindNotFound)
}
