// Package budget keeps callers within what the partner allows them: so many calls in a
// rolling window, none after an answer 429 until the time that it names, and none with a
// token that has just been rejected. Several gateways keep one count together in Redis;
// while that cannot be used each has a share.
package budget

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// Accounts are the budgets of all callers.
type Accounts struct {
	limit  int
	window time.Duration
	shared *Shared // nil for a count in the memory of this process

	mu    sync.Mutex
	byKey map[string]*account
	swept time.Time
}

// slots is how many parts a window has. A call counts until the whole part that it was
// made in is out of the window, so never for too short.
const slots = 60

// rejectedFor is how long a token counts as rejected.
const rejectedFor = 5 * time.Second

// account is what one caller has used.
type account struct {
	used     [slots + 1]int // calls by slot, modulo slots+1
	last     int64          // the slot that was used last
	sum      int
	reserved int
	blocked  time.Time // until when the partner wants no calls
	rejected time.Time // until when the token counts as rejected

	// Of a shared count: how many gateways have made calls of the caller lately, and how
	// many calls it has not been told of.
	gateways, untold int
}

// New returns accounts of limit calls in each window; a limit of 0 is none. They are counted
// in memory, or in a shared count if there is one.
func New(limit int, window time.Duration, shared *Shared) *Accounts {
	a := &Accounts{limit: limit, window: window, shared: shared, byKey: map[string]*account{}}
	if shared != nil {
		shared.listen(a.block)
	}
	return a
}

// SpentError says that a caller has no calls left.
type SpentError struct{ RetryAfter time.Duration }

func (*SpentError) Error() string { return "budget: the caller's calls are used up" }

// ErrRejected says that the partner has just rejected the caller's token.
var ErrRejected = errors.New("budget: the token was rejected")

// Lease is a number of calls kept for one operation. A nil Lease keeps none.
type Lease struct {
	accounts *Accounts
	key      string
	left     int // guarded by the lock of the accounts

	epoch, slot string // of a shared count, in which the calls were granted
}

// Reserve keeps n calls for an operation of a caller, at most a whole budget. The error is
// a [*SpentError] if they are not left, or [ErrRejected].
func (a *Accounts) Reserve(ctx context.Context, key string, n int) (*Lease, error) {
	if a.limit > 0 {
		n = min(n, a.limit)
		if lease, err := a.reserveShared(ctx, key, n); !errors.Is(err, errAlone) {
			return lease, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.account(key)
	if err := acc.refuses(); err != nil {
		return nil, err
	}
	if a.limit == 0 {
		return nil, nil
	}
	if free := a.share(acc) - acc.sum - acc.reserved; n > free {
		return nil, &SpentError{a.freeAfter(acc, n-free)}
	}
	acc.reserved += n
	if a.shared != nil {
		acc.untold += n
	}
	return &Lease{accounts: a, key: key, left: n}, nil
}

// errAlone says that there is no shared count, or that it cannot be asked.
var errAlone = errors.New("budget: no shared count")

// reserveShared is Reserve of a shared count.
func (a *Accounts) reserveShared(ctx context.Context, key string, n int) (*Lease, error) {
	g, err := a.ask(ctx, key, question{Need: n})
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.account(key)
	switch {
	case g.Blocked > 0:
		return nil, &SpentError{milliseconds(g.Blocked)}
	case !g.Granted:
		return nil, &SpentError{max(time.Millisecond, milliseconds(g.Wait))}
	}
	acc.reserved += n
	return &Lease{accounts: a, key: key, left: n, epoch: g.Epoch, slot: g.Slot}, nil
}

// ask asks the shared count about a caller, unless they are refused anyway, and notes what
// it says.
func (a *Accounts) ask(ctx context.Context, key string, q question) (g grant, err error) {
	if a.shared == nil {
		return g, errAlone
	}
	a.mu.Lock()
	acc := a.account(key)
	if err := acc.refuses(); err != nil && q.Need > 0 {
		a.mu.Unlock()
		return g, err
	}
	length := max(time.Millisecond, a.window/slots)
	q.Slot, q.Slots = length.Milliseconds(), slots+1+int64((a.shared.hold+length-1)/length)
	q.Limit, q.Fresh, q.Own, q.Untold = a.limit, rand.Text()[:8], acc.sum+acc.reserved, acc.untold
	acc.untold = 0
	a.mu.Unlock()
	g, err = a.shared.ask(ctx, key, q)
	a.mu.Lock()
	defer a.mu.Unlock()
	acc = a.account(key)
	if err != nil {
		acc.untold += q.Untold
		return g, errAlone
	}
	acc.gateways = g.Gateways
	if until := time.Now().Add(milliseconds(g.Blocked)); g.Blocked > 0 && until.After(acc.blocked) {
		acc.blocked = until
	}
	return g, nil
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// share returns how many calls a caller may make here in each window if nothing is known of
// the other gateways.
func (a *Accounts) share(acc *account) int { return max(1, a.limit/max(1, acc.gateways)) }

// Close gives back the calls that were not made.
func (l *Lease) Close() {
	if l == nil {
		return
	}
	a := l.accounts
	a.mu.Lock()
	defer a.mu.Unlock()
	back := l.left
	a.account(l.key).reserved -= back
	l.left = 0
	switch {
	case back == 0 || a.shared == nil:
	case l.slot == "":
		a.account(l.key).untold -= back
	default:
		a.shared.later(func() {
			_, _ = a.ask(context.Background(), l.key, question{Back: back, At: l.slot, Epoch: l.epoch})
		})
	}
}

// Take counts a call of a caller, of those that the lease keeps or beyond them. The error
// is as that of [Accounts.Reserve], and then the call must not be made.
func (a *Accounts) Take(ctx context.Context, key string, l *Lease) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.limit == 0 && a.byKey[key] == nil { // nothing is known against them
		return nil
	}
	acc := a.account(key)
	if err := acc.refuses(); err != nil || a.limit == 0 {
		return err
	}
	if l == nil || l.key != key || l.left == 0 {
		a.mu.Unlock()
		one, err := a.Reserve(ctx, key, 1)
		a.mu.Lock()
		if err != nil {
			return err
		}
		l, acc = one, a.account(key)
	}
	l.left--
	acc.reserved--
	acc.used[acc.last%(slots+1)]++
	acc.sum++
	return nil
}

// Block notes that the partner wants no calls of a caller for a while.
func (a *Accounts) Block(ctx context.Context, key string, d time.Duration) {
	a.block(key, d)
	if a.shared != nil {
		_, _ = a.ask(ctx, key, question{Block: d.Milliseconds()})
	}
}

func (a *Accounts) block(key string, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if until := time.Now().Add(d); until.After(a.account(key).blocked) {
		a.account(key).blocked = until
	}
}

// Reject notes that the partner has rejected a caller's token.
func (a *Accounts) Reject(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.account(key).rejected = time.Now().Add(rejectedFor)
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
	g, err := a.ask(ctx, key, question{})
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.account(key)
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
	if acc.rejected.IsZero() && acc.blocked.IsZero() {
		return nil
	}
	now := time.Now()
	switch {
	case acc.rejected.After(now):
		return ErrRejected
	case acc.blocked.After(now):
		return &SpentError{acc.blocked.Sub(now)}
	}
	return nil
}

// account returns the account of a caller as of now.
func (a *Accounts) account(key string) *account {
	at := time.Now()
	now := a.slot(at)
	a.sweep(at, now)
	acc := a.byKey[key]
	if acc == nil {
		acc = &account{last: now}
		a.byKey[key] = acc
	}
	for ; acc.last < now; acc.last++ {
		if acc.sum == 0 {
			acc.last = now
			break
		}
		next := &acc.used[(acc.last+1)%(slots+1)]
		acc.sum -= *next
		*next = 0
	}
	return acc
}

func (a *Accounts) slot(at time.Time) int64 { return at.UnixNano() / (int64(a.window) / slots) }

// freeAfter returns how long it takes until n of the calls made have left the window.
func (a *Accounts) freeAfter(acc *account, n int) time.Duration {
	length := a.window / slots
	for i := int64(1); i <= slots+1; i++ {
		if n -= acc.used[(acc.last+i)%(slots+1)]; n <= 0 || i == slots+1 {
			return time.Until(time.Unix(0, (acc.last+i)*int64(length)))
		}
	}
	return a.window
}

// Close ends what is shared.
func (a *Accounts) Close() {
	if a.shared != nil {
		a.shared.Close()
	}
}

// sweep forgets callers of whom nothing counts any more, once in a window.
func (a *Accounts) sweep(at time.Time, now int64) {
	if at.Sub(a.swept) < a.window {
		return
	}
	a.swept = at
	for key, acc := range a.byKey {
		if acc.reserved == 0 && now-acc.last > slots && a.swept.After(acc.blocked) && a.swept.After(acc.rejected) {
			delete(a.byKey, key)
		}
	}
}
