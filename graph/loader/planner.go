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
			if r := s.embedded.Of(k.kind, k.id); r != nil && r.Listed() {
				found[k.id] = r
				continue
			}
			left = append(left, k.id)
		}
		length := lengthKey{caller, op.name}
		pages, _ := s.ops.lengths.Get(length)
		p := paging.NewRecords(op.name, pages, found, func(r fsclient.Recorder) { s.embed(r) })
		p.List = func(ctx context.Context, page paging.Page) (paging.Fetched, error) {
			stack.Grow()
			return safely(func() (paging.Fetched, error) { return op.list(ctx, page) })
		}
		if op.get != nil {
			p.Get = func(ctx context.Context, id string) (fsclient.Recorder, error) {
				stack.Grow()
				return safely(func() (fsclient.Recorder, error) { return op.get(ctx, id) })
			}
		}
		p.Fetch(ctx, left)
		if p.Pages > 0 {
			s.ops.lengths.Add(length, p.Pages)
		}
		results, all := make([]*dataloader.Result[any], len(keys)), make([]dataloader.Result[any], len(keys))
		for i, k := range keys {
			results[i], all[i].Error = &all[i], p.Failed[k.id]
			if r := found[k.id]; r != nil {
				all[i].Data = r
			}
		}
		return results
	})
}
