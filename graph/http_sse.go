package graph

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

const mediaEvents = "text/event-stream"

const (
	// keepAlive is how often a stream says that it is alive, for what stands
	// between and cuts what is silent.
	keepAlive = 15 * time.Second
	// writeTimeout is how long a client may take to take what is sent to it.
	writeTimeout = 10 * time.Second
)

type lastEventKey struct{}

// lastEventIDFrom is the id that a reconnecting stream says it has seen last.
func lastEventIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(lastEventKey{}).(string)
	return id
}

// events answers with server-sent events, one operation to a connection. An
// operation that is refused before its first event is answered as without
// streaming, so that its status says so.
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#distinct-connections-mode
func (x *exchange) events(ctx context.Context, r *http.Request, exec graphql.GraphExecutor, op *graphql.OperationContext) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		ctx = context.WithValue(ctx, lastEventKey{}, id)
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	var res *graphql.Response
	if refusedStream(ctx) {
		if res = answer(responses(ctx)); res.Data == nil {
			x.write(ctx, x.status(res), res)
			return
		}
	}
	s := x.openEvents(cancel)
	defer s.stop()
	if res == nil {
		res = responses(ctx)
	}
	again := false
	for ; res != nil; res = responses(ctx) {
		s.next(ctx, res)
		again = res.Data == nil && closes(res)
	}
	if !again { // without it the client comes back by itself
		s.send("event: complete\ndata: {}\n\n")
	}
	x.o.Done(ctx, x.result)
}

// closes says whether a stream ended because the gateway does.
func closes(res *graphql.Response) bool {
	return len(res.Errors) == 1 && res.Errors[0].Extensions["code"] == CodeSubscriptionClosed
}

// eventStream writes server-sent events.
type eventStream struct {
	x       *exchange
	cancel  context.CancelFunc
	control *http.ResponseController

	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

func (x *exchange) openEvents(cancel context.CancelFunc) *eventStream {
	h := x.w.Header()
	h.Set("Content-Type", mediaEvents+"; charset=utf-8")
	h.Set("X-Accel-Buffering", "no")
	x.begin(http.StatusOK)
	s := &eventStream{x: x, cancel: cancel, control: http.NewResponseController(x.w)}
	s.send(":\n\n") // the header leaves at once
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(keepAlive, s.beat)
	return s
}

func (s *eventStream) beat() {
	s.send(":\n\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.timer.Reset(keepAlive)
	}
}

// next sends an answer, with its event's id if it has one.
func (s *eventStream) next(ctx context.Context, res *graphql.Response) {
	id := ""
	if event, ok := res.Extensions["eventId"].(string); ok {
		id = "id: " + event + "\n"
	}
	s.send(fmt.Sprintf("%sevent: next\ndata: %s\n\n", id, envelope(s.x.errors(ctx, res.Errors), res.Data, res.Extensions)))
}

// send writes at once. A client that does not take it in time is given up.
func (s *eventStream) send(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer can
	_, err := s.x.w.Write([]byte(text))
	if err == nil {
		err = s.control.Flush()
	}
	if err != nil {
		s.over = true
		s.cancel()
	}
}

// stop ends what writes by itself.
func (s *eventStream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.timer.Stop()
}
