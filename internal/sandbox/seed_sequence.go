package sandbox

import "hash/fnv"

// sequence is SplitMix64, written out because the seed must not change with a Go version. Each part of the seed has its own, so that
// adding to one part leaves the others as they were.
type sequence uint64

func newSequence(name string) *sequence {
	h := fnv.New64a()
	h.Write([]byte(name))
	s := sequence(h.Sum64())
	return &s
}

func (s *sequence) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// intn is in [0, n).
func (s *sequence) intn(n int) int { return int(s.next() % uint64(n)) }

// between is in [low, high].
func (s *sequence) between(low, high int) int { return low + s.intn(high-low+1) }

// chance is true in percent of 100 draws.
func (s *sequence) chance(percent int) bool { return s.intn(100) < percent }

func pick[T any](s *sequence, from []T) T { return from[s.intn(len(from))] }

// pickSome draws n different elements, fewer when there are not so many.
func pickSome[T any](s *sequence, from []T, n int) []T {
	n = min(n, len(from))
	taken := make(map[int]bool, n)
	out := make([]T, 0, n)
	for len(out) < n {
		if i := s.intn(len(from)); !taken[i] {
			taken[i] = true
			out = append(out, from[i])
		}
	}
	return out
}
