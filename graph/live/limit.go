package live

import (
	"fmt"
	"sync"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
)

// limit counts the subscriptions that each caller has running, however they
// travel. Each costs memory and, at every event, calls to the partner.
type limit struct {
	most int // of a caller; 0 for no limit

	mu      sync.Mutex
	running map[string]int
}

// total returns how many of all callers run.
func (l *limit) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, of := range l.running {
		n += of
	}
	return n
}

// begin counts one more of a caller's, until end is called.
func (l *limit) begin(caller string) (end func(), refused *gqlerror.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most > 0 && l.running[caller] >= l.most {
		return nil, &gqlerror.Error{
			Message:    fmt.Sprintf("This caller already has %d subscriptions, the maximum; end one first.", l.most),
			Extensions: map[string]any{"code": apierror.CodeTooManyStreams, "maximum": l.most},
		}
	}
	if l.running == nil {
		l.running = map[string]int{}
	}
	l.running[caller]++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.running[caller]--; l.running[caller] == 0 {
			delete(l.running, caller)
		}
	}), nil
}
