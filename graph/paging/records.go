package paging

import (
	"context"
	"sync"

	"fsgateway/internal/fsclient"
)

// Records fetches records of a resource whose list holds full records: one by one, or by
// paging the list where that is no dearer. How many pages the list has tells its first one;
// what the caller saw last is remembered.
type Records struct {
	List   func(ctx context.Context, p Page) (Fetched, error) // whose result is a slice of recorders
	Get    func(ctx context.Context, id string) (fsclient.Recorder, error)
	Pages  int              // of the list, 0 if that is not known
	Failed map[string]error // by id

	name    string
	left    []string // ids not settled yet
	mu      sync.Mutex
	found   map[string]fsclient.Recorder
	arrived func(fsclient.Recorder)
}

// NewRecords returns what puts records of the named type into found, by id. It calls
// arrived for each row of the list that is read.
func NewRecords(name string, pages int, found map[string]fsclient.Recorder, arrived func(fsclient.Recorder)) *Records {
	return &Records{name: name, Pages: pages, found: found, arrived: arrived, Failed: map[string]error{}}
}

// Fetch fetches the records with the given ids. Get may be nil: then the list is all
// there is.
func (p *Records) Fetch(ctx context.Context, ids []string) {
	p.left = ids
	if len(p.left) == 0 {
		return
	}
	if p.Get == nil || len(p.left) > 1 && p.Pages <= len(p.left) {
		// A list that may not be read, or not now, is no reason to try each
		// record: it would be more of the same.
		if err := p.list(ctx); err != nil {
			for _, id := range p.left {
				p.Failed[id] = err
			}
			return
		}
	}
	p.singles(ctx)
}

// list pages the list as long as that is no dearer than the ids left are one
// by one. Ids that none of its pages holds stay left.
//
// All pages are asked for at the same size, so a partner that caps it skips
// nothing: there are more of them.
func (p *Records) list(ctx context.Context) error {
	wanted := len(p.left)
	last := 1
	if 0 < p.Pages && p.Pages <= wanted {
		last = p.Pages // all of them in one round trip
	}
	got, err := p.fetch(ctx, 1, last)
	if err != nil {
		return err
	}
	pages, known := got[0].Pages()
	if known {
		p.Pages = pages
		if rest := pages - last; rest > 0 && len(p.left) > 0 && (rest <= len(p.left) || p.Get == nil) {
			more, err := p.fetch(ctx, last+1, pages)
			if err != nil {
				return err
			}
			got, last = append(got, more...), pages
		}
	}
	for len(p.left) > 0 && (p.Get == nil || !known && last < wanted) && Continues(got) {
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
func (p *Records) fetch(ctx context.Context, first, last int) ([]Fetched, error) {
	var wg sync.WaitGroup
	var failed error
	got := make([]Fetched, last-first+1)
	for n := first; n <= last; n++ {
		wg.Go(func() {
			l, err := p.List(ctx, Page{Number: n, Size: MaxPage})
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
					p.arrived(r)
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
func (p *Records) singles(ctx context.Context) {
	var wg sync.WaitGroup
	for _, id := range p.left {
		wg.Go(func() {
			var r fsclient.Recorder
			err := error(&fsclient.Error{Op: "list of " + p.name, Kind: fsclient.KindNotFound})
			if p.Get != nil {
				r, err = p.Get(ctx, id)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if err != nil {
				p.Failed[id] = err
				return
			}
			p.found[id] = r
		})
	}
	wg.Wait()
}
