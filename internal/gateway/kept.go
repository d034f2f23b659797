package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/rueidis"

	"fsgateway/internal/cache"
	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/redisconn"
	"fsgateway/internal/transport"
)

// kept are answers of the catalogue and of who works in the clinic, each for the caller who
// got it, or, of the catalogue, for all who may read it. It is the client's cache.
type kept struct {
	gateway *Gateway
	answers *cache.Cache[keptKey, *fsclient.Kept]
	// versions are counted up by a caller's writes, which so drop what is kept.
	versions *lru.Cache[string, uint64]
	last     atomic.Uint64
	// readers are the callers who may read the catalogue, by when the partner last let them.
	readers *lru.Cache[string, time.Time]
	changed atomic.Int64   // when a product last was new or changed, in Unix nanoseconds
	writing sync.WaitGroup // to Redis
}

const (
	// readerFor is how long one who got an answer of the catalogue counts as one who may.
	readerFor = 15 * time.Minute
	// tagged is how long an answer is kept of which the partner can say that it still is so.
	tagged = 24 * time.Hour
	// keptPatience is how long a call waits for what is kept in Redis.
	keptPatience = 100 * time.Millisecond
)

func newKept(g *Gateway) *kept {
	versions, err := lru.New[string, uint64](maxAccepted)
	if err != nil {
		panic(err) // the number is wrong
	}
	readers, err := lru.New[string, time.Time](maxAccepted)
	if err != nil {
		panic(err)
	}
	return &kept{gateway: g, answers: cache.New[keptKey, *fsclient.Kept](g.config.CacheSize), versions: versions, readers: readers}
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
		now := time.Now().UnixNano()
		k.changed.Store(now)
		if k.gateway.config.CacheInRedis {
			k.writing.Go(func() { k.set(changedKey, strconv.FormatInt(now, 10), tagged) })
		}
	}
}

// Get returns an answer. It is not fresh unless the partner has lately accepted the caller's
// token, and let them read the catalogue if it is that of others.
func (k *kept) Get(ctx context.Context, caller string, version uint64, path, query string) *fsclient.Kept {
	op := transport.OperationFrom(ctx)
	if k.gateway.config.CacheSize == 0 || op == nil {
		return nil
	}
	key, may := k.key(caller, version, path, query)
	answer, ok := k.answers.Get(key)
	if ok && answer.At.UnixNano() < k.changed.Load() {
		ok = false
	}
	if !ok && k.inRedis(path) {
		if answer, ok = k.load(ctx, caller, path, query); ok {
			k.put(key, answer)
		}
	}
	switch {
	case !ok:
		return nil
	case !may || !k.gateway.acceptedWithin(op, k.gateway.config.ProofAge):
		return &fsclient.Kept{ETag: answer.ETag, Body: answer.Body, At: answer.At} // not fresh
	case answer.Fresh():
		k.gateway.metrics.cacheHits.Inc()
		middleware.EntryFrom(ctx).Hit(time.Since(answer.At))
	}
	return answer
}

func (k *kept) Put(caller string, version uint64, path, query string, answer *fsclient.Kept) {
	if k.gateway.config.CacheSize == 0 {
		return
	}
	if k.shares(path) {
		k.readers.Add(caller, time.Now())
	}
	key, _ := k.key(caller, version, path, query)
	k.put(key, answer)
	if k.inRedis(path) {
		k.writing.Go(func() { k.store(caller, path, query, answer) })
	}
}

func (k *kept) put(key keptKey, answer *fsclient.Kept) {
	k.answers.Put(key, answer, len(key.caller)+len(key.path)+len(key.query)+len(answer.Body), time.Until(answer.Until)+stale(answer))
}

// stale is for how long an answer is kept after the partner is to be asked again.
func stale(answer *fsclient.Kept) time.Duration {
	if answer.ETag == "" {
		return 0
	}
	return tagged
}

// keptKey names an answer: whose it is, and what was asked.
type keptKey struct {
	caller      string // "" for all who may read the catalogue
	version     uint64
	path, query string
}

// key returns the name of an answer, and whether the caller may have what is kept under it.
func (k *kept) key(caller string, version uint64, path, query string) (key keptKey, may bool) {
	if ofCatalogue(path) {
		version = 0 // no write changes it
	}
	if !k.shares(path) {
		return keptKey{caller, version, path, query}, true
	}
	at, reads := k.readers.Get(caller)
	return keptKey{path: path, query: query}, reads && time.Since(at) < readerFor
}

// ofCatalogue reports whether a path is one of the catalogue, which belongs to no clinic.
func ofCatalogue(path string) bool { return strings.Contains(path, "/catalog/") }

func (k *kept) shares(path string) bool { return k.gateway.config.ShareCatalog && ofCatalogue(path) }

func (k *kept) inRedis(path string) bool { return k.gateway.config.CacheInRedis && ofCatalogue(path) }

// redisKey tells nobody what was asked, nor by whom.
func (k *kept) redisKey(caller, path, query string) string {
	if k.gateway.config.ShareCatalog {
		caller = ""
	}
	base, _ := k.gateway.config.upstreamURL()
	return redisconn.Prefix + "kept:" + k.gateway.keys.Name(strings.Join([]string{base, caller, path, query}, "\n"))
}

// purposeKept is what answers are sealed for.
const purposeKept = "kept"

// stored is an answer as it is sealed. Its body is bytes, for JSON keeps no others than those of UTF-8.
type stored struct {
	ETag      string
	Body      []byte
	At, Until time.Time
}

// load reads an answer from Redis. What is wrong with that is no concern of the call.
func (k *kept) load(ctx context.Context, caller, path, query string) (answer *fsclient.Kept, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, keptPatience)
	defer cancel()
	r := k.gateway.redis
	got := r.DoMulti(ctx, r.B().Get().Key(k.redisKey(caller, path, query)).Build(), r.B().Get().Key(changedKey).Build())
	sealed, err := got[0].ToString()
	if err != nil {
		return nil, false
	}
	changed, err := got[1].AsInt64() // for one that has not been running then
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil, false
	}
	var s stored
	plain, err := k.gateway.keys.Open(purposeKept, sealed)
	if err != nil || json.Unmarshal(plain, &s) != nil || s.At.UnixNano() < max(changed, k.changed.Load()) {
		return nil, false
	}
	return &fsclient.Kept{ETag: s.ETag, Body: string(s.Body), At: s.At, Until: s.Until}, true
}

func (k *kept) store(caller, path, query string, answer *fsclient.Kept) {
	plain, err := json.Marshal(stored{answer.ETag, []byte(answer.Body), answer.At, answer.Until})
	if err != nil {
		return
	}
	sealed, err := k.gateway.keys.Seal(purposeKept, plain)
	if err != nil {
		return
	}
	k.set(k.redisKey(caller, path, query), sealed, time.Until(answer.Until)+stale(answer))
}

// changedKey has when a product last was new or changed.
const changedKey = redisconn.Prefix + "kept:changed"

// set writes to Redis. What is not written is asked for again.
func (k *kept) set(key, value string, life time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), keptPatience)
	defer cancel()
	r := k.gateway.redis
	_ = r.Do(ctx, r.B().Set().Key(key).Value(value).Px(max(time.Millisecond, life)).Build()).Error()
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
