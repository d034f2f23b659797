package paging

import "testing"

// TestCostOfTheEnd: wherever the last rows of a list begin, no more pages hold them than
// were counted beside the one that tells the total, and at most one fewer.
func TestCostOfTheEnd(t *testing.T) {
	for _, s := range []Sizes{{Min: 1, Max: MaxPage}, {Min: 1, Max: 25}, {Min: 20, Max: 20}} {
		for n := 1; n <= maxRows; n += 3 {
			most := 0
			for start := range 400 {
				most = max(most, len(Pages(start, n, s)))
			}
			pages, rows := Cost(map[string]any{"last": n}, s, true, false)
			if rows != n || pages-1 < most || pages-1 > most+1 {
				t.Errorf("the last %d rows of pages of %d to %d: counted %d pages for %d rows, and %d may be read", n, s.Min, s.Max, pages, rows, most)
			}
		}
	}
}
