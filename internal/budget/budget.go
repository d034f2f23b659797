// Package budget keeps callers within what the partner allows them: so many calls in a
// rolling window, none after an answer 429 until the time that it names, and none with a
// token that has just been rejected.
package budget

import (
	"errors"
	"sync"
	"time"
)

// Accounts are the budgets of all callers, in the memory of this process.
type Accounts struct {
	limit  int
	window time.Duration

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
}

// New returns accounts of limit calls in each window; a limit of 0 is none.
func New(limit int, window time.Duration) *Accounts {
	return &Accounts{limit: limit, window: window, byKey: map[string]*account{}}
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
}

// Reserve keeps n calls for an operation of a caller, at most a whole budget. The error is
// a [*SpentError] if they are not left, or [ErrRejected].
func (a *Accounts) Reserve(key string, n int) (*Lease, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.account(key)
	if err := acc.refuses(); err != nil {
		return nil, err
	}
	if a.limit == 0 {
		return nil, nil
	}
	n = min(n, a.limit)
	if free := a.limit - acc.sum - acc.reserved; n > free {
		return nil, &SpentError{a.freeAfter(acc, n-free)}
	}
	acc.reserved += n
	return &Lease{a, key, n}, nil
}

// Close gives back the calls that were not made.
func (l *Lease) Close() {
	if l == nil {
		return
	}
	l.accounts.mu.Lock()
	defer l.accounts.mu.Unlock()
	l.accounts.account(l.key).reserved -= l.left
	l.left = 0
}

// Take counts a call of a caller, of those that the lease keeps or beyond them. The error
// is as that of [Accounts.Reserve], and then the call must not be made.
func (a *Accounts) Take(key string, l *Lease) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.account(key)
	if err := acc.refuses(); err != nil {
		return err
	}
	switch {
	case a.limit == 0:
		return nil
	case l != nil && l.key == key && l.left > 0:
		l.left--
		acc.reserved--
	case acc.sum+acc.reserved >= a.limit:
		return &SpentError{a.freeAfter(acc, 1)}
	}
	acc.used[acc.last%(slots+1)]++
	acc.sum++
	return nil
}

// Block notes that the partner wants no calls of a caller for a while.
func (a *Accounts) Block(key string, d time.Duration) {
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
func (a *Accounts) State(key string) State {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.account(key)
	s := State{Limit: a.limit, Remaining: max(0, a.limit-acc.sum-acc.reserved), Window: a.window, Reset: time.Now()}
	if acc.sum > 0 {
		s.Reset = s.Reset.Add(a.freeAfter(acc, acc.sum))
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
	now := a.slot()
	a.sweep(now)
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

func (a *Accounts) slot() int64 { return time.Now().UnixNano() / (int64(a.window) / slots) }

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

// sweep forgets callers of whom nothing counts any more, once in a window.
func (a *Accounts) sweep(now int64) {
	if time.Since(a.swept) < a.window {
		return
	}
	a.swept = time.Now()
	for key, acc := range a.byKey {
		if acc.reserved == 0 && now-acc.last > slots && a.swept.After(acc.blocked) && a.swept.After(acc.rejected) {
			delete(a.byKey, key)
		}
	}
}
