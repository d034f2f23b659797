package store

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestMemoryForgets: entries that are over are dropped from time to time.
func TestMemoryForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory().(*memory)
		add := func(key string) {
			if added, err := m.Add(t.Context(), key, "v", sweepEvery/2); !added || err != nil {
				t.Fatal(added, err)
			}
		}
		add("a")
		time.Sleep(sweepEvery * 3 / 4)
		add("b")
		if len(m.entries) != 2 {
			t.Errorf("%v after less than a sweep's time", m.entries)
		}
		time.Sleep(sweepEvery)
		add("c")
		if len(m.entries) != 1 {
			t.Errorf("%v after a sweep", m.entries)
		}
	})
}
