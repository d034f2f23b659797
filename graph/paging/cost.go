package paging

import "maps"

// Cost returns the number of pages and of rows that a connection's arguments ask for, of a
// list with pages of the given sizes. rows reports whether rows are selected, and pageInfo
// whether pageInfo is. Invalid arguments cost nothing. The end of a list whose total the
// partner does not tell is taken to be near.
func Cost(args map[string]any, s Sizes, rows, pageInfo bool) (pages, n int) {
	if args["after"] != nil || args["before"] != nil { // of whichever list
		args = maps.Clone(args)
		for _, name := range [...]string{"after", "before"} {
			text, _ := args[name].(string)
			if _, offset, ok := decodeCursor(text); ok {
				args[name] = EncodeCursor(ListHash(""), offset)
			}
		}
	}
	w, err := NewWindow(args, "")
	switch {
	case err != nil:
		return 0, 0
	case w.N == 0, !rows && !(s.Uncounted && (pageInfo || w.FromEnd)): // one row's page tells the total
		return 1, 0
	}
	if rows {
		n = w.N
	}
	switch {
	case w.FromEnd: // the total first; where the window begins is not known before
		return 1 + min(w.N, PagesOf(w.N, s.Max)+1), n
	case !rows:
		return 1 + len(Pages(w.Start, w.N, s)), n
	}
	return len(Pages(w.Start, w.N, s)), n
}
