package fsclient

import (
	"context"
	"sync/atomic"
)

// delivery is what is known of the way of a write, whatever its last attempt comes to.
type delivery struct {
	sent atomic.Bool // the attempt, by a goroutine of net/http that outlives a call cut short
	lost atomic.Bool // an attempt that was sent, or still may be, has no answer
}

type deliveryKey struct{}

// Lost notes that an attempt at the call under ctx has failed, before another one. If it was a
// write that had been sent, nobody knows any more whether it was carried out, unless the other
// succeeds: the API may refuse that because of the first, or it may not be made at all.
func Lost(ctx context.Context) {
	if d, _ := ctx.Value(deliveryKey{}).(*delivery); d != nil && d.sent.Load() {
		d.lost.Store(true)
	}
}

// GoesOn notes that the call under ctx is made to its end, whatever it comes to, though nobody
// waits for it any more.
func GoesOn(ctx context.Context) {
	if d, _ := ctx.Value(deliveryKey{}).(*delivery); d != nil {
		d.lost.Store(true)
	}
}
