package persisted

import (
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxDocument is the longest document that is kept, in bytes. Longer ones run
	// and are sent in full each time.
	maxDocument = 64 << 10
	// meanDocument is what a document may take up on average: the cache is bounded
	// in bytes by as many of these as it may hold documents.
	meanDocument = 8 << 10
)

// cache keeps the registered documents that were used last, bounded by count
// and by bytes.
//
// All callers share it. A key is the SHA-256 of its document, computed here and
// never taken from a request, so whoever gets a document by its hash gets the
// text the hash was made from, whoever registered it: there is nothing to
// replace and nothing to poison. A document is text of a client's program, its
// variables are not in it; it runs with the rights of who asks, and no answer
// shows it. What sharing does tell is that somebody has sent exactly this text.
type cache struct {
	limit int // bytes

	mu    sync.Mutex
	bytes int
	texts *simplelru.LRU[string, string] // by hash
}

func newCache(size int) *cache {
	c := &cache{limit: max(size*meanDocument, maxDocument)}
	// The error is for a size that is not positive.
	c.texts, _ = simplelru.NewLRU(size, func(_, text string) { c.bytes -= len(text) })
	return c
}

func (c *cache) get(hash string) (document, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, ok := c.texts.Get(hash)
	return document{text, hash}, ok
}

func (c *cache) add(d document) {
	if len(d.text) > maxDocument {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.texts.Get(d.hash); ok { // the same text; it is now the last used
		return
	}
	// A copy: the text may be a piece of a whole URL, which it would keep alive.
	c.texts.Add(d.hash, strings.Clone(d.text))
	c.bytes += len(d.text)
	for c.bytes > c.limit {
		c.texts.RemoveOldest()
	}
}
