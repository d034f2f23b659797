package loader

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

// window is a range of offsets in a list, [start, start+n).
type window struct {
	start, n int
	// fromEnd makes it the last n rows of the list, none before start.
	fromEnd bool
}

// settle makes the window absolute, once the list's length is known.
func (w window) settle(total int) window {
	end := min(w.start+w.n, total)
	if w.fromEnd {
		end = total
		w.start = max(w.start, end-w.n)
	}
	return window{start: w.start, n: max(0, end-w.start)}
}

// newWindow reads the arguments first, after, last, before and offset of a
// connection field. list is what its cursors are bound to.
func newWindow(args map[string]any, list string) (window, error) {
	first, hasFirst, err := count(args, "first")
	if err != nil {
		return window{}, err
	}
	last, hasLast, err := count(args, "last")
	if err != nil {
		return window{}, err
	}
	w := window{}
	if hasFirst && hasLast {
		return w, fsclient.InputErrorf("first and last exclude each other; give one of them")
	}
	if offset, given, err := integer(args, "offset"); err != nil {
		return w, err
	} else if given {
		if offset < 0 {
			return w, fsclient.InputErrorf("offset must not be negative")
		}
		if hasLast || args["after"] != nil || args["before"] != nil {
			return w, fsclient.InputErrorf("offset goes with first, not with after, last or before")
		}
		w.start = offset
	}
	if after, given, err := cursorArg(args, "after", list); err != nil {
		return w, err
	} else if given {
		w.start = after + 1
	}
	end, bounded, err := cursorArg(args, "before", list)
	if err != nil {
		return w, err
	}
	switch {
	case hasFirst:
		w.n = first
		if bounded {
			w.n = max(0, min(first, end-w.start))
		}
	case hasLast && bounded:
		w.start = max(w.start, end-last)
		w.n = max(0, end-w.start)
	case hasLast:
		w.n, w.fromEnd = last, true
	case bounded:
		w.n = max(0, min(defaultRows, end-w.start))
	default:
		w.n = defaultRows
	}
	return w, nil
}

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
		err = fsclient.InputErrorf("%s must not be over %d", name, maxRows)
	}
	return n, given, err
}

// A cursor is a version, a hash of the list it belongs to (operation, parent,
// filters) and an offset.
const cursorVersion = 1

func listHash(list string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(list))
	return h.Sum32()
}

func encodeCursor(list uint32, offset int) string {
	raw := binary.BigEndian.AppendUint32([]byte{cursorVersion}, list)
	return base64.RawURLEncoding.EncodeToString(binary.AppendUvarint(raw, uint64(offset)))
}

func cursorArg(args map[string]any, name, list string) (offset int, given bool, err error) {
	v := args[name]
	if v == nil {
		return 0, false, nil
	}
	text, _ := v.(string)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 6 || raw[0] != cursorVersion {
		return 0, true, fsclient.InputErrorf("%s is no cursor of this API", name)
	}
	n, read := binary.Uvarint(raw[5:])
	if read != len(raw)-5 || n > 1<<31 {
		return 0, true, fsclient.InputErrorf("%s is no cursor of this API", name)
	}
	if binary.BigEndian.Uint32(raw[1:]) != listHash(list) {
		return 0, true, fsclient.InputErrorf("%s is a cursor of another list, or of this one with other filters or another order", name)
	}
	return int(n), true, nil
}

// page is one page of the partner: number counts from 1.
type page struct{ number, size int }

func (p page) start() int { return (p.number - 1) * p.size }
func (p page) end() int   { return p.number * p.size }

// maxPage is the most rows that are asked for at once.
const maxPage = fsclient.MaxPageSize

// pages covers [start, start+n) with the fewest pages of a size that may be asked
// for. One is enough when some size puts both ends on the same page; the
// smallest such size moves the fewest rows. Else the page that reaches furthest
// from where the last one ended is taken, which no other choice beats, since
// how far a page can reach only grows with the offset it must hold.
func pages(start, n int, s sizes) []page {
	if n <= 0 {
		return nil
	}
	end := start + n
	var out []page
	for start < end {
		p := reach(start, s)
		for size := max(end-start, s.min); size <= s.max; size++ {
			if start/size == (end-1)/size {
				p = page{start/size + 1, size}
				break
			}
		}
		out = append(out, p)
		start = p.end()
	}
	return out
}

// reach is the page that holds the offset and ends furthest behind it.
func reach(offset int, s sizes) page {
	best := page{}
	for size := s.max; size >= s.min; size-- {
		if p := (page{offset/size + 1, size}); p.end() > best.end() {
			best = p
		}
	}
	return best
}

// pagesOf is how many pages of a size hold the given number of rows.
func pagesOf(rows, size int) int { return max(1, (rows+size-1)/size) }
