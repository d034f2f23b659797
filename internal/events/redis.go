package events

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"fsgateway/internal/redisconn"
)

// Sealer encrypts what is kept in Redis: events hold data of patients.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Keys of the stream; the braces keep them on one server of a cluster.
const (
	streamKey = redisconn.Prefix + "{events}:log"
	countKey  = redisconn.Prefix + "{events}:count"
	idKey     = redisconn.Prefix + "{events}:id:"
)

// countLife is how long the number of the last entry is remembered. It is longer
// than the life of entries, so that a stream whose entries have all expired can be
// told from one that was lost.
const countLife = 30 * 24 * time.Hour

const (
	// readAtOnce is how many events are read at once.
	readAtOnce = 500
	// idle is how long a read waits for an event before it looks whether the
	// stream is still the one that it has read so far.
	idle = 5 * time.Second
	// retry is how long to wait after Redis did not answer.
	retry = 250 * time.Millisecond
)

// NewRedis makes a bus of a stream in Redis, which gateways share: what one of
// them publishes is in the logs of all. An event is in the stream before Publish
// returns, and stays there when a process ends. It fails when what is in the
// stream by now cannot be read.
func NewRedis(ctx context.Context, client rueidis.Client, seal Sealer, o Options) (*Bus, error) {
	b := newBus(o)
	r := &redis{bus: b, client: client, seal: seal, done: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	b.journal = r
	count, err := r.counted(ctx) // first: what is added after it is read
	if err != nil {
		r.cancel()
		return nil, err
	}
	kept, err := r.newest(ctx, b.o.Keep)
	if err != nil {
		r.cancel()
		return nil, err
	}
	if len(kept) == 0 {
		r.count = count // the entries have expired
	}
	for _, e := range kept {
		ms, _ := parts(e.ID)
		r.take(e, time.UnixMilli(ms)) // by the server's clock; gateways that were running had it then
	}
	go r.follow()
	return b, nil
}

// redis is the journal that several processes write. Each follows it into a log
// of its own, which is what its subscribers read.
type redis struct {
	bus    *Bus
	client rueidis.Client
	seal   Sealer
	ctx    context.Context // ends with the bus
	cancel context.CancelFunc
	done   chan struct{}

	last  string // id of the last entry read, "" for none
	count int64  // its number, or that of the last one that expired; 0 for none

	mu   sync.Mutex
	read rueidis.DedicatedClient // what follow waits on
}

// add writes an entry before the id under which it is known: what goes wrong in
// between makes an event come twice, and never not at all. Entries are numbered,
// so that a reader sees when one is missing. They have a life: old ones go
// with the next that is added, and the last with the stream.
var add = rueidis.NewLuaScript(`
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
local n = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'n', n, 'event', ARGV[2])
local now = redis.call('TIME')
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[5]))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('SET', KEYS[3], '1', 'PX', ARGV[3])
return 1`)

// keys are those that add takes for an event.
type keys struct{ stream, count, id string }

// write runs add.
func write(ctx context.Context, client rueidis.Client, k keys, sealed string, o *Options) rueidis.RedisResult {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	return add.Exec(ctx, client, []string{k.stream, k.count, k.id},
		[]string{strconv.Itoa(o.Keep), sealed, ms(o.Dedupe), ms(max(countLife, 2*o.Life)), ms(o.Life)})
}

// CheckRedis does once all that the bus does at a server, with keys of its own that
// are gone soon after.
func CheckRedis(ctx context.Context, client rueidis.Client) error {
	const life = 10 * time.Second
	check := redisconn.Prefix + "{events}:check:" + rand.Text()
	k := keys{check + ":log", check + ":count", check + ":id"}
	for _, command := range []func() rueidis.RedisResult{
		func() rueidis.RedisResult {
			return write(ctx, client, k, "check", &Options{Keep: 1, Dedupe: life, Life: life})
		},
		func() rueidis.RedisResult { return client.Do(ctx, client.B().Exists().Key(k.id).Build()) },
		func() rueidis.RedisResult { return client.Do(ctx, client.B().Get().Key(k.count).Build()) },
		func() rueidis.RedisResult {
			return client.Do(ctx, client.B().Xrevrange().Key(k.stream).End("+").Start("-").Count(1).Build())
		},
		func() rueidis.RedisResult {
			return client.Do(ctx, client.B().Xread().Count(1).Streams().Key(k.stream).Id("0").Build())
		},
		func() rueidis.RedisResult {
			return client.Do(ctx, client.B().Del().Key(k.stream, k.count, k.id).Build())
		},
	} {
		if err := command().Error(); err != nil && !rueidis.IsRedisNil(err) {
			return err
		}
	}
	return nil
}

func (r *redis) publish(ctx context.Context, e Event) (fresh bool, err error) {
	plain, err := json.Marshal(e)
	if err != nil {
		return false, err
	}
	sealed, err := r.seal.Seal("event", plain)
	if err != nil {
		return false, err
	}
	return write(ctx, r.client, keys{streamKey, countKey, idKey + e.ID}, sealed, &r.bus.o).AsBool()
}

func (r *redis) known(ctx context.Context, id string) (bool, error) {
	return r.client.Do(ctx, r.client.B().Exists().Key(idKey+id).Build()).AsBool()
}

// newest reads the last entries, in order.
func (r *redis) newest(ctx context.Context, n int) ([]rueidis.XRangeEntry, error) {
	entries, err := r.client.Do(ctx, r.client.B().Xrevrange().Key(streamKey).End("+").Start("-").Count(int64(n)).Build()).AsXRange()
	slices.Reverse(entries)
	return entries, err
}

// follow reads what is added, until the bus is closed.
func (r *redis) follow() {
	defer close(r.done)
	failing := false
	for r.ctx.Err() == nil {
		err := r.advance(failing)
		if err == nil || r.ctx.Err() != nil {
			failing = false
			continue
		}
		if !failing { // once for as long as it lasts
			r.bus.o.OnError(fmt.Errorf("events cannot be read: %w", err))
		}
		failing = true
		select {
		case <-time.After(retry):
		case <-r.ctx.Done():
		}
	}
}

// advance waits for entries and takes them. When Redis was away, or nothing has come
// for a while, it looks whether the stream is still the same.
func (r *redis) advance(wasAway bool) error {
	if wasAway {
		if err := r.compare(); err != nil {
			return err
		}
	}
	entries, err := r.next()
	if err == nil && len(entries) == 0 {
		err = r.compare()
	}
	for _, e := range entries {
		r.take(e, time.Now())
	}
	return err
}

// next waits for entries, on a connection of its own, which close cuts.
func (r *redis) next() ([]rueidis.XRangeEntry, error) {
	c, release := r.client.Dedicate()
	defer release()
	r.mu.Lock()
	r.read = c
	r.mu.Unlock()
	if r.ctx.Err() != nil {
		return nil, r.ctx.Err()
	}
	from := r.last
	if from == "" {
		from = "0"
	}
	ctx, cancel := context.WithTimeout(r.ctx, 2*idle) // a server that is gone without a word answers never
	defer cancel()
	command := c.B().Xread().Count(readAtOnce).Block(idle.Milliseconds()).Streams().Key(streamKey).Id(from).Build()
	streams, err := c.Do(ctx, command).AsXRead()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	return streams[streamKey], err
}

// counted reads the number of the last entry that was added, 0 for none.
func (r *redis) counted(ctx context.Context) (int64, error) {
	n, err := r.client.Do(ctx, r.client.B().Get().Key(countKey).Build()).AsInt64()
	if rueidis.IsRedisNil(err) {
		return 0, nil
	}
	return n, err
}

// compare looks whether the stream ends where we have read to. One that was lost
// with its server, and begun anew, may number its entries below ours, and nothing
// would ever come of waiting: its subscribers are told, and it is read from its
// beginning.
func (r *redis) compare() error {
	count, err := r.counted(r.ctx) // first: the entry of a count that is read is there
	if err != nil {
		return err
	}
	newest, err := r.newest(r.ctx, 1)
	if err != nil {
		return err
	}
	same := count == r.count // all entries may have expired
	if len(newest) > 0 {
		same = count >= r.count && !before(newest[0].ID, r.last) // the next read brings what has been added
	}
	if same {
		return nil
	}
	r.bus.o.OnError(errors.New("the stream in Redis was lost and has begun anew: subscribers are told to resume from the partner's list"))
	r.bus.gap(time.Now())
	r.last, r.count = "", count
	if len(newest) > 0 {
		r.count = 0
	}
	return nil
}

// parts are those of an entry's id: the time when it was added, in ms, and a number.
func parts(id string) (ms, n int64) {
	_, _ = fmt.Sscanf(id, "%d-%d", &ms, &n)
	return ms, n
}

// before compares ids of entries.
func before(a, b string) bool {
	aMS, aN := parts(a)
	bMS, bN := parts(b)
	return aMS < bMS || aMS == bMS && aN < bN
}

func number(e rueidis.XRangeEntry) int64 {
	n, _ := strconv.ParseInt(e.FieldValues["n"], 10, 64)
	return n
}

// take puts an entry into the log, or notes that one before it is missing.
func (r *redis) take(entry rueidis.XRangeEntry, at time.Time) {
	n := number(entry)
	if r.count != 0 && n != r.count+1 {
		r.bus.o.OnError(fmt.Errorf("the stream in Redis has a gap: event %d follows event %d", n, r.count))
		r.bus.gap(at)
	}
	r.last, r.count = entry.ID, n
	var e Event
	plain, err := r.seal.Open("event", entry.FieldValues["event"])
	if err == nil {
		err = json.Unmarshal(plain, &e)
	}
	if err != nil {
		r.bus.o.OnError(fmt.Errorf("event %d: %w", n, err))
		r.bus.o.OnGap(at)
		return
	}
	if !r.bus.holds(e.ID) { // else the script that wrote it was cut off and sent again
		r.bus.append(e, at)
	}
}

func (r *redis) close() {
	r.cancel()
	r.mu.Lock()
	if r.read != nil {
		r.read.Close()
	}
	r.mu.Unlock()
	<-r.done
}
