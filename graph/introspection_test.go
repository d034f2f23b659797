package graph

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/apierror"
)

// TestFewIntrospections: so many answers about the schema are made at once, the next ones when
// these are done, and those who have no time left are told.
func TestFewIntrospections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		few := fewIntrospections()
		var making, refused atomic.Int32
		ask := func(limit time.Duration, name string) string {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			ctx = graphql.WithResponseContext(ctx, graphql.DefaultErrorPresenter, graphql.DefaultRecover)
			ctx = graphql.WithRootFieldContext(ctx, &graphql.RootFieldContext{Field: graphql.CollectedField{Field: &ast.Field{Name: name}}})
			var text bytes.Buffer
			few(ctx, func(context.Context) graphql.Marshaler {
				making.Add(1)
				defer making.Add(-1)
				time.Sleep(10 * time.Second)
				return graphql.MarshalString(name)
			}).MarshalGQL(&text)
			for _, err := range graphql.GetErrors(ctx) {
				if err.Extensions["code"] == apierror.CodeOverloaded {
					refused.Add(1)
				}
			}
			return text.String()
		}
		var all sync.WaitGroup
		answers := make([]string, 2*maxIntrospections)
		for i := range answers {
			all.Go(func() { answers[i] = ask(15*time.Second, "__schema") })
		}
		synctest.Wait()
		if n := making.Load(); n != maxIntrospections {
			t.Errorf("%d at once, want %d", n, maxIntrospections)
		}
		if late := ask(5*time.Second, "__type"); late != "null" || refused.Load() != 1 {
			t.Errorf("out of time: %s, %d refused", late, refused.Load())
		}
		if clinic := ask(15*time.Second, "clinic"); clinic != `"clinic"` {
			t.Errorf("another field: %s", clinic)
		}
		all.Wait()
		for _, got := range answers {
			if got != `"__schema"` {
				t.Errorf("after its turn: %s", got)
			}
		}
	})
}
