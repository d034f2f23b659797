package wire

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/live"
)

// broken is an executor with a bug: it panics at the answer of a number, at once
// for 0.
type broken struct {
	graphql.GraphExecutor
	at int
}

func (b broken) DispatchOperation(ctx context.Context, _ *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	if b.at == 0 {
		panic("a bug")
	}
	n := 0
	return func(context.Context) *graphql.Response {
		if n++; n >= b.at {
			panic("a bug")
		}
		return &graphql.Response{Data: []byte(`{"a":1}`)}
	}, streaming(ctx)
}

// streaming is the context of a subscription that has begun.
func streaming(ctx context.Context) context.Context {
	ctx, _ = live.New(nil, live.Options{Caller: func(context.Context) string { return "" }}).Begin(ctx)
	live.Open(ctx, func(context.Context) (*int, string, error) { return nil, "", nil }, func() {})
	return ctx
}

// TestBugsLeaveInTheFraming: what fails outside of any field is told in the form
// that has begun, so that its client can read it.
func TestBugsLeaveInTheFraming(t *testing.T) {
	t.Parallel()
	const internal = `"code":"INTERNAL"`
	for _, c := range []struct {
		name    string
		at      int
		status  int
		answers func(*Exchange, graphql.GraphExecutor)
		ends    string
	}{
		{"ServerSentEvents", 2, 200, func(x *Exchange, e graphql.GraphExecutor) {
			x.events(context.Background(), serverSent, &http.Request{}, e, &graphql.OperationContext{})
		}, "}]}\n\nevent: complete\ndata: {}\n\n"},
		{"FirstServerSentEvent", 1, 200, func(x *Exchange, e graphql.GraphExecutor) {
			x.events(context.Background(), serverSent, &http.Request{}, e, &graphql.OperationContext{})
		}, "}]}\n\nevent: complete\ndata: {}\n\n"},
		{"BeforeTheStream", 0, 500, func(x *Exchange, e graphql.GraphExecutor) {
			x.events(context.Background(), serverSent, &http.Request{}, e, &graphql.OperationContext{})
		}, "}]}"},
		{"Multipart", 2, 200, func(x *Exchange, e graphql.GraphExecutor) {
			x.events(context.Background(), parts, &http.Request{}, e, &graphql.OperationContext{})
		}, "}]}\r\n--graphql--\r\n"},
		{"Defer", 1, 500, func(x *Exchange, e graphql.GraphExecutor) { x.stream(context.Background(), e, deferred()) }, "}]}"},
		{"DeferredPart", 2, 200, func(x *Exchange, e graphql.GraphExecutor) {
			x.stream(context.Background(), &secondFails{broken{at: 2}}, deferred())
		}, `"hasNext":false}` + "\r\n--graphql--\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bugs := 0
			res := httptest.NewRecorder()
			x := &Exchange{w: res, media: mediaJSON, Options: &Options{
				RequestID: func(context.Context) string { return "" }, Done: func(context.Context, Result) {},
				LogBug: func(context.Context, error) { bugs++ }, Timeout: time.Minute,
			}}
			c.answers(x, broken{at: c.at})
			if text := res.Body.String(); bugs != 1 || res.Code != c.status || !strings.Contains(text, internal) || !strings.HasSuffix(text, c.ends) {
				t.Errorf("%d bugs, status %d: %s", bugs, res.Code, text)
			}
		})
	}
}

func deferred() *deferral {
	op := &graphql.OperationContext{Operation: &ast.OperationDefinition{}, Doc: &ast.QueryDocument{}}
	return &deferral{main: op, whole: op}
}

// secondFails fails in the second of two operations.
type secondFails struct{ broken }

func (l *secondFails) DispatchOperation(ctx context.Context, op *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	l.at--
	if l.at == 0 {
		panic("a bug")
	}
	return graphql.OneShot(&graphql.Response{Data: []byte(`{"a":1}`)}), ctx
}
