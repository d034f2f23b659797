package wire

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/graph/apierror"
	"fsgateway/graph/live"
	"fsgateway/graph/wire/form"
)

// KeepAlive is the longest silence on a stream; proxies drop idle connections.
const KeepAlive = 15 * time.Second

// framing is how the answers of a stream look on the wire.
type framing struct {
	contentType string
	// open leaves at once, with the header; alive when nothing has for so long.
	open, alive string
	every       time.Duration
	// answer frames one, with its event's id if it has one. The last of a stream
	// that ends with an error has no data.
	answer func(eventID string, body []byte, data bool) string
	// end is behind the last answer. Where resumes is true it is left out when
	// the client should come back.
	end     string
	resumes bool
}

// events answers with a stream, one operation to a connection. An operation
// that is refused before its first event is answered as without streaming, so
// that its status says so.
func (x *Exchange) events(ctx context.Context, f *framing, r *http.Request, exec graphql.GraphExecutor, op *graphql.OperationContext) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx = live.WithLastEventID(ctx, r.Header.Get("Last-Event-ID"))
	responses, ctx := x.Dispatch(ctx, exec, op)
	var res *graphql.Response
	if live.Refused(ctx) {
		if res = Answer(responses(ctx)); res.Data == nil {
			x.write(ctx, x.Status(res), res)
			return
		}
	}
	s := x.openEvents(f, cancel)
	defer s.stop()
	x.Progress(ctx)
	if res == nil {
		res = responses(ctx)
	}
	again := false
	for ; res != nil; res = responses(ctx) {
		s.next(ctx, res)
		x.Progress(ctx)
		again = res.Data == nil && Closes(res)
	}
	if !again || !f.resumes {
		s.send(f.end)
	}
	x.Done(ctx, x.Result)
}

// Closes reports whether a stream ended because the gateway does.
func Closes(res *graphql.Response) bool {
	return len(res.Errors) == 1 && res.Errors[0].Extensions["code"] == apierror.CodeSubscriptionClosed
}

// eventStream writes a stream.
type eventStream struct {
	x       *Exchange
	framing *framing
	cancel  context.CancelFunc
	control *http.ResponseController

	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

func (x *Exchange) openEvents(f *framing, cancel context.CancelFunc) *eventStream {
	h := x.w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("X-Accel-Buffering", "no")
	x.begin(http.StatusOK)
	s := &eventStream{x: x, framing: f, cancel: cancel, control: http.NewResponseController(x.w)}
	s.timer = time.AfterFunc(f.every, func() { s.send(f.alive) })
	s.send(f.open)
	return s
}

// next sends an answer.
func (s *eventStream) next(ctx context.Context, res *graphql.Response) {
	id, _ := res.Extensions["eventId"].(string)
	s.send(s.framing.answer(id, form.Envelope(s.x.Errors(ctx, res.Errors), res.Data, res.Extensions), res.Data != nil))
}

// send writes at once. A client that cannot be written to is given up; that
// writing ends in time is up to the server.
func (s *eventStream) send(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.timer.Stop() // it is about silence
	_, err := s.x.w.Write([]byte(text))
	if err == nil {
		err = s.control.Flush()
	}
	if err != nil {
		s.over = true
		s.cancel()
		return
	}
	s.timer.Reset(s.framing.every)
}

// stop ends what writes by itself.
func (s *eventStream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.timer.Stop()
}
