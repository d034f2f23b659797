package loader

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"fsgateway/graph/paging"
	"fsgateway/internal/fsclient"
)

// maxWalk bounds how many rows are walked through to find the end of a list
// whose length the partner does not tell.
const maxWalk = 5_000

// listRead gathers the rows of one window from the partner's pages.
//
// Where a page's rows stand in the list follows from its number and size, but
// the partner need not keep to the size that was asked for, nor say how long
// the list is. So each page is placed by what it shows, and as long as the pages
// so far leave some of the window open, the rest is planned again.
type listRead struct {
	visit
	op      *listOp
	options any
	parent  string
	list    string
	window  paging.Window
	wanted  wanted

	sizes    paging.Sizes
	kept     int // the size to keep to while the total is not known: the partner may not heed any
	got      []covered
	total    *int // the partner's, where it can be believed
	unusable bool // there was a total, and it cannot be believed
	end      int  // the offset behind the last row of the list; -1 while that is not known
	shrunk   bool // the list became shorter from one page to the next
	again    bool // the pages are read for the second time
}

// wanted is what is selected of a connection.
type wanted struct{ rows, pageInfo bool }

// covered is a page and the offsets that it accounts for. Its first row stands
// at start.
type covered struct {
	start, end int
	result     any // *fsclient.Page[T]
}

// pageResult is the partner's answer for one page.
type pageResult struct {
	result any // *fsclient.Page[T]
	rows   int
	first  string // the id of its first row
	meta   fsclient.PageMeta
}

// answer is what a window turned out to be.
type answer struct {
	paging.Window
	list     uint32
	total    *int
	unusable bool
	previous bool
	next     bool
	got      []covered
}

// run reads the window. A list that became shorter between two of its pages may
// have moved a row from the second to the first one, which was read by then: it
// is read once more.
func (r *listRead) run() (*answer, error) {
	for {
		r.sizes, r.end = r.ops.sizes.Get(r.op.operation), -1
		r.kept, r.got, r.total, r.unusable, r.shrunk = 0, nil, nil, false, false
		a, err := r.once()
		if err != nil || !r.shrunk || r.again {
			return a, err
		}
		r.again = true
	}
}

func (r *listRead) once() (*answer, error) {
	w := r.window
	if w.FromEnd {
		if err := r.findEnd(); err != nil {
			return nil, err
		}
		w = w.Settle(r.length(0))
	}
	if !r.wanted.rows || w.N == 0 { // one row tells the total, and that the list may be read
		if _, err := r.read(paging.Page{Number: 1, Size: 1}); err != nil {
			return nil, err
		}
	}
	if r.wanted.rows || r.wanted.pageInfo && r.total == nil {
		if err := r.cover(w.Start, w.Start+w.N); err != nil {
			return nil, err
		}
	} else {
		r.got = nil
	}
	end := w.Start + w.N
	if r.got != nil || r.total == nil {
		end = r.reached(w.Start)
	}
	w = w.Settle(r.length(end))
	if r.total != nil && r.end >= 0 && *r.total > r.end {
		r.total, r.unusable = nil, true
	}
	r.remember()
	return &answer{
		Window: w, list: paging.ListHash(r.list), total: r.total, unusable: r.unusable && r.total == nil,
		previous: w.Start > 0 && r.length(1) > 0, next: r.follows(w.Start + w.N), got: r.got,
	}, nil
}

// remember keeps what the pages showed of their sizes, unless they may as well
// have been the whole list.
func (r *listRead) remember() {
	s := r.sizes
	proven := r.total != nil || slices.ContainsFunc(r.got, func(c covered) bool { return c.start > 0 && c.end > c.start })
	if !proven {
		s.Max = max(s.Min, r.ops.sizes.Get(r.op.operation).Max)
	}
	r.ops.sizes.Put(r.op.operation, s)
}

// length is how long the list is, or how far it is known to go.
func (r *listRead) length(known int) int {
	switch {
	case r.end >= 0:
		return r.end
	case r.total != nil:
		return *r.total
	}
	return known
}

// follows reports whether rows may follow the given offset. Where the partner
// says nothing they may.
func (r *listRead) follows(offset int) bool {
	return r.end < 0 && r.total == nil || offset < r.length(0)
}

// findEnd finds out how long the list is: by asking, or where the partner does
// not say by walking to its end.
func (r *listRead) findEnd() error {
	if _, err := r.read(paging.Page{Number: 1, Size: 1}); err != nil {
		return err
	}
	for start := 0; r.total == nil && r.end < 0; start += paging.MaxPage {
		if start == maxWalk {
			return r.fault("the list is too long to find its end, and the partner does not tell its length")
		}
		if err := r.cover(start, start+paging.MaxPage); err != nil {
			return err
		}
	}
	return nil
}

// cover reads pages until they account for all offsets from start to end that
// the list has.
func (r *listRead) cover(start, end int) error {
	for tries := 0; tries < maxReplans; tries++ {
		from, to := r.reached(start), end
		if r.total != nil || r.end >= 0 {
			to = min(end, r.length(0))
		}
		if from >= to {
			return nil
		}
		may := r.sizes
		if r.total == nil && r.kept > 0 {
			may.Min, may.Max = r.kept, r.kept
		}
		if err := r.fetch(paging.Pages(from, to-from, may)); err != nil {
			return err
		}
		if r.reached(start) > from {
			tries = -1
		}
	}
	return r.fault("the pages of the list do not fit together")
}

// maxReplans bounds how often a window is planned again without a row more.
const maxReplans = 4

// fetch reads the pages of a plan: the first one alone, and the rest at once if
// it shows how far the list goes and that the plan holds.
func (r *listRead) fetch(plan []paging.Page) error {
	size, err := r.read(plan[0])
	if err != nil {
		return err
	}
	r.kept = size
	if r.total == nil || size != plan[0].Size {
		return nil
	}
	var rest []paging.Page
	for _, p := range plan[1:] {
		if p.Start() < r.length(0) {
			r.start(p)
			rest = append(rest, p)
		}
	}
	for _, p := range rest {
		if _, err := r.read(p); err != nil {
			return err
		}
	}
	return nil
}

// start fetches a page, unless another window of the same list has.
func (r *listRead) start(p paging.Page) *promise {
	k := key{kind: r.list, id: strconv.Itoa(p.Number), query: strconv.Itoa(p.Size)}
	if r.again {
		k.query += " again"
	}
	promise, fresh := r.calls.promise(k)
	if fresh {
		r.call(promise, func(ctx context.Context) (any, error) { return r.op.fetch(ctx, r.parent, r.options, p) })
	}
	return promise
}

func (r *listRead) page(p paging.Page) (pageResult, error) {
	v, err := r.start(p).wait(r.ctx)
	if err != nil {
		return pageResult{}, err
	}
	return v.(pageResult), nil
}

// read fetches a page, places it, and returns its actual size.
func (r *listRead) read(p paging.Page) (int, error) {
	a, err := r.page(p)
	if err != nil {
		return 0, err
	}
	size, err := r.sizeOf(p, a)
	if err != nil {
		return 0, err
	}
	r.place(p, a, size)
	r.sizes.Seen = max(r.sizes.Seen, a.rows)
	if size != p.Size {
		r.sizes.Learn(p.Size, size)
		if r.total == nil { // a cap, or always the same size: only the total tells
			r.sizes.Min, r.sizes.Max = size, size
		}
	}
	return size, nil
}

// place says which offsets a page of the given actual size accounts for.
func (r *listRead) place(p paging.Page, a pageResult, size int) {
	c := covered{start: (p.Number - 1) * size, result: a.result}
	c.end = c.start + a.rows
	seen := c.end
	if a.rows == 0 { // it may stand behind the end
		seen = 0
	}
	if total := a.meta.Total(p.Number, seen); total != nil {
		r.shrunk = r.shrunk || r.total != nil && *total < *r.total
		r.total = total
	}
	r.unusable = r.unusable || a.meta.UnusableCount || a.meta.TotalCount != nil && r.total == nil
	if a.rows > 0 && r.repeats(p, a) {
		r.endAt(c.start)
		return
	}
	meta := a.meta
	if a.rows == 0 { // a total that says more counts rows that are not available
		meta.TotalCount = nil
	}
	switch follows := meta.After(p.Number, c.end); {
	case follows == fsclient.More && a.rows < size: // rows that the partner leaves out
		c.end = c.start + size
		if r.total != nil {
			c.end = min(c.end, *r.total)
		}
	case follows == fsclient.End, a.rows == 0, follows == fsclient.Unknown && a.rows < size:
		r.endAt(c.end)
	}
	r.got = append(r.got, c)
}

func (r *listRead) endAt(offset int) {
	if r.end < 0 || offset < r.end {
		r.end = offset
	}
}

// repeats reports whether the page has the rows of the first one, where that
// has been read: then the partner does not page the list.
func (r *listRead) repeats(p paging.Page, a pageResult) bool {
	if p.Number == 1 || a.first == "" {
		return false
	}
	for _, c := range r.got {
		if c.start == 0 && r.op.first(c.result) == a.first {
			return true
		}
	}
	return false
}

// sizeOf finds out the size of the partner's pages from one that was asked for:
// that which was asked for, unless the page shows another. The last page of a
// list may be short; any other short page was capped, and stands elsewhere.
func (r *listRead) sizeOf(p paging.Page, a pageResult) (int, error) {
	end := p.Start() + a.rows
	total, last := a.meta.TotalCount, a.meta.TotalPages
	follows := a.meta.After(p.Number, end)
	honoured := p.Size <= r.sizes.Seen && p.Size >= r.sizes.Min
	switch {
	case a.rows == p.Size, a.rows < p.Size && honoured && follows != fsclient.More:
		return p.Size, nil
	case p.Number == 1 && a.rows == 0, a.rows == 0 && total != nil && *total <= end:
		return p.Size, nil
	}
	if total != nil && last != nil && a.rows > 0 { // the number of pages betrays their size
		switch asked, shown := paging.PagesOf(*total, p.Size) == *last, paging.PagesOf(*total, a.rows) == *last; {
		case asked && !shown && *total >= end:
			return p.Size, nil
		case shown && !asked:
			return a.rows, nil
		}
	}
	if p.Number == 1 {
		return r.sizeOfFirst(p, a, follows)
	}
	if a.rows < p.Size && follows == fsclient.End && total != nil && *total == end && (a.meta.LastPage || last != nil) {
		return p.Size, nil
	}
	// It may be the last page, or one that was cut and stands elsewhere. The first
	// page tells.
	first := paging.Page{Number: 1, Size: p.Size}
	b, err := r.page(first)
	if err != nil {
		return 0, err
	}
	size, err := r.sizeOf(first, b)
	if err != nil {
		return 0, err
	}
	r.place(first, b, size)
	return size, nil
}

// sizeOfFirst is [listRead.sizeOf] for the first page of a list. A short one was
// cut, or the partner left out rows of it: if as many rows as came come again
// when no more are asked for, they are the first ones of the list in either case.
func (r *listRead) sizeOfFirst(p paging.Page, a pageResult, follows fsclient.Follows) (int, error) {
	switch {
	case a.rows > p.Size, follows == fsclient.Unknown && a.rows >= fsclient.LeastCap:
		return a.rows, nil
	case follows != fsclient.More:
		return p.Size, nil
	}
	b, err := r.page(paging.Page{Number: 1, Size: a.rows})
	if err != nil || b.rows != a.rows {
		return p.Size, err
	}
	return a.rows, nil
}

// reached is the first offset from start on that no page accounts for.
func (r *listRead) reached(start int) int {
	slices.SortStableFunc(r.got, func(a, b covered) int { return cmp.Compare(a.start, b.start) })
	for _, c := range r.got {
		if c.start <= start {
			start = max(start, c.end)
		}
	}
	return start
}

func (r *listRead) fault(what string) error {
	return fmt.Errorf("%s: %w", what, &fsclient.Error{Op: r.op.operation, Kind: fsclient.KindUpstream})
}
