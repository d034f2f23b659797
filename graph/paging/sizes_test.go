package paging

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	unknown := Sizes{Min: 1, Max: MaxPage}
	t.Run("Learned", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			asked, actual int
			want          Sizes
		}{
			{100, 50, Sizes{Min: 1, Max: 50}},    // a cap
			{10, 25, Sizes{Min: 25, Max: 100}},   // more than was asked for
			{25, 140, Sizes{Min: 140, Max: 140}}, // all there is
		} {
			s := unknown
			if s.Learn(c.asked, c.actual); s != c.want {
				t.Errorf("%d of %d: %+v, want %+v", c.actual, c.asked, s, c.want)
			}
		}
	})
	t.Run("RememberedForAWhile", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var l ListSizes
			capped := Sizes{Min: 1, Max: 50}
			l.Put("a", capped)
			if l.Get("a") != capped || l.Get("b") != unknown {
				t.Errorf("%+v", l.by)
			}
			time.Sleep(sizesLast / 2)
			l.Put("a", capped) // seen again, not learned anew
			time.Sleep(sizesLast / 2)
			if got := l.Get("a"); got != unknown {
				t.Errorf("%+v after %s", got, sizesLast)
			}
		})
	})
}
