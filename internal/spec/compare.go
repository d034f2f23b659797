package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind says how two documents differ in something.
type Kind string

// The kinds.
const (
	New     Kind = "new"
	Gone    Kind = "gone"
	Changed Kind = "changed"
)

// Difference is one of another document to the known one.
type Difference struct {
	Kind Kind `json:"kind"`
	// Breaking says that what works today may not: a call is refused, or a field has no
	// value or one that cannot be read.
	Breaking bool `json:"breaking"`
	// Subject is an operation, or a parameter or property of one or of a component.
	Subject string `json:"subject"`
	// What has changed, "" for what is new or gone as a whole.
	What string `json:"what,omitempty"`
	// Operations are those whose parameters, bodies or answers differ in this.
	Operations []string `json:"operations"`
	// Fields are those of the GraphQL schema that stand on the operations.
	Fields []string `json:"fields,omitempty"`
}

// NonNull reports whether the GraphQL schema promises a value of a component's property.
type NonNull func(component, property string) bool

// Compare returns how other differs from known, what breaks first. nonNull may be nil.
func Compare(known, other map[string]*Operation, nonNull NonNull) []*Difference {
	c := &comparison{found: map[string]*Difference{}, nonNull: nonNull}
	marked := slices.ContainsFunc(slices.Collect(maps.Values(other)), func(o *Operation) bool { return o.Approval })
	for _, key := range slices.Sorted(maps.Keys(known)) {
		a, b := known[key], other[key]
		if b == nil {
			c.add(Gone, true, a.Method+" "+a.Path, "", a)
			continue
		}
		c.values(a, b, "parameter", a.Parameters, b.Parameters)
		c.values(a, b, "body", a.Body, b.Body)
		c.values(a, b, "answer", a.Answer, b.Answer)
		if marked && a.Approval != b.Approval {
			what := "it no longer needs commercial approval"
			if b.Approval {
				what = "it needs commercial approval"
			}
			c.add(Changed, b.Approval, a.Method+" "+a.Path, what, a)
		}
		if len(b.Scopes) > 0 && !slices.Equal(a.Scopes, b.Scopes) {
			c.add(Changed, false, a.Method+" "+a.Path, fmt.Sprintf("its scopes are %s; they were %s", list(b.Scopes), list(a.Scopes)), a)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(other)) {
		if known[key] == nil {
			c.add(New, false, other[key].Method+" "+other[key].Path, "", other[key])
		}
	}
	out := slices.Collect(maps.Values(c.found))
	slices.SortFunc(out, func(a, b *Difference) int {
		if a.Breaking != b.Breaking {
			return map[bool]int{true: -1, false: 1}[a.Breaking]
		}
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.What, b.What))
	})
	return out
}

type comparison struct {
	found   map[string]*Difference
	nonNull NonNull
}

// add notes a difference; one that several operations have in common is one.
func (c *comparison) add(kind Kind, breaking bool, subject, what string, of *Operation) {
	key := string(kind) + "\n" + subject + "\n" + what
	d := c.found[key]
	if d == nil {
		d = &Difference{Kind: kind, Subject: subject, What: what}
		c.found[key] = d
	}
	d.Breaking = d.Breaking || breaking
	name := cmp.Or(of.ID, of.Method+" "+of.Path)
	if !slices.Contains(d.Operations, name) {
		d.Operations = append(d.Operations, name)
	}
}

// values compares the parameters, or the properties of bodies or answers, of an operation.
func (c *comparison) values(a, b *Operation, place string, known, other map[string]Value) {
	sent := place != "answer"
	for _, path := range slices.Sorted(maps.Keys(known)) {
		was, is := known[path], other[path]
		subject := subjectOf(a, place, path, was)
		if _, has := other[path]; !has {
			if !missingAbove(path, known, other) {
				c.add(Gone, true, subject, "", a)
			}
			continue
		}
		if was.Type != is.Type && was.Type != "" && is.Type != "" {
			c.add(Changed, true, subject, fmt.Sprintf("its type is %s; it was %s", is.Type, was.Type), a)
		}
		if was.Nullable != is.Nullable {
			what, breaks := "it is never null", sent
			if is.Nullable {
				what, breaks = "it can be null", !sent && c.nonNull != nil && c.nonNull(was.Owner, path[strings.LastIndexByte(path, '.')+1:])
			}
			c.add(Changed, breaks, subject, what, a)
		}
		if sent && was.Required != is.Required {
			what := "it is optional"
			if is.Required {
				what = "it is required"
			}
			c.add(Changed, is.Required, subject, what, a)
		}
		c.enum(a, subject, was.Enum, is.Enum, sent)
	}
	for _, path := range slices.Sorted(maps.Keys(other)) {
		if _, has := known[path]; !has && !missingAbove(path, other, known) {
			c.add(New, sent && other[path].Required, subjectOf(a, place, path, other[path]), "", a)
		}
	}
}

// enum compares the values that there can be.
func (c *comparison) enum(a *Operation, subject string, was, is []string, sent bool) {
	if len(was) == 0 || len(is) == 0 {
		if len(was) != len(is) && sent && len(is) > 0 {
			c.add(Changed, true, subject, "it is one of "+list(is), a)
		}
		return
	}
	for _, v := range is {
		if !slices.Contains(was, v) {
			c.add(Changed, false, subject, "it can be "+short(v), a)
		}
	}
	for _, v := range was {
		if !slices.Contains(is, v) {
			c.add(Changed, sent, subject, "it is no longer "+short(v), a)
		}
	}
}

// missingAbove reports whether what a property is within is missing, too, which says it all.
func missingAbove(path string, in, from map[string]Value) bool {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '.' || path[i] == '[' {
			if _, has := in[path[:i]]; has {
				_, still := from[path[:i]]
				return !still
			}
		}
	}
	return false
}

// subjectOf names a parameter or property: by its component, if it has one.
func subjectOf(op *Operation, place, path string, v Value) string {
	if v.Owner != "" {
		return v.Owner + "." + strings.TrimSuffix(path[strings.LastIndexByte(path, '.')+1:], "[]")
	}
	return fmt.Sprintf("%s %s, %s %s", op.Method, op.Path, place, strings.TrimPrefix(path, "query "))
}

func list(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	const most = 8
	if len(values) > most {
		return strings.Join(values[:most], ", ") + fmt.Sprintf(" and %d more", len(values)-most)
	}
	return strings.Join(values, ", ")
}

func short(v string) string { return fmt.Sprintf("%.60q", v) }
