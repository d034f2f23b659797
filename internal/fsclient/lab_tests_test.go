package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestLabTests(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		one := must(c.LabTests.Get(t.Context(), sandbox.LabTestID))(t)
		whole(t, one)
		same(t, "id", one.FullscriptID(), sandbox.LabTestID)
		all := must(c.LabTests.List(t.Context(), &fsclient.LabTestListOptions{PageOptions: fsclient.PageOptions{Number: 1, Size: 100}}))(t)
		for i := range all.Items {
			holds(t, &all.Items[i], "ID", "Name", "RequiresFasting", "Instructions")
		}
		some := must(c.LabTests.Search(t.Context(), &fsclient.LabTestSearchOptions{Query: one.Name}))(t)
		if len(some.Items) == 0 || len(some.Items) >= len(all.Items) {
			t.Errorf("%d of %d lab tests found", len(some.Items), len(all.Items))
		}
	})
}

func TestLabTestsNeedApproval(t *testing.T) {
	t.Parallel()
	c, _ := setupWith(t, sandbox.TokenUnapproved, sandbox.Options{})
	refused(c.LabTests.List(t.Context(), nil))(t, fsclient.KindForbidden)
}

func TestOrderedLabTestsGet(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		one := must(c.OrderedLabTests.Get(t.Context(), sandbox.OrderedLabTestID))(t)
		whole(t, one)
		same(t, "id", one.FullscriptID(), sandbox.OrderedLabTestID)
		if one.Name == nil || one.RequiresFasting == nil {
			t.Errorf("test %+v", one)
		}
		refused(c.OrderedLabTests.Get(t.Context(), sandbox.LabTestID))(t, fsclient.KindNotFound)
	})
}

// The envelopes of the lab catalogue are assumed, so several are taken.
func TestLabTestsEnvelopes(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"Lab": `{"lab":{"id":"l"}}`, "LabTest": `{"lab_test":{"id":"l"}}`, "Test": `{"test":{"id":"l"}}`, "Bare": `{"id":"l"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := scripted(t, answer)
			same(t, "id", must(c.LabTests.Get(t.Context(), "l"))(t).ID, fsclient.LabTestID("l"))
		})
	}
	for name, answer := range map[string]string{
		"Labs": `{"labs":[{"id":"l"}]}`, "LabTests": `{"lab_tests":[{"id":"l"}]}`, "Tests": `{"tests":[{"id":"l"}]}`, "BareList": `[{"id":"l"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := scripted(t, answer)
			page := must(c.LabTests.List(t.Context(), nil))(t)
			same(t, "id", page.Items[0].ID, fsclient.LabTestID("l"))
			same(t, "total", page.Meta.TotalCount, (*int)(nil))
		})
	}
}
