package graph

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/graph/wire"
	"fsgateway/graph/wire/socket"
	"fsgateway/internal/fsclient"
)

// buggy panics before an operation runs.
type buggy struct{}

func (buggy) ExtensionName() string                   { return "Buggy" }
func (buggy) Validate(graphql.ExecutableSchema) error { return nil }

func (buggy) MutateOperationContext(_ context.Context, o *graphql.OperationContext) *gqlerror.Error {
	if o.OperationName == "Bug" {
		panic("canary-4711")
	}
	return nil
}

// TestSocketBugs: a bug in one operation is the end of that one, a bug outside
// of any is the end of the socket. Both are logged.
func TestSocketBugs(t *testing.T) {
	t.Parallel()
	var bugs atomic.Int32
	client, err := fsclient.New("http://partner.example/api", http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	h := NewHandler(&Resolver{Client: client}, Options{Guard: buggy{}, Options: socket.Options{
		Caller:       func(context.Context) string { return "" },
		Authenticate: func(context.Context, string) (context.Context, error) { panic("canary-4711") },
		Options: wire.Options{
			RequestID: func(context.Context) string { return "r" },
			LogBug: func(_ context.Context, err error) {
				if _, ok := errors.AsType[*apierror.PanicError](err); !ok {
					t.Errorf("%v", err)
				}
				bugs.Add(1)
			},
			Timeout: time.Minute, Done: func(context.Context, wire.Result) {}, MaxBody: 1000,
		},
	}})
	server := httptest.NewServer(h)
	defer server.Close()
	dial := func() *websocket.Conn {
		c, _, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{Subprotocols: []string{wire.Subprotocol}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	say := func(c *websocket.Conn, text string) {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(c *websocket.Conn, want string) {
		_, text, err := c.Read(t.Context())
		if err != nil || strings.TrimSpace(string(text)) != want {
			t.Errorf("%s %v, want %s", text, err, want)
		}
	}
	c := dial()
	say(c, `{"type":"connection_init"}`)
	hear(c, `{"type":"connection_ack"}`)
	say(c, `{"type":"subscribe","id":"1","payload":{"query":"query Bug { __typename }","operationName":"Bug"}}`)
	hear(c, `{"id":"1","type":"error","payload":[{"message":"Something went wrong in the gateway.","extensions":{"code":"INTERNAL","requestId":"r"}}]}`)
	say(c, `{"type":"subscribe","id":"1","payload":{"query":"{ __typename }"}}`)
	hear(c, `{"id":"1","type":"next","payload":{"data":{"__typename":"Query"}}}`)
	hear(c, `{"id":"1","type":"complete"}`)
	_ = c.CloseNow()

	c = dial()
	say(c, `{"type":"connection_init","payload":{"Authorization":"Bearer t"}}`)
	if _, text, err := c.Read(t.Context()); websocket.CloseStatus(err) != 4500 || strings.Contains(err.Error(), "canary") {
		t.Errorf("%s %v", text, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.Sockets.Shutdown(ctx)
	if n := bugs.Load(); n != 2 {
		t.Errorf("%d bugs were logged", n)
	}
}
