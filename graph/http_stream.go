package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

const boundary = "graphql"

// stream answers with a part for what is there at once and one for the rest, in
// the form of August 2022, which is Apollo Client's.
func (x *exchange) stream(ctx context.Context, exec graphql.GraphExecutor, d *deferral) {
	ctx = context.WithValue(ctx, deferralKey{}, d)
	first := x.run(ctx, exec, d.main)
	if status(first) != http.StatusOK || first.Data == nil {
		x.write(ctx, x.status(first), first)
		return
	}
	x.w.Header().Set("Content-Type", `multipart/mixed; boundary="`+boundary+`"; deferSpec=20220824`)
	x.begin(http.StatusOK)
	body := envelope(x.errors(ctx, first.Errors), first.Data, first.Extensions)
	x.part(append(body[:len(body)-1], `,"hasNext":true}`...))
	_ = http.NewResponseController(x.w).Flush() // who cannot sends all at the end

	second := x.run(ctx, exec, d.whole)
	x.part(d.rest(ctx, x, first, second))
	_, _ = x.w.Write([]byte(delimiter + "--\r\n"))
	x.o.Done(ctx, x.result)
}

func (x *exchange) part(body []byte) {
	// The client may be gone; there is nobody to tell.
	_, _ = x.w.Write(slices.Concat([]byte(delimiter+part), body))
}

// increment is what came later at one place of the answer.
type increment struct {
	Data   json.RawMessage `json:"data"`
	Path   ast.Path        `json:"path"`
	Label  string          `json:"label,omitempty"`
	Errors gqlerror.List   `json:"errors,omitempty"`
}

// rest is what the second answer has more than the first.
func (d *deferral) rest(ctx context.Context, x *exchange, first, second *graphql.Response) []byte {
	c := &comparison{labels: d.labels, fragments: d.whole.Doc.Fragments}
	c.compare(first.Data, second.Data, &shape{sets: []labelled{{SelectionSet: d.whole.Operation.SelectionSet}}}, ast.Path{})
	told := map[string]bool{}
	name := func(e *gqlerror.Error) string { return e.Path.String() + " " + e.Message }
	for _, e := range first.Errors {
		told[name(e)] = true
	}
	fresh := slices.DeleteFunc(second.Errors, func(e *gqlerror.Error) bool { return told[name(e)] })
	for _, e := range x.errors(ctx, fresh) {
		at := c.at(e.Path)
		at.Errors = append(at.Errors, e)
	}
	var b bytes.Buffer
	b.WriteByte('{')
	entry(&b, "incremental", c.found, len(c.found) > 0)
	entry(&b, "extensions", second.Extensions, len(second.Extensions) > 0)
	key(&b, "hasNext")
	b.WriteString("false}")
	return b.Bytes()
}

// comparison finds what a later answer has more than an earlier one, and by the
// document which label each part of it has.
type comparison struct {
	labels    map[*ast.InlineFragment]string
	fragments ast.FragmentDefinitionList
	found     []*increment
}

// at is the innermost increment that an error at a path belongs to.
func (c *comparison) at(path ast.Path) *increment {
	var best *increment
	for _, i := range c.found {
		if len(i.Path) <= len(path) && slices.Equal(i.Path, path[:len(i.Path)]) && (best == nil || len(i.Path) > len(best.Path)) {
			best = i
		}
	}
	if best == nil {
		best = &increment{Data: json.RawMessage("null"), Path: ast.Path{}}
		c.found = append(c.found, best)
	}
	return best
}

func (c *comparison) compare(old, fresh json.RawMessage, s *shape, path ast.Path) {
	if len(old) == 0 || len(fresh) == 0 || bytes.Equal(old, fresh) {
		return
	}
	switch {
	case old[0] == '{' && fresh[0] == '{':
		c.objects(old, fresh, s, path)
	case old[0] == '[' && fresh[0] == '[':
		var was, is []json.RawMessage
		if json.Unmarshal(old, &was) != nil || json.Unmarshal(fresh, &is) != nil {
			return
		}
		for i := range min(len(was), len(is)) {
			c.compare(was[i], is[i], s, append(path[:len(path):len(path)], ast.PathIndex(i)))
		}
	case fresh[0] == 'n': // a field that is never null failed below
		c.found = append(c.found, &increment{Data: fresh, Path: path})
	}
}

func (c *comparison) objects(old, fresh json.RawMessage, s *shape, path ast.Path) {
	var was, is map[string]json.RawMessage
	if json.Unmarshal(old, &was) != nil || json.Unmarshal(fresh, &is) != nil {
		return
	}
	c.outline(s)
	byLabel := map[string]*bytes.Buffer{}
	var labels []string
	for _, name := range s.names {
		value, has := is[name]
		if !has {
			continue
		}
		f := s.fields[name]
		if before, had := was[name]; had {
			c.compare(before, value, f, append(path[:len(path):len(path)], ast.PathName(name)))
			continue
		}
		b := byLabel[f.label]
		if b == nil {
			b = bytes.NewBufferString("{")
			byLabel[f.label] = b
			labels = append(labels, f.label)
		}
		key(b, name)
		b.Write(value)
	}
	for _, label := range labels {
		b := byLabel[label]
		b.WriteByte('}')
		c.found = append(c.found, &increment{Data: b.Bytes(), Path: path, Label: label})
	}
}

// shape is what the document selects at one place of the answer.
type shape struct {
	sets   []labelled
	label  string // of the fragment that it came with
	names  []string
	fields map[string]*shape
}

// labelled is a selection set and the label of the fragment it came with.
type labelled struct {
	ast.SelectionSet
	label string
}

// outline fills in the fields of a place.
func (c *comparison) outline(s *shape) {
	if s.fields != nil {
		return
	}
	s.fields = map[string]*shape{}
	seen := map[string]bool{}
	var visit func(set ast.SelectionSet, label string)
	visit = func(set ast.SelectionSet, label string) {
		for _, sel := range set {
			switch sel := sel.(type) {
			case *ast.Field:
				f := s.fields[sel.Alias]
				if f == nil {
					f = &shape{label: label}
					s.fields[sel.Alias] = f
					s.names = append(s.names, sel.Alias)
				}
				f.sets = append(f.sets, labelled{sel.SelectionSet, label})
			case *ast.InlineFragment:
				within := label
				if own, is := c.labels[sel]; is {
					within = own
				}
				visit(sel.SelectionSet, within)
			case *ast.FragmentSpread:
				if !seen[sel.Name] {
					seen[sel.Name] = true
					visit(c.fragments.ForName(sel.Name).SelectionSet, label)
				}
			}
		}
	}
	for _, set := range s.sets {
		visit(set.SelectionSet, set.label)
	}
}
