package paging

import (
	"cmp"
	"fmt"
	"slices"

	"fsgateway/internal/fsclient"
)

// maxWalk bounds how many rows are walked through to find the end of a list
// whose length the partner does not tell.
const maxWalk = 5_000

// Reader gathers the rows of one window from the partner's pages.
//
// Where a page's rows stand in the list follows from its number and size, but
// the partner need not keep to the size that was asked for, nor say how long
// the list is. So each page is placed by what it shows, and as long as the pages
// so far leave some of the window open, the rest is planned again.
type Reader struct {
	Operation string // whose list it is
	Window    Window
	Rows      bool // rows are wanted, if only to be counted
	PageInfo  bool // whether more rows follow is
	Sizes     *ListSizes
	Pages     Fetcher

	sizes    Sizes
	kept     int // the size to keep to while the total is not known: the partner may not heed any
	got      []Covered
	total    *int // the partner's, where it can be believed
	unusable bool // there was a total, and it cannot be believed
	end      int  // the offset behind the last row of the list; -1 while that is not known
	shrunk   bool // the list became shorter from one page to the next
	again    bool // the pages are read for the second time
}

// Fetcher fetches the pages of a list. again is for pages that are read for the second
// time.
type Fetcher interface {
	// Start begins to fetch a page, unless that was begun before.
	Start(p Page, again bool)
	// Wait returns the page, which need not have been started.
	Wait(p Page, again bool) (Fetched, error)
}

// Fetched is the partner's answer for one page.
type Fetched struct {
	Result any // *fsclient.Page[T]
	Rows   int
	First  string // the id of its first row
	Meta   fsclient.PageMeta
}

// Covered is a page and the offsets that it accounts for. Its first row stands
// at Start.
type Covered struct {
	Start, End int
	Result     any // *fsclient.Page[T]
	first      string
}

// Answer is what a window turned out to be.
type Answer struct {
	Window
	Total    *int
	Unusable bool
	Previous bool
	Next     bool
	Got      []Covered
}

// Read reads the window. A list that became shorter between two of its pages may
// have moved a row from the second to the first one, which was read by then, or kept
// for a while: it is read once more.
func (r *Reader) Read() (*Answer, error) {
	for {
		r.sizes, r.end = r.Sizes.Get(r.Operation), -1
		r.kept, r.got, r.total, r.unusable, r.shrunk = 0, nil, nil, false, false
		a, err := r.once()
		if err != nil || !r.shrunk || r.again {
			return a, err
		}
		r.again = true
	}
}

func (r *Reader) once() (*Answer, error) {
	w := r.Window
	if w.FromEnd {
		if err := r.findEnd(); err != nil {
			return nil, err
		}
		w = w.Settle(r.length(0))
	}
	if !r.Rows || w.N == 0 { // one row tells the total, and that the list may be read
		if _, err := r.read(Page{Number: 1, Size: 1}); err != nil {
			return nil, err
		}
	}
	if r.Rows || r.PageInfo && r.total == nil {
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
	return &Answer{
		Window: w, Total: r.total, Unusable: r.unusable && r.total == nil,
		Previous: w.Start > 0 && r.length(1) > 0, Next: r.follows(w.Start + w.N), Got: r.got,
	}, nil
}

// remember keeps whether the pages told the total, and what they showed of their sizes
// unless they may as well have been the whole list.
func (r *Reader) remember() {
	s := r.sizes
	s.Uncounted = r.total == nil
	proven := r.total != nil || slices.ContainsFunc(r.got, func(c Covered) bool { return c.Start > 0 && c.End > c.Start })
	if !proven {
		s.Max = max(s.Min, r.Sizes.Get(r.Operation).Max)
	}
	r.Sizes.Put(r.Operation, s)
}

// length is how long the list is, or how far it is known to go.
func (r *Reader) length(known int) int {
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
func (r *Reader) follows(offset int) bool {
	return r.end < 0 && r.total == nil || offset < r.length(0)
}

// findEnd finds out how long the list is: by asking, or where the partner does
// not say by walking to its end.
func (r *Reader) findEnd() error {
	if _, err := r.read(Page{Number: 1, Size: 1}); err != nil {
		return err
	}
	for start := 0; r.total == nil && r.end < 0; start += MaxPage {
		if start == maxWalk {
			return r.fault("the list is too long to find its end, and the partner does not tell its length")
		}
		if err := r.cover(start, start+MaxPage); err != nil {
			return err
		}
	}
	return nil
}

// cover reads pages until they account for all offsets from start to end that
// the list has.
func (r *Reader) cover(start, end int) error {
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
		if err := r.fetch(Pages(from, to-from, may)); err != nil {
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
func (r *Reader) fetch(plan []Page) error {
	size, err := r.read(plan[0])
	if err != nil {
		return err
	}
	r.kept = size
	if r.total == nil || size != plan[0].Size {
		return nil
	}
	var rest []Page
	for _, p := range plan[1:] {
		if p.Start() < r.length(0) {
			r.Pages.Start(p, r.again)
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

// read fetches a page, places it, and returns its actual size.
func (r *Reader) read(p Page) (int, error) {
	a, err := r.Pages.Wait(p, r.again)
	if err != nil {
		return 0, err
	}
	size, err := r.sizeOf(p, a)
	if err != nil {
		return 0, err
	}
	r.place(p, a, size)
	r.sizes.Seen = max(r.sizes.Seen, a.Rows)
	if size != p.Size {
		r.sizes.Learn(p.Size, size)
		if r.total == nil { // a cap, or always the same size: only the total tells
			r.sizes.Min, r.sizes.Max = size, size
		}
	}
	return size, nil
}

// place says which offsets a page of the given actual size accounts for.
func (r *Reader) place(p Page, a Fetched, size int) {
	c := Covered{Start: (p.Number - 1) * size, Result: a.Result, first: a.First}
	c.End = c.Start + a.Rows
	seen := c.End
	if a.Rows == 0 { // it may stand behind the end
		seen = 0
	}
	if total := a.Meta.Total(p.Number, seen); total != nil {
		r.shrunk = r.shrunk || r.total != nil && *total < *r.total
		r.total = total
	}
	r.unusable = r.unusable || a.Meta.UnusableCount || a.Meta.TotalCount != nil && r.total == nil
	if a.Rows > 0 && r.repeats(p, a) {
		r.endAt(c.Start)
		return
	}
	meta := a.Meta
	if a.Rows == 0 { // a total that says more counts rows that are not available
		meta.TotalCount = nil
	}
	switch follows := meta.After(p.Number, c.End); {
	case follows == fsclient.More && a.Rows < size: // rows that the partner leaves out
		c.End = c.Start + size
		if r.total != nil {
			c.End = min(c.End, *r.total)
		}
	case follows == fsclient.End, a.Rows == 0, follows == fsclient.Unknown && a.Rows < size:
		r.endAt(c.End)
	}
	r.got = append(r.got, c)
}

func (r *Reader) endAt(offset int) {
	if r.end < 0 || offset < r.end {
		r.end = offset
	}
}

// repeats reports whether the page has the rows of the first one, where that
// has been read: then the partner does not page the list.
func (r *Reader) repeats(p Page, a Fetched) bool {
	if p.Number == 1 || a.First == "" {
		return false
	}
	for _, c := range r.got {
		if c.Start == 0 && c.first == a.First {
			return true
		}
	}
	return false
}

// sizeOf finds out the size of the partner's pages from one that was asked for:
// that which was asked for, unless the page shows another. The last page of a
// list may be short; any other short page was capped, and stands elsewhere.
func (r *Reader) sizeOf(p Page, a Fetched) (int, error) {
	end := p.Start() + a.Rows
	total, last := a.Meta.TotalCount, a.Meta.TotalPages
	follows := a.Meta.After(p.Number, end)
	honoured := p.Size <= r.sizes.Seen && p.Size >= r.sizes.Min
	switch {
	case a.Rows == p.Size, a.Rows < p.Size && honoured && follows != fsclient.More:
		return p.Size, nil
	case p.Number == 1 && a.Rows == 0, a.Rows == 0 && total != nil && *total <= end:
		return p.Size, nil
	}
	if total != nil && last != nil && a.Rows > 0 { // the number of pages betrays their size
		switch asked, shown := PagesOf(*total, p.Size) == *last, PagesOf(*total, a.Rows) == *last; {
		case asked && !shown && *total >= end:
			return p.Size, nil
		case shown && !asked:
			return a.Rows, nil
		}
	}
	if p.Number == 1 {
		return r.sizeOfFirst(p, a, follows)
	}
	if a.Rows < p.Size && follows == fsclient.End && total != nil && *total == end && (a.Meta.LastPage || last != nil) {
		return p.Size, nil
	}
	// It may be the last page, or one that was cut and stands elsewhere. The first
	// page tells.
	first := Page{Number: 1, Size: p.Size}
	b, err := r.Pages.Wait(first, r.again)
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

// sizeOfFirst is [Reader.sizeOf] for the first page of a list. A short one was
// cut, or the partner left out rows of it: if as many rows as came come again
// when no more are asked for, they are the first ones of the list in either case.
func (r *Reader) sizeOfFirst(p Page, a Fetched, follows fsclient.Follows) (int, error) {
	switch {
	case a.Rows > p.Size, follows == fsclient.Unknown && a.Rows >= fsclient.LeastCap:
		return a.Rows, nil
	case follows != fsclient.More:
		return p.Size, nil
	}
	b, err := r.Pages.Wait(Page{Number: 1, Size: a.Rows}, r.again)
	if err != nil || b.Rows != a.Rows {
		return p.Size, err
	}
	return a.Rows, nil
}

// reached is the first offset from start on that no page accounts for.
func (r *Reader) reached(start int) int {
	slices.SortStableFunc(r.got, func(a, b Covered) int { return cmp.Compare(a.Start, b.Start) })
	for _, c := range r.got {
		if c.Start <= start {
			start = max(start, c.End)
		}
	}
	return start
}

func (r *Reader) fault(what string) error {
	return fmt.Errorf("%s: %w", what, &fsclient.Error{Op: r.Operation, Kind: fsclient.KindUpstream})
}
