package loader

import (
	"context"
	"sync"

	"github.com/graph-gophers/dataloader/v7"

	"fsgateway/internal/fsclient"
)

type totalKey struct{ caller, kind string }

// plan fetches records of a resource whose list holds full records: one by
// one, or by paging the list where that is no dearer. How long the list is
// tells its first page; the last length seen by the caller is remembered.
func (s *Set) plan(op *recordOp, ids []string, caller string) {
	keys := make([]key, len(ids))
	for i, id := range ids {
		keys[i] = key{kind: op.name, id: id}
	}
	s.fetch(keys, func(ctx context.Context, keys []key) []*dataloader.Result[any] {
		p := planning{set: s, op: op, total: totalKey{caller, op.name}, found: map[string]fsclient.Recorder{}, failed: map[string]error{}}
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
	set    *Set
	op     *recordOp
	total  totalKey
	left   []string // ids not settled yet
	mu     sync.Mutex
	found  map[string]fsclient.Recorder
	failed map[string]error
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
	total, known := p.set.ops.totals.Get(p.total)
	return !known || pagesOf(total) <= len(p.left)
}

func pagesOf(total int) int {
	return max(1, (total+fsclient.MaxPageSize-1)/fsclient.MaxPageSize)
}

// list pages the list as long as that is no dearer than the ids left are one
// by one. Ids that none of its pages holds stay left.
func (p *planning) list(ctx context.Context) error {
	wanted := len(p.left)
	pages := 1
	if total, known := p.set.ops.totals.Get(p.total); known && pagesOf(total) <= wanted {
		pages = pagesOf(total) // all of them in one round trip
	}
	total, err := p.fetch(ctx, 1, pages)
	if err != nil {
		return err
	}
	p.set.ops.totals.Add(p.total, total)
	if rest := pagesOf(total) - pages; rest > 0 && len(p.left) > 0 && (rest <= len(p.left) || p.op.get == nil) {
		_, err = p.fetch(ctx, pages+1, pagesOf(total))
	}
	return err
}

// fetch gets the pages first to last in parallel and settles the ids on them.
func (p *planning) fetch(ctx context.Context, first, last int) (total int, err error) {
	var wg sync.WaitGroup
	for n := first; n <= last; n++ {
		wg.Go(func() {
			var rows []fsclient.Recorder
			var t int
			e := safely(func() (err error) {
				rows, t, err = p.op.list(ctx, page{n, fsclient.MaxPageSize})
				return err
			})
			p.mu.Lock()
			defer p.mu.Unlock()
			if e != nil {
				err = e
				return
			}
			total = t
			for _, r := range rows {
				if !r.Broken() {
					p.found[fsclient.IDOf(r)] = r
					p.set.keep(r)
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
	return total, err
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
