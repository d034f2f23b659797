package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"fsgateway/internal/cache"
	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/redisconn"
	"fsgateway/internal/transport"
)

// kept are answers of the catalogue and of who works in the clinic, each for the caller who
// got it, or, with --share-catalog, for all who may read it. It is the client's cache.
type kept struct {
	gateway *Gateway
	answers *cache.Cache[keptKey, *fsclient.Kept]
	// readers are those who may read what is shared, or may not.
	readers *cache.Cache[reader, permission]
	changes changes
	self    string         // this gateway, among those on one Redis
	writing sync.WaitGroup // to Redis
}

// reader is a caller of a route: the partner may let them read one and refuse another.
type reader struct{ caller, route string }

// permission is what the partner last said to a reader, and when it was asked.
type permission struct {
	at time.Time
	is bool
}

const (
	// readerFor is how long one who got an answer of a route counts as one who may.
	readerFor = 15 * time.Minute
	// tagged is how long an answer is kept of which the partner can say that it still is so.
	tagged = 24 * time.Hour
	// doubtFor is how long a write may take to be carried out whose answer did not come.
	doubtFor = time.Minute
	// keptPatience is how long a call waits for what is kept in Redis.
	keptPatience = 100 * time.Millisecond
)

// maxReaders is how many bytes the readers take, of whom there are some ten thousand.
const maxReaders = 4 << 20

func newKept(g *Gateway) *kept {
	return &kept{
		gateway: g, answers: cache.New[keptKey, *fsclient.Kept](g.config.CacheSize), readers: cache.New[reader, permission](maxReaders),
		changes: newChanges(), self: rand.Text(),
	}
}

// Version and the others make it a [fsclient.Cache].
func (k *kept) Version(caller string) uint64 { return k.changes.version(caller) }

func (k *kept) Writing(caller string) { k.changes.begins(caller) }

// Wrote has what was asked for before be old, here and at other gateways, unless the write was
// not carried out. One of which that is not known may still be.
func (k *kept) Wrote(caller string, err error) {
	e, failed := errors.AsType[*fsclient.Error](err)
	message := caller
	switch {
	case err == nil:
	case failed && e.Unknown:
		message += doubt
	default:
		return
	}
	k.wrote(message)
	if r := k.gateway.redis; r != nil {
		k.writing.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), keptPatience)
			defer cancel()
			_ = r.Do(ctx, r.B().Publish().Channel(wroteChannel).Message(k.self+" "+message).Build()).Error()
		})
	}
}

// wrote notes that a caller has written. While a write is in doubt, what is asked for after it is
// old, too.
func (k *kept) wrote(message string) {
	at := time.Now()
	caller, inDoubt := strings.CutSuffix(message, doubt)
	if inDoubt {
		at = at.Add(doubtFor)
	}
	k.changes.of(caller, at)
}

// follow notes what callers write through other gateways. Where it may not have heard of some,
// any of them may have.
func (k *kept) follow() (stop func()) {
	return redisconn.Listen(k.gateway.redis, wroteChannel, func(context.Context) { k.changes.ofEach(time.Now()) }, k.heard)
}

// heard notes a write through another gateway. One through this gateway was noted when it was
// over: what has been read since then is new.
func (k *kept) heard(message string) {
	if from, what, _ := strings.Cut(message, " "); from != k.self {
		k.wrote(what)
	}
}

// On wroteChannel are the callers who have written, behind the gateway that they wrote through, and
// doubt after those whose write may not have been carried out yet.
const (
	wroteChannel = redisconn.Prefix + "wrote"
	doubt        = "?"
)

// usable reports whether there is an answer that may not have changed since the partner was asked.
func (k *kept) usable(r fsclient.Read, answer *fsclient.Kept) bool {
	return answer != nil && !answer.Until.IsZero() && !k.old(r, answer.At)
}

// old reports whether an answer may have changed since the partner was asked.
func (k *kept) old(r fsclient.Read, at time.Time) bool {
	return k.changes.toAll(at) || !ofCatalogue(r) && k.changes.to(r.Caller, at)
}

// happened has what begins from now on share nothing that began before, and drops the answers of
// all callers when a product is new or has changed, or may have: of what could not be read the type
// may be missing.
func (k *kept) happened(e events.Event, at time.Time) {
	k.changes.happened()
	if e.Type == "" || strings.HasPrefix(e.Type, "product.") {
		k.drop(at)
	}
}

// drop has all that was asked for before a moment be old: something has changed, or events are missing.
func (k *kept) drop(at time.Time) {
	k.changes.ofAll(at)
	if k.gateway.config.CacheInRedis {
		k.writing.Go(func() { k.set(changedKey, at, "", tagged) })
	}
}

// Get returns an answer. It is not fresh unless the partner has lately accepted the caller's
// token, and let them read the route if it is that of others.
func (k *kept) Get(ctx context.Context, r fsclient.Read) *fsclient.Kept {
	op := transport.OperationFrom(ctx)
	if k.gateway.config.CacheSize == 0 || op == nil {
		return nil
	}
	key, may := k.key(r)
	answer, _ := k.answers.Get(key)
	if !k.usable(r, answer) && k.inRedis(r) {
		if answer = k.load(ctx, r); answer != nil {
			answer = k.put(r, key, answer)
		}
	}
	switch {
	case !k.usable(r, answer):
		return nil
	case !may || !k.gateway.acceptedWithin(op, k.gateway.config.ProofAge):
		return &fsclient.Kept{ETag: answer.ETag, Body: answer.Body, At: answer.At} // not fresh
	case answer.Fresh():
		k.gateway.metrics.cacheHits.Inc()
		middleware.EntryFrom(ctx).Hit(time.Since(answer.At))
	}
	return answer
}

func (k *kept) Put(r fsclient.Read, answer *fsclient.Kept) {
	if k.gateway.config.CacheSize == 0 {
		return
	}
	if k.shares(r) {
		k.permit(r, permission{answer.At, true})
	}
	key, _ := k.key(r)
	if have, _ := k.answers.Get(key); k.old(r, answer.At) || have == answer || k.put(r, key, answer) != answer {
		return // several got it, or it took longer than one that was asked for later
	}
	if k.inRedis(r) {
		k.writing.Go(func() { k.store(r, answer) })
	}
}

// Drop has nobody be answered with what is kept of a read, nor with an older answer that is still
// under way, from the partner or from Redis: what is kept in its place says that there is none.
func (k *kept) Drop(r fsclient.Read, at time.Time) {
	key, _ := k.key(r)
	k.put(r, key, &fsclient.Kept{At: at})
	if k.inRedis(r) {
		k.writing.Go(func() { k.set(k.redisKey(r), at, "", doubtFor) }) // for what is under way elsewhere
	}
}

// Refused has the caller not be answered any more with what is kept of a route.
func (k *kept) Refused(r fsclient.Read, at time.Time) {
	if k.shares(r) {
		k.gateway.primed.ends(r.Caller, r, at)
		k.permit(r, permission{at, false})
		return
	}
	k.Drop(r, at)
}

// permit notes what the partner has said to a reader, unless it has said something since.
func (k *kept) permit(r fsclient.Read, p permission) {
	k.readers.PutIfNewer(reader{r.Caller, r.Route}, p, len(r.Caller)+len(r.Route), readerFor, func(p permission) time.Time { return p.at })
}

// put keeps an answer, or the one that is kept if that is newer, and returns which.
func (k *kept) put(r fsclient.Read, key keptKey, answer *fsclient.Kept) *fsclient.Kept {
	k.gateway.primed.ends(key.caller, r, answer.At)
	bytes, life := len(key.caller)+len(key.path)+len(key.query)+len(answer.Body), time.Until(answer.Until)+stale(answer)
	if answer.Until.IsZero() {
		life = doubtFor
	}
	return k.answers.PutIfNewer(key, answer, bytes, life, func(a *fsclient.Kept) time.Time { return a.At })
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
	caller      string // "" for all who may read it
	path, query string
}

// key returns the name of an answer, and whether the caller may have what is kept under it.
func (k *kept) key(r fsclient.Read) (key keptKey, may bool) {
	if !k.shares(r) {
		return keptKey{r.Caller, r.Path, r.Query}, true
	}
	permitted, _ := k.readers.Get(reader{r.Caller, r.Route})
	return keptKey{path: r.Path, query: r.Query}, permitted.is && time.Since(permitted.at) < readerFor
}

// ofCatalogue reports whether a read is one of the catalogue, which no write changes.
func ofCatalogue(r fsclient.Read) bool { return strings.HasPrefix(r.Route, "/catalog/") }

// shares reports whether callers are answered with what others have got.
func (k *kept) shares(r fsclient.Read) bool { return k.gateway.config.ShareCatalog && r.Common() }

func (k *kept) inRedis(r fsclient.Read) bool {
	return k.gateway.config.CacheInRedis && ofCatalogue(r)
}

// redisKey tells nobody what was asked, nor by whom.
func (k *kept) redisKey(r fsclient.Read) string {
	if k.shares(r) {
		r.Caller = ""
	}
	base, _ := k.gateway.config.upstreamURL()
	return redisconn.Prefix + "kept:" + k.gateway.keys.Name(strings.Join([]string{base, r.Caller, r.Path, r.Query}, "\n"))
}

// purposeKept returns the purpose that an answer is sealed for. It names the key, so that the
// answer cannot be opened under another one.
func purposeKept(key string) string { return "kept " + key }

// stored is an answer as it is sealed. Its body is a []byte since JSON strings hold only valid UTF-8.
type stored struct {
	ETag      string
	Body      []byte
	At, Until time.Time
}

// load reads an answer from Redis, nil for none. What is wrong with that is no concern of the call.
func (k *kept) load(ctx context.Context, read fsclient.Read) *fsclient.Kept {
	ctx, cancel := context.WithTimeout(ctx, keptPatience)
	defer cancel()
	r, key := k.gateway.redis, k.redisKey(read)
	got := r.DoMulti(ctx, r.B().Get().Key(key).Build(), r.B().Get().Key(changedKey).Build())
	value, err := got[0].ToString()
	if err != nil {
		return nil
	}
	_, sealed, _ := strings.Cut(value, " ") // from when it is
	changed, err := got[1].AsInt64()        // for one that has not been running then
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil
	}
	var s stored
	plain, err := k.gateway.keys.Open(purposeKept(key), sealed)
	if err != nil || json.Unmarshal(plain, &s) != nil || s.At.UnixNano() < changed || k.changes.toAll(s.At) {
		return nil
	}
	return &fsclient.Kept{ETag: s.ETag, Body: string(s.Body), At: s.At, Until: s.Until}
}

func (k *kept) store(r fsclient.Read, answer *fsclient.Kept) {
	plain, err := json.Marshal(stored{answer.ETag, []byte(answer.Body), answer.At, answer.Until})
	if err != nil {
		return
	}
	key := k.redisKey(r)
	sealed, err := k.gateway.keys.Seal(purposeKept(key), plain)
	if err != nil {
		return
	}
	k.set(key, answer.At, " "+sealed, time.Until(answer.Until)+stale(answer))
}

// changedKey has when a product last was new or changed.
const changedKey = redisconn.Prefix + "kept:changed"

// setIfNewer sets a key to a moment and a text, unless the moment there is as late: what a
// gateway was asked for first may arrive last.
var setIfNewer = rueidis.NewLuaScript(`
local at = string.match(redis.call('GET', KEYS[1]) or '', '^%d+')
if at and tonumber(at) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
return 1`)

// set writes to Redis what is from a moment. What is not written is asked for again.
func (k *kept) set(key string, at time.Time, text string, life time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), keptPatience)
	defer cancel()
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	_ = setIfNewer.Exec(ctx, k.gateway.redis, []string{key}, []string{number(at.UnixNano()), text, number(max(1, life.Milliseconds()))}).Error()
}

// acceptedWithin reports whether the partner has accepted the caller's token lately.
func (g *Gateway) acceptedWithin(op *transport.Operation, d time.Duration) bool {
	at, ok := g.accepted.callers.Get(op.Caller.Key)
	return ok && time.Since(at) < d
}

// fresh has a request get nothing that was kept if its client asks for that. Browsers ask for it
// whenever they open a socket, which says nothing of the operations there.
func fresh(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines := r.Header["Cache-Control"]
		if r.Header.Get("Upgrade") != "" {
			lines = nil
		}
		for _, directives := range lines {
			for directive := range strings.SplitSeq(strings.ToLower(directives), ",") {
				if d := strings.TrimSpace(directive); d == "no-cache" || d == "no-store" || d == "max-age=0" {
					r = r.WithContext(fsclient.WithFresh(r.Context()))
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}
