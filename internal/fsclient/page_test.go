package fsclient_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"fsgateway/internal/fsclient"
)

// TestRowsSurvive: a walk over a whole list sees each row once, whatever the
// partner says of its pages and however it cuts them.
func TestRowsSurvive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		n, limit int
		unpaged  bool // gives all rows, whatever is asked
		meta     func(number, pages, total int) string
		calls    int
	}{
		"Full":                  {230, 100, false, fullMeta, 3},
		"Capped":                {230, 50, false, fullMeta, 5},
		"CappedWithTotalOnly":   {230, 50, false, func(_, _, total int) string { return fmt.Sprintf(`{"total_count":%d}`, total) }, 5},
		"CappedWithPagesOnly":   {230, 50, false, func(_, pages, _ int) string { return fmt.Sprintf(`{"total_pages":"%d"}`, pages) }, 5},
		"CappedWithoutMeta":     {230, 50, false, nil, 5},
		"Absent":                {200, 100, false, nil, 3},
		"AbsentAndShort":        {3, 100, false, nil, 1},
		"Nonsense":              {200, 100, false, func(int, int, int) string { return `{"total_count":{},"next_page":-1,"total_pages":"x"}` }, 3},
		"Null":                  {3, 100, false, func(int, int, int) string { return `null` }, 1},
		"TotalIsThatOfThePage":  {150, 100, false, func(number, pages, _ int) string { return fmt.Sprintf(`{"total_count":100,"total_pages":%d}`, pages) }, 2},
		"NotPaged":              {40, 0, true, nil, 2},
		"NotPagedAndMoreIsSaid": {40, 0, true, func(int, int, int) string { return `{"next_page":99}` }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				number, _ := strconv.Atoi(r.URL.Query().Get("page[number]"))
				size, _ := strconv.Atoi(r.URL.Query().Get("page[size]"))
				size = min(size, c.limit)
				if c.unpaged {
					number, size = 1, c.n
				}
				answer := map[string]any{}
				rows := []map[string]any{}
				for i := (number - 1) * size; i < min(number*size, c.n); i++ {
					rows = append(rows, map[string]any{"id": strconv.Itoa(i)})
				}
				answer["patients"] = rows
				if c.meta != nil {
					answer["meta"] = json.RawMessage(c.meta(number, (c.n+size-1)/size, c.n))
				}
				_ = json.NewEncoder(w).Encode(answer)
			}))
			t.Cleanup(server.Close)
			client, err := fsclient.New(server.URL, http.DefaultClient)
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			for p, err := range fsclient.Each(t.Context(), client.Patients.List, fsclient.PatientListOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				if string(p.ID) != strconv.Itoa(seen) {
					t.Fatalf("row %d is %s", seen, p.ID)
				}
				seen++
			}
			if seen != c.n || calls != c.calls {
				t.Errorf("%d rows of %d in %d calls, want %d calls", seen, c.n, calls, c.calls)
			}
		})
	}
}

func fullMeta(number, pages, total int) string {
	next := "null"
	if number < pages {
		next = strconv.Itoa(number + 1)
	}
	return fmt.Sprintf(`{"current_page":%d,"next_page":%s,"total_pages":%d,"total_count":%d}`, number, next, pages, total)
}

// FuzzMeta: whatever stands beside the rows, they are there.
func FuzzMeta(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `[]`, `"x"`, `{"total_count":"1,234"}`, `{"total_count":{"a":1}}`, `{"total_count":-1,"next_page":1e99}`, `{"total_pages":true}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, meta string) {
		if !json.Valid([]byte(meta)) {
			t.Skip()
		}
		client, _ := scripted(t, `{"patients":[{"id":"a"},{"id":"b"}],"meta":`+meta+`}`)
		page, err := client.Patients.List(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) != 2 {
			t.Fatalf("%d rows beside %s", len(page.Items), meta)
		}
		if n := page.Meta.TotalCount; n != nil && *n < 0 {
			t.Errorf("a total of %d", *n)
		}
	})
}
