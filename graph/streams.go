package graph

import (
	"fmt"
	"sync"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
)

// streams counts the subscriptions that each caller has running, however they
// travel. Each costs memory and, at every event, calls to the partner.
type streams struct {
	most int // of a caller; 0 for no limit

	mu      sync.Mutex
	running map[string]int
}

// begin counts one more of a caller's, until end is called.
func (s *streams) begin(caller string) (end func(), refused *gqlerror.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 && s.running[caller] >= s.most {
		return nil, &gqlerror.Error{
			Message:    fmt.Sprintf("%d subscriptions of this caller are running, and no more may: end one first.", s.most),
			Extensions: map[string]any{"code": apierror.CodeTooManyStreams, "maximum": s.most},
		}
	}
	if s.running == nil {
		s.running = map[string]int{}
	}
	s.running[caller]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.running[caller]--; s.running[caller] == 0 {
			delete(s.running, caller)
		}
	}), nil
}
