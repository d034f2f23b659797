package loader

import (
	"context"

	"github.com/graph-gophers/dataloader/v7"

	"fsgateway/graph/paging"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/stack"
)

// lengthKey names a list of full records as a caller sees it.
type lengthKey struct{ caller, kind string }

// choose fetches records of a resource whose list holds full records: one by
// one, or by paging the list where that is no dearer.
func (s *Session) choose(op *recordOp, ids []string, caller string) {
	keys := make([]key, len(ids))
	for i, id := range ids {
		keys[i] = recordKey(op, id)
	}
	s.fetch(keys, func(ctx context.Context, keys []key) []*dataloader.Result[any] {
		found, left := map[string]fsclient.Recorder{}, make([]string, 0, len(keys))
		for _, k := range keys {
			// The list may have come since the key was parked.
			if r := s.whole(k); r != nil {
				found[k.id] = r
				continue
			}
			left = append(left, k.id)
		}
		length := lengthKey{caller, op.name}
		pages, _ := s.ops.lengths.Get(length)
		p := paging.NewRecords(op.name, pages, found, func(r fsclient.Recorder) { s.embed(r) })
		p.List = func(ctx context.Context, page paging.Page) (got paging.Fetched, err error) {
			stack.Grow()
			err = safely(func() (err error) {
				got, err = op.list(ctx, page)
				return err
			})
			return got, err
		}
		if op.get != nil {
			p.Get = func(ctx context.Context, id string) (r fsclient.Recorder, err error) {
				stack.Grow()
				err = safely(func() (err error) {
					r, err = op.get(ctx, id)
					return err
				})
				return r, err
			}
		}
		p.Fetch(ctx, left)
		if p.Pages > 0 {
			s.ops.lengths.Add(length, p.Pages)
		}
		results := make([]*dataloader.Result[any], len(keys))
		for i, k := range keys {
			results[i] = &dataloader.Result[any]{Error: p.Failed[k.id]}
			if r := found[k.id]; r != nil {
				results[i].Data = r
			}
		}
		return results
	})
}
