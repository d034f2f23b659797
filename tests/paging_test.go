package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// pagedPartner has a list of n patients, p0 to p<n-1>, whose pages it cuts and
// describes in its own ways.
type pagedPartner struct {
	n     int
	cap   int      // the most rows of a page, 0 for what is asked
	fixed int      // the rows of a page whatever is asked, 0 for what is asked
	whole bool     // gives all rows, whatever is asked
	hide  int      // every so many-th row is left out of its page, 0 for none
	form  metaForm // how it describes its pages
	calls atomic.Int64
}

// metaForm writes the meta object of a page from the correct one; nil for none.
type metaForm func(full map[string]any) any

// metaForms are ways to say where a page stands.
var metaForms = map[string]metaForm{
	"Full":           func(m map[string]any) any { return m },
	"Absent":         func(map[string]any) any { return nil },
	"Null":           func(map[string]any) any { return json.RawMessage("null") },
	"Empty":          func(map[string]any) any { return map[string]any{} },
	"List":           func(map[string]any) any { return []any{} },
	"Text":           func(map[string]any) any { return "page 1" },
	"NullTotal":      with("total_count", nil),
	"ObjectTotal":    with("total_count", map[string]any{"value": 3}),
	"NegativeTotal":  with("total_count", -1),
	"WordTotal":      with("total_count", "many"),
	"SmallTotal":     with("total_count", 0),
	"NumbersAsText":  func(m map[string]any) any { return asText(m, "%d") },
	"NumbersAsFloat": func(m map[string]any) any { return asText(m, "%d.0") },
	"Separators":     func(m map[string]any) any { return asText(m, "\t%d ") },
	"TotalOnly":      only("total_count"),
	"PagesOnly":      only("total_pages"),
	"NextOnly":       only("next_page"),
	"HugePages":      with("total_pages", json.RawMessage("99999999999999999999999")),
	"NoNext": func(m map[string]any) any {
		delete(m, "next_page")
		return m
	},
}

func with(key string, value any) metaForm {
	return func(m map[string]any) any {
		m[key] = value
		return m
	}
}

func only(key string) metaForm {
	return func(m map[string]any) any { return map[string]any{key: m[key]} }
}

func asText(m map[string]any, format string) map[string]any {
	for k, v := range m {
		if n, ok := v.(int); ok {
			m[k] = fmt.Sprintf(format, n)
		}
	}
	return m
}

func (p *pagedPartner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.calls.Add(1)
	number, _ := strconv.Atoi(r.URL.Query().Get("page[number]"))
	size, _ := strconv.Atoi(r.URL.Query().Get("page[size]"))
	if p.cap > 0 {
		size = min(size, p.cap)
	}
	if p.fixed > 0 {
		size = p.fixed
	}
	if p.whole {
		number, size = 1, max(1, p.n)
	}
	rows := []map[string]any{}
	for i := (number - 1) * size; i < min(number*size, p.n); i++ {
		if p.hide == 0 || i%p.hide != 0 {
			rows = append(rows, map[string]any{"id": fmt.Sprintf("p%d", i), "first_name": "Ada"})
		}
	}
	pages := (p.n + size - 1) / size
	var next any
	if number < pages {
		next = number + 1
	}
	answer := map[string]any{"patients": rows}
	if m := p.form(map[string]any{"current_page": number, "next_page": next, "prev_page": nil, "total_pages": pages, "total_count": p.n}); m != nil {
		answer["meta"] = m
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// anyPartner is a partner of some length that cuts its pages in some way, and the
// name of the form of its meta.
func anyPartner(r *rand.Rand, names []string) (up *pagedPartner, name string) {
	name = names[r.IntN(len(names))]
	up = &pagedPartner{n: r.IntN(400), form: metaForms[name]}
	switch r.IntN(3) {
	case 0:
		up.cap = []int{10, 13, 50, 64, 99}[r.IntN(5)]
	case 1:
		if name == "Full" || name == "TotalOnly" { // else 100 rows of 100 may be a coincidence
			up.fixed = []int{10, 30, 100}[r.IntN(3)]
		}
	}
	return up, name
}

// relayPage is a page of a Relay client.
type relayPage struct {
	ids        []string
	cursors    []string
	total      any
	next, prev bool
	start, end any
}

const relaySelection = ` { totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { fullscriptId } } } }`

func relayPageOf(t testing.TB, a *answer) relayPage {
	t.Helper()
	for _, e := range a.Errors {
		if fmt.Sprint(e.Path) != "[patients totalCount]" || e.Extensions["code"] != "UPSTREAM_ERROR" {
			t.Fatalf("%v: %s", e.Path, e.Message)
		}
	}
	p := relayPage{total: at(t, a.Data, "patients.totalCount")}
	info := at(t, a.Data, "patients.pageInfo").(map[string]any)
	p.next, p.prev, p.start, p.end = info["hasNextPage"].(bool), info["hasPreviousPage"].(bool), info["startCursor"], info["endCursor"]
	for _, e := range list(t, a.Data, "patients.edges") {
		p.ids = append(p.ids, at(t, e, "node.fullscriptId").(string))
		p.cursors = append(p.cursors, at(t, e, "cursor").(string))
	}
	return p
}

// walk pages through the patients as a Relay client does.
func walk(t testing.TB, h *harness, first int) (ids []string) {
	t.Helper()
	after := "null"
	for range 1000 {
		p := relayPageOf(t, h.as("a-token", fmt.Sprintf(`{ patients(first: %d, after: %s)`, first, after)+relaySelection))
		ids = append(ids, p.ids...)
		if !p.next {
			return ids
		}
		if p.end == nil || p.end == after {
			t.Fatalf("hasNextPage with the cursor %v after %d rows", p.end, len(ids))
		}
		after = strconv.Quote(p.end.(string))
	}
	t.Fatal("the walk does not end")
	return nil
}

func patientIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("p%d", i)
	}
	return ids
}

// TestRowsSurvive: whatever a partner says of its pages and however it cuts
// them, a client that pages through a list sees each row once.
func TestRowsSurvive(t *testing.T) {
	t.Parallel()
	// Without any meta a page that is cut below ten rows cannot be told from
	// the end of the list.
	silent := map[string]bool{"Absent": true, "Null": true, "Empty": true, "List": true, "Text": true}
	for name, form := range metaForms {
		t.Run("Walk/"+name, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct{ n, cap, fixed, first int }{
				{0, 0, 0, 10},
				{3, 0, 0, 10},
				{10, 0, 0, 10},
				{230, 0, 0, 100},
				{230, 50, 0, 100},
				{230, 50, 0, 7},
				{230, 20, 0, 25},
				{140, 70, 0, 100},
				{150, 50, 0, 100},
				{100, 50, 0, 500},
				{60, 7, 0, 25},
				{60, 0, 25, 10},
				{60, 0, 25, 40},
				{230, 99, 0, 500},
				{6, 1, 0, 4},
				{150, 0, 100, 120},
			} {
				if silent[name] && c.cap > 0 && c.cap < 10 {
					continue
				}
				up := &pagedPartner{n: c.n, cap: c.cap, fixed: c.fixed, form: form}
				if got := walk(t, before(t, up), c.first); !slices.Equal(got, patientIDs(c.n)) {
					t.Errorf("%+v: %d rows: %v", c, len(got), got)
				}
			}
		})
	}
	names := slices.Sorted(maps.Keys(metaForms))
	t.Run("AnyWalk", func(t *testing.T) {
		t.Parallel()
		for i := range 40 {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			up, name := anyPartner(r, names)
			first := 5 + r.IntN(300)
			if got := walk(t, before(t, up), first); !slices.Equal(got, patientIDs(up.n)) {
				t.Errorf("%s, %d of %d rows, cap %d, size %d, first %d: %v", name, len(got), up.n, up.cap, up.fixed, first, got)
			}
		}
	})
	t.Run("AnyWindow", func(t *testing.T) {
		t.Parallel()
		for i := range 60 {
			r := rand.New(rand.NewPCG(2, uint64(i)))
			up, name := anyPartner(r, names)
			offset, first := r.IntN(320), r.IntN(150)
			what := fmt.Sprintf("%s, %d rows, cap %d, size %d, offset %d, first %d", name, up.n, up.cap, up.fixed, offset, first)
			p := relayPageOf(t, before(t, up).as("a-token", fmt.Sprintf(`{ patients(offset: %d, first: %d)`, offset, first)+relaySelection))
			if want := patientIDs(up.n)[min(offset, up.n):min(offset+first, up.n)]; !slices.Equal(p.ids, want) {
				t.Errorf("%s: %v", what, p.ids)
			}
			if p.next && first > 0 && p.end == nil || !p.next && offset+first < up.n {
				t.Errorf("%s: hasNextPage is %v with the cursor %v", what, p.next, p.end)
			}
			if p.total != nil && p.total != float64(up.n) && name != "SmallTotal" {
				t.Errorf("%s: totalCount is %v", what, p.total)
			}
		}
	})
	t.Run("TotalOfMoreThanThereIs", func(t *testing.T) {
		t.Parallel()
		more := func(form metaForm) metaForm {
			return func(m map[string]any) any {
				m["total_count"] = m["total_count"].(int) + 7
				return form(m)
			}
		}
		for _, name := range []string{"Full", "TotalOnly", "NoNext"} {
			for _, c := range []struct{ n, cap, first int }{{0, 0, 10}, {3, 0, 10}, {10, 0, 10}, {230, 0, 100}, {230, 50, 100}} {
				up := &pagedPartner{n: c.n, cap: c.cap, form: more(metaForms[name])}
				if got := walk(t, before(t, up), c.first); !slices.Equal(got, patientIDs(c.n)) {
					t.Errorf("%s %+v: %d rows: %v", name, c, len(got), got)
				}
			}
		}
		up := &pagedPartner{n: 3, form: more(metaForms["TotalOnly"])}
		p := relayPageOf(t, before(t, up).as("a-token", `{ patients(first: 10)`+relaySelection))
		if p.total != nil || p.next || up.calls.Load() != 3 {
			t.Errorf("totalCount %v, hasNextPage %v, %d calls", p.total, p.next, up.calls.Load())
		}
	})
	t.Run("NotPaged", func(t *testing.T) {
		t.Parallel()
		for name := range metaForms {
			for _, first := range []int{7, 25, 39, 41, 100} {
				up := &pagedPartner{n: 40, whole: true, form: metaForms[name]}
				if got := walk(t, before(t, up), first); !slices.Equal(got, patientIDs(40)) {
					t.Errorf("%s, first %d: %d rows: %v", name, first, len(got), got)
				}
			}
		}
	})
	t.Run("RowsLeftOut", func(t *testing.T) {
		t.Parallel()
		want := slices.DeleteFunc(patientIDs(230), func(id string) bool { return slices.Contains([]string{"p0", "p60", "p120", "p180"}, id) })
		for _, name := range []string{"Full", "NoNext", "TotalOnly", "NextOnly", "PagesOnly"} {
			for _, first := range []int{25, 100, 230} {
				up := &pagedPartner{n: 230, hide: 60, form: metaForms[name]}
				if got := walk(t, before(t, up), first); !slices.Equal(got, want) {
					t.Errorf("%s, first %d: %d rows: %v", name, first, len(got), got)
				}
			}
		}
	})
	t.Run("ManyRowsLeftOut", func(t *testing.T) {
		t.Parallel()
		up := &pagedPartner{n: 230, hide: 3, form: metaForms["Full"]}
		got := walk(t, before(t, up), 100)
		if n := up.calls.Load(); len(got) != 153 || n != 3 {
			t.Errorf("%d rows in %d calls: the number of pages tells that none was cut", len(got), n)
		}
	})
	t.Run("EmptyPageInTheMiddle", func(t *testing.T) {
		t.Parallel()
		for _, first := range []int{2, 5} {
			h := before(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch r.URL.Query().Get("page[number]") {
				case "1":
					_, _ = fmt.Fprint(w, `{"patients":[{"id":"p0"},{"id":"p1"}],"meta":{"next_page":2}}`)
				case "2":
					_, _ = fmt.Fprint(w, `{"patients":[],"meta":{"next_page":3}}`)
				case "3":
					_, _ = fmt.Fprint(w, `{"patients":[{"id":"p2"}],"meta":{"next_page":null}}`)
				default:
					_, _ = fmt.Fprint(w, `{"patients":[],"meta":{"next_page":null}}`)
				}
			}))
			if got := walk(t, h, first); !slices.Equal(got, patientIDs(3)) {
				t.Errorf("first %d: %v", first, got)
			}
		}
	})
	t.Run("Last", func(t *testing.T) {
		t.Parallel()
		for name, form := range metaForms {
			for _, cap := range []int{0, 50} {
				up := &pagedPartner{n: 130, cap: cap, form: form}
				p := relayPageOf(t, before(t, up).as("a-token", `{ patients(last: 30)`+relaySelection))
				if !slices.Equal(p.ids, patientIDs(130)[100:]) || p.next || !p.prev {
					t.Errorf("%s, cap %d: %v %v %v", name, cap, p.ids, p.next, p.prev)
				}
			}
		}
	})
}

// TestTotalCount: the number of rows is what the partner says, where that can be
// believed, and never a guess; one that cannot be used is an error.
func TestTotalCount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meta   string
		want   any
		failed bool
	}{
		"Known":      {`{"total_count":3}`, 3.0, false},
		"Text":       {`{"total_count":"3"}`, 3.0, false},
		"Separators": {`{"total_count":"1,234"}`, 1234.0, false},
		"Spaces":     {`{"total_count":" 1 234 "}`, 1234.0, false},
		"Float":      {`{"total_count":3.0}`, 3.0, false},
		"Exponent":   {`{"total_count":1e3}`, 1000.0, false},
		"Absent":     {`{}`, nil, false},
		"Null":       {`{"total_count":null}`, nil, false},
		"NoObject":   {`7`, nil, false},
		"Object":     {`{"total_count":{"value":3}}`, nil, true},
		"Negative":   {`{"total_count":-3}`, nil, true},
		"Fraction":   {`{"total_count":3.5}`, nil, true},
		"Word":       {`{"total_count":"three"}`, nil, true},
		"TooSmall":   {`{"total_count":2}`, nil, true},
		"BeyondInt":  {`{"total_count":` + strconv.Itoa(math.MaxInt32+1) + `}`, nil, true},
		"BeyondAll":  {`{"total_count":99999999999999999999}`, nil, true},
		"PageSized":  {`{"total_count":3,"next_page":2}`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			h := before(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				w.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprintf(w, `{"patients":[{"id":"a"},{"id":"b"},{"id":"c"}],"meta":%s}`, c.meta)
			}))
			a := h.as("a-token", `{ patients(first: 3) { totalCount nodes { fullscriptId } } }`)
			if got := at(t, a.Data, "patients.totalCount"); got != c.want {
				t.Errorf("totalCount is %v", got)
			}
			if got := fmt.Sprint(list(t, a.Data, "patients.nodes")); strings.Count(got, "fullscriptId") != 3 {
				t.Errorf("rows %s", got)
			}
			if c.failed != (len(a.Errors) == 1) || len(a.Errors) > 1 {
				t.Errorf("errors %+v", a.Errors)
			}
			if calls.Load() != 1 {
				t.Errorf("%d calls", calls.Load())
			}
		})
	}
}

// TestCappedPages: a capped page costs the calls that its rows need and is
// remembered.
func TestCappedPages(t *testing.T) {
	t.Parallel()
	t.Run("Remembered", func(t *testing.T) {
		t.Parallel()
		up := &pagedPartner{n: 230, cap: 50, form: metaForms["Full"]}
		h := before(t, up)
		for i, want := range []int64{2, 2, 1} {
			up.calls.Store(0)
			h.as("a-token", fmt.Sprintf(`{ patients(first: 100, offset: %d) { nodes { id } } }`, i*100))
			if got := up.calls.Load(); got != want {
				t.Errorf("window %d took %d calls, want %d", i, got, want)
			}
		}
	})
	// The number of pages tells the size of one; where it is not told, the first
	// page has to.
	for name, want := range map[string]int64{"Full": 3, "NoNext": 3, "TotalOnly": 5} {
		t.Run("InTheMiddle/"+name, func(t *testing.T) {
			t.Parallel()
			up := &pagedPartner{n: 230, cap: 50, form: metaForms[name]}
			p := relayPageOf(t, before(t, up).as("a-token", `{ patients(first: 100, offset: 100)`+relaySelection))
			if got := up.calls.Load(); !slices.Equal(p.ids, patientIDs(230)[100:200]) || got != want {
				t.Errorf("%d calls, want %d: %v", got, want, p.ids)
			}
		})
	}
	t.Run("LastPage", func(t *testing.T) {
		t.Parallel()
		up := &pagedPartner{n: 230, form: metaForms["Full"]}
		p := relayPageOf(t, before(t, up).as("a-token", `{ patients(first: 100, offset: 200)`+relaySelection))
		if got := up.calls.Load(); !slices.Equal(p.ids, patientIDs(230)[200:]) || got != 1 {
			t.Errorf("%d calls: %v", got, p.ids)
		}
	})
}

// TestShiftedPages: a row that moves from one page to another between two calls
// is not lost, nor is it there twice.
func TestShiftedPages(t *testing.T) {
	t.Parallel()
	for name, moves := range map[string]struct{ by, calls int }{"RowLeaves": {1, 4}, "RowComes": {-1, 2}, "NothingMoves": {0, 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			h := before(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				front := 5 // the number of the first row
				if calls.Add(1) > 1 {
					front += moves.by
				}
				number, _ := strconv.Atoi(r.URL.Query().Get("page[number]"))
				size, _ := strconv.Atoi(r.URL.Query().Get("page[size]"))
				rows, total := []map[string]any{}, 205-front
				for i := (number - 1) * size; i < min(number*size, total); i++ {
					rows = append(rows, map[string]any{"id": fmt.Sprintf("p%d", front+i)})
				}
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(map[string]any{"patients": rows, "meta": map[string]any{"total_count": total, "total_pages": (total + size - 1) / size, "current_page": number}})
			}))
			p := relayPageOf(t, h.as("a-token", `{ patients(first: 200)`+relaySelection))
			for i := max(5, 5+moves.by); i < 205-max(0, -moves.by); i++ {
				if n := len(slices.DeleteFunc(slices.Clone(p.ids), func(id string) bool { return id != fmt.Sprintf("p%d", i) })); n != 1 {
					t.Errorf("p%d is there %d times", i, n)
				}
			}
			if got := calls.Load(); got != int64(moves.calls) {
				t.Errorf("%d calls, want %d", got, moves.calls)
			}
		})
	}
}

// TestPageInfoAlone: whether rows follow is found out without a total too, and
// costs no more than it takes.
func TestPageInfoAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		n     int
		next  bool
		calls int64
	}{"Full": {30, true, 1}, "Absent": {30, true, 2}, "Empty": {3, false, 2}, "NextOnly": {30, true, 2}, "WordTotal": {30, true, 2}} {
		up := &pagedPartner{n: c.n, form: metaForms[name]}
		a := before(t, up).as("a-token", `{ patients { pageInfo { hasNextPage endCursor } } }`)
		if got := at(t, a.Data, "patients.pageInfo.hasNextPage"); got != c.next || at(t, a.Data, "patients.pageInfo.endCursor") == nil {
			t.Errorf("%s: %v", name, a.Data)
		}
		if got := up.calls.Load(); got != c.calls {
			t.Errorf("%s: %d calls, want %d", name, got, c.calls)
		}
	}
}
