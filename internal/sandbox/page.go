package sandbox

import (
	"net/http"
	"strconv"
)

const (
	defaultPageSize = 25 // the partner does not publish its default
	maxPageSize     = 100
)

type pageMeta struct {
	CurrentPage int  `json:"current_page"`
	NextPage    *int `json:"next_page"`
	PrevPage    *int `json:"prev_page"`
	TotalPages  int  `json:"total_pages"`
	TotalCount  int  `json:"total_count"`
}

// page answers with one page of a list, each record as view shows it.
//
// What the partner does with a page size above 100 is not known. The sandbox refuses it: were it cut down quietly, a client that
// asks for 250 and assumes 250 would lose rows without any test noticing.
func page[T, V any](req *request, key string, list []T, view func(T) V) reply {
	number, size := 1, defaultPageSize
	if !req.number("page[number]", &number, 1<<31-1) {
		return failure(http.StatusUnprocessableEntity, "page[number] must be a whole number from 1")
	}
	if !req.number("page[size]", &size, maxPageSize) {
		return failure(http.StatusUnprocessableEntity, "page[size] must be a whole number from 1 to 100")
	}
	meta := pageMeta{CurrentPage: number, TotalCount: len(list), TotalPages: (len(list) + size - 1) / size}
	if number < meta.TotalPages {
		meta.NextPage = new(number + 1)
	}
	// Beyond the end there are no neighbours, as in Kaminari, which the shape of meta points to.
	if number > 1 && number <= meta.TotalPages {
		meta.PrevPage = new(number - 1)
	}
	items := []V{}
	if number <= meta.TotalPages {
		for _, t := range list[(number-1)*size : min(number*size, len(list))] {
			items = append(items, view(t))
		}
	}
	return ok(object{key: items, "meta": meta})
}

// number reads a whole number from 1 to most; false when there is something else.
func (r *request) number(name string, into *int, most int) bool {
	if !r.params().Has(name) {
		return true
	}
	n, err := strconv.Atoi(r.param(name))
	if err != nil || n < 1 || n > most {
		return false
	}
	*into = n
	return true
}

// same is the view of lists whose items equal the single record.
func same[T any](t T) T { return t }
