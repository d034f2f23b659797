package loader

import (
	"context"
	"fmt"
	"reflect"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// What resolvers and directives call: all of it waits for what the walker has
// started. "Not found" becomes GraphQL's null here and nowhere else, and for
// look-ups only: a list below a record that is gone is an error.

// List gives the connection of the field being resolved. parent is the object
// the field is on, nil at the root.
func List[T any](ctx context.Context, parent any) (*model.Connection[T], error) {
	return collect[*model.Connection[T]](ctx, parent)
}

// Value gives what the operation of the field being resolved answered.
func Value[T any](ctx context.Context, parent any) (*T, error) {
	v, err := collect[*T](ctx, parent)
	if fsclient.IsNotFound(err) {
		return nil, nil
	}
	return v, err
}

// Record gives the record that the field being resolved looks up by id.
func Record[T any](ctx context.Context) (*T, error) {
	rec, err := collect[fsclient.Recorder](ctx, nil)
	if rec == nil || err != nil {
		return nil, err
	}
	whole, err := link(ctx, rec)
	if whole == nil {
		return nil, err
	}
	return any(whole).(*T), err
}

// Node gives the record of `node`, of whichever type.
func Node(ctx context.Context) (model.Node, error) {
	rec, err := collect[fsclient.Recorder](ctx, nil)
	if rec == nil || err != nil {
		return nil, err
	}
	return orNull(link(ctx, rec))
}

// Nodes gives the records of `nodes` in order, null for each there is none of.
func Nodes(ctx context.Context) ([]model.Node, error) {
	recs, err := collect[[]fsclient.Recorder](ctx, nil)
	if err != nil {
		return nil, err
	}
	out := make([]model.Node, len(recs))
	for i, rec := range recs {
		at := graphql.WithPathContext(ctx, graphql.NewPathWithIndex(i))
		if out[i], err = orNull(link(at, rec)); err != nil {
			graphql.AddError(at, err)
		}
	}
	return out, nil
}

func orNull(rec fsclient.Recorder, err error) (model.Node, error) {
	if rec == nil {
		return nil, err
	}
	return rec, err
}

func collect[V any](ctx context.Context, parent any) (v V, err error) {
	f := graphql.GetFieldContext(ctx).Field
	p, fresh := setFrom(ctx).field(parent, f.Field)
	if fresh {
		return v, fmt.Errorf("loader: %s.%s was not announced", f.ObjectDefinition.Name, f.Name)
	}
	got, err := p.wait(ctx)
	if err != nil {
		return v, err
	}
	return got.(V), nil
}

// Link waits for a record, or a list of records, that a field leads to, as far
// as the operation's selection needs more of it than is there. A record that
// does not exist is nil. Other values are given back as they are.
func Link(ctx context.Context, v any) (any, error) {
	if rec, ok := v.(fsclient.Recorder); ok {
		if reflect.ValueOf(rec).IsNil() {
			return nil, nil
		}
		whole, err := link(ctx, rec)
		if whole == nil {
			return nil, err
		}
		return whole, err
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice || !list.Type().Elem().Implements(reflect.TypeFor[fsclient.Recorder]()) {
		return v, nil
	}
	out := reflect.MakeSlice(list.Type(), list.Len(), list.Len())
	for i := range list.Len() {
		at := graphql.WithPathContext(ctx, graphql.NewPathWithIndex(i))
		whole, err := Link(at, list.Index(i).Interface())
		if err != nil {
			graphql.AddError(at, err)
		}
		if whole != nil {
			out.Index(i).Set(reflect.ValueOf(whole))
		}
	}
	return out.Interface(), nil
}

func link(ctx context.Context, rec fsclient.Recorder) (fsclient.Recorder, error) {
	h, _ := rec.Pending().(*hydration)
	if h == nil || h.details && !h.mention {
		return rec, nil
	}
	_, err := h.wait(ctx)
	switch {
	case err == nil:
		return rec, nil
	case !h.mention: // what it held stays
		graphql.AddError(ctx, err)
		return rec, nil
	case fsclient.IsNotFound(err):
		return nil, nil
	}
	return nil, err
}

// Detail waits until a field that list items lack is there. It reports whether
// it is; a record that is gone since the list was read has none, and no error.
func Detail(ctx context.Context, obj any) (bool, error) {
	rec, ok := obj.(fsclient.Recorder)
	if !ok {
		return true, nil
	}
	h, _ := rec.Pending().(*hydration)
	if h == nil {
		return true, nil
	}
	_, err := h.wait(ctx)
	if fsclient.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// Arrived tells the walker of a value that a resolver got by itself, the
// payload of a mutation, before it is handed to the executor.
func Arrived(ctx context.Context, payload any) {
	setFrom(ctx).Arrived(graphql.GetFieldContext(ctx).Field, payload)
}

// Arrived is [Arrived] for the value of field f.
func (s *Set) Arrived(f graphql.CollectedField, payload any) {
	def := s.ops.schema.Types[f.Definition.Type.Name()]
	s.waves.enter(0)
	defer s.waves.leave(0)
	s.learn(reflect.ValueOf(payload))
	s.walkValue(reflect.ValueOf(payload), s.subtree(def, f.Selections), 1)
}
