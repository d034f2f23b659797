package cost

import "fsgateway/graph/loader"

// planned are the records of one resource in one wave that may come from its list.
type planned struct {
	fetch           loader.Fetch
	at              place   // one of them
	estimate, bound float64 // how many come from the list, and how many may
	referenced      float64 // those of the bound that other records refer to
}

// plan returns the records that may come from a list in the wave of a place.
func (c *count) plan(f loader.Fetch, at place) *planned {
	for _, p := range c.planned {
		if p.fetch.Operation == f.Operation && p.at.wave == at.wave {
			return p
		}
	}
	at.estimate, at.bound = 1, 1
	p := &planned{fetch: f, at: at}
	c.planned = append(c.planned, p)
	return p
}

// settle adds the calls for the lists that records may come from.
func (c *count) settle() {
	total := map[string]float64{} // of all waves: the planner may find them in one
	for _, p := range c.planned {
		total[p.fetch.Operation] += p.bound
	}
	for _, p := range c.planned {
		c.add(p.fetch.Operation, p.at, p.likely(), p.most(total[p.fetch.Operation]))
	}
	c.planned = nil
}

// likely is how many calls are expected for records that are in a list.
func (p *planned) likely() float64 {
	pages := max(1, float64(p.fetch.Pages))
	switch {
	case p.estimate == 0:
		return 0
	case p.fetch.OnlyListed:
		return pages
	}
	return min(p.estimate, pages)
}

// most is how many calls may be made for records of which there are so many in all, as
// [paging.Records] decides: one for each if the list is dearer, and as many pages as records
// if its first page has to tell how many more it has. What a client names may be missing from
// the list, and is counted by itself.
func (p *planned) most(total float64) float64 {
	pages := float64(p.fetch.Pages)
	switch {
	case p.fetch.OnlyListed:
		return max(1, pages)
	case total <= 1 || total < pages:
		return p.referenced
	case pages == 0:
		return 1 + p.bound
	}
	return min(p.bound, pages)
}
