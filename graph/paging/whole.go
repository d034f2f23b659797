package paging

import "fsgateway/internal/fsclient"

// Pages returns how many pages the list has of which this is the first, all asked for at
// [MaxPage], as far as it says.
func (f *Fetched) Pages() (pages int, known bool) {
	total := f.Meta.Total(1, f.Rows)
	switch size := MaxPage; {
	case f.Meta.TotalPages != nil && *f.Meta.TotalPages > 0:
		return *f.Meta.TotalPages, true
	case total != nil:
		if 0 < f.Rows && f.Rows < *total {
			size = f.Rows
		}
		return PagesOf(*total, size), true
	}
	return 1, f.Meta.After(1, f.Rows) == fsclient.End
}

// Continues reports whether another page may follow the last of those that a list begins
// with, all asked for at [MaxPage].
func Continues(got []Fetched) bool {
	seen := 0
	for _, f := range got {
		seen += f.Rows
	}
	n := len(got)
	last := got[n-1]
	if n > 1 && last.First != "" && last.First == got[n-2].First {
		return false // the partner does not page this list
	}
	return last.Meta.Continues(n, last.Rows, seen)
}
