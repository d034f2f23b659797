package sandbox

// row is a record that a table can hold. Its groups (the clinic, patient or other owner it is listed under) are fixed for its life, but for
// those it joins.
type row interface {
	rowID() string
	rowGroups() []string
}

// rows are records in the order they came, found by id and by group. The zero value is empty.
type rows[T row] struct {
	list    []T
	byID    map[string]T
	byGroup map[string][]T
}

func (r *rows[T]) add(t T) {
	if r.byID == nil {
		r.byID, r.byGroup = make(map[string]T), make(map[string][]T)
	}
	r.list = append(r.list, t)
	r.byID[t.rowID()] = t
	for _, g := range t.rowGroups() {
		r.byGroup[g] = append(r.byGroup[g], t)
	}
}

// table is what one Server sees of a kind: the seed, shared by all Servers and never written, below the records it changed and those it
// added. A copy of a table with nothing but a seed is a table of its own, which makes New cheap.
type table[T row] struct {
	seed    rows[T]
	added   rows[T]
	changed map[string]T
}

func (t *table[T]) get(id string) (T, bool) {
	if v, ok := t.changed[id]; ok {
		return v, true
	}
	if v, ok := t.seed.byID[id]; ok {
		return v, true
	}
	v, ok := t.added.byID[id]
	return v, ok
}

// put stores a new record, or a changed copy of a known one.
func (t *table[T]) put(v T) {
	if _, known := t.get(v.rowID()); !known {
		t.added.add(v)
		return
	}
	if t.changed == nil {
		t.changed = make(map[string]T)
	}
	t.changed[v.rowID()] = v
}

// join lists a record that was added in a group more.
func (t *table[T]) join(v T, group string) {
	t.added.byGroup[group] = append(t.added.byGroup[group], v)
}

// all and group return slices that may belong to the seed: callers read them or clone them.
func (t *table[T]) all() []T { return t.current(t.seed.list, t.added.list) }

func (t *table[T]) group(name string) []T {
	return t.current(t.seed.byGroup[name], t.added.byGroup[name])
}

func (t *table[T]) current(seed, added []T) []T {
	if len(added) == 0 && len(t.changed) == 0 {
		return seed
	}
	out := make([]T, 0, len(seed)+len(added))
	for _, part := range [][]T{seed, added} {
		for _, v := range part {
			if newer, ok := t.changed[v.rowID()]; ok {
				v = newer
			}
			out = append(out, v)
		}
	}
	return out
}
