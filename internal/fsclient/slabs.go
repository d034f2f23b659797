package fsclient

import (
	"reflect"
	"slices"
)

// slab holds values of a small type that pointers lead to, so that each does not take
// an allocation of its own.
type slab struct {
	form   *form
	values reflect.Value // a slice
	used   int
}

// small returns a zero value of a scalar type from its slab. The caller increments used to
// keep it; until then the same value is returned again.
func (d *decoder) small(f *form) (*slab, reflect.Value) {
	i := slices.IndexFunc(d.slabs, func(s slab) bool { return s.form == f })
	if i < 0 {
		i = len(d.slabs)
		d.slabs = append(d.slabs, slab{form: f})
	}
	s := &d.slabs[i]
	if !s.values.IsValid() || s.used == s.values.Len() {
		n := 4
		if s.values.IsValid() {
			n = min(4*s.values.Len(), 64)
		}
		s.values, s.used = reflect.MakeSlice(reflect.SliceOf(f.typ), n, n), 0
	}
	return s, s.values.Index(s.used)
}
