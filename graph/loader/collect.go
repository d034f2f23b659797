package loader

import (
	"context"
	"reflect"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/graph/model"
	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// What resolvers and directives call: all of it waits for what the walker has
// started, as the writer does ([Session.Value]).

// List returns the connection of the field being resolved. parent is the object
// the field is on, nil at the root.
func List[T any](ctx context.Context, parent any) (*model.Connection[T], error) {
	return resolved[*model.Connection[T]](ctx, parent)
}

// Value returns what the operation of the field being resolved answered.
func Value[T any](ctx context.Context, parent any) (*T, error) {
	return resolved[*T](ctx, parent)
}

// Record returns the record that the field being resolved looks up by id.
func Record[T any](ctx context.Context) (*T, error) { return resolved[*T](ctx, nil) }

// Node returns the record of `node`, of whichever type.
func Node(ctx context.Context) (model.Node, error) { return resolved[model.Node](ctx, nil) }

// Nodes returns the records of `nodes` in order, null for each that there is none
// of, and null with an error for each malformed id.
func Nodes(ctx context.Context) ([]model.Node, error) {
	p, _ := sessionFrom(ctx).field(nil, graphql.GetFieldContext(ctx).Field.Field)
	found, err := p.wait(ctx)
	if err != nil {
		return nil, err
	}
	return records(ctx, found.([]nodeFound), func(i int, err error) {
		graphql.AddError(graphql.WithPathContext(ctx, graphql.NewPathWithIndex(i)), err)
	}), nil
}

// resolved returns the value of the field being resolved, the zero value for none.
func resolved[V any](ctx context.Context, parent any) (v V, err error) {
	f := graphql.GetFieldContext(ctx).Field.Field
	s := sessionFrom(ctx)
	object := reflect.TypeFor[plan.Root]()
	if parent != nil {
		object = reflect.TypeOf(parent).Elem()
	}
	got, err := s.Value(ctx, parent, &plan.Call{Field: s.ops.schema.Binding(f.ObjectDefinition, object).Field(f.Name), AST: f})
	if got == nil || err != nil {
		return v, err
	}
	return got.(V), nil
}

// Link waits for a record, or a list of records, that a field leads to, as far
// as the field's selection needs more of it than is there. Other values are
// given back as they are.
//
// A record of which the rest cannot be had stays, with its id and whatever else
// is at hand: each field that is not is an error at its own path.
func Link(ctx context.Context, v any) (any, error) {
	selected := graphql.GetFieldContext(ctx).Field.Selections
	if rec, ok := v.(fsclient.Recorder); ok {
		if reflect.ValueOf(rec).IsNil() {
			return nil, nil
		}
		link(ctx, rec, selected)
		return rec, nil
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice || !list.Type().Elem().Implements(reflect.TypeFor[fsclient.Recorder]()) {
		return v, nil
	}
	for i := range list.Len() {
		if rec := list.Index(i); !rec.IsNil() {
			at := graphql.WithFieldContext(ctx, &graphql.FieldContext{Index: &i})
			link(at, rec.Interface().(fsclient.Recorder), selected)
		}
	}
	return v, nil
}

// Detail waits until a field that list items lack is there. It fails if the
// record cannot be had any more.
func Detail(ctx context.Context, obj any) error {
	rec, ok := obj.(fsclient.Recorder)
	if !ok || pending(rec) == nil {
		return nil
	}
	s, f, t := sessionFrom(ctx), graphql.GetFieldContext(ctx).Field, reflect.TypeOf(rec).Elem()
	return s.Complete(ctx, rec, s.ops.schema.Binding(f.ObjectDefinition, t).Field(f.Name).Bit)
}

// Arrived tells the walker of a value that a resolver got by itself, the
// payload of a mutation, before it is handed to the executor. Of a record that
// was changed the answer need not hold more than the id; Arrived waits for the
// rest.
func Arrived(ctx context.Context, payload any) {
	s, field := sessionFrom(ctx), graphql.GetFieldContext(ctx).Field
	s.Arrived(field, payload)
	if s.Rounds() == 0 {
		return
	}
	v := reflect.ValueOf(payload).Elem()
	b := s.ops.schema.Binding(s.ops.schema.Types[field.Definition.Type.Name()], v.Type())
	for _, f := range graphql.CollectFields(graphql.GetOperationContext(ctx), field.Selections, b.Satisfies) {
		value := b.Value(v, f.Name)
		if !value.IsValid() {
			continue
		}
		if rec, ok := value.Interface().(fsclient.Recorder); ok && !value.IsNil() {
			link(graphql.WithFieldContext(ctx, &graphql.FieldContext{Field: f}), rec, f.Selections)
		}
	}
}

// Arrived is [Arrived] for the value of field f.
func (s *Session) Arrived(f graphql.CollectedField, payload any) {
	s.expect(0)
	s.waves.enter(0)
	defer s.waves.leave(0)
	if len(s.plan.Linked) > 0 {
		s.noteEmbedded(fsclient.Cloned(reflect.ValueOf(payload))) // the walk completes what it holds
	}
	visit{s, 1}.walkValue(reflect.ValueOf(payload), s.plan.Below(f))
}
