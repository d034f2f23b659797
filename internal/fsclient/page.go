package fsclient

import (
	"context"
	"encoding/json"
	"iter"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// MaxPageSize is the largest page the API gives.
// https://fullscript.dev/technical-reference (Pagination).
const MaxPageSize = 100

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	Meta  PageMeta
}

// PageMeta says where a page stands in its list, as far as the partner's answer
// does: what is nil was not there or cannot be used.
type PageMeta struct {
	CurrentPage *int
	NextPage    *int
	TotalPages  *int
	TotalCount  *int
	// LastPage reports that the answer says in so many words that no page
	// follows: next_page is there and null.
	LastPage bool
	// UnusableCount reports that there was a total_count that cannot be used: no
	// whole number, or one that the rows contradict.
	UnusableCount bool
}

// parseMeta reads the meta object of a page. Whatever it is, it takes nothing
// from the rows beside it.
func parseMeta(d *decoder) (m PageMeta, err error) {
	if d.peek() != '{' {
		return m, d.skip()
	}
	if _, err := d.token(); err != nil {
		return m, err
	}
	for d.peek() != '}' {
		name, err := d.value()
		if err != nil {
			return m, err
		}
		var number **int
		switch string(name) {
		case `"current_page"`:
			number = &m.CurrentPage
		case `"next_page"`:
			number = &m.NextPage
			m.LastPage = d.peek() == 'n'
		case `"total_pages"`:
			number = &m.TotalPages
		case `"total_count"`:
			number = &m.TotalCount
			m.UnusableCount = d.peek() != 'n'
		}
		value, err := d.value()
		if err != nil {
			return m, err
		}
		if number != nil {
			*number = wholeNumber(value)
		}
	}
	m.UnusableCount = m.UnusableCount && m.TotalCount == nil
	_, err = d.token()
	return m, err
}

// separated is a number with a separator between groups of three digits.
var separated = regexp.MustCompile(`^\d{1,3}([, _'\x{a0}\x{202f}]\d{3})+$`)

// wholeNumber reads a JSON number or the text of one; nil for anything else and
// for what is negative.
func wholeNumber(data []byte) *int {
	text := string(data)
	if len(data) > 0 && data[0] == '"' && json.Unmarshal(data, &text) != nil {
		return nil
	}
	text = strings.TrimSpace(text)
	n, err := strconv.Atoi(text)
	if err != nil && separated.MatchString(text) {
		n, err = strconv.Atoi(strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, text))
	}
	if err != nil {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
			return nil
		}
		n = int(f)
	}
	if n < 0 {
		return nil
	}
	return &n
}

// Follows reports whether rows follow a page.
type Follows int

// A page of a list without meta says neither.
const (
	Unknown Follows = iota
	More
	End
)

// After reports whether rows follow the page of the given number, whose last row
// is followed by offset end. Where the meta contradicts itself, more follows:
// one call in vain loses nothing.
func (m *PageMeta) After(number, end int) Follows {
	switch {
	case m.TotalCount != nil && *m.TotalCount > end,
		m.NextPage != nil && *m.NextPage > number,
		m.TotalPages != nil && *m.TotalPages > number:
		return More
	case m.TotalCount != nil && *m.TotalCount == end, m.LastPage,
		m.TotalPages != nil && *m.TotalPages == number:
		return End
	}
	return Unknown
}

// Total is the number of rows in the list; nil if the partner does not say, or
// if the page contradicts it: it ends before the last row seen, or where more
// is said to follow.
func (m *PageMeta) Total(number, end int) *int {
	if m.TotalCount == nil || *m.TotalCount < end || *m.TotalCount == end && m.After(number, end) == More {
		return nil
	}
	return m.TotalCount
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
//
// The size asked for is always the same, so a partner that caps it skips
// nothing: its pages follow each other at its own size.
func Each[T, O any, P Options[O]](ctx context.Context, list func(context.Context, P) (*Page[T], error), options O) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		seen := 0
		var before *Page[T]
		for n := 1; ; n++ {
			o := options
			P(&o).SetPage(n, MaxPageSize)
			page, err := list(ctx, &o)
			if err != nil {
				yield(nil, err)
				return
			}
			if page.Repeats(before) {
				return
			}
			for i := range page.Items {
				if !yield(&page.Items[i], nil) {
					return
				}
			}
			seen += len(page.Items)
			if !page.Meta.Continues(n, len(page.Items), seen) {
				return
			}
			before = page
		}
	}
}

// LeastCap is the least number of rows that a page without meta must have for
// more to be looked for behind it, where more rows than that were asked for.
// No API is known to give fewer a page.
const LeastCap = 10

// Continues reports whether to ask for the page behind the page of the given
// number, if all of them are asked for at [MaxPageSize]. rows is how many rows
// that page has, and seen how many all of them have.
func (m *PageMeta) Continues(number, rows, seen int) bool {
	switch m.After(number, seen) {
	case More:
		return rows > 0
	case End:
		return false
	}
	return rows >= LeastCap && rows*number >= seen // as long as the ones before
}

// Repeats reports whether the page has the rows of the one before it: the
// partner does not page this list, or answers with its last page what lies
// behind it.
func (p *Page[T]) Repeats(before *Page[T]) bool {
	return before != nil && p.FirstID() != "" && p.FirstID() == before.FirstID()
}

// FirstID is the id of the page's first row; "" if it has none.
func (p *Page[T]) FirstID() string {
	if len(p.Items) == 0 {
		return ""
	}
	if r, ok := any(&p.Items[0]).(Recorder); ok {
		return IDOf(r)
	}
	return ""
}

// Of binds the first id of a list method, such as that of the patient whose
// plans are listed, so that it can be given to [Each].
func Of[T, P any](list func(context.Context, string, P) (*Page[T], error), id string) func(context.Context, P) (*Page[T], error) {
	return func(ctx context.Context, o P) (*Page[T], error) { return list(ctx, id, o) }
}
