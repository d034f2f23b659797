package wire

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/wire/form"
)

const boundary = "graphql"

// stream answers with one part for what is available at once and one for the rest, in
// the form of August 2022, which is Apollo Client's.
func (x *Exchange) stream(ctx context.Context, exec graphql.GraphExecutor, d *deferral) {
	ctx = context.WithValue(ctx, deferralKey{}, d)
	defer func() {
		if d.end != nil {
			d.end()
		}
	}()
	first := x.run(ctx, exec, d.main)
	if status(first) != http.StatusOK || first.Data == nil || string(first.Data) == "null" { // to which nothing can be added
		x.write(ctx, x.Status(first), first)
		return
	}
	x.w.Header().Set("Content-Type", `multipart/mixed; boundary="`+boundary+`"; deferSpec=20220824`)
	x.begin(http.StatusOK)
	body := form.Envelope(x.Errors(ctx, first.Errors), first.Data, first.Extensions)
	x.part(append(body[:len(body)-1], `,"hasNext":true}`...))
	_ = http.NewResponseController(x.w).Flush() // who cannot sends all at the end

	second := x.run(ctx, exec, d.whole)
	x.part(d.rest(ctx, x, first, second))
	_, _ = x.w.Write([]byte(delimiter + "--\r\n"))
	x.Done(ctx, x.Result)
}

func (x *Exchange) part(body []byte) {
	// The client may be gone; there is nobody to tell.
	_, _ = x.w.Write(slices.Concat([]byte(delimiter+part), body))
}

// rest is what comes later: each deferred fragment at each place where it
// applies, whole, as the draft of August 2022 has it. Relay waits for each by its
// label and path, even if all its fields have come with the first answer.
func (d *deferral) rest(ctx context.Context, x *Exchange, first, second *graphql.Response) []byte {
	c := &collection{deferral: d}
	c.walk(first.Data, second.Data)
	told := map[string]bool{}
	name := func(e *gqlerror.Error) string { return e.Path.String() + " " + e.Message }
	for _, e := range first.Errors {
		told[name(e)] = true
	}
	fresh := slices.DeleteFunc(second.Errors, func(e *gqlerror.Error) bool { return told[name(e)] })
	for _, e := range x.Errors(ctx, fresh) {
		at := c.at(e.Path)
		at.Errors = append(at.Errors, e)
	}
	var b bytes.Buffer
	b.WriteByte('{')
	form.Entry(&b, "incremental", c.found, len(c.found) > 0)
	form.Entry(&b, "extensions", second.Extensions, len(second.Extensions) > 0)
	form.Key(&b, "hasNext")
	b.WriteString("false}")
	return b.Bytes()
}
