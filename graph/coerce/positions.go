package coerce

import (
	"sort"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// positions is no rule of the specification: it puts right where gqlparser says
// that things are, before other rules say it to clients. It has directives at
// their names, arguments that are unknown at their fields, and strings behind
// their first quote or, if they have several lines, anywhere.
func positions(events *core.Events, _ core.AddErrFunc) {
	var lines []int // where each begins, in runes
	seen := map[*ast.Position]bool{}
	events.OnDirective(func(_ *core.Walker, d *ast.Directive) {
		if !seen[d.Position] {
			seen[d.Position] = true
			d.Position.Column--
		}
	})
	events.OnValue(func(_ *core.Walker, v *ast.Value) {
		if v.Kind != ast.StringValue && v.Kind != ast.BlockValue {
			return
		}
		if lines == nil {
			lines = lineStarts(v.Position.Src.Input)
		}
		n := sort.SearchInts(lines, v.Position.Start+1)
		v.Position.Line, v.Position.Column = n, v.Position.Start-lines[n-1]+1
	})
}

func lineStarts(text string) []int {
	lines, runes := []int{0}, 0
	last := rune(0)
	for _, r := range text {
		runes++
		switch {
		case r == '\n' && last == '\r':
			lines[len(lines)-1] = runes
		case r == '\r' || r == '\n':
			lines = append(lines, runes)
		}
		last = r
	}
	return lines
}
