package loader

import (
	"fmt"
	"slices"
	"testing"
)

// launched collects what the waves let go.
func newTestWaves() (*waves, *[]string) {
	var out []string
	w := &waves{parked: map[*recordOp]map[string]int{}}
	w.launch = func(op *recordOp, ids []string) { out = append(out, fmt.Sprint(op.name, ids)) }
	return w, &out
}

func TestWaves(t *testing.T) {
	t.Parallel()
	brand, staff := &recordOp{name: "Brand"}, &recordOp{name: "Staff"}
	expect := func(t *testing.T, got *[]string, want ...string) {
		t.Helper()
		slices.Sort(*got)
		if !slices.Equal(*got, want) {
			t.Errorf("launched %v, want %v", *got, want)
		}
	}
	t.Run("KeysWaitForAllOfTheWaveBefore", func(t *testing.T) {
		t.Parallel()
		w, out := newTestWaves()
		w.enter(0)
		w.enter(0)
		w.park(brand, "b", 1, true)
		w.leave(0)
		expect(t, out)
		w.park(brand, "a", 1, true)
		w.park(staff, "s", 1, true)
		w.leave(0)
		expect(t, out, "Brand[a b]", "Staff[s]")
	})
	t.Run("EachIsLaunchedOnce", func(t *testing.T) {
		t.Parallel()
		w, out := newTestWaves()
		w.enter(0)
		w.park(brand, "a", 1, true)
		w.park(brand, "a", 1, false)
		w.leave(0)
		w.enter(1)
		w.park(brand, "a", 2, false) // launched already: its promise is under way
		w.leave(1)
		expect(t, out, "Brand[a]")
	})
	t.Run("LaterWavesWaitForEarlierOnes", func(t *testing.T) {
		t.Parallel()
		w, out := newTestWaves()
		w.enter(0)
		w.enter(1)
		w.park(brand, "late", 2, true)
		w.leave(1)
		expect(t, out)
		w.leave(0)
		expect(t, out, "Brand[late]")
	})
	// What waits for a key at an earlier wave holds that wave open, so the key
	// must not go on waiting for the later one it was parked for.
	t.Run("AKeyNeededEarlierMovesForward", func(t *testing.T) {
		t.Parallel()
		w, out := newTestWaves()
		w.enter(0)
		w.enter(1)
		w.park(brand, "a", 2, true)
		w.park(brand, "a", 1, false)
		w.leave(0)
		expect(t, out, "Brand[a]")
		w.leave(1)
		expect(t, out, "Brand[a]")
	})
}
