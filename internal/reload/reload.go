// Package reload keeps what is read from files current, such as certificates and secrets that
// are replaced while the program runs.
package reload

import (
	"os"
	"slices"
	"sync"
	"time"
)

// Value is made of files, and made anew when one of them has changed. It is safe for use by
// several goroutines.
type Value[T any] struct {
	load  func() (T, error)
	done  func(error)
	paths []string

	mu     sync.Mutex
	value  T
	stamps []stamp
}

// stamp tells a file from what it was. What Kubernetes mounts are links, whose targets change.
type stamp struct {
	modified time.Time
	size     int64
}

// New returns the value of files, or why it cannot be made. done is told of each time that it
// is made again: when that fails, the value stays what it was.
func New[T any](load func() (T, error), done func(error), paths ...string) (*Value[T], error) {
	v := &Value[T]{load: load, done: done, paths: paths}
	v.stamps = v.look()
	var err error
	if v.value, err = load(); err != nil {
		return nil, err
	}
	return v, nil
}

// Constant returns a value that is made of no file.
func Constant[T any](value T) *Value[T] { return &Value[T]{value: value} }

// Get returns the value of the files as they are now.
func (v *Value[T]) Get() T {
	if len(v.paths) == 0 {
		return v.value
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.look()
	if slices.Equal(now, v.stamps) {
		return v.value
	}
	v.stamps = now // a file that is broken is not read again until it is replaced
	value, err := v.load()
	if err == nil {
		v.value = value
	}
	v.done(err)
	return v.value
}

func (v *Value[T]) look() []stamp {
	stamps := make([]stamp, len(v.paths))
	for i, path := range v.paths {
		if info, err := os.Stat(path); err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}
