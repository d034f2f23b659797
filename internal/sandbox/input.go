package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// input reads a request body field by field. A field that is absent leaves its target alone, which is what PATCH wants; null clears what
// may be empty. Numbers and booleans come as text or as themselves, since public clients send both.
type input struct {
	values   map[string]any
	prefix   string
	problems *[]problem
}

// input of a call; an absent body reads as an empty object, and what is not an object is a problem of its own.
func (r *request) input() *input {
	in := &input{values: map[string]any{}, problems: new([]problem)}
	if len(bytes.TrimSpace(r.body)) == 0 {
		return in
	}
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.UseNumber()
	var extra any
	if dec.Decode(&in.values) != nil || in.values == nil || dec.Decode(&extra) != io.EOF {
		in.values = map[string]any{}
		in.report(problem{"", "malformed", "The request body is not a JSON object"})
	}
	return in
}

func (in *input) report(p problem) {
	if p.field != "" {
		p.field = in.prefix + p.field
	}
	*in.problems = append(*in.problems, p)
}

// refused is the 422 of all problems so far, nil when there are none.
func (in *input) refused(as shape) *reply {
	if len(*in.problems) == 0 {
		return nil
	}
	r := unprocessable(as, *in.problems...)
	return &r
}

func (in *input) has(name string) bool {
	_, present := in.values[name]
	return present
}

// given is true for a value that is there and not null.
func (in *input) given(name string) bool { return in.values[name] != nil }

// require reports fields that are absent. Fields that are null or blank are reported by their reader.
func (in *input) require(names ...string) {
	for _, name := range names {
		if !in.has(name) {
			in.report(blank(name))
		}
	}
}

// string reads a value that has to be text when it is there.
func (in *input) string(name string) (value string, present bool) {
	raw, has := in.values[name]
	if !has || raw == nil {
		return "", has
	}
	value, isText := raw.(string)
	if !isText {
		in.report(invalid(name, "must be text"))
		return "", false
	}
	return strings.TrimSpace(value), true
}

// text reads what may not become empty.
func (in *input) text(name string, into *string) {
	value, present := in.string(name)
	switch {
	case !present:
	case value == "":
		in.report(blank(name))
	default:
		*into = value
	}
}

// nullable reads what null or empty text clears. check gives the reason to refuse a value.
func (in *input) nullable(name string, into **string, check func(string) string) {
	value, present := in.string(name)
	switch {
	case !present:
	case value == "":
		*into = nil
	case check != nil && check(value) != "":
		in.report(invalid(name, check(value)))
	default:
		*into = &value
	}
}

// plain is a number or boolean, sent as itself or as text, in its text form.
func (in *input) plain(name string) (text string, present bool) {
	switch v := in.values[name].(type) {
	case nil:
		return "", in.has(name)
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case string:
		return strings.TrimSpace(v), true
	}
	in.report(invalid(name, "must be a single value"))
	return "", false
}

// percent reads a discount; null and empty text mean none.
func (in *input) percent(name string, into *float64) {
	text, present := in.plain(name)
	if !present {
		return
	}
	if text == "" {
		*into = 0
		return
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= 100) {
		in.report(invalid(name, "must be a number from 0 to 100"))
		return
	}
	*into = n
}

// count reads a whole number from 1.
func (in *input) count(name string, into *int) {
	text, present := in.plain(name)
	if !present {
		return
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		in.report(invalid(name, "must be a whole number from 1"))
		return
	}
	*into = n
}

func (in *input) flag(name string, into *bool) {
	text, present := in.plain(name)
	if !present || text == "" {
		return
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		in.report(invalid(name, "must be true or false"))
		return
	}
	*into = v
}

// nested is an object inside; nil when it is absent or null.
func (in *input) nested(name string) *input {
	if !in.given(name) {
		return nil
	}
	values, isObject := in.values[name].(map[string]any)
	if !isObject {
		in.report(invalid(name, "must be an object"))
		return nil
	}
	return &input{values: values, prefix: in.prefix + name + ".", problems: in.problems}
}

// list is the objects of an array; empty when it is absent or null.
func (in *input) list(name string) []*input {
	if !in.given(name) {
		return nil
	}
	items, isArray := in.values[name].([]any)
	if !isArray {
		in.report(invalid(name, "must be a list"))
		return nil
	}
	out := make([]*input, 0, len(items))
	for i, item := range items {
		values, isObject := item.(map[string]any)
		if !isObject {
			in.report(invalid(name, "must hold objects"))
			continue
		}
		out = append(out, &input{values: values, prefix: in.prefix + name + "[" + strconv.Itoa(i) + "].", problems: in.problems})
	}
	return out
}

// metadata reads {"metadata":{"id":…}}; null on either level clears it.
func (in *input) metadata(into *externalID) {
	if in.has("metadata") && !in.given("metadata") {
		into.ID = nil
	}
	if m := in.nested("metadata"); m != nil {
		m.nullable("id", &into.ID, nil)
	}
}

var emailShape = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)

func checkEmail(s string) string {
	if !emailShape.MatchString(s) {
		return "is not an email address"
	}
	return ""
}

func checkDate(s string) string {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "must be a date such as 1980-12-31"
	}
	return ""
}

func checkOneOf(values ...string) func(string) string {
	return func(s string) string {
		if slices.Contains(values, s) {
			return ""
		}
		return "must be one of " + strings.Join(values, ", ")
	}
}

// email reads an address that has to be there, and reports it unless free.
func (in *input) email(into *string, free func(string) bool) {
	before := *into
	in.text("email", into)
	if *into == before {
		return
	}
	if why := checkEmail(*into); why != "" {
		in.report(invalid("email", why))
	} else if !free(*into) {
		in.report(taken("email"))
	}
}
