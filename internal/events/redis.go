package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// Sealer encrypts what is kept in Redis: events tell of patients.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Keys of the stream; the braces keep them on one server of a cluster.
const (
	streamKey = "fsgateway:{events}:log"
	countKey  = "fsgateway:{events}:count"
	idKey     = "fsgateway:{events}:id:"
)

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
	kept, err := r.newest(ctx, b.o.Keep)
	if err != nil {
		r.cancel()
		return nil, err
	}
	for _, e := range kept {
		r.take(e)
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
	count int64  // its number

	mu   sync.Mutex
	read rueidis.DedicatedClient // what follow waits on
}

// add writes an entry before the id under which it is known: what goes wrong in
// between makes an event come twice, and never not at all. Entries are numbered,
// so that who follows sees when one is missing.
var add = rueidis.NewLuaScript(`
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
local n = redis.call('INCR', KEYS[2])
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'n', n, 'event', ARGV[2])
redis.call('SET', KEYS[3], '1', 'PX', ARGV[3])
return 1`)

func (r *redis) publish(ctx context.Context, e Event) (fresh bool, err error) {
	plain, err := json.Marshal(e)
	if err != nil {
		return false, err
	}
	sealed, err := r.seal.Seal("event", plain)
	if err != nil {
		return false, err
	}
	keep, remember := strconv.Itoa(r.bus.o.Keep), strconv.FormatInt(r.bus.o.Dedupe.Milliseconds(), 10)
	return add.Exec(ctx, r.client, []string{streamKey, countKey, idKey + e.ID}, []string{keep, sealed, remember}).AsBool()
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
		entries, err := r.next()
		if err == nil && len(entries) == 0 {
			err = r.compare()
		}
		if err != nil && r.ctx.Err() == nil {
			if !failing { // once for as long as it lasts
				r.bus.o.Trouble(fmt.Errorf("events cannot be read: %w", err))
			}
			failing = true
			select {
			case <-time.After(retry):
			case <-r.ctx.Done():
			}
			continue
		}
		failing = false
		for _, e := range entries {
			r.take(e)
		}
	}
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

// compare looks whether the stream ends where we have read to. One that was lost
// with its server, and begun anew, may number its entries below ours, and nothing
// would ever come of waiting.
func (r *redis) compare() error {
	newest, err := r.newest(r.ctx, 1)
	if err != nil {
		return err
	}
	if len(newest) == 0 && r.last == "" || len(newest) > 0 && number(newest[0]) >= r.count && !before(newest[0].ID, r.last) {
		return nil // what has come since then the next read brings
	}
	r.bus.gap()
	r.last, r.count = "", 0
	return errors.New("the stream is another one")
}

// before compares ids of entries, which are milliseconds and a number.
func before(a, b string) bool {
	parts := func(id string) (ms, n int64) {
		_, _ = fmt.Sscanf(id, "%d-%d", &ms, &n)
		return ms, n
	}
	aMS, aN := parts(a)
	bMS, bN := parts(b)
	return aMS < bMS || aMS == bMS && aN < bN
}

func number(e rueidis.XRangeEntry) int64 {
	n, _ := strconv.ParseInt(e.FieldValues["n"], 10, 64)
	return n
}

// take puts an entry into the log, or notes that one before it is missing.
func (r *redis) take(entry rueidis.XRangeEntry) {
	n := number(entry)
	if r.last != "" && n != r.count+1 {
		r.bus.o.Trouble(fmt.Errorf("events %d to %d are missing", r.count+1, n-1))
		r.bus.gap()
	}
	r.last, r.count = entry.ID, n
	var e Event
	plain, err := r.seal.Open("event", entry.FieldValues["event"])
	if err == nil {
		err = json.Unmarshal(plain, &e)
	}
	if err != nil {
		r.bus.o.Trouble(fmt.Errorf("event %d: %w", n, err))
		return
	}
	if !r.bus.holds(e.ID) { // else the script that wrote it was cut off and sent again
		r.bus.append(e)
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
