package gateway

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"fsgateway/internal/cache"
	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/transport"
)

// kept are answers of the catalogue and of who works in the clinic, each for the caller who
// got it. It is the client's cache.
type kept struct {
	gateway *Gateway
	answers *cache.Cache[keptKey, fsclient.Kept]
	// versions are counted up by a caller's writes, which so drop what is kept.
	versions *lru.Cache[string, uint64]
	last     atomic.Uint64
}

func newKept(g *Gateway) *kept {
	versions, err := lru.New[string, uint64](maxAccepted)
	if err != nil {
		panic(err) // the number is wrong
	}
	return &kept{gateway: g, answers: cache.New[keptKey, fsclient.Kept](g.config.CacheSize), versions: versions}
}

// Version, Wrote, Get and Put make it a [fsclient.Cache].
func (k *kept) Version(caller string) uint64 {
	if v, ok := k.versions.Get(caller); ok {
		return v
	}
	v := k.last.Add(1) // a caller who was forgotten has nothing kept
	if before, ok, _ := k.versions.PeekOrAdd(caller, v); ok {
		return before
	}
	return v
}

func (k *kept) Wrote(caller string) { k.versions.Add(caller, k.last.Add(1)) }

// happened drops the answers of all callers when a product is new or has changed.
func (k *kept) happened(e events.Event) {
	if strings.HasPrefix(e.Type, "product.") {
		k.versions.Purge()
	}
}

// Get returns an answer, if the partner has lately accepted the caller's token.
func (k *kept) Get(ctx context.Context, caller string, version uint64, path, query string) (fsclient.Kept, bool) {
	op := transport.OperationFrom(ctx)
	if op == nil || !k.gateway.acceptedWithin(op, k.gateway.config.ProofAge) {
		return fsclient.Kept{}, false
	}
	answer, ok := k.answers.Get(keptKey{caller, version, path, query})
	if ok {
		k.gateway.metrics.cacheHits.Inc()
		middleware.EntryFrom(ctx).CacheHits.Add(1)
	}
	return answer, ok
}

func (k *kept) Put(caller string, version uint64, path, query string, answer fsclient.Kept, d time.Duration) {
	k.answers.Put(keptKey{caller, version, path, query}, answer, len(caller)+len(path)+len(query)+len(answer.Body), d)
}

// keptKey names an answer: whose it is, and what was asked.
type keptKey struct {
	caller      string
	version     uint64
	path, query string
}

// acceptedWithin reports whether the partner has accepted the caller's token lately.
func (g *Gateway) acceptedWithin(op *transport.Operation, d time.Duration) bool {
	at, ok := g.accepted.callers.Get(op.Caller.Key)
	return ok && time.Since(at) < d
}

// fresh has a request get nothing that was kept if its client asks for that.
func fresh(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, directives := range r.Header["Cache-Control"] {
			for directive := range strings.SplitSeq(strings.ToLower(directives), ",") {
				if d := strings.TrimSpace(directive); d == "no-cache" || d == "no-store" || d == "max-age=0" {
					r = r.WithContext(fsclient.WithFresh(r.Context()))
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}
