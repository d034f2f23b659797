package loader

import (
	"context"
	"reflect"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// What waits for what: the executor waits for a hydration where a link leads to its
// record and a missing field is selected (link), or at a missing @detail field itself
// (Detail); a look-up by id waits for the whole record, to know whether it exists
// (whenHere, lookedUp). The walk never waits: it goes on when a promise is kept.

// hydration is a record waiting for the rest of itself, at all places of the answer where
// it was met in the same wave, lacking the same and with the same selection.
type hydration struct {
	promise
	hydrationKey
	places []fsclient.Recorder  // guarded by the session's lock
	first  [2]fsclient.Recorder // most have no more of them
}

type hydrationKey struct {
	key
	node    *plan.Node
	missing fsclient.Fields // that are to come; all others may be read
	wave    int
}

// Missing makes it a [fsclient.Pending].
func (h *hydration) Missing() fsclient.Fields { return h.missing }

// pending returns what a record waits for, nil if it does not.
func pending(rec fsclient.Recorder) *hydration {
	h, _ := rec.Pending().(*hydration)
	return h
}

// hydrate completes a record: from what has arrived embedded elsewhere if that is enough, else
// by its own call. What it holds already is walked meanwhile, the rest when it is there.
func (at visit) hydrate(rec fsclient.Recorder, v reflect.Value, n *plan.Node, missing fsclient.Fields) {
	op := recordOf(n)
	id := fsclient.IDOf(rec)
	k := hydrationKey{recordKey(op, id), n, missing, at.wave}
	if h, _ := at.join(k, rec, false); h != nil {
		at.walkChildren(v, n, fsclient.AllFields.Without(rec.Held()))
		return
	}
	if from := at.fromEmbedded(k); from != nil {
		fsclient.Fill(rec, from, missing)
		// As if it had taken the call: whether something arrived in time to spare
		// one must not change what the planner is asked together.
		at.next().walkChildren(v, n, 0)
		return
	}
	at.walkChildren(v, n, fsclient.AllFields.Without(rec.Held()))
	h, fresh := at.join(k, rec, true)
	if !fresh {
		return
	}
	at.enter()
	whole := at.record(op, id)
	whole.then(func() {
		defer at.leave()
		defer h.guard()
		places := at.places(h)
		if whole.err == nil {
			for _, rec := range places {
				at.complete(rec, n, missing, whole.value.(fsclient.Recorder))
			}
		}
		h.resolve(whole.value, whole.err)
	})
}

// complete gives a record what it lacks and nothing else: a row is in the executor's hands
// by now, which reads the fields that do not wait.
func (at visit) complete(rec fsclient.Recorder, n *plan.Node, missing fsclient.Fields, whole fsclient.Recorder) {
	fsclient.Fill(rec, whole, missing)
	if len(n.Children) == 0 {
		return
	}
	v := reflect.ValueOf(rec).Elem()
	for _, c := range n.Children {
		if c.Bit.Without(rec.Held()) != 0 {
			at.next().walkValue(c.Value(v), c.Below)
		}
	}
}

// join has a record wait for its hydration, if there is one or it is to begin, and says if it is new.
func (s *Session) join(k hydrationKey, rec fsclient.Recorder, begin bool) (h *hydration, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, known := s.hydrations[k]
	if !known && !begin {
		return nil, false
	}
	if !known {
		h = &hydration{hydrationKey: k}
		h.places = h.first[:0]
		s.hydrations[k] = h
	}
	rec.SetPending(h)
	h.places = append(h.places, rec)
	return h, !known
}

// places returns the places of a hydration, which others cannot join any more.
func (s *Session) places(h *hydration) []fsclient.Recorder {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.hydrations, h.hydrationKey)
	return h.places
}

// lookedUp waits for a record that is asked for by its id. One that does not
// exist is nil, without an error.
func lookedUp(ctx context.Context, rec fsclient.Recorder) (fsclient.Recorder, error) {
	h := pending(rec)
	if h == nil {
		return rec, nil
	}
	switch _, err := h.wait(ctx); {
	case fsclient.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return rec, nil
}

// link waits for what is selected of one record and still to come.
func link(ctx context.Context, rec fsclient.Recorder, selected ast.SelectionSet) {
	h := pending(rec)
	if h == nil {
		return
	}
	awaited := awaitedFields(ctx, rec, h, selected)
	if len(awaited) == 0 {
		return
	}
	_, err := h.wait(ctx)
	if err == nil {
		return
	}
	for _, f := range awaited {
		at := &graphql.FieldContext{Field: f, Args: map[string]any{}}
		graphql.AddError(graphql.WithFieldContext(ctx, at), err)
	}
}

// awaitedFields are the fields that are selected of a record and still to come.
// Those marked @detail wait for themselves.
func awaitedFields(ctx context.Context, rec fsclient.Recorder, h *hydration, selected ast.SelectionSet) (awaited []graphql.CollectedField) {
	s, t := sessionFrom(ctx), reflect.TypeOf(rec).Elem()
	b := s.ops.schema.Binding(s.ops.schema.Types[t.Name()], t)
	for _, f := range graphql.CollectFields(graphql.GetOperationContext(ctx), selected, b.Satisfies) {
		bound := b.Field(f.Name)
		if h.missing.Has(bound.Bit) && !bound.Detail && !bound.Calls(s.Arguments(f.Field)) {
			awaited = append(awaited, f)
		}
	}
	return awaited
}

// whenHere runs f when what the records wait for has come or failed. Until then
// nobody reads them, so their ids become what the partner's answers call them:
// the same record is one, however it was asked for.
func whenHere(recs []fsclient.Recorder, f func()) {
	var left atomic.Int32
	left.Add(int32(len(recs)) + 1)
	done := func() {
		if left.Add(-1) == 0 {
			f()
		}
	}
	for _, rec := range recs {
		h := pending(rec)
		if h == nil {
			done()
			continue
		}
		h.then(func() {
			if whole, ok := h.value.(fsclient.Recorder); ok {
				fsclient.Respell(rec, whole)
			}
			done()
		})
	}
	done()
}
