package loader

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/graph-gophers/dataloader/v7"
	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/parts"
	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/memo"
	"fsgateway/internal/stack"
)

// Session is what one operation (or event of a subscription, or root field of a mutation)
// has asked of the partner and learned from it. No two share one, nor records of callers.
type Session struct {
	ops *Operations
	ctx context.Context
	op  *graphql.OperationContext

	plan  *plan.Plan
	calls calls
	waves waves
	after int // round trips of the fields of a mutation

	embedded parts.Parts

	mu         sync.Mutex
	fields     map[fieldKey]*promise       // what the executor will come for
	hydrations map[hydrationKey]*hydration // under way
	args       map[*ast.Field]map[string]any
}

// fieldKey names one field of one object of the answer.
type fieldKey struct {
	parent any // pointer to the object, nil for the query itself
	field  *ast.Field
}

type sessionKey struct{}

// NewSession makes the session of the operation in ctx and puts it there. The sizes of
// lists are remembered from one operation to the next for each caller.
func (o *Operations) NewSession(ctx context.Context, caller string) (context.Context, *Session) {
	s := &Session{ops: o, ctx: memo.Context(ctx), op: graphql.GetOperationContext(ctx)}
	s.plan = o.schema.Of(s.op)
	if s.plan.Wanted != nil && s.op.Operation.Operation != ast.Subscription {
		s.ctx = fsclient.WithWanted(s.ctx, s.plan.Wanted)
	}
	s.waves = waves{parked: map[*recordOp]map[string]int{}, launch: func(op *recordOp, ids []string) { s.choose(op, ids, caller) }}
	if o.Wave != nil {
		s.waves.begin = func(n int) (end func()) { return o.Wave(ctx, n) }
	}
	return context.WithValue(ctx, sessionKey{}, s), s
}

// expect makes room for what about n calls bring.
func (s *Session) expect(n int) {
	s.fields, s.calls.promises = make(map[fieldKey]*promise), make(map[key]*promise, n)
	s.hydrations = make(map[hydrationKey]*hydration, n)
	s.embedded.Expect(n)
}

// Rounds returns how many round trips to the partner followed each other.
func (s *Session) Rounds() int { return s.waves.rounds() + s.after }

// Followed adds the round trips of a field of a mutation to those of the mutation.
func (s *Session) Followed(field *Session) { s.after += 1 + field.Rounds() }

// From returns the session in ctx, nil if there is none.
func From(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

func sessionFrom(ctx context.Context) *Session {
	s := From(ctx)
	if s == nil {
		panic("loader: no session in the context")
	}
	return s
}

// Calls returns the context for the calls of the session in ctx: that of its operation.
func Calls(ctx context.Context) context.Context { return sessionFrom(ctx).ctx }

// Start announces everything that the root fields of a query need, in about so many calls.
func (s *Session) Start(calls int) {
	s.expect(min(calls, 128))
	s.waves.enter(0)
	defer s.waves.leave(0)
	visit{s, 1}.announce(s.plan.Root, nil, reflect.Value{})
}

// field returns the promise of a field of an object, and whether it is new.
func (s *Session) field(parent any, f *ast.Field) (p *promise, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := fieldKey{parent, f}
	p, known := s.fields[k]
	if !known {
		p = new(promise)
		s.fields[k] = p
	}
	return p, !known
}

// fetch carries out calls for the keys in one batch. The keys are all
// there is, so the batch starts with the last of them and never by the clock.
func (s *Session) fetch(keys []key, batch func(context.Context, []key) []*dataloader.Result[any]) {
	guarded := func(ctx context.Context, keys []key) []*dataloader.Result[any] {
		results, err := safely(func() ([]*dataloader.Result[any], error) { return batch(ctx, keys), nil })
		if err != nil {
			results = make([]*dataloader.Result[any], len(keys))
			for i := range results {
				results[i] = &dataloader.Result[any]{Error: err}
			}
		}
		return results
	}
	l := dataloader.NewBatchedLoader(guarded,
		dataloader.WithCache[key, any](&dataloader.NoCache[key, any]{}),
		dataloader.WithBatchCapacity[key, any](len(keys)),
		dataloader.WithInputCapacity[key, any](len(keys)),
		dataloader.WithWait[key, any](time.Hour))
	thunks := make([]dataloader.Thunk[any], len(keys))
	for i, k := range keys {
		thunks[i] = l.Load(s.ctx, k)
	}
	go func() {
		for i, k := range keys {
			p, _ := s.calls.promise(k)
			p.resolve(thunks[i]())
		}
	}()
}

// call carries out one call, whose promise is new.
func (s *Session) call(p *promise, f func(ctx context.Context) (any, error)) {
	go func() {
		defer p.guard()
		stack.Grow()
		v, err := f(s.ctx)
		p.resolve(v, err)
	}()
}

func recordKey(op *recordOp, id string) key { return key{kind: op.name, id: fsclient.IDKey(id)} }

// record returns the promise of a whole record, and starts its call if it is the
// first to ask.
func (at visit) record(op *recordOp, id string) *promise {
	if op.sole != nil {
		return at.ownRecord(op, id)
	}
	k := recordKey(op, id)
	p, fresh := at.calls.promise(k)
	switch {
	case op.list != nil: // the planner chooses
		at.waves.park(op, k.id, at.wave, fresh)
	case fresh:
		at.call(p, func(ctx context.Context) (any, error) { return at.single(ctx, op, id) })
	}
	return p
}

// ownRecord returns the promise of the one record of its kind that the caller has,
// which has to be the one that is asked for.
func (s *Session) ownRecord(op *recordOp, id string) *promise {
	call, p := s.value(op.sole, "", nil), new(promise)
	call.then(func() {
		defer p.guard()
		own, _ := call.value.(fsclient.Recorder)
		switch {
		case call.err != nil:
			p.resolve(nil, call.err)
		case fsclient.IDKey(fsclient.IDOf(own)) != fsclient.IDKey(id):
			p.resolve(nil, &fsclient.Error{Op: op.name, Kind: fsclient.KindNotFound})
		default:
			p.resolve(own, nil)
		}
	})
	return p
}

// single fetches one record and remembers what it holds of others.
func (s *Session) single(ctx context.Context, op *recordOp, id string) (any, error) {
	r, err := op.get(ctx, id)
	if err != nil {
		return nil, err
	}
	s.noteEmbedded(reflect.ValueOf(r))
	return r, nil
}

// noteEmbedded keeps what v, an answer as it came, holds of records that links lead to, for
// other operations, too, unless it came in a list. It reports whether there was anything.
func (s *Session) noteEmbedded(v reflect.Value) (kept bool) {
	if len(s.plan.Linked) == 0 {
		return false
	}
	whole, _ := v.Interface().(fsclient.Recorder)
	fsclient.Records(v, func(r fsclient.Recorder) {
		k, news := s.embed(r)
		kept = kept || k.id != ""
		if news && whole != nil && whole != r && s.ops.Primed != nil {
			s.ops.Primed.Note(s.ctx, k.kind, k.id, r, whole)
		}
	})
	return kept
}

// embed keeps a part of an answer, and reports whether it tells anything new.
func (s *Session) embed(r fsclient.Recorder) (k key, news bool) {
	op := s.ops.records[reflect.TypeOf(r).Elem()]
	if op == nil || !s.plan.Linked[op.name] || r.Broken() {
		return k, false
	}
	k = recordKey(op, fsclient.IDOf(r))
	return k, s.embedded.Add(k.kind, k.id, r)
}

// fromEmbedded gives what has arrived of a record so far, or is known from operations before,
// if that has all that is missing.
func (s *Session) fromEmbedded(k hydrationKey) fsclient.Recorder {
	if r := s.embedded.With(k.kind, k.id, k.missing, k.node.Details); r != nil || s.ops.Primed == nil {
		return r
	}
	whole, at := s.ops.Primed.Known(s.ctx, k.kind, k.id, k.missing)
	if whole == nil {
		return nil
	}
	fsclient.Records(reflect.ValueOf(whole), func(part fsclient.Recorder) { s.embed(part) })
	found := s.embedded.With(k.kind, k.id, k.missing, k.node.Details)
	if found != nil {
		s.ops.Primed.Spared(s.ctx, at)
	}
	return found
}
