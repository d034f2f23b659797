package graph

import (
	"context"
	"reflect"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/internal/fsclient"
)

// unreadable is implemented by every object of the partner's.
type unreadable interface{ Unreadable() fsclient.Fields }

// reportUnreadable runs around every field. A field whose value was in the
// partner's answer and could not be read is an error at its path, beside null
// or what is left of it, so that nobody takes it for missing. The value is what
// tells, so this holds wherever it came from: a list, a look-up, another record,
// a mutation or an event.
func reportUnreadable(ctx context.Context, next graphql.Resolver) (any, error) {
	v, err := next(ctx)
	if err != nil {
		return v, err
	}
	fc := graphql.GetFieldContext(ctx)
	if o := parentObject(ctx, fc); o != nil && o.Unreadable() != 0 && isUnreadable(o, fc.Field.Name) {
		graphql.AddError(ctx, fsclient.ErrUnreadable)
	}
	return v, nil
}

// parentObject returns the object that a field is on, nil for one that is not
// the partner's.
func parentObject(ctx context.Context, fc *graphql.FieldContext) unreadable {
	if fc.Parent == nil {
		return nil
	}
	switch result := fc.Parent.Result.(type) {
	case nil:
		return nil
	case unreadable:
		return result
	default:
		// An element of a list is a pointer into it.
		p := reflect.ValueOf(result)
		if p.Kind() != reflect.Pointer || p.Elem().Kind() != reflect.Pointer && p.Elem().Kind() != reflect.Interface || p.Elem().IsNil() {
			return nil
		}
		o, _ := p.Elem().Interface().(unreadable)
		return o
	}
}

// isUnreadable reports whether the struct field behind a field of the schema is
// among the unreadable ones. A Raw twin reads the field that it is the twin of.
func isUnreadable(o unreadable, field string) bool {
	faults := o.Unreadable()
	t := reflect.TypeOf(o).Elem()
	for _, name := range [...]string{field, strings.TrimSuffix(field, "Raw")} {
		f, ok := t.FieldByNameFunc(func(s string) bool { return strings.EqualFold(s, name) })
		if ok && len(f.Index) == 1 {
			return faults.Has(fsclient.FieldAt(f.Index[0]))
		}
	}
	return false
}
