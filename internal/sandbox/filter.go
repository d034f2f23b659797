package sandbox

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// keep returns the records that pass; the list may belong to the seed and is left alone.
func keep[T any](list []T, pass func(T) bool) []T {
	out := make([]T, 0, len(list))
	for _, t := range list {
		if pass(t) {
			out = append(out, t)
		}
	}
	return out
}

// oneOf refuses a query argument that has a value outside a closed list. Absent passes.
func (r *request) oneOf(name string, values ...string) *reply {
	if !r.params().Has(name) || slices.Contains(values, r.param(name)) {
		return nil
	}
	refused := failure(http.StatusUnprocessableEntity, name+" must be one of "+strings.Join(values, ", "))
	return &refused
}

// sortKeys gives the text to sort by for each value of sort_by.
type sortKeys[T any] map[string]func(T) string

// sorted applies sort_by and order_by. Records that compare equal keep the order in which they came, so pages stay apart.
func sorted[T any](req *request, list []T, keys sortKeys[T]) ([]T, *reply) {
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	if refused := req.oneOf("sort_by", names...); refused != nil {
		return nil, refused
	}
	if refused := req.oneOf("order_by", "ASC", "DESC"); refused != nil {
		return nil, refused
	}
	key, wanted := keys[req.param("sort_by")]
	if !wanted {
		if req.param("order_by") == "DESC" {
			list = slices.Clone(list)
			slices.Reverse(list)
		}
		return list, nil
	}
	direction := 1
	if req.param("order_by") == "DESC" {
		direction = -1
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int { return direction * cmp.Compare(key(a), key(b)) })
	return list, nil
}

var dayFilter = regexp.MustCompile(`^(?:([<>])?(\d{4}-\d{2}-\d{2})|(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2}))$`)

// days reads a day filter: <day before, >day after, day..day within, day on it. Times are compared by the day they are written with, so
// an order counts for the day in the clinic's own time zone.
func (r *request) days(name string) (pass func(timestamp string) bool, refused *reply) {
	if !r.params().Has(name) {
		return func(string) bool { return true }, nil
	}
	m := dayFilter.FindStringSubmatch(r.param(name))
	if m == nil {
		f := failure(http.StatusUnprocessableEntity, name+" must be <yyyy-mm-dd, >yyyy-mm-dd or yyyy-mm-dd..yyyy-mm-dd")
		return nil, &f
	}
	sign, day, from, to := m[1], m[2], m[3], m[4]
	return func(timestamp string) bool {
		if len(timestamp) < len("2006-01-02") {
			return false
		}
		on := timestamp[:len("2006-01-02")]
		switch {
		case from != "":
			return from <= on && on <= to
		case sign == "<":
			return on < day
		case sign == ">":
			return on > day
		}
		return on == day
	}, nil
}

// contains matches loosely: letter case does not count.
func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
