package transport

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Operation is what the calls of one operation have in common.
type Operation struct {
	Caller Caller
	Calls  *atomic.Int64 // counts those that have left for the partner; may be nil

	// Kept is what keeps calls for the operation; it belongs to whoever sets it, before the
	// first call.
	Kept any

	// Known says that the partner knows the caller, Answered that it has answered a call of
	// this operation with success. They are kept for whoever keeps a list of callers.
	Known, Answered atomic.Bool

	asked atomic.Int64 // calls that were begun

	mu     sync.Mutex
	bounds [steps]bound // of calls that begin together
}

// bound is the end of calls that share it.
type bound struct {
	parent <-chan struct{} // what ends them, too
	time   time.Duration   // that they are given
	until  time.Time       // when the last of them begins
	ctx    context.Context
	cancel context.CancelFunc // kept for who looks for it: ctx ends with its parent, or with its time
}

type operationKey struct{}

// WithOperation makes calls under ctx part of an operation.
func WithOperation(ctx context.Context, o *Operation) context.Context {
	return context.WithValue(ctx, operationKey{}, o)
}

// Apart makes calls under ctx an operation of their own, by the caller of the one that they would
// be part of: what a stream asks for one event is not the same operation's as for another.
func Apart(ctx context.Context) context.Context {
	o := OperationFrom(ctx)
	if o == nil {
		return ctx
	}
	return WithOperation(ctx, &Operation{Caller: o.Caller, Calls: o.Calls})
}

// Begin counts a call that is begun under ctx, and reports whether the operation may begin
// another, of most in all. Outside of one it may.
func Begin(ctx context.Context, most int) bool {
	o := OperationFrom(ctx)
	return o == nil || o.asked.Add(1) <= int64(most)
}

// Exhausted reports whether the operation in ctx has begun as many calls as it may.
func Exhausted(ctx context.Context, most int) bool {
	o := OperationFrom(ctx)
	return o != nil && o.asked.Load() >= int64(most)
}

type beyondKey struct{}

// Beyond makes calls under ctx be made beyond those that their operation needs: the same once
// more. They take none of those that were kept for it.
func Beyond(ctx context.Context) context.Context { return context.WithValue(ctx, beyondKey{}, true) }

// IsBeyond reports whether calls under ctx are marked by [Beyond].
func IsBeyond(ctx context.Context) bool {
	on, _ := ctx.Value(beyondKey{}).(bool)
	return on
}

// OperationFrom returns what calls under ctx are part of, nil if they are part of none.
func OperationFrom(ctx context.Context) *Operation {
	o, _ := ctx.Value(operationKey{}).(*Operation)
	return o
}
