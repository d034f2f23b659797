package fsclient

import (
	"context"
	"reflect"
)

type wantedKey struct{}

// WithWanted has calls under ctx read only those fields of each struct type that wanted
// returns, ids among them; the rest of an answer is checked to be JSON and skipped. A
// record counts as holding what was skipped, so wanted must cover all that its readers
// may ask for.
func WithWanted(ctx context.Context, wanted func(reflect.Type) Fields) context.Context {
	return context.WithValue(ctx, wantedKey{}, wanted)
}

func wantedFrom(ctx context.Context) func(reflect.Type) Fields {
	wanted, _ := ctx.Value(wantedKey{}).(func(reflect.Type) Fields)
	return wanted
}

// wantingAll undoes [WithWanted], for methods that look at what they get.
func wantingAll(ctx context.Context) context.Context { return WithWanted(ctx, nil) }
