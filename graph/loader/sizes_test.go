package loader

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	unknown := sizes{min: 1, max: maxPage}
	t.Run("Learned", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			asked, actual int
			want          sizes
		}{
			{100, 50, sizes{min: 1, max: 50}},    // a cap
			{10, 25, sizes{min: 25, max: 100}},   // more than was asked for
			{25, 140, sizes{min: 140, max: 140}}, // all there is
		} {
			s := unknown
			if s.learn(c.asked, c.actual); s != c.want {
				t.Errorf("%d of %d: %+v, want %+v", c.actual, c.asked, s, c.want)
			}
		}
	})
	t.Run("RememberedForAWhile", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var l listSizes
			capped := sizes{min: 1, max: 50}
			l.put("a", capped)
			if l.get("a") != capped || l.get("b") != unknown {
				t.Errorf("%+v", l.by)
			}
			time.Sleep(sizesLast / 2)
			l.put("a", capped) // seen again, not learned anew
			time.Sleep(sizesLast / 2)
			if got := l.get("a"); got != unknown {
				t.Errorf("%+v after %s", got, sizesLast)
			}
		})
	})
}
