package memo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"fsgateway/internal/memo"
)

type key int

// TestContext: a context with a memory has the values of the one within, those that are not
// there as well, and it ends with that.
func TestContext(t *testing.T) {
	t.Parallel()
	type cause struct{ error }
	within, cancel := context.WithCancelCause(t.Context())
	for i := range 30 {
		within = context.WithValue(within, key(i), i)
	}
	ctx := memo.Context(within)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for round := range 3 {
				for i := range 40 {
					if got, want := ctx.Value(key(i)), within.Value(key(i)); got != want {
						t.Errorf("round %d: %v is %v, want %v", round, i, got, want)
					}
				}
			}
		})
	}
	wg.Wait()
	below, stop := context.WithTimeout(ctx, time.Hour)
	defer stop()
	cancel(cause{})
	<-below.Done()
	if !errors.Is(context.Cause(below), cause{}) || ctx.Err() == nil {
		t.Error(context.Cause(below), ctx.Err())
	}
}

func BenchmarkValue(b *testing.B) {
	deep := context.WithValue(b.Context(), key(-1), 1)
	for i := range 15 {
		deep = context.WithValue(deep, key(i), i)
	}
	for name, ctx := range map[string]context.Context{"deep": deep, "memo": memo.Context(deep)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ctx.Value(key(-1))
			}
		})
	}
}
