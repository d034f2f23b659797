package fsclient

import (
	"context"
	"iter"
)

// MaxPageSize is the largest page the API gives.
// https://fullscript.dev/technical-reference (Pagination).
const MaxPageSize = 100

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	Meta  PageMeta
}

// PageMeta says where a page stands in its list.
type PageMeta struct {
	CurrentPage int  `json:"current_page"`
	NextPage    *int `json:"next_page"`
	PrevPage    *int `json:"prev_page"`
	TotalPages  int  `json:"total_pages"`
	TotalCount  int  `json:"total_count"`
}

// PageOptions choose a page; each list's options embed them. Zero leaves the
// choice to the API (page 1, a size it does not publish).
type PageOptions struct {
	Number int `url:"page[number]"` // from 1
	Size   int `url:"page[size]"`   // 1 to 100
}

// SetPage chooses a page.
func (o *PageOptions) SetPage(number, size int) { o.Number, o.Size = number, size }

// Paged is what every list's options offer.
type Paged interface{ SetPage(number, size int) }

// Options is a pointer to a list's options struct.
type Options[O any] interface {
	*O
	Paged
}

// Each iterates over all rows of a list from its first page on, a page of 100
// at a time, and stops at the first error. list is a List method of the
// client; the page in options is ignored. Rows that come or go meanwhile may
// be missed or seen twice: the API pages by number.
func Each[T, O any, P Options[O]](ctx context.Context, list func(context.Context, P) (*Page[T], error), options O) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for n := 1; ; n++ {
			o := options
			P(&o).SetPage(n, MaxPageSize)
			page, err := list(ctx, &o)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Items {
				if !yield(&page.Items[i], nil) {
					return
				}
			}
			if page.Meta.NextPage == nil || len(page.Items) == 0 {
				return
			}
		}
	}
}

// Of binds the first id of a list method, such as that of the patient whose
// plans are listed, so that it can be given to [Each].
func Of[T, P any](list func(context.Context, string, P) (*Page[T], error), id string) func(context.Context, P) (*Page[T], error) {
	return func(ctx context.Context, o P) (*Page[T], error) { return list(ctx, id, o) }
}
