package apierror

import (
	"context"
	"errors"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// Present returns the presenter, which turns any error of an operation into what its
// client sees. It hands bugs to logBug, which must not print what they carry beyond
// type and place.
func Present(requestID func(context.Context) string, logBug func(context.Context, error)) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		out := &gqlerror.Error{Path: graphql.GetPath(ctx), Extensions: map[string]any{}}
		known, isGraphQL := errors.AsType[*gqlerror.Error](err)
		var argument ast.Path
		if isGraphQL {
			if known.Path != nil {
				out.Path, argument = splitArgument(ctx, known.Path)
			}
			out.Locations = known.Locations
		}
		if argument != nil {
			out.Extensions["argument"] = argument
		}
		call, isCall := errors.AsType[*fsclient.Error](err)
		input, isInput := errors.AsType[fsclient.InputError](err)
		switch {
		case isCall:
			f := faultOf(call)
			out.Message, out.Extensions["code"] = f.Message, f.Code
			describeCall(out, call)
			if call.Kind == fsclient.KindForbidden {
				describeNeeds(ctx, out)
			}
		case isInput:
			out.Message = string(input)
			out.Extensions["code"] = CodeBadUserInput
		case argument != nil: // gqlgen's own, or that of a scalar
			out.Message = known.Message
			out.Extensions["code"] = CodeBadUserInput
		case errors.Is(err, model.ErrBroken):
			out.Message = model.ErrBroken.Error()
			out.Extensions["code"] = CodeUpstreamError
		case errors.Is(err, fsclient.ErrUnreadable):
			out.Message = "The partner sent a value for this field that could not be read."
			out.Extensions["code"] = CodeUpstreamError
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			f := faults[fsclient.KindTimeout]
			out.Message, out.Extensions["code"] = f.Message, f.Code
		case isGraphQL && known.Extensions["code"] != nil:
			// Made by the parser, the validator or ourselves, for clients.
			out.Message = known.Message
			for k, v := range known.Extensions {
				out.Extensions[k] = v
			}
		case isGraphQL && known.Unwrap() == nil && len(out.Path) > 0:
			// The executor's own: a field that is never null was.
			out.Message = "The partner sent no value for a field that always has one."
			out.Extensions["code"] = CodeUpstreamError
		default:
			logBug(ctx, err)
			out.Message = internalMessage
			out.Extensions["code"] = CodeInternal
		}
		if id := requestID(ctx); id != "" {
			out.Extensions["requestId"] = id
		}
		return out
	}
}

// splitArgument parts the path of an error in a field's arguments, which gqlgen
// makes of both, into that of the field and that of the argument.
func splitArgument(ctx context.Context, path ast.Path) (field, argument ast.Path) {
	fc := graphql.GetFieldContext(ctx)
	if fc == nil || fc.Args != nil {
		return path, nil
	}
	if n := len(fc.Path()); n < len(path) && slices.Equal(path[:n], fc.Path()) {
		return path[:n:n], path[n:]
	}
	return path, nil
}

func describeCall(out *gqlerror.Error, call *fsclient.Error) {
	if call.RequestID != "" {
		out.Extensions["upstreamRequestId"] = call.RequestID
	}
	if wait := RetryAfter(call); wait > 0 {
		out.Extensions["retryAfter"] = wait
	}
	if call.Unknown {
		out.Message += " The write may have been carried out; check before you repeat it."
		out.Extensions["outcome"] = "unknown"
	}
}

// describeNeeds says what the field that was refused asks for.
func describeNeeds(ctx context.Context, out *gqlerror.Error) {
	fc := graphql.GetFieldContext(ctx)
	if fc == nil || fc.Field.Field == nil || fc.Field.Definition == nil {
		return
	}
	// A field that list items lack needs what the field that led to them needs.
	d := fc.Field.Definition.Directives.ForName("requiresScopes")
	for up := fc.Parent; d == nil && up != nil; up = up.Parent {
		if up.Field.Field != nil && up.Field.Definition != nil {
			d = up.Field.Definition.Directives.ForName("requiresScopes")
		}
	}
	if d != nil {
		var scopes [][]string
		for _, all := range d.Arguments.ForName("scopes").Value.Children {
			var one []string
			for _, scope := range all.Value.Children {
				one = append(one, scope.Value.Raw)
			}
			scopes = append(scopes, one)
		}
		out.Extensions["requiredScopes"] = scopes
		out.Message = "The token does not allow this; see requiredScopes."
	}
	if fc.Field.Definition.Directives.ForName("restricted") != nil {
		out.Extensions["restricted"] = true
		out.Message = "The token does not allow this; it requires the scopes in requiredScopes and the partner's commercial approval of the application."
	}
}
