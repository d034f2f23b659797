package budget

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"fsgateway/internal/redisconn"
)

// Shared is the count that all gateways keep together in Redis. Each asks it for calls
// before they are made, as many as an operation can need; those count from then on.
type Shared struct {
	client rueidis.Client
	// id tells this gateway from the others.
	id string
	// hold is how long calls may be made after they were granted: they count longer by as
	// much.
	hold time.Duration
	note func(error)

	mu      sync.Mutex
	until   time.Time // when the server is asked again after it failed
	pending sync.WaitGroup
	stop    func() // listening
}

const (
	keyPrefix = redisconn.Prefix + "budget:"
	// blocks is the channel on which gateways tell each other of 429s.
	blocks = redisconn.Prefix + "blocked"
	// patience is how long an operation waits for the server. Then it goes on with a share
	// of the calls that needs no server.
	patience = 250 * time.Millisecond
	// pause is how long no operation waits for a server after it failed.
	pause = time.Second
)

// NewShared returns a count in Redis. hold is how long calls may be made after they were
// granted. note is told of each time that the server could not be asked, and with nil of
// each time that it could.
func NewShared(client rueidis.Client, hold time.Duration, note func(error)) *Shared {
	return &Shared{client: client, id: rand.Text()[:8], hold: hold, note: note}
}

// question is what the script is asked.
type question struct {
	ID    string `json:"id"`
	Fresh string `json:"fresh"` // the epoch of a state that is new
	Slot  int64  `json:"slot"`  // its length in ms
	Slots int64  `json:"slots"` // how many of them a call counts
	Limit int    `json:"limit"`
	Need  int    `json:"need"` // calls that are wanted, all or none

	// Own are the calls of this gateway that count, if the server has lost its data, Untold
	// those that were made while it could not be asked.
	Own    int `json:"own"`
	Untold int `json:"untold"`

	Back  int    `json:"back"`  // calls that were granted and not made
	At    string `json:"at"`    // the slot that they were granted in
	Epoch string `json:"epoch"` // and its epoch: a server that has lost its data knows nothing of them
	Block int64  `json:"block"` // for how many ms the partner wants no calls
}

// grant is what the script answers. Times are in ms.
type grant struct {
	Granted   bool   `json:"granted"`
	Epoch     string `json:"epoch"`
	Slot      string `json:"slot"`
	Remaining int    `json:"remaining"`
	Wait      int64  `json:"wait"`    // until what is needed is there
	Reset     int64  `json:"reset"`   // until all is there
	Blocked   int64  `json:"blocked"` // for how long the partner wants no calls
	Gateways  int    `json:"gateways"`
}

// accountScript is all that is done to a caller's count. A call counts for a whole
// window from the end of its slot. The clock is the server's.
var accountScript = rueidis.NewLuaScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local q = cjson.decode(ARGV[1])
local text = redis.call('GET', KEYS[1])
local s = text and cjson.decode(text) or {epoch = q.fresh, blocked = 0, used = {}, gateways = {}}
local slot, sum, gateways = math.floor(now / q.slot), 0, 1
for at, n in pairs(s.used) do
  if tonumber(at) <= slot - q.slots then s.used[at] = nil else sum = sum + n end
end
for id, at in pairs(s.gateways) do
  if at <= slot - q.slots then s.gateways[id] = nil elseif id ~= q.id then gateways = gateways + 1 end
end
local function count(at, n)
  local before = s.used[at] or 0
  s.used[at] = math.max(0, before + n)
  sum = sum + s.used[at] - before
end
local this = string.format('%.0f', slot)
count(this, s.gateways[q.id] and q.untold or q.own)
s.gateways[q.id] = slot
if q.back > 0 and q.epoch == s.epoch and s.used[q.at] then
  count(q.at, -q.back)
end
if q.block > 0 then
  s.blocked = math.max(s.blocked, now + q.block)
  redis.call('PUBLISH', ARGV[2], q.id .. ' ' .. string.format('%.0f', q.block) .. ' ' .. ARGV[3])
end
local function wait(n)
  local slots = {}
  for at in pairs(s.used) do slots[#slots + 1] = tonumber(at) end
  table.sort(slots)
  for _, at in ipairs(slots) do
    n = n - s.used[string.format('%.0f', at)]
    if n <= 0 then return (at + q.slots) * q.slot - now end
  end
  return 0
end
local a = {epoch = s.epoch, slot = this, gateways = gateways, blocked = math.max(0, s.blocked - now), granted = false, wait = 0}
if a.blocked == 0 then
  a.granted = sum + q.need <= q.limit
  if a.granted then count(this, q.need) else a.wait = wait(sum + q.need - q.limit) end
end
a.remaining = math.max(0, q.limit - sum)
a.reset = wait(sum)
redis.call('SET', KEYS[1], cjson.encode(s), 'PX', string.format('%.0f', math.max(q.slots * q.slot, s.blocked - now) + q.slot))
return cjson.encode(a)`)

// ask runs the script for a caller.
func (s *Shared) ask(ctx context.Context, key string, q question) (g grant, err error) {
	s.mu.Lock()
	paused := time.Now().Before(s.until)
	s.mu.Unlock()
	if paused {
		return g, errPaused
	}
	q.ID = s.id
	text, err := json.Marshal(q)
	if err != nil {
		return g, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	answer, err := accountScript.Exec(ctx, s.client, []string{keyPrefix + key}, []string{string(text), blocks, key}).AsBytes()
	if err == nil {
		err = json.Unmarshal(answer, &g)
	}
	if err != nil {
		s.mu.Lock()
		s.until = time.Now().Add(pause)
		s.mu.Unlock()
	}
	s.note(err)
	return g, err
}

var errPaused = errors.New("budget: the server has just failed")

// later runs f beside the operation, which does not wait for it.
func (s *Shared) later(f func()) { s.pending.Go(f) }

// listen calls blocked with each 429 that another gateway has met, until the count is closed.
func (s *Shared) listen(blocked func(key string, d time.Duration)) {
	s.stop = redisconn.Listen(s.client, blocks, nil, func(message string) {
		id, rest, _ := strings.Cut(message, " ")
		ms, key, _ := strings.Cut(rest, " ")
		if n, err := strconv.ParseInt(ms, 10, 64); err == nil && id != s.id {
			blocked(key, milliseconds(n))
		}
	})
}

// Close ends the count when what is under way is done.
func (s *Shared) Close() {
	s.stop()
	s.pending.Wait()
}

// Check does once what the count does at a server, with a key of its own.
func Check(ctx context.Context, client rueidis.Client) error {
	text, err := json.Marshal(question{ID: "check", Fresh: "check", Slot: 1000, Slots: 1, Limit: 1, Need: 1})
	if err != nil {
		return err
	}
	return accountScript.Exec(ctx, client, []string{keyPrefix + "check:" + rand.Text()}, []string{string(text), blocks, "check"}).Error()
}
