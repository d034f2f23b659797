package tests

import (
	"bytes"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/internal/gateway"
)

// twice has each answer that a plan writes made by gqlgen's executor, too, from the same
// calls. All queries of all tests that use the harness go through both.
func twice(t testing.TB) gateway.Option {
	return gateway.WithAnswerCheck(func(query string, written []byte, executed *graphql.Response) {
		if len(executed.Errors) > 0 || !bytes.Equal(written, executed.Data) {
			t.Errorf("the plan and the executor answer differently:\n%s\n%s\n%s\n%v", query, written, executed.Data, executed.Errors)
		}
	})
}
