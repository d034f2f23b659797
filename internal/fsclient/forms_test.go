package fsclient

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// forms lists spellings of a value and what each is read as, "" for unreadable.
type forms map[string]string

func (f forms) check(t *testing.T, parse func(string) (string, bool)) {
	t.Helper()
	for s, want := range f {
		got, ok := parse(s)
		if !ok {
			got = ""
		}
		if got != want || ok != (want != "") {
			t.Errorf("%q is read as %q, %t, want %q", s, got, ok, want)
		}
	}
}

func TestDecimalForms(t *testing.T) {
	t.Parallel()
	forms{
		"0": "0", "7": "7", "-7": "-7", "0.5": "0.5", "5.50": "5.50", "24.50": "24.50", " 1 ": "1", "00": "0", "007.5": "7.5", "-0": "0", "-0.5": "-0.5", "-0.0": "0.0", "-007": "-7",
		"+5": "5", ".5": "0.5", "5.": "5", "-.5": "-0.5",
		"1e3": "1000", "1.5e3": "1500", "1.2345e2": "123.45", "12e-1": "1.2", "1e-3": "0.001", "12.5e-3": "0.0125", "1E2": "100", "-1e1": "-10", "0e5": "0", "1e0": "1", "123e-3": "0.123",
		"1e40": "1" + strings.Repeat("0", 40), "1e41": "", "1e-40": "0." + strings.Repeat("0", 39) + "1", "1e-41": "", "1e99999999999999999999": "", "1e": "", "e1": "", "1ex": "",
		"": "", "-": "", ".": "", "--1": "", "+-1": "", "1.2.3": "", "1 2": "", "0x10": "", "NaN": "", "Infinity": "", "one": "", "1,5": "",
	}.check(t, parseDecimal)
	forms{
		"$5": "5", "-$5": "-5", "$-5": "-5", "US$5": "5", "CA$5": "5", "C$5": "5", "CAD 5": "5", "CAD$5": "5", "USD5.50": "5.50", "5 CAD": "5", "5USD": "5", "5$": "5", "- 5": "-5",
		"1,059.97": "1059.97", "-$1,059.97": "-1059.97", "1,059": "", "1,234,567": "1234567", "12,345.00": "12345.00", "123,456.7": "123456.7", "1234,567.8": "", "0,123.4": "", "1,23.4": "", "1,2345.6": "", ",123.4": "", "12,.5": "",
		"1,059.": "1059", "59,97": "", "1.059,97": "", "€5": "", "5 EUR": "", "$": "", "$$5": "5", "$$$5": "",
	}.check(t, parseMoney)
	forms{
		"1,234": "1234", "-1,234": "-1234", "1,23": "", "2147483647": "2147483647", "2147483648": "", "-2147483648": "-2147483648", "-2147483649": "", "5.0": "5", "5.01": "", "5e2": "500", "x": "", "": "",
	}.check(t, func(s string) (string, bool) {
		n, ok := parseInt(s)
		return strconv.FormatInt(n, 10), ok
	})
}

// An amount is a number in an object that says nothing else but its currency.
func TestAmountForms(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct {
		amount string
		got    outcome
	}{
		`{"amount":"59.97","currency":"USD"}`: {"59.97", read}, `{"currency":{"code":"USD"},"amount":59.97}`: {"59.97", read}, `{"currency_code":null,"amount":1}`: {"1", read},
		`{"amount":null}`: {"", missing}, `{}`: {"", missing}, `{"currency":"USD"}`: {"", missing}, `{"amount":"1","amount":null}`: {"1", missing},
		`{"amount":true}`: {"", unreadable}, `{"amount":[1]}`: {"", unreadable}, `{"amount":"ten"}`: {"", unreadable}, `{"amount":"1","unit":"cents"}`: {"", unreadable}, `{"cents":5997}`: {"", unreadable},
		"{\"amount\":\"\xff\"}": {"", unreadable},
	} {
		var d Decimal
		if got := parseAmount([]byte(raw), &d); got != want.got || got == read && string(d) != want.amount || got == unreadable && d != "" {
			t.Errorf("%s is read as %q, %d, want %q, %d", raw, d, got, want.amount, want.got)
		}
	}
}

func TestMomentForms(t *testing.T) {
	t.Parallel()
	const moment = "2026-03-04T05:20:28Z"
	forms{
		moment: moment, "2026-03-04T05:20:28.5-05:00": "2026-03-04T05:20:28.5-05:00", " " + moment + " ": moment,
		"2026-03-04 05:20:28Z": moment, "2026-03-04t05:20:28z": moment, "2026-03-04 05:20:28 UTC": moment, "2026-03-04 05:20:28 GMT": moment, "2026-03-04 05:20:28 +00:00": moment, "2026-03-04T05:20:28+00": moment,
		"2026-03-04T05:20:28+0100": "2026-03-04T05:20:28+01:00", "2026-03-04T5:20:28Z": moment, "2026-03-04T05:20Z": "2026-03-04T05:20:00Z", "2026-03-04T05:20+0100": "2026-03-04T05:20:00+01:00", "20260304T052028Z": moment,
		"2026-03-04T05:20:28,5Z": "2026-03-04T05:20:28.5Z", "Wed, 04 Mar 2026 05:20:28 GMT": moment, "Wed, 04 Mar 2026 05:20:28 +0100": "2026-03-04T05:20:28+01:00",
		"1772601628": moment, "1772601628.25": "2026-03-04T05:20:28.25Z", "1772601628.5": "2026-03-04T05:20:28.5Z", "1772601628.1239": "2026-03-04T05:20:28.123Z", "1772601628000": moment, "1772601628042": "2026-03-04T05:20:28.042Z", "1772601628000.0": moment, "1772601628000.5": "",
		"177260162": "", "17726016280": "", "177260162800": "", "17726016280000": "", "1772601628.": "", "1772601628.x": "", "-1772601628": "", "1772601628 ": moment,
		"2026-03-04T05:20:28": "", "2026-03-04": "", "2026-03-0405:20:28Z": "", "2026-03-04X05:20:28Z": "", "2026-13-04T05:20:28Z": "", "now": "", "": "", "2026-03-04T05:20:28 PST": "", "Wed, 04 Mar 2026 05:20:28 PST": "", "2026-03-04 ": "", "2026-03-04T25:20:28Z": "",
	}.check(t, parseMoment)
	forms{
		"2026-03-04": "2026-03-04", "2026-3-4": "2026-03-04", "2026/3/4": "2026-03-04", "2026/03/04": "2026-03-04", " 2026-03-04 ": "2026-03-04", moment: "2026-03-04", "2026-03-04T23:30:00-05:00": "2026-03-04",
		"2026-03-04 05:20:28": "2026-03-04", "2026-03-04T05:20:28.123": "2026-03-04", "1772601628": "", "1772601628000": "", "20260304": "", "04/03/2026": "", "2026-02-30": "", "26-03-04": "", "": "", "yesterday at noon": "",
	}.check(t, parseDay)
	forms{"999999999999999999": "999999999999999999", "1000000000000000000": "", "000": "0", "12a": "", "": "", "-1": ""}.check(t, func(s string) (string, bool) {
		n, ok := parseNumber(s)
		return strconv.FormatInt(n, 10), ok
	})
}

// As inputs the scalars take their canonical form alone.
func TestScalarInputs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in interface{ UnmarshalGQL(any) error }
		v  any
		ok bool
	}{
		{new(Date), "2026-01-31", true},
		{new(Date), "2026-1-31", false},
		{new(Date), "2026-02-30", false},
		{new(Date), 20260131, false},
		{new(DateTime), "2026-01-31T09:30:00Z", true},
		{new(DateTime), "2026-01-31T9:30:00Z", false},
		{new(DateTime), "2026-01-31T09:30:00,5Z", false},
		{new(DateTime), 1772601628, false},
		{new(Decimal), "24.50", true},
		{new(Decimal), 24.5, true},
		{new(Decimal), int64(24), true},
		{new(Decimal), "24,50", false},
		{new(Decimal), true, false},
		{new(Decimal), "1e3", false},
	} {
		if err := c.in.UnmarshalGQL(c.v); (err == nil) != c.ok {
			t.Errorf("%T takes %v (%T): %v", c.in, c.v, c.v, err)
		}
	}
	var d Decimal
	for v, want := range map[float64]string{0.1: "0.1", 1e21: "1" + strings.Repeat("0", 21), 12345678.25: "12345678.25"} {
		if err := d.UnmarshalGQL(v); err != nil || string(d) != want {
			t.Errorf("%v is taken as %q: %v", v, d, err)
		}
	}
}

func TestIDForms(t *testing.T) {
	t.Parallel()
	const uuid = "0f9A3B7e-1c2d-4e5f-8a9b-0123456789aF"
	for id, ok := range map[string]bool{
		"a": true, "z": true, "A": true, "Z": true, "0": true, "9": true, "_": true, ":": true, "-": true, "a.b": true, "...": true, strings.Repeat("a", maxID): true, uuid: true,
		"": false, ".": false, "..": false, strings.Repeat("a", maxID+1): false, "`": false, "{": false, "@": false, "[": false, "/": false, "a/b": false, "a b": false, "a%2fb": false, "é": false, "a?b": false, "a#b": false, "\x00": false, ";": false,
	} {
		if ValidID(id) != ok {
			t.Errorf("ValidID(%q) = %t", id, !ok)
		}
	}
	for s, ok := range map[string]bool{
		uuid: true, strings.ToUpper(uuid): true, "00000000-0000-0000-0000-000000000000": true, "99999999-9999-9999-9999-999999999999": true, "ffffffff-ffff-ffff-ffff-ffffffffffff": true, "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa": true,
		"": false, uuid + "0": false, uuid[1:]: false, "g" + uuid[1:]: false, "G" + uuid[1:]: false, "`" + uuid[1:]: false, "/" + uuid[1:]: false, ":" + uuid[1:]: false, "-" + uuid[1:]: false, "\x10" + uuid[1:]: false,
		uuid[:8] + "0" + uuid[9:]: false, uuid[:13] + "0" + uuid[14:]: false, uuid[:18] + "0" + uuid[19:]: false, uuid[:23] + "0" + uuid[24:]: false, uuid[:8] + "\r" + uuid[9:]: false, uuid[:35] + "-": false,
	} {
		if got, upper := isUUID(s); got != ok || got && upper != (s != strings.ToLower(s)) {
			t.Errorf("isUUID(%q) = %t, %t", s, got, upper)
		}
		if digits := isDigits(s); mustBeID(s) != ok || digits {
			t.Errorf("mustBeID(%q) = %t", s, !ok)
		}
	}
	if IDKey(uuid) != strings.ToLower(uuid) || IDKey("ABC") != "ABC" {
		t.Error("ids other than UUIDs compare exactly")
	}
	for s, ok := range map[string]bool{"a": true, "!": true, "~": true, "é": true, " ": false, "a b": false, "a\tb": false, "\x7f": false, "\n": false, "": true} {
		if mayBeID(s, '"') != ok {
			t.Errorf("mayBeID(%q) = %t", s, !ok)
		}
	}
	if !mayBeID("12", '0') || mayBeID("1.5", '0') || mayBeID("-1", '0') || mayBeID("true", 't') || !mustBeID("12") {
		t.Error("of numbers the integers are ids")
	}
	for in, want := range map[string]string{"p1": "p1", "Patient:p1": "p1", "Patient:a:b": "a:b", "Order:p1": "", "": "", "Patient:": "", "Patient:a/b": "", ":p1": ""} {
		if got, err := ParseID("Patient", in); got != want || (err == nil) != (want != "") {
			t.Errorf("ParseID(%q) = %q, %v", in, got, err)
		}
	}
	if got, err := ParseID("Patient", int64(7)); got != "7" || err != nil {
		t.Errorf("an integer: %q, %v", got, err)
	}
	if _, err := ParseID("Patient", 1.5); err == nil {
		t.Error("a number with a fraction is taken for an id")
	}
}

func TestRetryAfterForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 20, 28, 0, time.UTC)
	for values, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "120": 2 * time.Minute, "1.5": 1500 * time.Millisecond, "120s": 2 * time.Minute, "2 minutes": 2 * time.Minute, "1500ms": 1500 * time.Millisecond, "30 sec": 30 * time.Second,
		"5, 10": 10 * time.Second, "10;5": rateWindow, "5|10": 10 * time.Second, "x|10": 10 * time.Second, "10, x": 10 * time.Second, ", 7": 7 * time.Second, "0, x": 0, ",": 0,
		"x": rateWindow, "1_000": rateWindow, "0x10": rateWindow, "NaN": rateWindow, "0x1p4": rateWindow, "5 lightyears": rateWindow, "1h": rateWindow, "1e9999": rateWindow,
		"Wed, 04 Mar 2026 05:21:28 GMT": time.Minute, "2026-03-04T05:20:38Z": 10 * time.Second, "Wed, 04 Mar 2026 05:20:08 GMT": 0, "99999999999": longestWait, "3601": longestWait,
	} {
		var headers []string
		if values != "" {
			headers = strings.Split(values, "|")
		}
		if got := retryAfter(headers, now); got != want {
			t.Errorf("%q asks to wait %v, want %v", values, got, want)
		}
	}
	if rateWindow != 300*time.Second {
		t.Error("the partner counts calls over five minutes")
	}
}

func TestMetaForms(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`0`: "0", `12`: "12", `"12"`: "12", `" 12 "`: "12", `"1,234"`: "1234", `"1 234 567"`: "1234567", `"1_234"`: "1234", `"1'234"`: "1234", "\"1\u00a0234\"": "1234", `"9,090"`: "9090", `12.0`: "12", `1.2e3`: "1200", `9007199254740991`: "9007199254740991", `9007199254740991.0`: "9007199254740991",
		``: "", `null`: "", `-1`: "", `1.5`: "", `"12,34"`: "", `"1,2345"`: "", `true`: "", `[1]`: "", `{}`: "", `"x"`: "", `""`: "", `9007199254740992.0`: "", `-9007199254740992.0`: "", `1e300`: "", `"NaN"`: "", `"Infinity"`: "", `"12`: "",
	} {
		got := ""
		if n := wholeNumber([]byte(raw)); n != nil {
			got = strconv.Itoa(*n)
		}
		if got != want {
			t.Errorf("%s is read as %q, want %q", raw, got, want)
		}
	}
	for raw, want := range map[string]bool{`{}`: false, `{"total_count":null}`: false, `{"total_count":7}`: false, `{"total_count":"many"}`: true, `{"total_count":-1}`: true} {
		if m := metaOf(t, raw); m.UnusableCount != want {
			t.Errorf("%s: UnusableCount %t", raw, m.UnusableCount)
		}
	}
}

// What a page says of its place: page 2 of a list, ten rows a page.
func TestAfter(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct {
		after Follows
		total int // -1 for unknown
	}{
		`{}`:                                  {Unknown, -1},
		`{"total_count":21}`:                  {More, 21},
		`{"total_count":20}`:                  {End, 20},
		`{"total_count":19}`:                  {Unknown, -1},
		`{"next_page":3}`:                     {More, -1},
		`{"next_page":2}`:                     {Unknown, -1},
		`{"next_page":null}`:                  {End, -1},
		`{"total_pages":3}`:                   {More, -1},
		`{"total_pages":2}`:                   {End, -1},
		`{"total_pages":1}`:                   {Unknown, -1},
		`{"total_count":20,"next_page":3}`:    {More, -1},
		`{"total_count":20,"total_pages":3}`:  {More, -1},
		`{"total_count":21,"next_page":null}`: {More, 21},
		`{"total_count":20,"next_page":2}`:    {End, 20},
	} {
		m := metaOf(t, raw)
		total := -1
		if n := m.Total(2, 20); n != nil {
			total = *n
		}
		if after := m.After(2, 20); after != want.after || total != want.total {
			t.Errorf("%s: %d and %d, want %d and %d", raw, after, total, want.after, want.total)
		}
	}
	for _, c := range []struct {
		meta               string
		number, rows, seen int
		want               bool
	}{
		{`{"next_page":3}`, 2, 1, 20, true},
		{`{"next_page":3}`, 2, 0, 20, false},
		{`{"next_page":null}`, 2, 10, 20, false},
		{`{}`, 1, LeastCap, LeastCap, true},
		{`{}`, 1, LeastCap - 1, LeastCap - 1, false},
		{`{}`, 2, 20, 40, true},
		{`{}`, 2, 19, 39, false},
	} {
		m := metaOf(t, c.meta)
		if got := m.Continues(c.number, c.rows, c.seen); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

func TestProblemForms(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + `"x"` + strings.Repeat("]", n) }
	for body, want := range map[string][]Problem{
		`"is taken"`:                  {{Message: "is taken"}},
		`["one","two","one"]`:         {{Message: "one"}, {Message: "two"}},
		`{"error":"invalid_request"}`: {{Code: "invalid_request"}},
		`{"error":"invalid_request","error_description":"no"}`:                              {{Code: "invalid_request", Message: "no"}},
		`{"error":"Something is wrong"}`:                                                    {{Message: "Something is wrong"}},
		`{"errors":{"email":["is taken","is odd"]}}`:                                        {{Field: "email", Message: "is taken"}, {Field: "email", Message: "is odd"}},
		`{"errors":{"email":[{"error":"taken","value":"a@b"}]}}`:                            {{Field: "email", Code: "taken"}},
		`{"errors":{"base":["no"],"name":"is odd"}}`:                                        {{Message: "no"}, {Field: "name", Message: "is odd"}},
		`{"errors":{"address":{"non_field_errors":["no"],"zip":["is odd"]}}}`:               {{Field: "address", Message: "no"}, {Field: "address.zip", Message: "is odd"}},
		`{"errors":{"lines":[{},{"sku":["is gone"]}]}}`:                                     {{Field: "lines.1.sku", Message: "is gone"}},
		`{"errors":[{"field":"email","message":"is taken","code":"taken"}]}`:                {{Field: "email", Code: "taken", Message: "is taken"}},
		`{"errors":[{"source":{"pointer":"/data/email"},"detail":"is taken"}]}`:             {{Field: "/data/email", Message: "is taken"}},
		`{"detail":[{"loc":["body",0,"zip"],"msg":"is odd"}]}`:                              {{Field: "body.0.zip", Message: "is odd"}},
		`{"errors":[{"code":4012,"message":"no"}]}`:                                         {{Code: "4012", Message: "no"}},
		`{"errors":{"base":{"base":"x"}}}`:                                                  {{Message: "x"}},
		`{"errors":[{"code":"taken"}]}`:                                                     {{Code: "taken"}},
		`{"errors":[{"name":"email","message":"is taken"}]}`:                                {{Field: "email", Message: "is taken"}},
		`{"errors":[{"name":"email","code":"taken"}]}`:                                      {{Field: "email", Code: "taken"}},
		`{"errors":{"patient":{"name":["is odd"]}}}`:                                        {{Field: "patient.name", Message: "is odd"}},
		`{"errors":[{"field":"email","name":"x","message":"is taken"}]}`:                    {{Field: "email", Message: "is taken"}},
		`{"title":"Bad request","status":400,"invalid-params":[{"name":"a","reason":"b"}]}`: {{Field: "a", Message: "b"}},
		`{"title":"Bad request","status":400}`:                                              {{Message: "Bad request"}},
		`{"message":"Validation failed","errors":[{"message":"one"}]}`:                      {{Message: "one"}},
		`{"email":["is taken"],"note":"about"}`:                                             {{Field: "email", Message: "is taken"}},
		`{"patient":{"email":"is taken"}}`:                                                  nil,
		`{"status":"ok","value":["x"]}`:                                                     nil,
		`{}`:                                                                                nil,
		`[]`:                                                                                nil,
		`null`:                                                                              nil,
		`" "`:                                                                               nil,
		`12`:                                                                                nil,
		deep(maxErrorDepth):                                                                 {{Message: "x"}},
		deep(maxErrorDepth + 1):                                                             nil,
		`"` + strings.Repeat("x", maxProblemText) + `"`:                                     {{Message: strings.Repeat("x", maxProblemText)}},
		`"` + strings.Repeat("x", maxProblemText+1) + `"`:                                   {{Message: strings.Repeat("x", maxProblemText) + "…"}},
	} {
		if got := problems([]byte(body)); !reflect.DeepEqual(got, want) {
			t.Errorf("%.200s\n got %+v\nwant %+v", body, got, want)
		}
	}
	for nesting, want := range map[string]bool{
		`{"errors":` + strings.Repeat(`[{"errors":`, maxErrorDepth/2-1) + `"x"` + strings.Repeat(`}]`, maxErrorDepth/2-1) + `}`: true,
		`{"errors":` + strings.Repeat(`{"a":`, maxErrorDepth+1) + `"x"` + strings.Repeat(`}`, maxErrorDepth+1) + `}`:            false,
		`{"errors":` + strings.Repeat(`{"base":`, maxErrorDepth+1) + `"x"` + strings.Repeat(`}`, maxErrorDepth+1) + `}`:         false,
		`{"errors":` + strings.Repeat(`[{"errors":`, maxErrorDepth) + `"x"` + strings.Repeat(`}]`, maxErrorDepth) + `}`:         false,
	} {
		if got := problems([]byte(nesting)); (len(got) > 0) != want {
			t.Errorf("%.60s…: %d problems", nesting, len(got))
		}
	}
	var many []string
	for i := range maxProblems + 1 {
		many = append(many, strconv.Itoa(i)+"x")
	}
	if got := problems([]byte(`["` + strings.Join(many, `","`) + `"]`)); len(got) != maxProblems || got[maxProblems-1].Message != many[maxProblems-1] {
		t.Errorf("%d problems of %d", len(got), len(many))
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]Error{
		"GET /a: not found (status 404) [request r1]": {Op: "GET /a", Kind: KindNotFound, Status: 404, RequestID: "r1"},
		"GET /a: timeout": {Op: "GET /a", Kind: KindTimeout},
	} {
		if e.Error() != want {
			t.Errorf("%q, want %q", e.Error(), want)
		}
	}
	for id, want := range map[string]string{"r-1": "r-1", "A.b_9": "A.b_9", "a:b": "", "a@b": "", "": "", "a b": "", "a\x7f": "", strings.Repeat("a", 64): strings.Repeat("a", 64), strings.Repeat("a", 65): "", "é": ""} {
		if got := requestID(http.Header{"X-Request-Id": {id}}); got != want {
			t.Errorf("request id %q is passed on as %q", id, got)
		}
	}
	write, fetch := route{method: http.MethodPost}, route{method: http.MethodGet}
	for status, unknown := range map[int]bool{302: true, 399: true, 400: false, 422: false, 499: false, 500: true, 503: true} {
		if e := statusError(write, status, nil, nil); e.Unknown != unknown {
			t.Errorf("a write answered with %d: unknown %t", status, e.Unknown)
		}
		if statusError(fetch, status, nil, nil).Unknown {
			t.Errorf("a query answered with %d has an unknown outcome", status)
		}
	}
	latin1 := http.Header{"Content-Type": {"application/json; charset=iso-8859-1"}}
	if e := statusError(write, 422, latin1, []byte("[\"\xe9\"]")); len(e.Problems) != 1 || e.Problems[0].Message != "é" {
		t.Errorf("%+v", e.Problems)
	}
	for name, c := range map[string]struct {
		contentType, body string
		want              bool
	}{
		"JSON": {"application/json", `{"error":"x"}`, true}, "Problem": {"application/problem+json", " \ufeff{\"title\":\"x\"}", true}, "Undeclared": {"", `{"error":"x"}`, true},
		"HTML": {"text/html", `{"error":"x"}`, false}, "Empty": {"application/json", `{}`, false}, "List": {"application/json", `["x"]`, false}, "Cut": {"application/json", `{"error":"x"`, false},
	} {
		h := http.Header{}
		if c.contentType != "" {
			h.Set("Content-Type", c.contentType)
		}
		if isAPIError(h, []byte(c.body)) != c.want {
			t.Errorf("%s: %t", name, !c.want)
		}
	}
}

// An event is found in each of its envelopes, some levels deep.
func TestEventForms(t *testing.T) {
	t.Parallel()
	const event = `{"id":"e","type":"order.placed"}`
	in := func(n int) string {
		return strings.Repeat(`{"event":`, n) + event + strings.Repeat("}", n)
	}
	text, _ := json.Marshal(event)
	deepText := func(n int) string {
		body := event
		for range n {
			quoted, _ := json.Marshal(body)
			body = string(quoted)
		}
		return body
	}
	for body, found := range map[string]bool{
		event: true, string(text): true, "[" + event + "]": true, "\ufeff " + event: true, `{"data":` + event + `}`: true, `{"event":` + string(text) + `}`: true, `{"webhook_delivery":{"event_payload":` + event + `}}`: true,
		in(maxEventDepth): true, in(maxEventDepth + 1): false, deepText(maxEventDepth): true, deepText(maxEventDepth + 1): false,
		strings.Repeat("[", maxEventDepth) + event + strings.Repeat("]", maxEventDepth):            true,
		strings.Repeat("[", maxEventDepth+1) + event + strings.Repeat("]", maxEventDepth+1):        false,
		strings.Repeat(`{"data":`, maxEventDepth) + event + strings.Repeat("}", maxEventDepth):     true,
		strings.Repeat(`{"data":`, maxEventDepth+1) + event + strings.Repeat("}", maxEventDepth+1): false,
		"[" + event + "," + event + "]": false, "[]": false, `"no JSON"`: false, `""`: false, "": false, "7": false, "null": false, `{"event":null}`: false, `{"event":` + event: false,
		`{"event":7,"event_payload":` + event + `}`: true, `{"event":{},"event_payload":` + event + `}`: true,
	} {
		e, err := ParseEvent([]byte(body))
		if (err == nil) != found || found && (e.ID != "e" || e.Type != "order.placed") {
			t.Errorf("%s: %+v, %v", body, e, err)
		}
	}
	// What lacks its type, its id or both is read as far as it goes.
	for body, want := range map[string][2]string{
		`{"id":"e","data":{"patient":{"id":"p"}}}`: {"e", ""},
		`{"type":"order.placed"}`:                  {"", "order.placed"},
		`{"id":"e","type":"order.placed"`:          {"", ""},
		`{"id":"e"}`:                               {"", ""},
		`{"data":{}}`:                              {"", ""},
		"\xff":                                     {"", ""},
	} {
		e := ReadEvent([]byte(body))
		id := string(e.ID)
		if want[0] == "" {
			if e.Identified() || id != string(ReadEvent([]byte(body)).ID) {
				t.Errorf("%s: id %q", body, id)
			}
			id = ""
		}
		if id != want[0] || string(e.Type) != want[1] || want[0] != "" != e.Identified() {
			t.Errorf("%s: %q of type %q", body, id, e.Type)
		}
		if raw := e.Data.(*UnknownEventData).Raw; body != "\xff" && raw != body || body == "\xff" && raw != "data:application/octet-stream;base64,/w==" {
			t.Errorf("%s: kept as %q", body, raw)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	origin, _ := url.Parse("https://api.example")
	for to, want := range map[string]bool{
		"https://api.example/x": true, "https://API.example:443/": true, "https://api.example:8443/": false, "http://api.example/": false, "http://api.example:443/": false, "https://api.example.com/": false, "https://a.example": false,
	} {
		u, _ := url.Parse(to)
		if sameOrigin(u, origin) != want {
			t.Errorf("%s: %t", to, !want)
		}
	}
	plain, _ := url.Parse("http://api.example:80")
	if to, _ := url.Parse("http://api.example/"); !sameOrigin(to, plain) {
		t.Error("port 80 is that of http")
	}
}

// Bytes are read in the charset that is declared, or not at all.
func TestCharsetForms(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]string{
		"": "\xe9", "application/json": "\xe9", "application/json; charset=UTF-8": "\xe9", "application/json; charset=latin1": "é", "application/json; charset=klingon": "", "application/json; charset=gbk": "", "application/json; charset=utf-16le": "",
	} {
		got, err := toUTF8(contentType, []byte("\xe9"))
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", contentType, got, err)
		}
	}
}

func metaOf(t *testing.T, raw string) PageMeta {
	t.Helper()
	m, err := parseMeta(newDecoder([]byte(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
