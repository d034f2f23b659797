package reload

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestValue: a value follows its file, also through a link, and survives one that is broken
// or gone.
func TestValue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, age time.Duration) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-age)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to string) {
		next := filepath.Join(dir, "next")
		if err := errors.Join(os.Symlink(filepath.Join(dir, to), next), os.Rename(next, filepath.Join(dir, "link"))); err != nil {
			t.Fatal(err)
		}
	}
	write("one", "first", 3*time.Hour)
	write("two", "other", 2*time.Hour)
	link("one")
	path := filepath.Join(dir, "link")
	loads := 0
	var last error
	v, err := New(func() (string, error) {
		loads++
		text, err := os.ReadFile(path)
		if string(text) == "broken" {
			err = errors.New("broken")
		}
		return string(text), err
	}, func(err error) { last = err }, path)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want string, wantLoads int, wantErr bool) {
		t.Helper()
		for range 3 {
			if got := v.Get(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		if loads != wantLoads || (last != nil) != wantErr {
			t.Errorf("read %d times, want %d; %v", loads, wantLoads, last)
		}
	}
	expect("first", 1, false)
	link("two")
	expect("other", 2, false)
	write("two", "broken", time.Hour)
	expect("other", 3, true)
	write("two", "again", time.Minute)
	expect("again", 4, false)
	if err := os.Remove(filepath.Join(dir, "two")); err != nil {
		t.Fatal(err)
	}
	expect("again", 5, true)
	write("two", "back", 0)
	expect("back", 6, false)
}

func TestNothingToRead(t *testing.T) {
	t.Parallel()
	_, err := New(func() (string, error) {
		text, err := os.ReadFile(filepath.Join(t.TempDir(), "none"))
		return string(text), err
	}, func(error) {}, "none")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if got := Constant(5).Get(); got != 5 {
		t.Errorf("%d", got)
	}
}

func TestTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := New(func() (int, error) { return 1, nil }, func(error) {}, path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_ = os.Chtimes(path, time.Time{}, time.Unix(int64(i), 0))
			v.Get()
		})
	}
	wg.Wait()
}
