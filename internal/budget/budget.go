// Package budget keeps callers within what the partner allows them: so many calls in a
// rolling window, and none after an answer 429 until the time that it names. Several gateways
// keep one count together in Redis; while that cannot be used each has a share.
package budget

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// Accounts are the budgets of all callers.
type Accounts struct {
	limit  int
	window time.Duration
	shared *Shared // nil for a count in the memory of this process

	mu        sync.Mutex
	byKey     map[string]*account
	strangers int // accounts of callers whom the partner has not accepted
	swept     time.Time

	// Of a shared count: the number of the last question, the accounts that the count has yet
	// to be told of, and how many goroutines tell it.
	asked   int64
	untold  map[*account]struct{}
	tellers int
}

// slots is how many parts a window has. A call counts until the whole part that it was
// made in is out of the window, so never for too short.
const slots = 60

// keptFor is how long calls are taken to be kept for an operation. Most take less.
const keptFor = time.Second

// maxStrangers is how many accounts of callers are kept whom the partner has not accepted.
// Anybody can make up tokens.
const maxStrangers = 10_000

// account is what one caller has used.
type account struct {
	key      string
	made     []part // oldest first
	sum      int    // of the calls made
	reserved int
	blocked  time.Time     // until when the partner wants no calls
	accepted bool          // by the partner
	returned chan struct{} // closed at the next end of a lease; nil if nobody waits for it

	// Of a shared count: how many gateways have made calls of the caller lately, how many may be
	// made here by what was left then, for a window, and how many calls each question wants that
	// is under way.
	gateways  int
	fair      int
	fairUntil time.Time
	asking    map[int64]int
}

// part is the calls of one slot.
type part struct {
	slot  int64
	calls int
}

// New returns accounts of limit calls in each window; a limit of 0 is none. They are counted
// in memory, or in a shared count if there is one.
func New(limit int, window time.Duration, shared *Shared) *Accounts {
	a := &Accounts{limit: limit, window: window, shared: shared, byKey: map[string]*account{}, untold: map[*account]struct{}{}}
	if shared != nil {
		shared.listen(a.block)
	}
	return a
}

// SpentError says that a caller has no calls left.
type SpentError struct {
	RetryAfter time.Duration
	// Returned is closed when an operation of the caller here gives its calls back; nil unless
	// those that are kept would do. Other gateways may give back theirs, too.
	Returned <-chan struct{}
}

func (*SpentError) Error() string { return "budget: the caller's calls are used up" }

// Lease is a number of calls kept for one operation. A nil Lease keeps none.
type Lease struct {
	accounts *Accounts
	account  *account
	left     int // guarded by the lock of the accounts
	closed   bool
}

// Reserve keeps n calls for an operation of a caller, at most a whole budget. The error is
// a [*SpentError] if they are not left.
func (a *Accounts) Reserve(ctx context.Context, key string, n int) (*Lease, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.account(key)
	defer a.drop(acc)
	if err := acc.refuses(); err != nil || a.limit == 0 {
		return nil, err
	}
	n, err := a.grant(ctx, acc, min(n, a.limit), false)
	if err != nil {
		return nil, err
	}
	return &Lease{accounts: a, account: acc, left: n}, nil
}

// grant has n calls of an account kept, to be made at once or later, and returns how many: an
// operation that is larger than the share of a gateway alone gets that.
func (a *Accounts) grant(ctx context.Context, acc *account, n int, now bool) (int, error) {
	g, err := a.ask(ctx, acc, n, now)
	switch {
	case err != nil: // alone
		n = min(n, a.equal(acc))
		// Those that are kept may be there at any time.
		if short := acc.sum + n - a.share(acc); short > 0 {
			return 0, &SpentError{RetryAfter: a.freeAfter(acc, short)}
		} else if short+acc.reserved > 0 {
			return 0, acc.kept()
		}
	case g.Blocked > 0:
		return 0, &SpentError{RetryAfter: milliseconds(g.Blocked)}
	case g.Kept:
		return 0, acc.kept()
	case !g.Granted:
		return 0, &SpentError{RetryAfter: max(time.Millisecond, milliseconds(g.Wait))}
	}
	acc.reserved += n
	return n, nil
}

// kept says that the calls that are short are kept for other operations.
func (acc *account) kept() *SpentError {
	if acc.returned == nil {
		acc.returned = make(chan struct{})
	}
	return &SpentError{RetryAfter: keptFor, Returned: acc.returned}
}

// errAlone says that there is no shared count.
var errAlone = errors.New("budget: no shared count")

// ask tells the shared count all that counts of an account here, wants n calls of it, which
// are made at once or later, and notes what it says. It gives up the lock while it waits.
func (a *Accounts) ask(ctx context.Context, acc *account, n int, now bool) (grant, error) {
	if a.shared == nil {
		return grant{}, errAlone
	}
	_, untold := a.untold[acc]
	delete(a.untold, acc)
	a.asked++
	number := a.asked
	q := a.question(acc, number, n)
	if !now {
		q.Ahead = q.Hold
	}
	acc.asking[number] = n
	a.mu.Unlock()
	g, err := a.shared.ask(ctx, acc.key, q)
	a.mu.Lock()
	delete(acc.asking, number)
	a.age(acc, a.slot(time.Now()))
	if err != nil {
		if untold || n > 0 { // it may have granted them
			a.tell(acc)
		}
		return g, err
	}
	acc.gateways = g.Gateways
	acc.fair, acc.fairUntil = acc.sum+acc.reserved+g.Remaining/max(1, g.Gateways-1), time.Now().Add(a.window)
	if g.Granted {
		acc.fair += n
	}
	acc.block(milliseconds(g.Blocked))
	return g, nil
}

// question is that of an account. Of a call that was made it says how many slots ago, of one
// that is kept how many slots ahead it can be made at last: no two clocks need agree.
func (a *Accounts) question(acc *account, number int64, n int) question {
	length := (a.window/slots + time.Millisecond - 1).Truncate(time.Millisecond) // no shorter than here
	q := question{
		Number: number, Slot: length.Milliseconds(), Hold: max(1, int64((a.shared.hold+length-1)/length)),
		Slots: slots + 2, // the server's begin at another time
		Limit: a.limit, Need: n, Calls: [][2]int64{}, Open: map[int64]int{}, Block: max(0, time.Until(acc.blocked).Milliseconds()),
	}
	now := a.slot(time.Now())
	for _, p := range acc.made {
		q.Calls = append(q.Calls, [2]int64{now - p.slot, int64(p.calls)})
	}
	if acc.reserved > 0 {
		q.Calls = append(q.Calls, [2]int64{-q.Hold, int64(acc.reserved)})
	}
	maps.Copy(q.Open, acc.asking)
	return q
}

// tell has the shared count told of an account as soon as it can be.
func (a *Accounts) tell(acc *account) {
	if a.shared == nil || a.byKey[acc.key] != acc {
		return
	}
	a.untold[acc] = struct{}{}
	if a.tellers < maxTellers && !a.shared.over() {
		a.tellers++
		a.shared.pending.Go(a.tellAll)
	}
}

// tellAll tells the shared count of accounts until it has been told of all.
func (a *Accounts) tellAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.tellers-- }()
	for len(a.untold) > 0 {
		for acc := range a.untold {
			_, err := a.ask(context.Background(), acc, 0, false)
			a.drop(acc)
			if err != nil {
				a.mu.Unlock()
				goOn := a.shared.rest()
				a.mu.Lock()
				if !goOn {
					return
				}
			}
			break // what is ranged over has changed
		}
	}
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// equal returns how many calls of a caller each gateway has if all have the same.
func (a *Accounts) equal(acc *account) int { return max(1, a.limit/max(1, acc.gateways)) }

// share returns how many calls a caller may make here in each window while the other gateways
// cannot be asked. Some may have made more than their part: then the rest have what was left
// between them.
func (a *Accounts) share(acc *account) int {
	if time.Now().Before(acc.fairUntil) {
		return min(a.equal(acc), acc.fair)
	}
	return a.equal(acc)
}

// Close gives back the calls that were not made.
func (l *Lease) Close() {
	if l == nil {
		return
	}
	a := l.accounts
	a.mu.Lock()
	defer a.mu.Unlock()
	l.account.reserved -= l.left
	l.left, l.closed = 0, true
	if l.account.returned != nil {
		close(l.account.returned)
		l.account.returned = nil
	}
	a.tell(l.account)
	a.drop(l.account)
}

// Take counts a call of a caller, of those that the lease keeps or beyond them, until it is
// settled. The error is as that of [Accounts.Reserve], and then the call must not be made.
func (a *Accounts) Take(ctx context.Context, key string, l *Lease) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.limit == 0 && a.byKey[key] == nil { // nothing is known against them
		return nil
	}
	acc := a.account(key)
	if err := acc.refuses(); err != nil || a.limit == 0 {
		a.drop(acc)
		return err
	}
	if l != nil && l.account == acc && l.left > 0 {
		l.left--
	} else if _, err := a.grant(ctx, acc, 1, true); err != nil {
		a.drop(acc)
		return err
	}
	acc.reserved--
	acc.sum++
	now := a.slot(time.Now())
	if last := len(acc.made) - 1; last >= 0 && acc.made[last].slot >= now {
		acc.made[last].calls++
	} else {
		acc.made = append(acc.made, part{now, 1})
	}
	return nil
}

// Settle notes what became of a call that was taken: whether the partner accepted the caller,
// and whether it counted the call. One that it did not count the lease keeps again.
func (a *Accounts) Settle(key string, l *Lease, accepted, counted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.byKey[key]
	if acc == nil {
		return
	}
	if accepted && !acc.accepted {
		acc.accepted = true
		a.strangers--
	}
	if last := len(acc.made) - 1; last >= 0 && !counted {
		acc.sum--
		if acc.made[last].calls--; acc.made[last].calls == 0 {
			acc.made = acc.made[:last]
		}
		if l != nil && l.account == acc && !l.closed {
			l.left++
			acc.reserved++
		}
		a.tell(acc)
	}
	a.drop(acc)
}

// Block notes that the partner wants no calls of a caller for a while.
func (a *Accounts) Block(ctx context.Context, key string, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.account(key)
	defer a.drop(acc)
	acc.block(d)
	if _, err := a.ask(ctx, acc, 0, false); err != nil {
		a.tell(acc)
	}
}

// block is Block for what another gateway has met.
func (a *Accounts) block(key string, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.account(key)
	defer a.drop(acc)
	acc.block(d)
}

func (acc *account) block(d time.Duration) {
	if until := time.Now().Add(d); d > 0 && until.After(acc.blocked) {
		acc.blocked = until
	}
}

// State is what a caller has left.
type State struct {
	Limit, Remaining int
	Window           time.Duration
	Reset            time.Time // when all of the limit is there again, if no call is made
}

// State returns what a caller has left.
func (a *Accounts) State(ctx context.Context, key string) State {
	if a.limit == 0 {
		return State{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.account(key)
	defer a.drop(acc)
	g, err := a.ask(ctx, acc, 0, false)
	s := State{Limit: a.limit, Remaining: g.Remaining, Window: a.window, Reset: time.Now().Add(milliseconds(g.Reset))}
	if err != nil {
		s.Remaining = max(0, a.share(acc)-acc.sum-acc.reserved)
		if acc.sum > 0 {
			s.Reset = time.Now().Add(a.freeAfter(acc, acc.sum))
		}
	}
	if acc.blocked.After(time.Now()) {
		s.Remaining = 0
		if acc.blocked.After(s.Reset) {
			s.Reset = acc.blocked
		}
	}
	return s
}

// refuses returns why the caller may not make a call now, whatever is left.
func (acc *account) refuses() error {
	if wait := time.Until(acc.blocked); !acc.blocked.IsZero() && wait > 0 {
		return &SpentError{RetryAfter: wait}
	}
	return nil
}

// account returns the account of a caller as of now. Whoever asks for one drops it again.
func (a *Accounts) account(key string) *account {
	at := time.Now()
	now := a.slot(at)
	a.sweep(at, now)
	acc := a.byKey[key]
	if acc == nil {
		acc = &account{key: key}
		if a.shared != nil {
			acc.asking = map[int64]int{}
		}
		a.byKey[key] = acc
		a.strangers++
	}
	a.age(acc, now)
	return acc
}

// age takes away the calls that have left the window.
func (a *Accounts) age(acc *account, now int64) {
	for len(acc.made) > 0 && acc.made[0].slot < now-slots {
		acc.sum -= acc.made[0].calls
		acc.made = acc.made[1:]
	}
}

func (a *Accounts) slot(at time.Time) int64 { return at.UnixNano() / (int64(a.window) / slots) }

// freeAfter returns how long it takes until n of the calls made have left the window.
func (a *Accounts) freeAfter(acc *account, n int) time.Duration {
	last := a.slot(time.Now())
	for _, p := range acc.made {
		last = p.slot
		if n -= p.calls; n <= 0 {
			break
		}
	}
	return time.Until(time.Unix(0, (last+slots+1)*int64(a.window/slots)))
}

// Close ends what is shared.
func (a *Accounts) Close() {
	if a.shared != nil {
		a.shared.Close()
	}
}

// sweep drops the accounts whose calls have left the window, once in a window.
func (a *Accounts) sweep(at time.Time, now int64) {
	if at.Sub(a.swept) < a.window {
		return
	}
	a.swept = at
	for _, acc := range a.byKey {
		a.age(acc, now)
		a.drop(acc)
	}
}

// drop forgets an account of which nothing counts, or one too many of strangers.
func (a *Accounts) drop(acc *account) {
	if a.byKey[acc.key] != acc || acc.reserved > 0 || len(acc.asking) > 0 {
		return
	}
	_, untold := a.untold[acc]
	counts := acc.sum > 0 || untold || acc.refuses() != nil
	if counts && (acc.accepted || a.strangers <= maxStrangers) {
		return
	}
	delete(a.byKey, acc.key)
	delete(a.untold, acc)
	if !acc.accepted {
		a.strangers--
	}
}
