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
	hold     time.Duration
	patience time.Duration
	note     func(error)

	mu      sync.Mutex
	until   time.Time      // when the server is asked again after it failed
	pending sync.WaitGroup // what tells the server of accounts
	ended   chan struct{}  // closed with the count
	stop    func()         // listening
}

const (
	keyPrefix = redisconn.Prefix + "calls:"
	// blocks is the channel on which gateways tell each other of 429s.
	blocks = redisconn.Prefix + "blocked"
	// patience is how long an operation waits for the server. Then it goes on with a share
	// of the calls that needs no server.
	patience = 250 * time.Millisecond
	// pause is how long no operation waits for a server after it failed.
	pause = time.Second
	// maxTellers is how many accounts a server is told of at the same time.
	maxTellers = 8
)

// NewShared returns a count in Redis. hold is how long calls may be made after they were
// granted. note is told of each time that the server could not be asked, and with nil of
// each time that it could.
func NewShared(client rueidis.Client, hold time.Duration, note func(error)) *Shared {
	return &Shared{client: client, id: rand.Text()[:8], hold: hold, patience: patience, note: note, ended: make(chan struct{})}
}

// question is what the script is asked. It tells all that counts of the caller's calls at this
// gateway, and not what has changed since the last one: so it does not matter which of them
// was lost, came late, or met a server that had lost its data.
type question struct {
	ID     string `json:"id"`
	Number int64  `json:"number"` // of two questions the greater one tells what is so now
	Slot   int64  `json:"slot"`   // its length in ms
	Slots  int64  `json:"slots"`  // how many of them a call counts
	Hold   int64  `json:"hold"`   // how many of them a call may be made after it was granted
	Limit  int    `json:"limit"`
	Need   int    `json:"need"`  // calls that are wanted, all or none
	Ahead  int64  `json:"ahead"` // in how many slots the last of them can be made

	Calls [][2]int64    `json:"calls"` // how many slots ago, and how many
	Open  map[int64]int `json:"open"`  // questions whose answer is still awaited, by number
	Block int64         `json:"block"` // for how many ms the partner wants no calls
}

// grant is what the script answers. Times are in ms.
type grant struct {
	Granted   bool  `json:"granted"`
	Remaining int   `json:"remaining"`
	Kept      bool  `json:"kept"`    // for other operations, else there would be enough
	Wait      int64 `json:"wait"`    // until what is needed is there, if what is kept is given back
	Reset     int64 `json:"reset"`   // until all is there
	Blocked   int64 `json:"blocked"` // for how long the partner wants no calls
	Gateways  int   `json:"gateways"`
}

// accountScript is all that is done to a caller's count: what each gateway has told last, and
// what it was granted since. The clock is the server's. Calls are kept by when their slot began,
// in ms, for gateways of another --budget-window have slots of another length.
var accountScript = rueidis.NewLuaScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local q = cjson.decode(ARGV[1])
local text = redis.call('GET', KEYS[1])
local s = text and cjson.decode(text) or {blocked = 0, gateways = {}}
local slot, number = now - now % q.slot, string.format('%.0f', q.number)
local window, hold = q.slots * q.slot, q.hold * q.slot
local mine = s.gateways[q.id] or {number = 0, granted = {}}
mine.at = slot
s.gateways[q.id] = mine
local late = q.number < mine.number and not mine.open[number] -- nobody waits for its answer
if q.number > mine.number then
  mine.number = q.number
  mine.open = q.open
  mine.calls = {}
  for i, c in ipairs(q.calls) do mine.calls[i] = {slot - c[1] * q.slot, c[2]} end
  for n in pairs(mine.granted) do
    if not q.open[n] then mine.granted[n] = nil end
  end
end
local sum, kept, last, gateways, made = 0, 0, 0, 0, {}
local function count(c)
  if c[1] + window > slot then
    sum = sum + c[2]
    last = math.max(last, c[1])
    if c[1] > now then kept = kept + c[2] else made[#made + 1] = c end
  end
end
for id, g in pairs(s.gateways) do
  if g.at + window + hold <= slot then
    s.gateways[id] = nil
  else
    gateways = gateways + 1
    for _, c in ipairs(g.calls) do count(c) end
    for _, c in pairs(g.granted) do count(c) end
  end
end
if q.block > 0 and now + q.block > s.blocked + 500 then -- else it is the block that is known, and the time that it took to come here
  s.blocked = now + q.block
  redis.call('PUBLISH', ARGV[2], q.id .. ' ' .. string.format('%.0f', q.block) .. ' ' .. ARGV[3])
end
local a = {gateways = gateways, blocked = math.max(0, s.blocked - now), granted = false, kept = false, wait = 0}
local short = sum + q.need - q.limit
if a.blocked == 0 and short <= 0 and not late then
  a.granted = true
  if q.need > 0 then
    mine.granted[number] = {slot + q.ahead * q.slot, q.need}
    count(mine.granted[number])
  end
elseif a.blocked == 0 then
  short = short - kept
  a.kept = short <= 0
  table.sort(made, function(x, y) return x[1] < y[1] end)
  for _, c in ipairs(made) do
    if short <= 0 then break end
    short = short - c[2]
    a.wait = c[1] + window - now
  end
end
a.remaining = math.max(0, q.limit - sum)
a.reset = sum > 0 and last + window - now or 0
if sum > 0 or a.blocked > 0 then
  redis.call('SET', KEYS[1], cjson.encode(s), 'PX', string.format('%.0f', math.max(window + hold, a.blocked) + q.slot))
elseif text then
  redis.call('DEL', KEYS[1])
end
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
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

// rest waits until a server that has failed is asked again, and reports false if the count is
// closed.
func (s *Shared) rest() bool {
	select {
	case <-time.After(pause):
		return true
	case <-s.ended:
		return false
	}
}

// over reports whether the count is closed.
func (s *Shared) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

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
	close(s.ended)
	s.stop()
	s.pending.Wait()
}

// Check does once what the count does at a server, with a key of its own.
func Check(ctx context.Context, client rueidis.Client) error {
	text, err := json.Marshal(question{ID: "check", Number: 1, Slot: 1000, Slots: 1, Limit: 1, Need: 1, Calls: [][2]int64{}, Open: map[int64]int{}})
	if err != nil {
		return err
	}
	return accountScript.Exec(ctx, client, []string{keyPrefix + "check:" + rand.Text()}, []string{string(text), blocks, "check"}).Error()
}
