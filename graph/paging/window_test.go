package paging

import (
	"testing"

	"pgregory.net/rapid"
)

// fewest is the least number of pages that cover a window, by trying all.
func fewest(start, n int) int {
	count := 0
	for end := start + n; start < end; count++ {
		furthest := 0
		for size := 1; size <= 100; size++ {
			furthest = max(furthest, (start/size+1)*size)
		}
		start = furthest
	}
	return count
}

func TestPages(t *testing.T) {
	t.Parallel()
	t.Run("CoverTheWindowOnceWithTheFewest", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			start, n := rapid.IntRange(0, 3000).Draw(t, "start"), rapid.IntRange(1, 500).Draw(t, "n")
			got := Pages(start, n, Sizes{Min: 1, Max: 100})
			if want := fewest(start, n); len(got) != want {
				t.Fatalf("Pages(%d, %d) = %v, %d pages would do", start, n, got, want)
			}
			if n <= 100 && len(got) > 2 {
				t.Fatalf("Pages(%d, %d) = %v, more than two", start, n, got)
			}
			at := start
			for _, p := range got {
				if p.Size < 1 || p.Size > 100 || p.Start() > at || p.End() <= at {
					t.Fatalf("Pages(%d, %d) = %v leaves out %d", start, n, got, at)
				}
				at = p.End()
			}
			if at < start+n {
				t.Fatalf("Pages(%d, %d) = %v ends at %d", start, n, got, at)
			}
		})
	})
	t.Run("OneWhenOneIsEnough", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			start, n := rapid.IntRange(0, 3000).Draw(t, "start"), rapid.IntRange(1, 100).Draw(t, "n")
			one := false
			for size := n; size <= 100; size++ {
				one = one || start/size == (start+n-1)/size
			}
			if got := Pages(start, n, Sizes{Min: 1, Max: 100}); one != (len(got) == 1) {
				t.Fatalf("Pages(%d, %d) = %v, one is enough: %v", start, n, got, one)
			}
		})
	})
	t.Run("LongOnesTakeAlignedPages", func(t *testing.T) {
		t.Parallel()
		for i, p := range Pages(84, 250, Sizes{Min: 1, Max: 100}) {
			if want := (Page{i + 2, 84}); p != want {
				t.Errorf("page %d of offset 84, n 250 is %v, want %v", i, p, want)
			}
		}
	})
}

func TestCursor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list, offset := rapid.String().Draw(t, "list"), rapid.IntRange(0, 1<<30).Draw(t, "offset")
		got, given, err := cursorArg(map[string]any{"after": EncodeCursor(ListHash(list), offset)}, "after", list)
		if got != offset || !given || err != nil {
			t.Fatalf("a cursor of offset %d came back as %d, %v, %v", offset, got, given, err)
		}
		if _, _, err := cursorArg(map[string]any{"after": EncodeCursor(ListHash(list), offset)}, "after", list+"x"); err == nil {
			t.Fatal("a cursor of another list was taken")
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(EncodeCursor(ListHash("listPatients"), 7))
	f.Fuzz(func(t *testing.T, text string) {
		offset, _, err := cursorArg(map[string]any{"after": text}, "after", "listPatients")
		if err == nil && text != "" && EncodeCursor(ListHash("listPatients"), offset) != text {
			t.Errorf("%q was read as offset %d, which is written otherwise", text, offset)
		}
	})
}
