package paging

import "maps"

// Cost returns the number of pages and of rows that a connection's arguments ask for. rows
// reports whether rows are selected, and pageInfo whether pageInfo is. Invalid arguments
// cost nothing.
func Cost(args map[string]any, rows, pageInfo bool) (pages, n int) {
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
	if err != nil {
		return 0, 0
	}
	if rows {
		n = w.N
	}
	cover := len(Pages(w.Start, w.N, Sizes{Min: 1, Max: MaxPage}))
	switch {
	case w.FromEnd: // the total first; where the window begins is not known before
		return 2 + PagesOf(w.N, MaxPage), n
	case rows && w.N > 0:
		return cover, n
	case pageInfo: // the total tells, or else the window does
		return 1 + cover, n
	}
	return 1, n
}
