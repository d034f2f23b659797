package cache

// Split is a cache that strangers may use, too: what they put in takes the place of
// nothing but what strangers have put in.
type Split[K comparable, V any] struct{ known, strangers *Cache[K, V] }

// NewSplit returns a cache of most bytes, an eighth of them for strangers.
func NewSplit[K comparable, V any](most int) *Split[K, V] {
	return &Split[K, V]{New[K, V](most - most/8), New[K, V](most / 8)}
}

// Get returns what is kept under a key, whoever has put it in.
func (s *Split[K, V]) Get(k K) (V, bool) {
	if v, ok := s.known.Get(k); ok {
		return v, true
	}
	return s.strangers.Get(k)
}

// Put keeps a value of so many bytes. known reports whether who brings it is known.
func (s *Split[K, V]) Put(k K, v V, bytes int, known bool) {
	if known {
		s.known.Put(k, v, bytes, 0)
		return
	}
	s.strangers.Put(k, v, bytes, 0)
}

// Size returns how many bytes are kept, in how many values.
func (s *Split[K, V]) Size() (bytes, values int) {
	b, n := s.known.Size()
	bytes, values = s.strangers.Size()
	return b + bytes, n + values
}
