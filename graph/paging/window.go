// Package paging turns a client's paging arguments into a window of a list, a window
// into the fewest pages of the partner that cover it, and offsets into cursors.
package paging

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"fsgateway/internal/fsclient"
)

// The partner pages by number, clients ask for windows. A window is a range of
// offsets; the functions here turn a client's paging arguments into one, and
// one into the fewest pages that cover it.

const (
	defaultRows = 25
	maxRows     = 500
)

// Window is a range of offsets in a list, [start, start+n).
type Window struct {
	Start, N int
	// FromEnd makes it the last n rows of the list, none before start.
	FromEnd bool
}

// Settle makes the window absolute, once the list's length is known.
func (w Window) Settle(total int) Window {
	end := min(w.Start+w.N, total)
	if w.FromEnd {
		end = total
		w.Start = max(w.Start, end-w.N)
	}
	return Window{Start: w.Start, N: max(0, end-w.Start)}
}

// NewWindow reads the arguments first, after, last, before and offset of a
// connection field. list is what its cursors are bound to.
func NewWindow(args map[string]any, list string) (Window, error) {
	first, hasFirst, err := count(args, "first")
	if err != nil {
		return Window{}, err
	}
	last, hasLast, err := count(args, "last")
	if err != nil {
		return Window{}, err
	}
	w := Window{}
	if hasFirst && hasLast {
		return w, fsclient.InputErrorf("first and last cannot be used together; give one of them")
	}
	if offset, given, err := integer(args, "offset"); err != nil {
		return w, err
	} else if given {
		if offset < 0 {
			return w, fsclient.InputErrorf("offset must not be negative")
		}
		if hasLast || args["after"] != nil || args["before"] != nil {
			return w, fsclient.InputErrorf("offset can be used with first only, not with after, last or before")
		}
		w.Start = offset
	}
	if after, given, err := cursorArg(args, "after", list); err != nil {
		return w, err
	} else if given {
		w.Start = after + 1
	}
	end, bounded, err := cursorArg(args, "before", list)
	if err != nil {
		return w, err
	}
	switch {
	case hasFirst:
		w.N = first
		if bounded {
			w.N = max(0, min(first, end-w.Start))
		}
	case hasLast && bounded:
		w.Start = max(w.Start, end-last)
		w.N = max(0, end-w.Start)
	case hasLast:
		w.N, w.FromEnd = last, true
	case bounded:
		w.N = max(0, min(defaultRows, end-w.Start))
	default:
		w.N = defaultRows
	}
	return w, nil
}

// Filters returns the arguments that do not choose a window.
func Filters(args map[string]any) map[string]any {
	own := make(map[string]any, len(args))
	for name, arg := range args {
		switch name {
		case "first", "after", "last", "before", "offset":
		default:
			own[name] = arg
		}
	}
	return own
}

// integer reads a whole number among arguments, and whether it is there.
func integer(args map[string]any, name string) (value int, given bool, err error) {
	switch v := args[name].(type) {
	case nil:
		return 0, false, nil
	case int64:
		return int(v), true, nil
	case int:
		return v, true, nil
	case fmt.Stringer: // json.Number
		_, err = fmt.Sscanf(v.String(), "%d", &value)
		return value, true, err
	default:
		return 0, false, fsclient.InputErrorf("%s must be a whole number", name)
	}
}

func count(args map[string]any, name string) (n int, given bool, err error) {
	n, given, err = integer(args, name)
	switch {
	case err != nil:
	case n < 0:
		err = fsclient.InputErrorf("%s must not be negative", name)
	case n > maxRows:
		err = fsclient.InputErrorf("%s must be at most %d", name, maxRows)
	}
	return n, given, err
}

// A cursor is a version, a hash of the list it belongs to (operation, parent,
// filters) and an offset.
const cursorVersion = 1

func ListHash(list string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(list))
	return h.Sum32()
}

func EncodeCursor(list uint32, offset int) string {
	raw := binary.BigEndian.AppendUint32([]byte{cursorVersion}, list)
	return base64.RawURLEncoding.EncodeToString(binary.AppendUvarint(raw, uint64(offset)))
}

// decodeCursor reads a cursor; ok is false for what is none.
func decodeCursor(text string) (list uint32, offset int, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 6 || raw[0] != cursorVersion {
		return 0, 0, false
	}
	n, read := binary.Uvarint(raw[5:])
	return binary.BigEndian.Uint32(raw[1:]), int(n & (1<<32 - 1)), read == len(raw)-5 && n <= 1<<31
}

func cursorArg(args map[string]any, name, list string) (offset int, given bool, err error) {
	v := args[name]
	if v == nil {
		return 0, false, nil
	}
	text, _ := v.(string)
	of, offset, ok := decodeCursor(text)
	switch {
	case !ok:
		return 0, true, fsclient.InputErrorf("%s is not a cursor of this API", name)
	case of != ListHash(list):
		return 0, true, fsclient.InputErrorf("%s is a cursor of another list, or of this list with other filters or another order", name)
	}
	return offset, true, nil
}

// Page is one page of the partner: number counts from 1.
type Page struct{ Number, Size int }

func (p Page) Start() int { return (p.Number - 1) * p.Size }
func (p Page) End() int   { return p.Number * p.Size }

// MaxPage is the most rows that are asked for at once.
const MaxPage = fsclient.MaxPageSize

// Pages covers [start, start+n) with the fewest pages of a size that may be asked
// for. One is enough when some size puts both ends on the same page; the
// smallest such size moves the fewest rows. Else the page that reaches furthest
// from where the last one ended is taken, which no other choice beats, since
// how far a page can reach only grows with the offset it must hold.
func Pages(start, n int, s Sizes) []Page {
	if n <= 0 {
		return nil
	}
	end := start + n
	var out []Page
	for start < end {
		p := reach(start, s)
		for size := max(end-start, s.Min); size <= s.Max; size++ {
			if start/size == (end-1)/size {
				p = Page{start/size + 1, size}
				break
			}
		}
		out = append(out, p)
		start = p.End()
	}
	return out
}

// reach is the page that holds the offset and ends furthest behind it.
func reach(offset int, s Sizes) Page {
	best := Page{}
	for size := s.Max; size >= s.Min; size-- {
		if p := (Page{offset/size + 1, size}); p.End() > best.End() {
			best = p
		}
	}
	return best
}

// PagesOf is how many pages of a size hold the given number of rows.
func PagesOf(rows, size int) int { return max(1, (rows+size-1)/size) }
