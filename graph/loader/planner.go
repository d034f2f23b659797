package loader

import (
	"context"
	"sync"

	"github.com/graph-gophers/dataloader/v7"

	"fsgateway/graph/paging"
	"fsgateway/internal/fsclient"
)

// lengthKey names a list of full records as a caller sees it.
type lengthKey struct{ caller, kind string }

// choose fetches records of a resource whose list holds full records: one by
// one, or by paging the list where that is no dearer. How many pages the list
// has tells its first one; what the caller saw last is remembered.
func (s *Session) choose(op *recordOp, ids []string, caller string) {
	keys := make([]key, len(ids))
	for i, id := range ids {
		keys[i] = recordKey(op, id)
	}
	s.fetch(keys, func(ctx context.Context, keys []key) []*dataloader.Result[any] {
		p := planning{session: s, op: op, length: lengthKey{caller, op.name}, found: map[string]fsclient.Recorder{}, failed: map[string]error{}}
		for _, k := range keys {
			// The list may have come since the key was parked.
			if r := s.whole(k); r != nil {
				p.found[k.id] = r
				continue
			}
			p.left = append(p.left, k.id)
		}
		p.run(ctx)
		results := make([]*dataloader.Result[any], len(keys))
		for i, k := range keys {
			results[i] = &dataloader.Result[any]{Error: p.failed[k.id]}
			if r := p.found[k.id]; r != nil {
				results[i].Data = r
			}
		}
		return results
	})
}

type planning struct {
	session *Session
	op      *recordOp
	length  lengthKey
	left    []string // ids not settled yet
	mu      sync.Mutex
	found   map[string]fsclient.Recorder
	failed  map[string]error
}

func (p *planning) run(ctx context.Context) {
	if len(p.left) == 0 {
		return
	}
	if p.op.get == nil || len(p.left) > 1 && p.worthListing() {
		// A list that may not be read, or not now, is no reason to try each
		// record: it would be more of the same.
		if err := p.list(ctx); err != nil {
			for _, id := range p.left {
				p.failed[id] = err
			}
			return
		}
	}
	p.singles(ctx)
}

// worthListing tells by the remembered length of the list, if there is one.
func (p *planning) worthListing() bool {
	pages, known := p.session.ops.lengths.Get(p.length)
	return !known || pages <= len(p.left)
}

// list pages the list as long as that is no dearer than the ids left are one
// by one. Ids that none of its pages holds stay left.
//
// All pages are asked for at the same size, so a partner that caps it skips
// nothing: there are more of them.
func (p *planning) list(ctx context.Context) error {
	wanted := len(p.left)
	last := 1
	if pages, known := p.session.ops.lengths.Get(p.length); known && pages <= wanted {
		last = pages // all of them in one round trip
	}
	got, err := p.fetch(ctx, 1, last)
	if err != nil {
		return err
	}
	pages, known := got[0].Pages()
	if known {
		p.session.ops.lengths.Add(p.length, pages)
		if rest := pages - last; rest > 0 && len(p.left) > 0 && (rest <= len(p.left) || p.op.get == nil) {
			more, err := p.fetch(ctx, last+1, pages)
			if err != nil {
				return err
			}
			got, last = append(got, more...), pages
		}
	}
	for len(p.left) > 0 && (p.op.get == nil || !known && last < wanted) && paging.Continues(got) {
		last++
		more, err := p.fetch(ctx, last, last)
		if err != nil {
			return err
		}
		got = append(got, more...)
	}
	return nil
}

// fetch gets the pages first to last in parallel and settles the ids on them.
func (p *planning) fetch(ctx context.Context, first, last int) ([]paging.Fetched, error) {
	var wg sync.WaitGroup
	var failed error
	got := make([]paging.Fetched, last-first+1)
	for n := first; n <= last; n++ {
		wg.Go(func() {
			var l paging.Fetched
			err := safely(func() (err error) {
				l, err = p.op.list(ctx, paging.Page{Number: n, Size: paging.MaxPage})
				return err
			})
			p.mu.Lock()
			defer p.mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			got[n-first] = l
			for _, r := range l.Result.([]fsclient.Recorder) {
				if !r.Broken() {
					p.found[fsclient.IDKey(fsclient.IDOf(r))] = r
					p.session.embed(r)
				}
			}
		})
	}
	wg.Wait()
	left := p.left[:0:0]
	for _, id := range p.left {
		if p.found[id] == nil {
			left = append(left, id)
		}
	}
	p.left = left
	return got, failed
}

// singles fetches what is left one by one, in parallel.
func (p *planning) singles(ctx context.Context) {
	var wg sync.WaitGroup
	for _, id := range p.left {
		wg.Go(func() {
			var r fsclient.Recorder
			err := error(&fsclient.Error{Op: "list of " + p.op.name, Kind: fsclient.KindNotFound})
			if p.op.get != nil {
				err = safely(func() (err error) {
					r, err = p.op.get(ctx, id)
					return err
				})
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if err != nil {
				p.failed[id] = err
				return
			}
			p.found[id] = r
		})
	}
	wg.Wait()
}
