package paging

import (
	"reflect"

	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// Connect makes the connection of a window of a list out of the pages that cover it, and
// returns pointers to its rows beside it: copies unless nobody else has the pages.
// Rows that shifted between two pages come once.
func Connect[T any](a *Answer, list string, alone bool) (any, []reflect.Value) {
	hash := ListHash(list)
	c := &model.Connection[T]{Total: a.Total, Unusable: a.Unusable, Cursor: func(offset int) string { return EncodeCursor(hash, offset) }}
	at, until := a.Start, a.Start+a.N
	size := 0
	for _, page := range a.Got {
		size += len(page.Result.(*fsclient.Page[T]).Items)
	}
	size = min(size, a.N)
	c.Rows, c.Offsets = make([]*T, 0, size), make([]int, 0, size)
	seen := make(map[string]bool, size)
	for _, page := range a.Got {
		items := page.Result.(*fsclient.Page[T]).Items
		from, to := max(0, at-page.Start), min(len(items), until-page.Start)
		at = max(at, min(page.End, until))
		if from >= to {
			continue
		}
		own := items[from:to]
		if !alone {
			own = fsclient.CloneAll(own)
		}
		for i := range own {
			row := &own[i]
			if r, ok := any(row).(fsclient.Recorder); ok {
				id := fsclient.IDOf(r)
				if id != "" && seen[id] {
					continue
				}
				seen[id] = true
			}
			if b, ok := any(row).(interface{ Broken() bool }); ok && b.Broken() {
				row = nil
			}
			c.Rows, c.Offsets = append(c.Rows, row), append(c.Offsets, page.Start+from+i)
		}
	}
	if a.Got == nil { // no rows asked for: where the window would end
		at = until
	}
	if n := len(c.Offsets); n > 0 {
		c.Offsets[n-1] = at - 1 // what follows begins behind rows that were left out, too
	}
	c.PageInfo = &model.PageInfo{HasPreviousPage: a.Previous, HasNextPage: a.Next}
	if at > a.Start {
		first, last := c.Cursor(a.Start), c.Cursor(at-1)
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &first, &last
	}
	rows := make([]reflect.Value, 0, len(c.Rows))
	for _, row := range c.Rows {
		if row != nil {
			rows = append(rows, reflect.ValueOf(row))
		}
	}
	return c, rows
}
