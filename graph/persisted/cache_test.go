package persisted

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func sized(n, size int) document {
	text := fmt.Sprintf("{ a%d: name } #", n)
	text += strings.Repeat("x", max(0, size-len(text)))
	return document{text, sum(text)}
}

func TestCacheKeepsTheLastUsed(t *testing.T) {
	t.Parallel()
	c := newCache(3)
	for n := range 3 {
		c.add(sized(n, 0))
	}
	c.get(sized(0, 0).hash) // used by asking
	c.add(sized(1, 0))      // used by sending it again
	c.add(sized(3, 0))
	for n, want := range []bool{true, true, false, true} {
		if d, ok := c.get(sized(n, 0).hash); ok != want || ok && d != sized(n, 0) {
			t.Errorf("document %d: %v, want %v", n, ok, want)
		}
	}
}

// A thousand of the longest documents do not take up what they would.
func TestCacheIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	c := newCache(DefaultAPQSize)
	for n := range DefaultAPQSize {
		c.add(sized(n, maxDocument))
	}
	if c.bytes != 8_192_000 || c.texts.Len() != 125 {
		t.Errorf("%d documents of %d bytes are kept", c.texts.Len(), c.bytes)
	}
	c.add(sized(0, maxDocument+1))
	if _, ok := c.get(sized(0, maxDocument+1).hash); ok {
		t.Error("one over the limit is kept")
	}
}

// Whatever is added, both bounds hold, the count of bytes is right, and the last
// document that may be kept is there.
func TestCacheBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 20).Draw(t, "size")
		c := newCache(size)
		for range rapid.IntRange(1, 60).Draw(t, "documents") {
			d := sized(rapid.IntRange(0, 30).Draw(t, "n"), rapid.IntRange(0, maxDocument+1000).Draw(t, "bytes"))
			c.add(d)
			if got, ok := c.get(d.hash); ok != (len(d.text) <= maxDocument) || ok && got != d {
				t.Fatalf("%d bytes: %v", len(d.text), ok)
			}
			total := 0
			for _, hash := range c.texts.Keys() {
				text, _ := c.texts.Peek(hash)
				if sum(text) != hash {
					t.Fatal("a text is under another's hash")
				}
				total += len(text)
			}
			if total != c.bytes || total > c.limit || c.texts.Len() > size {
				t.Fatalf("%d documents of %d bytes, counted as %d", c.texts.Len(), total, c.bytes)
			}
		}
	})
}
