package obs

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// What makes the partner known to be down: so many calls in a row that failed,
// the last of them so recently. It must pass by itself, since a gateway that is
// sent nothing learns nothing.
const (
	downAfter = 20
	downFor   = 10 * time.Second
)

// Health knows whether the gateway should be sent requests. The zero Health is
// that of a gateway that is, and has met nothing yet.
type Health struct {
	mu       sync.Mutex
	draining bool
	failed   int // calls in a row
	why      string
	last     time.Time
	redis    string // why Redis cannot be used, "" while it can
}

// Drain makes the gateway unready for good.
func (h *Health) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// Draining reports whether Drain was called.
func (h *Health) Draining() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining
}

// Upstream notes how a call to the partner failed: the kind of failure, or "" for
// one that was answered as a partner that is up answers.
func (h *Health) Upstream(failure string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if failure == "" {
		h.failed = 0
		return
	}
	h.failed++
	h.why = failure
	h.last = time.Now()
}

// Redis notes why Redis cannot be used, "" once it can.
func (h *Health) Redis(why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.redis = why
}

// Unready says why the gateway should not be sent requests, "" if it should.
func (h *Health) Unready() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.draining:
		return "draining"
	case h.failed >= downAfter && time.Since(h.last) < downFor:
		return "upstream down: " + h.why
	case h.redis != "":
		return "redis down: " + h.redis
	}
	return ""
}

// Live answers as long as the process can.
func (h *Health) Live(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }

// Ready answers 200 or 503.
func (h *Health) Ready(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if why := h.Unready(); why != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, why+"\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}
