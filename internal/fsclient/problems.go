package fsclient

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The shape of the body of a refusal is not published. The partner, the
// frameworks it may be built with and the proxies in front of it use several:
// a text, a list of texts, an object for each complaint, texts or objects by
// field, RFC 7807, RFC 6749, and combinations of these. The body is first read
// into a tree, which always ends, and the tree is then searched for complaints.

const (
	maxErrorBody   = 64 << 10 // of an answer that is no success, the rest is not read
	maxProblems    = 100
	maxProblemText = 1000 // bytes
	maxErrorDepth  = 32
)

// errorObject is a JSON object in the order of its members, which is the order
// that a client sees the complaints in.
type errorObject []errorMember

type errorMember struct {
	name  string
	value any // string, literal, []any, errorObject or nil
}

// literal is a number or a boolean.
type literal string

// readErrorTree reads one JSON value. With an error comes what was read before
// it, so that a body that was cut off still says what it says. Each step reads
// a token or returns.
func readErrorTree(d *decoder) (any, error) {
	tok, err := d.token()
	if err != nil {
		return nil, err
	}
	switch tokenKinds[tok[0]] {
	case '"':
		return tokenText(tok), nil
	case '0', 't', 'f':
		return literal(tok), nil
	case '[':
		var list []any
		for d.peek() != ']' {
			v, err := readErrorTree(d)
			list = append(list, v)
			if err != nil {
				return list, err
			}
		}
		_, err = d.token()
		return list, err
	case '{':
		var o errorObject
		for d.peek() != '}' {
			tok, err := d.token()
			if err != nil {
				return o, err
			}
			m := errorMember{name: tokenText(tok)}
			m.value, err = readErrorTree(d)
			o = append(o, m)
			if err != nil {
				return o, err
			}
		}
		_, err = d.token()
		return o, err
	}
	return nil, nil
}

// problems returns the complaints in the body of a refusal.
func problems(body []byte) []Problem {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	tree, _ := readErrorTree(newDecoder(body[:min(len(body), maxErrorBody)]))
	found := problemsIn(tree, "", 0)
	if o, ok := tree.(errorObject); ok && len(found) == 0 {
		found = o.byField("", "", 0, true)
	}
	var out []Problem
	for _, p := range found {
		p = Problem{Field: clip(p.Field), Code: clip(p.Code), Message: clip(p.Message)}
		if len(out) < maxProblems && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func clip(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxProblemText {
		s = strings.ToValidUTF8(s[:maxProblemText], "") + "…"
	}
	return s
}

// The words that error bodies are made of, lower case with underscores. All
// others are names of fields.
var (
	// wordsOfText hold what is wrong, the most telling first.
	wordsOfText = []string{"message", "msg", "detail", "error_description", "description", "reason", "issue", "full_message", "error_message", "errors", "error", "title"}
	// wordsOfCode hold the same as a code. A Rails detail has it under "error".
	wordsOfCode = []string{"code", "error_code", "rule", "error"}
	// wordsOfField name the field that is wrong, or point to it.
	wordsOfField = []string{"field", "attribute", "param", "parameter", "property", "property_path", "pointer", "path", "loc", "source"}
	// wordsOfMore lead to complaints that say more than the object around them.
	wordsOfMore = []string{"errors", "error", "details", "detail", "messages", "message", "full_messages", "violations", "invalid_params", "problems", "issues", "error_messages"}
	// wordsOfNoField are about the complaint or the request. Their values are
	// not shown: "value" is what the caller sent.
	wordsOfNoField = []string{"value", "count", "status", "type", "instance", "options", "attempted_value", "rejected_value", "input", "ctx", "url", "timestamp", "request_id", "trace_id", "documentation_url"}
)

func wordOf(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }

// problemsIn returns the complaints in v. field is the API's name of what they
// are about, "" for no field.
func problemsIn(v any, field string, depth int) (out []Problem) {
	if depth > maxErrorDepth {
		return nil
	}
	switch v := v.(type) {
	case string:
		if strings.TrimSpace(v) != "" {
			return []Problem{{Field: field, Message: v}}
		}
	case []any:
		for i, e := range v {
			if o, ok := e.(errorObject); ok {
				inside := field
				if field != "" { // {"lines": [{}, {"sku": ["is gone"]}]}
					inside = join(field, strconv.Itoa(i))
				}
				out = append(out, o.problems(field, inside, depth+1)...)
			} else {
				out = append(out, problemsIn(e, field, depth+1)...)
			}
		}
	case errorObject:
		return v.problems(field, field, depth)
	}
	return out
}

// problems returns the complaints in o: those that it leads to, else the one
// that it is, else those of the fields that it names. field is what o is about
// and inside what its members are parts of.
func (o errorObject) problems(field, inside string, depth int) (out []Problem) {
	own := o.complaint(field, inside)
	for _, m := range o {
		if slices.Contains(wordsOfMore, wordOf(m.name)) && isComposite(m.value) {
			out = append(out, problemsIn(m.value, own.Field, depth+1)...)
		}
	}
	switch {
	case len(out) > 0:
		return out
	case own.Message != "", own.Field != field, own.Code != "" && field != "":
		return []Problem{own}
	}
	// At the root there is no telling a field from the rest of an answer.
	if depth > 0 {
		out = o.byField(field, inside, depth, false)
	}
	if len(out) == 0 && own.Code != "" {
		return []Problem{own}
	}
	return out
}

// complaint reads o as one complaint.
func (o errorObject) complaint(field, inside string) Problem {
	p := Problem{Field: field}
	for _, word := range wordsOfCode {
		if code := o.text(word); p.Code == "" && isCode(code) {
			p.Code = code
		}
	}
	for _, word := range wordsOfText {
		// "error" beside a text is its code or its heading, and alone it is a
		// code if it looks like one.
		if text := o.text(word); p.Message == "" && strings.TrimSpace(text) != "" && text != p.Code {
			p.Message = text
		}
	}
	subject := o.subject()
	if subject == "" && (p.Message != "" || p.Code != "") {
		subject = o.text("name") // which else is a field like others
	}
	if subject != "" {
		p.Field = join(inside, subject)
	}
	return p
}

// subject is the field that o says it is about, "" for none.
func (o errorObject) subject() string {
	for _, m := range o {
		if !slices.Contains(wordsOfField, wordOf(m.name)) {
			continue
		}
		switch v := m.value.(type) {
		case string:
			return v
		case []any:
			path := ""
			for _, part := range v {
				switch part := part.(type) {
				case string:
					path = join(path, part)
				case literal:
					path = join(path, string(part))
				}
			}
			return path
		case errorObject: // JSON:API
			return v.subject()
		}
	}
	return ""
}

// byField reads the members of o as fields and what is wrong with each. bare
// takes nothing but lists of complaints.
func (o errorObject) byField(field, inside string, depth int, bare bool) (out []Problem) {
	for _, m := range o {
		word := wordOf(m.name)
		_, isList := m.value.([]any)
		switch {
		case word == "base", word == "non_field_errors": // the record as a whole
			out = append(out, problemsIn(m.value, field, depth+1)...)
		case slices.Contains(wordsOfNoField, word), slices.Contains(wordsOfCode, word), slices.Contains(wordsOfField, word), bare && !isList:
		default:
			out = append(out, problemsIn(m.value, join(inside, m.name), depth+1)...)
		}
	}
	return out
}

// text is the text of the member that a word names.
func (o errorObject) text(word string) string {
	for _, m := range o {
		if wordOf(m.name) != word {
			continue
		}
		switch v := m.value.(type) {
		case string:
			return v
		case literal:
			if word != "error" && slices.Contains(wordsOfCode, word) {
				return string(v)
			}
		}
	}
	return ""
}

func isComposite(v any) bool {
	switch v.(type) {
	case []any, errorObject:
		return true
	}
	return false
}

var code = regexp.MustCompile(`^[A-Za-z0-9]+([_.:-][A-Za-z0-9]+)*$`)

func isCode(s string) bool { return code.MatchString(s) }

func join(field, name string) string {
	if field == "" || name == "" {
		return field + name
	}
	return field + "." + name
}
